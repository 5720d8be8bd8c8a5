"""A signal of proof: a caregiver whose visits are too often told by a typed number, or by a printed code without a plausible place."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import BigInteger, Connection, case, cast, func, select

from settlement.fraud.scope import Scope
from settlement.fraud.signal import Hit, Params
from settlement.visits import evidence
from settlement.visits.tables import visits


def weak_methods(conn: Connection, scope: Scope, params: Params) -> Iterator[Hit]:
    """Of a caregiver's month (``at_least_visits`` visits) ``percent`` or more are weakly proved, by the scheme's rule; those are found."""
    weak = case((evidence.weak(scope.scheme, visits), 1), else_=0)
    month = (visits.c.caregiver_id, visits.c.month)
    counted = (
        select(
            visits.c.id,
            visits.c.caregiver_id,
            visits.c.in_method,
            visits.c.out_method,
            weak.label("weak"),
            func.count().over(partition_by=month).label("number"),
            cast(func.sum(weak).over(partition_by=month), BigInteger).label("weak_ones"),
            scope.checked(visits).label("checked"),
        )
        .where(scope.within(visits), visits.c.scheme_code == scope.scheme.code)
        .cte("counted")
    )
    c = counted.c
    often = (c.number >= params["at_least_visits"], c.weak_ones * 100 >= c.number * params["percent"])
    for row in conn.execute(select(counted).where(c.checked, c.weak == 1, *often).order_by(c.id)):
        methods = "+".join(method for method in (row.in_method, row.out_method) if method)
        measured = {"methods": methods, "visits": row.number, "percent": row.weak_ones * 100 // row.number}
        yield Hit(row.id, (f"visit:{row.id}", f"caregiver:{row.caregiver_id}"), measured)
