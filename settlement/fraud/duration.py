"""Signals of time: too short, suspiciously often just long enough, told too late."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
)

from settlement.fraud.demands import demands
from settlement.fraud.scope import HOUR, Scope, us
from settlement.fraud.signal import Hit, Params
from settlement.visits.tables import visits


def under_minimum(conn: Connection, scope: Scope, params: Params) -> Iterator[Hit]:
    """Shorter than the scheme's least duration, or than an item's own where that is longer. 59:59 is not 60 minutes."""
    query = (
        select(visits.c.id, visits.c.seconds, demands.c.least)
        .join(demands, demands.c.visit_id == visits.c.id)
        .where(scope.checked(visits), demands.c.timed == 1, visits.c.seconds < demands.c.least)
        .order_by(visits.c.id)
    )
    for row in conn.execute(query):
        yield Hit(row.id, (f"visit:{row.id}",), {"seconds": row.seconds}, {"seconds": row.least})


def just_over_minimum(conn: Connection, scope: Scope, params: Params) -> Iterator[Hit]:
    """Of a caregiver's month (``at_least_visits`` timed ones) ``percent`` or more lie less than ``within_minutes`` over the minimum."""
    over = visits.c.seconds - demands.c.least
    just_over = case((and_(over >= 0, over < params["within_minutes"] * 60), 1), else_=0)
    month = (visits.c.caregiver_id, visits.c.month)
    counted = (
        select(
            visits.c.id,
            visits.c.caregiver_id,
            visits.c.seconds,
            just_over.label("just_over"),
            func.count().over(partition_by=month).label("number"),
            cast(func.sum(just_over).over(partition_by=month), BigInteger).label("close"),
            scope.checked(visits).label("checked"),
        )
        .join(demands, demands.c.visit_id == visits.c.id)
        .where(
            scope.within(visits),
            visits.c.scheme_code == scope.scheme.code,
            demands.c.timed == 1,
            visits.c.seconds.is_not(None),
        )
        .cte("counted")
    )
    query = (
        select(counted)
        .where(counted.c.checked, counted.c.just_over == 1, *_often(counted.c.close, counted.c.number, params))
        .order_by(counted.c.id)
    )
    for row in conn.execute(query):
        measured = {"seconds": row.seconds, "visits": row.number, "percent": row.close * 100 // row.number}
        yield Hit(row.id, (f"visit:{row.id}", f"caregiver:{row.caregiver_id}"), measured)


def late_uploads(conn: Connection, scope: Scope, params: Params) -> Iterator[Hit]:
    """Of a caregiver's or a device's month ``percent`` or more reached us over ``hours`` after the check-in; the late ones are found."""
    delay = us(visits.c.received_at) - us(visits.c.check_in_at)
    late = case((delay > literal(params["hours"] * HOUR, BigInteger), 1), else_=0)

    def share(who: ColumnElement[Any], name: str) -> list[ColumnElement[Any]]:
        month = (who, visits.c.month)
        return [
            func.count().over(partition_by=month).label(f"{name}_number"),
            cast(func.sum(late).over(partition_by=month), BigInteger).label(f"{name}_late"),
        ]

    counted = (
        select(
            visits.c.id,
            visits.c.caregiver_id,
            visits.c.device_id,
            delay.label("delay"),
            late.label("late"),
            scope.checked(visits).label("checked"),
            *share(visits.c.caregiver_id, "caregiver"),
            *share(visits.c.device_id, "device"),
        )
        .where(scope.within(visits))
        .cte("counted")
    )
    c = counted.c
    by_caregiver = and_(*_often(c.caregiver_late, c.caregiver_number, params))
    by_device = and_(c.device_id.is_not(None), *_often(c.device_late, c.device_number, params))
    query = (
        select(counted, by_caregiver.label("by_caregiver"))
        .where(c.checked, c.late == 1, or_(by_caregiver, by_device))
        .order_by(c.id)
    )
    for row in conn.execute(query):
        who = f"caregiver:{row.caregiver_id}" if row.by_caregiver else f"device:{row.device_id}"
        late_ones, number = (
            (row.caregiver_late, row.caregiver_number) if row.by_caregiver else (row.device_late, row.device_number)
        )
        measured = {"hours": row.delay // HOUR, "visits": number, "percent": late_ones * 100 // number}
        yield Hit(row.id, (f"visit:{row.id}", who), measured)


def _often(close: ColumnElement[int], number: ColumnElement[int], params: Params) -> list[ColumnElement[bool]]:
    return [number >= params["at_least_visits"], close * 100 >= number * params["percent"]]
