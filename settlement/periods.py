"""Calendar periods: half-open, in the scheme's time zone.

A month is written ``2026-07``, a half-year ``2026-H2``, a quarter ``2026-Q3``, a year ``2026``; the text sorts like the calendar and is what
tables store. A moment belongs to the period it falls into in local time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar, Self
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, order=True)
class _Span:
    """A run of whole months: ``number`` counts spans of this length within the year, from 1."""

    year: int
    number: int

    LENGTH: ClassVar[int]
    PATTERN: ClassVar[re.Pattern[str]]

    def __post_init__(self) -> None:
        if not (1 <= self.number <= 12 // self.LENGTH and 1900 <= self.year <= 9998):
            raise ValueError(f"no such period: {self.year} no. {self.number}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the written form; raises ValueError for anything else."""
        match = cls.PATTERN.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"not a {cls.__name__.lower()}: {text!r}")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def of(cls, when: date | datetime, zone: ZoneInfo = SHANGHAI) -> Self:
        """The period a local date, or a moment seen from ``zone``, falls into."""
        if isinstance(when, datetime):
            when = when.astimezone(zone).date()
        return cls(when.year, (when.month - 1) // cls.LENGTH + 1)

    @property
    def first_day(self) -> date:
        return date(self.year, (self.number - 1) * self.LENGTH + 1, 1)

    @property
    def end_day(self) -> date:
        """The first day after the period."""
        return self.next().first_day

    def start(self, zone: ZoneInfo = SHANGHAI) -> datetime:
        """The first moment of the period."""
        day = self.first_day
        return datetime(day.year, day.month, 1, tzinfo=zone)

    def end(self, zone: ZoneInfo = SHANGHAI) -> datetime:
        """The first moment after the period."""
        return self.next().start(zone)

    def plus(self, count: int) -> Self:
        per_year = 12 // self.LENGTH
        index = self.year * per_year + self.number - 1 + count
        return type(self)(index // per_year, index % per_year + 1)

    def next(self) -> Self:
        return self.plus(1)

    def previous(self) -> Self:
        return self.plus(-1)

    @property
    def months(self) -> list[Month]:
        first = Month.of(self.first_day)
        return [first.plus(i) for i in range(self.LENGTH)]


@dataclass(frozen=True, order=True)
class Month(_Span):
    LENGTH = 1
    PATTERN = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.number:02d}"


@dataclass(frozen=True, order=True)
class Quarter(_Span):
    LENGTH = 3
    PATTERN = re.compile(r"(\d{4})-Q([1-4])")

    def __str__(self) -> str:
        return f"{self.year:04d}-Q{self.number}"


@dataclass(frozen=True, order=True)
class Half(_Span):
    LENGTH = 6
    PATTERN = re.compile(r"(\d{4})-H([12])")

    def __str__(self) -> str:
        return f"{self.year:04d}-H{self.number}"


def local_date(moment: datetime, zone: ZoneInfo = SHANGHAI) -> date:
    """The calendar day of a moment, as people at the place call it."""
    return moment.astimezone(zone).date()
