"""A counter in the world of the door: its terminal, a card with chip and PIN, and sales."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

from sqlalchemy import select

from settlement.act import Actor
from settlement.cards import chip, pin
from settlement.cards.tables import media
from settlement.cards.token import make
from settlement.outcomes import Declined
from settlement.providers import terminals
from settlement.providers.tables import caregivers
from settlement.visits import counter
from settlement.visits.counter import Sale, TakenBack
from settlement.visits.forms import Debit
from settlement.visits.shown import ChipAnswer, Shown
from tests.cards.county import COUNTER
from tests.support import RING, acting, at
from tests.visits.world import BEGINNING, DISTRICT, Holder, World

LUNCH, DAY_CARE = "ZC03", "ZL04"
"""12.00 at the hatch, 40.00 at the day-care counter."""
NOON = "2026-07-03 11:30"
PIN = "280519"
_numbers = count(1)


@dataclass
class Hatch:
    """One terminal of a provider and who stands behind it."""

    world: World
    provider: int
    id: str = ""
    staff_no: str = ""
    uses: Any = field(default_factory=lambda: count(1))

    @property
    def actor(self) -> Actor:
        return Actor(f"terminal:{self.id}", "device", provider_id=self.provider)

    def chip(self, someone: Holder, total: int, counter_: int | None = None) -> Shown:
        """The card's chip, put in for an amount."""
        number, unpredictable = counter_ or next(self.uses), b"\x01\x02\x03\x04"
        said = chip.cryptogram(chip.card_key(RING, someone.medium_id), total, unpredictable, number)
        return Shown(card_no=self.card_no(someone), chip=ChipAnswer(unpredictable, number, said))

    def printed(self, someone: Holder) -> Shown:
        """The QR on the card."""
        with acting(self.world.engine) as act:
            row = act.conn.execute(select(media).where(media.c.id == someone.medium_id)).one()
        return Shown(code=make(RING, row.token_id, row.issue))

    def typed(self, someone: Holder, digits: str | None = None) -> Shown:
        return Shown(card_no=self.card_no(someone), pin=digits)

    def card_no(self, someone: Holder) -> str:
        with acting(self.world.engine) as act:
            query = select(media.c.card_no).where(media.c.id == someone.medium_id)
            return str(act.conn.execute(query).scalar_one())

    def set_pin(self, someone: Holder, digits: str = PIN) -> None:
        with acting(self.world.engine, "2026-06-30 09:00", COUNTER) as act:
            pin.set_pin(act, RING, someone.card_id, digits)

    def asked(self, shown: Shown, total: int, when: str = NOON, **facts: Any) -> Sale:
        known: dict[str, Any] = {"id": f"s{next(_numbers)}", "items": {LUNCH: 1}, "staff_no": self.staff_no} | facts
        return Sale(terminal_id=self.id, shown=shown, total_fen=total, occurred_at=at(when), **known)

    def sell(self, asked: Sale, arrives: str | datetime | None = None) -> Debit | Declined:
        with acting(self.world.engine, arrives or asked.occurred_at, self.actor) as act:
            return counter.sale(act, RING, asked)

    def take_back(self, sale_id: str, how: counter.How, when: str = NOON, total: int | None = None) -> Any:
        with acting(self.world.engine, when, self.actor) as act:
            return counter.take_back(act, sale_id, how, total)

    def release(self, sale_id: str, by: Actor, when: str) -> Debit | Declined:
        with acting(self.world.engine, when, by) as act:
            return counter.release(act, sale_id, "the kitchen's book says so")


def hatch(world: World, *, provider: int | None = None, **place: int) -> Hatch:
    """A registered terminal; a new one each time."""
    ours, number = provider or world.ours, next(_numbers)
    made = Hatch(world, ours, f"T{number:07d}")
    caregiver = world.caregiver(ours)
    with acting(world.engine, BEGINNING, DISTRICT) as act:
        terminals.register(act, RING, made.id, f"M{number:014d}", ours, **place)
        made.staff_no = act.conn.execute(select(caregivers.c.staff_no).where(caregivers.c.id == caregiver)).scalar_one()
    return made


def sold(answer: object) -> Debit:
    assert isinstance(answer, Debit), answer
    return answer


def taken_back(answer: object) -> TakenBack:
    assert isinstance(answer, TakenBack), answer
    return answer
