"""Guessing is slowed down: wrong tries are counted by source in the security log, whatever card they were for.

Each card has its own counts besides: a PIN five wrong tries (``cards.pin``), a one-time code five (``one_time``).
"""

from __future__ import annotations

from datetime import timedelta

from flask import request

from pos_gateway import security_log
from pos_gateway.api.gateway import here
from pos_gateway.security_log import Attempt
from settlement.db import reading
from settlement.outcomes import Reason, Refused

WITHIN = timedelta(minutes=10)
MOST = 20
"""Wrong tries of one source within that time; a village office, where many have one address, stays far below."""

GUESSES = (
    Reason.CODE_FORGED,
    Reason.CODE_UNKNOWN,
    Reason.PIN_WRONG,
    Reason.PIN_LOCKED,
    Reason.ONE_TIME_CODE_WRONG,
    Reason.ONE_TIME_CODE_OVER,
)


def check() -> None:
    """Raise Refused(TOO_MANY_ATTEMPTS) for a source that was wrong too often."""
    gateway, now = here(), here().now()
    source = _source()
    with reading(gateway.engine) as conn:
        wrong = sum(security_log.failures(conn, source, reason, now - WITHIN) for reason in GUESSES)
    if wrong >= MOST:
        raise Refused(Reason.TOO_MANY_ATTEMPTS, minutes=WITHIN // timedelta(minutes=1))


def count(reason: Reason) -> None:
    """Note a wrong try of the present request's source; anything else is not noted."""
    if reason in (*GUESSES, Reason.FORM_STALE, Reason.TOO_MANY_ATTEMPTS):
        route = request.url_rule.rule if request.url_rule else ""
        security_log.record(here().engine, Attempt(_source(), reason, route), here().now())


def _source() -> str:
    return security_log.source_of(request.remote_addr, here().config.ring)
