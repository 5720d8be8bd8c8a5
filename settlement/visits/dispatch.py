"""What an event at the door means: each kind is handed to the domain call it stands for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, Select, bindparam, select

from settlement.act import Act, Actor
from settlement.cards import dynamic_code, token
from settlement.cards.pin import Attempt
from settlement.cards.tables import media
from settlement.keys import KeyRing
from settlement.outcomes import Declined, Reason, declined
from settlement.periods import Month
from settlement.policy.store import in_force
from settlement.providers import shifts
from settlement.providers.tables import caregivers, devices
from settlement.together import Write
from settlement.visits import before_a_debit, consents, debiting, offline, orders, rules, service, voiding
from settlement.visits.forms import CheckIn, CheckOut, DebitRequest, Line
from settlement.visits.places import Place
from settlement.visits.signed_event import SignedEvent
from settlement.visits.tables import door_events, visits

UNDECIDED = offline.LIMITS | {Reason.EVENT_TOO_OLD}
"""What does not count by itself, but nobody has decided that it does not: a second person may release it."""

VISIT_ID_LENGTH = 32
"""A visit's id is this much of its check-in's hash: the device knows it before we do."""


@dataclass(frozen=True)
class Outcome:
    """``writes``: still to be executed, with what keeps the event."""

    status: str
    reason: Reason | None
    result: dict[str, Any]
    visit_id: str | None
    writes: tuple[Write, ...] = ()


@dataclass(frozen=True)
class _Case:
    """``opened``: the visit, locked, with the card that was read, where that is known already (:func:`open_debit`). ``tried``: what hashing said
    about the PIN, where that was done beforehand."""

    act: Act
    ring: KeyRing
    device: Row[Any]
    event: SignedEvent
    caregiver_id: int
    released: bool
    opened: Row[Any] | None
    tried: Attempt | None
    writes: list[Write] = field(default_factory=list)

    @property
    def body(self) -> dict[str, Any]:
        return self.event.body

    @property
    def visit_id(self) -> str | None:
        return visit_id_of(self.event)

    def place(self) -> Place | None:
        said = self.body.get("place")
        return None if said is None else Place(said["latitude_e7"], said["longitude_e7"], said["accuracy_m"])


def visit_id_of(event: SignedEvent) -> str | None:
    """The visit an event names: a check-in its own, others by the check-in's hash or the visit's id; None where it names none."""
    if event.kind == "check_in":
        return event.hash[:VISIT_ID_LENGTH]
    named = event.body.get("visit")
    return None if named is None else str(named)[:VISIT_ID_LENGTH] if len(named) == len(event.hash) else str(named)[:40]


def open_debit(act: Act, ring: KeyRing, event: SignedEvent) -> Any:
    """A debit's device, caregiver, visit and card in one statement, locked; None for other kinds, and where it may have to wait."""
    if event.kind != "debit":
        return None
    code = event.body.get("token")
    return before_a_debit.of_event(act, event, str(visit_id_of(event)), token.opened(ring, code) if code else None)


def process(
    act: Act,
    ring: KeyRing,
    device: Row[Any],
    event: SignedEvent,
    *,
    released: bool = False,
    opened: Row[Any] | None = None,
    tried: Attempt | None = None,
) -> Outcome:
    """Do what the event says, in the name of its device. ``released``: a second person decided that it counts although it is old."""
    act = replace(act, actor=Actor(f"device:{device.id}", "device", provider_id=device.provider_id))
    caregiver_id = _caregiver(act, device, event, opened)
    if not isinstance(caregiver_id, Declined) and shifts.needed(device):
        at_work = shifts.covers(act.conn, device.id, caregiver_id, event.occurred_at)
        caregiver_id = caregiver_id if at_work else declined(Reason.SHIFT_NOT_OPEN)
    if isinstance(caregiver_id, Declined):
        return _outcome(event, caregiver_id)
    case = _Case(act, ring, device, event, caregiver_id, released, opened, tried)
    if event.kind in _ON_A_VISIT:
        standing = _standing(case)
        if standing is not None:
            return standing
    return replace(_outcome(event, _HANDLERS[event.kind](case)), writes=tuple(case.writes))


