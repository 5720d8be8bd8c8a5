"""An event at the door as its device signed it: form, canonical bytes, hash chain, signature.

What a device sends is ``{"event": {...}, "signature": "..."}``. Every event, online or not, is signed when it
happens. The signature covers the canonical bytes of the *whole* event, algorithm and key id included, so no field can
be changed, dropped or added afterwards.

Canonical bytes are RFC 8785 (JCS) narrowed until no two programs can disagree: keys are lower-case ASCII names in
order, numbers are whole and below 2^53 (a place is in 1e-7 degrees, its accuracy in metres, money in fen), there is
no null and no true or false, text is UTF-8 as sent, without NUL.

Events of a device form a chain: ``counter`` runs 1, 2, 3 ...; ``prev`` is the hash of the event before (zeros for the
first). The hash leaves the signature out, since ECDSA signs the same bytes differently each time. It is the event's id.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from settlement.visits import device_key
from settlement.visits.device_key import PrivateKey, PublicKey, b64url, from_b64url
from settlement.visits.form_check import check_of

VERSION = 1
FIRST_PREV = "0" * 64
MAX_INTEGER = 2**53 - 1
"""The largest whole number every JSON program holds exactly (RFC 7493 §2.2)."""

_YEARS = range(1970, 2200)
"""A clock that lost its battery says 1970, and its events are kept; what lies outside was never a clock."""

# A gateway takes neither NUL nor half a surrogate pair; signed with one, an event would stand in the way of all that follow it.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
# Python's $ also matches before a last line feed, hence (?!\n); \Z would mean nothing to readers of the OpenAPI document.
_HASH = validate.Regexp(r"^[0-9a-f]{64}$(?!\n)", error="64 位小写十六进制 / 64 lower-case hexadecimal digits")
_MOMENT = validate.Regexp(
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}[+-][0-9]{2}:[0-9]{2}$(?!\n)",
    error="须为带时差、精确到微秒的时间 / a time with offset and six decimals, like 2026-07-03T09:00:00.000000+08:00",
)


class EventMalformed(ValueError):
    """The event does not have the form of its kind. ``errors`` says what is wrong, by field."""

    def __init__(self, errors: dict[str, Any]) -> None:
        self.errors = errors
        super().__init__(json.dumps(errors, ensure_ascii=False))


def _text(longest: int, *, required: bool = True) -> fields.String:
    return fields.String(required=required, validate=validate.Length(1, longest))


def _whole(lowest: int, highest: int = MAX_INTEGER, *, required: bool = True) -> fields.Integer:
    return fields.Integer(required=required, strict=True, validate=validate.Range(lowest, highest))


def _one_of(*words: str) -> fields.String:
    return fields.String(required=True, validate=validate.OneOf(words))


class PlaceSchema(Schema):
    """Where the device was, WGS 84. Left out when it could not tell."""

    latitude_e7 = _whole(-900_000_000, 900_000_000)
    longitude_e7 = _whole(-1_800_000_000, 1_800_000_000)
    accuracy_m = _whole(0, 100_000)


class LineSchema(Schema):
    """One item of a visit. ``amount_fen`` is the device's figure, kept only to flag a difference: the server prices."""

    item = _text(40)
    quantity = _whole(1, 1000)
    amount_fen = _whole(0, 100_000_000, required=False)


READ_METHODS = ("chip", "dynamic", "card_qr", "door_plate", "typed")
"""How the senior's card or door was read."""

CONSENTS = ("chip", "dynamic", "pin", "card_qr", "agent")
"""How the senior agreed to a debit, strongest first."""


class CheckInBody(Schema):
    """``token``: what was scanned; ``card_no``: the printed number, when typed. Without an order: an urgent visit."""

    order_id = _text(48, required=False)
    method = _one_of(*READ_METHODS)
    token = _text(400, required=False)
    card_no = _text(32, required=False)
    place = fields.Nested(PlaceSchema)


class CheckOutBody(Schema):
    """``visit``: hash of the check-in event, or the visit's id as the server gave it; ``reason``: why on another device
    or without a scan."""

    visit = _text(64)
    lines = fields.List(fields.Nested(LineSchema), required=True, validate=validate.Length(1, 20))
    method = _one_of(*READ_METHODS)
    token = _text(400, required=False)
    place = fields.Nested(PlaceSchema)
    reason = _text(40, required=False)


