"""A meal hatch with a terminal that speaks ISO 8583, a card with chip, QR and PIN, and the gateway behind it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import Engine, func, select

from pos_gateway.iso8583 import dialogue
from pos_gateway.iso8583.reader import ChipCard, Line
from pos_gateway.iso8583.reception import Reception
from pos_gateway.iso8583.server import Limits
from pos_gateway.iso8583.simulator import Terminal
from pos_gateway.tables import security_log
from settlement.cards import chip, inquiry, pin
from settlement.cards.tables import media
from settlement.cards.token import make
from settlement.providers import terminals
from settlement.providers.tables import caregivers
from settlement.visits.integrity import check
from settlement.visits.tables import debits, visits
from tests.cards.county import COUNTER
from tests.pos_gateway.iso8583.listening import listening
from tests.support import RING, acting, at
from tests.visits.hatch import DAY_CARE, LUNCH, PIN
from tests.visits.world import BEGINNING, DISTRICT, Holder, World

__all__ = ["DAY_CARE", "LUNCH", "NOON", "PIN"]

NOON = "2026-07-03 11:30"
MERCHANT = "M00000000000001"
_names = count(1)


@dataclass(repr=False)
class Counter:
    """``key``: what the terminal was enrolled with."""

    world: World
    terminal_id: str
    key: bytes
    staff_no: str
    now: datetime
    reception: Reception

    @property
    def engine(self) -> Engine:
        return self.world.engine

    def clock(self) -> datetime:
        return self.now

    def passes(self, **time: float) -> None:
        self.now += timedelta(**time)

    # -- terminals --------------------------------------------------------------------------------------------------------
    def exchange(self, data: bytes) -> bytes:
        """The gateway without a line between."""
        answer = self.reception(data, "10.1.2.3").answer
        assert answer is not None
        return answer

    def terminal(self, exchange: Any = None) -> Terminal:
        """Signed on, with working keys."""
        made = Terminal(self.terminal_id, MERCHANT, self.key, exchange or self.exchange, self.clock)
        assert made.sign_on().text(39) == "00"
        assert made.exchange_keys().text(39) == "00"
        return made

    @contextmanager
    def listening(self, limits: Limits | None = None) -> Iterator[int]:
        with listening(self.reception, limits) as port:
            yield port

    def line(self, port: int) -> Line:
        return Line("127.0.0.1", port, 30)

    # -- cards --------------------------------------------------------------------------------------------------------------
    def holder(self, subsidy: int = 15_000, personal: int = 0) -> Holder:
        return self.world.holder(subsidy, personal)

    def chip_card(self, holder: Holder) -> ChipCard:
        row = self._medium(holder)
        return ChipCard(row.card_no, row.issue, chip.card_key(RING, holder.medium_id))

    def qr(self, holder: Holder) -> str:
        row = self._medium(holder)
        return make(RING, row.token_id, row.issue)

    def number(self, holder: Holder) -> str:
        return str(self._medium(holder).card_no)

    def set_pin(self, holder: Holder, digits: str = PIN) -> None:
        with acting(self.engine, "2026-06-30 09:00", COUNTER) as act:
            pin.set_pin(act, RING, holder.card_id, digits)

    def _medium(self, holder: Holder) -> Any:
        with acting(self.engine) as act:
            return act.conn.execute(select(media).where(media.c.id == holder.medium_id)).one()

    # -- behind the counter ---------------------------------------------------------------------------------------------------
    def left(self, holder: Holder) -> tuple[int, int]:
        """Subsidy and own money, fen."""
        with acting(self.engine) as act:
            purses = inquiry.purses(act.conn, holder.card_id)
        return purses.subsidy, purses.personal

    def counted(self, holder: Holder) -> dict[str, int]:
        """Visits of a holder by status, and debits."""
        v, d = visits.c, debits.c
        with acting(self.engine) as act:
            by_status = select(v.status, func.count()).where(v.card_id == holder.card_id).group_by(v.status)
            found = {status: int(number) for status, number in act.conn.execute(by_status)}
            found["debits"] = int(
                act.conn.execute(select(func.count()).where(d.card_id == holder.card_id)).scalar_one()
            )
        return found

    def logged(self) -> dict[str, int]:
        """The security log: times by reason."""
        self.reception.close()
        log = security_log.c
        with acting(self.engine) as act:
            totals = select(log.reason, func.sum(log.times)).where(log.route == "iso8583").group_by(log.reason)
            return {reason: int(times) for reason, times in act.conn.execute(totals)}

    def books_agree(self) -> bool:
        with acting(self.engine) as act:
            return check(act.conn) == []


def open_counter(world: World, when: str = NOON, terminal_id: str | None = None) -> Counter:
    """A terminal of its own at the hatch of one who works there."""
    engine, caregiver = world.engine, world.caregiver()
    terminal_id = terminal_id or f"T{next(_names):07d}"
    with acting(engine, BEGINNING, DISTRICT) as act:
        made = terminals.register(act, RING, terminal_id, MERCHANT, world.ours)
        staff_no = act.conn.execute(select(caregivers.c.staff_no).where(caregivers.c.id == caregiver)).scalar_one()
    counter = Counter(world, terminal_id, bytes.fromhex(made.key), staff_no, at(when), None)  # type: ignore[arg-type]
    counter.reception = Reception(engine, RING, counter.clock, dialogue.answer)
    return counter
