"""What the operations take and answer. Numbers are strict: ``16373.0`` is not a whole number here, whatever JSON
says."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from settlement.visits import signed_event


def _text(longest: int, **more: Any) -> fields.String:
    return fields.String(validate=validate.Length(1, longest), **more)


def _note(zh: str, en: str) -> dict[str, str]:
    return {"description": f"{zh} {en}"}


STATUSES = ("accepted", "declined", "waiting", "quarantined", "released", "rejected")


class Words(Schema):
    """What every refusal says."""

    code = fields.String(metadata=_note("固定代码", "stable code"))
    zh = fields.String()
    en = fields.String()
    action_zh = fields.String(metadata=_note("该怎么办", "what to do"))
    action_en = fields.String()
    retry = fields.Boolean(metadata=_note("原样重发是否有用", "whether sending the same again can help"))


class Problem(Words):
    """RFC 9457, with a stable code and both languages."""

    type = fields.String()
    title = fields.String()
    status = fields.Integer()
    detail = fields.String()
    errors = fields.Dict(metadata=_note("逐字段说明", "what is wrong, by field"))


class Event(signed_event.EventSchema):
    """A door event. Its body has the form of its kind."""

    body = fields.Dict(
        keys=fields.String(),
        required=True,
        metadata={
            "oneOf": [{"$ref": f"#/components/schemas/{form.__name__}"} for form in signed_event.BODIES.values()]
        },
    )


class SignedEvent(Schema):
    """An event as its device signed it."""

    event = fields.Nested(Event, required=True)
    signature = fields.String(
        required=True,
        metadata=_note("64字节签名，base64url", "the 64 signature bytes, base64url, over the event's canonical bytes"),
    )


class Upload(Schema):
    """Queued events of one device, oldest first."""

    events = fields.List(fields.Nested(SignedEvent), required=True, validate=validate.Length(1, 500))


class AnyEvents(Schema):
    """As ``Upload``, with the events unread: each is judged by itself, and one that is malformed does not spoil the batch."""

    events = fields.List(fields.Raw(), required=True, validate=validate.Length(min=1))


class Outcome(Words):
    """What became of one event. ``kept`` false: the server did not take it."""

    event_id = fields.String(allow_none=True, metadata=_note("事件哈希", "hash of the event"))
    counter = fields.Integer(allow_none=True)
    status = fields.String(validate=validate.OneOf(STATUSES))
    kept = fields.Boolean()
    replayed = fields.Boolean(metadata=_note("此前已收到", "the server had it already; this is its first outcome"))
    result = fields.Dict(metadata=_note("扣款：分项和余额", "for a debit: the split and the balances, in fen"))


class Outcomes(Schema):
    outcomes = fields.List(fields.Nested(Outcome))


class Enrolment(Schema):
    """``code``: one-time; ``public_key``: a JSON Web Key, OKP/Ed25519 or EC/P-256. The request is signed with that
    key."""

    code = _text(40, required=True)
    public_key = fields.Dict(keys=fields.String(), required=True)


class Device(Schema):
    device_id = fields.String()
    key_id = fields.String(metadata=_note("密钥指纹", "RFC 7638 thumbprint, the keyid of later requests"))
    kind = fields.String()
    provider = fields.String()
    caregiver = fields.String(allow_none=True, metadata=_note("工号", "staff number; none for a shared device"))
    server_time = fields.String()


class CardToken(Schema):
    """The token read from the card's code. It is never part of an address."""

    token = _text(400, required=True)


class MovementInquiry(CardToken):
    limit = fields.Integer(strict=True, load_default=10, validate=validate.Range(1, 50))


class Balance(Schema):
    card_no = fields.String(metadata=_note("卡号末四位", "last four digits"))
    status = fields.String()
    subsidy_fen = fields.Integer()
    personal_fen = fields.Integer()
    year_left_fen = fields.Integer(
        allow_none=True, metadata=_note("本年还可用补贴", "subsidy that can still be spent this year")
    )


class Bought(Schema):
    item = fields.String(metadata=_note("项目代码", "item code of the price list"))
    name_zh = fields.String()
    name_en = fields.String()
    quantity = fields.Integer()
    amount_fen = fields.Integer()


class Movement(Schema):
    occurred_at = fields.String()
    kind = fields.String()
    subsidy_fen = fields.Integer(metadata=_note("带符号", "signed: negative when spent"))
    personal_fen = fields.Integer()
    cash_fen = fields.Integer(metadata=_note("当面现金", "paid at the door besides"))
    provider = fields.String(allow_none=True)
    items = fields.List(fields.Nested(Bought))


class Movements(Schema):
    movements = fields.List(fields.Nested(Movement))


class Order(Schema):
    order_id = fields.String()
    planned_start = fields.String()
    planned_minutes = fields.Integer()
    items = fields.List(fields.String())
    senior = fields.String()
    town = fields.String()
    village = fields.String()
    caregiver = fields.String(allow_none=True)
    origin = fields.String()


class Orders(Schema):
    day = fields.String()
    orders = fields.List(fields.Nested(Order))
