"""Visits owed and given: a semi-disabled needy senior is owed two a month, and three different items a year."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from settlement.people.tables import entitlements
from settlement.periods import Month
from settlement.visits import compliance, movements, voiding
from tests.cards.county import TOWN_CLERK
from tests.support import acting, at
from tests.visits.world import CLEANING, REPAIR, VISITING, Holder, World

JULY = Month(2026, 7)


def owed(world: World, someone: Holder, month: Month = JULY) -> tuple[int, int, int] | None:
    with acting(world.engine) as act:
        for row in compliance.frequency(act.conn, world.scheme, month):
            if row.senior_id == someone.senior_id:
                assert row.missing == row.required - row.done - row.made_up
                return row.required, row.done, row.made_up
    return None


def test_what_was_missed_may_be_made_up_next_month(world: World) -> None:
    someone = world.holder()
    assert owed(world, someone) == (2, 0, 0)
    world.served(someone, when="2026-07-03 09:00")
    assert owed(world, someone) == (2, 1, 0)
    for day in (3, 10):
        world.served(someone, when=f"2026-08-{day:02d} 09:00")
    assert owed(world, someone) == (2, 1, 0)  # August's two are August's own
    third = world.served(someone, when="2026-08-17 09:00")
    assert owed(world, someone) is None
    with acting(world.engine, "2026-08-18 09:00", TOWN_CLERK) as act:
        voiding.void(act, third.id, "substandard")
    assert owed(world, someone) == (2, 1, 0)


@pytest.mark.parametrize(
    ("facts", "when"),
    [
        ({"to_month": "2026-07"}, {6: True, 7: True, 8: False}),
        ({"from_month": "2026-07"}, {6: False, 7: True, 8: True}),
        ({"scheme_code": "elsewhere"}, {6: False, 7: False, 8: False}),
    ],
)
def test_visits_are_owed_in_the_months_of_an_entitlement_only(
    world: World, facts: dict[str, str], when: dict[int, bool]
) -> None:
    someone, e = world.holder(), entitlements.c
    with world.engine.begin() as conn:
        conn.execute(update(entitlements).where(e.senior_id == someone.senior_id).values(facts))
    assert {number: owed(world, someone, Month(2026, number)) is not None for number in when} == when


def test_different_items_are_counted_over_the_year(world: World) -> None:
    someone = world.holder()

    def lacking() -> int | None:
        with acting(world.engine) as act:
            found = compliance.variety(act.conn, world.scheme, 2026)
        return next((row.different for row in found if row.senior_id == someone.senior_id), None)

    assert lacking() == 0
    world.served(someone, CLEANING, VISITING, when="2026-03-03 09:00")
    world.served(someone, CLEANING, when="2026-04-03 09:00")
    assert lacking() == 2
    with acting(world.engine) as act:
        codes = [f.code for f in compliance.findings(act.conn, world.scheme, Month(2026, 12))]
    assert {"too_few_visits", "too_few_items"} == set(codes)
    world.served(someone, REPAIR, when="2026-05-03 09:00")
    assert lacking() is None


def test_the_holder_sees_what_was_bought(world: World) -> None:
    someone = world.holder(subsidy=5000, personal=2000)
    visit = world.served(someone, CLEANING, VISITING)
    world.debit(visit, 4500, id="seen")
    with acting(world.engine, "2026-07-04 09:00", TOWN_CLERK) as act:
        voiding.void(act, visit.id, "substandard")
        back, spent, *_ = movements.last(act.conn, someone.card_id, 10)
    assert (spent.movement.code, spent.movement.subsidy, spent.movement.provider) == (
        "debit_subsidy",
        -4500,
        "安康养老服务中心",
    )
    assert [(x.name_zh, x.amount_fen) for x in spent.items] == [("居室保洁", 3000), ("上门探视", 1500)]
    assert (back.movement.code, back.movement.subsidy, back.visit_id) == ("void", 4500, visit.id)
    assert spent.movement.occurred_at == at("2026-07-03 10:02")
