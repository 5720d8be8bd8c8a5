"""Two devices' events in either order of arrival: what must not depend on it, and the little that does (docs/decisions/0023)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from settlement.outcomes import Reason
from settlement.visits.signed_event import SignedEvent
from tests.support import at
from tests.visits.phone import Phone
from tests.visits.world import Holder, World

MINUTE = timedelta(minutes=1)
EVENING = "2026-07-03 20:00"


@pytest.fixture
def phones(world: World) -> tuple[Phone, Phone]:
    """Of two caregivers."""
    return Phone(world, world.caregiver()), Phone(world, world.caregiver())


def pay(phone: Phone, someone: Holder, when: str, *, own: int = 0) -> list[SignedEvent]:
    """A visit of 30.00; ``own``: what she agreed to from own money, fen."""
    visit = phone.check_in(someone, when)
    out = phone.check_out(visit, someone, 60 * MINUTE)
    return [visit, out, phone.debit(visit, someone, 62 * MINUTE, own=own)]


def hand_in(*queues: tuple[Phone, list[SignedEvent]]) -> None:
    for phone, events in queues:
        for event in events:
            assert phone.hand_in(event, EVENING).status == "accepted"


@pytest.mark.parametrize("first", ["nobody home", "served"])
def test_who_served_without_signal_after_nobody_was_home_is_paid(
    world: World, phones: tuple[Phone, Phone], first: str
) -> None:
    """At eight nobody opened; at nine another caregiver, who had no signal to hear of it, served the order."""
    someone = world.holder(subsidy=9000)
    order = world.order(someone)
    before, after = phones
    gone = before.sign("not_served", at("2026-07-03 08:00"), order_id=order, reason="nobody_home")
    came = after.check_in(someone, "2026-07-03 09:00", order_id=order)
    arrivals = [lambda: before.hand_in(gone, EVENING), lambda: after.hand_in(came, EVENING)]
    answers = [arrive() for arrive in (arrivals if first == "nobody home" else arrivals[::-1])]
    if first == "served":
        answers.reverse()
    assert answers[1].status == "accepted"
    assert answers[0].reason in (None, Reason.ORDER_TAKEN)
    out = after.check_out(came, someone, 60 * MINUTE)
    assert after.hand_in(out, EVENING).result["status"] == "served"


def test_who_hears_that_nobody_was_home_is_told_at_the_door(world: World, phones: tuple[Phone, Phone]) -> None:
    someone = world.holder()
    order = world.order(someone)
    before, after = phones
    before.hand_in(before.sign("not_served", at("2026-07-03 08:00"), order_id=order, reason="nobody_home"))
    came = after.hand_in(after.check_in(someone, "2026-07-03 09:00", order_id=order))
    assert came.reason is Reason.ORDER_NOT_PLANNED


@pytest.mark.parametrize(("agreeing_first", "taken"), [(True, (3000, 0)), (False, (3000, 3000))])
def test_own_money_depends_on_the_order_where_she_agreed_to_one_debit_and_not_to_the_other(
    world: World, phones: tuple[Phone, Phone], agreeing_first: bool, taken: tuple[int, int]
) -> None:
    """30.00 of subsidy, 30.00 of own money, two debits of 30.00. For one she agreed to own money: it is needed only when the other took the
    subsidy first. Whichever it is, the subsidy is spent whole and own money goes to nothing she did not agree to."""
    someone = world.holder(subsidy=3000, personal=3000)
    agreeing, other = phones
    with_own = agreeing, pay(agreeing, someone, "2026-07-03 09:00", own=3000)
    without = other, pay(other, someone, "2026-07-03 13:00")
    hand_in(*((with_own, without) if agreeing_first else (without, with_own)))
    left = world.left(someone)
    assert (3000 - left[0], 3000 - left[1]) == taken


@pytest.mark.parametrize(("kept_first", "left"), [(True, 1000), (False, 3000)])
def test_a_shortfall_stays_when_money_comes_back_later(
    world: World, phones: tuple[Phone, Phone], kept_first: bool, left: int
) -> None:
    """40.00 on the card, two debits of 30.00, one of them taken back. Where the other came while it stood, it found 10.00 and the provider
    bore 20.00; the 30.00 that come back are hers."""
    someone = world.holder(subsidy=4000)
    one, two = phones
    kept = one, pay(one, someone, "2026-07-03 09:00")
    gone = pay(two, someone, "2026-07-03 13:00")
    back = two, [two.sign("cancel", gone[2].occurred_at + MINUTE, event=gone[2].hash, reason="mistake")]
    hand_in(*((kept, (two, gone), back) if kept_first else ((two, gone), kept, back)))
    assert world.left(someone) == (left, 0)
