"""A caregiver's working day: the bundle for working without signal, shifts on shared phones, the own month, what a debit would take."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response, json
from sqlalchemy import Connection, select

from pos_gateway.api import problems
from pos_gateway.api.access import acting, calling_device, note, passage
from pos_gateway.api.blueprint import IDEMPOTENCY_HEADER, StrictBlueprint
from pos_gateway.api.gateway import here
from pos_gateway.api.shift_schemas import (
    Bundle,
    DebitQuote,
    MonthQuery,
    OwnMonth,
    QuoteRequest,
    Shift,
    ShiftEnd,
    ShiftEnded,
    ShiftRequest,
)
from settlement.db import reading
from settlement.outcomes import Declined, Reason, Refused
from settlement.periods import SHANGHAI, Month
from settlement.providers import shifts
from settlement.providers.tables import caregivers, devices, providers
from settlement.visits import day, own_month, quoting
from settlement.visits.dispatch import VISIT_ID_LENGTH
from settlement.visits.signed_event import moment

blueprint = StrictBlueprint("shift", __name__, description="上班 A caregiver's working day")

HASH_LENGTH = 64


@blueprint.route("/shift", methods=["GET"])
@blueprint.response(200, Bundle)
def today() -> Response:
    """今天的全部资料 Everything for today

    离线工作所需：工单（含地址、电话）、价目表、规则和用语、密码加密公钥、本设备事件链的位置。Orders with address and telephone, the price list, rules and
    words, the key that PINs are sealed to, and how far the device's chain of events has come. Every fetch is written down. On a
    shared phone the orders are those of whoever has a shift on it; a terminal, which goes to nobody's home, is told of none.
    """
    now, device, ring = here().now(), calling_device(), here().config.ring
    on = now.astimezone(SHANGHAI).date()
    with reading(here().engine) as conn:
        who = _caregiver(conn, now)
        scheme = day.scheme_of(conn, device.provider_id, on)
        planned = day.orders(conn, ring, device.provider_id, who.id, on) if who else []
        body: dict[str, Any] = {"day": on.isoformat(), "server_time": moment(now.astimezone(SHANGHAI))}
        body |= {"caregiver": who and {"staff_no": who.staff_no, "name": who.name}}
        body |= {"provider": _provider(conn, device.provider_id), "orders": planned}
        body |= {"begun_elsewhere": day.begun_elsewhere(conn, device.id, who.id, now) if who else []}
        body |= {
            "prices": day.prices(conn, scheme, device.provider_id, on),
            "terms": day.terms(conn, ring, scheme, device.provider_id),
        }
        head = conn.execute(select(devices.c.last_counter, devices.c.last_hash).where(devices.c.id == device.id)).one()
    body |= {"head": {"counter": head.last_counter, "hash": head.last_hash}}
    with acting() as act:
        shown = [order["order_id"] for order in planned]
        begun = [one["visit_id"] for one in body["begun_elsewhere"]]
        told = {"caregiver_id": who and who.id, "orders": shown, "visits": begun}
        act.audit("shift.fetch", f"device:{device.id}", after=told)
    return _answer(body)


def _caregiver(conn: Connection, now: datetime) -> Any:
    """Whose day it is: the device's own caregiver, or who has a shift on a shared phone; None for nobody."""
    device = calling_device()
    id = device.caregiver_id or (shifts.now_working(conn, device.id, now) if shifts.needed(device) else None)
    return None if id is None else conn.execute(select(caregivers).where(caregivers.c.id == id)).one()


def _provider(conn: Connection, provider_id: int) -> dict[str, Any]:
    row = conn.execute(select(providers.c.code, providers.c.name).where(providers.c.id == provider_id)).one()
    return {"code": row.code, "name": row.name}


