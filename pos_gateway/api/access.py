"""Who may call what: one table that a reader can check, and the check itself, run before every view.

A request passes in one fixed order: its address has a rule; it is signed; the key belongs to a device (or, when a
device enrols, to the request itself); the signature is genuine; it is fresh; a revoked device comes only to hand in
evidence; the nonce was not used for something else; a write names its idempotency key, and a key that was answered
before gets the same answer again. What fails is refused with its own code and leaves one counted row in the security
log, nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from flask import Flask, Response, g, request
from sqlalchemy import Row
from werkzeug.exceptions import RequestEntityTooLarge

from pos_gateway import security_log, store
from pos_gateway.api.gateway import Gateway, here
from pos_gateway.api.problems import of_decline
from pos_gateway.card import sessions
from pos_gateway.http_signatures import (
    Claim,
    Message,
    SignatureMissing,
    SignatureStale,
    SignatureWrong,
    Verified,
    claimed,
    verify,
)
from pos_gateway.security_log import Attempt
from settlement.act import Act, Actor, begin
from settlement.db import glance
from settlement.outcomes import Reason, Refused
from settlement.together import Write, together
from settlement.visits import device_key
from settlement.visits.device_key import PublicKey
from settlement.visits.signed_event import moment


class Caller(Enum):
    """Who is let in: anybody; a new device that proves its key; an enrolled device; whoever scanned a card just now, and its holder or agent,
    whom ``pos_gateway.card`` knows by the session that the card began and a second thing opened."""

    PUBLIC = "public"
    SCANNED = "scanned"
    HOLDER = "holder"
    NEW_KEY = "new key"
    DEVICE = "device"


@dataclass(frozen=True)
class Rule:
    """``scope``: what of the domain the caller may touch; ``revoked``: a revoked device is heard (its events go to
    quarantine); ``guessable``: the body holds a PIN, which a plain digest of the request would give away."""

    caller: Caller
    scope: str = ""
    writes: bool = False
    revoked: bool = False
    guessable: bool = False


_EVIDENCE = Rule(Caller.DEVICE, "events of this device, orders and visits of its provider", writes=True, revoked=True)
_CARD_AT_HAND = Rule(Caller.DEVICE, "the card that was shown, with what proves that its holder is there")
_PAGE = Rule(Caller.PUBLIC)
_TO_PROVE = Rule(Caller.SCANNED, "nothing yet: to prove the second thing for the card that was scanned")
_OWN = Rule(Caller.HOLDER, "the card of the session")

RULES: dict[str, Rule] = {
    "devices.enrol": Rule(Caller.NEW_KEY, "the provider of the one-time code", writes=True),
    "events.upload": _EVIDENCE,
    "events.check_in": _EVIDENCE,
    "events.check_out": _EVIDENCE,
    "events.debit": _EVIDENCE,
    "events.cancellation": _EVIDENCE,
    "events.void": _EVIDENCE,
    "events.not_served": _EVIDENCE,
    "cards.balance": _CARD_AT_HAND,
    "cards.movements": _CARD_AT_HAND,
    "orders.today": Rule(Caller.DEVICE, "orders of its caregiver; of its provider for a shared device"),
    "shift.today": Rule(Caller.DEVICE, "orders of its caregiver, and those that are nobody's yet"),
    "shift.begin": Rule(Caller.DEVICE, "caregivers of its provider", writes=True, guessable=True),
    "shift.end": Rule(Caller.DEVICE, "its own shifts", writes=True),
    "shift.month": Rule(Caller.DEVICE, "its caregiver's own visits"),
    "shift.quote": Rule(Caller.DEVICE, "visits of its caregiver"),
    "api-docs.openapi_json": Rule(Caller.PUBLIC),
    "pages.operations": Rule(Caller.PUBLIC),
    "static": Rule(Caller.PUBLIC),
    "caregiver.static": Rule(Caller.PUBLIC),
    "caregiver.index": Rule(Caller.PUBLIC),
    "caregiver.manifest": Rule(Caller.PUBLIC),
    "caregiver.worker": Rule(Caller.PUBLIC),
    "card.static": Rule(Caller.PUBLIC),
    "card.arrive": _PAGE,
    "card.scan": _PAGE,
    "card.text_size": _PAGE,
    "card.plate": _PAGE,
    "card.prove": _TO_PROVE,
    "card.prove_pin": _TO_PROVE,
    "card.send_code": _TO_PROVE,
    "card.prove_code": _TO_PROVE,
    "card.home": _OWN,
    "card.stay": _OWN,
    "card.leave": _OWN,
    "card.confirm": _OWN,
    "card.dynamic": _OWN,
    "card.make_dynamic": _OWN,
    "card.complaint": _OWN,
    "card.complain": _OWN,
    "card.withdraw_complaint": _OWN,
    "card.booking": _OWN,
    "card.ask": _OWN,
    "card.withdraw_booking": _OWN,
    "card.family": _OWN,
    "card.appoint": _OWN,
    "card.end_agent": _OWN,
}
"""Endpoint -> rule. An address that is not listed is refused, and a test fails on it."""

LOGGED = frozenset(
    {
        Reason.REQUEST_UNSIGNED,
        Reason.DEVICE_UNKNOWN,
        Reason.REQUEST_SIGNATURE_WRONG,
        Reason.REQUEST_STALE,
        Reason.NONCE_REUSED,
        Reason.DEVICE_REVOKED,
        Reason.OTHER_PROVIDERS_ORDER,
        Reason.EVENT_SIGNATURE_WRONG,
        Reason.EVENT_OF_OTHER_DEVICE,
        Reason.ENROLMENT_CODE_INVALID,
        Reason.BADGE_UNKNOWN,
        Reason.STAFF_PIN_WRONG,
        Reason.STAFF_PIN_LOCKED,
        Reason.TOO_MANY_ATTEMPTS,
    }
)
"""Refusals that go to the security log."""

CONTENT = "gateway.content"

IDEMPOTENCY_KEY = re.compile(r"[A-Za-z0-9_-]{8,64}")


@dataclass
class Passage:
    """A request that was let in. ``keep``: something was done, so nonce and answer are to be remembered; ``kept``: they were, with it."""

    signed: Verified
    device: Row[Any] | None
    content: str
    nonce_content: str
    idempotency_key: str | None
    keep: bool = False
    kept: bool = False

    def remembering(self, response: Response) -> list[Write]:
        """What keeps nonce and first answer. Equal requests at the same moment: the one stored first stands."""
        writes = [store.nonce(self.signed, self.nonce_content)]
        if self.idempotency_key is not None:
            answer = store.Answer(response.status_code, response.mimetype or "", response.get_data(as_text=True))
            key_id, now = self.signed.key_id, here().now()
            writes.append(store.answered(key_id, self.idempotency_key, self.content, answer, now))
        return writes

    @property
    def actor(self) -> Actor:
        if self.device is None:
            return Actor(f"key:{self.signed.key_id}", "device")
        return Actor(f"device:{self.device.id}", "device", provider_id=self.device.provider_id)


def passage() -> Passage:
    """The present request's passage."""
    found: Passage = g.passage
    return found


