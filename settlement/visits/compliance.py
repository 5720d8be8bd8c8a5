"""Did everybody get the visits the scheme owes them? Visits per person and month by group, with making up; different items per year.

Set-based: one statement for a month's whole population (notice 5(3)2). It only reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Subquery, and_, case, func, literal, or_, select

from settlement.findings import Finding
from settlement.people.tables import entitlements, seniors
from settlement.periods import Month
from settlement.policy.duties import visits_required
from settlement.policy.scheme import Scheme
from settlement.visits.tables import visit_lines, visits

COUNTS = ("served", "paid")


@dataclass(frozen=True)
class Frequency:
    """One person's month. ``made_up``: visits of the months after, beyond what those owe themselves, that make up for this one."""

    senior_id: int
    town: str
    group_code: str
    required: int
    done: int
    made_up: int

    @property
    def missing(self) -> int:
        return max(0, self.required - self.done - self.made_up)


def frequency(conn: Connection, scheme: Scheme, month: Month, town: str | None = None) -> list[Frequency]:
    """Who still misses visits of a month. What was missed may be made up within ``visits.make_up.months`` months after."""
    r = reckoned(conn, scheme, month, town).c
    columns = (r.senior_id, r.town, r.group_code, r.required, r.done, r.made_up)
    query = select(*columns).where(r.required > r.done + r.made_up).order_by(r.town, r.senior_id)
    return [Frequency(*row) for row in conn.execute(query)]


@dataclass(frozen=True)
class InTown:
    """A town's month. ``people``: entitled; ``short``: of them, those who still miss a visit; ``required``, ``done``, ``made_up``: visits."""

    town: str
    people: int
    short: int
    required: int
    done: int
    made_up: int

    @property
    def served_percent(self) -> int | None:
        """Whole per cent of the people who got what they are owed, rounded down; None without anybody."""
        return 100 * (self.people - self.short) // self.people if self.people else None


def by_town(conn: Connection, scheme: Scheme, month: Month, town: str | None = None) -> list[InTown]:
    """Everybody entitled in a month, town by town; one statement whatever their number."""
    r = reckoned(conn, scheme, month, town).c
    short = func.sum(case((r.required > r.done + r.made_up, 1), else_=0))
    query = select(r.town, func.count(), short, func.sum(r.required), func.sum(r.done), func.sum(r.made_up))
    query = query.group_by(r.town).order_by(r.town)
    # PostgreSQL sums whole numbers to decimals.
    return [InTown(name, *(int(figure) for figure in figures)) for name, *figures in conn.execute(query)]


def reckoned(conn: Connection, scheme: Scheme, month: Month, town: str | None = None) -> Subquery:
    """(senior_id, town, village, group_code, required, done, made_up) of everybody entitled in a month. Nobody has more made up than was missed."""
    own = None if town is None else select(seniors.c.id).where(seniors.c.town == town)
    last = month.plus(scheme.visits.make_up.months)
    required = _required(conn, scheme, month, last)
    owed = _owed(scheme, month, required, own).subquery("owed")
    surplus: ColumnElement[int] = literal(0)
    source = owed.join(seniors, seniors.c.id == owed.c.senior_id)
    for ahead in range(1, scheme.visits.make_up.months + 1):
        later = _owed(scheme, month.plus(ahead), required, own).subquery(f"later{ahead}")
        source = source.outerjoin(later, later.c.senior_id == owed.c.senior_id)
        spare = func.coalesce(later.c.done - later.c.required, 0)
        surplus = surplus + case((spare > 0, spare), else_=0)
    missed = owed.c.required - owed.c.done
    lacking = case((missed > 0, missed), else_=0)
    return (
        select(owed.c.senior_id, seniors.c.town, seniors.c.village, owed.c.group_code, owed.c.required, owed.c.done)
        .add_columns(case((surplus > lacking, lacking), else_=surplus).label("made_up"))
        .select_from(source)
        .subquery("reckoned")
    )


def owed_in(conn: Connection, scheme: Scheme, month: Month, own: Select[int] | None = None) -> Subquery:
    """(senior_id, group_code, required, done) of everybody entitled in a month. ``own``: visits are counted of these seniors only, whom the caller joins."""
    return _given(scheme, month, _required(conn, scheme, month, month), own).subquery("owed")


