"""``songbai booking …``: service that is asked for, and what the provider answers."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime

import click

from settlement import officers
from settlement.cli.cards import moment_option
from settlement.cli.common import Desk, by_option, day_option, json_option, pass_desk
from settlement.cli.complaint import said_by_option
from settlement.cli.providers import caregiver_id, provider_id, provider_option
from settlement.periods import SHANGHAI
from settlement.visits import bookings
from settlement.visits.words import BOOKING_DECLINES, BOOKING_STATUS

items_option = click.option("--item", "items", multiple=True, help="项目编码，可多次 items of the price list")


@click.group("booking")
def booking() -> None:
    """预约服务：老人提出，服务商答复 Bookings: asked for by seniors, answered by providers."""


@booking.command("ask")
@click.argument("senior", type=int)
@items_option
@click.option("--words", default="", help="要求 what is wanted, in words")
@day_option("--on", "wished_on", "希望哪天 the day wished for", required=False)
@click.option("--provider", "code", metavar="CODE", help="指定服务商 this provider only")
@said_by_option
@by_option
@json_option
@pass_desk
def ask_command(
    desk: Desk,
    senior: int,
    items: tuple[str, ...],
    words: str,
    wished_on: date | None,
    code: str | None,
    said_by: str,
    by: str,
    as_json: bool,
) -> None:
    """代老人预约 Ask for service on a senior's behalf."""
    with desk.acting(by) as act:
        wanted = None if code is None else provider_id(act.conn, code)
        id = bookings.ask(act, senior, items, words, wished_on, said_by, provider_id=wanted)
    if as_json:
        desk.show_json({"booking_id": id})
    else:
        desk.say(f"预约编号 {id}", "the booking's number")


@booking.command("accept")
@click.argument("booking_id", type=int)
@provider_option
@moment_option("--at", "上门时间 when", required=True)
@click.option("--minutes", default=60, show_default=True, type=click.IntRange(1, 1440), help="计划时长 planned minutes")
@items_option
@click.option("--caregiver", metavar="STAFF_NO", help="工号；不填则任何人 staff number; leave out for anybody")
@by_option
@json_option
@pass_desk
def accept_command(
    desk: Desk,
    booking_id: int,
    code: str,
    at: datetime,
    minutes: int,
    items: tuple[str, ...],
    caregiver: str | None,
    by: str,
    as_json: bool,
) -> None:
    """接受预约，生成工单；没有列项目的预约须写明项目 Accept, which plans a work order; name the items where none were asked for."""
    with desk.acting(by) as act:
        ours = provider_id(act.conn, code)
        order_id = bookings.accept(
            act,
            booking_id,
            ours,
            at.replace(tzinfo=SHANGHAI),
            minutes,
            items=items,
            caregiver_id=None if caregiver is None else caregiver_id(act.conn, ours, caregiver),
        )
    if as_json:
        desk.show_json({"booking_id": booking_id, "order_id": order_id})
    else:
        desk.say(f"工单 {order_id}", "the work order")


@booking.command("decline")
@click.argument("booking_id", type=int)
@click.option("--reason", required=True, type=click.Choice(list(BOOKING_DECLINES)), help="理由 the reason")
@by_option
@json_option
@pass_desk
def decline_command(desk: Desk, booking_id: int, reason: str, by: str, as_json: bool) -> None:
    """不能安排 Decline."""
    with desk.acting(by) as act:
        bookings.decline(act, booking_id, reason)
    _ended(desk, booking_id, "declined", as_json)


@booking.command("withdraw")
@click.argument("booking_id", type=int)
@by_option
@json_option
@pass_desk
def withdraw_command(desk: Desk, booking_id: int, by: str, as_json: bool) -> None:
    """老人不要了 The senior no longer wants it."""
    with desk.acting(by) as act:
        bookings.withdraw(act, booking_id)
    _ended(desk, booking_id, "withdrawn", as_json)


def _ended(desk: Desk, booking_id: int, status: str, as_json: bool) -> None:
    if as_json:
        desk.show_json({"booking_id": booking_id, "status": status})
    else:
        desk.say(f"预约 {booking_id}：{BOOKING_STATUS[status].zh}", BOOKING_STATUS[status].en)


@booking.command("list")
@click.option(
    "--status", type=click.Choice([*BOOKING_STATUS, "all"]), default="asked", show_default=True, help="状态 status"
)
@click.option("--senior", type=int, help="只看这位老人 one senior only")
@by_option
@json_option
@pass_desk
def list_command(desk: Desk, status: str, senior: int | None, by: str, as_json: bool) -> None:
    """列出预约，最早的在前 Bookings among your own, oldest first."""
    with desk.acting(by) as act:
        officers.require(act, "booking.read")
        found = bookings.listing(
            act.conn,
            town=act.actor.town,
            provider_id=act.actor.provider_id,
            senior_id=senior,
            status=None if status == "all" else status,
        )
    if as_json:
        desk.show_json({"count": len(found), "bookings": [asdict(each) for each in found]})
        return
    headers = ["编号 no", "镇街 town", "老人 senior", "项目 items", "要求 words", "希望 wished", "状态 status"]
    rows = [
        (b.id, b.town, b.senior_id, "、".join(b.items), b.words, b.wished_on, BOOKING_STATUS[b.status].zh)
        for b in found
    ]
    desk.show_table("预约 bookings", headers, rows)
