"""Consents that have to be proved: a dynamic code at either end and for the money, a PIN that was sealed at the door. Figures in fen, by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from threading import Event
from time import sleep
from typing import Any

import pytest
from sqlalchemy import select

from settlement.act import Actor
from settlement.cards import dynamic_code, pin, registry, sealed_pin
from settlement.cards.dynamic_code import Made
from settlement.cards.tables import card_pins, dynamic_codes, media
from settlement.keys import new_ring
from settlement.outcomes import Reason
from settlement.people.scope import holder
from settlement.visits import confirming, debiting, door, quarantine
from settlement.visits.integrity import check
from settlement.visits.signed_event import SignedEvent, moment
from settlement.visits.tables import debits, visits
from tests.cards import county
from tests.cards.county import COUNTER, TOWN_CLERK
from tests.support import RING, acting, at
from tests.visits.phone import Phone, code
from tests.visits.test_at_once import at_once
from tests.visits.world import CLEANING, Holder, World

MORNING = "2026-07-03 09:00"
BEGAN = at(MORNING)
AFTER = BEGAN + timedelta(minutes=62)
"""When the debit is agreed to."""
PIN = "493817"


@pytest.fixture(autouse=True)
def _books_agree(world: World) -> Iterator[None]:
    yield
    with acting(world.engine) as act:
        assert check(act.conn) == []


@pytest.fixture
def phone(world: World) -> Phone:
    return Phone(world, world.caregiver())


def a_code(world: World, someone: Holder, when: Any, purpose: Any = "debit", fen: int | None = 3000) -> Made:
    with acting(world.engine, when, holder(someone.senior_id)) as act:
        return dynamic_code.make(act, RING, someone.card_id, purpose, fen)


def with_pin(world: World, someone: Holder, digits: str = PIN, when: str = "2026-07-01 08:00") -> None:
    with acting(world.engine, when, COUNTER) as act:
        pin.set_pin(act, RING, someone.card_id, digits)


def served(phone: Phone, someone: Holder, when: Any = MORNING) -> SignedEvent:
    """An hour's visit, in and out with the card's printed code; the check-in's event."""
    visit = phone.check_in(someone, when)
    assert phone.hand_in(visit).status == "accepted"
    assert phone.hand_in(phone.check_out(visit, someone, timedelta(hours=1))).status == "accepted"
    return visit


def debit(phone: Phone, visit: SignedEvent, consent: str, when: Any = AFTER, **facts: Any) -> SignedEvent:
    agreed = {"total_fen": 3000, "personal_fen": 0, "cash_fen": 0}
    return phone.sign("debit", when, visit=visit.hash, consent=consent, **(agreed | facts))


def sealed(visit: SignedEvent, typed: str = PIN, when: Any = AFTER, total: int = 3000, own: int = 0) -> str:
    bound = sealed_pin.bound(visit.hash, total, own, moment(when))
    return sealed_pin.seal(sealed_pin.public_jwk(RING), typed, bound)


def by_pin(phone: Phone, visit: SignedEvent, typed: str = PIN, when: Any = AFTER, **facts: Any) -> SignedEvent:
    return debit(phone, visit, "pin", when, **{"pin_sealed": sealed(visit, typed, when)} | facts)


def kept(world: World, event: SignedEvent) -> Any:
    with acting(world.engine) as act:
        return act.conn.execute(select(debits).where(debits.c.id == event.hash)).one()


def wrong_tries(world: World, someone: Holder) -> int:
    p = card_pins.c
    with acting(world.engine) as act:
        query = select(p.wrong).where(p.card_id == someone.card_id, p.dead_from.is_(None))
        return int(act.conn.execute(query).scalar_one())


