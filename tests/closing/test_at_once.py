"""Drawing up a month while somebody takes money back. PostgreSQL only: SQLite lets one writer in at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from settlement.audit import audit_rows
from settlement.closing import adjusting, drawing, integrity, month, questions
from settlement.closing.tables import adjustments, statement_lines, statements
from settlement.db import reading
from settlement.outcomes import Reason, Refused
from settlement.visits import voiding
from settlement.visits.tables import visits
from tests.at_once import meanwhile
from tests.closing.county import AUGUST, JULY, OTHER_TOWN_1, SCHEME, TOWN_1, XIANNV, County, statement_id
from tests.support import acting


@pytest.fixture
def county(databases: Any) -> Iterator[County]:
    engine = databases.create("postgresql")
    yield County(engine).build()
    databases.drop(engine)


def proved(county: County) -> None:
    with reading(county.engine) as conn:
        assert integrity.check(conn) == []


def test_a_debit_taken_back_while_the_month_is_drawn_is_not_paid(county: County) -> None:
    """The debit is taken back, but not yet committed, when the statements are drawn up: they wait and leave its visit out."""
    county.serve("v1")
    county.serve("v2")
    county.advance(JULY)
    county.advance(JULY)
    taken, go_on = threading.Event(), threading.Event()

    def take_back() -> None:
        with acting(county.engine, "2026-08-03 09:00") as act:
            assert voiding.take_back_debit(act, "d-v1", "wrong_amount") is None
            taken.set()
            go_on.wait(10)

    other = threading.Thread(target=take_back)
    other.start()
    assert taken.wait(10)
    threading.Timer(0.5, go_on.set).start()
    county.advance(JULY)
    other.join()
    assert [row.visit_id for row in county.rows(statement_lines)] == ["v2"]
    assert county.one(visits, id="v1").status == "served"
    proved(county)


def test_a_void_committed_while_the_month_is_drawn_is_carried_whole_by_one_statement(
    county: County, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Begun before the cut, committed when August's statements are summed up already: September carries it."""
    county.serve("v1")
    county.serve("v2", when="2026-08-05 09:00")
    county.close(JULY)
    county.advance(AUGUST)
    county.advance(AUGUST)
    lines = drawing.Drawing._lines

    def slowly(self: drawing.Drawing) -> None:
        with acting(county.engine, "2026-09-03 08:59") as act:
            adjusting.void_visit(act, "v1", "fraud")
        lines(self)

    monkeypatch.setattr(drawing.Drawing, "_lines", slowly)
    county.advance(AUGUST)
    monkeypatch.undo()
    assert county.one(statements, month="2026-08").net_fen == 1000
    assert county.one(adjustments).statement_id is None
    proved(county)
    county.sign_month(AUGUST)
    county.close(AUGUST.next())
    assert county.one(statements, month="2026-09").net_fen == -1000
    proved(county)


def test_a_question_that_is_just_being_asked_holds_the_signature_up(county: County) -> None:
    """Asked, but not yet committed, when another of the town's officers verifies: who verifies waits, and is then told of it."""
    county.serve("v1")
    county.draw(JULY)
    asked, go_on = threading.Event(), threading.Event()

    def ask() -> None:
        with acting(county.engine, "2026-08-04 09:00", TOWN_1) as act:
            questions.ask(act, statement_id(JULY, county.providers["A"]), "v1", "是否做满一小时？")
            asked.set()
            go_on.wait(10)

    other = threading.Thread(target=ask)
    other.start()
    assert asked.wait(10)
    threading.Timer(0.5, go_on.set).start()
    with pytest.raises(Refused) as refusal, acting(county.engine, "2026-08-04 09:00", OTHER_TOWN_1) as act:
        month.verify_town(act, SCHEME, JULY, XIANNV)
    other.join()
    assert refusal.value.reason is Reason.QUESTION_OPEN
    assert county.one(statements).status == "drawn"


def test_a_statement_is_verified_by_one_of_two(county: County) -> None:
    """The second of the town's officers finds nothing left to verify, and nothing says that they did."""
    county.serve("v1")
    county.draw(JULY)

    def verify(act: Any) -> None:
        month.verify_town(act, SCHEME, JULY, XIANNV)

    assert meanwhile(county.engine, "2026-08-04 09:00", (TOWN_1, verify), (OTHER_TOWN_1, verify)) is None
    assert county.one(statements).verified_by == TOWN_1.id
    assert [row.actor for row in county.rows(audit_rows, act="statement.verify")] == [TOWN_1.id]
