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
from settlement.people import enrolment, objections
from settlement.people.tables import enrolments
from settlement.people.tables import invitations as asked
from tests.at_once import meanwhile
from tests.people.people import CLERK, DISTRICT, HEAD, SCHEME, person, settle
from tests.people.test_enrolment import applied, post
from tests.people.test_objections import decide, objected
from tests.support import RING, acting


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