# -- dynamic codes ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("how", ["digits", "token", "code"])
def test_a_debit_with_a_dynamic_code(world: World, phone: Phone, how: str) -> None:
    """Read out; scanned; or scanned into the field of the digits. The code is used up, and the debit says how it was agreed to."""
    someone = world.holder(subsidy=9000)
    visit = served(phone, someone)
    shown = a_code(world, someone, AFTER)
    said = {"digits": {"code": shown.digits}, "token": {"token": shown.code}, "code": {"code": shown.code}}[how]
    event = debit(phone, visit, "dynamic", AFTER + timedelta(seconds=20), **said)
    told = phone.hand_in(event)
    assert (told.status, told.result["subsidy_fen"], told.result["subsidy_left_fen"]) == ("accepted", 3000, 6000)
    assert (kept(world, event).consent, kept(world, event).status) == ("dynamic", "posted")
    again = phone.hand_in(event, "2026-07-09 08:00")
    assert (again.status, again.replayed, again.result) == ("accepted", True, told.result)
    second = served(phone, someone, "2026-07-04 09:00")
    other = debit(phone, second, "dynamic", AFTER + timedelta(days=1), **said)
    refusal = phone.hand_in(other).reason
    assert refusal is Reason.DYNAMIC_CODE_EXPIRED
    assert world.left(someone) == (6000, 0)


@pytest.mark.parametrize("change", [{"used_for": "another"}, {"amount_fen": 2999}])
def test_a_debit_whose_code_is_not_there_is_found(world: World, phone: Phone, change: dict[str, Any]) -> None:
    someone = world.holder(subsidy=9000)
    visit = served(phone, someone)
    event = debit(phone, visit, "dynamic", code=a_code(world, someone, AFTER).digits)
    assert phone.hand_in(event).status == "accepted"
    c = dynamic_codes.c
    right = {"used_for": event.hash, "amount_fen": 3000}
    with acting(world.engine) as act:
        act.conn.execute(dynamic_codes.update().where(c.used_for == event.hash).values(change))
        found = [(one.code, one.subject) for one in check(act.conn)]
        act.conn.execute(dynamic_codes.update().where(c.card_id == someone.card_id).values(right))
    assert found == [("debit_without_code", f"debit:{event.hash}")]


def test_one_code_does_not_pay_two_visits(world: World, phone: Phone) -> None:
    someone = world.holder(subsidy=9000)
    first, second = served(phone, someone, "2026-07-02 09:00"), served(phone, someone)
    shown = a_code(world, someone, AFTER)
    assert phone.hand_in(debit(phone, first, "dynamic", code=shown.digits)).status == "accepted"
    refused = phone.hand_in(debit(phone, second, "dynamic", code=shown.digits))
    assert (refused.status, refused.reason) == ("declined", Reason.DYNAMIC_CODE_USED)
    # The card itself is still enough.
    assert phone.hand_in(debit(phone, second, "card_qr", token=code(world, someone))).status == "accepted"


def test_a_code_made_for_another_amount_or_card_or_for_a_visit_takes_nothing(world: World, phone: Phone) -> None:
    someone, stranger = world.holder(subsidy=9000), world.holder(subsidy=9000)
    visit = served(phone, someone)
    for shown in (
        a_code(world, someone, AFTER, fen=2900),
        a_code(world, stranger, AFTER),
        a_code(world, someone, AFTER, "visit", None),
    ):
        for said in ({"code": shown.digits}, {"token": shown.code}):
            assert phone.hand_in(debit(phone, visit, "dynamic", **said)).reason is Reason.DYNAMIC_CODE_WRONG
    assert phone.hand_in(debit(phone, visit, "dynamic")).reason is Reason.DYNAMIC_CODE_WRONG
    assert (world.left(someone), world.left(stranger)) == ((9000, 0), (9000, 0))


def test_a_printed_code_is_not_a_dynamic_one(world: World, phone: Phone) -> None:
    someone = world.holder(subsidy=9000)
    visit = served(phone, someone)
    photographed = code(world, someone)
    assert phone.hand_in(debit(phone, visit, "dynamic", token=photographed)).reason is Reason.DYNAMIC_CODE_WRONG
    # The other way round, a dynamic code is no card: it proves nothing where a card is asked for.
    shown = a_code(world, someone, AFTER)
    assert phone.hand_in(debit(phone, visit, "card_qr", token=shown.code)).reason is Reason.CONSENT_NOT_PROVED
    with_both = debit(phone, visit, "dynamic", token=photographed, code=shown.digits)
    assert phone.hand_in(with_both).status == "accepted"
    assert kept(world, with_both).medium_id == someone.medium_id


