"""Coverage: how many of a town's seniors have what the scheme sets targets for (notice 1). Set-based; the same condition counts people and lists them.

Who counts: everybody on record who is alive and has not left. *Purchased service*: entitled in the month. *Door-step service*: a visit at home in
the calendar year up to the month that was not void. *Assessed*: an ability assessment on record. *Aged*: as old as the scheme's benefit that
needs no category asks for, at the month's end; covered when entitled.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, Connection, and_, case, exists, func, or_, select

from settlement.people.tables import assessments, entitlements, seniors
from settlement.periods import Month
from settlement.policy.rules_control import Target
from settlement.policy.scheme import Scheme
from settlement.visits.compliance import COUNTS
from settlement.visits.tables import visits

AGED = 80
"""Years, where a scheme has no benefit for age alone."""

p = seniors.c


@dataclass(frozen=True)
class Covered:
    """A target in one town. ``people``: of whom it asks for ``percent``; ``reached``: those who have it."""

    town: str
    target: Target
    people: int
    reached: int

    @property
    def percent(self) -> float | None:
        """Per cent reached, to one decimal, rounded down; None where there is nobody to count."""
        return 1000 * self.reached // self.people / 10 if self.people else None

    @property
    def met(self) -> bool:
        return self.reached * 100 >= self.people * self.target.percent


def coverage(conn: Connection, scheme: Scheme, month: Month, town: str | None = None) -> list[Covered]:
    """Every target of the scheme in every town that has anybody, as of a month; one statement whatever the number of people."""
    asked = [target for target in scheme.targets if target.code in CODES]
    counts = [
        func.sum(case((condition, 1), else_=0))
        for target in asked
        for condition in (counted(scheme, month, target), reached(scheme, month, target))
    ]
    query = select(p.town, *counts).where(living(month)).group_by(p.town).order_by(p.town)
    if town is not None:
        query = query.where(p.town == town)
    found = []
    for name, *figures in conn.execute(query):
        whole = [int(figure) for figure in figures]
        found += [Covered(name, target, whole[2 * i], whole[2 * i + 1]) for i, target in enumerate(asked)]
    return found


def living(month: Month) -> ColumnElement[bool]:
    """True for a row of ``seniors`` that counts at a month's end."""
    ended = [or_(day.is_(None), day >= month.end_day) for day in (p.died_on, p.left_on)]
    return and_(*ended)


def counted(scheme: Scheme, month: Month, target: Target) -> ColumnElement[bool]:
    """True for a row of ``seniors`` of whom the target asks."""
    return _aged(scheme, month) if target.of == "aged_seniors" else p.id.is_not(None)


def reached(scheme: Scheme, month: Month, target: Target) -> ColumnElement[bool]:
    """True for a row of ``seniors`` that has what the target asks for."""
    return and_(counted(scheme, month, target), CODES[target.code](scheme, month))


def _entitled(scheme: Scheme, month: Month) -> ColumnElement[bool]:
    e = entitlements.c
    in_month = and_(e.from_month <= str(month), or_(e.to_month.is_(None), e.to_month >= str(month)))
    return exists().where(e.senior_id == p.id, e.scheme_code == scheme.code, in_month)


def _visited(scheme: Scheme, month: Month) -> ColumnElement[bool]:
    v, first = visits.c, f"{month.year}-01"
    at_home = and_(v.status.in_(COUNTS), v.seconds.is_not(None))
    # By the day for the index, by the month for the rule.
    since = Month(month.year, 1).start(scheme.time_zone)
    of_year = and_(v.check_in_at >= since, v.month.between(first, str(month)))
    return exists().where(v.senior_id == p.id, v.scheme_code == scheme.code, of_year, at_home)


def _assessed(scheme: Scheme, month: Month) -> ColumnElement[bool]:
    return exists().where(assessments.c.senior_id == p.id, assessments.c.assessed_on < month.end_day)


def _aged(scheme: Scheme, month: Month) -> ColumnElement[bool]:
    """Whoever has had that birthday by the month's last day."""
    years = min((each.min_age for each in scheme.benefits if not each.any_of), default=AGED)
    end = month.end_day
    return p.birth_date < date(end.year - years, end.month, 1)


CODES = {"purchased_service": _entitled, "door_step": _visited, "assessed": _assessed, "aged_covered": _entitled}
"""What each of the scheme's targets asks for."""
