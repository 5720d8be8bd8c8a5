"""Seniors with telephones, land lines, agents, or nothing at all; and a carrier that answers what the test says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, select, update

from settlement.act import Act
from settlement.messages import outbox
from settlement.messages.carrier import Answer, Message, Sent
from settlement.messages.tables import messages
from settlement.people.register import PHONE
from settlement.people.tables import seniors
from tests.cards import county
from tests.cards.county import COUNTER
from tests.support import RING, acting, at


def with_phone(act: Act, senior_id: int, phone: str) -> int:
    row = {"phone_cipher": RING.encrypt(phone, PHONE), "phone_index": RING.index(phone, PHONE)}
    act.conn.execute(update(seniors).where(seniors.c.id == senior_id).values(row))
    return senior_id


def with_agent(engine: Engine, senior_id: int, phone: str) -> int:
    with acting(engine, by=COUNTER) as act:
        return county.agent(act, senior_id, "王小红", phone)


@dataclass
class Carrier:
    """Keeps what it was handed; takes everything unless told otherwise."""

    answers: list[Answer] = field(default_factory=list)
    handed: list[Message] = field(default_factory=list)
    meanwhile: Callable[[], None] | None = None

    def send(self, message: Message) -> Answer:
        self.handed.append(message)
        if self.meanwhile is not None:
            self.meanwhile()
        return self.answers.pop(0) if self.answers else Sent(f"c{len(self.handed)}")

    @property
    def said(self) -> list[tuple[str, str, str]]:
        return [(message.channel, message.phone, message.text) for message in self.handed]


def deliver(engine: Engine, carrier: Carrier, when: str | datetime, **more: Any) -> outbox.Delivered:
    moment = at(when) if isinstance(when, str) else when
    return outbox.deliver(engine, RING, carrier, lambda: moment, **more)


def stored(engine: Engine, **wanted: Any) -> list[Row[Any]]:
    with engine.connect() as conn:
        query = select(messages).where(*(messages.c[name] == value for name, value in wanted.items()))
        return list(conn.execute(query.order_by(messages.c.id)))
