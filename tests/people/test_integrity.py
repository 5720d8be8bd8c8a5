"""A month counted twice, or after a death, is found and named."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Engine, insert, update

from settlement.db import reading
from settlement.people import entitling, integrity
from settlement.people.tables import entitlements, seniors
from settlement.periods import Month
from tests.people.people import SCHEME, person, settle
from tests.support import acting


@pytest.fixture
def senior(engine: Engine) -> int:
    settle(engine)
    with acting(engine, "2026-06-24 09:00") as act:
        senior = person(act, level=1)
        entitling.decide(act, SCHEME, [senior], Month(2026, 7), "enrolled")
    return senior


def add(engine: Engine, senior: int, first: str, last: str | None) -> int:
    row = {"senior_id": senior, "scheme_code": "jiangdu", "benefit": "needy", "group_code": "needy_semi", "amount": 1}
    row |= {"from_month": first, "to_month": last, "reason": "by hand", "clause": "—"}
    with acting(engine) as act:
        row["decided_at"] = act.now
        return act.conn.execute(insert(entitlements).returning(entitlements.c.id), row).scalar_one()


def test_the_same_month_twice(engine: Engine, senior: int) -> None:
    # July is held already and runs on; January to June touches nothing, a row without any month neither.
    add(engine, senior, "2026-01", "2026-06")
    add(engine, senior, "2026-08", "2026-07")
    with reading(engine) as conn:
        assert integrity.check(conn) == []
    twice = add(engine, senior, "2026-07", "2026-07")
    with reading(engine) as conn:
        (finding,) = integrity.check(conn)
    assert finding.subject == f"senior:{senior}"
    assert f"entitlement:{twice}" in finding.records


def test_a_month_after_the_death(engine: Engine, senior: int) -> None:
    with acting(engine) as act:
        act.conn.execute(update(seniors).where(seniors.c.id == senior).values(died_on=date(2026, 8, 15)))
        act.conn.execute(update(entitlements).values(to_month="2026-08"))
        assert integrity.check(act.conn) == []
        act.conn.execute(update(entitlements).values(to_month="2026-09"))
        (finding,) = integrity.check(act.conn)
    assert finding.code == "entitlement_after_end"
