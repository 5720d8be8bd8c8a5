"""Several devices at the same moment: one card, one caregiver."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event
from time import sleep
from typing import Any

import pytest

from settlement.cards import book
from settlement.ledger import accounts
from settlement.outcomes import Reason
from settlement.visits import debiting, door, voiding
from settlement.visits.forms import Visit
from settlement.vouchers import cap
from tests.support import acting
from tests.visits.phone import Phone
from tests.visits.world import World, why


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """Run all of them, beginning together."""
    start = Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        start.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_a_card_debited_six_times_at_once_is_never_overdrawn(world: World) -> None:
    someone = world.holder(subsidy=9000)
    served = [world.served(someone, when=f"2026-07-{day:02d} 09:00") for day in range(1, 7)]
    when = served[-1].check_out_at
    answers = at_once([lambda visit=visit: world.debit(visit, 3000, occurred_at=when) for visit in served])
    assert sorted(str(why(answer)) for answer in answers) == ["None"] * 3 + ["Reason.INSUFFICIENT_FUNDS"] * 3
    assert (world.left(someone), world.spent(someone)) == ((0, 0), 9000)


def test_one_visit_debited_twice_at_once_is_paid_once(world: World) -> None:
    someone = world.holder(subsidy=9000)
    visit = world.served(someone)
    answers = at_once([lambda: world.debit(visit, 3000)] * 2)
    assert {why(answer) for answer in answers} == {None, Reason.ALREADY_DEBITED}
    assert world.left(someone) == (6000, 0)


def test_a_caregiver_checking_in_at_two_doors_at_once(world: World) -> None:
    caregiver = world.caregiver()
    people = [world.holder(), world.holder()]
    answers = at_once([lambda one=one: world.check_in(one, caregiver, "2026-07-03 09:00") for one in people])
    assert {why(answer) for answer in answers} == {None, Reason.CAREGIVER_ELSEWHERE}


@pytest.mark.parametrize(("subsidy", "personal"), [(4000, 0), (0, 4000)])
def test_queued_debits_of_one_card_at_once_share_what_is_there(
    world: World, monkeypatch: pytest.MonkeyPatch, subsidy: int, personal: int
) -> None:
    """40.00 on the card, two debits of 30.00 that waited for signal: the second takes the 10.00 left, and the provider bears 20.00."""
    someone = world.holder(subsidy=subsidy, personal=personal)
    first, second = (world.served(someone, when=f"2026-07-0{day} 09:00") for day in (3, 4))
    under_way, keep = Event(), debiting._kept

    def slowly(*args: Any) -> Any:
        under_way.set()
        sleep(0.3)
        return keep(*args)

    monkeypatch.setattr(debiting, "_kept", slowly)

    def queued(visit: Visit) -> Any:
        return world.debit(visit, 3000, confirm_personal_fen=3000, arrives="2026-07-05 09:00")

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(queued, first)
        assert under_way.wait(10)
        two = pool.submit(queued, second)
    assert [(d.subsidy_fen + d.personal_fen, d.shortfall_fen) for d in (one.result(), two.result())] == [
        (3000, 0),
        (1000, 2000),
    ]
    assert world.left(someone) == (0, 0)


def test_a_void_while_the_card_is_issued_to_waits_for_it(world: World) -> None:
    """Both lock the card's year, then its purses: neither stands in the way of the other."""
    someone = world.holder(subsidy=9000)
    visit = world.served(someone)
    assert why(world.debit(visit, 3000)) is None

    def void() -> Any:
        with acting(world.engine, "2026-07-04 09:00") as act:
            return voiding.void(act, visit.id, "not_served")

    with ThreadPoolExecutor(1) as pool:
        with acting(world.engine, "2026-07-04 09:00") as act:
            cap.room(act, someone.card_id, 2026)
            voided = pool.submit(void)
            sleep(0.3)
            accounts.lock(act.conn, book.account_ids(act.conn, someone.card_id))
        assert why(voided.result()) is None
    assert (world.left(someone), world.spent(someone)) == ((9000, 0), 0)


@pytest.mark.parametrize(("first", "second"), [("check_in", "check_out"), ("check_out", "check_in")])
def test_check_in_and_check_out_handed_in_by_two_devices_at_once_find_each_other(
    world: World, monkeypatch: pytest.MonkeyPatch, first: str, second: str
) -> None:
    """The first phone's battery was empty, a second one checked out; in the evening both upload at the same moment."""
    someone = world.holder(subsidy=9000)
    worker = world.caregiver()
    phone, spare = Phone(world, worker), Phone(world, worker)
    came = phone.check_in(someone, "2026-07-03 09:00")
    left = spare.check_out(came, someone, timedelta(minutes=60), reason="battery_empty")
    under_way, keep = Event(), door._keep

    def slowly(act: Any, event: Any, outcome: Any, more: Any) -> None:
        keep(act, event, outcome, more)
        if event.kind == first:
            under_way.set()
            sleep(0.3)

    monkeypatch.setattr(door, "_keep", slowly)
    hand_in = {
        "check_in": lambda: phone.hand_in(came, "2026-07-03 20:00"),
        "check_out": lambda: spare.hand_in(left, "2026-07-03 20:00"),
    }
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(hand_in[first])
        assert under_way.wait(10)
        two = pool.submit(hand_in[second])
    assert {one.result().status, two.result().status} <= {"accepted", "waiting"}
    paid = phone.hand_in(phone.debit(came, someone, timedelta(minutes=62)), "2026-07-03 20:01")
    assert (paid.status, world.left(someone)) == ("accepted", (6000, 0))
