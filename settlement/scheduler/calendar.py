"""Periods of jobs and the moment each falls due, in the scheme's time zone. A period is written so that its text sorts like the calendar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from settlement.periods import Month, Quarter, local_date


@dataclass(frozen=True)
class Kind:
    """A kind of period: ``of`` the one a moment falls into, the ``next`` one, and when one ``starts`` (local time)."""

    of: Callable[[datetime, ZoneInfo], str]
    next: Callable[[str], str]
    starts: Callable[[str, ZoneInfo], datetime]
    """Raises ValueError for a text that is no period of this kind."""


def _day(text: str, zone: ZoneInfo) -> datetime:
    return datetime.combine(date.fromisoformat(text), time(), tzinfo=zone)


HOUR_FORM = "%Y-%m-%dT%H"

MONTH = Kind(
    lambda moment, zone: str(Month.of(moment, zone)),
    lambda text: str(Month.parse(text).next()),
    lambda text, zone: Month.parse(text).start(zone),
)
QUARTER = Kind(
    lambda moment, zone: str(Quarter.of(moment, zone)),
    lambda text: str(Quarter.parse(text).next()),
    lambda text, zone: Quarter.parse(text).start(zone),
)
DAY = Kind(
    lambda moment, zone: str(local_date(moment, zone)),
    lambda text: str(date.fromisoformat(text) + timedelta(days=1)),
    _day,
)
HOUR = Kind(
    lambda moment, zone: moment.astimezone(zone).strftime(HOUR_FORM),
    lambda text: (_hour(text) + timedelta(hours=1)).strftime(HOUR_FORM),
    lambda text, zone: _hour(text).replace(tzinfo=zone),
)
QUARTER_HOUR_FORM = "%Y-%m-%dT%H:%M"
FIFTEEN_MINUTES = timedelta(minutes=15)
QUARTER_HOUR = Kind(
    lambda moment, zone: _whole_quarter(moment.astimezone(zone)).strftime(QUARTER_HOUR_FORM),
    lambda text: (_quarter_hour(text) + FIFTEEN_MINUTES).strftime(QUARTER_HOUR_FORM),
    lambda text, zone: _quarter_hour(text).replace(tzinfo=zone),
)


def _whole_quarter(moment: datetime) -> datetime:
    return moment.replace(minute=moment.minute // 15 * 15)


def _quarter_hour(text: str) -> datetime:
    found = datetime.strptime(text, QUARTER_HOUR_FORM)  # noqa: DTZ007 - a wall-clock time; the zone is added by who asks
    if found.minute % 15:
        raise ValueError(f"not a quarter of an hour: {text}")
    return found


def _hour(text: str) -> datetime:
    return datetime.strptime(text, HOUR_FORM)  # noqa: DTZ007 - a wall-clock hour; the zone is added by who asks


@dataclass(frozen=True)
class When:
    """When a period's job falls due: so many ``months`` after the month it starts in, on a ``day`` of that month, at a local time.

    Without ``day``: on the day it starts; without ``at``: at the very moment it starts.
    """

    at: time | None = None
    months: int = 0
    day: int | None = None

    def after(self, start: datetime) -> datetime:
        day = start.date()
        if self.day is not None:
            day = Month.of(day).plus(self.months).first_day.replace(day=self.day)
        return datetime.combine(day, start.time() if self.at is None else self.at, tzinfo=start.tzinfo)
