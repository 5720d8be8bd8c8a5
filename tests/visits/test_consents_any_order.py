"""Proved consents travel like everything else: late, twice, in any order between devices, they give the same books."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import hypothesis
from hypothesis import strategies as st
from sqlalchemy import select

from settlement.cards import dynamic_code, pin, sealed_pin
from settlement.cards.tables import card_pins, dynamic_codes
from settlement.people.scope import holder
from settlement.visits.signed_event import SignedEvent, moment
from settlement.visits.tables import debits
from tests.cards.county import COUNTER
from tests.support import RING, acting
from tests.visits.phone import Phone, code
from tests.visits.test_any_order import NINE, hand_in, outcome
from tests.visits.world import Holder, World

PIN, WRONG = "493817", "493818"
AFTER = timedelta(minutes=62)

WAYS = ("card", "digits", "qr", "pin", "pin of yesterday", "wrong pin", "code of the one before", "code for less")
"""How the senior agreed. Of the last three the debit is declined, and agreed to again with the card."""

# For each of four visits: how it is agreed to, and whether the spare phone hands the debit in.
PLANS = st.lists(st.tuples(st.sampled_from(WAYS), st.booleans()), min_size=4, max_size=4)


class Day:
    """Two caregivers with two visits each, and a spare phone each that their debits may be on; each senior has a PIN, changed this morning."""

    def __init__(self, world: World, plan: list[tuple[str, bool]]) -> None:
        self.world = world
        self.people = [world.holder(subsidy=5000) for _ in plan]
        for someone in (someone for someone, (way, _) in zip(self.people, plan, strict=True) if "pin" in way):
            for digits, when in (("271828", "2026-07-02 08:00"), (PIN, "2026-07-03 08:00")):
                with acting(world.engine, when, COUNTER) as act:
                    pin.set_pin(act, RING, someone.card_id, digits)
        workers = [world.caregiver() for _ in range(2)]
        self.phones = [Phone(world, worker) for worker in workers]
        self.spares = [Phone(world, worker, shared=True) for worker in workers]
        self.queues: dict[str, list[SignedEvent]] = {phone.id: [] for phone in (*self.phones, *self.spares)}
        self.shown: dynamic_code.Made | None = None
        for number, (way, elsewhere) in enumerate(plan):
            self._visit(number, way, elsewhere)

    def _visit(self, number: int, way: str, elsewhere: bool) -> None:
        someone, phone = self.people[number], self.phones[number // 2]
        visit = phone.check_in(someone, NINE + timedelta(hours=2 * (number % 2), minutes=5 * (number // 2)))
        out = phone.check_out(visit, someone, timedelta(hours=1))
        self.queues[phone.id] += [visit, out]
        pays = self.spares[number // 2] if elsewhere else phone
        self._debit(pays, visit, someone, AFTER, self._proof(way, visit, someone))
        if way in ("wrong pin", "code of the one before", "code for less"):
            self._debit(pays, visit, someone, AFTER + timedelta(minutes=1), self._proof("card", visit, someone))

    def _debit(
        self, phone: Phone, visit: SignedEvent, someone: Holder, after: timedelta, proof: dict[str, Any]
    ) -> None:
        agreed = {"total_fen": 3000, "personal_fen": 0, "cash_fen": 0}
        event = phone.sign("debit", visit.occurred_at + after, visit=visit.hash, **(agreed | proof))
        self.queues[phone.id].append(event)

    def _proof(self, way: str, visit: SignedEvent, someone: Holder) -> dict[str, Any]:
        when = visit.occurred_at + AFTER
        if way == "card":
            return {"consent": "card_qr", "token": code(self.world, someone)}
        if "pin" in way:
            typed = {"pin": PIN, "wrong pin": WRONG, "pin of yesterday": "271828"}[way]
            bound = sealed_pin.bound(visit.hash, 3000, 0, moment(when))
            return {"consent": "pin", "pin_sealed": sealed_pin.seal(sealed_pin.public_jwk(RING), typed, bound)}
        if way == "code of the one before" and self.shown is not None:
            return {"consent": "dynamic", "token": self.shown.code}
        with acting(self.world.engine, when - timedelta(seconds=20), holder(someone.senior_id)) as act:
            fen = 2900 if way == "code for less" else 3000
            self.shown = dynamic_code.make(act, RING, someone.card_id, "debit", fen)
        return {"consent": "dynamic"} | ({"token": self.shown.code} if way == "qr" else {"code": self.shown.digits})

    def told(self) -> list[tuple[str, str | None, str]]:
        """Of each debit, in the order in which it was signed: what became of it."""
        d = debits.c
        ids = [event.hash for queue in self.queues.values() for event in queue if event.kind == "debit"]
        with acting(self.world.engine) as act:
            rows = act.conn.execute(select(d.id, d.status, d.decline_reason, d.consent).where(d.id.in_(ids)))
            found = {row.id: (row.status, row.decline_reason, row.consent) for row in rows}
        return [found[id] for id in ids]

    def counted(self) -> list[tuple[list[int], int]]:
        """By senior: wrong tries of each PIN, and how many codes were used up."""
        p, c = card_pins.c, dynamic_codes.c
        found = []
        for someone in self.people:
            with acting(self.world.engine) as act:
                wrong = act.conn.execute(
                    select(p.wrong).where(p.card_id == someone.card_id).order_by(p.set_at)
                ).scalars()
                used = act.conn.execute(select(c.id).where(c.card_id == someone.card_id, c.used_for.is_not(None)))
                found.append((list(wrong), len(used.all())))
        return found


@hypothesis.settings(max_examples=6)
@hypothesis.example(plan=[("digits", True), ("wrong pin", True), ("pin", True), ("code for less", True)], draw=None)
@hypothesis.given(plan=PLANS, draw=st.data())
def test_what_was_proved_at_the_door_is_proved_however_it_travels(world: World, plan: Any, draw: Any) -> None:
    results = []
    for travel in (None, draw):
        day = Day(world, plan)
        hand_in([(phone, day.queues[phone.id]) for phone in (*day.phones, *day.spares)], travel)
        results.append((outcome(world, day.people), day.told(), day.counted()))
    assert results[0] == results[1]
    books, _, _ = results[0]
    for (way, _), (seen, debited, left, _) in zip(plan, books, strict=True):
        # Yesterday's PIN is not today's, and the card was not asked for instead.
        assert (debited, left) == ((0, (5000, 0)) if way == "pin of yesterday" else (3000, (2000, 0))), (way, seen)
