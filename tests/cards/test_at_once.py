"""Two counters at the same moment. PostgreSQL only: SQLite lets one writer in at a time."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select

from settlement.cards import registry
from settlement.cards.tables import cards
from settlement.outcomes import Reason, Refused
from tests.at_once import meanwhile
from tests.cards.county import COUNTER, SCHEME, TOWN_CLERK, senior
from tests.support import RING, acting


@pytest.mark.parametrize("number", [None, "8320001234567890"])
def test_one_person_is_given_one_card(databases: Any, number: str | None) -> None:
    """A new card at one counter, another or the carried one bound at the next."""
    engine = databases.create("postgresql")
    with acting(engine, "2026-07-01 09:00") as act:
        who = senior(act)

    def make(act: Any) -> None:
        registry.issue(act, RING, SCHEME, who)

    def other(act: Any) -> None:
        registry.issue(act, RING, SCHEME, who) if number is None else registry.bind(act, RING, SCHEME, who, number)

    error = meanwhile(engine, "2026-07-01 10:00", (TOWN_CLERK, make), (COUNTER, other))
    assert isinstance(error, Refused), error
    assert error.reason is Reason.CARD_EXISTS
    with engine.connect() as conn:
        assert conn.scalar(select(func.count()).select_from(cards)) == 1
    databases.drop(engine)
