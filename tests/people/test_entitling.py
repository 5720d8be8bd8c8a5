"""What the facts give, and what life changes: figures in fen a month."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Engine, func, select, update

from settlement.outcomes import Reason, Refused
from settlement.people import changes, entitling, integrity
from settlement.people.changes import Assessment
from settlement.people.tables import entitlements, seniors
from settlement.periods import Month
from tests.people.people import CLERK, HEAD, SCHEME, person, settle
from tests.support import acting

JULY = Month(2026, 7)


@pytest.fixture
def district(engine: Engine) -> Engine:
    settle(engine)
    return engine


def enrolled(engine: Engine, birth: str = "1950-03-07", *, level: int = 1, needy: bool = True) -> int:
    """Somebody entitled from July 2026."""
    with acting(engine, "2026-06-24 09:00") as act:
        senior = person(act, birth, level=level, needy=needy)
        entitling.decide(act, SCHEME, [senior], JULY, "enrolled")
    return senior


def rows(engine: Engine, senior: int) -> list[tuple[str, int, str, str | None]]:
    """(group, amount, from, to), those without any month left out."""
    e = entitlements.c
    with engine.connect() as conn:
        found = conn.execute(
            select(e.group_code, e.amount, e.from_month, e.to_month)
            .where(e.senior_id == senior, func.coalesce(e.to_month, "9999") >= e.from_month)
            .order_by(e.from_month)
        )
        return [tuple(row) for row in found]


def refusal(engine: Engine, now: str, call, *args) -> Reason:  # type: ignore[no-untyped-def]
    with pytest.raises(Refused) as refused, acting(engine, now, by=HEAD) as act:
        call(act, *args)
    return refused.value.reason


def test_amounts_by_need_and_ability(district: Engine):
    amounts = {}
    with acting(district, "2026-06-24 09:00") as act:
        people = {level: person(act, level=level) for level in range(5)}
        aged = person(act, "1946-06-30", needy=False, level=3)
        aged_tomorrow = person(act, "1946-07-01", needy=False, level=3)
        needy_and_aged = person(act, "1940-01-01", level=0)
        unassessed = person(act)
        decided = entitling.decide(
            act, SCHEME, [*people.values(), aged, aged_tomorrow, needy_and_aged, unassessed], JULY, "enrolled"
        )
        for row in act.conn.execute(select(entitlements)):
            amounts[row.senior_id] = (row.amount, row.group_code, row.clause)
    assert [amounts[people[level]][:2] for level in range(5)] == [
        (8000, "needy_able"),
        (15000, "needy_semi"),
        (15000, "needy_semi"),
        (26000, "needy_disabled"),
        (26000, "needy_disabled"),
    ]
    assert amounts[aged] == (6000, "aged", "三(一)2")
    assert amounts[needy_and_aged] == (8000, "needy_able", "三(一)1")  # one benefit, the higher: 80 yuan, not 60 or 140
    assert set(decided.without) == {aged_tomorrow, unassessed}
    assert decided.without[unassessed][0].why.name == "NOT_ASSESSED"


def test_a_new_level_counts_from_the_next_month(district: Engine):
    senior = enrolled(district, level=1)
    with acting(district, "2026-08-10 09:00", by=HEAD) as act:
        changes.reassess(act, SCHEME, [Assessment(senior, 3, date(2026, 8, 5), "评估机构")])
    assert rows(district, senior) == [
        ("needy_semi", 15000, "2026-07", "2026-08"),
        ("needy_disabled", 26000, "2026-09", None),
    ]
    # A second opinion in the same month supersedes the row that has not begun.
    with acting(district, "2026-08-25 09:00", by=HEAD) as act:
        changes.reassess(act, SCHEME, [Assessment(senior, 0, date(2026, 8, 24), "评估机构")])
    assert rows(district, senior) == [
        ("needy_semi", 15000, "2026-07", "2026-08"),
        ("needy_able", 8000, "2026-09", None),
    ]
    old = Assessment(senior, 2, date(2026, 8, 20), "a")
    assert refusal(district, "2026-08-26 09:00", changes.reassess, SCHEME, [old]) is Reason.NEWS_OUTDATED
    same = Assessment(senior, 0, date(2026, 8, 24), "a")
    assert refusal(district, "2026-08-26 09:00", changes.reassess, SCHEME, [same]) is Reason.NEWS_KNOWN
    other = Assessment(senior, 4, date(2026, 8, 24), "a")
    assert refusal(district, "2026-08-26 09:00", changes.reassess, SCHEME, [other]) is Reason.NEWS_CONTRADICTS


def test_deciding_twice_changes_nothing(district: Engine):
    senior = enrolled(district)
    with acting(district, "2026-07-02 09:00") as act:
        assert entitling.decide(act, SCHEME, [senior], JULY, "again").unchanged == [senior]
        assert entitling.decide(act, SCHEME, [senior], Month(2026, 12), "again").unchanged == [senior]
    assert rows(district, senior) == [("needy_semi", 15000, "2026-07", None)]


def test_a_category_lost_and_gained(district: Engine):
    senior = enrolled(district, "1940-01-01", level=2)
    with acting(district, "2026-08-10 09:00", by=HEAD) as act:
        changes.lose_category(act, SCHEME, senior, "low_income", date(2026, 8, 1))
    with acting(district, "2026-09-30 09:00", by=HEAD) as act:
        changes.gain_category(act, SCHEME, senior, "solitary", date(2026, 9, 30))
    assert rows(district, senior) == [
        ("needy_semi", 15000, "2026-07", "2026-08"),
        ("aged", 6000, "2026-09", "2026-09"),
        ("needy_semi", 15000, "2026-10", None),
    ]
    args = (SCHEME, senior, "solitary", date(2026, 9, 30))
    assert refusal(district, "2026-10-01 09:00", changes.gain_category, *args) is Reason.NEWS_KNOWN
    assert refusal(district, "2026-10-01 09:00", changes.lose_category, *args) is Reason.NEWS_CONTRADICTS


def test_who_turns_80_while_enrolled_is_decided_anew(district: Engine):
    """Needy and able she has 80 yuan; at 80 the aged benefit of 60 is lower, so nothing changes. When her category ends, the aged one
    follows because she is 80 by then; without the birthday she would be left with nothing."""
    senior = enrolled(district, "1946-08-20", level=0)
    with acting(district, "2026-08-28 09:00") as act:
        assert entitling.age_bands(act, SCHEME, Month(2026, 9)).unchanged == [senior]
        assert entitling.age_bands(act, SCHEME, Month(2026, 8)).unchanged == []
    with acting(district, "2026-09-10 09:00", by=HEAD) as act:
        changes.lose_category(act, SCHEME, senior, "low_income", date(2026, 9, 10))
    assert rows(district, senior) == [("needy_able", 8000, "2026-07", "2026-09"), ("aged", 6000, "2026-10", None)]


def test_a_death_on_the_15th(district: Engine):
    senior = enrolled(district)
    with acting(district, "2026-08-20 09:00", by=CLERK) as act:
        changes.died(act, senior, date(2026, 8, 15))
    assert rows(district, senior) == [("needy_semi", 15000, "2026-07", "2026-08")]
    with district.connect() as conn:
        row = conn.execute(select(seniors).where(seniors.c.id == senior)).one()
        assert (row.status, row.died_on) == ("removed", date(2026, 8, 15))
        assert conn.scalar(select(entitlements.c.end_reason)) == "died"
    now = "2026-08-21 09:00"
    assert refusal(district, now, changes.died, senior, date(2026, 8, 15)) is Reason.NEWS_KNOWN
    assert refusal(district, now, changes.died, senior, date(2026, 8, 16)) is Reason.NEWS_CONTRADICTS
    assert refusal(district, now, changes.left, senior, date(2026, 8, 16)) is Reason.SENIOR_DEAD
    reassessed = Assessment(senior, 4, date(2026, 8, 20), "a")
    assert refusal(district, now, changes.reassess, SCHEME, [reassessed]) is Reason.SENIOR_DEAD


def test_news_that_cannot_be_is_refused(district: Engine):
    senior = enrolled(district)
    now = "2026-08-20 09:00"
    assert refusal(district, now, changes.died, senior, date(2026, 8, 21)) is Reason.DAY_IN_FUTURE
    assert refusal(district, now, changes.died, senior, date(1950, 3, 6)) is Reason.DAY_BEFORE_BIRTH
    assert refusal(district, now, changes.died, 10**6, date(2026, 8, 1)) is Reason.NOT_FOUND
    assert refusal(district, now, changes.gain_category, SCHEME, senior, "rich", date(2026, 8, 1)) is Reason.BAD_INPUT


def test_rows_that_contradict_each_other_are_found(district: Engine):
    twice, dead = enrolled(district), enrolled(district)
    with acting(district, "2026-08-20 09:00", by=HEAD) as act:
        changes.reassess(act, SCHEME, [Assessment(twice, 3, date(2026, 8, 5), "评估机构")])
        changes.died(act, dead, date(2026, 8, 15))
        assert integrity.check(act.conn) == []
        old = entitlements.c.to_month == "2026-08"
        act.conn.execute(update(entitlements).where(old).values(to_month="2026-09"))
        found = [(finding.code, finding.subject) for finding in integrity.check(act.conn)]
    assert found == [("entitlement_overlap", f"senior:{twice}"), ("entitlement_after_end", f"senior:{dead}")]


def test_a_death_before_the_first_month_leaves_no_month(district: Engine):
    senior = enrolled(district)
    with acting(district, "2026-06-30 09:00", by=CLERK) as act:
        changes.died(act, senior, date(2026, 6, 28))
    assert rows(district, senior) == []


def test_who_left_by_mistake_is_reinstated_without_a_gap(district: Engine):
    senior = enrolled(district)
    with acting(district, "2026-08-20 09:00", by=CLERK) as act:
        changes.left(act, senior, date(2026, 8, 10))
    assert refusal(district, "2026-09-05 09:00", changes.left, senior, date(2026, 8, 11)) is Reason.NEWS_CONTRADICTS
    too_early = (SCHEME, senior, "x", Month(2026, 8))
    assert refusal(district, "2026-09-05 09:00", changes.reinstate, *too_early) is Reason.NEWS_CONTRADICTS
    with acting(district, "2026-09-05 09:00", by=HEAD) as act:
        changes.reinstate(act, SCHEME, senior, "同名同姓，登记错误", Month(2026, 9))
    assert rows(district, senior) == [
        ("needy_semi", 15000, "2026-07", "2026-08"),
        ("needy_semi", 15000, "2026-09", None),
    ]
    with district.connect() as conn:
        row = conn.execute(select(seniors).where(seniors.c.id == senior)).one()
        assert (row.status, row.left_on) == ("entitled", None)


def test_the_database_itself_refuses_a_second_running_row(district: Engine):
    senior = enrolled(district)
    with acting(district, "2026-08-10 09:00", by=HEAD) as act:
        changes.reassess(act, SCHEME, [Assessment(senior, 3, date(2026, 8, 5), "评估机构")])
    with district.connect() as conn:
        assert integrity.check(conn) == []
    with pytest.raises(Exception, match=r"(?i)unique"), acting(district, "2026-08-11 09:00") as act:
        act.conn.execute(update(entitlements).values(to_month=None))


def test_what_raises_a_payment_is_not_one_clerks_word(district: Engine):
    senior, on = enrolled(district, level=1), date(2026, 8, 5)
    with acting(district, "2026-08-10 09:00", by=CLERK) as act:
        for call, news in (
            (changes.reassess, ([Assessment(senior, 3, on, "评估机构")],)),
            (changes.gain_category, (senior, "destitute", on)),
            (changes.lose_category, (senior, "low_income", on)),
        ):
            with pytest.raises(Refused) as refused:
                call(act, SCHEME, *news)
            assert refused.value.reason is Reason.NOT_ALLOWED
    assert rows(district, senior) == [("needy_semi", 15000, "2026-07", None)]
