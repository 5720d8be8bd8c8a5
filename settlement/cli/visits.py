"""``songbai quarantine``: decide about events that wait for a second person; ``songbai visits``: what is owed and not yet given."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

import click
from sqlalchemy import Row

from settlement.cli.cards import moment_option
from settlement.cli.close import MONTH
from settlement.cli.common import Desk, by_option, json_option, pass_desk
from settlement.cli.providers import caregiver_id, provider_id, provider_option
from settlement.periods import SHANGHAI, Month
from settlement.policy import store
from settlement.visits import compliance, orders
from settlement.visits import quarantine as waiting_room
from settlement.visits.door import EventOutcome


@click.group("quarantine")
def quarantine() -> None:
    """待核定的设备记录：设备停用前后签名的、过久才上传的 Events that wait for a second person: of revoked devices, or too old."""


@quarantine.command("list")
@json_option
@pass_desk
def list_command(desk: Desk, as_json: bool) -> None:
    """列出待核定的记录 What waits for a decision, oldest first."""
    with desk.reading() as conn:
        rows = [_shown(row) for row in waiting_room.waiting(conn)]
    if as_json:
        desk.show_json({"count": len(rows), "events": rows})
    elif rows:
        headers = [
            "记录 event",
            "设备 device",
            "序号 number",
            "种类 kind",
            "发生 occurred",
            "收到 received",
            "原因 reason",
        ]
        desk.show_table("待核定 quarantine", headers, [tuple(row.values()) for row in rows])
    else:
        desk.say("没有待核定的记录", "nothing waits for a decision")


def _shown(row: Row[Any]) -> dict[str, Any]:
    def local(moment: Any) -> str:
        return str(moment.astimezone(SHANGHAI).isoformat(timespec="seconds"))

    told = {"event": row.id, "device": row.device_id, "number": row.counter, "kind": row.kind}
    return told | {"occurred": local(row.occurred_at), "received": local(row.received_at), "reason": row.reason}


why_option = click.option("--why", required=True, help="理由 why")


@quarantine.command("release")
@click.argument("event")
@why_option
@by_option
@json_option
@pass_desk
def release_command(desk: Desk, event: str, why: str, by: str, as_json: bool) -> None:
    """认可：按迟到记录的规则办理 Let it count, by the rules for late events; it may still be declined."""
    with desk.acting(by) as act:
        outcome = waiting_room.release(act, desk.ring, event, why)
    _tell(desk, outcome, as_json)


@quarantine.command("reject")
@click.argument("event")
@why_option
@by_option
@json_option
@pass_desk
def reject_command(desk: Desk, event: str, why: str, by: str, as_json: bool) -> None:
    """不予认可：记录保留，不办理 Do not let it count; it stays on record."""
    with desk.acting(by) as act:
        outcome = waiting_room.reject(act, desk.ring, event, why)
    _tell(desk, outcome, as_json)


def _tell(desk: Desk, outcome: EventOutcome, as_json: bool) -> None:
    reason = outcome.reason.code if outcome.reason else None
    if as_json:
        desk.show_json(
            {"event": outcome.event_id, "status": outcome.status, "reason": reason, "result": outcome.result}
        )
    else:
        words = {"released": "已办理", "waiting": "已认可，等待该次服务的前一条记录", "declined": "已认可，但未能办理"}
        zh = words.get(outcome.status, "不予认可")
        desk.say(f"{zh}（{reason}）" if reason else zh, outcome.status)


@click.group("visits")
def visits() -> None:
    """派工单；还欠的服务次数 Planning visits; visits owed."""


@visits.command("plan")
@provider_option
@click.option("--senior", "senior_id", type=int, required=True, help="老人编号 the senior's number")
@moment_option("--at", "上门时间 when", required=True)
@click.option("--item", "items", multiple=True, required=True, help="项目编码，可多次 items of the price list")
@click.option("--minutes", default=60, show_default=True, type=click.IntRange(1, 1440), help="计划时长 planned minutes")
@click.option("--caregiver", metavar="STAFF_NO", help="工号；不填则任何人 staff number; leave out for anybody")
@by_option
@json_option
@pass_desk
def plan_command(
    desk: Desk,
    code: str,
    senior_id: int,
    at: datetime,
    items: tuple[str, ...],
    minutes: int,
    caregiver: str | None,
    by: str,
    as_json: bool,
) -> None:
    """派一张工单；同样的再派一次没有变化 Plan a visit, which the device then sees; the same again changes nothing."""
    start = at.replace(tzinfo=SHANGHAI)
    with desk.acting(by) as act:
        ours = provider_id(act.conn, code)
        order = orders.Plan(
            id=f"o-{start:%Y%m%d%H%M}-{ours}-{senior_id}",
            provider_id=ours,
            senior_id=senior_id,
            planned_start=start,
            planned_minutes=minutes,
            items=items,
            caregiver_id=None if caregiver is None else caregiver_id(act.conn, ours, caregiver),
        )
        orders.plan(act, order)
    if as_json:
        desk.show_json({"order_id": order.id})
    else:
        desk.say(f"工单 {order.id}", "the work order")


@visits.command("owed")
@click.option("--month", type=MONTH, required=True, help="月份，如2026-07 the month")
@click.option("--town", help="只看这个镇街 one town only")
@click.option("--scheme", "scheme_code", default="jiangdu", show_default=True, help="方案代码 scheme")
@json_option
@pass_desk
def owed_command(desk: Desk, month: Month, town: str | None, scheme_code: str, as_json: bool) -> None:
    """一个月里还欠的服务次数（次月可补） Who still misses visits of a month; the next may make up for it."""
    with desk.reading() as conn:
        found = compliance.frequency(conn, store.in_force(conn, scheme_code, month), month, town)
    if as_json:
        desk.show_json(
            {"month": str(month), "count": len(found), "seniors": [asdict(f) | {"missing": f.missing} for f in found]}
        )
        return
    if not found:
        desk.say(f"{month} 没有欠的服务", "nobody misses a visit")
        return
    headers = ["镇街 town", "老人 senior", "类别 group", "应有 owed", "已有 given", "补做 made up", "还欠 missing"]
    rows = [(f.town, f.senior_id, f.group_code, f.required, f.done, f.made_up, f.missing) for f in found]
    desk.show_table(f"还欠的服务 visits owed · {month}", headers, rows)
