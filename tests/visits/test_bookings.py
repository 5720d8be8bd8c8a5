"""Service that is asked for: what may be asked, who answers, and the work order that comes of it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from settlement.act import Actor
from settlement.db import reading
from settlement.outcomes import Reason, Refused
from settlement.people.scope import holder
from settlement.people.tables import seniors
from settlement.providers.tables import bans
from settlement.visits import bookings
from settlement.visits.tables import work_orders
from settlement.visits.words import BOOKING_DECLINES
from tests.cards.county import TOWN, TOWN_CLERK
from tests.support import acting, at, officer
from tests.visits.world import CLEANING, REPAIR, Holder, World

FRIDAY = date(2026, 7, 10)
HOTLINE = officer("hot", "hotline")


def provider(world: World, id: int | None = None) -> Actor:
    return officer("desk", "provider", provider_id=id or world.ours)


def ask(world: World, someone: Holder, *items: str, **more: Any) -> int:
    when, by = more.pop("when", "2026-07-03 09:00"), more.pop("who", None) or holder(someone.senior_id)
    with acting(world.engine, when, by) as act:
        return bookings.ask(act, someone.senior_id, items, **more)


def accept(world: World, id: int, by: Actor | None = None, **more: Any) -> str:
    facts = {"provider_id": world.ours, "planned_start": at("2026-07-10 09:30"), "planned_minutes": 60} | more
    with acting(world.engine, "2026-07-04 09:00", by or provider(world)) as act:
        return bookings.accept(act, id, **facts)


def found(world: World, id: int) -> bookings.Booking:
    with reading(world.engine) as conn:
        return next(b for b in bookings.listing(conn, status=None) if b.id == id)


def refused(reason: Reason, what: Any, *words: Any, **more: Any) -> None:
    with pytest.raises(Refused) as caught:
        what(*words, **more)
    assert caught.value.reason is reason


def test_asked_for_on_the_page_and_planned_by_the_provider(world: World) -> None:
    someone = world.holder()
    id = ask(world, someone, CLEANING, REPAIR, words="上午来", wished_on=FRIDAY)
    order_id = accept(world, id, caregiver_id=world.caregiver())
    booking = found(world, id)
    assert (booking.status, booking.order_id, booking.provider_id) == ("accepted", order_id, world.ours)
    with reading(world.engine) as conn:
        order = conn.execute(select(work_orders).where(work_orders.c.id == order_id)).one()
    assert (order.origin, order.senior_id, order.status) == ("booked", someone.senior_id, "planned")
    assert (order._mapping["items"], order.planned_minutes) == ([CLEANING, REPAIR], 60)
    assert order.planned_start == at("2026-07-10 09:30")
    assert accept(world, id) == order_id  # pressed twice
    refused(Reason.NOT_ALLOWED, accept, world, id, provider(world, world.theirs), provider_id=world.theirs)


def test_nobody_is_sent_to_somebody_who_died_since(world: World) -> None:
    someone = world.holder()
    id = ask(world, someone, CLEANING)
    with acting(world.engine) as act:
        died = update(seniors).where(seniors.c.id == someone.senior_id).values(died_on=date(2026, 7, 3))
        act.conn.execute(died)
    refused(Reason.SENIOR_DEAD, accept, world, id)
    with acting(world.engine, by=TOWN_CLERK) as act:
        bookings.decline(act, id, next(iter(BOOKING_DECLINES)))
    assert found(world, id).status == "declined"


def test_the_same_wish_is_one_booking(world: World) -> None:
    someone = world.holder()
    first = ask(world, someone, CLEANING, wished_on=FRIDAY)
    assert ask(world, someone, CLEANING, CLEANING, wished_on=FRIDAY) == first
    more = [ask(world, someone, words=f"想要{number}") for number in range(bookings.MOST_OPEN - 1)]
    assert len({first, *more}) == bookings.MOST_OPEN
    refused(Reason.TOO_MANY_OPEN, ask, world, someone, REPAIR)
    with acting(world.engine, by=holder(someone.senior_id)) as act:
        bookings.withdraw(act, first)
        bookings.withdraw(act, first)
    assert found(world, first).status == "withdrawn"
    ask(world, someone, REPAIR)
    refused(Reason.WRONG_STATE, accept, world, first)


def test_what_may_be_asked(world: World) -> None:
    someone, other = world.holder(), world.holder()
    refused(Reason.BAD_INPUT, ask, world, someone)
    refused(Reason.BAD_INPUT, ask, world, someone, words="长" * 201)
    refused(Reason.BAD_INPUT, ask, world, someone, CLEANING, wished_on=date(2026, 10, 4))
    refused(Reason.DAY_PAST, ask, world, someone, CLEANING, wished_on=date(2026, 7, 2))
    refused(Reason.ITEM_NOT_SOLD, ask, world, someone, CLEANING, "GOODS")
    refused(Reason.NOT_ALLOWED, ask, world, someone, CLEANING, who=holder(other.senior_id))
    refused(Reason.NOT_ALLOWED, ask, world, someone, CLEANING, who=provider(world))
    ask(world, someone, CLEANING, wished_on=date(2026, 7, 3))
    ask(world, someone, CLEANING, wished_on=date(2026, 10, 3))
    with acting(world.engine) as act:
        act.conn.execute(update(seniors).where(seniors.c.id == other.senior_id).values(died_on=date(2026, 7, 1)))
    refused(Reason.SENIOR_DEAD, ask, world, other, CLEANING, who=HOTLINE, by="agent")


def test_without_items_the_provider_names_what_was_agreed(world: World) -> None:
    someone = world.holder()
    id = ask(world, someone, words="水龙头漏水", who=HOTLINE, by="senior")
    refused(Reason.BAD_INPUT, accept, world, id)
    refused(Reason.ITEM_NOT_SOLD, accept, world, id, items=("GOODS",))
    refused(Reason.DAY_PAST, accept, world, id, items=(REPAIR,), planned_start=at("2026-07-03 09:00"))
    refused(Reason.BAD_INPUT, accept, world, id, items=(REPAIR,), planned_minutes=0)
    refused(Reason.NOT_ALLOWED, accept, world, id, TOWN_CLERK, items=(REPAIR,))
    accept(world, id, items=(REPAIR,))


def test_only_the_provider_that_is_wanted_and_may_serve(world: World) -> None:
    someone = world.holder()
    id = ask(world, someone, CLEANING, provider_id=world.theirs)
    with reading(world.engine) as conn:
        assert [b.id for b in bookings.listing(conn, provider_id=world.ours, senior_id=someone.senior_id)] == []
        assert [b.id for b in bookings.listing(conn, provider_id=world.theirs, town=TOWN)][-1] == id
    refused(Reason.NOT_ALLOWED, accept, world, id)
    with acting(world.engine) as act:
        ban = {"provider_id": world.theirs, "ground": "goods", "from_day": FRIDAY, "until_day": date(2029, 7, 10)}
        act.conn.execute(insert(bans).values(ban | {"decided_by": "x", "reason": "x"}))
    theirs = {"by": provider(world, world.theirs), "provider_id": world.theirs}
    refused(Reason.PROVIDER_BANNED, accept, world, id, **theirs)
    accept(world, id, **theirs, planned_start=at("2026-07-09 09:00"))
    with acting(world.engine) as act:
        act.conn.execute(bans.delete())


def test_declined_with_a_listed_reason(world: World) -> None:
    someone = world.holder()
    anybodys = ask(world, someone, CLEANING)
    ours = ask(world, someone, REPAIR, provider_id=world.ours)

    def decline(id: int, reason: str, by: Actor) -> None:
        with acting(world.engine, by=by) as act:
            bookings.decline(act, id, reason)

    refused(Reason.NOT_ALLOWED, decline, anybodys, "no_caregiver", provider(world))  # others may have somebody
    refused(Reason.NOT_ALLOWED, decline, ours, "no_caregiver", provider(world, world.theirs))
    refused(Reason.BAD_INPUT, decline, ours, "busy", provider(world))
    decline(ours, "no_caregiver", provider(world))
    decline(ours, "no_caregiver", provider(world))
    decline(anybodys, "unclear", TOWN_CLERK)
    assert (found(world, ours).decline_reason, found(world, anybodys).status) == ("no_caregiver", "declined")
    refused(Reason.WRONG_STATE, decline, ours, "goods", provider(world))
    refused(Reason.NOT_FOUND, decline, 10**6, "goods", TOWN_CLERK)
