"""A stored version never changes, and an amendment never reaches back."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, func, select

from settlement.outcomes import Reason, Refused
from settlement.periods import Month
from settlement.policy import store
from settlement.policy.loader import SchemeFaults, builtin_text
from settlement.policy.tables import schemes
from tests.support import acting, officer

FIRST = builtin_text("jiangdu")


def amended(version: str, valid_from: str) -> str:
    """The disabled tier raised to 300 yuan."""
    text = FIRST.replace('version = "2025.2"', f'version = "{version}"').replace('"2025-01"', f'"{valid_from}"')
    return text.replace("amount_fen = 26000", "amount_fen = 30000")


def test_the_same_version_with_other_content_is_refused(engine: Engine) -> None:
    with acting(engine) as act:
        store.store(act, FIRST)

    with pytest.raises(Refused) as caught, acting(engine) as act:
        store.store(act, FIRST.replace("amount_fen = 26000", "amount_fen = 27000"))

    assert caught.value.reason is Reason.SCHEME_CHANGED
    with engine.connect() as conn:
        assert store.get(conn, "jiangdu", "2025.2").benefit("needy").tiers[2].amount_fen == 26000


def test_the_same_text_again_changes_nothing_even_with_windows_line_ends(engine: Engine) -> None:
    with acting(engine) as act:
        first = store.store(act, FIRST)
    with acting(engine, "2026-09-01 09:00") as act:
        assert store.store(act, "\ufeff" + FIRST.replace("\n", "\r\n") + "\r\n") == first
    with engine.connect() as conn:
        assert conn.execute(select(func.count()).select_from(schemes)).scalar_one() == 1


def test_each_month_is_decided_under_the_version_in_force(engine: Engine) -> None:
    with acting(engine, "2026-07-10 09:00") as act:
        store.store(act, FIRST)
        store.store(act, amended("2026.2", "2026-08"))
        store.store(act, amended("2027.1", "2027-01"))

    with engine.connect() as conn:
        versions = {
            month: store.in_force(conn, "jiangdu", Month.parse(month)).version
            for month in ("2025-01", "2026-07", "2026-08", "2026-12", "2027-01", "2030-01")
        }
        july = store.in_force(conn, "jiangdu", Month(2026, 7))
        august = store.in_force(conn, "jiangdu", Month(2026, 8))
        with pytest.raises(Refused) as caught:
            store.in_force(conn, "jiangdu", Month(2024, 12))

    assert versions == {
        "2025-01": "2025.2",
        "2026-07": "2025.2",
        "2026-08": "2026.2",
        "2026-12": "2026.2",
        "2027-01": "2027.1",
        "2030-01": "2027.1",
    }
    assert (july.benefit("needy").tiers[2].amount_fen, august.benefit("needy").tiers[2].amount_fen) == (26000, 30000)
    assert caught.value.reason is Reason.NO_SCHEME_IN_FORCE


@pytest.mark.parametrize("valid_from", ["2025-01", "2026-06", "2026-07"])
def test_an_amendment_cannot_begin_in_a_month_that_has_begun(engine: Engine, valid_from: str) -> None:
    with acting(engine, "2026-07-10 09:00") as act:
        store.store(act, FIRST)
    with pytest.raises(Refused) as caught, acting(engine, "2026-07-10 09:00") as act:
        store.store(act, amended("2026.2", valid_from))
    assert caught.value.reason is Reason.SCHEME_BACKDATED


def test_the_months_turn_at_midnight_in_the_schemes_time_zone(engine: Engine) -> None:
    """31 July 17:00 UTC is 1 August in Jiangdu: August has begun."""
    with acting(engine, "2026-08-01 01:00") as act:
        store.store(act, FIRST)
        with pytest.raises(Refused):
            store.store(act, amended("2026.2", "2026-08"))


def test_an_amendment_begins_after_every_stored_version(engine: Engine) -> None:
    with acting(engine, "2026-07-10 09:00") as act:
        store.store(act, FIRST)
        store.store(act, amended("2026.2", "2026-10"))
        with pytest.raises(Refused) as caught:
            store.store(act, amended("2026.3", "2026-09"))
    assert caught.value.reason is Reason.SCHEME_BACKDATED


def test_a_faulty_text_and_a_stranger_leave_nothing_behind(engine: Engine) -> None:
    with pytest.raises(SchemeFaults), acting(engine) as act:
        store.store(act, FIRST.replace("[notice]", "[notices]"))
    with pytest.raises(Refused) as caught, acting(engine, by=officer("li", "village")) as act:
        store.store(act, FIRST)
    assert caught.value.reason is Reason.NOT_ALLOWED
    with engine.connect() as conn:
        assert conn.execute(select(func.count()).select_from(schemes)).scalar_one() == 0
