"""The list of who became eligible says of each person what the rules say of one."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, insert, select

from settlement.people import becoming, entitling
from settlement.people.tables import categories, seniors
from settlement.policy.eligibility import Why, age_on, judge, months_after
from tests.people.people import SCHEME, settle
from tests.support import acting

DAYS = st.dates(date(2024, 1, 1), date(2029, 12, 31))


@given(on=DAYS, age=st.integers(1, 100))
def test_born_by_is_the_last_day_of_birth_that_is_old_enough(on: date, age: int) -> None:
    latest = becoming.born_by(on, age)
    assert age_on(latest, on) == age
    assert age_on(latest + timedelta(days=1), on) == age - 1


@given(on=DAYS, months=st.integers(1, 24))
def test_since_by_is_the_last_day_that_is_long_enough(on: date, months: int) -> None:
    latest = becoming.since_by(on, months)
    assert months_after(latest, months) <= on
    assert months_after(latest + timedelta(days=1), months) > on


@pytest.mark.parametrize("on", [date(2026, 7, 15), date(2026, 2, 28), date(2028, 2, 29)])
def test_the_query_and_the_rules_agree(engine: Engine, on: date) -> None:
    """Around the limits of age (60, 80) and residence (6 months), with and without a category that begins or ends around the day."""
    settle(engine)
    around = [timedelta(days=days) for days in (-1, 0, 1)]
    births = [becoming.born_by(on, age) + by for age in (60, 80) for by in around]
    sinces = [None, *(becoming.since_by(on, 6) + by for by in around)]
    held = [
        None,
        (on, None),
        (on + timedelta(days=1), None),
        (on - timedelta(days=9), on),
        (on - timedelta(days=9), on + timedelta(days=1)),
    ]
    with acting(engine, "2026-01-06 09:00") as act:
        for number, (birth, since, span) in enumerate((b, s, h) for b in births for s in sinces for h in held):
            row = {
                "id": number + 1,
                "name": "王桂英",
                "sex": "F",
                "birth_date": birth,
                "id_no_cipher": "x",
                "id_no_index": f"{number}",
            }
            row |= {
                "id_last4_index": "x",
                "surname_village_index": "x",
                "town": "仙女镇",
                "village": "正谊村",
                "status": "registered",
            }
            row |= {"resident_since": since, "created_at": act.now, "died_on": on if number % 7 == 6 else None}
            act.conn.execute(insert(seniors), row | {"left_on": on if number % 11 == 10 else None})
            if span is not None:
                values = {"senior_id": number + 1, "category": "solitary", "valid_from": span[0], "valid_to": span[1]}
                act.conn.execute(insert(categories), values)
        s = seniors.c
        listed = set(act.conn.scalars(becoming.eligible(SCHEME, on).add_columns(s.id)))
        expected = set()
        for id, facts in entitling.facts_of(act.conn, list(act.conn.scalars(select(s.id))), on).items():
            may, denials = judge(SCHEME, facts, on)
            if may or any(denial.why is Why.NOT_ASSESSED for denial in denials):
                expected.add(id)
    assert listed == expected
    assert 0 < len(expected) < 6 * 4 * 5