def _required(conn: Connection, scheme: Scheme, first: Month, last: Month) -> ColumnElement[int]:
    """What a row of ``entitlements`` of these months asks for."""
    e = entitlements.c
    kinds = conn.execute(select(e.benefit, e.level).where(_entitled(scheme, first, last)).distinct())
    # Several benefits at once ("a+b") owe the most that any of them does.
    rules = [
        (
            and_(e.benefit == benefit, e.level.is_not_distinct_from(level)),
            max(visits_required(scheme, each, level) for each in benefit.split("+")),
        )
        for benefit, level in kinds
    ]
    return case(*rules, else_=0) if rules else literal(0)


def _entitled(scheme: Scheme, first: Month, last: Month) -> ColumnElement[bool]:
    """True for a row of ``entitlements`` that runs in one of the months."""
    e = entitlements.c
    # Said by what it is not, which PostgreSQL turns round: so SQLite goes by the seniors where they are few, and not through everybody's months.
    over = and_(e.to_month.is_not(None), e.to_month < str(first))
    return ~or_(e.scheme_code != scheme.code, e.from_month > str(last), over)


def _owed(scheme: Scheme, month: Month, required: ColumnElement[int], own: Select[int] | None) -> Select[Any]:
    query = _given(scheme, month, required, own)
    return query if own is None else query.where(entitlements.c.senior_id.in_(own))


def _given(scheme: Scheme, month: Month, required: ColumnElement[int], own: Select[int] | None) -> Select[Any]:
    e, v = entitlements.c, visits.c
    # A meal fetched at a hatch took no time: it is no visit to the home.
    # One that is over and not void was served, perhaps paid: said like this, an index answers (``ix_visits_given``).
    given = and_(v.scheme_code == scheme.code, v.month == str(month), v.void_reason.is_(None), v.seconds.is_not(None))
    given = given if own is None else and_(given, v.senior_id.in_(own))
    done = select(v.senior_id, func.count().label("visits")).where(given).group_by(v.senior_id).subquery()
    return (
        select(e.senior_id, e.group_code, required.label("required"), func.coalesce(done.c.visits, 0).label("done"))
        .select_from(entitlements.outerjoin(done, done.c.senior_id == e.senior_id))
        .where(_entitled(scheme, month, month))
    )


@dataclass(frozen=True)
class Variety:
    senior_id: int
    town: str
    required: int
    different: int


def variety(conn: Connection, scheme: Scheme, year: int, town: str | None = None) -> list[Variety]:
    """Who, being entitled in a calendar year, got fewer different items in it than the scheme asks for."""
    e, first, last = entitlements.c, f"{year}-01", f"{year}-12"
    in_year = and_(e.scheme_code == scheme.code, e.from_month <= last, or_(e.to_month.is_(None), e.to_month >= first))
    # A row superseded before it began ends before its first month: nobody was entitled under it.
    begun = or_(e.to_month.is_(None), e.to_month >= e.from_month)
    people = select(e.senior_id).where(in_year, begun).distinct().subquery("people")
    served = (
        select(visits.c.senior_id, func.count(visit_lines.c.item_code.distinct()).label("items"))
        .join(visit_lines, visit_lines.c.visit_id == visits.c.id)
        .where(visits.c.scheme_code == scheme.code, visits.c.month.between(first, last), visits.c.status.in_(COUNTS))
        .group_by(visits.c.senior_id)
        .subquery("served")
    )
    required, different = scheme.visits.variety.items_per_year, func.coalesce(served.c["items"], 0)
    query = (
        select(seniors.c.id, seniors.c.town, literal(required), different)
        .join(people, people.c.senior_id == seniors.c.id)
        .outerjoin(served, served.c.senior_id == seniors.c.id)
        .where(different < required)
        .order_by(seniors.c.town, seniors.c.id)
    )
    if town is not None:
        query = query.where(seniors.c.town == town)
    return [Variety(*row) for row in conn.execute(query)]


def findings(conn: Connection, scheme: Scheme, month: Month, town: str | None = None) -> list[Finding]:
    """The month's missing visits; with December also the year's missing variety."""
    found = [
        Finding(
            "too_few_visits",
            f"senior:{f.senior_id}",
            f"{month}应服务{f.required}次，实际{f.done}次，补做{f.made_up}次（{f.town}）",
            f"{month}: {f.required} visits owed, {f.done} given, {f.made_up} made up ({f.town})",
        )
        for f in frequency(conn, scheme, month, town)
    ]
    if month.number == 12:
        found += [
            Finding(
                "too_few_items",
                f"senior:{v.senior_id}",
                f"{month.year}年应有{v.required}种不同项目，实际{v.different}种（{v.town}）",
                f"{month.year}: {v.required} different items owed, {v.different} given ({v.town})",
            )
            for v in variety(conn, scheme, month.year, town)
        ]
    return found
