"""One senior at an office: their agents, what they complain of, what they ask for."""

from __future__ import annotations

from typing import Any

from flask import Response, g, redirect, render_template, url_for
from sqlalchemy import Connection, Row, select

from admin.frame import forms, scope
from admin.frame.access import may, officer
from admin.frame.acting import acting, done
from admin.frame.console import here, looking
from admin.voices.complaints import desk
from settlement.cards import book, finding, pin
from settlement.keys import KeyRing
from settlement.outcomes import Reason, Refused
from settlement.people.agents import CONFIRMATIONS, CONSENTS, PHONE, RELATIONS
from settlement.people.identity import mask_phone
from settlement.people.scope import SPEAKERS
from settlement.people.tables import agents as agent_rows
from settlement.people.tables import seniors
from settlement.periods import local_date
from settlement.policy.tariff import prices_in_force
from settlement.supervision import complaints, lately
from settlement.supervision.complaints import KINDS
from settlement.visits import bookings

DEBITS = 20
"""So many of the last ones may be complained of here; of an older one the complaint names the service."""
AT_HOME = "home_visit"


class Find(forms.Form):
    shown = forms.Text(most=400, load_default="")
    name = forms.Text(most=80, load_default="")
    village = forms.Text(most=80, load_default="")


class Complaint(forms.Form):
    subject = forms.Text(most=80)
    kind = forms.Choice(*KINDS)
    words = forms.Text(most=complaints.LONGEST, load_default="")
    said_by = forms.Choice(*SPEAKERS)


class Booking(forms.Form):
    items = forms.Many(forms.Text(most=40), load_default=[])
    wanted = forms.Text(most=bookings.LONGEST, load_default="")
    wished_on = forms.Day(load_default=None)
    asked_by = forms.Choice(*SPEAKERS)


@desk.page("/", may="agents.read", menu=("老人来访", "Somebody comes"))
def find() -> str:
    return render_template("voices/find.html", found=g.get("found"))


@desk.act("/find", may="agents.read", shows=find)
def look_for() -> Response | str:
    given = forms.read(Find)
    with looking() as conn:
        if given["shown"]:
            ids = finding.people(conn, here().ring, given["shown"])
        else:
            ids = finding.by_name(conn, here().ring, given["name"], given["village"])
        s = seniors.c
        query = select(s.id, s.name, s.town, s.village, s.birth_date).where(s.id.in_(ids)).order_by(s.id)
        rows = conn.execute(scope.people(query)).all()
    if not rows:
        raise Refused(Reason.NOT_FOUND, what="senior")
    if len(rows) == 1:
        return redirect(url_for("voices.person", senior_id=rows[0].id), 303)  # type: ignore[return-value]
    g.found = rows
    return str(find())


@desk.page("/people/<int:senior_id>", may="agents.read")
def person(senior_id: int, agent_id: int | None = None) -> str:
    """``agent_id``: of an act on this page that was refused."""
    with looking() as conn:
        who = _mine(conn, senior_id)
        known = _agents(conn, here().ring, senior_id)
        card = book.of_senior(conn, senior_id)
        facts: dict[str, Any] = {"has_pin": card is not None and pin.is_set(conn, card.id)}
        if may("voices.read"):
            facts |= _said(conn, senior_id)
        if card is not None and may("voices.take"):
            prices = prices_in_force(conn, card.scheme_code, 0, local_date(here().now()))
            facts |= {"taken": lately.taken(conn, card.id, DEBITS)}
            facts |= {"prices": [price for price in prices.values() if price.evidence_kind == AT_HOME]}
    words = {"relations": _pairs(RELATIONS), "confirmations": CONFIRMATIONS, "speakers": _pairs(SPEAKERS)}
    words |= {"consents": [(code, said) for code, said in _pairs(CONSENTS) if code != "card_pin"]}
    words |= {"kinds": [(code, f"{kind.zh} {kind.en}") for code, kind in KINDS.items()], "kind_words": KINDS}
    words |= {"consent_words": CONSENTS, "relation_words": RELATIONS}
    return render_template(
        "voices/person.html",
        who=who,
        agents=known,
        card=card,
        me=officer().id,
        refused_agent=agent_id,
        **facts,
        **words,
    )


def _pairs(known: Any) -> list[tuple[str, str]]:
    return [(code, " ".join(words)) for code, words in known.items()]


def _mine(conn: Connection, senior_id: int) -> Row[Any]:
    s = seniors.c
    return scope.one(conn, scope.people(select(s.id, s.name, s.town, s.village).where(s.id == senior_id)), "senior")


def _agents(conn: Connection, ring: KeyRing, senior_id: int) -> list[tuple[Row[Any], str]]:
    """Those who wait or run, with their telephones masked."""
    a = agent_rows.c
    query = select(agent_rows).where(a.senior_id == senior_id, a.withdrawn_at.is_(None)).order_by(a.id)
    return [(row, mask_phone(ring.decrypt(row.phone_cipher, PHONE))) for row in conn.execute(query)]


def _said(conn: Connection, senior_id: int) -> dict[str, Any]:
    said = complaints.listing(conn, senior_id=senior_id, status=None)
    asked = bookings.listing(conn, senior_id=senior_id, status=None)
    return {"complaints": list(reversed(said)), "bookings": list(reversed(asked))}


@desk.act("/people/<int:senior_id>/complaints", may="voices.take", shows=person)
def complain(senior_id: int) -> Response:
    given = forms.read(Complaint)
    with acting() as act:
        _mine(act.conn, senior_id)
        words = given["subject"], given["kind"], given["words"], given["said_by"]
        number = complaints.open_(act, senior_id, *words)
    done(f"投诉已登记，编号 {number}", f"The complaint is taken down: number {number}")
    return redirect(url_for("voices.complaint", complaint_id=number), 303)  # type: ignore[return-value]


@desk.act("/people/<int:senior_id>/bookings", may="voices.take", shows=person)
def ask(senior_id: int) -> Response:
    given = forms.read(Booking)
    with acting() as act:
        _mine(act.conn, senior_id)
        words = given["items"], given["wanted"], given["wished_on"], given["asked_by"]
        number = bookings.ask(act, senior_id, *words)
    done(f"预约已登记，编号 {number}", f"The booking is taken down: number {number}")
    return redirect(url_for("voices.booking", booking_id=number), 303)  # type: ignore[return-value]
