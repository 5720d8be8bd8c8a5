"""``songbai close month|quarter``, ``songbai adjust``, ``songbai outputs``: the system's stages, the signatures of people, the books as files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Connection, Row, select

from settlement.act import Act
from settlement.cli.common import Desk, by_option, json_option, pass_desk
from settlement.closing import adjusting, approving, exports
from settlement.closing import month as months
from settlement.closing import quarter as quarters
from settlement.fraud.scan import scan
from settlement.money import format_yuan, parse_yuan
from settlement.outcomes import Declined, Reason, Refused
from settlement.periods import Month, Quarter
from settlement.providers.tables import providers
from settlement.spoken import chinese

scheme_option = click.option("--scheme", "scheme_code", default="jiangdu", show_default=True, help="方案代码 scheme")


class Period(click.ParamType[Any]):
    """A month or quarter as it is written."""

    def __init__(self, kind: type[Month] | type[Quarter]) -> None:
        self.kind = kind
        self.name = kind.__name__.lower()

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return value if isinstance(value, self.kind) else self.kind.parse(value)
        except ValueError:
            written = "2026-Q3" if self.kind is Quarter else "2026-07"
            self.fail(f"“{value}”应写作 {written}  write it as {written}", param, ctx)


class Yuan(click.ParamType[int]):
    """An amount as people write it, in yuan; in fen inside."""

    name = "yuan"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return value if isinstance(value, int) else parse_yuan(value)
        except ValueError:
            self.fail(
                f"“{value}”不是金额，应为元，最多两位小数，如 12345.67  an amount in yuan, such as 12345.67", param, ctx
            )


MONTH, QUARTER = Period(Month), Period(Quarter)


def until_it_stays(desk: Desk, by: str, advance: Callable[[Act], str]) -> str:
    """Stage after stage, each in its own transaction, until it is done or a person's turn has come."""
    reached = None
    while True:
        with desk.acting(by, unattended=True) as act:
            stage = advance(act)
        if stage == reached:
            return stage
        reached = stage


@click.group("close")
def close() -> None:
    """关账 Close months and quarters."""


# -- month --------------------------------------------------------------------------------------------------------------------
@close.command("month")
@click.argument("month", type=MONTH)
@click.option("--draw", "action", flag_value="draw", help="只做到出单 the system's stages up to drawn statements")
@click.option("--verify", "action", flag_value="verify", help="镇街核实（须 --town） the town verifies its statements")
@click.option("--confirm", "action", flag_value="confirm", help="区民政局确认 district civil affairs confirms")
@click.option("--finish", "action", flag_value="finish", help="确认后关账 closes what was confirmed")
@click.option("--town", help="镇街 the town that verifies")
@scheme_option
@by_option
@json_option
@pass_desk
def close_month(
    desk: Desk, month: Month, action: str | None, town: str | None, scheme_code: str, by: str, as_json: bool
) -> None:
    """月结 Close a month. Without an option: every stage of the system's that is due, up to where a person is needed."""
    if action == "verify":
        if not town:
            raise click.UsageError("--verify 须写 --town --verify needs --town")
        with desk.acting(by) as act:
            months.verify_town(act, scheme_code, month, town)
    elif action == "confirm":
        with desk.acting(by) as act:
            months.confirm(act, scheme_code, month)
    else:
        _advance_month(desk, by, scheme_code, month, action)
    show_month(desk, scheme_code, month, as_json)


def _advance_month(desk: Desk, by: str, scheme_code: str, month: Month, action: str | None) -> None:
    if action == "finish":
        with desk.reading() as conn:
            progress = months.progress(conn, scheme_code, month)
        if progress.stage not in ("confirmed", "closed"):
            raise Refused(Reason.OUT_OF_TURN, who=", ".join(progress.waiting_for))
    last = months.STAGES.index("drawn")

    def advance(act: Act) -> str:
        stage = months.progress(act.conn, scheme_code, month).stage
        if action == "draw" and stage is not None and months.STAGES.index(stage) >= last:
            return stage
        return months.advance(act, scheme_code, month, scan)

    until_it_stays(desk, by, advance)


