"""Requests that were refused before they reached the domain: counted per minute, source and reason, apart from the
audit trail.

A source is a keyed digest of the network address (of its /64 for IPv6): attempts of one source can be told together,
the address itself is not kept. Rows are bounded three ways: by the closed list of reasons per source, by the minute,
and by ``SOURCES_A_MINUTE``, after which further sources are counted together as ``others``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network

from sqlalchemy import Connection, Engine, case, distinct, func, literal, select
from sqlalchemy.dialects import postgresql, sqlite

from pos_gateway.tables import security_log
from settlement.db import from_micros, micros
from settlement.keys import KeyRing
from settlement.outcomes import Reason

SOURCES_A_MINUTE = 200
OTHERS = "others"


@dataclass(frozen=True)
class Attempt:
    """A refused request. ``route``: rule of the address; ``detail``: for an operator, nothing personal; ``times``: so many at once."""

    source: str
    reason: Reason
    route: str
    device_id: str | None = None
    detail: str | None = None
    times: int = 1


def source_of(address: str | None, ring: KeyRing) -> str:
    """The digest under which a network address is counted."""
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return ring.index(address or "", "gateway.source")
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        parsed = ip_network((parsed, 64), strict=False).network_address
    return ring.index(str(parsed), "gateway.source")


def record(engine: Engine, attempt: Attempt, now: datetime, *, enrolled: bool = False) -> None:
    """Count the attempt, in a transaction of its own: the one thing a refused request writes. ``enrolled``: its source is a device that proved
    its key. There are only so many, so it is counted by itself also while strangers flood the log."""
    with engine.begin() as conn:
        source = attempt.source if enrolled else _bounded(conn, attempt.source, now)
        _count(conn, source, attempt, now)


def failures(conn: Connection, source: str, reason: Reason, since: datetime) -> int:
    """How often this source was refused for this reason since then."""
    log = security_log.c
    total = select(func.coalesce(func.sum(log.times), 0)).where(
        log.minute >= _minute(since), log.source == source, log.reason == reason.code
    )
    return int(conn.execute(total).scalar_one())


def _bounded(conn: Connection, source: str, now: datetime) -> str:
    log = security_log.c
    counts = select(func.count(distinct(log.source)), func.count(case((log.source == source, 1))))
    sources, own = conn.execute(counts.where(log.minute == _minute(now))).one()
    return OTHERS if own == 0 and sources >= SOURCES_A_MINUTE else source


def _count(conn: Connection, source: str, attempt: Attempt, now: datetime) -> None:
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    first = {
        "minute": _minute(now),
        "source": source,
        "reason": attempt.reason.code,
        "route": attempt.route[:80],
        "device_id": attempt.device_id,
        "detail": attempt.detail[:120] if attempt.detail else None,
        "times": attempt.times,
        "last_at": now,
    }
    again = {"times": security_log.c.times + literal(attempt.times), "last_at": now}
    conn.execute(
        insert(security_log)
        .values(first)
        .on_conflict_do_update(index_elements=["minute", "source", "reason"], set_=again)
    )


def _minute(at: datetime) -> datetime:
    whole = timedelta(minutes=1) // timedelta(microseconds=1)
    return from_micros(micros(at) // whole * whole)
