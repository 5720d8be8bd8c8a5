"""Entitlements proved from the rows: no month twice for one person, no month after a death or leaving."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, String, case, cast, func, or_, select

from settlement.findings import Finding
from settlement.people.tables import entitlements, seniors

_OPEN = "9999-12"


def check(conn: Connection) -> list[Finding]:
    """Every difference; an empty list means that the entitlements prove themselves. Only reads."""
    return _overlaps(conn) + _after_the_end(conn)


def _overlaps(conn: Connection) -> list[Finding]:
    """Each row against the latest month that an earlier row of the same person and scheme reaches: one pass, whatever the numbers."""
    e = entitlements.c
    ended = func.coalesce(e.to_month, _OPEN)

    def before(column: ColumnElement[Any]) -> ColumnElement[Any]:
        most = func.max(column)
        return most.over(partition_by=(e.senior_id, e.scheme_code), order_by=(e.from_month, e.id), rows=(None, -1))

    held = (
        select(
            e.id,
            e.senior_id,
            e.scheme_code,
            e.from_month,
            before(ended).label("reached"),
            before(e.id).label("other_id"),
        )
        .where(ended >= e.from_month)
        .subquery("held")
    )
    query = select(held).where(held.c.reached >= held.c.from_month).order_by(held.c.id)
    return [
        Finding(
            "entitlement_overlap",
            f"senior:{row.senior_id}",
            f"方案{row.scheme_code}的两条补贴记录有相同月份",
            f"two entitlements of scheme {row.scheme_code} hold the same month",
            (f"entitlement:{row.id}", f"entitlement:{row.other_id}"),
        )
        for row in conn.execute(query)
    ]


def _after_the_end(conn: Connection) -> list[Finding]:
    died, left = seniors.c.died_on, seniors.c.left_on
    last_day = case((left.is_(None), died), (died.is_(None), left), (died < left, died), else_=left)
    last = func.substr(cast(last_day, String), 1, 7)
    ended = func.coalesce(entitlements.c.to_month, _OPEN)
    query = (
        select(entitlements.c.id, entitlements.c.senior_id, last.label("last"))
        .join(seniors, seniors.c.id == entitlements.c.senior_id)
        .where(or_(died.is_not(None), left.is_not(None)), ended > last, ended >= entitlements.c.from_month)
        .order_by(entitlements.c.id)
    )
    return [
        Finding(
            "entitlement_after_end",
            f"senior:{row.senior_id}",
            f"去世或迁出在{row.last}，补贴仍在其后",
            f"the person died or left in {row.last}, but the entitlement goes on",
            (f"entitlement:{row.id}", f"senior:{row.senior_id}"),
        )
        for row in conn.execute(query)
    ]
