"""Signing in and out, one's own account."""

from __future__ import annotations

from flask import Response, redirect, render_template, session, url_for

from admin.frame import sessions
from admin.frame.access import ANYBODY, SIGNED_IN, officer
from admin.frame.acting import acting
from admin.frame.desk import Desk

desk = Desk("signin", __name__, "登录", "Sign in")


@desk.page("/", may=ANYBODY)
def arrive() -> str:
    return render_template("signin/arrive.html")


@desk.page("/own", may=SIGNED_IN)
def own() -> str:
    return render_template("signin/own.html")


@desk.act("/leave", may=SIGNED_IN)
def leave() -> Response:
    with acting() as act:
        sessions.end(act, officer().digest)
    session.clear()
    return redirect(url_for("signin.arrive"), 303)  # type: ignore[return-value]
