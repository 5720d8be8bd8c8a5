"""How long each step of an enrolment may take: the scheme's working days, counted from the day the step became due.

A step that is taken together for an intake counts from the day after the intake closed. A day that the calendar does not reach is left
open: that days off are not on record yet must not stop anybody's application.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, select, update

from settlement.act import Act
from settlement.outcomes import Refused
from settlement.people.register import chunks
from settlement.people.tables import enrolments
from settlement.people.workdays import Workdays, load
from settlement.policy.rules_people import Step
from settlement.policy.scheme import Scheme


@dataclass(frozen=True)
class Near:
    """What counts today: late is what was due before ``today``, near what is due from then until ``until``."""

    today: date
    until: date

    def state(self, due_on: date | None) -> str | None:
        """``late``, ``near``, or None where there is time or no limit."""
        if due_on is None or due_on > self.until:
            return None
        return "late" if due_on < self.today else "near"


def near(conn: Connection, scheme: Scheme, today: date) -> Near:
    """What the scheme calls near on a day; without a calendar only the day itself."""
    return Near(today, _after(load(conn), today, scheme.enrolment.limits.warn_days) or today)


def limit(scheme: Scheme, step: Step) -> int:
    """Working days for a step."""
    return step.working_days or scheme.enrolment.limits.working_days


def set_due(act: Act, scheme: Scheme, ids: Sequence[int], step: str, since: date) -> None:
    """Write down by when a step has to be taken, for enrolments that have come to it. Of ``done`` and ``refused`` nothing is due any more."""
    rule = next((known for known in scheme.enrolment.steps if known.code == step), None)
    if rule is None:
        _write(act, ids, None)
        return
    workdays = load(act.conn)
    if not rule.batch:
        _write(act, ids, _after(workdays, since, limit(scheme, rule)))
        return
    for part in chunks(ids):
        intakes = act.conn.execute(select(enrolments.c.id, enrolments.c.intake).where(enrolments.c.id.in_(part))).all()
        for intake in {row.intake for row in intakes}:
            begins = max(since, closing_day(scheme, intake) or since)
            of_it = [row.id for row in intakes if row.intake == intake]
            _write(act, of_it, _after(workdays, begins, limit(scheme, rule)))


def closing_day(scheme: Scheme, intake: str) -> date | None:
    """The last day of an intake (``2026-summer``); None when the scheme has no such window any more."""
    year, _, code = intake.partition("-")
    window = next((known for known in scheme.enrolment.windows if known.code == code), None)
    if window is None:
        return None
    closes = int(year) + (window.closes < window.opens)
    return date.fromisoformat(f"{closes}-{window.closes}")


def intake_name(scheme: Scheme | None, intake: str) -> str:
    """``2026-summer`` as the scheme calls it: 2026年上半年集中申报."""
    year, _, code = intake.partition("-")
    names = {} if scheme is None else {window.code: window.name_zh for window in scheme.enrolment.windows}
    return f"{year}年{names[code]}" if code in names else intake


def _after(workdays: Workdays, day: date, count: int) -> date | None:
    try:
        return workdays.after(day, count)
    except Refused:
        return None


def _write(act: Act, ids: Sequence[int], due_on: date | None) -> None:
    for part in chunks(ids):
        act.conn.execute(update(enrolments).where(enrolments.c.id.in_(part)).values(due_on=due_on))
