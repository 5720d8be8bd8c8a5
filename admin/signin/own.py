"""One's own account: where one is signed in, password, authenticator."""

from __future__ import annotations

from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for
from sqlalchemy import select

from admin.frame import sessions
from admin.frame.access import SIGNED_IN, officer
from admin.frame.acting import acting
from admin.frame.console import here, looking
from admin.signin import authenticator, passwords, tries
from admin.signin.views import desk, wished
from admin.tables import sessions as rows
from settlement.act import Act
from settlement.outcomes import Reason, Refused

SHORT = 16
"""Characters of a session's digest by which its owner names it."""


@desk.page("/own", may=SIGNED_IN)
def own() -> str:
    who = officer()
    with looking() as conn:
        known = passwords.of(conn, who.id)
        open_ones = conn.execute(_open(who.id)).all()
    has_one = known is not None and known.totp_cipher is not None
    shown = {"known": known, "has_one": has_one, "required": who.role in authenticator.REQUIRED}
    return render_template("signin/own.html", sessions=open_ones, present=who.digest, least=passwords.LEAST, **shown)


@desk.act("/own/sessions/end", may=SIGNED_IN, shows=own)
def end_session() -> Response:
    """One of them, or all but this."""
    who, which = officer(), request.form.get("session", "")
    with acting() as act:
        ended = sessions.end_all(act, who.id, but=who.digest) if which == "others" else _end(act, who, which)
        act.audit("officer.sessions_ended", f"officer:{who.id}", after={"count": ended})
    flash((f"已退出{ended}处登录", f"{ended} ended"), "done")  # type: ignore[arg-type]
    return _back()


def _end(act: Act, who: sessions.Officer, which: str) -> int:
    found = [row.digest for row in act.conn.execute(_open(who.id)) if row.digest[:SHORT] == which]
    if not found:
        raise Refused(Reason.NOT_FOUND, what="session")
    sessions.end(act, found[0])
    return 1


@desk.act("/own/password", may=SIGNED_IN, shows=own)
def change_password() -> Response:
    """The other places one was signed in end with the old password."""
    who = officer()
    new = wished()
    _require_password(who)
    with acting() as act:
        sessions.require_still(act, who)
        passwords.set_own(act, here().ring, who.id, who.name, new)
        sessions.hold(sessions.begin(act, who.id, "open", who.how))
    flash(("密码已更换；其他地方的登录已退出", "Your password is changed; you are signed out everywhere else"), "done")  # type: ignore[arg-type]
    return _back()


@desk.page("/own/authenticator", may=SIGNED_IN)
def own_authenticator() -> str:
    return render_template("signin/own_authenticator.html", shown=authenticator.offer(officer()), has_one=_has_one())


@desk.act("/own/authenticator", may=SIGNED_IN, shows=own_authenticator)
def change_authenticator() -> Response:
    """The password and, where there is one already, its code: a desk left open is not enough."""
    who = officer()
    _require_password(who)
    if _has_one():
        _require_code(who)
    with acting() as act:
        sessions.require_still(act, who)
        authenticator.confirm(act, who, request.form.get("code", ""))
        tries.clear(act, here().ring, who.id)
    flash(("验证器已绑定", "The authenticator is set up"), "done")  # type: ignore[arg-type]
    return _back()


def _require_password(who: sessions.Officer) -> None:
    """Raise Refused, as at the door, unless the present password was typed as well."""
    password = request.form.get("password", "")
    tries.take(who.id)
    with looking() as conn:
        known = passwords.of(conn, who.id)
    if known is None or not passwords.matches(known.hash, password):
        raise tries.refused(who.id, who.id)
    with here().engine.begin() as conn:
        tries.give_back(conn, who.id)


def _require_code(who: sessions.Officer) -> None:
    tries.take(who.id)
    with acting() as act:
        if authenticator.accept(act, who.id, request.form.get("present_code", "")):
            tries.give_back(act.conn, who.id)
            return
    raise tries.refused(who.id, who.id)


def _has_one() -> bool:
    with looking() as conn:
        known = passwords.of(conn, officer().id)
    return known is not None and known.totp_cipher is not None


def _open(officer_id: str) -> Any:
    s = rows.c
    query = select(s.digest, s.begun_at, s.seen_at, s.browser, s.how)
    return query.where(s.officer_id == officer_id, s.stage == "open", s.expires_at > here().now()).order_by(
        s.seen_at.desc()
    )


def _back() -> Response:
    return redirect(url_for("signin.own"), 303)  # type: ignore[return-value]