def test_a_wrong_total_is_told_and_the_code_is_spent(world: World, phone: Phone) -> None:
    """The senior agreed to 29.00 of a visit that costs 30.00: the code was for that, so there has to be another one."""
    someone = world.holder(subsidy=9000)
    visit = served(phone, someone)
    cheap = a_code(world, someone, AFTER, fen=2900)
    assert (
        phone.hand_in(debit(phone, visit, "dynamic", total_fen=2900, code=cheap.digits)).reason is Reason.TOTAL_DIFFERS
    )
    assert (
        phone.hand_in(debit(phone, visit, "dynamic", total_fen=2900, code=cheap.digits)).reason
        is Reason.DYNAMIC_CODE_USED
    )
    right = a_code(world, someone, AFTER)
    assert phone.hand_in(debit(phone, visit, "dynamic", code=right.digits)).status == "accepted"


def test_a_code_shown_without_signal_counts_days_later(world: World, phone: Phone) -> None:
    """Also when it arrives before the visit's check-in does, from another phone of the same caregiver."""
    someone = world.holder(subsidy=3000)
    shown = a_code(world, someone, AFTER)
    visit = phone.check_in(someone, MORNING)
    out = phone.check_out(visit, someone, timedelta(hours=1))
    event = debit(phone, visit, "dynamic", AFTER + timedelta(seconds=25), code=shown.digits)
    arrives = "2026-07-08 20:00"
    assert [phone.hand_in(one, arrives).status for one in (visit, out, event)] == ["accepted"] * 3
    assert world.left(someone) == (0, 0)
    lonely = world.holder(subsidy=3000)
    staff = world.caregiver()
    one, two = Phone(world, staff), Phone(world, staff)
    shown = a_code(world, lonely, AFTER)
    visit = one.check_in(lonely, MORNING)
    out = one.check_out(visit, lonely, timedelta(hours=1))
    event = debit(two, visit, "dynamic", AFTER, token=shown.code)
    assert two.hand_in(event, arrives).status == "waiting"
    assert [one.hand_in(each, arrives).status for each in (visit, out)] == ["accepted"] * 2
    assert two.hand_in(event, arrives).status == "accepted"
    assert world.left(lonely) == (0, 0)


def test_a_code_too_late_is_declined_and_the_provider_bears_it(world: World, phone: Phone) -> None:
    someone = world.holder(subsidy=3000)
    visit = served(phone, someone)
    shown = a_code(world, someone, AFTER - timedelta(minutes=5))
    event = debit(phone, visit, "dynamic", code=shown.digits)
    assert phone.hand_in(event, "2026-07-08 20:00").reason is Reason.DYNAMIC_CODE_EXPIRED
    assert kept(world, event).decline_reason == "dynamic_code_expired"
    assert world.left(someone) == (3000, 0)


def test_a_visit_begun_and_ended_with_dynamic_codes(world: World, phone: Phone) -> None:
    """The strongest proof at a door: a code at each end, another one each time. The eight digits are looked up at the order's senior."""
    someone = world.holder(subsidy=3000)
    order = world.order(someone)
    began = a_code(world, someone, BEGAN, "visit", None)
    visit = phone.sign("check_in", BEGAN, order_id=order, method="dynamic", token=began.digits)
    assert phone.hand_in(visit).status == "accepted"
    ends = BEGAN + timedelta(hours=1)
    lines = [{"item": "ZJ01", "quantity": 1}]

    def out(shown: str) -> SignedEvent:
        return phone.sign("check_out", ends, visit=visit.hash, lines=lines, method="dynamic", token=shown)

    assert phone.hand_in(out(began.digits)).reason is Reason.DYNAMIC_CODE_EXPIRED
    ended = a_code(world, someone, ends, "visit", None)
    assert phone.hand_in(out(ended.code)).status == "accepted"
    v = visits.c
    with acting(world.engine) as act:
        query = select(v.in_method, v.out_method, v.in_medium_id, v.status).where(v.id == visit.hash[:32])
        assert act.conn.execute(query).one() == ("dynamic", "dynamic", someone.medium_id, "served")


