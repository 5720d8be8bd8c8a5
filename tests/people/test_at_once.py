"""Two offices at the same moment. PostgreSQL only: SQLite lets one writer in at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine, select

from settlement.messages import invitations
from settlement.outcomes import Reason, Refused
from settlement.people import changes, enrolment, entitling, objections
from settlement.people.changes import Assessment
from settlement.people.tables import assessments, enrolments, entitlements, seniors
from settlement.people.tables import invitations as asked
from settlement.periods import Month
from tests.at_once import meanwhile
from tests.people.people import CLERK, DISTRICT, HEAD, SCHEME, person, settle
from tests.people.test_enrolment import applied, post
from tests.people.test_objections import decide, objected
from tests.support import RING, acting, officer


@pytest.fixture
def district(databases: Any) -> Iterator[Engine]:
    engine = databases.create("postgresql")
    settle(engine)
    yield engine
    databases.drop(engine)


def refused(error: Exception | None) -> Reason:
    assert isinstance(error, Refused), error
    return error.reason


def test_two_objections_to_one_name_are_decided_one_after_the_other(
    district: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Upheld, the other one is settled with it: who decides that one in the same moment waits, and neither waits for the other for ever."""
    [id_] = applied(district, "1950-03-07")
    post(district, "2026-06-15 09:00", [id_])
    both = [objected(district, id_, by=CLERK) for _ in range(2)]
    meet = threading.Barrier(2)

    def found_open(*_: object) -> None:
        with suppress(threading.BrokenBarrierError):  # the other one waits before that
            meet.wait(1)

    monkeypatch.setattr(objections, "require_other", found_open)

    def uphold(number: int) -> object:
        try:
            decide(district, number, "upheld")
        except Refused as error:
            return error.reason
        return None

    with ThreadPoolExecutor(2) as pool:
        assert set(pool.map(uphold, both)) == {None, Reason.WRONG_STATE}


def test_one_application_is_taken_by_two_offices_at_once(district: Engine) -> None:
    with acting(district, "2026-06-08 09:00") as act:
        who = person(act)

    def apply(act: Any) -> None:
        enrolment.apply_many(act, SCHEME, [who], date(2026, 6, 8))

    other = meanwhile(district, "2026-06-08 09:00", (CLERK, apply), (CLERK, apply))
    assert refused(other) is Reason.ALREADY_APPLIED
    with district.connect() as conn:
        assert len(conn.execute(select(enrolments)).all()) == 1


def test_one_person_is_invited_by_two_offices_at_once(district: Engine) -> None:
    """Two requests: the second finds that the person is asked already, and asks nobody."""
    with acting(district, "2026-06-08 09:00") as act:
        who = person(act)
    found: list[invitations.Invited] = []

    def invite(act: Any) -> None:
        found.append(invitations.invite(act, RING, SCHEME, [who]))

    assert meanwhile(district, "2026-06-08 09:00", (HEAD, invite), (DISTRICT, invite)) is None
    assert [(len(each.ids), each.left_out) for each in found] == [(1, 0), (0, 1)]
    with district.connect() as conn:
        assert len(conn.execute(select(asked)).all()) == 1


# -- news of one person, from two offices -------------------------------------------------------------------------------------
NOW = "2026-08-10 09:00"
HEAD_2 = officer("head2", "town", town=HEAD.town)


@pytest.fixture
def somebody(district: Engine) -> int:
    """Low income, level 2: 150.00 a month from July."""
    with acting(district, "2026-06-20 09:00") as act:
        who = person(act, level=2)
        entitling.decide(act, SCHEME, [who], Month(2026, 7), "enrolled")
    return who


def test_of_two_days_of_death_the_first_on_record_stays(district: Engine, somebody: int) -> None:
    def died(day: int) -> Any:
        return lambda act: changes.died(act, somebody, date(2026, 8, day))

    other = meanwhile(district, NOW, (HEAD, died(2)), (HEAD_2, died(5)))
    assert refused(other) is Reason.NEWS_CONTRADICTS
    with district.connect() as conn:
        assert conn.scalar(select(seniors.c.died_on)) == date(2026, 8, 2)


def test_of_two_levels_of_a_day_the_first_on_record_stays(district: Engine, somebody: int) -> None:
    def level(level: int) -> Any:
        return lambda act: changes.reassess(act, SCHEME, [Assessment(somebody, level, date(2026, 8, 5), "评估中心")])

    other = meanwhile(district, NOW, (HEAD, level(3)), (HEAD_2, level(4)))
    assert refused(other) is Reason.NEWS_CONTRADICTS
    with district.connect() as conn:
        assert list(conn.scalars(select(assessments.c.level).order_by(assessments.c.id))) == [2, 3]


def test_a_category_gained_is_recorded_by_one_of_two(district: Engine, somebody: int) -> None:
    def gain(act: Any) -> None:
        changes.gain_category(act, SCHEME, somebody, "destitute", date(2026, 8, 5))

    assert refused(meanwhile(district, NOW, (HEAD, gain), (HEAD_2, gain))) is Reason.NEWS_KNOWN


def test_nothing_begins_for_who_is_just_recorded_as_deceased(district: Engine) -> None:
    """The decision of an application and a death at the same moment: the decision waits and finds nobody alive."""
    with acting(district, "2026-06-20 09:00") as act:
        who = person(act, level=2)

    def died(act: Any) -> None:
        changes.died(act, who, date(2026, 6, 20))

    def decide(act: Any) -> None:
        entitling.decide(act, SCHEME, [who], Month(2026, 7), "enrolled")

    assert meanwhile(district, "2026-06-20 10:00", (HEAD, died), (DISTRICT, decide)) is None
    with district.connect() as conn:
        assert conn.execute(select(entitlements)).all() == []
