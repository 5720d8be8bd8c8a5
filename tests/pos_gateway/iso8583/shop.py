"""A counter whose terminal speaks ISO 8583 to us, byte for byte, without a network between: whatever is lost or doubled, the test does it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import select

from pos_gateway.iso8583 import dialogue, elements
from pos_gateway.iso8583.codec import decode
from pos_gateway.iso8583.reader import ChipCard, Fields, scanned, typed
from pos_gateway.iso8583.reception import Reception
from pos_gateway.iso8583.simulator import Terminal
from pos_gateway.iso8583.spec import Message
from settlement.cards import chip, pin
from settlement.cards.tables import media
from settlement.cards.token import make
from settlement.db import reading
from settlement.providers import terminals
from settlement.providers.tables import caregivers
from tests.cards.county import COUNTER
from tests.support import RING, acting, at
from tests.visits.world import BEGINNING, DISTRICT, Holder, World

LUNCH, DAY_CARE = "ZC03", "ZL04"
"""12.00 at the hatch, 40.00 at the day-care counter."""
PIN = "280519"
_numbers = count(1)


@dataclass
class Shop:
    """``now``: ours and the terminal's. ``last``: the message that came last; ``lost``: answers that did not reach the terminal; ``deaf``: no further
    one does."""

    world: World
    now: datetime
    id: str
    staff: str
    terminal: Terminal = field(init=False)
    last: Message = field(init=False)
    lost: list[bytes] = field(default_factory=list)
    deaf: bool = False

    def exchange(self, data: bytes) -> bytes:
        self.last = decode(data).message
        reply = Reception(self.world.engine, RING, lambda: self.now, dialogue.answer)(data, "10.8.5.83")
        assert reply.answer is not None, "the line was cut"
        if self.deaf:
            self.lost.append(reply.answer)
            raise ConnectionError("the answer was lost")
        return reply.answer

    def passes(self, **time: float) -> None:
        self.now += timedelta(**time)

    # -- what is shown ----------------------------------------------------------------------------------------------------
    def chip_card(self, someone: Holder) -> ChipCard:
        row = self._medium(someone)
        return ChipCard(row.card_no, row.issue, chip.card_key(RING, row.id))

    def printed(self, someone: Holder) -> Fields:
        row = self._medium(someone)
        return scanned(make(RING, row.token_id, row.issue))

    def number(self, someone: Holder, digits: str | None = None) -> Fields:
        return typed(self._medium(someone).card_no, digits)

    def set_pin(self, someone: Holder, digits: str = PIN) -> None:
        with acting(self.world.engine, self.now, COUNTER) as act:
            pin.set_pin(act, RING, someone.card_id, digits)

    def _medium(self, someone: Holder) -> Any:
        with reading(self.world.engine) as conn:
            return conn.execute(select(media).where(media.c.id == someone.medium_id)).one()

    # -- what is sent -----------------------------------------------------------------------------------------------------
    def buy(self, card: Fields, total: int = 1200, items: dict[str, int] | None = None, **facts: Any) -> Message:
        return self.terminal.purchase(items or {LUNCH: 1}, total, card, staff=self.staff, **facts)

    def advise(self, card: Fields, total: int = 1200, items: dict[str, int] | None = None, **facts: Any) -> Message:
        return self.terminal.advise(items or {LUNCH: 1}, total, card, staff=self.staff, **facts)

    def made(self, card: Fields, total: int = 1200, mti: str = "0200", **facts: Any) -> Message:
        """A purchase as it would be sent, not sent yet."""
        return self.terminal.sale(mti, {LUNCH: 1}, total, card, staff=self.staff, **facts)

    def send(self, message: Message) -> bytes:
        """The bytes of the answer, which the terminal has not heard yet."""
        return self.exchange(self.terminal.bytes_of(message))

    def repeat(self, message: Message) -> Message:
        return self.terminal.say(replace(message, mti=message.mti[:3] + "1"))

    def never_heard(self, message: Message) -> Message:
        """What we answered, while the terminal heard nothing."""
        self.deaf = True
        try:
            self.terminal.say(message)
        except ConnectionError:
            return decode(self.lost[-1]).message
        finally:
            self.deaf = False
        raise AssertionError("it was heard")


def shop(world: World, when: str = "2026-07-03 11:30", *, provider: int | None = None, ready: bool = True) -> Shop:
    """A terminal of its own for each test; ``ready``: signed on, with working keys."""
    number, ours = next(_numbers), provider or world.ours
    caregiver, id, merchant = world.caregiver(ours), f"P{number:07d}", f"M{number:014d}"
    with acting(world.engine, BEGINNING, DISTRICT) as act:
        registered = terminals.register(
            act, RING, id, merchant, ours, latitude_e7=324_000_000, longitude_e7=1_195_000_000
        )
        staff = act.conn.execute(select(caregivers.c.staff_no).where(caregivers.c.id == caregiver)).scalar_one()
    made = Shop(world, at(when), id, staff)
    made.terminal = Terminal(id, merchant, bytes.fromhex(registered.key), made.exchange, lambda: made.now)
    if ready:
        made.terminal.sign_on()
        made.terminal.exchange_keys()
    return made


def parts(answer: Message) -> dict[str, int]:
    """Field 54 in words: what was taken from each purse, and what is left."""
    names = {
        (elements.SUBSIDY, elements.PART): "subsidy",
        (elements.PERSONAL, elements.PART): "personal",
        (elements.CASH, elements.PART): "cash",
        (elements.SUBSIDY, elements.AVAILABLE): "subsidy_left",
        (elements.PERSONAL, elements.AVAILABLE): "personal_left",
        (elements.SUBSIDY, elements.YEAR_LEFT): "year_left",
    }
    return {names[each.account, each.kind]: each.fen for each in elements.amounts(answer.text(54))}


def code(answer: Message) -> str:
    return answer.text(39)
