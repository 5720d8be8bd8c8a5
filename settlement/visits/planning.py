"""A provider's month: whom it may plan for, what each is still owed, and orders planned as they were last month."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, case, exists, func, or_, select

from settlement.act import Act
from settlement.officers import require
from settlement.outcomes import Reason, Refused
from settlement.people.tables import entitlements, seniors
from settlement.periods import SHANGHAI, Month, local_date
from settlement.policy import tariff
from settlement.policy.scheme import Scheme
from settlement.providers import rights
from settlement.providers.tables import caregivers, contracts
from settlement.visits import compliance, orders
from settlement.visits.orders import Plan
from settlement.visits.tables import work_orders

GONE = ("cancelled",)
"""Orders of last month that are no pattern for this one."""


@dataclass(frozen=True)
class People:
    """``source``: the seniors of towns under contract who are entitled in the month, as a query without columns; the rest are its columns. ``planned``:
    orders of this provider in the month that are still to be served; ``missing``: visits owed for which nothing is served or planned."""

    source: Select[Any]
    group_code: ColumnElement[str]
    required: ColumnElement[int]
    done: ColumnElement[int]
    planned: ColumnElement[int]
    missing: ColumnElement[int]


def people(conn: Connection, scheme: Scheme, provider_id: int, month: Month, today: date) -> People:
    """Whom a provider may plan for, with the month's figures; one statement whatever their number."""
    o, c, s = work_orders.c, contracts.c, seniors.c
    planned = (
        select(o.senior_id, func.count().label("orders"))
        .where(o.provider_id == provider_id, o.status == "planned")
        .where(o.planned_start >= month.start(scheme.time_zone), o.planned_start < month.end(scheme.time_zone))
        .group_by(o.senior_id)
        .subquery("planned")
    )
    towns = select(c.town).where(
        c.provider_id == provider_id, c.scheme_code == scheme.code, c.from_day <= today, c.until_day > today
    )
    # Said like this, SQLite goes by the towns; told to look for who has no day of death, it would go through nearly everybody.
    gone = or_(s.died_on.is_not(None), s.left_on.is_not(None))
    theirs = (s.town.in_(towns), ~gone)
    owed = compliance.owed_in(conn, scheme, month, select(s.id).where(*theirs))
    source = (
        select()
        .select_from(seniors.join(owed, owed.c.senior_id == seniors.c.id))
        .outerjoin(planned, planned.c.senior_id == seniors.c.id)
        .where(*theirs)
    )
    to_come = func.coalesce(planned.c.orders, 0)
    lacking = owed.c.required - owed.c.done - to_come
    missing = case((lacking > 0, lacking), else_=0)
    return People(source, owed.c.group_code, owed.c.required, owed.c.done, to_come, missing)


def require_theirs(act: Act, scheme: Scheme, provider_id: int, wanted: Iterable[tuple[int, date]]) -> None:
    """Raise Refused unless every senior lives in a town where the provider holds a contract on the day, and is entitled in its month: NOT_THEIR_SENIOR, the
    same for somebody's elsewhere and for nobody; PROVIDER_BANNED."""
    pairs = sorted(set(wanted))
    s, e = seniors.c, entitlements.c
    known: dict[tuple[int, Month], str] = {}
    for month in {Month.of(day) for _, day in pairs}:
        entitled = exists().where(
            e.senior_id == s.id,
            e.scheme_code == scheme.code,
            e.from_month <= str(month),
            e.to_month.is_(None) | (e.to_month >= str(month)),
        )
        ids = {id for id, day in pairs if Month.of(day) == month}
        here = select(s.id, s.town).where(s.id.in_(ids), entitled, s.died_on.is_(None), s.left_on.is_(None))
        known |= {(row.id, month): row.town for row in act.conn.execute(here)}
    refusals: dict[tuple[str, date], Reason | None] = {}
    for senior_id, day in pairs:
        town = known.get((senior_id, Month.of(day)))
        if town is None:
            raise Refused(Reason.NOT_THEIR_SENIOR, senior=senior_id)
        if (town, day) not in refusals:
            refusals[town, day] = rights.may_serve(act.conn, provider_id, town, scheme.code, day)
        refusal = refusals[town, day]
        if refusal is Reason.NO_CONTRACT:
            raise Refused(Reason.NOT_THEIR_SENIOR, senior=senior_id)
        if refusal is not None:
            raise Refused(refusal)