def test_a_check_in_without_an_order_needs_the_qr_or_the_cards_number(world: World, phone: Phone) -> None:
    someone, other = world.holder(), world.holder()
    shown = a_code(world, someone, BEGAN, "visit", None)
    with acting(world.engine) as act:
        number = act.conn.execute(select(media.c.card_no).where(media.c.id == someone.medium_id)).scalar_one()
        theirs = act.conn.execute(select(media.c.card_no).where(media.c.id == other.medium_id)).scalar_one()

    def check_in(**body: Any) -> Reason | None:
        return phone.hand_in(phone.sign("check_in", BEGAN, method="dynamic", **body)).reason

    assert check_in(token=shown.digits) is Reason.DYNAMIC_CODE_WRONG
    assert check_in() is Reason.DYNAMIC_CODE_WRONG
    assert check_in(token=shown.digits, card_no=theirs) is Reason.DYNAMIC_CODE_WRONG
    assert check_in(token=code(world, someone)) is Reason.DYNAMIC_CODE_WRONG
    assert check_in(token=shown.digits, card_no=number) is None


def test_digits_cannot_be_guessed_however_long_one_goes_on(world: World, phone: Phone) -> None:
    someone = world.holder(subsidy=9000)
    visit = served(phone, someone)
    shown = a_code(world, someone, AFTER)
    for guess in range(5):
        event = debit(phone, visit, "dynamic", code=f"0000000{guess}")
        assert phone.hand_in(event, "2026-07-05 20:00").reason is Reason.DYNAMIC_CODE_WRONG
    event = debit(phone, visit, "dynamic", code=shown.digits)
    assert phone.hand_in(event, "2026-07-05 20:00").reason is Reason.DYNAMIC_CODE_WRONG


def test_a_card_lost_after_its_code_was_made(world: World, phone: Phone) -> None:
    someone = world.holder(subsidy=9000)
    visit = served(phone, someone)
    shown = a_code(world, someone, AFTER)
    with acting(world.engine, AFTER + timedelta(seconds=5), COUNTER) as act:
        registry.report_lost(act, someone.card_id)
    event = debit(phone, visit, "dynamic", AFTER + timedelta(seconds=10), code=shown.digits)
    assert phone.hand_in(event).reason is Reason.ACCOUNT_FROZEN
    with acting(world.engine) as act:
        used = select(dynamic_codes.c.used_for).where(dynamic_codes.c.card_id == someone.card_id)
        assert act.conn.execute(used).scalar_one() is None


# -- the PIN ------------------------------------------------------------------------------------------------------------------
def test_a_debit_with_the_pin_now_and_days_later(world: World, phone: Phone) -> None:
    someone = world.holder(subsidy=4000, personal=5000)
    with_pin(world, someone)
    visit = served(phone, someone, "2026-07-02 09:00")
    when = AFTER - timedelta(days=1)
    event = by_pin(phone, visit, when=when)
    assert phone.hand_in(event).status == "accepted"
    assert phone.hand_in(event, "2026-07-20 08:00").replayed
    second = phone.check_in(someone, MORNING)
    out = phone.check_out(second, someone, timedelta(hours=1))
    event = debit(phone, second, "pin", pin_sealed=sealed(second, own=2000), personal_fen=2000)
    told = [phone.hand_in(one, "2026-07-06 20:00") for one in (second, out, event)]
    assert [one.status for one in told] == ["accepted"] * 3
    assert (told[2].result["subsidy_fen"], told[2].result["personal_fen"]) == (1000, 2000)
    assert (kept(world, event).consent, kept(world, event).medium_id) == ("pin", None)
    assert world.left(someone) == (0, 3000)


