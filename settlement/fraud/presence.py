"""Signals of presence: nobody is in two places, nobody is served twice at once, nobody works round the clock.

Which of two visits that exclude each other is the false one cannot be read from the records, so both are found; a person decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from math import isqrt
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    String,
    Table,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    or_,
    select,
)

from settlement.fraud.distance import metres_squared
from settlement.fraud.scope import DAY, MINUTE, SECOND, Scope, began, ended, greater, lesser, us
from settlement.fraud.signal import Hit, Params, rows
from settlement.people.tables import seniors
from settlement.policy.tables import price_items
from settlement.providers.tables import caregivers
from settlement.visits.tables import visit_lines, visits

# Beyond this nobody's journey is impossible; it also keeps squares within 64 bits.
LONGEST_JOURNEY_S = 24 * 3600


def person(c: FromClause) -> ColumnElement[str]:
    """Who a caregiver is, whoever employs them: known by the telephone number, else by the one employment."""
    return func.coalesce(c.c.phone_index, cast(c.c.id, String))


def caregiver_overlap(conn: Connection, scope: Scope, params: Params) -> Iterator[Hit]:
    """A caregiver's visits overlap by more than ``over_minutes``, with whatever provider."""
    e = caregivers.alias("earlier_caregiver")
    return _pairs(conn, _overlaps(scope, "caregiver_id", params["over_minutes"], (caregivers, e, person)), "caregiver")


def senior_overlap(conn: Connection, scope: Scope, params: Params) -> Iterator[Hit]:
    """A senior is served twice at once for more than ``over_minutes``, unless one of the two consists of items sold as ``together``."""
    e = seniors.alias("earlier_senior")
    query = _overlaps(scope, "senior_id", params["over_minutes"], (seniors, e, lambda s: s.c.id))
    apart = [~_together(query.selected_columns[name]) for name in ("visit", "other")]
    return _pairs(conn, query.where(*apart), "senior")


Whom = tuple[Table, FromClause, Callable[[FromClause], ColumnElement[Any]]]


def _overlaps(scope: Scope, column: str, over_minutes: int, whom: Whom) -> Select[Any]:
    """Pairs of one person's visits, the later one (``visit``) begun before the earlier one (``other``) was over.

    One pass with a running maximum finds the few that began while the person was still busy; only those are joined. ``whom``: the table
    that ``column`` points to, a second name for it, and what tells that two of its rows are one person.
    """
    table, earlier_table, same = whom
    over = over_minutes * MINUTE
    came, left = us(began(visits)), us(ended(visits))
    busy_until = func.max(left).over(partition_by=same(table), order_by=(came, visits.c.id), rows=(None, -1))
    seen = (
        select(
            visits.c.id,
            visits.c[column].label("whose"),
            same(table).label("who"),
            came.label("came"),
            left.label("left"),
            busy_until.label("busy_until"),
            scope.checked(visits).label("checked"),
        )
        .join(table, table.c.id == visits.c[column])
        .where(scope.around(visits), ended(visits).is_not(None))
        .cte("seen")
    )
    e = visits.alias("earlier")
    overlap = lesser(seen.c.left, us(ended(e))) - seen.c.came
    began_earlier = or_(us(began(e)) < seen.c.came, and_(us(began(e)) == seen.c.came, e.c.id < seen.c.id))
    return (
        select(
            seen.c.id.label("visit"),
            e.c.id.label("other"),
            seen.c.whose,
            e.c[column].label("other_whose"),
            cast(overlap, BigInteger).label("overlap"),
            seen.c.checked,
            scope.checked(e).label("other_checked"),
        )
        .join(earlier_table, same(earlier_table) == seen.c.who)
        .join(e, and_(e.c[column] == earlier_table.c.id, us(e.c.check_in_at) >= seen.c.came - DAY, began_earlier))
        .where(seen.c.busy_until - seen.c.came > over, ended(e).is_not(None), scope.around(e), overlap > over)
        .order_by(cast(overlap, BigInteger).desc(), seen.c.id, e.c.id)
    )


