"""Signed events: received once, in each device's order, whenever they arrive."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from settlement.cards.tables import media
from settlement.outcomes import Reason, Refused
from settlement.providers.tables import devices
from settlement.visits import device_key, quarantine
from settlement.visits.dispatch import VISIT_ID_LENGTH
from settlement.visits.tables import debits, door_events, visits, work_orders
from tests.cards.county import TOWN_CLERK
from tests.support import RING, acting, at, officer
from tests.visits.phone import Phone
from tests.visits.world import Holder, World

HOUR = timedelta(hours=1)


def a_phone(world: World, alg: str = device_key.ED25519) -> Phone:
    return Phone(world, world.caregiver(), alg)


def refused(phone: Phone, event: object, arrives: str | None = None) -> tuple[Reason, dict[str, object]]:
    with pytest.raises(Refused) as caught:
        phone.hand_in(event, arrives)  # type: ignore[arg-type]
    return caught.value.reason, caught.value.details


def kept(world: World, phone: Phone) -> list[tuple[int, str, str | None]]:
    e = door_events.c
    with acting(world.engine) as act:
        query = select(e.counter, e.status, e.reason).where(e.device_id == phone.id).order_by(e.counter)
        return [tuple(row) for row in act.conn.execute(query)]


@pytest.mark.parametrize("alg", device_key.ALGORITHMS)
def test_a_visit_at_the_door(world: World, alg: str) -> None:
    someone = world.holder(subsidy=5000)
    phone = a_phone(world, alg)
    visit, out, debit = phone.a_visit(someone, "2026-07-03 09:00")
    began = phone.hand_in(visit)
    assert (began.status, began.result["visit_id"]) == ("accepted", visit.hash[:VISIT_ID_LENGTH])
    ended = phone.hand_in(out).result
    assert (ended["status"], ended["seconds"], ended["total_fen"]) == ("served", 3600, 3000)
    split = phone.hand_in(debit).result
    assert (split["subsidy_fen"], split["personal_fen"], split["subsidy_left_fen"]) == (3000, 0, 2000)
    assert split["year_left_fen"] == 177_000
    assert kept(world, phone) == [(1, "accepted", None), (2, "accepted", None), (3, "accepted", None)]


def test_the_same_event_twice_late_and_in_reverse_order(world: World) -> None:
    someone = world.holder(subsidy=5000)
    phone = a_phone(world)
    events = phone.a_visit(someone, "2026-07-03 09:00")
    evening = "2026-07-03 20:00"
    assert refused(phone, events[2], evening) == (Reason.EVENT_GAP, {"expected": 1})
    assert refused(phone, events[1], evening) == (Reason.EVENT_GAP, {"expected": 1})
    first = [phone.hand_in(event, evening) for event in events]
    again = [phone.hand_in(event, "2026-07-04 08:00") for event in events]
    assert [x.status for x in first] == ["accepted"] * 3
    assert [(x.status, x.result, x.replayed) for x in again] == [(x.status, x.result, True) for x in first]
    assert world.left(someone) == (2000, 0)


def test_a_forked_chain_and_a_false_signature_are_not_kept(world: World) -> None:
    someone = world.holder()
    phone = a_phone(world)
    visit = phone.check_in(someone, "2026-07-03 09:00")
    phone.hand_in(visit)
    phone.counter, phone.prev = 0, "0" * 64
    assert refused(phone, phone.check_in(someone, "2026-07-03 09:30")) == (Reason.EVENT_CONFLICT, {})
    phone.counter, phone.prev = 1, "f" * 64
    assert refused(phone, phone.check_in(someone, "2026-07-03 09:30")) == (Reason.EVENT_CONFLICT, {})
    other = a_phone(world)
    assert refused(phone, other.check_in(someone, "2026-07-03 09:30"))[0] is Reason.EVENT_OF_OTHER_DEVICE
    phone.counter, phone.prev, phone.key = 1, visit.hash, other.key
    assert refused(phone, phone.check_in(someone, "2026-07-03 09:30"))[0] is Reason.EVENT_SIGNATURE_WRONG
    assert kept(world, phone) == [(1, "accepted", None)]


def test_a_decline_is_evidence_and_the_chain_moves_on(world: World) -> None:
    someone = world.holder(subsidy=1000)
    phone = a_phone(world)
    for event in phone.a_visit(someone, "2026-07-03 09:00"):
        outcome = phone.hand_in(event)
    assert (outcome.status, outcome.reason) == ("declined", Reason.INSUFFICIENT_FUNDS)
    forged = phone.sign("check_in", at("2026-07-03 11:00"), method="card_qr", token="SB1.x.1.t1.AAAA")
    assert phone.hand_in(forged).reason is Reason.CODE_FORGED
    assert phone.hand_in(phone.check_in(someone, "2026-07-03 11:05")).status == "accepted"
    assert [status for _, status, _ in kept(world, phone)] == [
        "accepted",
        "accepted",
        "declined",
        "declined",
        "accepted",
    ]


def test_a_check_out_on_another_phone_waits_for_the_check_in(world: World) -> None:
    someone = world.holder(subsidy=5000)
    caregiver = world.caregiver()
    first, second = Phone(world, caregiver), Phone(world, caregiver)
    visit = first.check_in(someone, "2026-07-03 09:00")
    out = second.check_out(visit, someone, HOUR, reason="battery_empty")
    debit = second.debit(visit, someone, HOUR + timedelta(minutes=2))
    evening = "2026-07-03 20:00"
    assert [second.hand_in(event, evening).status for event in (out, debit)] == ["waiting", "waiting"]
    assert first.hand_in(visit, evening).status == "accepted"
    told = second.hand_in(debit, evening)
    assert (told.status, told.result["subsidy_fen"], told.replayed) == ("accepted", 3000, True)
    assert world.left(someone) == (2000, 0)
    with acting(world.engine) as act:
        row = act.conn.execute(select(visits).where(visits.c.id == visit.hash[:VISIT_ID_LENGTH])).one()
    # Two phones share no power-on: the times count.
    assert (row.status, row.duration_source, row.out_reason) == ("served", "clock", "battery_empty")


def test_events_of_a_revoked_phone_go_to_quarantine(world: World) -> None:
    someone = world.holder(subsidy=5000)
    phone = a_phone(world)
    events = phone.a_visit(someone, "2026-07-03 09:00")
    later = phone.check_in(someone, "2026-07-05 09:00")
    with acting(world.engine) as act:
        gone = update(devices).where(devices.c.id == phone.id).values(revoked_at=at("2026-07-04 12:00"))
        act.conn.execute(gone)
    arrives = "2026-07-06 09:00"
    outcomes = [phone.hand_in(event, arrives) for event in [*events, later]]
    assert {x.status for x in outcomes} == {"quarantined"}
    assert [x.reason for x in outcomes[2:]] == [Reason.SIGNED_BEFORE_REVOCATION, Reason.SIGNED_AFTER_REVOCATION]
    assert world.left(someone) == (5000, 0)
    with acting(world.engine, "2026-07-07 09:00", TOWN_CLERK) as act:
        # In any order: what comes before in its visit is waited for.
        released = [quarantine.release(act, RING, event.hash, "phone found") for event in reversed(events)]
        assert [x.status for x in released] == ["waiting", "waiting", "released"]
        rejected = quarantine.reject(act, RING, later.hash, "stolen by then")
        assert rejected.reason is Reason.REJECTED_ON_REVIEW
    assert world.left(someone) == (2000, 0)
    assert [status for _, status, _ in kept(world, phone)] == ["released", "accepted", "accepted", "rejected"]
    with acting(world.engine, "2026-07-08 09:00", officer("another", "town", town=TOWN_CLERK.town)) as act:
        with pytest.raises(Refused) as caught:
            quarantine.release(act, RING, later.hash, "no")
        assert caught.value.reason is Reason.WRONG_STATE


def test_a_town_decides_only_about_its_own(world: World) -> None:
    someone = world.holder()
    phone = a_phone(world)
    visit = phone.check_in(someone, "2026-07-03 09:00")
    assert phone.hand_in(visit, "2026-08-10 09:00").status == "quarantined"
    elsewhere = officer("other", "town", town="邵伯镇")
    with pytest.raises(Refused) as caught, acting(world.engine, "2026-08-11 09:00", elsewhere) as act:
        quarantine.release(act, RING, visit.hash, "mine?")
    assert caught.value.reason is Reason.NOT_ALLOWED
    assert kept(world, phone) == [(1, "quarantined", "event_too_old")]
    with acting(world.engine, "2026-08-11 09:00", TOWN_CLERK) as act:
        assert quarantine.release(act, RING, visit.hash, "no signal for weeks").status == "released"


def test_taking_back_voiding_and_not_served(world: World) -> None:
    someone = world.holder(subsidy=9000)
    phone = a_phone(world)
    mistake = phone.check_in(someone, "2026-07-03 08:50")
    phone.hand_in(mistake)
    taken_back = phone.sign("cancel", at("2026-07-03 08:51"), event=mistake.hash, reason="wrong_card")
    assert phone.hand_in(taken_back).result["status"] == "void"
    visit, out, debit = phone.a_visit(someone, "2026-07-03 09:00")
    for event in (visit, out, debit):
        assert phone.hand_in(event).status == "accepted"
    back = phone.sign("cancel", at("2026-07-03 10:05"), event=debit.hash, reason="senior_disagrees")
    assert phone.hand_in(back).result["status"] == "reversed"
    assert world.left(someone) == (9000, 0)
    phone.hand_in(phone.debit(visit, someone, timedelta(minutes=66)))
    assert world.left(someone) == (6000, 0)
    void = phone.sign("void", at("2026-07-03 10:10"), visit=visit.hash, reason="substandard")
    again = phone.hand_in(void).result["again_order_id"]
    assert world.left(someone) == (9000, 0)
    gone = phone.sign("not_served", at("2026-07-04 09:00"), order_id=again, reason="nobody_home")
    assert phone.hand_in(gone).status == "accepted"
    nothing = phone.sign("cancel", at("2026-07-04 09:05"), event=gone.hash, reason="mistake")
    assert phone.hand_in(nothing).reason is Reason.NOTHING_TO_TAKE_BACK
    with acting(world.engine) as act:
        row = act.conn.execute(select(work_orders).where(work_orders.c.id == again)).one()
    assert (row.status, row.status_reason) == ("not_served", "nobody_home")


def test_another_providers_order_and_visit(world: World) -> None:
    someone = world.holder(subsidy=5000)
    phone = a_phone(world)
    theirs = Phone(world, world.caregiver(world.theirs))
    visit = theirs.check_in(someone, "2026-07-03 09:00")
    theirs.hand_in(visit)
    order = world.order(someone, provider=world.theirs)
    outcome = phone.hand_in(phone.check_in(someone, "2026-07-03 09:30", order_id=order))
    assert outcome.reason is Reason.OTHER_PROVIDERS_ORDER
    outcome = phone.hand_in(phone.check_out(visit, someone, HOUR))
    assert outcome.reason is Reason.OTHER_PROVIDERS_ORDER


def test_a_door_plate_and_a_typed_number(world: World) -> None:
    someone: Holder = world.holder()
    phone = a_phone(world)
    with acting(world.engine) as act:
        number = act.conn.execute(select(media.c.card_no).where(media.c.id == someone.medium_id)).scalar_one()
    typed = phone.sign("check_in", at("2026-07-03 09:00"), method="typed", card_no=number)
    assert phone.hand_in(typed).status == "accepted"
    unknown = phone.sign("check_in", at("2026-07-03 09:00"), method="typed", card_no="0000")
    assert phone.hand_in(unknown).reason is Reason.CODE_UNKNOWN
    with acting(world.engine) as act:
        count = select(func.count()).select_from(debits).where(debits.c.card_id == someone.card_id)
        assert act.conn.execute(count).scalar_one() == 0


def test_a_phone_whose_clock_fell_back_to_1970(world: World) -> None:
    someone = world.holder()
    phone = a_phone(world)
    with acting(world.engine) as act:
        number = act.conn.execute(select(media.c.card_no).where(media.c.id == someone.medium_id)).scalar_one()
    typed = phone.sign("check_in", at("1970-01-01 08:00"), method="typed", card_no=number)
    outcome = phone.hand_in(typed, "2026-07-03 09:00")
    assert (outcome.status, outcome.reason) == ("quarantined", Reason.EVENT_TOO_OLD)
    assert phone.hand_in(phone.check_in(someone, "2026-07-03 09:05")).status == "accepted"
