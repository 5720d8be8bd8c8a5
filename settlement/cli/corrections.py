"""``songbai visits correct``: correcting a visit's times; ``visits evidence``: how a visit is proved; ``visits waiting``: events that wait for others."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

import click
from sqlalchemy import Row

from settlement.cli.cards import local, moment_option
from settlement.cli.common import Desk, by_option, json_option, pass_desk
from settlement.periods import SHANGHAI
from settlement.visits import correcting, waiting
from settlement.visits import evidence as proof
from settlement.visits.correcting import Corrected, Proposal
from settlement.visits.forms import Line
from settlement.visits.words import CORRECTION_REASONS, EVIDENCE_FLAGS, VISIT_STATUS


def _said(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(SHANGHAI).isoformat(timespec="seconds")


@click.group("correct")
def correct() -> None:
    """更正服务时间：一人提出，另一人批准，原记录不变 Correct a visit's times: one proposes, another approves; what was told stays."""


class _Item(click.ParamType[Line]):
    name = "CODE[:N]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Line:
        if isinstance(value, Line):
            return value
        code, _, number = str(value).partition(":")
        if number and not number.isdecimal():
            self.fail("写作 编码 或 编码:数量  CODE or CODE:NUMBER", param, ctx)
        return Line(item=code, quantity=int(number or 1))


@correct.command("propose")
@click.argument("visit")
@moment_option("--began", "实际签到时间 when it began")
@moment_option("--ended", "实际签退时间 when it ended")
@click.option("--reason", required=True, type=click.Choice(list(CORRECTION_REASONS)), help="原因 reason")
@click.option("--note", required=True, help="依据，勿写个人信息 what it rests on; nothing personal")
@click.option(
    "--item",
    "lines",
    multiple=True,
    type=_Item(),
    help="未签退时：做了什么，可多次 of a visit never checked out: what was done",
)
@by_option
@json_option
@pass_desk
def propose_command(
    desk: Desk,
    visit: str,
    began: datetime | None,
    ended: datetime | None,
    reason: str,
    note: str,
    lines: tuple[Line, ...],
    by: str,
    as_json: bool,
) -> None:
    """提出更正（服务商或镇街） Propose: a provider's office or the town."""
    asked = Proposal(
        visit_id=visit,
        reason=reason,
        note=note,
        check_in_at=local(began),
        check_out_at=local(ended),
        lines=lines,
    )
    with desk.acting(by) as act:
        id = correcting.propose(act, asked)
    if as_json:
        desk.show_json({"correction": id, "status": "proposed"})
    else:
        desk.say(f"更正 {id} 已提出，待另一人批准", "proposed; another person approves it")


@correct.command("approve")
@click.argument("correction", type=int)
@click.option("--note", default="", help="说明 remark")
@by_option
@json_option
@pass_desk
def approve_command(desk: Desk, correction: int, note: str, by: str, as_json: bool) -> None:
    """批准（镇街或区民政局，不能是提出人） Approve: the town or the district, never who proposed it."""
    with desk.acting(by) as act:
        done = correcting.approve(act, desk.ring, correction, note)
    if as_json:
        desk.show_json(asdict(done))
    else:
        desk.say(*_outcome(done))


def _outcome(done: Corrected) -> tuple[str, str]:
    words, minutes = VISIT_STATUS[done.status], f"{done.seconds // 60}分{done.seconds % 60}秒"
    return f"更正 {done.correction_id} 已批准：{words.zh}，{minutes}", f"approved: {words.en}, {done.seconds} s"


@correct.command("reject")
@click.argument("correction", type=int)
@click.option("--note", required=True, help="理由 why")
@by_option
@json_option
@pass_desk
def reject_command(desk: Desk, correction: int, note: str, by: str, as_json: bool) -> None:
    """驳回：不作任何改动 Reject: nothing changes."""
    with desk.acting(by) as act:
        correcting.reject(act, correction, note)
    if as_json:
        desk.show_json({"correction": correction, "status": "rejected"})
    else:
        desk.say(f"更正 {correction} 已驳回", "rejected")


