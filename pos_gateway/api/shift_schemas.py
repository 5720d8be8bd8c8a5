"""What the operations of a working day take and answer."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from pos_gateway.api.schemas import Order, _note, _text


class Person(Schema):
    staff_no = fields.String(metadata=_note("工号", "staff number"))
    name = fields.String()


class Employer(Schema):
    code = fields.String(metadata=_note("统一社会信用代码", "unified social credit code"))
    name = fields.String()


class OrderWithAddress(Order):
    """``caregiver`` is left out: the orders are one's own, or nobody's yet."""

    class Meta:
        exclude = ("caregiver",)

    address = fields.String(allow_none=True)
    phone = fields.String(allow_none=True)
    latitude_e7 = fields.Integer(
        allow_none=True, metadata=_note("登记住址，1e-7 度", "registered address, 1e-7 degrees")
    )
    longitude_e7 = fields.Integer(allow_none=True)
    emergency_name = fields.String(allow_none=True, metadata=_note("紧急联系人", "who to call in an emergency"))
    emergency_phone = fields.String(allow_none=True)


class PriceOfItem(Schema):
    item_code = fields.String()
    name_zh = fields.String()
    name_en = fields.String()
    unit_zh = fields.String()
    price_fen = fields.Integer()
    min_minutes = fields.Integer(metadata=_note("该项目最少分钟", "least minutes of this item"))
    subsidised = fields.Boolean()
    evidence_kind = fields.String()
    together = fields.Boolean(metadata=_note("可两人同时服务", "may be given beside another visit"))


class Named(Schema):
    code = fields.String()
    zh = fields.String()
    en = fields.String()


class ReadMethod(Named):
    accepted = fields.String(metadata=_note("accepted、flagged 或 refused", "accepted, flagged or refused"))
    strength = fields.String()


class ConsentMethod(Named):
    up_to_fen = fields.Integer(allow_none=True, metadata=_note("最多可扣", "enough for so much; null: any amount"))


class OfflineLimits(Schema):
    up_to_fen = fields.Integer()
    oldest_days = fields.Integer()
    clock_off_minutes = fields.Integer()
    card_day_fen = fields.Integer(allow_none=True)
    queued_debits = fields.Integer(allow_none=True)


class Reasons(Schema):
    out = fields.List(fields.Nested(Named))
    take_back = fields.List(fields.Nested(Named))
    not_served = fields.List(fields.Nested(Named))
    void = fields.List(fields.Nested(Named))


class Helper(Schema):
    zh = fields.String()
    en = fields.String()
    phone = fields.String()


class Terms(Schema):
    minimum_minutes = fields.Integer()
    methods = fields.List(fields.Nested(ReadMethod))
    consents = fields.List(fields.Nested(ConsentMethod), metadata=_note("由强到弱", "strongest first"))
    offline = fields.Nested(OfflineLimits)
    reasons = fields.Nested(Reasons)
    pin_key = fields.Dict(keys=fields.String(), metadata=_note("密码加密公钥", "JSON Web Key that PINs are sealed to"))
    call = fields.List(fields.Nested(Helper))


class Head(Schema):
    counter = fields.Integer()
    hash = fields.String()


class VisitBegun(Schema):
    visit_id = fields.String()
    order_id = fields.String(allow_none=True)
    senior = fields.String()
    check_in_at = fields.String()
    items = fields.List(fields.String())


class Bundle(Schema):
    day = fields.String()
    server_time = fields.String()
    caregiver = fields.Nested(Person, allow_none=True)
    provider = fields.Nested(Employer)
    orders = fields.List(fields.Nested(OrderWithAddress))
    begun_elsewhere = fields.List(
        fields.Nested(VisitBegun),
        metadata=_note(
            "本人在另一台设备上签到、尚未签退的服务",
            "one's own visits that another device began and nobody checked out of",
        ),
    )
    prices = fields.List(fields.Nested(PriceOfItem))
    terms = fields.Nested(Terms)
    head = fields.Nested(Head, metadata=_note("服务器收到的最后一个事件", "the last event that the server has"))


class ShiftRequest(Schema):
    """Either ``badge``, what its code says, or ``staff_no``."""

    badge = _text(400)
    staff_no = _text(40)
    pin = _text(12, required=True)


class Shift(Schema):
    shift_id = fields.String()
    caregiver = fields.Nested(Person)
    opened_at = fields.String()
    until = fields.String()
    server_time = fields.String()


class ShiftEnd(Schema):
    shift_id = _text(32, required=True)
    ended_at = _text(40, required=True)


class ShiftEnded(Schema):
    shift_id = fields.String()


class MonthQuery(Schema):
    month = fields.String(required=True, validate=validate.Length(7, 7))


class OwnVisit(Schema):
    visit_id = fields.String()
    order_id = fields.String(allow_none=True)
    senior = fields.String()
    check_in_at = fields.String()
    seconds = fields.Integer(allow_none=True)
    status = fields.String()
    status_zh = fields.String()
    status_en = fields.String()
    void_zh = fields.String(allow_none=True)
    void_en = fields.String(allow_none=True)
    total_fen = fields.Integer()
    debited = fields.Boolean()


class OwnMonth(Schema):
    month = fields.String()
    orders = fields.Integer()
    visits = fields.Integer()
    seconds = fields.Integer()
    total_fen = fields.Integer()
    void = fields.Integer()
    list = fields.List(fields.Nested(OwnVisit))


class QuoteRequest(Schema):
    visit = _text(64, required=True)


class DebitQuote(Schema):
    visit_id = fields.String()
    total_fen = fields.Integer()
    subsidy_fen = fields.Integer()
    personal_fen = fields.Integer()
    shortfall_fen = fields.Integer(metadata=_note("卡上不够的部分", "what the card does not have"))
    subsidy_left_fen = fields.Integer(metadata=_note("扣后", "afterwards"))
    personal_left_fen = fields.Integer()
    year_left_fen = fields.Integer(allow_none=True)
