"""What every view shares: the district's engine, the clock, the settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import Engine

from pos_gateway.http_signatures import WINDOW
from settlement.clock import Clock
from settlement.keys import KeyRing

_NAME = "songbai"


@dataclass(frozen=True)
class GatewayConfig:
    """``window``: how far a request's ``created`` may lie from now; ``trusted_proxies``: how many proxies in front set
    X-Forwarded-For; ``enrolment_attempts``: wrong codes one source may try in ten minutes."""

    ring: KeyRing = field(repr=False)
    window: timedelta = WINDOW
    trusted_proxies: int = 0
    max_body_bytes: int = 1024 * 1024
    max_batch: int = 500
    enrolment_attempts: int = 10


@dataclass(frozen=True)
class Gateway:
    engine: Engine
    clock: Clock
    config: GatewayConfig

    def now(self) -> datetime:
        return self.clock()


def here() -> Gateway:
    """The gateway that serves the present request."""
    found: Gateway = current_app.extensions[_NAME]
    return found