@correct.command("list")
@click.option("--town", help="只看这个镇街 one town only")
@click.option("--visit", help="一次服务的全部更正 every correction of a visit")
@json_option
@pass_desk
def list_command(desk: Desk, town: str | None, visit: str | None, as_json: bool) -> None:
    """列出待批准的更正 What waits for approval, oldest first."""
    with desk.reading() as conn:
        rows = [_correction(row) for row in correcting.listed(conn, town=town, visit_id=visit)]
    _show(desk, "corrections", "更正 corrections", rows, as_json)


def _correction(row: Row[Any]) -> dict[str, Any]:
    told = {"correction": row.id, "visit": row.visit_id, "town": row.town, "reason": row.reason, "note": row.note}
    told |= {"told_in": _said(row.told_in_at), "told_out": _said(row.told_out_at)}
    told |= {"in": _said(row.check_in_at), "out": _said(row.check_out_at), "items": row.lines}
    return told | {"status": row.status, "proposed_by": row.proposed_by, "decided_by": row.decided_by}


def _show(desk: Desk, name: str, title: str, rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        desk.show_json({"count": len(rows), name: rows})
    elif rows:
        desk.show_table(title, [_HEADERS[key] for key in rows[0]], [tuple(row.values()) for row in rows])
    else:
        desk.say("没有", "none")


_HEADERS = {
    "correction": "更正 correction",
    "visit": "服务 visit",
    "town": "镇街 town",
    "reason": "原因 reason",
    "note": "依据 note",
    "told_in": "记录签到 told in",
    "told_out": "记录签退 told out",
    "in": "更正签到 in",
    "out": "更正签退 out",
    "items": "项目 items",
    "status": "状态 status",
    "proposed_by": "提出 proposed",
    "decided_by": "处理 decided",
    "event": "记录 event",
    "device": "设备 device",
    "number": "序号 number",
    "kind": "种类 kind",
    "occurred": "发生 occurred",
    "received": "收到 received",
    "waits_for": "等待 waits for",
}


@click.command("evidence")
@click.argument("visit")
@json_option
@pass_desk
def evidence_command(desk: Desk, visit: str, as_json: bool) -> None:
    """一次服务的凭据：方式、精度、距离、强弱 How a visit is proved: method, accuracy, distance, grade."""
    with desk.reading() as conn:
        found = proof.of(conn, visit)
    if as_json:
        desk.show_json(asdict(found))
        return
    grade = {"strong": "强凭据", "weak": "弱凭据"}[found.grade]
    desk.say(f"服务 {visit}：{grade}", f"{found.grade} proof")
    for zh, en, end in (("签到", "in", found.begin), ("签退", "out", found.end)):
        if end is not None:
            away = "—" if end.distance_m is None else f"{end.distance_m}±{end.accuracy_m or 0} m"
            desk.say(f"  {zh}：{end.zh}，距住址 {away}", f"{en}: {end.en}, from the address {away}")
    for flag in found.flags:
        desk.say(f"  · {EVIDENCE_FLAGS[flag].zh}", EVIDENCE_FLAGS[flag].en)


@click.command("waiting")
@click.option(
    "--settle", is_flag=True, help="对已由办公室了结的服务作出处理 decide what waits for visits an office has ended"
)
@click.option("--by", metavar="NAME", help="与--settle同用：经办人 with --settle: the officer who acts")
@json_option
@pass_desk
def waiting_command(desk: Desk, settle: bool, by: str | None, as_json: bool) -> None:
    """等待同一次服务其他记录的设备记录 Events that wait for another one of their visit, longest first."""
    if settle:
        if by is None:
            raise click.UsageError("--settle: --by")
        with desk.acting(by) as act:
            ended = waiting.ended(act)
        for visit_id in ended:
            with desk.acting(by) as act:
                waiting.settle_ended(act, desk.ring, visit_id)
    with desk.reading() as conn:
        rows = [_event(each) for each in waiting.listed(conn)]
    _show(desk, "events", "等待中的记录 events that wait", rows, as_json)


def _event(each: waiting.Waiting) -> dict[str, Any]:
    row = each.event
    told = {"event": row.id, "visit": row.visit_id, "device": row.device_id, "number": row.counter, "kind": row.kind}
    return told | {
        "occurred": _said(row.occurred_at),
        "received": _said(row.received_at),
        "waits_for": each.waits_for,
    }