def test_a_wrong_pin_is_counted_with_its_decline_and_once(world: World, phone: Phone) -> None:
    someone = world.holder(subsidy=9000)
    with_pin(world, someone)
    visit = served(phone, someone)
    event = by_pin(phone, visit, "493818")
    told = phone.hand_in(event)
    assert (told.status, told.reason, told.details) == ("declined", Reason.PIN_WRONG, {"left": 4})
    assert kept(world, event).decline_reason == "pin_wrong"
    for _ in range(3):  # sent again, it is not tried again
        again = phone.hand_in(event, "2026-07-05 08:00")
        assert (again.reason, again.details, again.replayed) == (Reason.PIN_WRONG, {"left": 4}, True)
    assert wrong_tries(world, someone) == 1
    assert phone.hand_in(by_pin(phone, visit)).status == "accepted"
    assert wrong_tries(world, someone) == 0


def test_the_same_wrong_pin_uploaded_six_times_at_once_is_one_try(world: World, phone: Phone) -> None:
    someone = world.holder(subsidy=9000)
    with_pin(world, someone)
    visit = served(phone, someone)
    event = by_pin(phone, visit, "493818")
    answers = at_once([lambda: phone.hand_in(event)] * 6)
    assert [(one.reason, one.details) for one in answers] == [(Reason.PIN_WRONG, {"left": 4})] * 6
    assert sorted(one.replayed for one in answers) == [False] + [True] * 5
    assert wrong_tries(world, someone) == 1


def test_locked_it_stays_locked_whatever_the_phones_clock_says(world: World, phone: Phone) -> None:
    """Guesses that were queued, or whose times were set back, count like any others."""
    someone = world.holder(subsidy=9000)
    with_pin(world, someone)
    visit = served(phone, someone)
    answers = [phone.hand_in(by_pin(phone, visit, f"00000{n}"), "2026-07-06 20:00").reason for n in range(5)]
    assert answers == [Reason.PIN_WRONG] * 4 + [Reason.PIN_LOCKED]
    earlier = AFTER - timedelta(minutes=1)
    assert phone.hand_in(by_pin(phone, visit, when=earlier), "2026-07-06 21:00").reason is Reason.PIN_LOCKED
    assert world.left(someone) == (9000, 0)
    with acting(world.engine, "2026-07-07 09:00", COUNTER) as act:
        pin.unlock(act, someone.card_id, why="identity card seen")
    assert phone.hand_in(by_pin(phone, visit), "2026-07-07 10:00").status == "accepted"


def test_the_pin_of_the_day_counts_when_it_was_changed_since(world: World, phone: Phone) -> None:
    someone = world.holder(subsidy=9000)
    with_pin(world, someone)
    visit = served(phone, someone)
    with_pin(world, someone, "271828", "2026-07-05 08:00")
    arrives = "2026-07-06 20:00"
    assert phone.hand_in(by_pin(phone, visit, "271828"), arrives).reason is Reason.PIN_WRONG
    assert phone.hand_in(by_pin(phone, visit), arrives).status == "accepted"
    assert wrong_tries(world, someone) == 0


def test_what_was_not_sealed_for_this_debit_is_no_guess(world: World, phone: Phone) -> None:
    """A PIN caught from one debit opens for no other: neither another amount nor own money can be slipped under it."""
    someone = world.holder(subsidy=9000, personal=9000)
    with_pin(world, someone)
    visit, other = served(phone, someone, "2026-07-02 09:00"), served(phone, someone)
    caught = sealed(other)
    strange = sealed_pin.seal(
        sealed_pin.public_jwk(new_ring(b"others")), PIN, sealed_pin.bound(other.hash, 3000, 0, moment(AFTER))
    )
    for event in (
        debit(phone, visit, "pin", pin_sealed=caught),
        debit(phone, other, "pin", pin_sealed=caught, personal_fen=3000),
        debit(phone, other, "pin", AFTER + timedelta(seconds=1), pin_sealed=caught),
        debit(phone, other, "pin", pin_sealed=strange),
        debit(phone, other, "pin", pin_sealed="AAAA"),
        debit(phone, other, "pin"),
    ):
        assert phone.hand_in(event).reason is Reason.CONSENT_NOT_PROVED
    assert wrong_tries(world, someone) == 0
    assert phone.hand_in(debit(phone, other, "pin", pin_sealed=caught)).status == "accepted"