def _together(visit_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Every item of the visit may be had beside another visit. A visit without lines, or with an unlisted item, may not."""
    line = visit_lines.alias()
    priced = line.outerjoin(
        price_items, and_(price_items.c.list_id == line.c.price_list_id, price_items.c.item_code == line.c.item_code)
    )
    apart = (
        select(line.c.no)
        .select_from(priced)
        .where(line.c.visit_id == visit_id, ~func.coalesce(price_items.c.together, false()))
    )
    has_lines = select(visit_lines.c.no).where(visit_lines.c.visit_id == visit_id)
    return and_(exists(has_lines), ~exists(apart))


def _pairs(conn: Connection, query: Select[Any], who: str) -> Iterator[Hit]:
    for row in conn.execute(query):
        shown = (*rows("visit", row.other, row.visit), *rows(who, *dict.fromkeys((row.other_whose, row.whose))))
        # Rounded up: what is shown must exceed the threshold, as the overlap does.
        measured = {"minutes": -(-row.overlap // MINUTE)}
        for visit_id, checked in ((row.visit, row.checked), (row.other, row.other_checked)):
            if checked:
                yield Hit(visit_id, shown, measured)


def impossible_travel(conn: Connection, scope: Scope, params: Params) -> Iterator[Hit]:
    """Between two consecutive visits of a caregiver lie more metres than ``speed_kmh`` covers in the time between, and ``at_least_m``.

    A place is where the phone said, else the registered address the visit claims. The phone's own accuracy counts in the caregiver's favour.
    """
    came = us(began(visits))
    at_in = [func.coalesce(visits.c[f"in_{part}_e7"], seniors.c[f"{part}_e7"]) for part in ("latitude", "longitude")]
    at_out = [
        func.coalesce(visits.c[f"out_{part}_e7"], at) for part, at in zip(("latitude", "longitude"), at_in, strict=True)
    ]
    in_error = func.coalesce(visits.c.in_accuracy_m, 0)
    out_error = case((visits.c.out_latitude_e7.is_not(None), func.coalesce(visits.c.out_accuracy_m, 0)), else_=in_error)

    def before(column: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.lag(column).over(partition_by=person(caregivers), order_by=(came, visits.c.id))

    step = (
        select(
            visits.c.id.label("visit"),
            before(visits.c.id).label("other"),
            visits.c.caregiver_id,
            greater(came - before(us(ended(visits))), literal(0, BigInteger)).label("gap"),
            metres_squared(before(at_out[0]), before(at_out[1]), at_in[0], at_in[1]).label("square"),
            (in_error + before(out_error)).label("error"),
            scope.checked(visits).label("checked"),
            before(case((scope.checked(visits), 1), else_=0)).label("other_checked"),
        )
        .join(seniors, seniors.c.id == visits.c.senior_id)
        .join(caregivers, caregivers.c.id == visits.c.caregiver_id)
        .where(scope.around(visits), ended(visits).is_not(None))
        .cte("step")
    )
    seconds = lesser(step.c.gap // SECOND, literal(LONGEST_JOURNEY_S, BigInteger))
    # metres > km/h x seconds x 5/18 + error, both sides x 18 and squared
    reach = seconds * (5 * params["speed_kmh"]) + cast(step.c.error, BigInteger) * 18
    query = (
        select(step)
        .where(step.c.square >= params["at_least_m"] ** 2, step.c.square * 324 > reach * reach)
        .order_by(step.c.square.desc(), step.c.visit)
    )
    for row in conn.execute(query):
        shown = (*rows("visit", row.other, row.visit), f"caregiver:{row.caregiver_id}")
        measured = {"metres": isqrt(row.square), "seconds": row.gap // SECOND, "accuracy_m": row.error}
        for visit_id, checked in ((row.visit, row.checked), (row.other, row.other_checked)):
            if checked:
                yield Hit(visit_id, shown, measured)


def long_day(conn: Connection, scope: Scope, params: Params) -> Iterator[Hit]:
    """A caregiver's visits of one local day add up to more than ``hours``; every visit of that day is found."""
    day = scope.local_day(visits.c.check_in_at)
    worked = func.coalesce(visits.c.seconds, 0)
    per_day = (
        select(
            visits.c.id,
            visits.c.caregiver_id,
            person(caregivers).label("who"),
            day.label("day"),
            cast(func.sum(worked).over(partition_by=(person(caregivers), day)), BigInteger).label("total"),
            scope.checked(visits).label("checked"),
        )
        .join(caregivers, caregivers.c.id == visits.c.caregiver_id)
        .where(scope.around(visits))
        .cte("per_day")
    )
    query = (
        select(per_day)
        .where(per_day.c.total > params["hours"] * 3600)
        .order_by(per_day.c.who, per_day.c.day, per_day.c.id)
    )
    for _, group in groupby(conn.execute(query), key=lambda row: (row.who, row.day)):
        same_day = list(group)
        shown = rows("caregiver", *dict.fromkeys(row.caregiver_id for row in same_day))
        shown += rows("visit", *(row.id for row in same_day))
        for row in same_day:
            if row.checked:
                yield Hit(row.id, shown, {"minutes": -(-row.total // 60)})
