from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import Engine

from settlement.outcomes import Reason, Refused
from settlement.people import workdays
from settlement.people.workdays import OfficialDay, Workdays
from tests.people.people import DISTRICT
from tests.support import acting


def test_publicity_over_the_national_day_of_2026():
    """Posted on Monday 28 September: 29 and 30 September, then 1 to 7 October are off; Thursday 8, Friday 9, and Saturday 10 October,
    which is worked in exchange. The fifth full working day is that Saturday."""
    assert Workdays({}).after(date(2026, 9, 28), 5) == date(2026, 10, 10)


def test_the_day_of_posting_does_not_count():
    assert Workdays({}).after(date(2026, 11, 2), 5) == date(2026, 11, 9)


def test_a_year_that_is_not_on_record_is_not_guessed():
    with pytest.raises(Refused) as refused:
        Workdays({}).after(date(2026, 12, 28), 5)
    assert refused.value.reason is Reason.CALENDAR_ENDS
    assert "2027" in refused.value.zh


def test_an_imported_year_goes_on(engine: Engine):
    off = [date(2027, 1, 1) + timedelta(days=i) for i in range(3)] + [
        date(2027, 2, 5) + timedelta(days=i) for i in range(10)
    ]
    days = [OfficialDay(day, False, "放假") for day in off] + [OfficialDay(date(2027, 1, 9), True, "补班")]
    with acting(engine, by=DISTRICT) as act:
        assert workdays.import_days(act, days) == [2027]
        calendar = workdays.load(act.conn)
    # 29, 30, 31 December; 1 to 3 January off; 4, 5 January
    assert calendar.after(date(2026, 12, 28), 5) == date(2027, 1, 5)
    assert calendar.is_working(date(2027, 1, 9))  # a Saturday that is worked


def test_half_a_year_of_days_off_is_refused(engine: Engine):
    with pytest.raises(Refused) as refused, acting(engine, by=DISTRICT) as act:
        workdays.import_days(act, [OfficialDay(date(2027, 1, 1), False, "元旦")])
    assert refused.value.reason is Reason.BAD_INPUT
