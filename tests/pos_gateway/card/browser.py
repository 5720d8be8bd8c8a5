"""A senior's browser without a screen: it keeps cookies, follows where it is sent, and fills in the forms of the page it got."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import httpx
from flask import Flask
from sqlalchemy import select

from settlement.cards import pin
from settlement.cards.tables import cards
from settlement.db import reading
from settlement.messages.carrier import Answer, Message, Sent
from settlement.people.register import PHONE
from settlement.people.tables import seniors
from tests.cards import county
from tests.cards.county import COUNTER
from tests.pos_gateway.town import Door
from tests.support import RING, acting

PIN = "408317"


@dataclass
class Mailbox:
    """The carrier of the tests: what was sent to whom."""

    sent: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> Answer:
        self.sent.append(message)
        return Sent("test")

    def code(self) -> str:
        """The code in the last message."""
        found = re.search(r"验证码(\d{6})", self.sent[-1].text)
        assert found is not None
        return found[1]


class Browser:
    def __init__(self, app: Flask, source: str = "10.9.0.1", scheme: str = "http") -> None:
        transport = httpx.WSGITransport(app=app, remote_addr=source, raise_app_exceptions=False)
        self.http = httpx.Client(transport=transport, base_url=f"{scheme}://gateway.test", follow_redirects=True)
        self.page = httpx.Response(200, text="")

    @property
    def text(self) -> str:
        return self.page.text

    @property
    def at(self) -> str:
        return self.page.url.path

    def open(self, path: str) -> Browser:
        self.page = self.http.get(path)
        return self

    def form_token(self) -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.text)
        return found[1] if found else ""

    def post(self, path: str, **fields: Any) -> Browser:
        """Send a form of the present page."""
        self.page = self.http.post(path, data={"csrf_token": self.form_token(), **fields})
        return self

    def scan(self, code: str) -> Browser:
        return self.open("/card").post("/card/scan", code=code)

    def enter(self, code: str, pin: str = PIN) -> Browser:
        return self.scan(code).post("/card/prove/pin", pin=pin)

    def cookie(self) -> str | None:
        return self.http.cookies.get("songbai_card")


def card_of(door: Door, senior_id: int) -> int:
    with reading(door.town.engine) as conn:
        return int(conn.execute(select(cards.c.id).where(cards.c.senior_id == senior_id)).scalar_one())


def set_pin(door: Door, senior_id: int) -> None:
    card_id = card_of(door, senior_id)
    with acting(door.town.engine, door.now, COUNTER) as act:
        pin.set_pin(act, RING, card_id, PIN)


def give_phone(door: Door, senior_id: int, phone: str) -> None:
    with door.town.engine.begin() as conn:
        known = {"phone_cipher": RING.encrypt(phone, PHONE), "phone_index": RING.index(phone, PHONE)}
        conn.execute(seniors.update().where(seniors.c.id == senior_id).values(known))


def appoint(door: Door, senior_id: int, phone: str, name: str = "陈小妹") -> int:
    with acting(door.town.engine, door.now, COUNTER) as act:
        return county.agent(act, senior_id, name, phone)
