"""A device at the door, without the network: it signs events, keeps its chain, and hands them in when the test says so."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, insert, select

from settlement.act import Actor
from settlement.cards.tables import media
from settlement.cards.token import make
from settlement.providers.tables import caregivers, devices, shifts
from settlement.visits import device_key, door, signed_event
from settlement.visits.door import EventOutcome
from settlement.visits.signed_event import FIRST_PREV, SignedEvent, moment
from tests.support import RING, acting, at
from tests.visits.world import BEGINNING, CLEANING, PRICES, Holder, World

BOOT = at("2026-07-01 00:00")


class Phone:
    """``alg``: how it signs. Bound to its caregiver unless ``shared``."""

    def __init__(self, world: World, caregiver: int, alg: str = device_key.ED25519, *, shared: bool = False) -> None:
        self.world, self.key = world, device_key.generate(alg)
        public = self.key.public_key()
        self.id = f"dev-{next(world.numbers)}"
        with acting(world.engine, BEGINNING) as act:
            worker = act.conn.execute(select(caregivers).where(caregivers.c.id == caregiver)).one()
            row = {"id": self.id, "provider_id": worker.provider_id, "kind": "phone"}
            row |= {"caregiver_id": None if shared else caregiver}
            row |= {"algorithm": alg, "key_id": device_key.key_id(public), "public_key": device_key.to_text(public)}
            act.conn.execute(insert(devices).values(**row, enrolled_at=act.now, last_counter=0, last_hash=FIRST_PREV))
            if shared:  # every colleague has a shift on it, all the time
                colleagues = select(caregivers.c.id).where(caregivers.c.provider_id == worker.provider_id)
                for other in act.conn.execute(colleagues).scalars().all():
                    shift = {"id": f"s-{self.id}-{other}", "device_id": self.id, "caregiver_id": other, "how": "badge"}
                    act.conn.execute(insert(shifts).values(**shift, opened_at=act.now, until=at("2027-01-01 00:00")))
        self.staff_no, self.provider = worker.staff_no, worker.provider_id
        self.counter, self.prev = 0, FIRST_PREV

    def sign(self, kind: str, when: datetime, **body: Any) -> SignedEvent:
        self.counter += 1
        event = signed_event.sign(
            {
                "kind": kind,
                "device_id": self.id,
                "counter": self.counter,
                "prev": self.prev,
                "occurred_at": moment(when),
                "boot": "since July",
                "mono_ms": max(0, (when - BOOT) // timedelta(milliseconds=1)),
                "caregiver": self.staff_no,
                "body": body,
            },
            self.key,
        )
        self.prev = event.hash
        return event

    def check_in(self, someone: Holder, when: str | datetime, **body: Any) -> SignedEvent:
        moment_ = at(when) if isinstance(when, str) else when
        return self.sign("check_in", moment_, method="card_qr", token=code(self.world, someone), **body)

    def check_out(self, visit: SignedEvent, someone: Holder, after: timedelta, *items: str, **body: Any) -> SignedEvent:
        lines = [{"item": item, "quantity": 1} for item in items or (CLEANING,)]
        scan = {"method": "card_qr", "token": code(self.world, someone)}
        return self.sign("check_out", visit.occurred_at + after, visit=visit.hash, lines=lines, **(scan | body))

    def debit(self, visit: SignedEvent, someone: Holder, after: timedelta, *items: str, own: int = 0) -> SignedEvent:
        total = sum(PRICES[item] for item in items or (CLEANING,))
        agreed = {"total_fen": total, "personal_fen": own, "cash_fen": 0, "consent": "card_qr"}
        return self.sign(
            "debit", visit.occurred_at + after, visit=visit.hash, token=code(self.world, someone), **agreed
        )

    def a_visit(self, someone: Holder, when: str | datetime) -> list[SignedEvent]:
        """Check-in, an hour later check-out, two minutes later the debit."""
        visit = self.check_in(someone, when)
        out = self.check_out(visit, someone, timedelta(hours=1))
        return [visit, out, self.debit(visit, someone, timedelta(minutes=62))]

    def hand_in(self, event: SignedEvent, arrives: str | datetime | None = None) -> EventOutcome:
        now = at(arrives) if isinstance(arrives, str) else arrives or event.occurred_at
        actor = Actor(f"device:{self.id}", "device", provider_id=self.provider)
        device = self.row()
        with acting(self.world.engine, now, actor) as act:
            return door.receive(act, RING, device, event)

    def row(self) -> Row[Any]:
        with acting(self.world.engine) as act:
            return act.conn.execute(select(devices).where(devices.c.id == self.id)).one()


def code(world: World, someone: Holder) -> str:
    with acting(world.engine) as act:
        row = act.conn.execute(select(media).where(media.c.id == someone.medium_id)).one()
    return make(RING, row.token_id, row.issue)
