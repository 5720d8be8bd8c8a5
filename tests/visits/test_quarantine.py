"""Whose an event in quarantine is: a town decides about its own people, whatever kind of event it is."""

from __future__ import annotations

from typing import Any

import pytest

from settlement.outcomes import Reason, Refused
from settlement.visits import quarantine
from settlement.visits.tables import work_orders
from tests.cards.county import TOWN_CLERK
from tests.support import RING, acting, at, officer
from tests.visits.phone import Phone
from tests.visits.world import DISTRICT, World

ELSEWHERE = officer("other", "town", town="邵伯镇")
LATER = "2026-08-11 09:00"


def revoked(world: World, phone: Phone) -> None:
    from settlement.providers import devices

    with acting(world.engine, "2026-07-04 12:00", DISTRICT) as act:
        devices.revoke(act, phone.id, "lost")


def decide(world: World, how: str, event: Any, by: Any) -> Any:
    with acting(world.engine, LATER, by) as act:
        if how == "reject":
            return quarantine.reject(act, RING, event.hash, "why")
        return quarantine.release(act, RING, event.hash, "why")


@pytest.mark.parametrize("how", ["release", "reject"])
@pytest.mark.parametrize("kind", ["check_in", "not_served", "check_out", "debit", "cancel", "dead code"])
def test_another_town_decides_nothing_of_ours(world: World, how: str, kind: str) -> None:
    someone = world.holder(subsidy=5000)
    phone = Phone(world, world.caregiver())
    revoked(world, phone)
    order = world.order(someone)
    visit, out, debit = phone.a_visit(someone, "2026-07-03 09:00")
    events = {"check_in": visit, "check_out": out, "debit": debit}
    events["not_served"] = phone.sign("not_served", at("2026-07-03 12:00"), order_id=order, reason="nobody_home")
    events["cancel"] = phone.sign("cancel", at("2026-07-03 12:01"), event=visit.hash, reason="mistake")
    # Before the card was activated: released, it would only be declined, and no visit would say whose it is.
    events["dead code"] = phone.check_in(someone, "2025-12-01 09:00")
    for event in (visit, out, debit, events["not_served"], events["cancel"], events["dead code"]):
        assert phone.hand_in(event, "2026-07-06 09:00").status == "quarantined"
    with pytest.raises(Refused) as caught:
        decide(world, how, events[kind], ELSEWHERE)
    assert caught.value.reason is Reason.NOT_ALLOWED
    with acting(world.engine, LATER) as act:
        assert events[kind].hash in {row.id for row in quarantine.waiting(act.conn)}
        assert act.conn.execute(work_orders.select().where(work_orders.c.id == order)).one().status == "planned"
    assert decide(world, how, events[kind], TOWN_CLERK).status != "quarantined"


def test_an_event_that_names_nobody_is_the_districts(world: World) -> None:
    phone = Phone(world, world.caregiver())
    revoked(world, phone)
    event = phone.sign("check_in", at("2026-07-03 09:00"), method="card_qr", token="SB1.x.1.t1.AAAA")
    assert phone.hand_in(event, "2026-07-06 09:00").status == "quarantined"
    for how in ("release", "reject"):
        with pytest.raises(Refused) as caught:
            decide(world, how, event, TOWN_CLERK)
        assert caught.value.reason is Reason.NOT_ALLOWED
    assert decide(world, "reject", event, DISTRICT).status == "rejected"
