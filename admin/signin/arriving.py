"""Signing in, step by step. Password first; then whatever is due: a code, a password of one's own, an authenticator. Each step makes a new session
token; the console opens with the last one.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import urlsplit

from flask import Response, current_app, redirect, session, url_for
from sqlalchemy import Row
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from admin.frame import kept, sessions
from admin.frame.console import here, looking
from admin.signin import authenticator, passwords, tries
from settlement.act import Act, Actor, begin
from settlement.outcomes import Reason, Refused

_WANTED = "wanted"
LONGEST = 1000
"""Characters of an address to go on to: it travels in a cookie, of which browsers take 4096."""
PAGES = {"code": "signin.code", "renew": "signin.renew", "set_up": "signin.set_up"}
BY_CODE = {"password": "totp", "oidc": "oidc+totp"}
"""How a session was proved before its code, and after."""


class Arrived(NamedTuple):
    """``wanted``: the page asked for before signing in, to be gone to at the end."""

    officer_id: str
    how: str
    wanted: str | None = None


def due(known: Row[Any], how: str) -> str | None:
    """What is asked for next of somebody proved that far; None when the console may open."""
    if known.totp_cipher is not None and how in BY_CODE:
        return "code"
    if known.must_change and not how.startswith("oidc"):
        return "renew"
    if known.totp_cipher is None and known.role in authenticator.REQUIRED:
        return "set_up"
    return None


def by_password(name: str, password: str, wanted: str | None) -> Response:
    """The first step. Raises Refused: SIGN_IN_LOCKED, SIGN_IN_WRONG (the same for a name that nobody has)."""
    console = here()
    tries.take(name)
    with looking() as conn:
        known = passwords.of(conn, name)
    right = passwords.matches(None if known is None else known.hash, password)
    unused_too_long = known is not None and known.must_change and known.set_at + passwords.UNUSED < console.now()
    if known is None or not right or unused_too_long:
        raise tries.refused(name, None if known is None else known.id)
    return proved(Arrived(known.id, "password", wanted), known.hash)


def proved(arrived: Arrived, compared: str | None = None) -> Response:
    """Who it is was proved: a session, and on to what is due. ``compared``: the hash that the password fitted; another may count by now."""
    console = here()
    with looking() as conn:
        known = passwords.of(conn, arrived.officer_id)
    if known is None:  # an identity from elsewhere that is nobody's here
        raise Refused(Reason.SINGLE_SIGN_ON_REFUSED)
    actor = Actor(known.id, known.role, known.town, known.provider_id)
    with begin(console.engine, actor, console.now()) as act:
        if arrived.how == "password":
            if sessions.password_held(act, known.id) != compared:
                raise Refused(Reason.SIGN_IN_WRONG)
            tries.give_back(act.conn, known.id)
        return go_on(act, arrived)


def go_on(act: Act, arrived: Arrived) -> Response:
    """A new session for the step reached, and the answer that leads on. The caller ended the session of the step before."""
    known = passwords.of(act.conn, arrived.officer_id)
    if known is None:
        raise Refused(Reason.NOT_ALLOWED)
    step = due(known, arrived.how)
    if step is None:
        tries.clear(act, here().ring, known.id)
        act.audit("officer.sign_in", f"officer:{known.id}", after={"how": arrived.how})
    token = sessions.begin(act, known.id, "open" if step is None else "password", arrived.how)
    form = kept.carry()
    sessions.hold(token)
    kept.hold(form)
    if step is not None:
        session[_WANTED] = inside(arrived.wanted)
        return redirect(url_for(PAGES[step]), 303)  # type: ignore[return-value]
    return redirect(inside(arrived.wanted) or url_for("home.start"), 303)  # type: ignore[return-value]


def so_far(who: sessions.Officer, how: str | None = None) -> Arrived:
    """How far the one on the way in has come; ``how`` when this step proves more."""
    return Arrived(who.id, how or who.how, session.get(_WANTED))


def waits_for(who: sessions.Officer) -> str | None:
    """The step that is due."""
    with looking() as conn:
        known = passwords.of(conn, who.id)
    if known is None:
        raise Refused(Reason.NOT_ALLOWED)
    return due(known, who.how)


def inside(wanted: str | None) -> str | None:
    """A page of this console by the address somebody came for, written anew from its parts: what was asked for is never gone to as it stands."""
    if not wanted or not wanted.startswith("/") or len(wanted) > LONGEST:
        return None
    parts = urlsplit(wanted)
    try:
        endpoint, values = current_app.url_map.bind("").match(parts.path, method="GET")
    except (HTTPException, RequestRedirect):
        return None
    if parts.netloc or endpoint == "static" or endpoint.startswith("signin."):
        return None
    address = url_for(endpoint, **values)
    return f"{address}?{parts.query}" if parts.query else address
