"""Agents: one officer writes down what the senior agreed to, another one or the senior's own PIN confirms it; it ends whenever the senior wants."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, render_template, request, url_for
from sqlalchemy import ColumnElement, Connection, Row, and_, select

from admin.frame import forms, listing, scope
from admin.frame.acting import acting, done
from admin.frame.console import here, looking
from admin.frame.listing import Column
from admin.voices.complaints import desk
from admin.voices.person import person
from settlement.cards.consenting import confirm_agent
from settlement.outcomes import Declined, Refused
from settlement.people import agents
from settlement.people.tables import agents as agent_rows
from settlement.people.tables import seniors

a = agent_rows.c
STATES: dict[str, tuple[str, str, ColumnElement[bool]]] = {
    "waiting": ("待确认", "to be confirmed", and_(a.waits_since.is_not(None), a.withdrawn_at.is_(None))),
    "running": ("有效", "running", agents.COUNTS),
    "ended": ("已撤销", "ended", a.withdrawn_at.is_not(None)),
}


class Appoint(forms.Form):
    name = forms.Text(most=80)
    phone = forms.Text(most=30)
    relation = forms.Choice(*agents.RELATIONS)
    consent = forms.Choice(*(code for code in agents.CONSENTS if code != "card_pin"))


class ByPin(forms.Form):
    pin = forms.Text(most=12)


class Why(forms.Form):
    why = forms.Text(most=200)


@desk.page("/agents", may="agents.read", menu=("代理人", "Agents"))
def listed_agents() -> object:
    """``?state``: waiting unless asked otherwise."""
    asked = request.args.get("state", "waiting")
    s = seniors.c
    columns = [
        Column("no", "编号", "no.", a.id, "number", link=lambda row: url_for("voices.person", senior_id=row.senior_id)),
        Column("senior_id", "老人", "senior", a.senior_id, hidden=True),
        Column("senior", "老人", "senior", s.name),
        Column("town", "镇街", "town", s.town),
        Column("village", "村社区", "village", s.village),
        Column("name", "代理人", "agent", a.name),
        Column("relation", "关系", "relation", a.relation, words=lambda code: " ".join(agents.RELATIONS[code])),
        Column("consent", "如何同意", "consent", a.consent, words=lambda code: " ".join(agents.CONSENTS[code])),
        Column("appointed_by", "登记人", "written down by", a.appointed_by),
        Column("appointed_at", "登记", "when", a.appointed_at, "moment"),
        Column("confirmed_by", "确认人", "confirmed by", a.confirmed_by),
        Column("withdrawn_at", "撤销", "ended", a.withdrawn_at, "moment"),
    ]
    query = scope.people(select().select_from(agent_rows).join(seniors, s.id == a.senior_id))
    if asked in STATES:
        query = query.where(STATES[asked][2])
    with looking() as conn:
        found = listing.look(conn, query, columns, sort="appointed_at", name="agents")
    if found.download is not None:
        return found.download
    states = [(code, f"{zh} {en}") for code, (zh, en, _) in STATES.items()]
    return render_template("voices/agents.html", found=found, state=asked, states=states)


@desk.act("/people/<int:senior_id>/agents", may="agent.appoint", shows=person)
def appoint(senior_id: int) -> Response:
    given = forms.read(Appoint)
    with acting() as act:
        _theirs(act.conn, senior_id)
        words = given["name"], given["phone"], given["relation"], given["consent"]
        agents.appoint(act, here().ring, senior_id, *words)
    return _back(
        senior_id,
        "已登记，由另一人确认或本人输入密码后生效",
        "Written down; it counts once somebody else or the PIN confirms it",
    )


def _theirs(conn: Connection, senior_id: int) -> None:
    scope.one(conn, scope.people(select(seniors.c.id).where(seniors.c.id == senior_id)), "senior")


def _agent(conn: Connection, senior_id: int, agent_id: int) -> Row[Any]:
    query = select(a.id, a.senior_id).join(seniors, seniors.c.id == a.senior_id)
    return scope.one(conn, scope.people(query.where(a.id == agent_id, a.senior_id == senior_id)), "agent")


@desk.act("/people/<int:senior_id>/agents/<int:agent_id>/confirm", may="agent.confirm", shows=person)
def confirm(senior_id: int, agent_id: int) -> Response:
    with acting() as act:
        _agent(act.conn, senior_id, agent_id)
        agents.confirm(act, agent_id)
    return _back(
        senior_id, "已确认，即时生效；系统会告知老人", "Confirmed: it counts from now on, and the senior is told"
    )


@desk.act("/people/<int:senior_id>/agents/<int:agent_id>/pin", may="agent.confirm", shows=person)
def confirm_by_pin(senior_id: int, agent_id: int) -> Response:
    """The senior types the PIN at the officer's keyboard. A wrong one counts, so the act is committed either way."""
    typed = forms.read(ByPin)["pin"]
    with acting() as act:
        _agent(act.conn, senior_id, agent_id)
        answer = confirm_agent(act, here().ring, agent_id, typed)
    if isinstance(answer, Declined):
        raise Refused(answer.reason, **answer.details)
    return _back(senior_id, "本人已确认，即时生效", "The senior confirmed it: it counts from now on")


@desk.act("/people/<int:senior_id>/agents/<int:agent_id>/withdraw", may="agent.appoint", shows=person)
def withdraw_agent(senior_id: int, agent_id: int) -> Response:
    why = forms.read(Why)["why"]
    with acting() as act:
        _agent(act.conn, senior_id, agent_id)
        agents.withdraw(act, agent_id, why)
    return _back(senior_id, "已撤销，即时失效", "Ended, at once")


def _back(senior_id: int, zh: str, en: str) -> Response:
    done(zh, en)
    return redirect(url_for("voices.person", senior_id=senior_id), 303)  # type: ignore[return-value]
