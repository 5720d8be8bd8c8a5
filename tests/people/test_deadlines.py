"""How long a step may take, in working days, and when it is called near or late."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Engine, select

from settlement.people import deadlines
from settlement.people.deadlines import Near
from settlement.people.tables import enrolments
from tests.people.people import CLERK, DISTRICT, HEAD, SCHEME, settle
from tests.people.test_enrolment import applied, post, take


@pytest.fixture
def district(engine: Engine) -> Engine:
    settle(engine)
    return engine


def due_on(engine: Engine) -> date | None:
    with engine.connect() as conn:
        return conn.scalar(select(enrolments.c.due_on))


def test_ten_working_days_and_for_a_batch_from_the_end_of_the_intake(district: Engine):
    [id_] = applied(district, "1950-03-07", level=None)
    # Applied on Monday 8 June; 19 June (Dragon Boat) is off: 9-12, 15-18, 22 and 23 June are ten working days.
    assert due_on(district) == date(2026, 6, 23)
    take(district, CLERK, "2026-06-09 09:00", [id_], "village_check")
    # The town approves the whole intake, which closes on Tuesday 30 June: 1-3, 6-10, 13 and 14 July.
    assert due_on(district) == date(2026, 7, 14)
    take(district, HEAD, "2026-07-06 09:00", [id_], "town_approve")
    # Not a batch: from Monday 6 July, 7-10, 13-17 and 20 July.
    assert due_on(district) == date(2026, 7, 20)
    take(district, DISTRICT, "2026-07-20 09:00", [id_], "district_file")
    # A batch again, but the intake is over: 21-24, 27-31 July, 3 August.
    assert due_on(district) == date(2026, 8, 3)


def test_once_the_names_are_posted_the_limit_counts_from_their_last_day(district: Engine):
    ids = applied(district, "1950-03-07")
    assert post(district, "2026-06-15 09:00", ids) == date(2026, 6, 23)
    # 24-26, 29, 30 June, 1-3, 6, 7 July.
    assert due_on(district) == date(2026, 7, 7)


def test_past_the_calendar_nothing_is_due_and_nothing_is_stopped(district: Engine):
    ids = applied(district, "1950-03-07", level=None, on="2026-12-24")
    assert due_on(district) is None
    assert take(district, CLERK, "2026-12-25 09:00", ids, "village_check") == ids


def test_near_and_late(district: Engine):
    with district.connect() as conn:
        near = deadlines.near(conn, SCHEME, date(2026, 6, 17))
    assert near == Near(date(2026, 6, 17), date(2026, 6, 22))  # 18 and 22 June: two working days
    days = (date(2026, 6, 16), date(2026, 6, 17), date(2026, 6, 22), date(2026, 6, 23), None)
    assert [near.state(day) for day in days] == ["late", "near", "near", None, None]


def test_an_intake_closes_in_the_year_after_where_it_runs_over_new_year():
    assert deadlines.closing_day(SCHEME, "2026-summer") == date(2026, 6, 30)
    assert deadlines.closing_day(SCHEME, "2026-winter") == date(2026, 12, 31)
    assert deadlines.closing_day(SCHEME, "2026-spring") is None
