"""What the operations take and answer. Numbers are strict: ``16373.0`` is not a whole number here, whatever JSON
says."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

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


class CardShown(Schema):
    """Which card, and that its holder is there: what its QR held; or the printed number together with a dynamic code's eight digits or with the
    PIN. None of it is ever part of an address."""

    token = _text(400, metadata=_note("卡面二维码", "what the card's QR held"))
    card_no = _text(32, metadata=_note("卡号", "the printed number"))
    code = fields.String(
        validate=validate.Regexp(r"\A[0-9]{8}\Z"),
        metadata=_note("动态码八位数字", "the digits of a dynamic code for a visit"),
    )
    pin_sealed = _text(
        200,
        metadata=_note(
            "用 pin_key 密封的密码，绑定 `inquiry CARD_NO|0|0|ASKED_AT`",
            "the PIN sealed to `pin_key` of `GET /shift`, bound to `inquiry CARD_NO|0|0|ASKED_AT`",
        ),
    )
    asked_at = _text(40, metadata=_note("密封密码的时间，带时差", "the moment of sealing, with its offset"))

    @validates_schema
    def _one_way(self, data: dict[str, Any], **_: Any) -> None:
        if set(data) - {"limit"} not in WAYS_TO_SHOW:
            ways = " | ".join("+".join(sorted(way)) for way in WAYS_TO_SHOW)
            raise ValidationError(ways, "token")


WAYS_TO_SHOW = ({"token"}, {"card_no", "code"}, {"card_no", "pin_sealed", "asked_at"})


class MovementInquiry(CardShown):
    limit = fields.Integer(strict=True, load_default=10, validate=validate.Range(1, 50))


class Lapsing(Schema):
    fen = fields.Integer()
    until = fields.String(metadata=_note("最后一天", "the last day on which it can be spent"))


class NextMonth(Schema):
    month = fields.String()
    fen = fields.Integer(allow_none=True, metadata=_note("尚未核定时为空", "null while nothing is decided"))


class Balance(Schema):
    card_no = fields.String(metadata=_note("卡号末四位", "last four digits"))
    status = fields.String()
    subsidy_fen = fields.Integer(
        metadata=_note("卡内补贴，已到期的不计", "subsidy on the card, without what has lapsed")
    )
    spendable_fen = fields.Integer(
        metadata=_note("其中现在可用（年度上限、冻结）", "of it, what may be spent now: yearly cap, freeze")
    )
    personal_fen = fields.Integer()
    year_left_fen = fields.Integer(
        allow_none=True, metadata=_note("本年还可用补贴", "subsidy that can still be spent this year")
    )
    lapsing = fields.List(
        fields.Nested(Lapsing),
        allow_none=True,
        metadata=_note("长期结转时为空", "null where money carries over for good"),
    )
    next_month = fields.Nested(NextMonth)


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
