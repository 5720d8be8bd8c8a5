"""The console that serves the present request: database, clock, keys, how it is set up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import Connection, Engine

from settlement.clock import Clock
from settlement.db import reading
from settlement.keys import KeyRing

NAME = "songbai-console"


@dataclass(frozen=True)
class SingleSignOn:
    """A government's OpenID provider. ``console``: this console's address as browsers know it, ``https://…``, without a stroke at the end;
    ``claim``: the one whose value is an officer's sign-in name."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    console: str
    claim: str = "sub"


@dataclass(frozen=True)
class ConsoleConfig:
    """``idle``: a session ends when nobody used it for so long, at the latest after ``longest``. ``hosts``: names the console answers to,
    all when empty. ``trusted_proxies``: in front, setting X-Forwarded-For."""

    ring: KeyRing = field(repr=False)
    idle: timedelta = timedelta(minutes=30)
    longest: timedelta = timedelta(hours=12)
    hosts: tuple[str, ...] = ()
    trusted_proxies: int = 0
    single: SingleSignOn | None = None


@dataclass(frozen=True)
class Console:
    engine: Engine
    clock: Clock
    config: ConsoleConfig

    @property
    def ring(self) -> KeyRing:
        return self.config.ring

    def now(self) -> datetime:
        return self.clock()


def here() -> Console:
    found: Console = current_app.extensions[NAME]
    return found


@contextmanager
def looking() -> Iterator[Connection]:
    """A connection that only reads."""
    with reading(here().engine) as conn:
        yield conn