def calling_device() -> Row[Any]:
    """The enrolled device that calls; only for views whose rule asks for one."""
    device = passage().device
    if device is None:
        raise Refused(Reason.DEVICE_UNKNOWN)
    return device


def register(app: Flask, new_key: Callable[[], PublicKey]) -> None:
    """Put the check before and the remembering after every view. ``new_key`` reads the key of a device that enrols."""
    app.before_request(lambda: _admit(new_key))
    app.after_request(_remember)
    app.teardown_request(_let_go)
    app.register_error_handler(Refused, _refused)


def note(reason: Reason, detail: str | None = None) -> None:
    """Count a refusal in the security log, when it is of that kind."""
    if reason not in LOGGED:
        return
    gateway = here()
    source = security_log.source_of(request.remote_addr, gateway.config.ring)
    route = request.url_rule.rule if request.url_rule else ""
    device_id = g.get("claimed_device_id")
    security_log.record(gateway.engine, Attempt(source, reason, route, device_id, detail), gateway.now())


def _refused(refused: Refused) -> Response:
    _let_go(None)
    note(refused.reason, g.get("refusal_detail"))
    # A device whose clock is off learns by how much.
    extra = {"server_time": moment(here().now())} if refused.reason is Reason.REQUEST_STALE else {}
    response = of_decline(refused, **extra)
    if refused.reason is Reason.TOO_MANY_ATTEMPTS:
        response.headers["Retry-After"] = str(60 * refused.details["minutes"])
    return response


def _admit(new_key: Callable[[], PublicKey]) -> Response | None:
    if request.endpoint is None:
        return None  # no such address: routing answers 404 or 405
    rule = RULES.get(request.endpoint)
    if rule is None:
        raise Refused(Reason.NOT_ALLOWED)
    if rule.caller is Caller.PUBLIC:
        return None
    if rule.caller in (Caller.SCANNED, Caller.HOLDER):
        return sessions.admit(proved=rule.caller is Caller.HOLDER)
    return _pass(rule, *_authenticate(rule, _message(), new_key))


