"""A caregiver's own month: visits, time, what was void and why. Reads only."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, case, func, select

from settlement.people.tables import seniors
from settlement.periods import SHANGHAI, Month
from settlement.visits.signed_event import moment
from settlement.visits.tables import debits, visit_lines, visits, work_orders
from settlement.visits.words import VISIT_STATUS, VOID_REASONS

COUNTS = ("served", "paid")
TAKEN_BACK = "cancelled"
"""Of ``words.VOID_REASONS``."""


def of(conn: Connection, caregiver_id: int, month: Month) -> dict[str, Any]:
    """``orders``: planned for the month and not taken back; ``visits``, ``seconds``, ``total_fen``: of those that count; ``void``: how many do not;
    ``list``: every visit, in the order of their check-ins. A check-in that was taken back was none."""
    listed = [_told(row) for row in _visits(conn, caregiver_id, month)]
    counted = [one for one in listed if one["status"] in COUNTS]
    return {
        "month": str(month),
        "orders": _orders(conn, caregiver_id, month),
        "visits": len(counted),
        "seconds": sum(one["seconds"] or 0 for one in counted),
        "total_fen": sum(one["total_fen"] for one in counted),
        "void": sum(one["status"] == "void" for one in listed),
        "list": listed,
    }


def _visits(conn: Connection, caregiver_id: int, month: Month) -> Any:
    v, line, d = visits.c, visit_lines.c, debits.c
    total = select(func.coalesce(func.sum(line.amount_fen), 0)).where(line.visit_id == v.id).scalar_subquery()
    debited = select(func.count()).where(d.visit_id == v.id, d.status == "posted").scalar_subquery()
    return conn.execute(
        select(v.id, v.order_id, v.check_in_at, v.seconds, v.status, v.void_reason, seniors.c.name)
        .add_columns(total.label("total_fen"), debited.label("debited"))
        .join(seniors, seniors.c.id == v.senior_id)
        .where(v.caregiver_id == caregiver_id, v.month == str(month))
        .where(v.void_reason.is_distinct_from(TAKEN_BACK))
        .order_by(v.check_in_at, v.id)
    )


def _orders(conn: Connection, caregiver_id: int, month: Month) -> int:
    o = work_orders.c
    inside = (o.planned_start >= month.start(), o.planned_start < month.next().start())
    planned = func.sum(case((o.status == "cancelled", 0), else_=1))
    return int(conn.execute(select(planned).where(o.caregiver_id == caregiver_id, *inside)).scalar_one() or 0)


def _told(row: Any) -> dict[str, Any]:
    why, status = VOID_REASONS.get(row.void_reason), VISIT_STATUS[row.status]
    return {
        "visit_id": row.id,
        "order_id": row.order_id,
        "senior": row.name,
        "check_in_at": moment(row.check_in_at.astimezone(SHANGHAI)),
        "seconds": row.seconds,
        "status": row.status,
        "status_zh": status.zh,
        "status_en": status.en,
        "void_zh": why and why.zh,
        "void_en": why and why.en,
        "total_fen": int(row.total_fen),
        "debited": bool(row.debited),
    }
