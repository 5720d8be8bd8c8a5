"""Who became eligible without having asked, the invitation, and what was answered: "yes" is the application."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import reduce
from typing import Any

from flask import Response, g, redirect, render_template, request, url_for
from sqlalchemy import ColumnElement, Connection, Select, case, select

from admin.frame import listing, scope
from admin.frame.acting import acting, done
from admin.frame.console import here, looking
from admin.frame.forms import Choice, Day, Form, Many, Number, Text, read
from admin.frame.listing import Column
from admin.people import words
from admin.people.finding import desk
from admin.people.registering import FAULTS_SHOWN, all_schemes, chosen_file
from settlement.messages import invitations as inviting
from settlement.messages import replies as taking_in
from settlement.messages.tables import messages
from settlement.messages.words import STATUS as MESSAGE_STATUS
from settlement.outcomes import Reason, Refused
from settlement.people import becoming
from settlement.people.tables import invitations, seniors
from settlement.periods import Month, local_date
from settlement.policy import months, store
from settlement.policy.scheme import Scheme

MOST = 1000
"""Invited with one form."""


class Invite(Form):
    senior = Many(Number(least=1, most=2**53), load_default=None)
    everybody = Choice("yes", load_default=None)
    town = Text(40, load_default=None)
    village = Text(80, load_default=None)


class Answer(Form):
    answer = Choice("yes", "no")
    how = Choice(*inviting.HOW)
    said_on = Day()


@desk.page("/eligible", may="register.read", menu=("符合未申请", "Eligible, not asked"))
def eligible() -> Any:
    now = here().now()
    with looking() as conn:
        schemes = all_schemes(conn, now)
        scheme = _scheme(schemes, request.args.get("scheme"))
        if scheme is None:
            return render_template("people/eligible.html", found=None, schemes=[], scheme=None, opens=None, today=None)
        today = local_date(now, scheme.time_zone)
        query = _listed(scheme, today, request.args)
        found = listing.look(conn, query, _eligible_columns(scheme, today), sort="no", name="eligible")
        towns, villages = scope.towns(conn), scope.villages(conn)
    if found.download is not None:
        return found.download
    listed = [(each.code, each.name_zh) for each in schemes]
    return render_template(
        "people/eligible.html", found=found, schemes=listed, scheme=scheme, today=today, towns=[(town, town) for town in towns],
        villages=[(village, village) for village in villages],
        opens=months.next_opening(scheme, today),
    )  # fmt: skip


def _listed(scheme: Scheme, today: date, asked: Mapping[str, Any]) -> Select[Any]:
    """Who is on the list of one's own people, of the town and village that were asked for."""
    query = scope.people(becoming.eligible(scheme, today, but_asked_since=today - inviting.NOT_AGAIN))
    return query.where(*(seniors.c[name] == asked[name] for name in ("town", "village") if asked.get(name)))


def _eligible_columns(scheme: Scheme, today: date) -> list[Column]:
    s = seniors.c
    parts = [case((becoming.fulfils(scheme, each, today), f"{each.code}+"), else_="") for each in scheme.benefits]
    benefit: ColumnElement[str] = reduce(lambda all, one: all.concat(one), parts[1:], parts[0])
    return [
        Column("no", "编号", "no.", s.id, "number"),
        Column("name", "姓名", "name", s.name, link=lambda row: url_for("people.person", senior_id=row.no)),
        Column("birth_date", "出生日期", "born", s.birth_date, "day"),
        Column("town", "镇街", "town", s.town),
        Column("village", "村社区", "village", s.village),
        Column(
            "benefit",
            "可申请",
            "may have",
            benefit,
            words=lambda codes: words.benefits(scheme, codes.rstrip("+")),
            sorts=False,
        ),
        Column("phone", "电话", "telephone", case((s.phone_cipher.is_(None), "无 none"), else_="有 yes"), sorts=False),
    ]


@desk.act("/eligible/invite", may="invitation.send", shows=eligible)
def invite() -> Response:
    given = read(Invite)
    if not given["everybody"] and not 1 <= len(given["senior"] or ()) <= MOST:
        g.wrong = {"senior": f"请选择1至{MOST}人 choose 1 to {MOST} people"}
        raise Refused(Reason.BAD_INPUT, detail=g.wrong["senior"])
    with acting() as act:
        scheme = _scheme(all_schemes(act.conn, act.now), request.form.get("scheme"))
        if scheme is None:
            raise Refused(Reason.NOT_FOUND, what="scheme")
        ids = given["senior"] or []
        if given["everybody"]:
            query = _listed(scheme, local_date(act.now, scheme.time_zone), given).add_columns(seniors.c.id)
            ids = list(act.conn.scalars(query.order_by(seniors.c.id).limit(MOST)))
        sent = inviting.invite(act, here().ring, scheme, ids)
    left = f"；{sent.left_out}人已不在名单上" if sent.left_out else ""
    done(f"已向{len(sent.ids)}人发出邀请{left}", f"{len(sent.ids)} invited, {sent.left_out} left out")
    return redirect(url_for("people.invited"), 303)  # type: ignore[return-value]