def _outcome(event: SignedEvent, answer: dict[str, Any] | Declined) -> Outcome:
    visit_id = visit_id_of(event)
    if isinstance(answer, Declined):
        status = "waiting" if answer.reason is Reason.EVENT_WAITS else "declined"
        if answer.reason in UNDECIDED:
            status = "quarantined"
        return Outcome(status, answer.reason, answer.details, answer.details.get("visit_id", visit_id))
    return Outcome("accepted", None, answer, answer.get("visit_id", visit_id))


def _caregiver(act: Act, device: Row[Any], event: SignedEvent, opened: Row[Any] | None) -> int | Declined:
    if opened is None:
        c = caregivers.c
        query = select(c.id).where(c.provider_id == device.provider_id, c.staff_no == event.caregiver)
        caregiver_id = act.conn.execute(query).scalar_one_or_none()
    else:
        caregiver_id = opened.staff_id
    if caregiver_id is None:
        return declined(Reason.CAREGIVER_UNKNOWN)
    if device.caregiver_id not in (None, caregiver_id):
        return declined(Reason.DEVICE_OF_OTHER)
    return int(caregiver_id)


def _standing(case: _Case) -> Outcome | None:
    """Another device's check-in, or check-out, may still be under way: then the event waits for it. Order between devices does not matter."""
    event, visit = case.event, case.opened or case.act.conn.execute(_NAMED, {"visit": case.visit_id}).one_or_none()
    if visit is None:
        began = case.act.conn.execute(_BEGAN, {"visit": case.visit_id}).scalar_one_or_none()
        no_visit = began in ("declined", "rejected")
        return _outcome(event, declined(Reason.CHECK_IN_NOT_ACCEPTED if no_visit else Reason.EVENT_WAITS))
    if visit.provider_id != case.device.provider_id:
        return _outcome(event, declined(Reason.OTHER_PROVIDERS_ORDER))
    if case.device.caregiver_id not in (None, visit.caregiver_id):
        return _outcome(event, declined(Reason.OTHER_CAREGIVER))
    if event.kind == "debit" and visit.status == "open":
        scheme = in_force(case.act.conn, visit.scheme_code, Month.parse(visit.month))
        if not rules.at_the_door(scheme, event.occurred_at, case.act.now):
            return _outcome(event, declined(Reason.EVENT_WAITS))
    return None


_BEGAN = select(door_events.c.status).where(
    door_events.c.visit_id == bindparam("visit"), door_events.c.kind == "check_in"
)
_NAMED: Select[Any] = select(
    *(visits.c[name] for name in ("provider_id", "caregiver_id", "status", "scheme_code", "month"))
).where(visits.c.id == bindparam("visit"))


def _read(case: _Case) -> tuple[int | None, int | None] | Declined:
    """(medium, senior) of what was scanned or typed; both None when nothing was."""
    act, body, at = case.act, case.body, case.event.occurred_at
    method = body.get("method", "card_qr")
    # A printed code may be photographed: it never counts as a chip or a one-time code, whatever the device calls it.
    if method == "chip":
        return declined(Reason.CONSENT_NOT_PROVED)
    if method == "dynamic":
        shown = consents.code_read(act, case.ring, case.event, case.visit_id)
        return shown if isinstance(shown, Declined) else (shown.medium_id, None)
    if "card_no" in body and "token" not in body:
        if method != "typed":
            return declined(Reason.CODE_UNKNOWN)
        found = act.conn.execute(select(media.c.id).where(media.c.card_no == body["card_no"])).scalar_one_or_none()
        return declined(Reason.CODE_UNKNOWN) if found is None else (found, None)
    if "token" not in body:
        return None, None
    if method == "door_plate":
        plate = token.read_plate(act.conn, case.ring, body["token"], at)
        return plate if isinstance(plate, Declined) else (None, plate.senior_id)
    medium = token.read(act.conn, case.ring, body["token"], at)
    return medium if isinstance(medium, Declined) else (medium.id, None)


