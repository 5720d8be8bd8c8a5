"""What a senior asks at the door, a self-service terminal or a call centre: how much is left, what was taken. What shows the card comes in the
body, never in an address."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from flask import Response, json, request

from pos_gateway import security_log
from pos_gateway.api.access import calling_device, passage
from pos_gateway.api.blueprint import StrictBlueprint
from pos_gateway.api.gateway import here
from pos_gateway.api.schemas import Balance, CardShown, MovementInquiry, Movements
from pos_gateway.security_log import Attempt
from settlement.act import begin
from settlement.cards import book, media, sealed_pin
from settlement.db import reading
from settlement.outcomes import Declined, Reason, Refused
from settlement.periods import SHANGHAI
from settlement.visits import movements as card_movements
from settlement.visits import shown
from settlement.visits.shown import Shown
from settlement.visits.signed_event import moment
from settlement.vouchers import outlook
from settlement.vouchers.outlook import Outlook

blueprint = StrictBlueprint("cards", __name__, description="卡片查询 Card inquiries")

GUESSES = (Reason.CODE_UNKNOWN, Reason.PIN_WRONG, Reason.PIN_LOCKED)
WITHIN = timedelta(minutes=10)
MOST = 20
"""Wrong numbers and PINs of one device within that time, whatever cards they were for: each card's five tries are no hindrance to who has all numbers."""


@blueprint.route("/balance-inquiries", methods=["POST"])
@blueprint.arguments(CardShown)
@blueprint.response(200, Balance)
def balance(data: dict[str, Any]) -> Response:
    """查询余额 Ask for the balance

    卡内补贴和个人账户余额、何时到期、本年还可用的补贴、下月补贴。设备扫卡，或由持卡人给出卡号和动态码（或密码）：自助终端、电话客服也用它。
    Both purses, what lapses when, what can still be spent this year, next month's amount. The device scans the card, or its holder gives the
    printed number and a dynamic code or the PIN: self-service terminals and call centres ask here too.
    """
    card_id = _card(data, "balance")
    with reading(here().engine) as conn:
        card = book.get(conn, card_id)
        stands = outlook.of(conn, card, here().now())
        medium = book.live_medium(conn, card_id)
    said: dict[str, Any] = {"card_no": media.masked(medium.card_no) if medium else "", "status": card.status}
    said |= {"subsidy_fen": stands.subsidy, "spendable_fen": stands.spendable, "personal_fen": stands.personal}
    said |= {"year_left_fen": stands.year_left, "lapsing": _lapsing(stands)}
    said |= {"next_month": {"month": str(stands.next_month), "fen": stands.next_fen}}
    return _answer(said)


def _lapsing(stands: Outlook) -> list[dict[str, Any]] | None:
    if stands.lapsing is None:
        return None
    return [{"fen": each.fen, "until": each.until.isoformat()} for each in stands.lapsing]


@blueprint.route("/movement-inquiries", methods=["POST"])
@blueprint.arguments(MovementInquiry)
@blueprint.response(200, Movements)
def movements(data: dict[str, Any]) -> Response:
    """查询最近收支 Ask for the last movements

    最新的在前，扣款和退回列出项目。Newest first; at most 50; what was bought stands with a debit and what took it back.
    """
    card_id = _card(data, "movements")
    with reading(here().engine) as conn:
        found = card_movements.last(conn, card_id, data["limit"])
    listed = [
        {
            "occurred_at": moment(one.movement.occurred_at.astimezone(SHANGHAI)),
            "kind": one.movement.code,
            "subsidy_fen": one.movement.subsidy,
            "personal_fen": one.movement.personal,
            "cash_fen": one.cash_fen,
            "provider": one.movement.provider,
            "items": [asdict(item) for item in one.items],
        }
        for one in found
    ]
    return _answer({"movements": listed})


def _card(data: dict[str, Any], about: str) -> int:
    """Whose card was shown; who asked about what goes into the audit trail: a code can be photographed, and what it shows is the senior's own.

    Raises Refused with the reason why it does not count; wrong tries have been counted by then.
    """
    gateway, now = here(), here().now()
    if "pin_sealed" in data:
        _check_guessing(now)
    what = Shown(card_no=data.get("card_no"), code=data.get("token") or data.get("code"), pin=_pin(data, now))
    with reading(gateway.engine) as conn:
        what = shown.tried(conn, gateway.config.ring, what, now)
    with begin(gateway.engine, passage().actor, now) as act:
        card = shown.read(act.conn, gateway.config.ring, what)
        answer = shown.ask(act, gateway.config.ring, what, now, passage().content, about)
    for refusal in (card, answer):
        if isinstance(refusal, Declined):
            if "pin_sealed" in data and refusal.reason in GUESSES:
                route = request.url_rule.rule if request.url_rule else ""
                attempt = Attempt(_guesser(), refusal.reason, route, calling_device().id)
                security_log.record(gateway.engine, attempt, now, enrolled=True)
            raise Refused(refusal.reason, **refusal.details)
    return card.card_id  # type: ignore[union-attr]  # a Declined was raised


def _check_guessing(now: datetime) -> None:
    """Raise Refused(TOO_MANY_ATTEMPTS) for a device that was wrong too often."""
    with reading(here().engine) as conn:
        wrong = sum(security_log.failures(conn, _guesser(), reason, now - WITHIN) for reason in GUESSES)
    if wrong >= MOST:
        raise Refused(Reason.TOO_MANY_ATTEMPTS, minutes=WITHIN // timedelta(minutes=1))


def _guesser() -> str:
    return security_log.source_of(f"device:{calling_device().id}", here().config.ring)


def _pin(data: dict[str, Any], now: datetime) -> str | None:
    """The PIN, sealed for this number and this moment. Raises Refused: BAD_INPUT for what does not open, REQUEST_STALE."""
    if "pin_sealed" not in data:
        return None
    try:
        asked_at = datetime.fromisoformat(data["asked_at"]).astimezone(SHANGHAI)
    except (ValueError, OverflowError):
        raise Refused(Reason.BAD_INPUT, detail="asked_at") from None
    if abs(asked_at - now) > here().config.window:
        raise Refused(Reason.REQUEST_STALE)
    bound = sealed_pin.bound(f"inquiry {data['card_no']}", 0, 0, data["asked_at"])
    pin = sealed_pin.open_(here().config.ring, data["pin_sealed"], bound)
    if pin is None:
        raise Refused(Reason.BAD_INPUT, detail="pin_sealed")
    return pin


def _answer(body: dict[str, Any]) -> Response:
    passage().keep = True
    return Response(json.dumps(body), mimetype="application/json")