@blueprint.route("/shifts", methods=["POST"])
@blueprint.doc(parameters=[IDEMPOTENCY_HEADER])
@blueprint.arguments(ShiftRequest)
@blueprint.response(201, Shift)
def begin(data: dict[str, Any]) -> Response:
    """共用手机登记上班 Begin a shift on a shared phone

    扫工作证或输入工号，加工作密码；12 小时内有效，之前的班次随即结束。The badge's code or the staff number, and the staff PIN. It lasts twelve
    hours; the shift before it on this device ends.
    """
    if ("badge" in data) == ("staff_no" in data):
        raise Refused(Reason.BAD_INPUT, detail="badge / staff_no")
    with acting() as act:
        opened = shifts.open_(act, here().config.ring, calling_device(), **data)
    passage().keep = True
    if isinstance(opened, Declined):  # kept all the same: a wrong PIN counts
        note(opened.reason)
        return problems.problem(opened.reason, opened.details)
    body = {"shift_id": opened.id, "caregiver": {"staff_no": opened.staff_no, "name": opened.name}}
    body |= {"opened_at": _local(opened.opened_at), "until": _local(opened.until), "server_time": _local(here().now())}
    return _answer(body, 201)


@blueprint.route("/shift-ends", methods=["POST"])
@blueprint.doc(parameters=[IDEMPOTENCY_HEADER])
@blueprint.arguments(ShiftEnd)
@blueprint.response(200, ShiftEnded)
def end(data: dict[str, Any]) -> Response:
    """下班 End a shift

    没有信号时结束的班次可以晚些上报，`ended_at` 写明结束时间。One that was ended without signal may be told later; `ended_at` says when it was.
    """
    try:
        ended_at = datetime.fromisoformat(data["ended_at"])
        if ended_at.tzinfo is None:
            raise ValueError("offset")
    except ValueError:
        raise Refused(Reason.BAD_INPUT, detail="ended_at") from None
    with acting() as act:
        shifts.end(act, calling_device().id, data["shift_id"], ended_at)
    return _answer({"shift_id": data["shift_id"]})


@blueprint.route("/my-month", methods=["GET"])
@blueprint.arguments(MonthQuery, location="query")
@blueprint.response(200, OwnMonth)
def month(data: dict[str, Any]) -> Response:
    """我的一个月 One's own month

    服务次数、时长、废单和原因。Visits, time, and what was void and why; of the device's caregiver, or of whoever has a shift on a shared phone.
    """
    try:
        asked = Month.parse(data["month"])
    except ValueError:
        raise Refused(Reason.BAD_INPUT, detail="month: 2026-07") from None
    with reading(here().engine) as conn:
        who = _caregiver(conn, here().now())
        if who is None:
            raise Refused(Reason.SHIFT_NOT_OPEN)
        body = own_month.of(conn, who.id, asked)
    return _answer(body)


@blueprint.route("/debit-quotes", methods=["POST"])
@blueprint.arguments(QuoteRequest)
@blueprint.response(200, DebitQuote)
def quote(data: dict[str, Any]) -> Response:
    """扣款预览 What a debit would take

    已签退的一次服务：补贴付多少、个人付多少、还差多少、扣后余额。Of a visit that is checked out: what subsidy pays, what own money, what is
    missing, and what is left afterwards. Nothing is reserved. `visit` as in a debit.
    """
    named, device = data["visit"], calling_device()
    visit_id = named[:VISIT_ID_LENGTH] if len(named) == HASH_LENGTH else named
    with reading(here().engine) as conn:
        who = _caregiver(conn, here().now())
        if who is None and shifts.needed(device):
            raise Refused(Reason.SHIFT_NOT_OPEN)
        found = quoting.quote(conn, visit_id, device.provider_id, who and who.id)
    with acting() as act:
        act.audit("card.ask_quote", f"visit:{visit_id}")
    return _answer(vars(found))


def _local(at: datetime) -> str:
    return moment(at.astimezone(SHANGHAI))


def _answer(body: dict[str, Any], status: int = 200) -> Response:
    passage().keep = True
    return Response(json.dumps(body), status=status, mimetype="application/json")
