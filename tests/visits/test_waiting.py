"""Events that wait for another one of their visit: each is decided once what it waits for is, whatever the devices' clocks say."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from time import sleep
from typing import Any

import pytest
from sqlalchemy import select, update

from settlement.act import Act, Actor
from settlement.outcomes import Reason
from settlement.providers.tables import devices
from settlement.visits import door, quarantine, voiding, waiting
from settlement.visits.signed_event import SignedEvent
from settlement.visits.tables import door_events
from tests.cards.county import TOWN_CLERK
from tests.support import RING, acting, at
from tests.visits.phone import Phone
from tests.visits.world import World

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
EVENING = "2026-07-03 20:00"


def stands(world: World, *events: SignedEvent) -> list[tuple[str, str | None]]:
    """How each event stands now."""
    e = door_events.c
    with acting(world.engine) as act:
        rows = act.conn.execute(select(e.id, e.status, e.reason).where(e.id.in_([each.hash for each in events])))
        found = {row.id: (row.status, row.reason) for row in rows}
    return [found[each.hash] for each in events]


def settle_all(world: World) -> int:
    """As the scheduler does; how many were decided."""
    with acting(world.engine) as act:
        ended = waiting.ended(act)
    decided = 0
    for visit_id in ended:
        with acting(world.engine, "2026-07-10 09:05") as act:
            decided += waiting.settle_ended(act, RING, visit_id)
    return decided


@pytest.fixture
def phones(world: World) -> tuple[Phone, Phone]:
    """Two of one caregiver."""
    caregiver = world.caregiver()
    return Phone(world, caregiver), Phone(world, caregiver)


def test_a_debit_taken_back_by_a_phone_whose_clock_was_set_back(world: World, phones: tuple[Phone, Phone]) -> None:
    """The cancel bears an earlier time than its debit; both wait for the check-in on the other phone."""
    first, second = phones
    someone = world.holder(subsidy=9000)
    came = first.check_in(someone, "2026-07-03 09:00")
    left = second.check_out(came, someone, HOUR, reason="battery_empty")
    wrong = second.debit(came, someone, HOUR + 5 * MINUTE)
    back = second.sign("cancel", came.occurred_at + HOUR + MINUTE, event=wrong.hash, reason="mistake")
    right = second.debit(came, someone, HOUR + 2 * MINUTE)
    assert {second.hand_in(each, EVENING).status for each in (left, wrong, back, right)} == {"waiting"}
    first.hand_in(came, EVENING)
    assert stands(world, left, wrong, back, right) == [("accepted", None)] * 4
    assert world.left(someone) == (6000, 0)


def test_what_follows_a_check_in_that_was_declined_does_not_wait(world: World, phones: tuple[Phone, Phone]) -> None:
    first, second = phones
    someone = world.holder(subsidy=9000)
    first.hand_in(first.check_in(someone, "2026-07-03 09:00"))
    refused = first.check_in(someone, "2026-07-03 09:10")
    elsewhere = second.check_out(refused, someone, HOUR, reason="battery_empty")
    assert second.hand_in(elsewhere, "2026-07-03 09:05").reason is Reason.EVENT_WAITS
    assert first.hand_in(refused).reason is Reason.CAREGIVER_ELSEWHERE
    assert stands(world, elsewhere) == [("declined", "check_in_not_accepted")]
    later = first.debit(refused, someone, HOUR)
    assert first.hand_in(later, EVENING).reason is Reason.CHECK_IN_NOT_ACCEPTED
    assert world.left(someone) == (9000, 0)


def test_what_follows_a_check_in_that_was_rejected_does_not_wait(world: World, phones: tuple[Phone, Phone]) -> None:
    phone, _ = phones
    someone = world.holder(subsidy=9000)
    events = phone.a_visit(someone, "2026-07-03 09:00")
    too_late = "2026-08-10 09:00"
    assert [phone.hand_in(event, too_late).status for event in events] == ["quarantined", "waiting", "waiting"]
    with acting(world.engine, "2026-08-11 09:00", TOWN_CLERK) as act:
        quarantine.reject(act, RING, events[0].hash, "nobody knows of it")
    assert stands(world, *events)[1:] == [("declined", "check_in_not_accepted")] * 2


def test_what_waits_is_listed_with_what_it_waits_for(world: World, phones: tuple[Phone, Phone]) -> None:
    first, second = phones
    someone = world.holder(subsidy=9000)
    came = first.check_in(someone, "2026-07-03 09:00")
    debit = second.debit(came, someone, HOUR + 2 * MINUTE)
    second.hand_in(debit, EVENING)

    def listed() -> list[tuple[str, str]]:
        with acting(world.engine) as act:
            return [(row.event.id, row.waits_for) for row in waiting.listed(act.conn) if row.event.id == debit.hash]

    assert listed() == [(debit.hash, "check_in")]
    first.hand_in(came, EVENING)
    assert listed() == [(debit.hash, "check_out")]
    first.hand_in(first.check_out(came, someone, HOUR), EVENING)
    assert listed() == []
    assert world.left(someone) == (6000, 0)


def test_what_waits_for_a_visit_that_an_office_voids_is_decided(world: World, phones: tuple[Phone, Phone]) -> None:
    first, second = phones
    someone = world.holder(subsidy=9000)
    came = first.check_in(someone, "2026-07-03 09:00")
    first.hand_in(came, EVENING)
    debit = second.debit(came, someone, HOUR)
    assert second.hand_in(debit, EVENING).status == "waiting"
    with acting(world.engine, "2026-07-10 09:00", TOWN_CLERK) as act:
        voiding.void(act, came.hash[:32], "no_check_out")
    assert (settle_all(world), settle_all(world)) == (1, 0)
    assert stands(world, debit) == [("declined", "visit_void")]


def test_settling_what_waits_and_an_officer_at_the_same_seniors_other_visit(
    world: World, phones: tuple[Phone, Phone], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one holds the card and comes to the second visit, the other holds that visit's turn and comes to the card."""
    if world.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer")
    first, second = phones
    someone, debits = world.holder(subsidy=9000), []
    for day in ("2026-07-03", "2026-07-04"):
        came = first.check_in(someone, f"{day} 09:00")
        first.hand_in(came, f"{day} 09:00")
        debits.append(second.debit(came, someone, HOUR))
        assert second.hand_in(debits[-1], EVENING if day.endswith("3") else "2026-07-04 20:00").status == "waiting"
        with acting(world.engine, "2026-07-10 09:00", TOWN_CLERK) as act:
            voiding.void(act, came.hash[:32], "no_check_out")
    with acting(world.engine) as act:
        _, other = waiting.ended(act)
    has_turn, comes, take_turn = Event(), Event(), waiting.take_turn

    def slowly(act: Act, visit_id: str | None) -> None:
        if visit_id == other:
            comes.set()
            has_turn.wait(10)
        take_turn(act, visit_id)

    def officer_acts() -> None:
        comes.wait(10)
        with acting(world.engine, "2026-07-10 09:05", TOWN_CLERK) as act:
            take_turn(act, other)
            has_turn.set()
            sleep(0.2)
            voiding.lock(act, other)

    monkeypatch.setattr(waiting, "take_turn", slowly)
    with ThreadPoolExecutor(1) as pool:
        officer = pool.submit(officer_acts)
        assert settle_all(world) == 2
        officer.result()
    assert stands(world, *debits) == [("declined", "visit_void")] * 2


