"""Who may open what. Every route declares one permission of ``officers.MAY``; a request is let in before its view runs, or not at all.

A permission says which roles; *on what* is a matter of :mod:`admin.frame.scope`: records of another town, village or provider are answered like
ones that do not exist.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, current_app, g, request

from admin.frame import kept, sessions
from settlement.act import Actor
from settlement.errors import BrokenInvariant
from settlement.officers import MAY
from settlement.outcomes import Reason, Refused

ANYBODY = "anybody"
"""Pages that need no sign-in."""
HALF_WAY = "half way"
"""The password was right; a code or a new password is due."""
SIGNED_IN = "signed in"
"""Everybody's own things: the start page, their sessions and password."""
STATIC = ("static",)
NUL = "\x00"
"""In no address of ours; a database asked for it would answer with a fault. Out of forms it is left by :mod:`admin.frame.forms`."""


def declared(endpoint: str) -> str:
    """What a route asks for. Raises BrokenInvariant when it declares nothing."""
    if endpoint in STATIC:
        return ANYBODY
    may: str | None = getattr(current_app.view_functions[endpoint], "may", None)
    if may is None:
        raise BrokenInvariant(f"no rule for {endpoint}")
    return may


def allows(may: str, role: str) -> bool:
    return may in (ANYBODY, SIGNED_IN) or (may != HALF_WAY and role in MAY[may])


def officer() -> sessions.Officer:
    """Who sent the present request; only in views whose rule asks for somebody."""
    found: sessions.Officer = g.officer
    return found


def actor() -> Actor:
    return officer().actor


def may(permission: str) -> bool:
    """Whether the present officer's role has a permission: for pages that show a button or not."""
    found = g.get("officer")
    return found is not None and allows(permission, found.role)


def register(app: Flask) -> None:
    app.before_request(_admit)


def _admit() -> Response | Any:
    if request.endpoint is None:
        return None  # no such address, or not with this method
    if NUL in request.path or any(NUL in value for values in request.args.listvalues() for value in values):
        raise Refused(Reason.ADDRESS_UNKNOWN)
    rule = declared(request.endpoint)
    if rule == ANYBODY:
        return None
    stage = "password" if rule == HALF_WAY else "open"
    found = sessions.find(stage)
    if found is None:
        return kept.and_sign_in()
    g.officer = found
    if not allows(rule, found.role) and rule != HALF_WAY:
        raise Refused(Reason.NOT_ALLOWED)
    return None
