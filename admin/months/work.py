"""What takes long: drafting and loading issuance, closing months and quarters. Each is done in steps that may be done again; ``path`` of the
arguments is the page to go on to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from admin.frame import tasks
from settlement.act import Act
from settlement.closing import month as months
from settlement.closing import quarter as quarters
from settlement.db import reading
from settlement.fraud.scan import scan
from settlement.money import format_yuan
from settlement.periods import Month, Quarter
from settlement.policy import months as rules_of_months
from settlement.policy import store
from settlement.spoken import chinese
from settlement.vouchers import issuance


@tasks.kind("months.draft", "起草发放", "Drafting issuance")
def draft(running: tasks.Running) -> dict[str, Any]:
    """A transaction per town: each is drafted or not, whatever stops us in between."""
    code, month = running.arguments["scheme"], Month.parse(running.arguments["month"])
    with reading(running.console.engine) as conn:
        rules = store.in_force(conn, code, month)
        period, unit = rules_of_months.issued_together(rules, month), rules.unit
        towns = [running.actor.town] if running.actor.town else issuance.towns_of(conn, code, period)
    amount = people = 0
    for number, town in enumerate(towns):
        running.tell(number, len(towns))
        with running.act() as act:
            for run in issuance.draft(act, code, month, town):
                amount, people = amount + run.amount, people + run.people
    zh, en = f"{period[0]}发放已起草：{people}人", f"{period[0]} drafted: {people} people"
    if unit == "fen":
        zh, en = f"{zh}，{format_yuan(amount)}元", f"{en}, {format_yuan(amount)} yuan"
    return {"zh": zh, "en": en, "path": running.arguments["path"]}


@tasks.kind("months.post", "发放入账", "Loading issuance")
def post(running: tasks.Running) -> dict[str, Any]:
    run_ids = running.arguments["runs"]
    people = 0
    for number, run_id in enumerate(run_ids):
        running.tell(number, len(run_ids))
        with running.act() as act:
            people += issuance.post(act, run_id).people
    return {"zh": f"已入账：{people}人", "en": f"loaded: {people} people", "path": running.arguments["path"]}


@tasks.kind("months.close", "月结", "Closing a month")
def close(running: tasks.Running) -> dict[str, Any]:
    code, month = running.arguments["scheme"], Month.parse(running.arguments["month"])
    reached = _until_it_stays(running, months.STAGES, lambda act: months.advance(act, code, month, scan))
    return {"zh": f"{month} {chinese(reached)}", "en": f"{month} is {reached}", "path": running.arguments["path"]}


@tasks.kind("months.quarter", "季度结算", "Settling a quarter")
def settle(running: tasks.Running) -> dict[str, Any]:
    code, quarter = running.arguments["scheme"], Quarter.parse(running.arguments["quarter"])
    reached = _until_it_stays(running, quarters.STAGES, lambda act: quarters.advance(act, code, quarter))
    return {"zh": f"{quarter} {chinese(reached)}", "en": f"{quarter} is {reached}", "path": running.arguments["path"]}


def _until_it_stays(running: tasks.Running, stages: tuple[str, ...], advance: Callable[[Act], str]) -> str:
    """Stage after stage, each in its own transaction, until it is done or a person's turn has come."""
    reached = None
    while True:
        with running.act() as act:
            stage = advance(act)
        running.tell(stages.index(stage) + 1, len(stages))
        if stage == reached:
            return stage
        reached = stage