def test_without_a_pin_of_ones_own_there_is_none(world: World, phone: Phone) -> None:
    someone = world.holder(subsidy=9000)
    visit = served(phone, someone)
    assert phone.hand_in(by_pin(phone, visit)).reason is Reason.PIN_NOT_SET


def test_no_guess_is_wasted_where_the_debit_could_not_be(world: World, phone: Phone) -> None:
    """Dead, or for more than the scheme lets a PIN confirm: the PIN is not even looked at."""
    someone = world.holder(subsidy=9000)
    with_pin(world, someone)
    visit = served(phone, someone)
    dear = debit(phone, visit, "pin", total_fen=50_001, pin_sealed=sealed(visit, "000000", total=50_001))
    assert phone.hand_in(dear).reason is Reason.CONSENT_NOT_ENOUGH
    with acting(world.engine, AFTER, TOWN_CLERK) as act:
        registry.freeze(act, someone.card_id, since=BEGAN, reason="died")
    assert phone.hand_in(by_pin(phone, visit, "000000")).reason is Reason.ACCOUNT_FROZEN
    assert wrong_tries(world, someone) == 0


def test_a_replaced_card_keeps_its_pin(world: World, phone: Phone) -> None:
    someone = world.holder(subsidy=9000)
    with_pin(world, someone)
    visit = served(phone, someone)
    with acting(world.engine, AFTER, COUNTER) as act:
        registry.replace(act, RING, someone.card_id)
    old = by_pin(phone, visit, token=code(world, someone))
    assert phone.hand_in(old).reason is Reason.CODE_DEAD
    assert phone.hand_in(by_pin(phone, visit)).status == "accepted"


def test_guesses_on_many_phones_at_once_are_five(world: World) -> None:
    """Eight visits, eight caregivers, seven wrong PINs and the right one, all hashed before any is counted."""
    someone = world.holder(subsidy=90_000)
    with_pin(world, someone)
    phones = [Phone(world, world.caregiver()) for _ in range(8)]
    days = [f"2026-07-{day:02d} 09:00" for day in range(3, 11)]
    visits_ = [served(phone, someone, day) for phone, day in zip(phones, days, strict=True)]
    late, now = at("2026-07-12 09:00"), "2026-07-12 09:01"
    typed = [f"00000{n}" for n in range(7)] + [PIN]
    events = [by_pin(*three, when=late) for three in zip(phones, visits_, typed, strict=True)]
    with acting(world.engine, now) as act:
        tried = [door.tried_ahead(act.conn, RING, event) for event in events]
    assert [one is not None and one.right for one in tried] == [False] * 7 + [True]

    def hand_in(number: int) -> Reason | None:
        phone = phones[number]
        actor = Actor(f"device:{phone.id}", "device", provider_id=phone.provider)
        device = phone.row()
        with acting(world.engine, now, actor) as act:
            return door.receive(act, RING, device, events[number], tried=tried[number]).reason

    answers = at_once([lambda n=n: hand_in(n) for n in range(7)])
    assert sorted(str(answer) for answer in answers) == ["Reason.PIN_LOCKED"] * 3 + ["Reason.PIN_WRONG"] * 4
    assert hand_in(7) is Reason.PIN_LOCKED
    assert world.left(someone) == (90_000, 0)


