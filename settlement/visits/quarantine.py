"""Events that wait for a second person: signed by a device that was revoked, or older than the scheme accepts. None is lost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, or_, select

from settlement.act import Act
from settlement.cards.tables import cards, door_plates, media
from settlement.keys import KeyRing
from settlement.officers import require
from settlement.outcomes import Reason, Refused
from settlement.people.tables import seniors
from settlement.providers.tables import devices
from settlement.visits import dispatch, door
from settlement.visits import waiting as waiting_events
from settlement.visits.door import EventOutcome
from settlement.visits.tables import door_events, visits, work_orders


def waiting(conn: Connection) -> list[Row[Any]]:
    """What is to be decided, oldest first."""
    e = door_events.c
    return list(conn.execute(select(door_events).where(e.status == "quarantined").order_by(e.received_at, e.counter)))


def towns(conn: Connection, events: Sequence[Row[Any]]) -> dict[str, str | None]:
    """Whose each event is, by its id: the town that decides about it; None where only the district can tell."""
    found: dict[str, str | None] = {}
    for start in range(0, len(events), BATCH):
        batch = events[start : start + BATCH]
        orders = {row.id: json.loads(row.canonical)["body"].get("order_id") for row in batch}
        v, o = visits.c, work_orders.c
        of_visit = select(v.id, v.town).where(v.id.in_([row.visit_id for row in batch if row.visit_id]))
        of_order = select(o.id, o.town).where(o.id.in_([order for order in orders.values() if order]))
        by_visit = {row.id: row.town for row in conn.execute(of_visit)}
        by_order = {row.id: row.town for row in conn.execute(of_order)}
        for row in batch:
            found[row.id] = by_visit.get(row.visit_id) or by_order.get(orders[row.id]) or _town(conn, row)
    return found


BATCH = 500


def release(act: Act, ring: KeyRing, event_id: str, why: str) -> EventOutcome:
    """The event counts: it is processed now, by the rules for late events. Its outcome may still be a decline.

    The same decision again answers what came of it. Raises Refused: NOT_ALLOWED (a town decides about its own), NOT_FOUND, WRONG_STATE.
    """
    row = _undecided(act, event_id, "release")
    if row.status != "quarantined":
        return door.outcome_of(row, replayed=True)
    event = waiting_events.stored(row)
    _own_town(act, row)
    device = act.conn.execute(
        select(devices).where(devices.c.id == row.device_id).with_for_update(key_share=True)
    ).one()
    outcome = door.attempt(act, ring, device, event, released=True)
    if outcome.status == "accepted":
        outcome = replace(outcome, status="released")
    waiting_events.settle(act, row.id, outcome, decided_by=act.actor.id, decided_at=act.now)
    act.audit(
        "event.release", f"event:{row.id}", before={"reason": row.reason}, after={"status": outcome.status}, why=why
    )
    if outcome.status != "waiting":
        waiting_events.run(act, ring, outcome.visit_id)
    return EventOutcome(row.id, outcome.status, outcome.reason, outcome.result, replayed=False)


def reject(act: Act, ring: KeyRing, event_id: str, why: str) -> EventOutcome:
    """The event does not count. It stays on record, and what waited for it is decided. Raises as :func:`release`."""
    row = _undecided(act, event_id, "reject")
    if row.status != "quarantined":
        return door.outcome_of(row, replayed=True)
    _own_town(act, row)
    waiting_events.take_turn(act, row.visit_id)
    outcome = dispatch.Outcome("rejected", Reason.REJECTED_ON_REVIEW, {}, row.visit_id)
    waiting_events.settle(act, row.id, outcome, decided_by=act.actor.id, decided_at=act.now)
    act.audit("event.reject", f"event:{row.id}", before={"reason": row.reason}, after={"status": "rejected"}, why=why)
    waiting_events.run(act, ring, row.visit_id)
    return EventOutcome(row.id, outcome.status, outcome.reason, outcome.result, replayed=False)


def _undecided(act: Act, event_id: str, event: str) -> Row[Any]:
    require(act, "quarantine.decide")
    row = act.conn.execute(select(door_events).where(door_events.c.id == event_id).with_for_update()).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what=f"event {event_id[:16]}")
    decided_so = row.decided_by == act.actor.id and (row.status == "rejected") == (event == "reject")
    if row.status != "quarantined" and not decided_so:
        raise Refused(Reason.WRONG_STATE, state=row.status, event=event)
    return row


def _own_town(act: Act, row: Row[Any]) -> None:
    """A town decides about its own people. Whose an event is that names nobody we know, the district decides."""
    town = _town(act.conn, row)
    if town is not None:
        require(act, "quarantine.decide", town=town)
    elif act.actor.town is not None:
        raise Refused(Reason.NOT_ALLOWED)


def _town(conn: Connection, row: Row[Any]) -> str | None:
    """Of the visit, else of the order, else of who holds the code or number that was read. A check-out may wait for its check-in, a
    cancellation and a confirmation name another event."""
    body = json.loads(row.canonical)["body"]
    e, v, o = door_events.c, visits.c, work_orders.c
    visit = select(v.town).where(v.id == row.visit_id)
    order = select(o.town).where(o.id == body.get("order_id"))
    found = conn.execute(visit).scalar_one_or_none() or conn.execute(order).scalar_one_or_none() or _of_code(conn, body)
    if found is not None or row.kind == "check_in":
        return found
    named = e.id == (body.get("event") or body.get("debit"))
    began = (e.visit_id == row.visit_id) & (e.kind == "check_in")
    other = conn.execute(select(door_events).where(or_(named, began), e.id != row.id).limit(1)).one_or_none()
    return None if other is None or other.kind in _NAMING else _town(conn, other)


_NAMING = ("cancel", "confirm")


def _of_code(conn: Connection, body: dict[str, Any]) -> str | None:
    """The code's signature is looked at when the event is processed; here its id is enough."""
    parts = body.get("token", "").rpartition("#")[2].split(".")
    token_id = parts[1] if len(parts) > 1 else None
    held = (
        select(seniors.c.town).join(cards, cards.c.senior_id == seniors.c.id).join(media, media.c.card_id == cards.c.id)
    )
    card = held.where(or_(media.c.token_id == token_id, media.c.card_no == body.get("card_no")))
    plates = select(seniors.c.town).join(door_plates, door_plates.c.senior_id == seniors.c.id)
    plate = plates.where(door_plates.c.token_id == token_id)
    return conn.execute(card.limit(1)).scalar_one_or_none() or conn.execute(plate).scalar_one_or_none()
