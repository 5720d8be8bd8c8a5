"""Signing in by the government's single sign-on, where the console has one: to the provider, back, and on like after a password.

The browser comes back by another site's link, without our cookie; so the page it comes to leads on by itself, and only the next request counts.
"""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, render_template, request, session, url_for

from admin.frame.access import ANYBODY
from admin.frame.console import SingleSignOn, here
from admin.signin import arriving, oidc
from admin.signin.arriving import Arrived
from admin.signin.views import desk
from settlement.outcomes import Reason, Refused

_COOKIE = "abroad"


@desk.page("/abroad", may=ANYBODY)
def abroad() -> Response:
    single = _single()
    address, asked = oidc.leave_for(single, _back_to(single))
    session[_COOKIE] = [*asked, arriving.inside(request.args.get("next"))]
    return redirect(address, 303)  # type: ignore[return-value]


@desk.page("/abroad/back", may=ANYBODY)
def abroad_back() -> str:
    _single()
    asked: dict[str, Any] = {name: request.args[name] for name in ("code", "state") if name in request.args}
    return render_template("signin/onward.html", to=url_for("signin.abroad_done", **asked))


@desk.page("/abroad/done", may=ANYBODY)
def abroad_done() -> Response:
    single, held = _single(), session.pop(_COOKIE, None)
    state, code = request.args.get("state"), request.args.get("code")
    if held is None or not code or state != held[0]:
        raise Refused(Reason.SINGLE_SIGN_ON_REFUSED)
    *asked, wanted = held
    name = oidc.identity(single, _back_to(single), oidc.Asked(*asked), code, here().now())
    return arriving.proved(Arrived(name, "oidc", wanted))


def _single() -> SingleSignOn:
    single = here().config.single
    if single is None:
        raise Refused(Reason.ADDRESS_UNKNOWN)
    return single


def _back_to(single: SingleSignOn) -> str:
    """As it is registered with the provider; never taken from a request."""
    return single.console + url_for("signin.abroad_back")
