"""Events at the door: received once, in each device's order, kept with their outcome in one transaction.

The chain of a device is its counter and the hash of its event before. A repeat answers the first outcome; a gap or a fork is refused and
not kept; whatever else arrives is kept as evidence, also when it is declined, and the chain moves on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

from settlement.act import Act
from settlement.cards.pin import Attempt
from settlement.keys import KeyRing
from settlement.outcomes import Reason, Refused
from settlement.providers.tables import devices
from settlement.together import Write, inserting, row, together
from settlement.visits import consents, device_key, dispatch, signed_event, waiting
from settlement.visits.signed_event import SignedEvent
from settlement.visits.tables import door_events


@dataclass(frozen=True)
class EventOutcome:
    """``status``: accepted, declined, waiting (for an earlier event of its visit), quarantined (for a second person), released or rejected.
    ``result``: for accepted ones what the device needs to know."""

    event_id: str
    status: str
    reason: Reason | None
    result: dict[str, Any]
    replayed: bool

    @property
    def details(self) -> dict[str, Any]:
        """What fills the placeholders of the reason's words."""
        return self.result if self.reason else {}


def receive(
    act: Act,
    ring: KeyRing,
    device: Row[Any],
    event: SignedEvent,
    along: Callable[[EventOutcome], Sequence[Write]] | None = None,
    *,
    tried: Attempt | None = None,
) -> EventOutcome:
    """Take one event of a device. ``along``: what is to be written with a new event, as soon as its outcome is known; ``tried``: of
    :func:`tried_ahead`.

    Nothing is kept, and Refused raised, for: EVENT_OF_OTHER_DEVICE, EVENT_SIGNATURE_WRONG, EVENT_CONFLICT (another event has this number, or
    the event before is not the one it names), EVENT_GAP (``expected``: the number that must come first). Events of a revoked device,
    and those older than the scheme accepts, go to quarantine.
    """
    if event.device_id != device.id:
        raise Refused(Reason.EVENT_OF_OTHER_DEVICE)
    if not signed_event.verify(event, device.algorithm, device_key.from_text(device.algorithm, device.public_key)):
        raise Refused(Reason.EVENT_SIGNATURE_WRONG)
    # The row of the device is locked: two uploads of one device take turns.
    opened = dispatch.open_debit(act, ring, event)
    head = opened or act.conn.execute(_HEAD, {"device": device.id}).one()
    if event.counter <= head.last_counter:
        return _replay(act, event)
    if event.counter > head.last_counter + 1:
        raise Refused(Reason.EVENT_GAP, expected=head.last_counter + 1)
    if event.prev != head.last_hash:
        raise Refused(Reason.EVENT_CONFLICT)
    if head.revoked_at is not None:
        earlier = event.occurred_at < head.revoked_at
        reason = Reason.SIGNED_BEFORE_REVOCATION if earlier else Reason.SIGNED_AFTER_REVOCATION
        outcome = dispatch.Outcome("quarantined", reason, {}, dispatch.visit_id_of(event))
    else:
        outcome = attempt(act, ring, device, event, opened=opened, tried=tried)
    told = EventOutcome(event.hash, outcome.status, outcome.reason, outcome.result, replayed=False)
    _keep(act, event, outcome, along(told) if along else ())
    ready = outcome.status == "accepted" and event.kind != "debit"  # nothing waits for a debit
    if ready or (outcome.status == "declined" and event.kind == "check_in"):
        waiting.run(act, ring, outcome.visit_id)
    return told


def tried_ahead(conn: Connection, ring: KeyRing, event: SignedEvent) -> Attempt | None:
    """What takes long about an event and needs no lock: hashing a debit's PIN. To be called before the act that receives the event begins; None
    for other events."""
    return consents.tried_ahead(conn, ring, event, dispatch.visit_id_of(event))


_HEAD = select(devices).where(devices.c.id == bindparam("device")).with_for_update(key_share=True)


def attempt(
    act: Act,
    ring: KeyRing,
    device: Row[Any],
    event: SignedEvent,
    *,
    released: bool = False,
    opened: Row[Any] | None = None,
    tried: Attempt | None = None,
) -> dispatch.Outcome:
    """Process an event. Unless its visit and card are locked already, it takes the visit's turn before any of their rows."""
    if opened is None:
        waiting.take_turn(act, waiting.concerned(act, event))
    return dispatch.process(act, ring, device, event, released=released, opened=opened, tried=tried)


def _replay(act: Act, event: SignedEvent) -> EventOutcome:
    query = select(door_events).where(
        door_events.c.device_id == event.device_id, door_events.c.counter == event.counter
    )
    kept = act.conn.execute(query).one()
    if kept.id != event.hash:
        raise Refused(Reason.EVENT_CONFLICT)
    return outcome_of(kept, replayed=True)


def outcome_of(kept: Row[Any], *, replayed: bool) -> EventOutcome:
    reason = Reason[kept.reason.upper()] if kept.reason else None
    return EventOutcome(kept.id, kept.status, reason, kept.result, replayed)


def _keep(act: Act, event: SignedEvent, outcome: dispatch.Outcome, more: Sequence[Write]) -> None:
    kept = row(
        door_events,
        {
            "id": event.hash,
            "device_id": event.device_id,
            "counter": event.counter,
            "prev_hash": event.prev,
            "kind": event.kind,
            "occurred_at": event.occurred_at,
            "received_at": act.now,
            "canonical": event.canonical.decode(),
            "algorithm": event.alg,
            "key_id": event.key_id,
            "signature": device_key.b64url(event.signature),
            "status": outcome.status,
            "reason": outcome.reason.code if outcome.reason else None,
            "result": outcome.result,
            "visit_id": outcome.visit_id,
        },
    )
    head = {name: kept[name] for name in _HEAD_PARAMETERS}
    together(act.conn, [*outcome.writes, Write(_EVENT, kept), Write(_MOVE_HEAD, head), *more])


_EVENT = inserting(door_events, *(column.name for column in door_events.c if not column.name.startswith("decided_")))
_HEAD_PARAMETERS = ("door_events_device_id", "door_events_counter", "door_events_id")  # as the event's own
_MOVE_HEAD = (
    update(devices)
    .where(devices.c.id == bindparam(_HEAD_PARAMETERS[0]))
    .values(last_counter=bindparam(_HEAD_PARAMETERS[1]), last_hash=bindparam(_HEAD_PARAMETERS[2]))
)
