"""``songbai fraud``: run the signals, look at what they found, decide the payment stops."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import asdict
from typing import Any

import click

from settlement.act import SYSTEM
from settlement.cli.close import MONTH
from settlement.cli.common import FINDINGS, Desk, by_option, json_option, pass_desk
from settlement.fraud import deciding, scan
from settlement.fraud.scan import Found
from settlement.periods import Month
from settlement.policy import store

STOPS = {"open": "暂缓 stopped", "released": "已放行 released", "upheld": "已认定 upheld", None: "提示 flag"}


@click.group("fraud")
def fraud() -> None:
    """付款前核查：信号、暂缓支付、放行或认定 Checks before payment: signals, payment stops, decisions."""


scheme_option = click.option("--scheme", "scheme_code", default="jiangdu", show_default=True, help="方案代码 scheme")


@fraud.command("scan")
@click.option("--month", type=MONTH, required=True, help="月份，如2026-07 the month")
@scheme_option
@click.option("--by", default=SYSTEM.id, show_default=True, metavar="NAME", help="经办人登录名 who runs it")
@json_option
@pass_desk
def scan_command(desk: Desk, month: Month, scheme_code: str, by: str, as_json: bool) -> None:
    """核查一个月的全部服务；重复运行不重复记录 Run every signal over a month; running it again adds nothing. Exit code 1: something was found."""
    with desk.acting(by, unattended=True) as act:
        scheme = store.in_force(act.conn, scheme_code, month)
        findings = scan.scan(act, scheme, month)
    names = {signal.code: (signal.name_zh, signal.name_en) for signal in scheme.fraud.signals}
    per_signal = Counter(finding.signal for finding in findings)
    if as_json:
        told = {"scheme": scheme.code, "version": scheme.version, "month": str(month), "count": len(findings)}
        stopped = {finding.visit_id for finding in findings if finding.stop == "open"}
        desk.show_json(told | {"stopped_visits": len(stopped), "by_signal": per_signal, "findings": _as_data(findings)})
    else:
        rows = [(code, *names[code], number) for code, number in per_signal.most_common()]
        desk.show_table(
            f"付款前核查 checks before payment · {month}", ["信号 signal", "名称 name", "", "服务 visits"], rows
        )
        _show(desk, findings)
    if findings:
        sys.exit(FINDINGS)


@fraud.command("list")
@click.option(
    "--month",
    type=MONTH,
    help="只看这个月核查的全部结果 everything found in this month's scan; without it: what waits for a decision",
)
@scheme_option
@json_option
@pass_desk
def list_command(desk: Desk, month: Month | None, scheme_code: str, as_json: bool) -> None:
    """等待决定的暂缓支付，或某月的全部核查结果 Payment stops that wait for a decision, or all that a month's scan found."""
    with desk.reading() as conn:
        findings = scan.waiting(conn) if month is None else scan.found(conn, scheme_code, month)
        said = scan.said_by_people(conn) if month is None else []
    if as_json:
        people = [row._asdict() | {"placed_at": row.placed_at.isoformat()} for row in said]
        desk.show_json({"count": len(findings), "findings": _as_data(findings), "said_by_people": people})
        return
    if findings:
        _show(desk, findings)
    if said:
        headers = ["服务 visit", "镇街 town", "服务商 provider", "来由 source"]
        rows = [(row.visit_id, row.town, str(row.provider_id), _source(row.source)) for row in said]
        desk.show_table("有人提出的 said by people", headers, rows)
    if not findings and not said:
        desk.say("没有等待决定的暂缓支付", "no payment stop waits for a decision")


def _source(source: str) -> str:
    kind, _, number = source.partition(":")
    return (
        f"投诉 {number} complaint" if kind == "complaint" else "老人或代理人否认扣款 a debit denied by holder or agent"
    )


def _as_data(findings: list[Found]) -> list[dict[str, Any]]:
    return [asdict(each) | {"found_at": each.found_at.isoformat(), "zh": each.zh, "en": each.en} for each in findings]


def _show(desk: Desk, findings: list[Found]) -> None:
    headers = ["服务 visit", "镇街 town", "服务商 provider", "情况 what", "出处 source", "状态 state"]
    rows = [
        (each.visit_id, each.town, str(each.provider_id), f"{each.zh}\n{each.en}", each.source, STOPS[each.stop])
        for each in findings
    ]
    desk.show_table("核查结果 findings", headers, rows)


reason_option = click.option("--reason", required=True, help="决定的理由 why")


@fraud.command("release")
@click.argument("visit")
@reason_option
@by_option
@json_option
@pass_desk
def release_command(desk: Desk, visit: str, reason: str, by: str, as_json: bool) -> None:
    """放行：下一张月结算单付款 Release a visit: the next statement pays it."""
    with desk.acting(by) as act:
        signals = deciding.release(act, visit, reason)
    _told(desk, as_json, visit, "released", signals, "已放行，列入下一张月结算单", "released: on the next statement")


@fraud.command("uphold")
@click.argument("visit")
@reason_option
@by_option
@json_option
@pass_desk
def uphold_command(desk: Desk, visit: str, reason: str, by: str, as_json: bool) -> None:
    """认定：该次服务作废，款项退回 Uphold: the visit is void and the money goes back."""
    with desk.acting(by) as act:
        signals = deciding.uphold(act, visit, reason)
    _told(desk, as_json, visit, "upheld", signals, "已认定并作废，款项退回", "upheld: void, the money went back")


def _told(desk: Desk, as_json: bool, visit: str, decision: str, signals: list[str], zh: str, en: str) -> None:
    if as_json:
        desk.show_json({"visit_id": visit, "decision": decision, "signals": signals})
    else:
        desk.say(f"{visit} {zh}（{'、'.join(signals)}）", f"{en} ({', '.join(signals)})")