def _message() -> Message:
    """The request as it was signed. Behind a proxy the host must be handed on unchanged; the scheme is not signed."""
    if (request.content_length or 0) > here().config.max_body_bytes:
        raise RequestEntityTooLarge
    environ = request.environ
    query = environ.get("QUERY_STRING", "")
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    url = f"{request.scheme}://{request.host}{path}" + (f"?{query}" if query else "")
    return Message(request.method, url, request.headers, request.get_data(cache=True))


def _authenticate(
    rule: Rule, message: Message, new_key: Callable[[], PublicKey]
) -> tuple[Message, Verified, store.Seen]:
    gateway = here()
    try:
        claim = claimed(message.headers)
        seen = _look_up(gateway, rule, claim)
        if seen.device is not None:
            g.claimed_device_id = seen.device.id
            key = device_key.from_text(seen.device.algorithm, seen.device.public_key)
        elif rule.caller is Caller.NEW_KEY:
            key = new_key()
        else:
            raise Refused(Reason.DEVICE_UNKNOWN)
        signed = verify(message, key, now=gateway.now(), window=gateway.config.window, claim=claim)
        return message, signed, seen
    except SignatureMissing:
        raise Refused(Reason.REQUEST_UNSIGNED) from None
    except SignatureWrong as error:
        g.refusal_detail = str(error)
        raise Refused(Reason.REQUEST_SIGNATURE_WRONG) from None
    except SignatureStale:
        raise Refused(Reason.REQUEST_STALE) from None


def _look_up(gateway: Gateway, rule: Rule, claim: Claim) -> store.Seen:
    asked = claim.key_id, claim.nonce, _idempotency_key(rule)
    # On SQLite an act must begin as a writer, and nobody who is not known yet may hold the writer's lock.
    if rule is not _EVIDENCE or gateway.engine.dialect.name == "sqlite":
        with glance(gateway.engine) as conn:
            return store.look_up(conn, *asked)
    g.connection = gateway.engine.connect()
    return store.look_up(g.connection, *asked)


@contextmanager
def acting() -> Iterator[Act]:
    """An act of the caller. Where the transaction in which the request was looked up is still open, the first act goes on in it."""
    gateway, actor, conn = here(), passage().actor, g.pop("connection", None)
    if conn is None:
        with begin(gateway.engine, actor, gateway.now()) as act:
            yield act
    else:
        with conn:  # closing it rolls back what was not committed
            yield Act(conn, actor, gateway.now())
            conn.commit()


def _let_go(_: BaseException | None) -> None:
    """Of the connection of a request that came to no act."""
    conn = g.pop("connection", None)
    if conn is not None:
        conn.close()


def _idempotency_key(rule: Rule) -> str | None:
    """Of a write that names a proper one."""
    named = request.headers.get("Idempotency-Key") if rule.writes else None
    return named if named is not None and IDEMPOTENCY_KEY.fullmatch(named) else None


def _pass(rule: Rule, message: Message, signed: Verified, seen: store.Seen) -> Response | None:
    if seen.device is not None and seen.device.revoked_at is not None and not rule.revoked:
        raise Refused(Reason.DEVICE_REVOKED)
    idempotency_key = request.headers.get("Idempotency-Key") if rule.writes else None
    target = request.full_path if request.query_string else request.path
    contents = [store.content_digest(request.method, target, message.body, key) for key in ("", idempotency_key or "")]
    content, nonce_content = (here().config.ring.index(one, CONTENT) if rule.guessable else one for one in contents)
    seen.check_nonce(nonce_content)
    g.passage = Passage(signed, seen.device, content, nonce_content, idempotency_key)
    if not rule.writes:
        return None
    if _idempotency_key(rule) is None:
        raise Refused(Reason.IDEMPOTENCY_KEY_MISSING)
    first = seen.first_answer(content)
    if first is None:
        return None
    g.passage.keep = True  # the nonce of the retry
    return Response(first.body, status=first.status, mimetype=first.media_type)


def _remember(response: Response) -> Response:
    """Keep nonce and first answer of a request that did something, where they were not kept with it. The acts themselves are committed by
    now; should this fail, the retry runs them again and they answer as they did: an event is taken once by its hash, a code by its key."""
    found: Passage | None = g.get("passage")
    if found is None or not found.keep:
        return response
    gateway = here()
    if not found.kept:
        with gateway.engine.begin() as conn:
            together(conn, found.remembering(response))
    gateway.forgetting.when_due(gateway.now(), lambda now: _forget(gateway, now))
    return response


def _forget(gateway: Gateway, now: datetime) -> None:
    with gateway.engine.begin() as conn:
        store.forget(conn, now, gateway.config.window)
