"""The one page that says everything at a glance, and the answer to a debit that waits for one."""

from __future__ import annotations

from typing import Any, cast

from flask import Response, request

from pos_gateway.api.gateway import here
from pos_gateway.card import glance
from pos_gateway.card.frame import blueprint, go, page, tell, tell_of, typed
from pos_gateway.card.sessions import visitor
from settlement.act import begin
from settlement.db import reading
from settlement.outcomes import Refused
from settlement.supervision import complaints
from settlement.visits import confirming
from settlement.visits.confirming import By, Said
from settlement.visits.words import BOOKING_DECLINES, BOOKING_STATUS

SHOWN, ALL = 6, 60
WORDS: dict[str, Any] = {
    "complaint_kinds": complaints.KINDS,
    "complaint_status": complaints.STATUS,
    "complaint_remedies": complaints.REMEDIES,
    "booking_status": BOOKING_STATUS,
    "booking_declines": BOOKING_DECLINES,
}


@blueprint.get("/card/home")
def home() -> Response:
    """What is left, until when, what was taken, what comes next. ``?all``: further back."""
    gateway, who = here(), visitor()
    limit = ALL if "all" in request.args else SHOWN
    with reading(gateway.engine) as conn:
        seen = glance.of(conn, gateway.config.ring, who, gateway.now(), limit)
    return page("home", seen=seen, all=limit == ALL, now=gateway.now(), **WORDS)


@blueprint.post("/card/confirm")
def confirm() -> Response:
    """Yes or no to a debit that rests on the agent's word. A no keeps it out of payment until somebody has looked."""
    gateway, who = here(), visitor()
    answer = request.form.get("answer", "")
    by: By = "holder" if who.agent_id is None else "agent"
    try:
        with begin(gateway.engine, who.actor, gateway.now()) as act:
            confirming.confirm(act, typed("debit", 64), by, cast(Said, answer), card_id=who.card_id)
    except Refused as refused:
        tell_of(refused)
        return go("home")
    if answer == "yes":
        tell("已确认，谢谢。", "Confirmed, thank you.")
        return go("home")
    tell(
        "已记下：您不同意这笔扣款。核实之前不会付给服务商。请再告诉我们是怎么回事。",
        "Noted: you do not agree. The provider is not paid before somebody has looked. Please tell us what happened.",
    )
    return go("complaint", debit=typed("debit", 64))
