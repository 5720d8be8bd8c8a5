"""Several devices at the same moment: one card, one caregiver."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from settlement.outcomes import Reason
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