def _check_in(case: _Case) -> dict[str, Any] | Declined:
    event, read = case.event, _read(case)
    if isinstance(read, Declined):
        return read
    if read == (None, None):
        return declined(Reason.CODE_UNKNOWN)
    visit = service.check_in(
        case.act,
        CheckIn(
            visit_id=event.hash[:VISIT_ID_LENGTH],
            caregiver_id=case.caregiver_id,
            method=case.body["method"],
            occurred_at=event.occurred_at,
            medium_id=read[0],
            senior_id=read[1],
            order_id=case.body.get("order_id"),
            device_id=event.device_id,
            boot=event.boot,
            mono_ms=event.mono_ms,
            place=case.place(),
            released=case.released,
        ),
    )
    return visit if isinstance(visit, Declined) else {"visit_id": visit.id, "status": visit.status, "town": visit.town}


def _check_out(case: _Case) -> dict[str, Any] | Declined:
    event, read = case.event, _read(case)
    if isinstance(read, Declined):
        return read
    lines = [Line(item=x["item"], quantity=x["quantity"], amount_fen=x.get("amount_fen")) for x in case.body["lines"]]
    out = service.check_out(
        case.act,
        CheckOut(
            visit_id=str(case.visit_id),
            caregiver_id=case.caregiver_id,
            lines=tuple(lines),
            method=case.body["method"],
            occurred_at=event.occurred_at,
            medium_id=read[0],
            senior_id=read[1],
            device_id=event.device_id,
            boot=event.boot,
            mono_ms=event.mono_ms,
            place=case.place(),
            reason=case.body.get("reason"),
            released=case.released,
        ),
    )
    if isinstance(out, Declined):
        return out
    return {
        "visit_id": out.visit.id,
        "status": out.visit.status,
        "void_reason": out.visit.void_reason,
        "seconds": out.visit.seconds,
        "minimum_seconds": out.minimum_seconds,
        "duration_source": out.visit.duration_source,
        "total_fen": out.total_fen,
        "lines": [{"item": x.item, "quantity": x.quantity, "amount_fen": x.amount_fen} for x in out.lines],
        "again_order_id": out.again_order_id,
    }


def _debit(case: _Case) -> dict[str, Any] | Declined:
    event, body = case.event, case.body
    if body["consent"] == "chip":  # only a terminal reads chips
        return declined(Reason.CONSENT_NOT_PROVED)
    if dynamic_code.is_code(body.get("token", "")):
        read: tuple[int | None, int | None] | Declined = (None, None)  # proves consent; it is no piece of card
    else:
        read = _read(case) if case.opened is None else _read_already(case, case.opened)
    if isinstance(read, Declined):
        return read
    request = DebitRequest(
        id=event.hash,
        visit_id=str(case.visit_id),
        consent=body["consent"],
        occurred_at=event.occurred_at,
        total_fen=body["total_fen"],
        confirm_personal_fen=body["personal_fen"],
        cash_fen=body["cash_fen"],
        receipt_no=body.get("receipt_no"),
        medium_id=read[0],
        released=case.released,
        device_id=event.device_id,
        counter=event.counter,
    )
    visit = case.opened or before_a_debit.visit(case.act, request.visit_id, request.medium_id)
    proof = None if _proved_before(case) else consents.proof_of(case.act, case.ring, event, case.tried)
    answer = debiting.answer_to(case.act, request, visit, proof)
    case.writes.extend(answer.writes)
    if isinstance(answer.what, Declined):
        return answer.what
    told = vars(answer.what)
    return {"debit_id": told["id"]} | {key: value for key, value in told.items() if key not in ("id", "card_id")}


