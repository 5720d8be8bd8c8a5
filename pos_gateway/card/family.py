"""Agents: whom the senior lets look, ask and agree. Only the senior appoints, with card and PIN; either may end it."""

from __future__ import annotations

from flask import Response, request

from pos_gateway.api.gateway import here
from pos_gateway.card import limits
from pos_gateway.card.frame import blueprint, go, page, said_of, tell, tell_of, typed, typed_digits
from pos_gateway.card.sessions import visitor
from settlement.act import begin
from settlement.cards import pin
from settlement.db import reading
from settlement.outcomes import Declined, Reason, Refused
from settlement.people import agents
from settlement.people.identity import mask_phone

NAME, PHONE = 80, 30


@blueprint.get("/card/family")
def family() -> Response:
    """Who may act for the senior."""
    return _family_page()


def _family_page(refused: Declined | Refused | None = None) -> Response:
    gateway, who = here(), visitor()
    with reading(gateway.engine) as conn:
        found = agents.of(conn, gateway.config.ring, who.senior_id)
        has_pin = pin.is_set(conn, who.card_id)
    shown = [(agent, mask_phone(agent.phone), agents.RELATIONS[agent.relation]) for agent in found]
    wrong = None if refused is None else said_of(refused)
    status = 200 if refused is None else refused.reason.words.http
    return page(
        "family",
        status,
        agents=shown,
        relations=agents.RELATIONS,
        has_pin=has_pin,
        full=len(found) >= agents.MOST,
        given=request.form,
        wrong=wrong,
    )


@blueprint.post("/card/family")
def appoint() -> Response:
    """The PIN once more: the page may have been left open, and this gives somebody else a way in."""
    limits.check()
    gateway, who = here(), visitor()
    if who.agent_id is not None:
        raise Refused(Reason.NOT_ALLOWED)
    with reading(gateway.engine) as conn:
        tried = pin.attempt(conn, gateway.config.ring, who.card_id, typed_digits("pin"), at=gateway.now())
    with begin(gateway.engine, who.actor, gateway.now()) as act:
        wrong = pin.count(act, tried)
    if wrong is not None:
        limits.count(wrong.reason)
        return _family_page(wrong)
    try:
        with begin(gateway.engine, who.actor, gateway.now()) as act:
            name, phone, relation = typed("name", NAME), typed("phone", PHONE), request.form.get("relation", "")
            agents.appoint(act, gateway.config.ring, who.senior_id, name, phone, relation, "card_pin")
    except Refused as refused:
        return _family_page(refused)
    tell("登记好了。要取消，随时可以在这里取消。", "Done. You can end it here at any time.")
    return go("family")


@blueprint.post("/card/family/end")
def end_agent() -> Response:
    """The senior ends an agent's right, or the agent gives it up: both take effect at once, in pages that are open too."""
    gateway, who = here(), visitor()
    try:
        with begin(gateway.engine, who.actor, gateway.now()) as act:
            number = int(typed_digits("number")[:15] or 0)
            agents.withdraw(act, number, "在本人页面取消 ended on the own page")
    except Refused as refused:
        tell_of(refused)
    else:
        tell("已取消，这位代理人不能再查看或办理。", "Ended: this agent can no longer look or act.")
    return go("family")
