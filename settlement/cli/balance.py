"""``songbai balance``: how somebody's accounts stand, or stood."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

import click

from settlement.cli.cards import local, moment_option
from settlement.cli.common import Desk, json_option, pass_desk
from settlement.ledger.standing import Standing, of_owner
from settlement.money import format_yuan
from settlement.outcomes import Reason, Refused


@click.command("balance")
@click.argument("owner")
@click.option(
    "--on", type=click.DateTime(["%Y-%m-%d"]), metavar="YYYY-MM-DD", help="当日终了 at the end of this effective day"
)
@moment_option("--known-at", "按此刻之前的记录 as it was recorded before this moment")
@json_option
@pass_desk
def balance(desk: Desk, owner: str, on: datetime | None, known_at: datetime | None, as_json: bool) -> None:
    """账户余额：现在、某日、或按当时所知 Balances of OWNER's accounts, now, on a day, or as they were known.

    OWNER: card:12, provider:3, payer:district, scheme:jiangdu, operator.
    """
    day, moment = on and on.date(), local(known_at)
    with desk.reading() as conn:
        found = of_owner(conn, owner, day, moment)
    if not found:
        raise Refused(Reason.NOT_FOUND, what=owner)
    if as_json:
        desk.show_json({"on": day, "known_at": moment, "accounts": [asdict(each) for each in found]})
        return
    headers = ["账户 account", "户主 owner", "批次 lot", "余额 balance", "单位 unit", "说明 note"]
    rows = [
        (each.code, each.owner, each.lot, *_amount(each), "" if each.amount else _why_nothing(each)) for each in found
    ]
    desk.show_table(owner, headers, rows)
    if moment is not None and moment > desk.clock():
        desk.say("所问时刻未到，以上是现在所知。", "that moment has not come: this is what is known now")


def _amount(each: Standing) -> tuple[str | int, str]:
    return (format_yuan(each.amount), "元 yuan") if each.unit == "fen" else (each.amount, each.unit)


def _why_nothing(each: Standing) -> str:
    """An empty answer says why it is empty."""
    if each.first_day is None:
        return "从未有流水 nothing ever moved"
    return f"首笔流水生效于{each.first_day} the first transfer takes effect on {each.first_day}"