def test_released_from_quarantine_the_pin_is_tried_then(world: World, phone: Phone) -> None:
    """Forty days without signal: nobody decides by themselves, so the PIN is tried when a second person has."""
    someone = world.holder(subsidy=9000)
    with_pin(world, someone)
    visit = served(phone, someone)
    wrong, right = by_pin(phone, visit, "493818"), by_pin(phone, visit)
    assert [phone.hand_in(event, "2026-08-15 08:00").status for event in (wrong, right)] == ["quarantined"] * 2
    assert wrong_tries(world, someone) == 0
    with acting(world.engine, "2026-08-15 09:00", TOWN_CLERK) as act:
        refused = quarantine.release(act, RING, wrong.hash, "phone found")
        assert (refused.status, refused.reason) == ("declined", Reason.PIN_WRONG)
        assert quarantine.release(act, RING, right.hash, "phone found").status == "released"
    assert wrong_tries(world, someone) == 0
    assert world.left(someone) == (6000, 0)


def test_a_pin_found_right_before_a_second_person_decides_stays_right(world: World, phone: Phone) -> None:
    """210.00 without signal is more than 200.00: it waits for the town. That somebody locked the PIN meanwhile takes nothing from it."""
    someone = world.holder(subsidy=30_000)
    with_pin(world, someone)
    visit = phone.check_in(someone, MORNING)
    phone.hand_in(visit)
    phone.hand_in(phone.check_out(visit, someone, timedelta(hours=1), *[CLEANING] * 7))
    much = by_pin(phone, visit, total_fen=21_000, pin_sealed=sealed(visit, total=21_000))
    assert phone.hand_in(much, "2026-07-04 09:00").reason is Reason.OFFLINE_LIMIT
    with acting(world.engine, "2026-07-04 09:00") as act:
        for _ in range(pin.TRIES):
            pin.check(act, RING, someone.card_id, "000001")
    with acting(world.engine, "2026-07-04 09:00", TOWN_CLERK) as act:
        assert quarantine.release(act, RING, much.hash, "the daughter says so").status == "released"
    assert (world.left(someone), wrong_tries(world, someone)) == ((9000, 0), pin.TRIES)


def test_the_pin_is_nowhere_on_record(world: World, phone: Phone) -> None:
    someone = world.holder(subsidy=9000)
    with_pin(world, someone, "682459")
    visit = served(phone, someone)
    assert phone.hand_in(by_pin(phone, visit, "682459")).status == "accepted"
    with acting(world.engine) as act:
        for table in card_pins.metadata.sorted_tables:
            texts = [
                str(value)
                for row in act.conn.execute(select(table))
                for value in row
                if isinstance(value, str | dict | list)
            ]
            assert not [text for text in texts if "682459" in text], table.name


# -- a confirmation by event --------------------------------------------------------------------------------------------------
def test_the_holder_confirms_a_debit_with_the_card_or_a_code(world: World, phone: Phone) -> None:
    someone, stranger = world.holder(subsidy=9000), world.holder()
    with acting(world.engine, "2026-07-01 08:00", COUNTER) as act:
        county.agent(act, someone.senior_id, "李国强", "13800001234")
    for number, (consent, answer) in enumerate((("card_qr", "card_qr"), ("dynamic", "dynamic"))):
        day = timedelta(days=number)
        visit = served(phone, someone, BEGAN + day)
        paid = debit(phone, visit, "agent", AFTER + day)
        assert phone.hand_in(paid).status == "accepted"
        with acting(world.engine) as act:
            assert [row.id for row in confirming.waiting(act.conn, someone.card_id)] == [paid.hash]
        when = AFTER + day + timedelta(minutes=30)
        theirs = phone.sign("confirm", when, debit=paid.hash, consent="card_qr", token=code(world, stranger))
        assert phone.hand_in(theirs).reason is Reason.OTHER_CARD
        unproved = phone.sign("confirm", when, debit=paid.hash, consent="pin")
        assert phone.hand_in(unproved).reason is Reason.CONSENT_NOT_PROVED
        said = phone.sign("confirm", when, debit=paid.hash, consent="agent")
        assert phone.hand_in(said).status == "accepted"  # kept, but nobody's answer yet
        with acting(world.engine) as act:
            assert len(confirming.waiting(act.conn, someone.card_id)) == 1
        proof = (
            {"token": code(world, someone)} if consent == "card_qr" else {"code": a_code(world, someone, when).digits}
        )
        confirmed = phone.sign("confirm", when, debit=paid.hash, consent=consent, **proof)
        assert phone.hand_in(confirmed).status == "accepted"
        with acting(world.engine) as act:
            assert confirming.waiting(act.conn, someone.card_id) == []
            (row,) = confirming.said_of(act.conn, [paid.hash])[paid.hash]
            assert (row.by, row.answer, row.how, row.said_at) == ("holder", "yes", answer, when)