class DebitBody(Schema):
    """``total_fen`` and ``personal_fen``: what the senior saw and agreed to, in all and from own money. ``cash_fen``:
    paid at the door against ``receipt_no``. ``code``: the dynamic code, its eight digits or its QR;
    ``pin_sealed``: the PIN encrypted to the server for this debit (``cards.sealed_pin``)."""

    visit = _text(64)
    consent = _one_of(*CONSENTS)
    token = _text(400, required=False)
    code = _text(400, required=False)
    pin_sealed = _text(600, required=False)
    total_fen = _whole(1, 100_000_000)
    personal_fen = _whole(0, 100_000_000)
    cash_fen = _whole(0, 100_000_000)
    receipt_no = _text(40, required=False)


class ConfirmBody(Schema):
    """The senior's or agent's confirmation of a debit that went before. ``debit``: the hash of its event."""

    debit = fields.String(required=True, validate=_HASH)
    consent = _one_of(*CONSENTS)
    token = _text(400, required=False)
    code = _text(400, required=False)


class CancelBody(Schema):
    """Takes back an event of the same device. ``event``: its hash."""

    event = fields.String(required=True, validate=_HASH)
    reason = _text(40)


class VoidBody(Schema):
    """The visit does not count (废单). ``visit`` as in a check-out."""

    visit = _text(64)
    reason = _text(40)


class NotServedBody(Schema):
    """The caregiver went and could not serve. ``reason``: of ``words.NOT_SERVED_REASONS``."""

    order_id = _text(48)
    reason = _text(40)
    place = fields.Nested(PlaceSchema)


BODIES: dict[str, type[Schema]] = {
    "check_in": CheckInBody,
    "check_out": CheckOutBody,
    "debit": DebitBody,
    "confirm": ConfirmBody,
    "cancel": CancelBody,
    "void": VoidBody,
    "not_served": NotServedBody,
}
"""Kinds of event, each with the form of its body. What is not listed is refused."""


class EventSchema(Schema):
    """``boot`` names the device's run since power-on, ``mono_ms`` its monotonic clock in that run; ``caregiver`` is the
    staff number on the badge."""

    v = fields.Integer(required=True, strict=True, validate=validate.Equal(VERSION))
    kind = _one_of(*BODIES)
    device_id = _text(40)
    counter = _whole(1, 2**31 - 1)
    prev = fields.String(required=True, validate=_HASH)
    occurred_at = fields.String(required=True, validate=_MOMENT)
    boot = _text(64)
    mono_ms = _whole(0)
    caregiver = _text(40)
    alg = _one_of(*device_key.ALGORITHMS)
    key_id = _text(64)
    body = fields.Dict(keys=fields.String(), required=True)


class SignedEventSchema(Schema):
    """``signature``: base64url without padding of the 64 signature bytes."""

    event = fields.Nested(EventSchema, required=True)
    signature = _text(86)


@dataclass(frozen=True)
class SignedEvent:
    """A well-formed event. ``hash`` is its id; nothing here says that the signature is genuine: see :func:`verify`."""

    kind: str
    device_id: str
    counter: int
    prev: str
    occurred_at: datetime
    boot: str
    mono_ms: int
    caregiver: str
    body: dict[str, Any]
    alg: str
    key_id: str
    canonical: bytes
    hash: str
    signature: bytes

    def envelope(self) -> dict[str, Any]:
        """The form that travels."""
        return {"event": json.loads(self.canonical), "signature": b64url(self.signature)}


