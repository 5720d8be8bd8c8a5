"""Small helpers that let a test read as a story: local times, and acts by a named role."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Engine

from settlement.act import SYSTEM, Act, Actor, begin
from settlement.keys import KeyRing, new_ring
from settlement.periods import SHANGHAI

RING: KeyRing = new_ring(b"tests")


def at(text: str) -> datetime:
    """A local moment in the county: ``at("2026-07-15 09:00")``."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def officer(id: str, role: str, *, town: str | None = None, provider_id: int | None = None) -> Actor:
    return Actor(id, role, town, provider_id)


@contextmanager
def acting(engine: Engine, now: datetime | str = "2026-07-01 09:00", by: Actor = SYSTEM) -> Iterator[Act]:
    """One act in its own transaction, as an entry point opens it."""
    with begin(engine, by, at(now) if isinstance(now, str) else now) as act:
        yield act