def show_month(desk: Desk, scheme_code: str, month: Month, as_json: bool) -> None:
    with desk.reading() as conn:
        found = months.progress(conn, scheme_code, month)
        names = _provider_names(conn)
    if as_json:
        rows = [
            {name: getattr(row, name) for name in exports.COLUMNS["statements"].split() if name != "statement_id"}
            | {"statement_id": row.id, "status": row.status}
            for row in found.statements
        ]
        told = {"scheme": scheme_code, "month": str(month), "stage": found.stage, "waiting_for": found.waiting_for}
        desk.show_json(told | {"statements": rows})
        return
    headers = (
        "月结算单 statement",
        "服务商 provider",
        "服务 visits",
        "补贴 subsidy",
        "个人 personal",
        "调整 adjust",
        "净额 net",
        "状态 status",
    )
    desk.show_table(
        f"{month} 月结算单 statements",
        headers,
        [
            (row.id, names[row.provider_id], row.visits, *map(format_yuan, _month_fen(row)), said(row.status))
            for row in found.statements
        ],
    )
    _say_next(desk, found.stage, found.waiting_for)


def _month_fen(row: Row[Any]) -> tuple[int, ...]:
    return row.subsidy_fen, row.personal_fen, row.adjustments_fen, row.net_fen


def _quarter_fen(row: Row[Any]) -> tuple[int, ...]:
    return row.gross_fen, row.adjustments_fen, row.net_fen, row.receivable_fen


def _provider_names(conn: Connection) -> dict[int, str]:
    return {row.id: f"{row.id} {row.name}" for row in conn.execute(select(providers.c.id, providers.c.name))}


def said(code: str) -> str:
    """A state in a table: Chinese, then the code."""
    return f"{chinese(code)} {code}"


def _say_next(desk: Desk, stage: str | None, waiting_for: tuple[str, ...]) -> None:
    done = chinese(stage) if stage else "未开始"
    if waiting_for:
        following = ", ".join(waiting_for)
        desk.say(f"已完成：{done}；下一步：{chinese(following)}", f"done: {stage or 'nothing'}; next: {following}")
    else:
        desk.say(f"已完成：{done}", f"done: {stage}; nothing more to do")


# -- quarter ------------------------------------------------------------------------------------------------------------------
@close.command("quarter")
@click.argument("quarter", type=QUARTER)
@click.argument("action", type=click.Choice(["run", "approve", "redraw"]), default="run")
@click.option("--as", "step", type=click.Choice(sorted(approving.STEPS)), help="以何身份签批 in which capacity")
@click.option("--town", default="", help="镇街（镇街签批时） the town, when a town signs")
@click.option(
    "--total",
    type=Yuan(),
    help="所签金额（元）；不写则显示后询问 the total signed for, in yuan; else shown and asked for",
)
@scheme_option
@by_option
@json_option
@pass_desk
def close_quarter(
    desk: Desk,
    quarter: Quarter,
    action: str,
    step: str | None,
    town: str,
    total: int | None,
    scheme_code: str,
    by: str,
    as_json: bool,
) -> None:
    """季度资金结算 Close a quarter: run (the system's stages), approve (--as, and --town for a town), redraw (before posting)."""
    if action == "approve":
        if step is None or (step == "town") != bool(town):
            raise click.UsageError(
                "approve 须写 --as，镇街签批另写 --town  approve needs --as, and --town with --as town"
            )
        signed = _asked_for(desk, scheme_code, quarter, town) if total is None else total
        with desk.acting(by) as act:
            approving.approve(act, scheme_code, quarter, step, signed, town)
    elif action == "redraw":
        with desk.acting(by) as act:
            quarters.redraw(act, scheme_code, quarter)
    else:
        until_it_stays(desk, by, lambda act: quarters.advance(act, scheme_code, quarter))
    show_quarter(desk, scheme_code, quarter, as_json)


def _asked_for(desk: Desk, scheme_code: str, quarter: Quarter, town: str) -> int:
    with desk.reading() as conn:
        total, _ = approving.content(conn, scheme_code, quarter, town)
    click.confirm(f"{quarter} {town} 合计 total {format_yuan(total)} 元 yuan. 签批 sign?", abort=True, err=True)
    return total


