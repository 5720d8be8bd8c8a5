"""What the senior says: this was not me, this did not happen; please come."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from flask import Response, request
from sqlalchemy import Connection

from pos_gateway.api.gateway import here
from pos_gateway.card import glance
from pos_gateway.card.frame import blueprint, clean, go, page, said_of, tell, tell_of, typed, typed_digits
from pos_gateway.card.sessions import Visitor, visitor
from settlement.act import begin
from settlement.cards import book
from settlement.db import reading
from settlement.outcomes import Reason, Refused
from settlement.periods import Month, local_date
from settlement.policy.store import in_force
from settlement.policy.tariff import Price, prices_in_force
from settlement.supervision import complaints
from settlement.supervision.complaints import KINDS
from settlement.visits import bookings

DAYS_SHOWN, DEBIT_ID = 7, 64
AT_HOME = "home_visit"
"""What can be asked for: service at home. A meal hatch is walked to."""


# -- complaints ---------------------------------------------------------------------------------------------------------------
@blueprint.get("/card/complaint")
def complaint() -> Response:
    """``?debit``: the line it is about; without, the service in general."""
    return _complaint_page(clean(request.args.get("debit", ""), DEBIT_ID))


def _complaint_page(debit_id: str, refused: Refused | None = None) -> Response:
    line, stops = None, False
    if debit_id:
        with reading(here().engine) as conn:
            line = glance.one_line(conn, visitor(), debit_id)
            if line is None:
                raise Refused(Reason.NOT_FOUND, what="debit")
            stops = _stops_payment(conn, visitor(), line)
    # Of the service in general nobody can say that it was not them.
    kinds = KINDS if line else {code: kind for code, kind in KINDS.items() if not kind.disputes or code == "goods"}
    wrong = None if refused is None else said_of(refused)
    status = 200 if refused is None else refused.reason.words.http
    return page("complaint", status, line=line, stops=stops, kinds=kinds, given=request.form, wrong=wrong)


def _stops_payment(conn: Connection, who: Visitor, line: glance.Line) -> bool:
    """Whether a complaint made now keeps the provider from being paid. Days count from the visit here, never from later, so that nothing is
    promised that is not kept."""
    scheme = in_force(conn, book.get(conn, who.card_id).scheme_code, Month.of(line.at))
    return line.unpaid and here().now() <= line.at + timedelta(days=scheme.door.offline.objection_days)


@blueprint.post("/card/complaint")
def complain() -> Response:
    gateway, who, debit_id = here(), visitor(), typed("debit", DEBIT_ID)
    subject = f"debit:{debit_id}" if debit_id else "service"
    try:
        with begin(gateway.engine, who.actor, gateway.now()) as act:
            words = typed("words", complaints.LONGEST)
            number = complaints.open_(act, who.senior_id, subject, request.form.get("kind", ""), words)
    except Refused as refused:
        if refused.reason is Reason.NOT_FOUND:
            raise
        return _complaint_page(debit_id, refused)
    tell(
        f"已收到，编号 {number}。镇里会核实并答复您。",
        f"We have it: number {number}. The town looks into it and answers you.",
    )
    return go("home")


@blueprint.post("/card/complaint/withdraw")
def withdraw_complaint() -> Response:
    gateway, who = here(), visitor()
    try:
        with begin(gateway.engine, who.actor, gateway.now()) as act:
            complaints.decide(act, _number(), "withdrawn", "在本人页面撤回 taken back on the own page")
    except Refused as refused:
        tell_of(refused)
    else:
        tell("已撤回。", "Taken back.")
    return go("home")


# -- bookings -----------------------------------------------------------------------------------------------------------------
@blueprint.get("/card/booking")
def booking() -> Response:
    """What can be asked for, and for when."""
    return _booking_page()


def _booking_page(refused: Refused | None = None) -> Response:
    gateway, who = here(), visitor()
    today = local_date(gateway.now())
    with reading(gateway.engine) as conn:
        sold = _sold(conn, who, gateway.now())
    days = [today + timedelta(days=ahead) for ahead in range(1, DAYS_SHOWN + 1)]
    wrong = None if refused is None else said_of(refused)
    status = 200 if refused is None else refused.reason.words.http
    return page("booking", status, sold=sold, days=days, given=request.form, wrong=wrong)


def _sold(conn: Connection, who: Visitor, now: datetime) -> Mapping[tuple[str, str], list[Price]]:
    """What the scheme's price list has for the home, by category with its words, in the notice's order."""
    card = book.get(conn, who.card_id)
    scheme = in_force(conn, card.scheme_code, Month.of(now))
    prices = prices_in_force(conn, scheme.code, 0, local_date(now, scheme.time_zone)).values()
    at_home = [price for price in prices if price.evidence_kind == AT_HOME]
    by_category = {
        (each.name_zh, each.name_en): [price for price in at_home if price.category == each.code]
        for each in scheme.purchases.categories
    }
    return {words: found for words, found in by_category.items() if found}


@blueprint.post("/card/booking")
def ask() -> Response:
    gateway, who = here(), visitor()
    try:
        with begin(gateway.engine, who.actor, gateway.now()) as act:
            items = request.form.getlist("item")[: bookings.MOST_ITEMS + 1]
            number = bookings.ask(act, who.senior_id, items, typed("words", bookings.LONGEST), _day())
    except Refused as refused:
        return _booking_page(refused)
    tell(
        f"已收到预约，编号 {number}。安排好了会告诉您。",
        f"We have your request: number {number}. You are told when it is planned.",
    )
    return go("home")


def _day() -> date | None:
    wished = request.form.get("day", "")
    try:
        return date.fromisoformat(wished) if wished else None
    except ValueError:
        raise Refused(Reason.BAD_INPUT, detail="日期 day") from None


@blueprint.post("/card/booking/withdraw")
def withdraw_booking() -> Response:
    gateway, who = here(), visitor()
    try:
        with begin(gateway.engine, who.actor, gateway.now()) as act:
            bookings.withdraw(act, _number())
    except Refused as refused:
        tell_of(refused)
    else:
        tell("预约已撤回。", "The request is taken back.")
    return go("home")


def _number() -> int:
    """Which one is meant; whose it is, the domain checks."""
    return int(typed_digits("number")[:15] or 0)
