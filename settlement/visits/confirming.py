"""What the holder or the agent says about a debit afterwards: yes, or no.

A debit with the consent ``agent`` is to be confirmed so (:func:`waiting` lists those that nobody has answered for). Saying nothing is not a no: the
scheme accepts such debits up to its limit. A no keeps the visit out of payment until a second person has decided, like any other payment stop.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, exists, insert, select

from settlement.act import Act
from settlement.db import insert_if_absent
from settlement.officers import require
from settlement.outcomes import Reason, Refused
from settlement.people.scope import require_person, speaker
from settlement.visits.tables import debit_confirmations, debits, payment_stops, visits

By = Literal["holder", "agent"]
Said = Literal["yes", "no"]
How = Literal["page", "card_qr", "dynamic"]
DENIED = "debit_denied"
"""The source of the payment stop that a no places; a later one of the same visit has a number behind it."""


@dataclass(frozen=True)
class Confirmation:
    """``stopped``: a no keeps the visit out of payment; not so when it is on a statement already, or void: then it takes a complaint."""

    debit_id: str
    visit_id: str
    by: str
    answer: str
    said_at: datetime
    stopped: bool


def confirm(
    act: Act,
    debit_id: str,
    by: By,
    answer: Said,
    *,
    card_id: int | None = None,
    how: How = "page",
    said_at: datetime | None = None,
) -> Confirmation:
    """Record an answer; the same again changes nothing. ``card_id``: the card whose page is open, another card's debits are not found there;
    ``how``: how the one who speaks was known.

    Raises Refused: NOT_ALLOWED (a holder answers for the own debits, an agent as the agent); NOT_FOUND; BAD_INPUT; WRONG_STATE for a debit that
    was declined or taken back, and for another answer than the first (``state``: what was said then).
    """
    require(act, "debit.confirm")
    if by not in ("holder", "agent") or answer not in ("yes", "no"):
        raise Refused(Reason.BAD_INPUT, detail="by: holder, agent; answer: yes, no")
    debit = _locked(act, debit_id)
    if debit is None or card_id not in (None, debit.card_id):
        raise Refused(Reason.NOT_FOUND, what="debit")
    require_person(act, debit.senior_id)
    if act.actor.role == "holder" and (speaker(act, by) == "agent") != (by == "agent"):
        raise Refused(Reason.NOT_ALLOWED)
    if debit.status != "posted":
        raise Refused(Reason.WRONG_STATE, state=debit.status, event=answer)
    said: dict[str, Any] = {"debit_id": debit_id, "by": by, "answer": answer, "how": how}
    said |= {"said_at": said_at or act.now, "recorded_at": act.now, "recorded_by": act.actor.id}
    first = act.conn.execute(insert_if_absent(act.conn, debit_confirmations), said).rowcount == 1
    c = debit_confirmations.c
    kept = act.conn.execute(select(debit_confirmations).where(c.debit_id == debit_id, c.by == by)).one()
    if kept.answer != answer:
        raise Refused(Reason.WRONG_STATE, state=kept.answer, event=answer)
    if first:
        act.audit("debit.confirm", f"debit:{debit_id}", after={"by": by, "answer": answer, "how": how})
        if answer == "no":
            _stop(act, debit, by)
    return Confirmation(debit_id, debit.visit_id, by, kept.answer, kept.said_at, _stopped(act.conn, debit.visit_id))


def waiting(conn: Connection, card_id: int) -> list[Row[Any]]:
    """The card's debits that rest on a confirmation afterwards and have none yet, newest first."""
    d, c = debits.c, debit_confirmations.c
    answered = exists().where(c.debit_id == d.id)
    query = select(debits).where(d.card_id == card_id, d.status == "posted", d.consent == "agent", ~answered)
    return list(conn.execute(query.order_by(d.occurred_at.desc(), d.id)))


def said_of(conn: Connection, debit_ids: list[str]) -> dict[str, list[Row[Any]]]:
    """What was said about these debits, by debit, in the order in which it was recorded."""
    c = debit_confirmations.c
    query = select(debit_confirmations).where(c.debit_id.in_(debit_ids)).order_by(c.recorded_at, c.by)
    found: dict[str, list[Row[Any]]] = {}
    for row in conn.execute(query):
        found.setdefault(row.debit_id, []).append(row)
    return found


def _locked(act: Act, debit_id: str) -> Row[Any] | None:
    """The debit with its visit's state. The visit is locked, so that a close draws it up before or after, never meanwhile."""
    query = (
        select(debits.c.id, debits.c.visit_id, debits.c.card_id, debits.c.status)
        .add_columns(visits.c.senior_id, visits.c.status.label("visit_status"))
        .join(visits, visits.c.id == debits.c.visit_id)
        .where(debits.c.id == debit_id)
        .with_for_update(of=visits, key_share=True)
    )
    return act.conn.execute(query).one_or_none()


def _stop(act: Act, debit: Row[Any], by: str) -> None:
    """One stop at a time for each debit. What a second person has decided was about the debit before, or another's word."""
    if debit.visit_status != "served":
        return
    p = payment_stops.c
    placed = select(p.status, p.detail).where(p.visit_id == debit.visit_id, p.source.startswith(DENIED))
    before = act.conn.execute(placed).all()
    if any(row.status == "open" and row.detail["debit"] == debit.id for row in before):
        return
    source = f"{DENIED}:{len(before) + 1}" if before else DENIED
    stop: dict[str, Any] = {"visit_id": debit.visit_id, "source": source, "detail": {"debit": debit.id, "by": by}}
    stop |= {"placed_by": act.actor.id, "placed_at": act.now, "status": "open"}
    act.conn.execute(insert(payment_stops), stop)


def _stopped(conn: Connection, visit_id: str) -> bool:
    p = payment_stops.c
    return bool(conn.execute(select(exists().where(p.visit_id == visit_id, p.status == "open"))).scalar_one())
