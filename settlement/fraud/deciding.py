"""Deciding a payment stop: a second person lets the visit be paid, or takes it as false and voids it."""

from __future__ import annotations

from sqlalchemy import select, update

from settlement import officers
from settlement.act import Act
from settlement.closing.adjusting import void_visit
from settlement.outcomes import Declined, Reason, Refused
from settlement.visits import voiding
from settlement.visits.tables import payment_stops, visits

VOID_REASON = "fraud"


def release(act: Act, visit_id: str, reason: str) -> list[str]:
    """Lift every open stop of a visit: the next statement pays it. Returns the signals that had placed them.

    The person has looked at the visit, so all its stops are decided at once. Raises Refused: NOT_FOUND for an unknown visit; NOT_ALLOWED
    without the right for the visit's town; BAD_INPUT without a reason; WRONG_STATE when nothing is open; SAME_PERSON for who placed one.
    """
    return _decide(act, visit_id, "released", reason)


def uphold(act: Act, visit_id: str, reason: str) -> list[str]:
    """Confirm every open stop of a visit: it is void and the money goes back. Returns the signals that had placed them.

    Money that comes back to somebody who has died or left settles first what was issued to them too much. Raises as :func:`release`, and
    Refused with the reason why the visit cannot be voided.
    """
    sources = _decide(act, visit_id, "upheld", reason)
    status = act.conn.execute(select(visits.c.status).where(visits.c.id == visit_id)).scalar_one()
    # It may have become void meanwhile for another reason; then nothing is left to take back.
    if status != "void":
        outcome = void_visit(act, visit_id, VOID_REASON)
        if isinstance(outcome, Declined):
            raise Refused(outcome.reason, **outcome.details)
    return sources


def _decide(act: Act, visit_id: str, decision: str, reason: str) -> list[str]:
    visit = voiding.lock(act, visit_id)  # before its stops, as whoever decides a complaint about it
    if visit is None:
        raise Refused(Reason.NOT_FOUND, what=f"visit {visit_id}")
    officers.require(act, "stop.decide", town=visit.town)
    if not reason.strip():
        raise Refused(Reason.BAD_INPUT, detail="理由 | reason")
    stop = payment_stops.c
    of_visit = select(payment_stops).where(stop.visit_id == visit_id).order_by(stop.id).with_for_update()
    stops = act.conn.execute(of_visit).all()
    placed = [row for row in stops if row.status == "open"]
    if not placed:
        state = stops[-1].status if stops else "no payment stop"
        raise Refused(Reason.WRONG_STATE, state=state, event=decision)
    officers.require_other(act, *(row.placed_by for row in placed))
    decided = {"status": decision, "decided_by": act.actor.id, "decided_at": act.now, "decision_reason": reason.strip()}
    act.conn.execute(update(payment_stops).where(stop.id.in_([row.id for row in placed])).values(decided))
    sources = [row.source for row in placed]
    act.audit(
        f"stop.{decision}",
        f"visit:{visit_id}",
        before={"status": "open"},
        after={"status": decision, "signals": sources},
        why=reason,
    )
    return sources
