"""``songbai issue``: a month's vouchers drafted, approved, loaded."""

from __future__ import annotations

from collections import Counter
from typing import Any

import click

from settlement import officers
from settlement.cli.close import MONTH
from settlement.cli.common import Desk, by_option, json_option, pass_desk
from settlement.cli.roster import scheme_option
from settlement.money import format_yuan
from settlement.outcomes import Reason, Refused
from settlement.periods import Month
from settlement.policy import months, store
from settlement.vouchers import issuance, preview, runs
from settlement.vouchers.runs import STATUS_WORDS, Run


@click.command("issue")
@click.option(
    "--month",
    "when",
    type=MONTH,
    required=True,
    metavar="YYYY-MM",
    help="月份 the month; a half-yearly scheme issues its half-year",
)
@click.option(
    "--draft", "step", flag_value="draft", default="draft", help="起草（默认） draw up who gets how much (default)"
)
@click.option("--approve", "step", flag_value="approve", help="镇街审批 approve, by the town, not by who drafted")
@click.option("--post", "step", flag_value="post", help="入账 load what was approved")
@click.option("--show", "step", flag_value="show", help="只查看 only look")
@click.option("--town", help="镇街 this town only; default: the officer's own, else all")
@click.option("--changes", is_flag=True, help="列出每个人的变化和原因 list each change and why")
@scheme_option
@by_option
@json_option
@pass_desk
def issue(
    desk: Desk, when: Month, step: str, town: str | None, changes: bool, scheme_code: str, by: str, as_json: bool
) -> None:
    """发放补贴：起草、审批、入账，每步可重复执行 Issue the subsidy, step by step; doing a step again changes nothing."""
    with desk.reading() as conn:
        town = town or officers.actor(conn, by).town
        period = months.issued_together(store.in_force(conn, scheme_code, when), when)
        towns = [town] if town else issuance.towns_of(conn, scheme_code, period)
        standing = [run.id for run in runs.of_period(conn, scheme_code, period[0], town)]
    if step in ("approve", "post") and not standing:
        raise Refused(Reason.NOT_FOUND, what=f"{period[0]} 发放 issuance")
    # A transaction per town: each is done or not, whatever stops us in between.
    if step == "draft":
        for each in towns:
            with desk.acting(by, unattended=True) as act:
                issuance.draft(act, scheme_code, when, each)
    for run_id in standing if step in ("approve", "post") else []:
        with desk.acting(by, unattended=True) as act:
            issuance.approve(act, run_id) if step == "approve" else issuance.post(act, run_id)
    with desk.reading() as conn:
        found = runs.of_period(conn, scheme_code, period[0], town)
        told = {run.id: runs.changes(conn, run.id) for run in found}
    if as_json:
        desk.show_json([_as_data(run, told[run.id]) for run in found])
    else:
        _show(desk, period[0], found, told, changes)


def _as_data(run: Run, changes: list[runs.Change]) -> dict[str, Any]:
    return {
        "run_id": run.id,
        "scheme": run.scheme_code,
        "version": run.scheme_version,
        "month": run.month,
        "months": run.months,
        "town": run.town,
        "status": run.status,
        "people": run.people,
        "amount": run.amount,
        "drafted_by": run.drafted_by,
        "approved_by": run.approved_by,
        "changes": [vars(change) for change in changes],
    }


def _show(desk: Desk, month: Month, found: list[Run], told: dict[str, list[runs.Change]], every: bool) -> None:
    if not found:
        desk.say("没有发放单", "no runs")
        return
    rows = [
        (
            run.town,
            "{} {}".format(*STATUS_WORDS[run.status]),
            run.people,
            format_yuan(run.amount),
            _counts(told[run.id]),
        )
        for run in found
    ]
    rows.append(("合计 total", "", sum(run.people for run in found), format_yuan(sum(run.amount for run in found)), ""))
    headers = ["镇街 town", "状态 status", "人数 people", "金额 amount", "与上月相比 changes"]
    desk.show_table(f"{month} 发放 issuance", headers, rows)
    if every and not any(told.values()):
        desk.say("与上月相比没有变化", "nothing changed since the month before")
    elif every:
        lines = [
            (
                run.town,
                c.senior_id,
                c.month,
                format_yuan(c.previous_amount),
                format_yuan(c.amount),
                " ".join(preview.words(c.change)),
            )
            for run in found
            for c in told[run.id]
        ]
        headers = ["镇街 town", "老人 senior", "月份 month", "上月 before", "本月 now", "原因 why"]
        desk.show_table("变化 changes", headers, lines)


def _counts(changes: list[runs.Change]) -> str:
    counted = Counter(" ".join(preview.words(change.change)) for change in changes)
    return "，".join(f"{what} {number}" for what, number in sorted(counted.items()))
