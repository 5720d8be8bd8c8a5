"""What is on record of one person, for their page. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, select

from settlement.audit import audit_rows
from settlement.cards.tables import cards, media
from settlement.messages.tables import messages
from settlement.people.tables import agents, assessments, categories, enrolment_steps, enrolments, entitlements
from settlement.periods import Month
from settlement.policy import store
from settlement.policy.scheme import Scheme
from settlement.policy.tables import schemes
from settlement.providers.tables import caregivers, providers
from settlement.supervision.tables import complaints
from settlement.visits.tables import visits, work_orders
from settlement.vouchers.tables import issuance_lines, issuance_returns, issuance_runs

SHOWN = 12
"""Rows of a kind on the page; the months back are as many."""
HISTORY = 60


@dataclass(frozen=True)
class InMonth:
    """One month of a person's subsidy, in the scheme's unit. ``entitlement``: its row, None when nothing is due; ``run_id`` and ``issued``: None
    until it was drawn up; ``taken_back`` and ``receivable``: of what fell away again."""

    month: str
    entitlement: Row[Any] | None
    run_id: str | None
    run_status: str | None
    issued: int | None
    taken_back: int
    receivable: int


def scheme_of(conn: Connection, senior_id: int, now: datetime) -> Scheme | None:
    """The scheme that concerns a person: the card's, else of the last entitlement or application, else the one that is stored first."""
    sources = (
        select(cards.c.scheme_code).where(cards.c.senior_id == senior_id),
        select(entitlements.c.scheme_code)
        .where(entitlements.c.senior_id == senior_id)
        .order_by(entitlements.c.id.desc()),
        select(enrolments.c.scheme_code).where(enrolments.c.senior_id == senior_id).order_by(enrolments.c.id.desc()),
        select(schemes.c.code).where(schemes.c.valid_from <= str(Month.of(now))).order_by(schemes.c.code),
    )
    for query in sources:
        code = conn.execute(query.limit(1)).scalar_one_or_none()
        if code is not None:
            return store.in_force(conn, code, Month.of(now))
    return None


def by_month(conn: Connection, senior_id: int, scheme_code: str, now: datetime) -> list[InMonth]:
    """A year back and the next month, the newest first; months before anything was decided are left out."""
    last = Month.of(now).next()
    span = [last.plus(-back) for back in range(SHOWN + 2)]
    e, i, r, x = entitlements.c, issuance_lines.c, issuance_runs.c, issuance_returns.c
    mine = select(entitlements).where(e.senior_id == senior_id, e.scheme_code == scheme_code)
    rows = conn.execute(mine.order_by(e.id)).all()
    standing = and_(
        x.scheme_code == i.scheme_code, x.month == i.month, x.senior_id == i.senior_id, x.undone_at.is_(None)
    )
    issued = (
        select(i.month, i.amount, i.run_id, r.status, x.taken_back, x.receivable)
        .join(issuance_runs, r.id == i.run_id)
        .outerjoin(issuance_returns, standing)
        .where(i.senior_id == senior_id, i.scheme_code == scheme_code, i.month >= str(span[-1]))
    )
    lines: dict[str, Any] = {line.month: line for line in conn.execute(issued)}
    return [found for month in span if (found := _in_month(str(month), rows, lines.get(str(month)))) is not None]


def _in_month(month: str, rows: Sequence[Row[Any]], line: Row[Any] | None) -> InMonth | None:
    held = [row for row in rows if row.from_month <= month and (row.to_month is None or row.to_month >= month)]
    if not held and line is None:
        return None
    entitlement = held[-1] if held else None
    if line is None:
        return InMonth(month, entitlement, None, None, None, 0, 0)
    return InMonth(
        month, entitlement, line.run_id, line.status, line.amount, line.taken_back or 0, line.receivable or 0
    )


def categories_of(conn: Connection, senior_id: int) -> Sequence[Row[Any]]:
    c = categories.c
    return conn.execute(select(categories).where(c.senior_id == senior_id).order_by(c.valid_from.desc(), c.id)).all()


def assessments_of(conn: Connection, senior_id: int) -> Sequence[Row[Any]]:
    a = assessments.c
    return conn.execute(
        select(assessments).where(a.senior_id == senior_id).order_by(a.assessed_on.desc(), a.id.desc())
    ).all()


def enrolments_of(conn: Connection, senior_id: int) -> list[tuple[Row[Any], Sequence[Row[Any]]]]:
    """Applications, the newest first, each with the steps that were taken."""
    n, t = enrolments.c, enrolment_steps.c
    found = conn.execute(select(enrolments).where(n.senior_id == senior_id).order_by(n.id.desc())).all()
    steps = conn.execute(
        select(enrolment_steps).where(t.enrolment_id.in_([row.id for row in found])).order_by(t.id)
    ).all()
    return [(row, [step for step in steps if step.enrolment_id == row.id]) for row in found]


def media_of(conn: Connection, card_id: int) -> Sequence[Row[Any]]:
    m = media.c
    return conn.execute(select(media).where(m.card_id == card_id).order_by(m.issue.desc()).limit(SHOWN)).all()


def visits_of(conn: Connection, senior_id: int) -> Sequence[Row[Any]]:
    """The last visits with who came."""
    v = visits.c
    return conn.execute(
        select(v.id, v.check_in_at, v.seconds, v.status, v.void_reason, v.month)
        .add_columns(caregivers.c.name.label("caregiver"), providers.c.name.label("provider"))
        .join(caregivers, caregivers.c.id == v.caregiver_id)
        .join(providers, providers.c.id == v.provider_id)
        .where(v.senior_id == senior_id)
        .order_by(v.check_in_at.desc())
        .limit(SHOWN)
    ).all()


def planned_of(conn: Connection, senior_id: int) -> Sequence[Any]:
    o = work_orders.c
    return conn.execute(
        select(o.id, o.planned_start, o.planned_minutes, o.town, providers.c.name.label("provider"))
        .join(providers, providers.c.id == o.provider_id)
        .where(o.senior_id == senior_id, o.status == "planned")
        .order_by(o.planned_start)
        .limit(SHOWN)
    ).all()


def complaints_of(conn: Connection, senior_id: int) -> Sequence[Row[Any]]:
    c = complaints.c
    return conn.execute(select(complaints).where(c.senior_id == senior_id).order_by(c.id.desc()).limit(SHOWN)).all()


def messages_of(conn: Connection, senior_id: int) -> Sequence[Any]:
    """Without text and telephone."""
    m = messages.c
    columns = (m.id, m.kind, m.channel, m.status, m.created_at, m.recipient)
    return conn.execute(
        select(*columns).where(m.senior_id == senior_id).order_by(m.created_at.desc()).limit(SHOWN)
    ).all()


def history_of(conn: Connection, senior_id: int, card_id: int | None) -> Sequence[Row[Any]]:
    """What was done about this person alone, the newest first. What was done to many at once stands under their numbers, from first to last."""
    enrolled = conn.execute(select(enrolments.c.id).where(enrolments.c.senior_id == senior_id)).scalars()
    appointed = conn.execute(select(agents.c.id).where(agents.c.senior_id == senior_id)).scalars()
    subjects = [f"senior:{senior_id}", *(f"enrolment:{id}" for id in enrolled), *(f"agent:{id}" for id in appointed)]
    if card_id is not None:
        subjects.append(f"card:{card_id}")
    a = audit_rows.c
    return conn.execute(select(audit_rows).where(a.subject.in_(subjects)).order_by(a.id.desc()).limit(HISTORY)).all()