def _proved_before(case: _Case) -> bool:
    """Whether all that a second person was asked about was a limit without signal: the consent had been found right by then."""
    kept = _event(case, case.event.hash) if case.released else None
    return kept is not None and kept.reason in {reason.code for reason in offline.LIMITS}


class _Medium(NamedTuple):
    card_id: int
    dead_from: datetime | None
    dead_reason: str | None
    closed_at: datetime | None
    activated_at: datetime | None


def _read_already(case: _Case, opened: Row[Any]) -> tuple[int | None, None] | Declined:
    """As :func:`_read`, of a debit's code whose medium was found with the visit."""
    if "token" not in case.body:
        return None, None
    if token.opened(case.ring, case.body["token"]) is None:
        return declined(Reason.CODE_FORGED)
    if opened.read_id is None:
        return declined(Reason.CODE_UNKNOWN)
    o = opened
    medium = _Medium(o.read_card_id, o.dead_from, o.dead_reason, o.read_closed_at, o.read_activated_at)
    return token.refused(medium, case.event.occurred_at) or (o.read_id, None)


def _confirm(case: _Case) -> dict[str, Any] | Declined:
    """The holder's confirmation, proved by card or code, is recorded; what a caregiver says an agent agreed to is only kept as evidence."""
    target = _event(case, case.body["debit"])
    if target is None or target.kind != "debit":
        return declined(Reason.NOT_FOUND, what="扣款 debit")
    theirs = select(devices.c.provider_id).where(devices.c.id == target.device_id)
    if case.act.conn.execute(theirs).scalar_one() != case.device.provider_id:
        return declined(Reason.OTHER_PROVIDERS_ORDER)
    if case.body["consent"] != "agent":
        if target.status in ("waiting", "quarantined"):
            return declined(Reason.EVENT_WAITS, visit_id=target.visit_id)
        refusal = consents.confirmed(case.act, case.ring, case.event, target.id)
        if refusal is not None:
            return refusal
    return {"debit_id": target.id, "visit_id": target.visit_id}


def _event(case: _Case, event_id: str) -> Row[Any] | None:
    return case.act.conn.execute(select(door_events).where(door_events.c.id == event_id)).one_or_none()


def _cancel(case: _Case) -> dict[str, Any] | Declined:
    target = _event(case, case.body["event"])
    if target is None or target.device_id != case.event.device_id:
        return declined(Reason.NOTHING_TO_TAKE_BACK)
    if target.status in ("waiting", "quarantined"):
        return declined(Reason.EVENT_WAITS, visit_id=target.visit_id)
    reason = case.body["reason"]
    if target.status not in ("accepted", "released") or target.kind not in ("check_in", "debit"):
        return declined(Reason.NOTHING_TO_TAKE_BACK)
    if target.kind == "check_in":
        visit = service.cancel(case.act, target.visit_id, reason)
        return visit if isinstance(visit, Declined) else {"visit_id": visit.id, "status": visit.status}
    refusal = voiding.take_back_debit(case.act, target.id, reason)
    return refusal or {"visit_id": target.visit_id, "debit_id": target.id, "status": "reversed"}


def _void(case: _Case) -> dict[str, Any] | Declined:
    voided = voiding.void(case.act, str(case.visit_id), case.body["reason"])
    if isinstance(voided, Declined):
        return voided
    return {"visit_id": voided.visit_id, "debit_id": voided.debit_id, "again_order_id": voided.again_order_id}


def _not_served(case: _Case) -> dict[str, Any] | Declined:
    refusal = orders.not_served(case.act, case.body["order_id"], case.body["reason"], case.event.occurred_at)
    return refusal or {"order_id": case.body["order_id"], "status": "not_served"}


_ON_A_VISIT = ("check_out", "debit", "void")

_HANDLERS: dict[str, Callable[[_Case], dict[str, Any] | Declined]] = {
    "check_in": _check_in,
    "check_out": _check_out,
    "debit": _debit,
    "confirm": _confirm,
    "cancel": _cancel,
    "void": _void,
    "not_served": _not_served,
}
