"""Events that wait for a second person: signed by a device that was revoked, or older than the scheme accepts. None is lost."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, select

from settlement.act import Act
from settlement.keys import KeyRing
from settlement.officers import require
from settlement.outcomes import Reason, Refused
from settlement.providers.tables import devices
from settlement.visits import dispatch, door
from settlement.visits.door import EventOutcome
from settlement.visits.tables import door_events, visits


def waiting(conn: Connection) -> list[Row[Any]]:
    """What is to be decided, oldest first."""
    e = door_events.c
    return list(conn.execute(select(door_events).where(e.status == "quarantined").order_by(e.received_at, e.counter)))


def release(act: Act, ring: KeyRing, event_id: str, why: str) -> EventOutcome:
    """The event counts: it is processed now, by the rules for late events. Its outcome may still be a decline.

    The same decision again answers what came of it. Raises Refused: NOT_ALLOWED (a town decides about its own), NOT_FOUND, WRONG_STATE.
    """
    row = _undecided(act, event_id, "release")
    if row.status != "quarantined":
        return door.outcome_of(row, replayed=True)
    event = door.stored(row)
    device = act.conn.execute(
        select(devices).where(devices.c.id == row.device_id).with_for_update(key_share=True)
    ).one()
    outcome = dispatch.process(act, ring, device, event, released=True)
    if outcome.status == "accepted":
        outcome = dispatch.Outcome("released", None, outcome.result, outcome.visit_id)
    _own_town(act, outcome.visit_id)
    door.settle(act, row.id, outcome, decided_by=act.actor.id, decided_at=act.now)
    act.audit(
        "event.release", f"event:{row.id}", before={"reason": row.reason}, after={"status": outcome.status}, why=why
    )
    if outcome.status == "released":
        door.run_waiting(act, ring, outcome.visit_id)
    return EventOutcome(row.id, outcome.status, outcome.reason, outcome.result, replayed=False)


def reject(act: Act, event_id: str, why: str) -> EventOutcome:
    """The event does not count. It stays on record. Raises as :func:`release`."""
    row = _undecided(act, event_id, "reject")
    if row.status != "quarantined":
        return door.outcome_of(row, replayed=True)
    _own_town(act, row.visit_id)
    outcome = dispatch.Outcome("rejected", Reason.REJECTED_ON_REVIEW, {}, row.visit_id)
    door.settle(act, row.id, outcome, decided_by=act.actor.id, decided_at=act.now)
    act.audit("event.reject", f"event:{row.id}", before={"reason": row.reason}, after={"status": "rejected"}, why=why)
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


def _own_town(act: Act, visit_id: str | None) -> None:
    town = act.conn.execute(select(visits.c.town).where(visits.c.id == visit_id)).scalar_one_or_none()
    if town is not None:
        require(act, "quarantine.decide", town=town)
