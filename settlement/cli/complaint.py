"""``songbai complaint …``: what seniors say is not true; taken down for them, and decided by somebody else."""

from __future__ import annotations

from dataclasses import asdict

import click

from settlement import officers
from settlement.cli.common import Desk, by_option, json_option, pass_desk
from settlement.closing.adjusting import void_visit
from settlement.people.scope import SPEAKERS
from settlement.supervision import complaints
from settlement.supervision.complaints import KINDS, OUTCOMES, REMEDIES, STATUS

said_by_option = click.option(
    "--said-by", type=click.Choice(list(SPEAKERS)), default="senior", show_default=True, help="谁说的 who says so"
)


@click.group("complaint")
def complaint() -> None:
    """投诉：不是本人、没有来、金额不对… Complaints: not me, nobody came, a wrong amount …"""


@complaint.command("open")
@click.argument("senior", type=int)
@click.option("--subject", required=True, help="debit:编号、visit:编号 或 service what it is about")
@click.option("--kind", required=True, type=click.Choice(list(KINDS)), help="种类 kind")
@click.option("--words", default="", help="原话 what was said")
@said_by_option
@by_option
@json_option
@pass_desk
def open_command(
    desk: Desk, senior: int, subject: str, kind: str, words: str, said_by: str, by: str, as_json: bool
) -> None:
    """代老人登记投诉；有争议的服务暂缓支付 Take a complaint down; a disputed visit is kept out of payment."""
    with desk.acting(by) as act:
        id = complaints.open_(act, senior, subject, kind, words, said_by)
    if as_json:
        desk.show_json({"complaint_id": id})
    else:
        desk.say(f"投诉编号 {id}", "the complaint's number")


@complaint.command("decide")
@click.argument("complaint_id", type=int)
@click.argument("outcome", type=click.Choice(OUTCOMES))
@click.option("--why", required=True, help="理由 the reason")
@by_option
@json_option
@pass_desk
def decide_command(desk: Desk, complaint_id: int, outcome: str, why: str, by: str, as_json: bool) -> None:
    """核实后办结（登记人以外的人）：属实的，退回金额 Decide, as somebody else than who took it down; what is right is put right."""
    with desk.acting(by) as act:
        remedy = complaints.decide(act, complaint_id, outcome, why, void=void_visit)
    if as_json:
        desk.show_json({"complaint_id": complaint_id, "status": outcome, "remedy": remedy})
        return
    zh, en = REMEDIES[remedy]
    status_zh, status_en = STATUS[outcome]
    desk.say(f"{status_zh}。{zh}" if zh else status_zh, f"{status_en}. {en}" if en else status_en)


@complaint.command("list")
@click.option("--status", type=click.Choice([*STATUS, "all"]), default="open", show_default=True, help="状态 status")
@click.option("--senior", type=int, help="只看这位老人 one senior only")
@by_option
@json_option
@pass_desk
def list_command(desk: Desk, status: str, senior: int | None, by: str, as_json: bool) -> None:
    """列出投诉，最早的在前（镇街只见本镇街，服务商只见本单位） Complaints among your own, oldest first."""
    with desk.acting(by) as act:
        officers.require(act, "complaint.read")
        found = complaints.listing(
            act.conn,
            town=act.actor.town,
            provider_id=act.actor.provider_id,
            senior_id=senior,
            status=None if status == "all" else status,
        )
    if as_json:
        desk.show_json({"count": len(found), "complaints": [asdict(each) for each in found]})
        return
    headers = ["编号 no", "老人 senior", "事项 subject", "种类 kind", "原话 words", "时间 when", "状态 status"]
    rows = [
        (c.id, c.senior_id, c.subject, KINDS[c.kind].zh, c.words, f"{c.opened_at:%Y-%m-%d}", STATUS[c.status][0])
        for c in found
    ]
    desk.show_table("投诉 complaints", headers, rows)
