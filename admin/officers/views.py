"""Accounts of the level below: the list, a new one, one account with what may be done about it."""

from __future__ import annotations

from typing import Any

from flask import Response, make_response, redirect, render_template, request, url_for
from sqlalchemy import Connection, func, select

from admin.frame import forms, listing, scope, sessions, words
from admin.frame.access import actor, officer
from admin.frame.acting import acting, done
from admin.frame.console import here, looking
from admin.frame.desk import Desk
from admin.frame.listing import Column
from admin.signin import passwords
from admin.signin.authenticator import REQUIRED
from admin.tables import passwords as kept
from admin.tables import sessions as open_ones
from settlement import appointing
from settlement.officers import ROLES, SCOPES, officers
from settlement.outcomes import Reason, Refused
from settlement.people.tables import places
from settlement.providers.tables import providers

desk = Desk("officers", __name__, "账号", "Accounts")
o = officers.c


class New(forms.Form):
    id = forms.Text(most=appointing.LONGEST_NAME)
    name = forms.Text(most=80)
    role = forms.Choice(*ROLES)
    town = forms.Text(most=40, load_default=None)
    village = forms.Text(most=80, load_default=None)
    provider_id = forms.Number(least=1, load_default=None)


class Place(forms.Form):
    town = forms.Text(most=40, load_default=None)
    village = forms.Text(most=80, load_default=None)
    provider_id = forms.Number(least=1, load_default=None)


class Why(forms.Form):
    why = forms.Text()


@desk.page("/", may="officers.read", menu=("账号", "Accounts"))
def all_of_them() -> Response | str:
    query = (
        select()
        .select_from(officers)
        .outerjoin(providers, providers.c.id == o.provider_id)
        .outerjoin(kept, kept.c.officer_id == o.id)
        .where(appointing.seen_by(actor()))
    )
    role, state = request.args.get("role", ""), request.args.get("state", "active")
    if role in ROLES:
        query = query.where(o.role == role)
    if state in ("active", "left"):
        query = query.where(o.active == (state == "active"))
    if town := request.args.get("town", ""):
        query = query.where(o.town == town)
    columns = (
        Column("id", "登录名", "Sign-in name", o.id, link=lambda row: url_for("officers.one", officer_id=row.id)),
        Column("name", "姓名", "Name", o.name),
        Column("role", "岗位", "Role", o.role, words=words.role),
        Column("town", "镇街", "Town", o.town),
        Column("village", "村社区", "Village", o.village),
        Column("provider", "服务商", "Provider", providers.c.name),
        Column("active", "状态", "State", o.active, words=_state),
        Column("set_at", "密码设于", "Password of", kept.c.set_at, kind="moment"),
    )
    with looking() as conn:
        found = listing.look(conn, query, columns, sort="id", name="officers")
        towns = scope.towns(conn)
    if found.download is not None:
        return found.download
    roles = [(each, ROLES[each][0]) for each in appointing.ABOVE]
    shown = {"towns": [(town, town) for town in towns], "roles": roles, "below": appointing.below(officer().role)}
    return render_template("officers/list.html", list=found, state=state, **shown)


def _state(active: bool) -> str:
    return "在用 in use" if active else "已停用 ended"


@desk.page("/new", may="officer.manage")
def new() -> str:
    """Which role first: the rest of the form depends on it."""
    roles = appointing.below(officer().role)
    asked = request.values.get("role", roles[0] if len(roles) == 1 else "")
    role = asked if asked in roles else None
    with looking() as conn:
        scopes = _choices(conn, role)
    return render_template("officers/new.html", roles=[(each, ROLES[each][0]) for each in roles], role=role, **scopes)


@desk.act("/new", may="officer.manage", shows=new)
def appoint() -> Response:
    given = forms.read(New)
    with acting() as act:
        place = _place(act.conn, given["role"], given)
        appointing.appoint(act, given["id"], given["name"], given["role"], **place)
        password = passwords.set_for(act, here().ring, given["id"])
    return _once(given["id"], password)


@desk.page("/account/<officer_id>", may="officers.read")
def one(officer_id: str) -> str:
    query = (
        select(officers, providers.c.name.label("provider"), kept.c.set_at, kept.c.must_change, kept.c.totp_set_at)
        .outerjoin(providers, providers.c.id == o.provider_id)
        .outerjoin(kept, kept.c.officer_id == o.id)
        .where(o.id == officer_id, appointing.seen_by(actor()))
    )
    with looking() as conn:
        row = scope.one(conn, query, "officer")
        s = open_ones.c
        open_now = (s.officer_id == officer_id, s.stage == "open", s.expires_at > here().now())
        count = conn.scalar(select(func.count()).select_from(open_ones).where(*open_now))
        scopes = _choices(conn, row.role)
    may = appointing.may_manage(actor(), row)
    shown: dict[str, Any] = {"row": row, "sessions": count, "may_manage": may, "scoped": row.role in SCOPES}
    return render_template("officers/one.html", **shown, **scopes, second=row.role in REQUIRED)


