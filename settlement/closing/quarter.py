"""Closing a quarter: gathered -> shared -> [town, civil affairs, finance sign] -> approved -> posted -> ordered -> exported -> paid.

Like a month, stage by stage, each committed with its work. Until it is posted it can be drawn up anew (:func:`redraw`); signatures count
only for exactly what was signed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Row,
    and_,
    case,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    union_all,
    update,
)
from sqlalchemy import String as Text
from sqlalchemy.sql.elements import ColumnElement

from settlement import officers
from settlement.act import Act
from settlement.closing import approving, ordering, posting, sharing
from settlement.closing.tables import (
    adjustments,
    month_closes,
    quarter_closes,
    settlement_shares,
    settlements,
    statements,
)
from settlement.db import insert_if_absent
from settlement.errors import BrokenInvariant
from settlement.outcomes import Reason, Refused
from settlement.periods import Month, Quarter
from settlement.policy import store

STAGES = ("gathered", "shared", "approved", "posted", "ordered", "exported", "paid")


def advance(act: Act, scheme_code: str, quarter: Quarter) -> str:
    """Do exactly the next stage that is the system's and return the stage reached.

    While signatures are due, or the bank's turn has come, nothing is done and the stage stays. Raises Refused(MONTHS_NOT_CLOSED),
    Refused(CLOSE_IN_ORDER), and Refused(TOTAL_CHANGED) when what was approved is no longer what stands.
    """
    officers.require(act, "quarter.draw")
    close = locked(act, scheme_code, quarter)
    if close is None:
        return _gather(act, scheme_code, quarter)
    stage = str(close.stage)
    if stage == "gathered":
        _share(act, scheme_code, quarter)
        return reach(act, scheme_code, quarter, "shared")
    if stage == "shared" and not approving.needed(act.conn, scheme_code, quarter):
        return reach(act, scheme_code, quarter, "approved")
    if stage == "approved":
        approving.require_all(act, scheme_code, quarter)
        posting.post(act, scheme_code, quarter)
        return reach(act, scheme_code, quarter, "posted")
    if stage == "posted":
        ordering.draw_up(act, scheme_code, quarter)
        reach(act, scheme_code, quarter, "ordered")
        return ordering.follow(act, scheme_code, str(quarter)) or "ordered"
    return stage


def locked(act: Act, scheme_code: str, quarter: Quarter) -> Any:
    q = quarter_closes.c
    query = select(quarter_closes).where(q.scheme_code == scheme_code, q.quarter == str(quarter))
    return act.conn.execute(query.with_for_update()).one_or_none()


def reach(act: Act, scheme_code: str, quarter: Quarter, stage: str) -> str:
    q = quarter_closes.c
    act.conn.execute(
        update(quarter_closes).where(q.scheme_code == scheme_code, q.quarter == str(quarter)).values(stage=stage)
    )
    act.audit(f"quarter.{stage}", f"quarter:{scheme_code}/{quarter}")
    return stage


def _gather(act: Act, scheme_code: str, quarter: Quarter) -> str:
    _require_order(act.conn, scheme_code, quarter)
    row = {"scheme_code": scheme_code, "quarter": str(quarter), "stage": "gathered", "started_by": act.actor.id}
    written = act.conn.execute(insert_if_absent(act.conn, quarter_closes), row | {"started_at": act.now}).rowcount
    if written:
        _take_adjustments(act, scheme_code, quarter)
        _settlements(act, scheme_code, quarter)
        act.audit("quarter.gathered", f"quarter:{scheme_code}/{quarter}")
    return str(locked(act, scheme_code, quarter).stage)


def _require_order(conn: Connection, scheme_code: str, quarter: Quarter) -> None:
    q, s = quarter_closes.c, statements.c
    missing = unclosed(conn, scheme_code, quarter)
    if missing:
        raise Refused(Reason.MONTHS_NOT_CLOSED, months=", ".join(str(month) for month in missing))
    settled = exists().where(q.scheme_code == scheme_code, q.quarter == s.quarter, q.stage.in_(STAGES[3:]))
    earlier = select(func.min(s.quarter)).where(s.scheme_code == scheme_code, s.quarter < str(quarter), ~settled)
    due = conn.execute(earlier).scalar_one_or_none()
    if due is not None:
        raise Refused(Reason.CLOSE_IN_ORDER, due=due)


def unclosed(conn: Connection, scheme_code: str, quarter: Quarter) -> list[Month]:
    """The months that the quarter still waits for.

    A scheme may begin in the middle of a quarter. Months close in order, the first one no later than the first visit, so that nothing lies in
    those before it: they count as closed.
    """
    m = month_closes.c
    stages = {
        row.month: row.stage
        for row in conn.execute(select(m.month, m.stage).where(m.scheme_code == scheme_code).order_by(m.month))
    }
    begun = min(stages, default="")
    if begun > str(quarter.months[-1]):
        return list(quarter.months)  # before the beginning there is no quarter
    return [month for month in quarter.months if str(month) >= begun and stages.get(str(month)) != "closed"]


def _take_adjustments(act: Act, scheme_code: str, quarter: Quarter) -> None:
    """Approved ones that no statement carries and no quarter has settled, from this quarter or before."""
    a = adjustments.c
    waiting = and_(
        a.scheme_code == scheme_code,
        a.kind != "void_after_close",
        a.statement_id.is_(None),
        a.quarter.is_(None),
        a.approved_by.is_not(None),
        a.origin_month <= str(quarter.months[-1]),
    )
    act.conn.execute(update(adjustments).where(waiting).values(quarter=str(quarter)))


def _settlements(act: Act, scheme_code: str, quarter: Quarter) -> None:
    s, a = statements.c, adjustments.c
    none = literal(0, BigInteger)
    own = (a.scheme_code == scheme_code, a.quarter == str(quarter), a.statement_id.is_(None))
    parts = union_all(
        select(s.provider_id, s.town, s.net_fen.label("gross_fen"), none.label("adjustments_fen")).where(
            s.scheme_code == scheme_code, s.quarter == str(quarter)
        ),
        select(a.provider_id, a.town, none, a.amount_fen).where(*own),
    ).subquery("parts")
    p = parts.c
    gross, adjusted = cast(func.sum(p.gross_fen), BigInteger), cast(func.sum(p.adjustments_fen), BigInteger)
    net = gross + adjusted
    values: dict[str, ColumnElement[Any]] = {
        "id": literal(f"{scheme_code}-{quarter}-") + cast(p.provider_id, Text) + literal("-") + p.town,
        "scheme_code": literal(scheme_code),
        "scheme_version": literal(store.in_force(act.conn, scheme_code, quarter.months[-1]).version),
        "quarter": literal(str(quarter)),
        "provider_id": p.provider_id,
        "town": p.town,
        "gross_fen": gross,
        "adjustments_fen": adjusted,
        "net_fen": net,
        "receivable_fen": case((net < 0, -net), else_=none),
    }
    rows = select(*values.values()).group_by(p.provider_id, p.town)
    act.conn.execute(insert(settlements).from_select(list(values), rows))


def of_quarter(conn: Connection, scheme_code: str, quarter: Quarter) -> list[Row[Any]]:
    s = settlements.c
    query = select(settlements).where(s.scheme_code == scheme_code, s.quarter == str(quarter))
    return list(conn.execute(query.order_by(s.town, s.provider_id)))


def _share(act: Act, scheme_code: str, quarter: Quarter) -> None:
    origins = sharing.by_origin_month(act.conn, scheme_code, quarter)
    rows: list[dict[str, Any]] = []
    for settlement in of_quarter(act.conn, scheme_code, quarter):
        by_month = origins.get((settlement.provider_id, settlement.town), {})
        groups = sharing.grouped(act.conn, scheme_code, settlement.town, by_month)
        own = sharing.share_rows(settlement.id, groups)
        if sum(row["amount_fen"] for row in own) != settlement.net_fen:
            raise BrokenInvariant(f"the shares of {settlement.id} do not sum to its net")
        rows += own
    if rows:
        act.conn.execute(insert(settlement_shares), rows)


def redraw(act: Act, scheme_code: str, quarter: Quarter) -> None:
    """Take back what was gathered, so that the next advance gathers anew (say, with a penalty approved since).

    Signatures stay on record; those whose content changes no longer count. Raises Refused(WRONG_STATE) once it is posted.
    """
    officers.require(act, "quarter.draw")
    close = locked(act, scheme_code, quarter)
    if close is None or close.stage not in STAGES[:3]:
        raise Refused(Reason.WRONG_STATE, state=close.stage if close else "—", event="redraw")
    a, s, q = adjustments.c, settlements.c, quarter_closes.c
    of_this = (s.scheme_code == scheme_code, s.quarter == str(quarter))
    ids = select(s.id).where(*of_this)
    act.conn.execute(delete(settlement_shares).where(settlement_shares.c.settlement_id.in_(ids)))
    act.conn.execute(delete(settlements).where(*of_this))
    own = and_(a.scheme_code == scheme_code, a.quarter == str(quarter), a.statement_id.is_(None))
    act.conn.execute(update(adjustments).where(own).values(quarter=None))
    act.conn.execute(delete(quarter_closes).where(q.scheme_code == scheme_code, q.quarter == str(quarter)))
    act.audit("quarter.redraw", f"quarter:{scheme_code}/{quarter}", before={"stage": close.stage})


@dataclass(frozen=True)
class Progress:
    """``waiting_for``: ``months``, ``system``, ``town:...``, ``civil_affairs``, ``finance``, ``export``, ``bank``; empty when paid."""

    stage: str | None
    waiting_for: tuple[str, ...]
    settlements: tuple[Row[Any], ...]


_NEXT = {
    None: "system",
    "gathered": "system",
    "approved": "system",
    "posted": "system",
    "ordered": "export",
    "exported": "bank",
}


def progress(conn: Connection, scheme_code: str, quarter: Quarter) -> Progress:
    q = quarter_closes.c
    stage = conn.execute(
        select(q.stage).where(q.scheme_code == scheme_code, q.quarter == str(quarter))
    ).scalar_one_or_none()
    waiting: tuple[str, ...] = (_NEXT[stage],) if stage in _NEXT else ()
    if stage == "shared":
        waiting = approving.due(conn, scheme_code, quarter) or ("system",)
    return Progress(stage, waiting, tuple(of_quarter(conn, scheme_code, quarter)))
