"""Working days in China: Monday to Friday, less the days off and with the make-up days of the State Council's yearly notice.

chinesecalendar brings the years it knows; ``official_days`` holds what an administrator imported since (``songbai import days``) and takes
precedence. A year that neither knows is refused rather than guessed: a publicity one day short can be set aside in court.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from chinese_calendar import is_workday
from chinese_calendar.constants import holidays
from sqlalchemy import Connection, delete, insert, select

from settlement.act import Act
from settlement.officers import require
from settlement.outcomes import Reason, Refused
from settlement.people.tables import official_days

BUILT_IN = range(min(holidays).year, max(holidays).year + 1)
"""Years chinesecalendar knows."""

STATUTORY_DAYS = 13
"""Paid public holidays a year since 2025; a year's notice never names fewer days off."""


@dataclass(frozen=True)
class OfficialDay:
    """``works``: a weekend day that is worked; otherwise a day off."""

    day: date
    works: bool
    name: str


class Workdays:
    """The calendar of one district, read once and asked often."""

    def __init__(self, imported: Mapping[date, bool]) -> None:
        self._imported = dict(imported)
        off = Counter(day.year for day, works in imported.items() if not works)
        self._years = set(BUILT_IN) | {year for year, days in off.items() if days >= STATUTORY_DAYS}

    def is_working(self, day: date) -> bool:
        """Raises Refused(CALENDAR_ENDS) for a day of a year whose days off are not on record."""
        if day in self._imported:
            return self._imported[day]
        if day.year not in self._years:
            raise Refused(Reason.CALENDAR_ENDS, year=day.year)
        return bool(is_workday(day)) if day.year in BUILT_IN else day.weekday() < 5

    def after(self, day: date, count: int) -> date:
        """The last of ``count`` full working days after a day; the day itself does not count (Civil Code, article 201)."""
        while count:
            day += timedelta(days=1)
            count -= self.is_working(day)
        return day


def load(conn: Connection) -> Workdays:
    rows = conn.execute(select(official_days.c.day, official_days.c.works))
    return Workdays({row.day: row.works for row in rows})


def import_days(act: Act, days: Iterable[OfficialDay]) -> list[int]:
    """Add official days, replacing what is on record for them; answers the years named.

    Raises Refused(BAD_INPUT) when a year that is not built in is left with fewer days off than any year has. One year's notice may name
    single days of the year before (31 December for New Year).
    """
    require(act, "days.import")
    by_day = {entry.day: entry for entry in days}
    act.conn.execute(delete(official_days).where(official_days.c.day.in_(by_day)))
    rows = [{"day": entry.day, "works": entry.works, "name": entry.name} for entry in by_day.values()]
    if rows:
        act.conn.execute(insert(official_days), rows)
    years = sorted({day.year for day in by_day})
    known = act.conn.scalars(select(official_days.c.day).where(~official_days.c.works))
    off = Counter(day.year for day in known)
    for year in years:
        if year not in BUILT_IN and off[year] < STATUTORY_DAYS:
            zh = f"{year}年只有{off[year]}个休息日，应不少于{STATUTORY_DAYS}个"
            raise Refused(
                Reason.BAD_INPUT, detail=f"{zh} | {off[year]} days off in {year}, at least {STATUTORY_DAYS} needed"
            )
    act.audit("days.import", "calendar", after={"years": years, "days": len(rows)})
    return years
