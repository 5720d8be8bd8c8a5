"""The console as officers meet it in tests: one application at a time the test sets, one seat (a browser of its own) per officer."""

from __future__ import annotations

import io
import secrets
from collections.abc import Mapping
from copy import copy
from dataclasses import InitVar, dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from lxml import html
from sqlalchemy import Engine, create_engine, select
from werkzeug.test import TestResponse

from admin.app import create_app
from admin.frame import sessions
from admin.frame.console import NAME, Console, ConsoleConfig
from settlement import officers
from settlement.act import Actor
from settlement.clock import system_clock
from settlement.officers import ROLES
from settlement.providers import register
from tests.support import RING, acting, at

TOWN, OTHER_TOWN, VILLAGE = "仙女镇", "小纪镇", "正谊村"


@dataclass
class Answer:
    """What came back. ``text``: what a reader sees of the page, blanks folded."""

    response: TestResponse

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def location(self) -> str:
        return self.response.headers.get("Location", "")

    @property
    def tree(self) -> Any:
        return html.fromstring(self.response.get_data())

    @property
    def text(self) -> str:
        return " ".join(self.tree.text_content().split())

    @property
    def content(self) -> bytes:
        return self.response.get_data()

    def find(self, xpath: str) -> list[Any]:
        return list(self.tree.xpath(xpath))


@dataclass
class Seat:
    """An officer signed in at a browser. Posted forms carry the tokens of a drawn page."""

    office: Office
    officer_id: str
    client: FlaskClient

    def get(self, path: str, **asked: Any) -> Answer:
        return Answer(self.client.get(path, query_string=asked or None))

    def post(
        self, path: str, fields: Mapping[str, Any] | None = None, *, form_id: str | None = None, **more: Any
    ) -> Answer:
        """Send a form once. A value that is (file name, bytes) is an upload, a list several values."""
        data: dict[str, Any] = {}
        for name, value in {**(fields or {}), **more}.items():
            data[name] = (io.BytesIO(value[1]), value[0]) if isinstance(value, tuple) else value
        data = {"csrf_token": self._token(), "form_id": form_id or secrets.token_urlsafe(16)} | data
        return Answer(self.client.post(path, data=data, content_type="multipart/form-data"))

    def _token(self) -> str:
        page = html.fromstring(self.client.get("/home/").get_data())
        return str(page.xpath("//input[@name='csrf_token']/@value")[0])


def drawn_up() -> Flask:
    """A console of no district: its routes, and its templates as they are compiled."""
    return create_app(create_engine("sqlite://"), system_clock, ConsoleConfig(RING))


# One serves all offices: drawing it up takes longer than most tests.
_shared = cache(drawn_up)


@dataclass
class Office:
    """One district's console. ``passes`` moves its time on. ``plan``: one of its own, for a test that adds desks."""

    engine: Engine
    now: datetime = field(default_factory=lambda: at("2026-07-15 09:00"))
    plan: InitVar[Flask | None] = None
    app: Flask = field(init=False)

    def __post_init__(self, plan: Flask | None) -> None:
        console = Console(self.engine, lambda: self.now, ConsoleConfig(RING))
        self.app = copy(plan or _shared())
        self.app.extensions = self.app.extensions | {NAME: console}

    def passes(self, **time: float) -> None:
        self.now += timedelta(**time)

    def officer(self, id: str, role: str, **scope: Any) -> str:
        """Registered, with the scope that such a role needs unless the test gives one. A provider's staff needs ``provider_id``."""
        given: dict[str, Any] = {"town": TOWN} if "town" in officers.SCOPES.get(role, ()) else {}
        given |= {"village": VILLAGE} if role == "village" else {}
        with acting(self.engine, self.now) as act:
            officers.add(act, id, f"{ROLES[role][0]}经办", role, **{**given, **scope})
        return id

    def provider(self, code: str = "91110000600037341L", name: str = "康寿居家养老") -> int:
        """A provider on the register."""
        with acting(self.engine, self.now, Actor("ca.zhou", "civil_affairs")) as act:
            return register.register(act, code=code, name=name, bank_name="江苏银行", bank_account="621700001")

    def seat(self, id: str, role: str | None = None, **scope: Any) -> Seat:
        """A browser in which the officer (registered on the way, when ``role`` is given) has signed in."""
        if role is not None:
            with self.engine.connect() as conn:
                known = conn.scalar(select(officers.officers.c.id).where(officers.officers.c.id == id))
            if known is None:
                self.officer(id, role, **scope)
        client = self.app.test_client()
        with self.app.test_request_context(), acting(self.engine, self.now) as act:
            token = sessions.begin(act, id, "open", "password")
        with client.session_transaction() as held:
            held["desk"] = token
        return Seat(self, id, client)
