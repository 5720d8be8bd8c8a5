"""What a senior asks at the door: how much is left, what was taken. The card's code comes in the body, never in an
address."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from flask import Response, json
from sqlalchemy import Connection

from pos_gateway.api.access import calling_device, passage
from pos_gateway.api.blueprint import StrictBlueprint
from pos_gateway.api.gateway import here
from pos_gateway.api.schemas import Balance, CardToken, MovementInquiry, Movements
from settlement.act import begin
from settlement.cards import inquiry, media, token
from settlement.cards.token import Medium
from settlement.db import reading
from settlement.outcomes import Declined, Refused
from settlement.periods import SHANGHAI, Month
from settlement.policy.store import in_force
from settlement.visits import movements as card_movements
from settlement.visits.signed_event import moment
from settlement.vouchers import cap

blueprint = StrictBlueprint("cards", __name__, description="卡片查询 Card inquiries")


@blueprint.route("/balance-inquiries", methods=["POST"])
@blueprint.arguments(CardToken)
@blueprint.response(200, Balance)
def balance(data: dict[str, Any]) -> Response:
    """查询余额 Ask for the balance

    卡内补贴和个人账户余额、本年还可用的补贴。Both purses, and the subsidy that can still be spent this year.
    """
    now = here().now()
    with reading(here().engine) as conn:
        medium = _read(conn, data["token"])
        left = inquiry.purses(conn, medium.card_id)
        year_left = _year_left(conn, medium, now)
    shown: dict[str, Any] = {"card_no": media.masked(medium.card_no), "status": medium.status}
    shown |= {"subsidy_fen": left.subsidy, "personal_fen": left.personal, "year_left_fen": year_left}
    return _answer("balance", medium, shown)


@blueprint.route("/movement-inquiries", methods=["POST"])
@blueprint.arguments(MovementInquiry)
@blueprint.response(200, Movements)
def movements(data: dict[str, Any]) -> Response:
    """查询最近收支 Ask for the last movements

    最新的在前，扣款和退回列出项目。Newest first; at most 50; what was bought stands with a debit and what took it back.
    """
    with reading(here().engine) as conn:
        medium = _read(conn, data["token"])
        found = card_movements.last(conn, medium.card_id, data["limit"])
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
    return _answer("movements", medium, {"movements": listed})


def _year_left(conn: Connection, medium: Medium, now: datetime) -> int | None:
    """Subsidy that can still be spent this calendar year; None where the scheme has no yearly cap."""
    scheme = in_force(conn, medium.scheme_code, Month.of(now))
    if not scheme.purses.yearly_cap.applies:
        return None
    return cap.remaining(conn, medium.card_id, now.astimezone(scheme.time_zone).year)


def _read(conn: Connection, code: str) -> Medium:
    """The card whose code was scanned. Raises Refused with the reason why the code does not count."""
    calling_device()
    medium = token.read(conn, here().config.ring, code, here().now())
    if isinstance(medium, Declined):
        raise Refused(medium.reason)
    return medium


def _answer(asked: str, medium: Medium, body: dict[str, Any]) -> Response:
    """The answer, and a line in the audit trail of who asked: a code can be photographed, and what it shows is the senior's own."""
    with begin(here().engine, passage().actor, here().now()) as act:
        act.audit(f"card.ask_{asked}", f"card:{medium.card_id}")
    passage().keep = True
    return Response(json.dumps(body), mimetype="application/json")
