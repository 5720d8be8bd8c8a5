"""What waits for whom: every kind of thing that somebody has to take a step with, how many there are, and since when the oldest waits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, select

from settlement.closing.tables import adjustments, month_closes, payment_orders, statements
from settlement.people.tables import enrolment_steps, enrolments, seniors
from settlement.policy.scheme import Scheme
from settlement.providers.tables import contract_proposals, tender_awards
from settlement.supervision.tables import complaints
from settlement.visits import quarantine
from settlement.visits.tables import bookings, payment_stops, visit_corrections, visits
from settlement.vouchers.tables import issuance_runs


@dataclass(frozen=True)
class Waits:
    """``what``: a code of :data:`WHAT`, or ``step:CODE`` of the scheme's enrolment steps; ``role``: whose turn it is."""

    what: str
    role: str
    town: str | None
    number: int
    since: datetime | None


WHAT: dict[str, tuple[str, str, str]] = {
    # code: whose turn, Chinese, English
    "run_approve": ("town", "发放单待批准", "issuance runs to approve"),
    "run_post": ("town", "发放单待入账", "issuance runs to post"),
    "verify": ("town", "月结算单待镇核实", "statements to verify"),
    "confirm": ("civil_affairs", "月结算单待区确认", "statements to confirm"),
    "adjustment": ("civil_affairs", "调整待批准", "adjustments to approve"),
    "stop": ("town", "暂缓支付待决定", "payment stops to decide"),
    "correction": ("town", "时间更正待批准", "corrections to decide"),
    "quarantine": ("town", "记录待核定", "records in quarantine"),
    "complaint": ("town", "投诉待处理", "complaints to decide"),
    "booking": ("provider", "预约待答复", "bookings to answer"),
    "contract": ("civil_affairs", "合同待批准", "contracts to approve"),
    "order": ("district_finance", "付款单待导出", "payment orders to export"),
    "returned": ("district_finance", "退回的付款单", "payment orders that came back"),
}


def waiting(conn: Connection, scheme: Scheme, town: str | None = None) -> list[Waits]:
    """Everything of a town, or of the district with each town by itself; nothing where nothing waits."""
    found = [
        Waits(code, WHAT[code][0], row[0], int(row[1]), row[2])
        for code, (place, since, condition, source) in _sources().items()
        for row in conn.execute(_counted(place, since, condition, source, town))
    ]
    return [*_steps(conn, scheme, town), *found, *_kept(conn, town)]


def _kept(conn: Connection, town: str | None) -> list[Waits]:
    """Records in quarantine: whose they are is not always said by a visit. The oldest comes first."""
    rows = quarantine.waiting(conn)
    whose = quarantine.towns(conn, rows)
    found: dict[str | None, list[Any]] = {}
    for row in rows:
        found.setdefault(whose[row.id], []).append(row)
    role = WHAT["quarantine"][0]
    places = sorted(found, key=str) if town is None else [town] if town in found else []
    return [Waits("quarantine", role, place, len(found[place]), found[place][0].received_at) for place in places]


def _sources() -> dict[str, tuple[ColumnElement[Any], ColumnElement[Any], ColumnElement[bool], Any]]:
    """By code: the town's column, since when, what is due, from where."""
    r, s, a, o, p = (t.c for t in (issuance_runs, statements, adjustments, payment_orders, payment_stops))
    c, v, w, b = (t.c for t in (visit_corrections, visits, complaints, bookings))
    stage = month_closes.c
    closing = and_(stage.scheme_code == s.scheme_code, stage.month == s.month)
    of_visit, proposal = payment_stops.join(visits, v.id == p.visit_id), contract_proposals.c
    award = contract_proposals.join(tender_awards, tender_awards.c.id == proposal.award_id)
    return {
        "run_approve": (r.town, r.drafted_at, r.status == "drafted", issuance_runs),
        "run_post": (r.town, r.approved_at, r.status == "approved", issuance_runs),
        "verify": (s.town, s.drawn_at, s.status == "drawn", statements),
        "confirm": (
            s.town,
            s.verified_at,
            and_(s.status == "verified", stage.stage == "verified"),
            statements.join(month_closes, closing),
        ),
        "adjustment": (a.town, a.proposed_at, and_(a.approved_by.is_(None), a.kind != "carried"), adjustments),
        "stop": (v.town, p.placed_at, p.status == "open", of_visit),
        "correction": (
            v.town,
            c.proposed_at,
            c.status == "proposed",
            visit_corrections.join(visits, v.id == c.visit_id),
        ),
        "complaint": (w.town, w.opened_at, w.status == "open", complaints),
        "booking": (b.town, b.asked_at, b.status == "asked", bookings),
        "contract": (tender_awards.c.town, proposal.proposed_at, proposal.status == "proposed", award),
        "order": (o.town, o.status_at, o.status == "drafted", payment_orders),
        "returned": (o.town, o.status_at, o.status == "returned", payment_orders),
    }


def _counted(
    place: ColumnElement[Any], since: ColumnElement[Any], condition: ColumnElement[bool], source: Any, town: str | None
) -> Any:
    query = select(place, func.count(), func.min(since)).select_from(source).where(condition).group_by(place)
    return query.order_by(place) if town is None else query.where(place == town)


def _steps(conn: Connection, scheme: Scheme, town: str | None) -> list[Waits]:
    """Enrolments by the step that is due; since the last step was taken, or the day of application."""
    e, s, p = enrolments.c, enrolment_steps.c, seniors.c
    last = select(func.max(s.at)).where(s.enrolment_id == e.id).correlate(enrolments).scalar_subquery()
    query = (
        select(e.step, p.town, func.count(), func.min(last))
        .join(seniors, p.id == e.senior_id)
        .where(e.scheme_code == scheme.code, e.step.not_in(("done", "refused")))
        .group_by(e.step, p.town)
        .order_by(e.step, p.town)
    )
    if town is not None:
        query = query.where(p.town == town)
    roles = {step.code: step.role for step in scheme.enrolment.steps}
    return [Waits(f"step:{row[0]}", roles.get(row[0], ""), row[1], int(row[2]), row[3]) for row in conn.execute(query)]