def test_a_void_and_a_check_out_of_two_phones_at_once_take_turns(
    world: World, phones: tuple[Phone, Phone], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both need the visit's turn and its row; whoever has the turn comes to the row."""
    if world.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer")
    first, second = phones
    someone = world.holder(subsidy=9000)
    came = first.check_in(someone, "2026-07-03 09:00")
    left = first.check_out(came, someone, HOUR)
    void = second.sign("void", came.occurred_at + HOUR + MINUTE, visit=came.hash, reason="unfinished")
    about_to_lock, go_on, lock = Event(), Event(), voiding.lock

    def slowly(*args: Any) -> Any:
        about_to_lock.set()
        go_on.wait(1)
        return lock(*args)

    monkeypatch.setattr(voiding, "lock", slowly)
    with ThreadPoolExecutor(2) as pool:
        device = first.row()
        with acting(world.engine, EVENING, Actor(f"device:{first.id}", "device", provider_id=first.provider)) as act:
            door.receive(act, RING, device, came)
            voided = pool.submit(second.hand_in, void, EVENING)
            assert not about_to_lock.wait(0.3)  # the check-in is not committed yet
        assert about_to_lock.wait(10)
        out = pool.submit(first.hand_in, left, EVENING)
        assert not out.done()
        assert voided.result().status == "accepted"
        assert out.result().reason is Reason.VISIT_NOT_OPEN


def test_a_debit_that_was_taken_back_stays_so_when_it_is_released(world: World, phones: tuple[Phone, Phone]) -> None:
    """Too old by itself, it is in quarantine when its cancel comes: the cancel waits for the decision."""
    phone, _ = phones
    someone = world.holder(subsidy=9000)
    came, left, debit = phone.a_visit(someone, "2026-07-03 09:00")
    phone.hand_in(came)
    phone.hand_in(left)
    back = phone.sign("cancel", at("2026-07-03 10:05"), event=debit.hash, reason="senior_disagrees")
    assert [phone.hand_in(each, "2026-08-10 09:00").status for each in (debit, back)] == ["quarantined", "waiting"]
    with acting(world.engine, "2026-08-11 09:00", TOWN_CLERK) as act:
        assert [row.waits_for for row in waiting.listed(act.conn) if row.event.id == back.hash] == ["decision"]
        assert quarantine.release(act, RING, debit.hash, "no signal for weeks").status == "released"
    assert stands(world, back) == [("accepted", None)]
    assert world.left(someone) == (9000, 0)


def test_a_released_event_waits_like_others(world: World, phones: tuple[Phone, Phone]) -> None:
    """Its check-in comes from a phone that is found later."""
    first, second = phones
    someone = world.holder(subsidy=9000)
    came = first.check_in(someone, "2026-07-03 09:00")
    left = second.check_out(came, someone, HOUR, reason="device_lost")
    with acting(world.engine) as act:
        gone = update(devices).where(devices.c.id == second.id).values(revoked_at=at("2026-07-04 12:00"))
        act.conn.execute(gone)
    assert second.hand_in(left, "2026-07-05 09:00").status == "quarantined"
    with acting(world.engine, "2026-07-06 09:00", TOWN_CLERK) as act:
        assert quarantine.release(act, RING, left.hash, "theirs").status == "waiting"
    first.hand_in(came, "2026-07-07 09:00")
    assert stands(world, left) == [("accepted", None)]