def plan(act: Act, scheme: Scheme, provider_id: int, plans: Sequence[Plan]) -> int:
    """Plan services for a provider's own people; the number newly planned. All or none.

    Raises Refused as ``orders.plan_many``, and: NOT_THEIR_SENIOR, PROVIDER_BANNED, DAY_PAST, ITEM_NOT_SOLD, CAREGIVER_UNKNOWN and why a caregiver may
    not work on the day.
    """
    require(act, "order.plan", provider_id=provider_id)
    past = next((each for each in plans if each.planned_start < act.now), None)
    if past is not None:
        raise Refused(Reason.DAY_PAST, day=local_date(past.planned_start))
    require_theirs(act, scheme, provider_id, ((each.senior_id, local_date(each.planned_start)) for each in plans))
    for day in {local_date(each.planned_start) for each in plans}:
        sold = tariff.prices_in_force(act.conn, scheme.code, provider_id, day)
        asked = {item for each in plans if local_date(each.planned_start) == day for item in each.items}
        unsold = sorted(asked - set(sold))
        if unsold:
            raise Refused(Reason.ITEM_NOT_SOLD, items=", ".join(unsold)[:80])
    staff = _staff(act.conn, provider_id)
    for each in plans:
        if each.caregiver_id is None:
            continue
        if each.caregiver_id not in staff:
            raise Refused(Reason.CAREGIVER_UNKNOWN)
        refusal = rights.work_refused(staff[each.caregiver_id], local_date(each.planned_start))
        if refusal is not None:
            raise Refused(refusal)
    return orders.plan_many(act, plans)


@dataclass(frozen=True)
class Repeated:
    """``planned``: orders made; ``left``: seniors for whom not everything owed could be planned (no pattern, or its days have passed)."""

    planned: int
    left: tuple[int, ...]


def repeat(act: Act, scheme: Scheme, provider_id: int, month: Month, senior_ids: Sequence[int]) -> Repeated:
    """Plan what is missing in a month as it was in the month before: the same weekday of the same week, time, items and caregiver.

    A caregiver who may not work on the day is left out; a day that has passed or that the month does not have, too. Again plans nothing more.
    Raises Refused as :func:`plan`.
    """
    require(act, "order.plan", provider_id=provider_id)
    found = people(act.conn, scheme, provider_id, month, local_date(act.now))
    query = found.source.add_columns(seniors.c.id, found.missing.label("missing")).where(seniors.c.id.in_(senior_ids))
    missing = {row.id: int(row.missing) for row in act.conn.execute(query)}
    foreign = sorted(set(senior_ids) - set(missing))
    if foreign:
        raise Refused(Reason.NOT_THEIR_SENIOR, senior=foreign[0])
    patterns, staff = _patterns(act.conn, provider_id, month, list(missing)), _staff(act.conn, provider_id)
    made: list[Plan] = []
    for senior_id, lacking in sorted(missing.items()):
        made += list(_moved(act, patterns[senior_id], month, staff, provider_id))[:lacking]
    planned = plan(act, scheme, provider_id, made) if made else 0
    got: dict[int, int] = defaultdict(int)
    for each in made:
        got[each.senior_id] += 1
    return Repeated(planned, tuple(id for id, lacking in sorted(missing.items()) if got[id] < lacking))


def order_id(provider_id: int, senior_id: int, start: datetime) -> str:
    """One order per provider, senior and minute: the same plan again is the same order."""
    return f"o-{start.astimezone(SHANGHAI):%Y%m%d%H%M}-{provider_id}-{senior_id}"


def _patterns(conn: Connection, provider_id: int, month: Month, ids: Sequence[int]) -> dict[int, list[Row[Any]]]:
    """Each senior's orders of the month before, earliest first."""
    o, before = work_orders.c, month.previous()
    query = select(work_orders).where(o.provider_id == provider_id, o.senior_id.in_(ids), o.status.not_in(GONE))
    query = query.where(o.planned_start >= before.start(), o.planned_start < before.end(), o.origin != "again")
    patterns: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in conn.execute(query.order_by(o.planned_start, o.id)):
        patterns[row.senior_id].append(row)
    return patterns


def _moved(
    act: Act, pattern: Sequence[Row[Any]], month: Month, staff: dict[int, Row[Any]], provider_id: int
) -> Iterator[Plan]:
    """The pattern in this month, but for what is planned or was planned already, and days that have passed."""
    starts = [_in_month(row.planned_start, month) for row in pattern]
    wanted = {
        order_id(provider_id, row.senior_id, at): (row, at) for row, at in zip(pattern, starts, strict=True) if at
    }
    o = work_orders.c
    known = set(act.conn.execute(select(o.id).where(o.id.in_(wanted))).scalars()) if wanted else set()
    for id, (row, start) in wanted.items():
        if id in known or start < act.now:
            continue
        one = staff.get(row.caregiver_id)
        fit = one is not None and rights.work_refused(one, local_date(start)) is None
        yield Plan(
            id=id,
            provider_id=provider_id,
            senior_id=row.senior_id,
            planned_start=start,
            planned_minutes=row.planned_minutes,
            items=tuple(row.items),
            caregiver_id=row.caregiver_id if fit else None,
        )


def _in_month(was: datetime, month: Month) -> datetime | None:
    """The same weekday of the same week in another month, counted by weekdays: the second Tuesday stays the second Tuesday."""
    local = was.astimezone(SHANGHAI)
    first = month.first_day
    day = first + timedelta(days=(local.weekday() - first.weekday()) % 7 + 7 * ((local.day - 1) // 7))
    return datetime.combine(day, local.timetz()) if Month.of(day) == month else None


def _staff(conn: Connection, provider_id: int) -> dict[int, Row[Any]]:
    return {row.id: row for row in conn.execute(select(caregivers).where(caregivers.c.provider_id == provider_id))}