@desk.act("/account/<officer_id>/reset", may="officer.manage", shows=one)
def reset(officer_id: str) -> Response:
    """Password forgotten, or telephone lost."""
    with acting() as act:
        appointing.one_below(act, officer_id)
        lost = request.form.get("authenticator") == "lost"
        password = passwords.set_for(act, here().ring, officer_id, authenticator=lost)
    return _once(officer_id, password)


@desk.act("/account/<officer_id>/sessions", may="officer.manage", shows=one)
def end_sessions(officer_id: str) -> Response:
    with acting() as act:
        appointing.one_below(act, officer_id)
        ended = sessions.end_all(act, officer_id)
        act.audit("officer.sessions_ended", f"officer:{officer_id}", after={"count": ended})
    done(f"已退出{ended}处登录", f"Signed out in {ended} places")
    return _back(officer_id)


@desk.act("/account/<officer_id>/move", may="officer.manage", shows=one)
def move(officer_id: str) -> Response:
    given = forms.read(Place)
    with acting() as act:
        role = appointing.one_below(act, officer_id).role
        appointing.move(act, officer_id, **_place(act.conn, role, given))
    done("范围已更改，立即生效", "Moved, with effect at once")
    return _back(officer_id)


@desk.act("/account/<officer_id>/leave", may="officer.manage", shows=one)
def leave(officer_id: str) -> Response:
    why = forms.read(Why)["why"]
    with acting() as act:
        appointing.leave(act, officer_id, why)
        sessions.end_all(act, officer_id)
    done("账号已停用", "The account is ended")
    return _back(officer_id)


@desk.act("/account/<officer_id>/back", may="officer.manage", shows=one)
def come_back(officer_id: str) -> Response:
    why = forms.read(Why)["why"]
    with acting() as act:
        appointing.come_back(act, officer_id, why)
        password = passwords.set_for(act, here().ring, officer_id)
    return _once(officer_id, password)


def _once(officer_id: str, password: str) -> Response:
    """The page that shows a password for one sign-in. It is nowhere else: not in an address, not in a cookie; sent again, the form leads to the start."""
    return make_response(
        render_template("officers/once.html", id=officer_id, password=password, days=passwords.UNUSED.days)
    )


def _back(officer_id: str) -> Response:
    return redirect(url_for("officers.one", officer_id=officer_id), 303)  # type: ignore[return-value]


def _choices(conn: Connection, role: str | None) -> dict[str, Any]:
    """What a form for this role chooses from; None where the role has no such scope."""
    needs = SCOPES.get(role or "", ())
    found: dict[str, Any] = {"towns": None, "villages": None, "organisations": None}
    if "village" in needs:
        query = select(places.c.village).where(places.c.town == officer().town).order_by(places.c.village)
        found["villages"] = [(village, village) for village in conn.scalars(query)]
    elif "town" in needs:
        found["towns"] = [(town, town) for town in scope.towns(conn)]
    if "provider_id" in needs:
        mine = officer().provider_id
        query = select(providers.c.id, providers.c.name).order_by(providers.c.name)
        rows = conn.execute(query if mine is None else query.where(providers.c.id == mine))
        found["organisations"] = [(row.id, row.name) for row in rows]
    return found


def _place(conn: Connection, role: str, given: dict[str, Any]) -> dict[str, Any]:
    """The scope asked for, out of what the form offered. Raises Refused(BAD_INPUT)."""
    who, needs = officer(), SCOPES.get(role, ())
    place: dict[str, Any] = {"town": given["town"]} if needs == ("town",) else {}
    if "village" in needs:
        place = {"town": who.town, "village": given["village"]}
    if "provider_id" in needs:
        place = {"provider_id": who.provider_id or given["provider_id"]}
    offered = _choices(conn, role)
    for key, choices in (("town", "towns"), ("village", "villages"), ("provider_id", "organisations")):
        if offered[choices] is not None and place.get(key) not in [value for value, _ in offered[choices]]:
            raise Refused(Reason.BAD_INPUT, detail="范围 | scope")
    return place
