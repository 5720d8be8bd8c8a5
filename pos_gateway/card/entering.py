"""The way in: the card's code, then a second thing that only the holder or an agent has; and the way out."""

from __future__ import annotations

from flask import Response, jsonify, request, url_for

from pos_gateway.api.gateway import here
from pos_gateway.card import limits, one_time, sessions
from pos_gateway.card.frame import TEXT_COOKIE, TEXT_SIZES, blueprint, go, page, tell, tell_of, typed, typed_digits
from pos_gateway.card.sessions import visitor
from settlement.act import SYSTEM, begin
from settlement.cards import pin, token
from settlement.db import reading
from settlement.messages import outbox
from settlement.outcomes import Declined, Reason, Refused
from settlement.people.scope import holder

A_YEAR = 365 * 24 * 3600
LONGEST_CODE = 400
CODE_DIGITS = 6


@blueprint.get("/card")
def arrive() -> Response:
    """Where a card's QR leads. Its code stands behind the ``#``, which only a script of the page can read and hand in."""
    return page("arrive", over="over" in request.args)


@blueprint.get("/door")
def plate() -> Response:
    """Where a door plate's QR leads when a passer-by scans it: what it is, and nothing about who lives there."""
    return page("plate")


@blueprint.post("/card/scan")
def scan() -> Response:
    """The card was read. A code that does not count any more says why, for whoever holds the card should know that."""
    limits.check()
    gateway, now = here(), here().now()
    with reading(gateway.engine) as conn:
        medium = token.read(conn, gateway.config.ring, typed("code", LONGEST_CODE), now)
    if isinstance(medium, Declined):
        limits.count(medium.reason)
        tell_of(medium)
        return go("arrive")
    with begin(gateway.engine, SYSTEM, now) as act:
        held = sessions.begin_scanned(act, medium)
    sessions.hold(held)
    return go("prove")


@blueprint.get("/card/prove")
def prove() -> Response:
    """Which second things there are: the PIN, a code to a telephone on record."""
    gateway, who = here(), visitor()
    with reading(gateway.engine) as conn:
        phones = one_time.phones(conn, gateway.config.ring, who.senior_id)
        code = one_time.sent(conn, who, gateway.now())
        has_pin = pin.is_set(conn, who.card_id)
    to = None if code is None else next((each for each in phones if each.agent_id == code.agent_id), None)
    return page("prove", phones=phones, sent_to=to, has_pin=has_pin, lives=one_time.LIVES)


@blueprint.post("/card/prove/pin")
def prove_pin() -> Response:
    """The PIN proves the senior."""
    limits.check()
    gateway, who = here(), visitor()
    with reading(gateway.engine) as conn:
        # Hashing takes its time, and on SQLite nobody else writes while an act is under way.
        tried = pin.attempt(conn, gateway.config.ring, who.card_id, typed_digits("pin"), at=gateway.now())
    with begin(gateway.engine, holder(who.senior_id), gateway.now()) as act:
        refusal = pin.count(act, tried)
    if refusal is not None:
        return _wrong(refusal)
    return _open(None, "pin")


@blueprint.post("/card/prove/send")
def send_code() -> Response:
    """A code to one of the telephones on record, named by its place in the list."""
    limits.check()
    gateway, who, wanted = here(), visitor(), request.form.get("to", "")
    with begin(gateway.engine, SYSTEM, gateway.now()) as act:
        known = {
            str(phone.agent_id or ""): phone for phone in one_time.phones(act.conn, gateway.config.ring, who.senior_id)
        }
        if wanted not in known:
            raise Refused(Reason.NO_PHONE)
        queued = one_time.send(act, gateway.config.ring, who, known[wanted].agent_id)
    if gateway.config.sender is not None:
        # Somebody is waiting for it: not only when the outbox is emptied the next time.
        outbox.deliver(gateway.engine, gateway.config.ring, gateway.config.sender, gateway.clock, 1, only=queued.id)
    zh, en = f"验证码已发往 {queued.phone}", f"A code is on its way to {queued.phone}"
    tell(zh, en)
    return go("prove")


@blueprint.post("/card/prove/code")
def prove_code() -> Response:
    """The code proves whose telephone it went to."""
    limits.check()
    gateway, who = here(), visitor()
    with begin(gateway.engine, SYSTEM, gateway.now()) as act:
        answer = one_time.check(act, gateway.config.ring, who, typed_digits("code")[:CODE_DIGITS])
    if isinstance(answer, Declined):
        return _wrong(answer)
    return _open(answer, "code")


def _wrong(answer: Declined) -> Response:
    limits.count(answer.reason)
    tell_of(answer)
    return go("prove")


def _open(agent_id: int | None, proof: str) -> Response:
    gateway, who = here(), visitor()
    with begin(gateway.engine, holder(who.senior_id, agent_id), gateway.now()) as act:
        held = sessions.open_page(act, who, agent_id, proof)
    sessions.hold(held)
    return go("home")


@blueprint.post("/card/stay")
def stay() -> Response:
    """Somebody is still there. Every request moves the end of the session on; this one does nothing else."""
    seconds = int((visitor().expires_at - here().now()).total_seconds())
    return jsonify({"seconds": seconds})


@blueprint.post("/card/leave")
def leave() -> Response:
    sessions.leave()
    tell("已退出，别人看不到您的信息了。", "You have left; nobody else sees your page now.")
    return go("arrive")


@blueprint.post("/card/text-size")
def text_size() -> Response:
    """How large the text is, on this device, for a year."""
    size, back = request.form.get("size", ""), request.form.get("back", "")
    pages = {
        url_for(f"card.{name}")
        for name in ("arrive", "prove", "home", "dynamic", "booking", "complaint", "family", "plate")
    }
    response = Response(status=303, headers={"Location": back if back in pages else url_for("card.arrive")})
    if size in TEXT_SIZES:
        response.set_cookie(
            TEXT_COOKIE, size, max_age=A_YEAR, path="/", secure=request.is_secure, samesite="Strict", httponly=False
        )
    return response
