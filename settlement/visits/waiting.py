"""Events that wait for another one of their visit: kept until what they wait for is decided, then decided in the order in which they happened.

A visit has a *turn*, a lock on its id, for its row may not be there yet. Whoever takes it takes it before any row of the visit, and holds it
to the commit: so an event that finds nothing to go by is certain that nothing of its visit is just coming in, and whoever comes next sees it wait.
"""

from __future__ import annotations

import json
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, String, bindparam, case, func, literal, select, update

from settlement.act import Act
from settlement.keys import KeyRing
from settlement.officers import require
from settlement.providers.tables import devices
from settlement.together import together
from settlement.visits import dispatch, signed_event
from settlement.visits.signed_event import SignedEvent
from settlement.visits.tables import door_events, visits

e = door_events.c


def take_turn(act: Act, visit_id: str | None) -> None:
    """Wait until no other event of this visit is under way. SQLite has one writer anyway."""
    if visit_id is not None and act.conn.dialect.name != "sqlite":
        act.conn.execute(_TURN, {"visit": visit_id}).close()


_TURN = select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("visit", type_=String), 0)))


def concerned(act: Act, event: SignedEvent) -> str | None:
    """The visit an event is about: the one it names, or that of the event it names."""
    named = event.body.get("event") or event.body.get("debit")
    if named is None:
        return dispatch.visit_id_of(event)
    return act.conn.execute(_VISIT_OF, {"event": named}).scalar_one_or_none()


_VISIT_OF = select(e.visit_id).where(e.id == bindparam("event"))


def run(act: Act, ring: KeyRing, visit_id: str | None) -> None:
    """Decide what waited for this visit, from the start again whenever one could be decided. The visit's turn is the caller's already."""
    while visit_id is not None and any(_decided(act, ring, kept) for kept in _in_order(act.conn, visit_id)):
        pass


def _decided(act: Act, ring: KeyRing, kept: Row[Any]) -> bool:
    device = act.conn.execute(_DEVICE, {"device": kept.device_id}).one()
    outcome = dispatch.process(act, ring, device, stored(kept), released=kept.decided_by is not None)
    if outcome.status == "waiting":
        return False
    settle(act, kept.id, outcome)
    return True


_DEVICE = select(devices).where(devices.c.id == bindparam("device"))


def _in_order(conn: Connection, visit_id: str) -> list[Row[Any]]:
    """By time, but each device's in its own order: its clock may have been set back, its counter cannot."""
    query = select(door_events).where(e.visit_id == visit_id, e.status == "waiting").order_by(e.device_id, e.counter)
    placed: list[tuple[datetime, str, int, Row[Any]]] = []
    for device_id, events in groupby(conn.execute(query).all(), key=lambda row: row.device_id):
        latest: datetime | None = None
        for row in events:
            latest = row.occurred_at if latest is None else max(latest, row.occurred_at)
            placed.append((latest, device_id, row.counter, row))
    return [row for *_, row in sorted(placed, key=lambda each: each[:3])]


def settle(act: Act, event_id: str, outcome: dispatch.Outcome, **more: Any) -> None:
    """Record what became of a kept event."""
    together(act.conn, outcome.writes)
    change = {
        "status": outcome.status,
        "reason": outcome.reason.code if outcome.reason else None,
        "result": outcome.result,
        "visit_id": outcome.visit_id,
    }
    act.conn.execute(update(door_events).where(e.id == event_id).values(change | more))


def stored(kept: Row[Any]) -> SignedEvent:
    """A kept event as it was signed."""
    return signed_event.parse({"event": json.loads(kept.canonical), "signature": kept.signature})


class Waiting(NamedTuple):
    """``waits_for``: check_in, check_out, decision (about a record of the visit in quarantine), or nothing where the visit has ended."""

    event: Row[Any]
    waits_for: str


def listed(conn: Connection) -> list[Waiting]:
    """What waits, longest first."""
    other = door_events.alias("other")
    undecided = (
        select(literal(1)).where(other.c.visit_id == e.visit_id, other.c.status == "quarantined").correlate(door_events)
    )
    waits_for = case(
        (visits.c.status.in_(_ENDED), "nothing"),
        (undecided.exists(), "decision"),
        (visits.c.id.is_(None), "check_in"),
        else_="check_out",
    )
    query = (
        select(door_events, waits_for.label("waits_for"))
        .outerjoin(visits, visits.c.id == e.visit_id)
        .where(e.status == "waiting")
        .order_by(e.received_at, e.device_id, e.counter)
    )
    return [Waiting(row, row.waits_for) for row in conn.execute(query)]


_ENDED = ("void", "paid")


def ended(act: Act) -> list[str]:
    """The visits that an office has ended while something waited for them. Raises Refused(NOT_ALLOWED)."""
    require(act, "visit.settle_waiting")
    query = select(e.visit_id).join(visits, visits.c.id == e.visit_id)
    query = query.where(e.status == "waiting", visits.c.status.in_(_ENDED)).distinct().order_by(e.visit_id)
    return list(act.conn.execute(query).scalars())


def settle_ended(act: Act, ring: KeyRing, visit_id: str) -> int:
    """Decide what waits for one of the visits that :func:`ended` found; how many events were decided. An act for each: who goes on to the next
    visit with a card locked could meet somebody who has that visit's turn and needs the card. Raises Refused(NOT_ALLOWED)."""
    require(act, "visit.settle_waiting")
    number = select(func.count()).where(e.visit_id == visit_id, e.status == "waiting")
    take_turn(act, visit_id)
    before = act.conn.execute(number).scalar_one()
    run(act, ring, visit_id)
    return int(before - act.conn.execute(number).scalar_one())
