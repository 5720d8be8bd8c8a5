"""The scheme's calendar: first and last months, what is issued together, when it lapses, when applications are taken. Pure functions."""

from __future__ import annotations

from datetime import date, timedelta

from settlement.periods import Half, Month, Quarter
from settlement.policy.rules_people import Window
from settlement.policy.scheme import Scheme


def first_month(scheme: Scheme, publicity_ended_on: date) -> Month:
    """The first month paid to somebody whose publicity ended on that day without objection."""
    month = Month.of(publicity_ended_on)
    return month.next() if scheme.months.first.rule == "month_after_publicity" else month


def last_month(scheme: Scheme, event_on: date) -> Month:
    """The last month issued to somebody who died, moved away or was frozen on that day."""
    month = Month.of(event_on)
    return month if scheme.months.last.rule == "month_of_event" else month.previous()


def issued_together(scheme: Scheme, month: Month) -> list[Month]:
    """The months loaded in one issue with this one: itself, or its half-year."""
    return [month] if scheme.cycles.issue.months == 1 else Half.of(month.first_day).months


def lapses_on(scheme: Scheme, month: Month) -> date | None:
    """The first day on which what was issued for a month can no longer be spent; None when it carries over for good."""
    carry_over = scheme.purses.carry_over
    if carry_over.carries:
        return None
    return Quarter.of(month.first_day).end_day if carry_over.lapses_after == "quarter" else date(month.year + 1, 1, 1)


def open_window(scheme: Scheme, day: date) -> Window | None:
    """The intake that takes applications on a day."""
    return next((window for window in scheme.enrolment.windows if _takes(window, day)), None)


def next_opening(scheme: Scheme, day: date) -> date:
    """The first day, this one included, on which an intake takes applications."""
    for ahead in range(367):
        candidate = day + timedelta(days=ahead)
        if open_window(scheme, candidate) is not None:
            return candidate
    raise ValueError(f"scheme {scheme.code} has no intake window")  # the checker asks for at least one


def _takes(window: Window, day: date) -> bool:
    today = f"{day:%m-%d}"
    if window.opens <= window.closes:
        return window.opens <= today <= window.closes
    return today >= window.opens or today <= window.closes  # runs over New Year
