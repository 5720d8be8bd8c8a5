"""One page per person, the same for every desk: masked, of one's own people only. Who looks at a number in full says why, and that is kept."""

from __future__ import annotations

from typing import Any

from flask import Response, render_template, url_for
from sqlalchemy import Connection, Row, select

from admin.audit.words import act_words
from admin.frame import access, scope
from admin.frame.acting import acting
from admin.frame.console import here, looking
from admin.frame.forms import Choice, Form, Text, read
from admin.people import record, words
from admin.people.changing import offered
from admin.people.finding import desk
from settlement.cards import book
from settlement.cards.media import masked
from settlement.messages.words import CHANNELS
from settlement.messages.words import KINDS as MESSAGES
from settlement.messages.words import STATUS as MESSAGE_STATUS
from settlement.outcomes import Refused
from settlement.people import agents, register
from settlement.people.deadlines import intake_name
from settlement.people.identity import mask_phone
from settlement.people.tables import seniors
from settlement.periods import local_date
from settlement.policy.eligibility import age_on
from settlement.supervision.complaints import KINDS as COMPLAINTS
from settlement.supervision.complaints import STATUS as COMPLAINT_STATUS
from settlement.visits import movements
from settlement.visits.words import VISIT_STATUS
from settlement.vouchers import outlook
from settlement.vouchers.runs import STATUS_WORDS

FIELDS: dict[register.Field, tuple[str, str]] = {
    "id_no": ("身份证号", "identity number"),
    "phone": ("电话", "telephone"),
    "address": ("住址", "address"),
    "emergency_phone": ("紧急联系人电话", "emergency contact's telephone"),
    "agent_phone": ("名册上代理人的电话", "telephone of the contact on the roster"),
}


class Reveal(Form):
    field = Choice(*FIELDS)
    why = Text(200)


@desk.page("/<int:senior_id>", may="people.read")
def person(senior_id: int) -> str:
    """The person's page. 404 for another office's."""
    return _page(senior_id)


@desk.act("/<int:senior_id>/reveal", may="senior.reveal", shows=person)
def reveal(senior_id: int) -> Response | str:
    """One field in full, shown once on the page that answers."""
    given = read(Reveal)
    with acting() as act:
        _one(act.conn, senior_id)
        plain = register.reveal(act, here().ring, senior_id, given["field"], given["why"])
    return _page(senior_id, shown=(FIELDS[given["field"]], plain or "—"))


def _page(senior_id: int, shown: tuple[tuple[str, str], str] | None = None) -> str:
    now, ring = here().now(), here().ring
    with looking() as conn:
        who = _one(conn, senior_id)
        scheme = record.scheme_of(conn, senior_id, now)
        card = book.of_senior(conn, senior_id)
        held = agents.of(conn, ring, senior_id)
        facts: dict[str, Any] = {
            "who": who,
            "id_no": register.masked(conn, ring, senior_id)["id_no"],
            "phone": register.masked(conn, ring, senior_id)["phone"],
            "age": age_on(who.birth_date, who.died_on or local_date(now)),
            "scheme": scheme,
            "months": [] if scheme is None else record.by_month(conn, senior_id, scheme.code, now),
            "categories": record.categories_of(conn, senior_id),
            "assessments": record.assessments_of(conn, senior_id),
            "enrolments": record.enrolments_of(conn, senior_id),
            "card": card,
            "media": [] if card is None else record.media_of(conn, card.id),
            "outlook": None if card is None else _outlook(conn, card, now),
            "moves": [] if card is None else movements.last(conn, card.id, record.SHOWN),
            "visits": record.visits_of(conn, senior_id),
            "planned": record.planned_of(conn, senior_id),
            "complaints": record.complaints_of(conn, senior_id),
            "agents": [(each, mask_phone(each.phone)) for each in held],
            "messages": record.messages_of(conn, senior_id),
            "history": record.history_of(conn, senior_id, card.id if card else None)
            if access.may("people.history")
            else None,
            "changes": offered(who) if access.may("senior.change") or access.may("senior.reinstate") else [],
        }
    return render_template(
        "people/person.html",
        **facts,
        shown=shown,
        fields=[(code, words.pair(named)) for code, named in FIELDS.items()],
        say=words,
        act_words=act_words,
        intake_name=intake_name,
        masked=masked,
        lists={
            "runs": STATUS_WORDS,
            "relations": agents.RELATIONS,
            "complaints": COMPLAINTS,
            "complaint_status": COMPLAINT_STATUS,
            "visits": VISIT_STATUS,
            "messages": MESSAGES,
            "message_status": MESSAGE_STATUS,
            "channels": CHANNELS,
        },
        back=url_for("people.find"),
    )


def _one(conn: Connection, senior_id: int) -> Row[Any]:
    return scope.one(conn, scope.people(select(seniors).where(seniors.c.id == senior_id)), "senior")


def _outlook(conn: Connection, card: book.Card, now: Any) -> outlook.Outlook | None:
    try:
        return outlook.of(conn, card, now)
    except Refused:
        return None  # no scheme in force: there is nothing to look forward to