@desk.page("/invitations", may="register.read", menu=("邀请与答复", "Invitations"))
def invited() -> Any:
    v, s, m = invitations.c, seniors.c, messages.c
    state = request.args.get("state", "open")
    wanted = {"open": v.answer.is_(None), "yes": v.answer == "yes", "no": v.answer == "no"}
    wanted["waiting"] = (v.answer == "yes") & v.enrolment_id.is_(None)
    query = (
        select()
        .select_from(invitations)
        .join(seniors, s.id == v.senior_id)
        .where(wanted.get(state, v.answer.is_(None)))
    )
    newest = (
        select(m.status)
        .where(m.senior_id == s.id, m.kind == inviting.KIND)
        .order_by(m.id.desc())
        .limit(1)
        .correlate(seniors)
        .scalar_subquery()
    )
    columns = [
        Column(
            "no", "编号", "no.", v.id, "number", link=lambda row: url_for("people.invitation", invitation_id=row.no)
        ),
        Column("name", "姓名", "name", s.name, link=lambda row: url_for("people.person", senior_id=row.senior)),
        Column("senior", "", "", s.id, hidden=True),
        Column("town", "镇街", "town", s.town),
        Column("village", "村社区", "village", s.village),
        Column("invited_at", "邀请", "invited", v.invited_at, "moment"),
        Column("message", "消息", "message", newest, sorts=False, words=lambda code: words.pair(MESSAGE_STATUS[code])),
        Column("answer", "答复", "answer", v.answer, words=lambda code: words.pair(words.ANSWERS[code])),
        Column("answered_on", "答复日期", "answered on", v.answered_on, "day"),
        Column("enrolment", "申请编号", "application", v.enrolment_id),
    ]
    with looking() as conn:
        found = listing.look(conn, scope.people(query), columns, sort="-no", name="invitations")
    if found.download is not None:
        return found.download
    states = [
        ("open", "未答复 open"),
        ("yes", "同意 yes"),
        ("waiting", "同意，待受理 yes, waits for an intake"),
        ("no", "不申请 no"),
    ]
    return render_template("people/invitations.html", found=found, state=state, states=states)


@desk.act("/invitations/replies", may="invitation.answer", shows=invited)
def replies() -> str:
    """A file of short messages that came back; what could not be understood is told at its row."""
    name, content = chosen_file("replies")
    with acting() as act:
        done_with = taking_in.take_in(act, here().ring, content, name)
    return render_template("people/replies.html", done=done_with, faults=done_with.faults[:FAULTS_SHOWN])


@desk.page("/invitations/<int:invitation_id>", may="register.read")
def invitation(invitation_id: int) -> str:
    with looking() as conn:
        row = _one(conn, invitation_id)
        scheme = store.in_force(conn, row.scheme_code, Month.of(here().now()))
    today = local_date(here().now(), scheme.time_zone)
    how = [(code, words.pair(named)) for code, named in inviting.HOW.items()]
    open_now = months.open_window(scheme, today) is not None
    return render_template(
        "people/invitation.html", row=row, scheme=scheme, how=how, say=words, today=today, open_now=open_now,
        opens=months.next_opening(scheme, today),
    )  # fmt: skip


@desk.act("/invitations/<int:invitation_id>/answer", may="invitation.answer", shows=invitation)
def answer(invitation_id: int) -> Response:
    given = read(Answer)
    with acting() as act:
        _one(act.conn, invitation_id)
        wants = given["answer"] == "yes"
        enrolment_id = inviting.answer(act, invitation_id, wants, given["how"], given["said_on"])
    if enrolment_id is not None:
        said = ("已受理申请", "The application is taken")
    elif wants:
        said = ("已记下同意，集中申报期开始后受理", "The yes is kept; it becomes an application when the intake opens")
    else:
        said = ("已记下不申请", "The no is on record")
    done(*said)
    return redirect(url_for("people.invited"), 303)  # type: ignore[return-value]


@desk.act("/invitations/take-up", may="invitation.answer", shows=invited)
def take_up() -> Response:
    """Applications of everybody of one's own people who said yes before the intake opened."""
    made = 0
    with acting() as act:
        listed = [
            each for each in all_schemes(act.conn, act.now) if months.open_window(each, local_date(act.now)) is not None
        ]
        if not listed:
            g.wrong = {}
            raise Refused(Reason.BAD_INPUT, detail="现在不在集中申报期内 | no intake is open now")
        for scheme in listed:
            made += len(inviting.take_up(act, scheme))
    done(f"已受理{made}人的申请", f"{made} applications taken")
    return redirect(url_for("people.invited"), 303)  # type: ignore[return-value]


def _one(conn: Connection, invitation_id: int) -> Any:
    v, s = invitations.c, seniors.c
    query = (
        select(invitations, s.name, s.town, s.village).join(seniors, s.id == v.senior_id).where(v.id == invitation_id)
    )
    return scope.one(conn, scope.people(query), "invitation")


def _scheme(listed: list[Scheme], code: str | None) -> Scheme | None:
    """The one that was asked for, else the first."""
    return next((each for each in listed if each.code == code), listed[0] if listed else None)
