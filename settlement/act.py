"""One business act: who does it, when, in which transaction.

Every domain call that writes takes an :class:`Act`. Entry points (an HTTP view, a job, a command) open it with :func:`begin` around one
domain call; the domain never commits and never reads the clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, insert

from settlement.audit import audit_rows


@dataclass(frozen=True)
class Actor:
    """Who acts. ``role`` is one of ``officers.ROLES``; ``town`` and ``provider_id`` narrow what the role may touch."""

    id: str
    role: str
    town: str | None = None
    provider_id: int | None = None


SYSTEM = Actor("system", "system")


@dataclass(frozen=True)
class Act:
    conn: Connection
    actor: Actor
    now: datetime

    def audit(
        self,
        act: str,
        subject: str,
        *,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
        why: str | None = None,
    ) -> None:
        """Record what was changed, beside the change. Nothing personal belongs in any field."""
        row = {"at": self.now, "actor": self.actor.id, "role": self.actor.role, "act": act, "subject": subject}
        row |= {"before": _plain(before), "after": _plain(after), "why": why}
        self.conn.execute(insert(audit_rows), row)


def _plain(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if values is None:
        return None
    return {
        key: value if isinstance(value, int | str | bool | list | dict | None) else str(value)
        for key, value in values.items()
    }


@contextmanager
def begin(engine: Engine, actor: Actor, now: datetime) -> Iterator[Act]:
    """Open the one transaction of an act: committed when the block ends, rolled back whole when it raises."""
    if now.tzinfo is None:
        raise ValueError("an act needs an aware time")
    with engine.begin() as connection:
        yield Act(connection, actor, now)