def canonical(event: Mapping[str, Any]) -> bytes:
    """The bytes that are hashed and signed; raises EventMalformed for what has no single form (fractions, null, odd
    keys, big numbers, characters nobody stores)."""
    if not _is_plain(event, 0):
        _check_plain(event, "event", 0)
    return json.dumps(event, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8")


def _is_plain(value: Any, depth: int) -> bool:
    """Whether :func:`_check_plain`, which says where it is not, would find nothing."""
    kind = type(value)
    if depth > 6:
        return False
    if kind is str:
        return _UNSTORABLE.search(value) is None
    if kind is int:
        return bool(-MAX_INTEGER <= value <= MAX_INTEGER)
    if kind is dict:
        names = all(type(name) is str and _NAME.fullmatch(name) for name in value)
        return names and all(_is_plain(inner, depth + 1) for inner in value.values())
    return kind is list and all(_is_plain(inner, depth + 1) for inner in value)


def _check_plain(value: Any, where: str, depth: int) -> None:
    if depth > 6:
        raise EventMalformed({where: ["嵌套过深 / nested too deeply"]})
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str) or not _NAME.fullmatch(key):
                raise EventMalformed({where: [f"字段名无效 / not a field name: {str(key)[:40]!r}"]})
            _check_plain(inner, f"{where}.{key}", depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check_plain(inner, where, depth + 1)
    elif (
        isinstance(value, bool)
        or not isinstance(value, str | int)
        or (isinstance(value, int) and abs(value) > MAX_INTEGER)
    ):
        raise EventMalformed({where: ["只接受文字、整数、对象和列表 / only text, whole numbers, objects and lists"]})
    elif isinstance(value, str) and _UNSTORABLE.search(value):
        raise EventMalformed({where: ["含有无法保存的字符 / a character that cannot be stored"]})


def event_hash(event: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical bytes, hexadecimal: the event's id and the next one's ``prev``."""
    return hashlib.sha256(canonical(event)).hexdigest()


# Made once: building a schema costs more than reading an event with it, and loading changes nothing in it.
_ENVELOPE = SignedEventSchema()
_BODIES = {kind: form() for kind, form in BODIES.items()}
_ENVELOPE_FITS = check_of(_ENVELOPE)
_BODY_FITS = {kind: check_of(form) for kind, form in _BODIES.items()}


def _messages(error: ValidationError) -> dict[str, Any]:
    return error.messages if isinstance(error.messages, dict) else {"event": error.messages}


def parse(envelope: Any) -> SignedEvent:
    """Read a signed event strictly: unknown fields, wrong types, a body not of its kind's form raise EventMalformed."""
    try:
        loaded = envelope if _ENVELOPE_FITS(envelope) else _ENVELOPE.load(envelope)
    except ValidationError as error:
        raise EventMalformed(_messages(error)) from None
    event = loaded["event"]
    try:
        if not _BODY_FITS[event["kind"]](event["body"]):
            _BODIES[event["kind"]].load(event["body"])
        signature = from_b64url(loaded["signature"])
        occurred_at = datetime.fromisoformat(event["occurred_at"])
        if occurred_at.year not in _YEARS:
            raise ValueError(f"year {occurred_at.year}")
    except ValidationError as error:
        raise EventMalformed({"event": {"body": _messages(error)}}) from None
    except ValueError as error:
        raise EventMalformed({"signature/occurred_at": [str(error)]}) from None
    data = canonical(event)
    facts = {name: event[name] for name in SignedEvent.__dataclass_fields__ if name in event}
    facts |= {"occurred_at": occurred_at, "canonical": data, "hash": hashlib.sha256(data).hexdigest()}
    return SignedEvent(**facts, signature=signature)


def moment(at: datetime) -> str:
    """``at`` in the one form an event may carry: offset and six decimals; raises ValueError without a time zone."""
    if at.tzinfo is None:
        raise ValueError("a moment needs an offset")
    return at.isoformat(timespec="microseconds")


def sign(event: Mapping[str, Any], key: PrivateKey) -> SignedEvent:
    """Sign the event; version, algorithm and key id are filled in. Raises EventMalformed unless it has its kind's
    form."""
    named = {"alg": device_key.algorithm_of(key), "key_id": device_key.key_id(key.public_key())}
    whole = {**event, **named, "v": VERSION}
    unsigned = parse({"event": whole, "signature": b64url(bytes(64))})
    return replace(unsigned, signature=device_key.sign(key, unsigned.canonical))


def verify(event: SignedEvent, alg: str, public_key: PublicKey) -> bool:
    """Whether the device that holds this key signed exactly these bytes, and named this key and algorithm in them."""
    named = event.alg == alg and event.key_id == device_key.key_id(public_key)
    return named and device_key.verify(alg, public_key, event.signature, event.canonical)