def show_quarter(desk: Desk, scheme_code: str, quarter: Quarter, as_json: bool) -> None:
    with desk.reading() as conn:
        found = quarters.progress(conn, scheme_code, quarter)
        names = _provider_names(conn)
        total, _ = approving.content(conn, scheme_code, quarter)
    if as_json:
        told = {"scheme": scheme_code, "quarter": str(quarter), "stage": found.stage, "total_fen": total}
        desk.show_json(
            told | {"waiting_for": found.waiting_for, "settlements": [dict(r._mapping) for r in found.settlements]}
        )
        return
    headers = ("季度结算 settlement", "服务商 provider", "月结合计 gross", "调整 adjust", "净额 net", "结转 carried")
    desk.show_table(
        f"{quarter} 季度资金结算 fund settlement",
        headers,
        [(row.id, names[row.provider_id], *map(format_yuan, _quarter_fen(row))) for row in found.settlements],
    )
    desk.say(f"合计 {format_yuan(total)} 元", "total in yuan")
    _say_next(desk, found.stage, found.waiting_for)


# -- adjustments --------------------------------------------------------------------------------------------------------------
@click.group("adjust")
def adjust() -> None:
    """调整 Differences of a closed period: voids, penalties, clawbacks, corrections."""


@adjust.command("void")
@click.argument("visit_id")
@click.option("--reason", required=True, help="废单原因代码 code of the reason")
@by_option
@pass_desk
def void(desk: Desk, visit_id: str, reason: str, by: str) -> None:
    """废单 Void a visit, on a statement or not: the senior's money goes back at once."""
    with desk.acting(by) as act:
        outcome = adjusting.void_visit(act, visit_id, reason)
        if isinstance(outcome, Declined):
            raise Refused(outcome.reason, **outcome.details)
    if isinstance(outcome, adjusting.VoidedAfterClose) and outcome.adjustment_id:
        desk.say(
            f"已废单，调整 {outcome.adjustment_id} 列入下一张结算单", "void; the next statement carries the adjustment"
        )
    else:
        desk.say("已废单", "void")


@adjust.command("propose")
@click.argument("kind", type=click.Choice(adjusting.PROPOSED))
@click.option("--provider", "provider_id", type=int, required=True, help="服务商编号 provider")
@click.option("--town", required=True, help="镇街 town")
@click.option("--month", "origin", type=MONTH, required=True, help="所属月份 the month it comes from")
@click.option(
    "--amount", type=Yuan(), required=True, help="金额（元），扣款为负 in yuan, below zero takes from the provider"
)
@click.option("--reason", required=True, help="理由 reason")
@click.option("--visit", "visit_id", help="服务编号 the visit it is about")
@scheme_option
@by_option
@pass_desk
def propose(desk: Desk, /, kind: str, amount: int, origin: Month, by: str, **facts: Any) -> None:
    """提出违约金、追回或更正 Propose a penalty, clawback or correction of the quarter."""
    with desk.acting(by) as act:
        id = adjusting.propose(act, kind, amount_fen=amount, origin_month=origin, **facts)
    desk.say(f"已提出 {id}，请由另一人批准", "proposed; another person approves it")


@adjust.command("approve")
@click.argument("adjustment_id")
@by_option
@pass_desk
def approve(desk: Desk, adjustment_id: str, by: str) -> None:
    """批准调整 Approve an adjustment that somebody else proposed."""
    with desk.acting(by) as act:
        adjusting.approve(act, adjustment_id)
    desk.say("已批准，列入下一次季度结算", "approved; the next quarter settles it")


# -- the books as files -------------------------------------------------------------------------------------------------------
@click.command("outputs")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@scheme_option
@json_option
@pass_desk
def outputs(desk: Desk, folder: Path, scheme_code: str, as_json: bool) -> None:
    """导出CSV账册 Write visits, debits, adjustments, shares, statements and settlements as CSV files."""
    with desk.reading() as conn:
        counts = exports.write(conn, folder, scheme_code)
    if as_json:
        desk.show_json({"folder": str(folder), "rows": counts})
    else:
        desk.show_table(f"已写入 written to {folder}", ("文件 file", "行数 rows"), counts.items())
