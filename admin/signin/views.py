"""The way in: name and password, the code, a password of one's own, the authenticator; and out."""

from __future__ import annotations

from flask import Response, redirect, render_template, request, session, url_for

from admin.frame import sessions
from admin.frame.access import ANYBODY, HALF_WAY, NUL, SIGNED_IN, officer
from admin.frame.acting import acting
from admin.frame.console import here
from admin.frame.desk import Desk
from admin.signin import arriving, authenticator, passwords, tries
from settlement.outcomes import Reason, Refused

desk = Desk("signin", __name__, "登录", "Sign in")
LONGEST_NAME = 80


@desk.page("/", may=ANYBODY)
def arrive() -> Response | str:
    found = sessions.find("open") if request.method == "GET" else None
    if found is not None:
        return redirect(arriving.inside(request.args.get("next")) or url_for("home.start"), 303)  # type: ignore[return-value]
    wanted = request.form.get("next") or request.args.get("next", "")
    single = here().config.single is not None
    return render_template("signin/arrive.html", over="over" in request.args, wanted=wanted, single=single)


@desk.act("/", may=ANYBODY, shows=arrive)
def enter() -> Response:
    name, password = request.form.get("name", "").strip(), request.form.get("password", "")
    if not name or not password or len(name) > LONGEST_NAME or NUL in name:
        raise Refused(Reason.SIGN_IN_WRONG)
    return arriving.by_password(name, password, request.form.get("next"))


@desk.page("/code", may=HALF_WAY)
def code() -> Response | str:
    return _step("code") or render_template("signin/code.html")


@desk.act("/code", may=HALF_WAY, shows=code)
def enter_code() -> Response:
    who = officer()
    if elsewhere := _step("code"):
        return elsewhere
    tries.take(who.id)
    with acting() as act:
        sessions.require_still(act, who)
        if authenticator.accept(act, who.id, request.form.get("code", "")):
            tries.give_back(act.conn, who.id)
            sessions.end(act, who.digest)
            return arriving.go_on(act, arriving.so_far(who, arriving.BY_CODE[who.how]))
    raise tries.refused(who.id, who.id)


@desk.page("/renew", may=HALF_WAY)
def renew() -> Response | str:
    return _step("renew") or render_template("signin/renew.html", least=passwords.LEAST)


@desk.act("/renew", may=HALF_WAY, shows=renew)
def set_new() -> Response:
    who = officer()
    if elsewhere := _step("renew"):
        return elsewhere
    new = wished()
    with acting() as act:
        sessions.require_still(act, who)
        passwords.set_own(act, here().ring, who.id, who.name, new)
        return arriving.go_on(act, arriving.so_far(who))


@desk.page("/authenticator", may=HALF_WAY)
def set_up() -> Response | str:
    return _step("set_up") or render_template("signin/set_up.html", shown=authenticator.offer(officer()))


@desk.act("/authenticator", may=HALF_WAY, shows=set_up)
def confirm() -> Response:
    who = officer()
    if elsewhere := _step("set_up"):
        return elsewhere
    with acting() as act:
        sessions.require_still(act, who)
        authenticator.confirm(act, who, request.form.get("code", ""))
        sessions.end(act, who.digest)
        return arriving.go_on(act, arriving.so_far(who, arriving.BY_CODE[who.how]))


@desk.act("/leave", may=SIGNED_IN)
def leave() -> Response:
    with acting() as act:
        sessions.end(act, officer().digest)
        act.audit("officer.sign_out", f"officer:{officer().id}")
    session.clear()
    return redirect(url_for("signin.arrive"), 303)  # type: ignore[return-value]


def wished() -> str:
    """The new password, typed twice. Raises Refused(PASSWORD_WEAK)."""
    new = request.form.get("new_password", "")
    if passwords.normal(new) != passwords.normal(request.form.get("new_password_again", "")):
        raise Refused(Reason.PASSWORD_WEAK, detail="两次输入的不一样 the two are not the same")
    return new


def _step(this: str) -> Response | None:
    """To the step that is due, when it is not this one."""
    due = arriving.waits_for(officer())
    if due == this:
        return None
    return redirect(url_for(arriving.PAGES[due] if due else "signin.arrive"), 303)  # type: ignore[return-value]
