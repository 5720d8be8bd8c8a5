"""Delay, repetition and the order between devices change nothing, as long as no purse runs short."""

from __future__ import annotations

from datetime import datetime, timedelta

import hypothesis
from hypothesis import strategies as st
from sqlalchemy import func, select

from settlement.outcomes import Reason, Refused
from settlement.visits.signed_event import SignedEvent
from settlement.visits.tables import debits, visits
from tests.support import acting, at
from tests.visits.phone import Phone
from tests.visits.world import Holder, World

EVENING = at("2026-07-03 20:00")
NINE = at("2026-07-03 09:00")

# What each of three phones does that day, one visit after the other: minutes served, and whether the third phone checks out for it.
DAYS = st.lists(st.tuples(st.sampled_from([59, 60, 75]), st.booleans()), min_size=1, max_size=2)


def a_day(
    phones: list[Phone], spare: Phone, people: list[Holder], plans: list[list[tuple[int, bool]]]
) -> list[list[SignedEvent]]:
    """Each phone's queue in its own order; last the spare phone's, which checks out for the others."""
    queues: list[list[SignedEvent]] = [[] for _ in phones]
    for_spare: list[tuple[datetime, SignedEvent, Holder, timedelta, str]] = []
    for number, (phone, plan) in enumerate(zip(phones, plans, strict=True)):
        for round_, (minutes, elsewhere) in enumerate(plan):
            someone = people[number * 2 + round_]
            visit = phone.check_in(someone, NINE + timedelta(hours=2 * round_))
            queues[number].append(visit)
            served = timedelta(minutes=minutes)
            if elsewhere:
                for_spare.append((visit.occurred_at + served, visit, someone, served, phone.staff_no))
            else:
                queues[number].append(phone.check_out(visit, someone, served))
            queues[number].append(phone.debit(visit, someone, served + timedelta(minutes=2)))
    spare_queue = []
    for _, visit, someone, served, staff_no in sorted(for_spare, key=lambda each: each[0]):
        spare.staff_no = staff_no
        spare_queue.append(spare.check_out(visit, someone, served, reason="battery_empty"))
    return [*queues, spare_queue]


def outcome(world: World, people: list[Holder]) -> list[tuple[object, ...]]:
    """By senior: how the visit stands, how long it was, what was debited, what is left."""
    found = []
    for someone in people:
        v, d = visits.c, debits.c
        with acting(world.engine) as act:
            rows = act.conn.execute(select(v.status, v.seconds, v.void_reason).where(v.senior_id == someone.senior_id))
            seen = [tuple(row) for row in rows]
            total = select(func.coalesce(func.sum(d.subsidy_fen), 0)).where(
                d.card_id == someone.card_id, d.status == "posted"
            )
            debited = act.conn.execute(total).scalar_one()
        found.append((seen, int(debited), world.left(someone), world.spent(someone)))
    return found


def hand_in(queues: list[tuple[Phone, list[SignedEvent]]], draw: st.DataObject | None) -> None:
    """Without ``draw``: every event as it happens. With it: later, in any order between devices, some twice, some too early."""
    if draw is None:
        everything = [(event, phone) for phone, queue in queues for event in queue]
        for event, phone in sorted(everything, key=lambda pair: pair[0].occurred_at):
            phone.hand_in(event)
        return
    now: datetime = EVENING
    position = [0] * len(queues)
    while any(position[i] < len(queue) for i, (_, queue) in enumerate(queues)):
        i = draw.draw(st.sampled_from([i for i, (_, queue) in enumerate(queues) if position[i] < len(queue)]))
        ahead = draw.draw(st.sampled_from([0, 0, 0, 1, -1]))
        phone, queue = queues[i]
        now += timedelta(minutes=7)
        place = min(max(position[i] + ahead, 0), len(queue) - 1)
        try:
            phone.hand_in(queue[place], now)
        except Refused as refused:
            if refused.reason is not Reason.EVENT_GAP:
                raise
        else:
            position[i] = max(position[i], place + 1)


@hypothesis.settings(max_examples=8)
@hypothesis.given(plans=st.lists(DAYS, min_size=2, max_size=2), draw=st.data())
def test_the_books_do_not_depend_on_how_events_travel(
    world: World, plans: list[list[tuple[int, bool]]], draw: st.DataObject
) -> None:
    results = []
    for travel in (None, draw):
        people = [world.holder(subsidy=5000) for _ in range(4)]
        caregivers = [world.caregiver() for _ in plans]
        phones = [Phone(world, caregiver) for caregiver in caregivers]
        spare = Phone(world, caregivers[0], shared=True)
        queues = a_day(phones, spare, people, plans)
        hand_in(list(zip([*phones, spare], queues, strict=True)), travel)
        results.append(outcome(world, people))
    assert results[0] == results[1]
