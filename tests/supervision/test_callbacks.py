"""Callbacks: every service is called back; what was said is counted."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from settlement.outcomes import Reason, Refused
from settlement.periods import Month
from settlement.supervision import callbacks
from settlement.supervision.callbacks import Satisfaction
from settlement.visits import voiding
from settlement.visits.tables import visits
from tests.cards.county import TOWN
from tests.support import acting, at, officer
from tests.visits.world import CLEANING, World

JULY = Month.parse("2026-07")
AFTER = "2026-07-03 16:00"


def office(world: World, provider: int | None = None):  # type: ignore[no-untyped-def]
    return officer("fang", "provider", provider_id=provider or world.ours)


def call(
    world: World, visit_id: str, rating: str | None = "satisfied", as_recorded: bool | None = True, **more: object
) -> int:
    by = more.pop("by", None) or office(world)
    with acting(world.engine, AFTER, by) as act:  # type: ignore[arg-type]
        return callbacks.record(act, visit_id, rating=rating, as_recorded=as_recorded, **more)  # type: ignore[arg-type]


def to_make(world: World, now: str = AFTER) -> list[str]:
    with world.engine.connect() as conn:
        query = select(visits.c.id).where(callbacks.to_make(at(now)), visits.c.provider_id == world.ours)
        return sorted(conn.execute(query).scalars())


def served(world: World, when: str = "2026-07-03 09:00") -> str:
    return world.served(world.holder(subsidy=10_000), CLEANING, when=when).id


def test_a_served_visit_is_called_back_until_somebody_answers(world: World) -> None:
    one, other = served(world), served(world)
    assert to_make(world) == sorted([one, other])
    call(world, one, "dissatisfied", False, words="只来了半小时")
    assert to_make(world) == [other]
    with pytest.raises(Refused) as twice:
        call(world, one)
    assert twice.value.reason is Reason.CALLED_BACK


def test_after_three_unanswered_calls_nobody_telephones_again(world: World) -> None:
    visit = served(world)
    for _ in range(2):
        call(world, visit, None, None)
    assert to_make(world) == [visit]
    call(world, visit, None, None)
    assert to_make(world) == []


def test_the_list_holds_this_month_and_the_last(world: World) -> None:
    visit = served(world)
    assert to_make(world, "2026-08-31 23:00") == [visit]
    assert to_make(world, "2026-09-01 00:00") == []


def test_a_month_is_counted_by_provider_and_town(world: World) -> None:
    happy, so_so, unhappy, silent, waits = (served(world) for _ in range(5))
    call(world, happy)
    call(world, so_so, "fair")
    call(world, unhappy, "dissatisfied", False)
    for _ in range(3):
        call(world, silent, None, None)
    call(world, waits, None, None)
    with world.engine.connect() as conn:
        (counted,) = callbacks.satisfaction(conn, JULY, provider_id=world.ours)
        assert callbacks.satisfaction(conn, JULY, town="小纪镇") == []
    assert counted == Satisfaction(
        world.ours, TOWN, visits=5, answered=3, unanswered=1, satisfied=1, fair=1, dissatisfied=1, differing=1
    )
    assert (counted.to_make, counted.called_percent, counted.satisfied_percent) == (1, 80, 33)


def test_a_void_or_open_visit_is_not_called_back(world: World) -> None:
    visit = served(world)
    with acting(world.engine, AFTER, office(world)) as act:
        voiding.void(act, visit, "substandard")
    assert to_make(world) == []
    going_on = world.check_in(world.holder(), world.caregiver(), "2026-07-03 09:00")
    for id in (visit, going_on.id):  # type: ignore[union-attr]
        with pytest.raises(Refused) as refused:
            call(world, id)
        assert refused.value.reason is Reason.CALLBACK_NOT_DUE
    with world.engine.connect() as conn:
        assert callbacks.satisfaction(conn, JULY, provider_id=world.ours) == []


@pytest.mark.parametrize(("rating", "as_recorded"), [("satisfied", None), (None, True), ("wonderful", True)])
def test_an_answer_is_whole_or_none(world: World, rating: str | None, as_recorded: bool | None) -> None:
    with pytest.raises(Refused) as refused:
        call(world, served(world), rating, as_recorded)
    assert refused.value.reason is Reason.BAD_INPUT


def test_only_the_providers_own_office_writes_it_down(world: World) -> None:
    visit = served(world)
    for by in (office(world, world.theirs), officer("wang", "town", town=TOWN)):
        with pytest.raises(Refused) as refused:
            call(world, visit, by=by)
        assert refused.value.reason is Reason.NOT_ALLOWED
