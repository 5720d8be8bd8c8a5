"""What every view shares: the district's engine, the clock, the settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import Engine

from pos_gateway.http_signatures import WINDOW
from settlement.clock import Clock
from settlement.keys import KeyRing
from settlement.messages.carrier import Sender

_NAME = "songbai"


@dataclass(frozen=True)
class GatewayConfig:
    """``window``: how far a request's ``created`` may lie from now; ``trusted_proxies``: how many proxies in front set
    X-Forwarded-For; ``hosts``: the only names it answers to, any where none is given; ``enrolment_attempts``: wrong codes one source may try in ten minutes;
    ``sender``: who carries a one-time code at once, None: it waits in the outbox like every message."""

    ring: KeyRing = field(repr=False)
    window: timedelta = WINDOW
    trusted_proxies: int = 0
    hosts: tuple[str, ...] = ()
    max_body_bytes: int = 1024 * 1024
    max_batch: int = 500
    enrolment_attempts: int = 10
    sender: Sender | None = field(default=None, repr=False)


class Forgetting:
    """What is done once in a while, by the request that comes next: in each process at most once in ``EVERY``."""

    EVERY = timedelta(minutes=1)

    def __init__(self) -> None:
        self._last: datetime | None = None

    def when_due(self, now: datetime, forget: Callable[[datetime], None]) -> None:
        if self._last is None or now - self._last >= self.EVERY:
            self._last = now  # before it is done: others need not wait for it, nor do it too
            forget(now)


@dataclass(frozen=True)
class Gateway:
    engine: Engine
    clock: Clock
    config: GatewayConfig
    forgetting: Forgetting = field(default_factory=Forgetting, repr=False)

    def now(self) -> datetime:
        return self.clock()


def here() -> Gateway:
    """The gateway that serves the present request."""
    found: Gateway = current_app.extensions[_NAME]
    return found