def test_a_confirmation_waits_for_its_debit(world: World) -> None:
    """The debit waits for a check-in that another phone still holds; what was said to it by code counts by when it was said."""
    someone, staff = world.holder(subsidy=9000), world.caregiver()
    one, two = Phone(world, staff), Phone(world, staff)
    with acting(world.engine, "2026-07-01 08:00", COUNTER) as act:
        county.agent(act, someone.senior_id, "李国强", "13800001234")
    visit = one.check_in(someone, MORNING)
    out = one.check_out(visit, someone, timedelta(hours=1))
    paid = debit(two, visit, "agent")
    said = two.sign("confirm", AFTER, debit=paid.hash, consent="dynamic", code=a_code(world, someone, AFTER).digits)
    evening = "2026-07-03 20:00"
    assert [two.hand_in(event, evening).status for event in (paid, said)] == ["waiting", "waiting"]
    assert [one.hand_in(event, evening).status for event in (visit, out)] == ["accepted", "accepted"]
    assert [two.hand_in(event, evening).status for event in (paid, said)] == ["accepted", "accepted"]
    with acting(world.engine) as act:
        assert [row.how for row in confirming.said_of(act.conn, [paid.hash])[paid.hash]] == ["dynamic"]


def test_what_is_not_there_or_was_declined_is_not_confirmed(world: World, phone: Phone) -> None:
    someone = world.holder()
    visit = served(phone, someone)
    unpaid = debit(phone, visit, "card_qr", token=code(world, someone))
    assert phone.hand_in(unpaid).reason is Reason.INSUFFICIENT_FUNDS
    token = code(world, someone)
    for hashed, answer in (
        (unpaid.hash, Reason.WRONG_STATE),
        (visit.hash, Reason.NOT_FOUND),
        ("0" * 64, Reason.NOT_FOUND),
    ):
        event = phone.sign("confirm", AFTER, debit=hashed, consent="card_qr", token=token)
        assert phone.hand_in(event).reason is answer


def test_a_code_is_confirmed_and_debited_with_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same code on two phones: one confirms what was debited first, the other debits anew what was taken back meanwhile. One of them has it."""
    someone, staff = world.holder(subsidy=9000), world.caregiver()
    one, two = Phone(world, staff), Phone(world, staff)
    visit = served(one, someone)
    paid = debit(one, visit, "card_qr", token=code(world, someone))
    assert one.hand_in(paid).status == "accepted"
    shown = a_code(world, someone, AFTER)
    said = one.sign("confirm", AFTER, debit=paid.hash, consent="dynamic", code=shown.digits)
    anew = debit(two, visit, "dynamic", code=shown.digits)
    redeemed, confirm = Event(), confirming.confirm

    def slowly(*args: Any, **kwargs: Any) -> Any:
        redeemed.set()
        sleep(0.5)
        return confirm(*args, **kwargs)

    def debits_meanwhile() -> Reason | None:
        redeemed.wait()
        return two.hand_in(anew).reason

    monkeypatch.setattr(confirming, "confirm", slowly)
    monkeypatch.setattr(debiting, "_visit_refused", lambda case: None)  # as if the first debit had been taken back
    answers = at_once([lambda: one.hand_in(said).status, debits_meanwhile])
    assert answers == ["accepted", Reason.DYNAMIC_CODE_USED]
