"""Which visits a scan judges, and which it needs beside them to judge by.

*Checked*: the month's visits of the scheme, and earlier ones no statement has paid yet (they arrived late, or were kept out). *Around*:
what happened at the same time, in whatever scheme and with whatever provider, since a person is in one place only. *Recent*: the visits of
a year, paid ones too, for what offices learn late (a death, a move, a loss).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    and_,
    case,
    func,
    literal,
    or_,
    select,
    type_coerce,
)

from settlement.db import micros
from settlement.periods import Month
from settlement.policy.scheme import Scheme
from settlement.visits.tables import visits

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

MONTHS_BACK = 12


def us(moment: ColumnElement[datetime]) -> ColumnElement[int]:
    """A moment as the number it is stored as: microseconds since the epoch, UTC."""
    return type_coerce(moment, BigInteger)


def began(v: FromClause) -> ColumnElement[datetime]:
    """When a visit began: as told, or as an approved correction says."""
    return func.coalesce(v.c.corrected_in_at, v.c.check_in_at)


def ended(v: FromClause) -> ColumnElement[datetime]:
    """When it ended; NULL where nobody knows."""
    return func.coalesce(v.c.corrected_out_at, v.c.check_out_at)


def lesser(a: ColumnElement[int], b: ColumnElement[int]) -> ColumnElement[int]:
    return case((a < b, a), else_=b)


def greater(a: ColumnElement[int], b: ColumnElement[int]) -> ColumnElement[int]:
    return case((a > b, a), else_=b)


@dataclass(frozen=True)
class Scope:
    """``late``: the earlier months that still have unpaid visits."""

    scheme: Scheme
    month: Month
    late: Sequence[Month]

    @classmethod
    def of(cls, conn: Connection, scheme: Scheme, month: Month) -> Scope:
        unpaid = (
            select(visits.c.month)
            .where(visits.c.scheme_code == scheme.code, visits.c.status == "served", visits.c.month < str(month))
            .distinct()
            .order_by(visits.c.month)
        )
        return cls(scheme, month, [Month.parse(each) for each in conn.execute(unpaid).scalars()])

    @property
    def months(self) -> list[str]:
        return [str(each) for each in (*self.late, self.month)]

    @property
    def begins(self) -> datetime:
        """The first moment of the earliest month concerned."""
        return self._runs[0][0].start(self.scheme.time_zone)

    def checked(self, v: FromClause, *, also: Sequence[str] = ()) -> ColumnElement[bool]:
        """True for a row of visits under judgement. ``also``: further statuses that this month's visits may have."""
        this_month = and_(v.c.month == str(self.month), v.c.status.in_(["served", "paid", *also]))
        earlier = and_(v.c.month.in_([str(each) for each in self.late]), v.c.status == "served")
        return and_(v.c.scheme_code == self.scheme.code, or_(this_month, earlier) if self.late else this_month)

    def recent(self, v: FromClause) -> ColumnElement[bool]:
        """Visits of the scheme that something learnt only now may speak against, paid or not."""
        months = v.c.month.between(str(self.month.plus(-MONTHS_BACK)), str(self.month))
        return and_(v.c.scheme_code == self.scheme.code, months, v.c.status.in_(["served", "paid"]))

    def within(self, v: FromClause) -> ColumnElement[bool]:
        """The whole months concerned, of every scheme and provider, void visits left out: what shares are taken of."""
        return and_(v.c.month.in_(self.months), v.c.status.in_(["served", "paid"]))

    def around(self, v: FromClause, *, days: int = 1) -> ColumnElement[bool]:
        """The months concerned and some days on either side: a visit on the 31st may run into one on the 1st."""
        margin = timedelta(days=days)
        spans = [
            and_(
                v.c.month.between(str(first.previous()), str(last.next())),
                v.c.check_in_at >= first.start(self.scheme.time_zone) - margin,
                v.c.check_in_at < last.end(self.scheme.time_zone) + margin,
            )
            for first, last in self._runs
        ]
        return and_(or_(*spans), v.c.status.in_(["served", "paid"]))

    @cached_property
    def _runs(self) -> list[tuple[Month, Month]]:
        """The months concerned as runs without a gap."""
        runs: list[tuple[Month, Month]] = []
        for month in (*self.late, self.month):
            if runs and runs[-1][1].next() == month:
                runs[-1] = (runs[-1][0], month)
            else:
                runs.append((month, month))
        return runs

    def local_day(self, moment: ColumnElement[datetime]) -> ColumnElement[int]:
        """The local calendar day of a moment, as days since 1970-01-01."""
        offset = self._offset(moment)
        return (us(moment) + offset) // literal(DAY, BigInteger)

    def _offset(self, moment: ColumnElement[datetime]) -> ColumnElement[int]:
        # The zone's distance from UTC is looked up here, hour by hour, because databases differ in what they know of zones.
        changes: list[tuple[datetime, int]] = []
        for first, last in self._runs:
            hour = first.start(self.scheme.time_zone).astimezone(UTC) - timedelta(days=1)
            end = last.end(self.scheme.time_zone).astimezone(UTC) + timedelta(days=1)
            while hour < end:
                distance = hour.astimezone(self.scheme.time_zone).utcoffset() or timedelta()
                if not changes or changes[-1][1] != distance // timedelta(microseconds=1):
                    changes.append((hour, distance // timedelta(microseconds=1)))
                hour += timedelta(hours=1)
        later = [(us(moment) >= micros(since), literal(offset, BigInteger)) for since, offset in reversed(changes[1:])]
        first_offset = literal(changes[0][1], BigInteger)
        return case(*later, else_=first_offset) if later else first_offset
