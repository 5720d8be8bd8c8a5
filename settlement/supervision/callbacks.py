"""Callbacks: after every service the provider telephones the senior and writes down what was said (notice 5(3)1).

A try that nobody answers is kept, too; after the third the visit is no longer on the list of calls to make, and counts as not answered. What a
senior says is not as recorded becomes of the visit what the provider's office decides (``voiding``): nothing here moves money.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, case, exists, func, insert, select

from settlement.act import Act
from settlement.officers import require
from settlement.outcomes import Reason, Refused
from settlement.periods import Month
from settlement.supervision.tables import callbacks
from settlement.visits.tables import visits
from settlement.visits.words import VISIT_STATUS

RATINGS: Mapping[str, tuple[str, str]] = {
    "satisfied": ("满意", "satisfied"),
    "fair": ("一般", "so-so"),
    "dissatisfied": ("不满意", "not satisfied"),
}
TRIES = 3
"""Of one visit; after so many unanswered ones nobody has to telephone again."""
LONGEST = 500
COUNTS = ("served", "paid")


@dataclass(frozen=True)
class Satisfaction:
    """A provider's month in one town. ``visits``: those to be called back; ``unanswered``: tried three times in vain; ``differing``: those of the
    answered whose senior says that items or duration were not as recorded."""

    provider_id: int
    town: str
    visits: int
    answered: int
    unanswered: int
    satisfied: int
    fair: int
    dissatisfied: int
    differing: int

    @property
    def to_make(self) -> int:
        return self.visits - self.answered - self.unanswered

    @property
    def called_percent(self) -> int | None:
        """Whole per cent of the visits whose calls are made, answered or not, rounded down; None without a visit."""
        return 100 * (self.answered + self.unanswered) // self.visits if self.visits else None

    @property
    def satisfied_percent(self) -> int | None:
        """Whole per cent of those who answered that are satisfied, rounded down; None when nobody answered."""
        return 100 * self.satisfied // self.answered if self.answered else None


def record(
    act: Act, visit_id: str, *, rating: str | None = None, as_recorded: bool | None = None, words: str = ""
) -> int:
    """Write down a call; its number. ``rating``: of :data:`RATINGS`, and whether items and duration were as recorded; both None: nobody answered.
    ``words``: at most 500 characters.

    Raises Refused: NOT_FOUND, NOT_ALLOWED, BAD_INPUT, CALLBACK_NOT_DUE (open, void, or bought at a counter), CALLED_BACK when somebody answered already.
    """
    v, c = visits.c, callbacks.c
    query = select(v.id, v.provider_id, v.status, v.seconds).where(v.id == visit_id).with_for_update(key_share=True)
    visit = act.conn.execute(query).one_or_none()
    if visit is None:
        raise Refused(Reason.NOT_FOUND, what="visit")
    require(act, "callback.record", provider_id=visit.provider_id)
    reached = rating is not None
    words = words.strip()
    if (reached and rating not in RATINGS) or reached != (as_recorded is not None) or len(words) > LONGEST:
        raise Refused(Reason.BAD_INPUT, detail=f"rating: {', '.join(RATINGS)}; as_recorded; words <= {LONGEST}")
    if visit.status not in COUNTS or visit.seconds is None:
        raise Refused(Reason.CALLBACK_NOT_DUE, why=VISIT_STATUS[visit.status].zh)
    if act.conn.execute(select(c.id).where(c.visit_id == visit_id, c.reached)).first() is not None:
        raise Refused(Reason.CALLED_BACK)
    row = {"visit_id": visit_id, "called_by": act.actor.id, "called_at": act.now, "reached": reached}
    row |= {"rating": rating, "as_recorded": as_recorded, "words": words}
    id = int(act.conn.execute(insert(callbacks).values(row).returning(c.id)).scalar_one())
    after = {"callback": id, "rating": rating, "as_recorded": as_recorded}
    act.audit("callback.record", f"visit:{visit_id}", after=after)
    return id


def to_make(now: datetime) -> ColumnElement[bool]:
    """True for a row of ``visits`` that is to be called back: at a home, of this month or the last, not answered, not yet tried three times."""
    v = visits.c
    lately = v.month.in_([str(Month.of(now)), str(Month.of(now).previous())])
    return lately & to_be_called() & ~answered() & (tries() < TRIES)


def to_be_called() -> ColumnElement[bool]:
    return visits.c.status.in_(COUNTS) & visits.c.seconds.is_not(None)


def answered() -> ColumnElement[bool]:
    return exists().where(callbacks.c.visit_id == visits.c.id, callbacks.c.reached)


def tries() -> ColumnElement[int]:
    """How often somebody telephoned about a row of ``visits``."""
    return select(func.count()).where(callbacks.c.visit_id == visits.c.id).correlate(visits).scalar_subquery()


def satisfaction(
    conn: Connection, month: Month, *, provider_id: int | None = None, town: str | None = None
) -> list[Satisfaction]:
    """What the visits of a month came to, by provider and town; one statement whatever their number."""
    v, c = visits.c, callbacks.c

    def of(condition: ColumnElement[bool]) -> ColumnElement[int]:
        return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)

    rated = [of(c.rating == rating) for rating in RATINGS]
    query = (
        select(v.provider_id, v.town, func.count(), func.count(c.id), of(c.id.is_(None) & (tries() >= TRIES)), *rated)
        .add_columns(of(c.as_recorded.is_(False)))
        .select_from(visits.outerjoin(callbacks, (c.visit_id == v.id) & c.reached))
        .where(v.month == str(month), to_be_called())
        .group_by(v.provider_id, v.town)
        .order_by(v.town, v.provider_id)
    )
    for column, value in ((v.provider_id, provider_id), (v.town, town)):
        query = query if value is None else query.where(column == value)
    # PostgreSQL sums whole numbers to decimals.
    return [Satisfaction(row[0], row[1], *(int(figure) for figure in row[2:])) for row in conn.execute(query)]
