"""Closing a month: collected -> checked -> drawn -> verified (each town) -> confirmed (district) -> closed.

Each stage is committed with its work by the entry point, so that a crash resumes at the next one; a stage that is done is never done
again. Months close in order: what is closed stays closed, and what comes later goes onto the next month's statement.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, exists, func, select, update

from settlement import officers
from settlement.act import Act
from settlement.closing import personal, questions
from settlement.closing.drawing import Drawing
from settlement.closing.tables import month_closes, statements
from settlement.db import insert_if_absent
from settlement.ledger import books
from settlement.outcomes import Reason, Refused
from settlement.periods import Month
from settlement.policy import store
from settlement.policy.scheme import Scheme
from settlement.visits.tables import visits

STAGES = ("collected", "checked", "drawn", "verified", "confirmed", "closed")

Checks = Callable[[Act, Scheme, Month], object]
"""What is run over the month before anything is drawn up (fraud signals); it may place payment stops."""


def advance(act: Act, scheme_code: str, month: Month, checks: Checks) -> str:
    """Do exactly the next stage that is the system's, and return the stage the close has then reached.

    Where a person is needed (verify, confirm) nothing is done and the stage stays; so does 'closed'. Raises Refused(PERIOD_NOT_OVER),
    Refused(CLOSE_IN_ORDER).
    """
    officers.require(act, "month.draw")
    close = _locked(act, scheme_code, month)
    if close is None:
        return _collect(act, scheme_code, month)
    stage = str(close.stage)
    if stage == "collected":
        checks(act, store.in_force(act.conn, scheme_code, month), month)
        return _reach(act, scheme_code, month, "checked")
    if stage == "checked":
        Drawing(act, scheme_code, month).draw()
        return _reach(act, scheme_code, month, "drawn")
    if stage in ("drawn", "verified") and not _any_statement(act.conn, scheme_code, month):
        # Nothing was served and nothing is to be signed.
        return _reach(act, scheme_code, month, STAGES[STAGES.index(stage) + 1])
    if stage == "confirmed":
        return _close(act, scheme_code, month)
    return stage


def _collect(act: Act, scheme_code: str, month: Month) -> str:
    scheme = store.in_force(act.conn, scheme_code, month)
    if act.now < month.end(scheme.time_zone):
        raise Refused(Reason.PERIOD_NOT_OVER, period=month)
    _require_order(act.conn, scheme_code, month)
    row: dict[str, Any] = {
        "scheme_code": scheme_code,
        "month": str(month),
        "scheme_version": scheme.version,
        "stage": "collected",
    }
    row |= {"cut_at": act.now, "started_by": act.actor.id}
    # Two that start at once: the second waits here, then finds the first one's row.
    if act.conn.execute(insert_if_absent(act.conn, month_closes), row).rowcount:
        collected = Drawing(act, scheme_code, month).collect()
        act.audit("month.collected", f"month:{scheme_code}/{month}", after={"cut_at": act.now, "visits": collected})
    return str(_locked(act, scheme_code, month).stage)


def _require_order(conn: Connection, scheme_code: str, month: Month) -> None:
    """The month after the last one closed; for the first close, none after the earliest month with a visit."""
    m = month_closes.c
    standing = conn.execute(
        select(m.month, m.stage).where(m.scheme_code == scheme_code).order_by(m.month.desc()).limit(1)
    ).one_or_none()
    if standing is None:
        first = conn.execute(
            select(func.min(visits.c.month)).where(visits.c.scheme_code == scheme_code)
        ).scalar_one_or_none()
        if first is not None and str(month) > first:
            raise Refused(Reason.CLOSE_IN_ORDER, due=first)
        return
    due = Month.parse(standing.month)
    if standing.stage == "closed":
        due = due.next()
    if month != due:
        raise Refused(Reason.CLOSE_IN_ORDER, due=due)


def _locked(act: Act, scheme_code: str, month: Month) -> Any:
    m = month_closes.c
    query = select(month_closes).where(m.scheme_code == scheme_code, m.month == str(month))
    return act.conn.execute(query.with_for_update()).one_or_none()


def _reach(act: Act, scheme_code: str, month: Month, stage: str) -> str:
    m = month_closes.c
    closed_at = {"closed_at": act.now} if stage == "closed" else {}
    act.conn.execute(
        update(month_closes).where(m.scheme_code == scheme_code, m.month == str(month)).values(stage=stage, **closed_at)
    )
    act.audit(f"month.{stage}", f"month:{scheme_code}/{month}")
    return stage


def _of(scheme_code: str, month: Month) -> Any:
    return (statements.c.scheme_code == scheme_code) & (statements.c.month == str(month))


def _any_statement(conn: Connection, scheme_code: str, month: Month) -> bool:
    return bool(conn.execute(select(exists().where(_of(scheme_code, month)))).scalar_one())


def _close(act: Act, scheme_code: str, month: Month) -> str:
    books.lock(act)
    act.conn.execute(update(statements).where(_of(scheme_code, month)).values(status="closed"))
    personal.settle(act, scheme_code, month)
    books.close_before(act, month.end_day)
    return _reach(act, scheme_code, month, "closed")


# -- people -------------------------------------------------------------------------------------------------------------------
def verify_statement(act: Act, statement_id: str) -> None:
    """The town verifies a statement; verified already: no change. Raises Refused(NOT_FOUND), Refused(SAME_PERSON) for its drawer,
    Refused(QUESTION_OPEN) while a question of the town stands."""
    row = act.conn.execute(select(statements).where(statements.c.id == statement_id)).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what=statement_id)
    _verify(act, row.scheme_code, Month.parse(row.month), row.town, statements.c.id == statement_id)


def verify_town(act: Act, scheme_code: str, month: Month, town: str) -> int:
    """The town verifies all its statements of a month; how many it newly verified, 0 when none is due.

    Raises Refused(OUT_OF_TURN) before they are drawn, else as :func:`verify_statement`.
    """
    return _verify(act, scheme_code, month, town, _of(scheme_code, month) & (statements.c.town == town))


def _verify(act: Act, scheme_code: str, month: Month, town: str, which: ColumnElement[bool]) -> int:
    officers.require(act, "month.verify", town=town)
    close = _locked(act, scheme_code, month)
    if close is None or close.stage in STAGES[:2]:
        raise Refused(Reason.OUT_OF_TURN, who="system")
    drawn = select(statements).where(which, statements.c.status == "drawn").order_by(statements.c.id)
    due = act.conn.execute(drawn).all()
    for row in due:
        officers.require_other(act, row.drawn_by)
    questions.require_none(act.conn, statements.c.id.in_([row.id for row in due]), "town")
    signed = {"status": "verified", "verified_by": act.actor.id, "verified_at": act.now}
    for row in due:
        act.conn.execute(update(statements).where(statements.c.id == row.id).values(**signed))
        act.audit("statement.verify", f"statement:{row.id}", after={"net_fen": row.net_fen, "visits": row.visits})
    unsigned = exists().where(_of(scheme_code, month), statements.c.status == "drawn")
    if close.stage == "drawn" and not act.conn.execute(select(unsigned)).scalar_one():
        _reach(act, scheme_code, month, "verified")
    return len(due)


def confirm(act: Act, scheme_code: str, month: Month) -> str:
    """District civil affairs confirms all statements of a month; confirmed already: no change. Returns the stage.

    Raises Refused(OUT_OF_TURN) while a town has not verified, Refused(SAME_PERSON) for who drew up or verified, Refused(QUESTION_OPEN)
    while a question of the district stands.
    """
    officers.require(act, "month.confirm")
    close = _locked(act, scheme_code, month)
    if close is None or STAGES.index(close.stage) < STAGES.index("verified"):
        raise Refused(Reason.OUT_OF_TURN, who=", ".join(progress(act.conn, scheme_code, month).waiting_for))
    if close.stage != "verified":
        return str(close.stage)
    s = statements.c
    for row in act.conn.execute(select(s.drawn_by, s.verified_by).where(_of(scheme_code, month)).distinct()):
        officers.require_other(act, row.drawn_by, row.verified_by)
    questions.require_none(act.conn, _of(scheme_code, month), "civil_affairs")
    signed = {"status": "confirmed", "confirmed_by": act.actor.id, "confirmed_at": act.now}
    act.conn.execute(update(statements).where(_of(scheme_code, month)).values(**signed))
    return _reach(act, scheme_code, month, "confirmed")


# -- looking ------------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Progress:
    """``stage``: None before the start. ``waiting_for``: the people whose turn it is, ``town:...`` or ``civil_affairs``; else the system's."""

    stage: str | None
    waiting_for: tuple[str, ...]
    statements: tuple[Row[Any], ...]


def progress(conn: Connection, scheme_code: str, month: Month) -> Progress:
    m = month_closes.c
    stage = conn.execute(
        select(m.stage).where(m.scheme_code == scheme_code, m.month == str(month))
    ).scalar_one_or_none()
    query = select(statements).where(_of(scheme_code, month)).order_by(statements.c.town, statements.c.provider_id)
    rows = tuple(conn.execute(query))
    waiting: tuple[str, ...] = () if stage == "closed" else ("system",)
    if stage == "drawn" and rows:
        waiting = tuple(dict.fromkeys(f"town:{row.town}" for row in rows if row.status == "drawn"))
    elif stage == "verified" and rows:
        waiting = ("civil_affairs",)
    return Progress(stage, waiting, rows)
