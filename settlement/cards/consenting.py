"""A senior's own word at an office: the card's PIN, typed by the holder."""

from __future__ import annotations

from sqlalchemy import select

from settlement.act import Act
from settlement.cards import book, pin
from settlement.keys import KeyRing
from settlement.officers import require
from settlement.outcomes import Declined, Reason, Refused, declined
from settlement.people import agents
from settlement.people.scope import require_person
from settlement.people.tables import agents as agents_table


def confirm_agent(act: Act, ring: KeyRing, agent_id: int, typed: str) -> Declined | None:
    """The senior agrees to an agent whom an office wrote down, by the PIN. The act is to be committed whatever the answer: a wrong try counts.

    Declined: PIN_NOT_SET (also without a card), PIN_WRONG (``left``: how many tries remain), PIN_LOCKED. Raises Refused: NOT_ALLOWED, NOT_FOUND,
    WRONG_STATE when it was withdrawn.
    """
    require(act, "agent.confirm")
    a = agents_table.c
    row = act.conn.execute(select(a.senior_id, a.withdrawn_at).where(a.id == agent_id)).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what=f"agent {agent_id}")
    require_person(act, row.senior_id)
    if row.withdrawn_at is not None:
        raise Refused(Reason.WRONG_STATE, state="withdrawn", event="confirm")
    card = book.of_senior(act.conn, row.senior_id)
    if card is None:
        return declined(Reason.PIN_NOT_SET)
    answer = pin.check(act, ring, card.id, typed)
    if answer is None:
        agents.confirm(act, agent_id, "pin")
    return answer
