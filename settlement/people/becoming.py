"""Who has become eligible without having asked: found in the register by the scheme's own conditions, as one query however many people there are.

The ability level is left open, for it is found out after the application. ``policy.eligibility.judge`` says the same of a single person.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, literal_column, or_, select

from settlement.people.tables import categories, enrolments, entitlements, invitations, seniors
from settlement.periods import Month
from settlement.policy.rules_people import Benefit
from settlement.policy.scheme import Scheme

UNDER_WAY_ENDS = ("done", "refused")


def born_by(on: date, age: int) -> date:
    """The latest day of birth with which somebody is so old on a day (29 February: from 1 March in other years)."""
    year = on.year - age
    return date(year, on.month, min(on.day, monthrange(year, on.month)[1]))


def since_by(on: date, months: int) -> date:
    """The latest day since when somebody has been here for so many full months on a day."""
    month = Month.of(on).plus(-months)
    last = monthrange(month.year, month.number)[1]
    ends = on.day == monthrange(on.year, on.month)[1]
    return date(month.year, month.number, last if ends else min(on.day, last))


def fulfils(scheme: Scheme, benefit: Benefit, on: date) -> ColumnElement[bool]:
    """Whether a row of ``seniors`` fulfils a benefit's conditions on a day, but for the assessment."""
    s, c = seniors.c, categories.c
    wanted = [s.birth_date <= born_by(on, benefit.min_age), or_(s.died_on.is_(None), s.died_on > on)]
    if scheme.residence.registered_here:
        wanted.append(or_(s.left_on.is_(None), s.left_on > on))
    if scheme.residence.months:
        here = func.coalesce(s.resident_since, s.registered_since, s.birth_date)
        wanted.append(here <= since_by(on, scheme.residence.months))
    if benefit.any_of:
        holds = and_(c.valid_from <= on, or_(c.valid_to.is_(None), c.valid_to > on))
        wanted.append(exists().where(c.senior_id == s.id, c.category.in_(benefit.any_of), holds))
    return and_(*wanted)


def eligible(scheme: Scheme, on: date, *, but_asked_since: date | None = None) -> Select[Any]:
    """A select over ``seniors`` (no columns) of those who may have something and have nothing: no running entitlement, no application under way,
    nothing asked of them that is unanswered, and no "no" since a day."""
    s, e, n, v = seniors.c, entitlements.c, enrolments.c, invitations.c
    running = exists().where(e.senior_id == s.id, e.scheme_code == scheme.code, e.to_month.is_(None))
    applied = exists().where(n.senior_id == s.id, n.scheme_code == scheme.code, n.step.not_in(UNDER_WAY_ENDS))
    settled = or_(v.answer.is_(None), and_(v.answer == "yes", v.enrolment_id.is_(None)))
    if but_asked_since is not None:
        settled = or_(settled, and_(v.answer == "no", v.answered_on >= but_asked_since))
    asked = exists().where(v.senior_id == s.id, v.scheme_code == scheme.code, settled)
    some = or_(*(fulfils(scheme, benefit, on) for benefit in scheme.benefits))
    registered = s.status == literal_column(
        "'registered'"
    )  # written out, not bound: only so is the index of these people surely used
    return select().select_from(seniors).where(registered, some, ~running, ~applied, ~asked)
