"""Limits of debits taken without signal: what goes beyond them is left to a second person, and nothing is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from settlement.outcomes import Reason
from settlement.visits import debiting, quarantine
from settlement.visits.door import EventOutcome
from settlement.visits.signed_event import SignedEvent
from tests.cards.county import TOWN_CLERK
from tests.support import RING, acting, at
from tests.visits.phone import Phone
from tests.visits.world import CLEANING, REPAIR, Holder, World

EVENING = "2026-07-03 20:00"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def phone(world: World) -> Phone:
    return Phone(world, world.caregiver())


def limit(world: World, monkeypatch: pytest.MonkeyPatch, **limits: Any) -> None:
    """The scheme with other limits."""
    door = replace(world.scheme.door, offline=replace(world.scheme.door.offline, **limits))
    changed = replace(world.scheme, door=door)
    monkeypatch.setattr(debiting, "by_hash", lambda *_: changed)


def served(phone: Phone, someone: Holder, when: str, *items: str) -> SignedEvent:
    """Checked in and out, as it happens."""
    visit = phone.check_in(someone, when)
    phone.hand_in(visit)
    phone.hand_in(phone.check_out(visit, someone, 60 * MINUTE, *items))
    return visit


def told(outcome: EventOutcome) -> tuple[str, Reason | None]:
    return outcome.status, outcome.reason


def test_a_debit_above_the_limit_is_released_by_a_second_person(world: World, phone: Phone) -> None:
    """225.00; the senior agreed to 200.00, which is the most without signal."""
    someone = world.holder(subsidy=30_000)
    visit = served(phone, someone, "2026-07-03 09:00", REPAIR, CLEANING, "ZL03", "ZI01", "ZJ03")
    debit = phone.sign(
        "debit",
        visit.occurred_at + 62 * MINUTE,
        visit=visit.hash,
        token=visit.body["token"],
        consent="card_qr",
        total_fen=20_000,
        personal_fen=0,
        cash_fen=0,
    )
    assert told(phone.hand_in(debit, EVENING)) == ("quarantined", Reason.OFFLINE_LIMIT)
    assert told(phone.hand_in(debit, EVENING)) == ("quarantined", Reason.OFFLINE_LIMIT)
    assert world.left(someone) == (30_000, 0)
    with acting(world.engine, "2026-07-04 09:00", TOWN_CLERK) as act:
        done = quarantine.release(act, RING, debit.hash, "the daughter confirms it")
    assert (done.status, done.result["subsidy_fen"], done.result["shortfall_fen"]) == ("released", 20_000, 2500)


def test_a_cards_day_without_signal(world: World, phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    """60.00 a day: two debits of 30.00 are just within; what was answered at the door, and another day, do not count."""
    limit(world, monkeypatch, card_day_fen=6000)
    someone = world.holder(subsidy=30_000)
    visits = [served(phone, someone, f"2026-07-03 {hour:02d}:00") for hour in (6, 8, 10, 12)]
    assert phone.hand_in(phone.debit(visits[0], someone, 62 * MINUTE)).status == "accepted"
    queued = [phone.debit(visit, someone, 62 * MINUTE) for visit in visits[1:]]
    outcomes = [told(phone.hand_in(event, EVENING)) for event in queued]
    assert outcomes == [("accepted", None), ("accepted", None), ("quarantined", Reason.OFFLINE_DAY_LIMIT)]
    next_day = phone.debit(served(phone, someone, "2026-07-04 09:00"), someone, 62 * MINUTE)
    assert phone.hand_in(next_day, "2026-07-04 20:00").status == "accepted"
    assert world.left(someone) == (30_000 - 4 * 3000, 0)


def test_what_waits_on_a_device(world: World, phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two may wait. The third was made while two had not reached us; the fourth after all had."""
    limit(world, monkeypatch, queued_debits=2)
    someone = world.holder(subsidy=30_000)
    visits = [served(phone, someone, f"2026-07-03 {hour:02d}:00") for hour in (6, 8, 10)]
    debits = [phone.debit(visit, someone, 62 * MINUTE) for visit in visits]
    outcomes = [told(phone.hand_in(event, EVENING)) for event in debits]
    assert outcomes == [("accepted", None), ("accepted", None), ("quarantined", Reason.OFFLINE_QUEUE_LIMIT)]
    later = phone.debit(served(phone, someone, "2026-07-04 09:00"), someone, 62 * MINUTE)
    assert phone.hand_in(later, at("2026-07-04 20:00")).status == "accepted"


def test_a_shipped_schemes_limits(world: World) -> None:
    offline = world.scheme.door.offline
    assert (offline.up_to_fen, offline.card_day_fen, offline.queued_debits) == (20_000, 40_000, 60)
    assert (offline.shortfall, offline.objection_days) == ("provider", 30)
