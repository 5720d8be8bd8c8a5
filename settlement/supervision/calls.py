"""The hotline: a caller is asked what the card's holder knows, a few times a day; whoever answered rightly hears the balance and may ask for things.

A call is its officer's who took it, and ends by itself. Nobody is ever asked for the PIN. Of a try that failed it is said that something does not fit, never
what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from settlement.act import Act
from settlement.cards import book, registry
from settlement.keys import KeyRing
from settlement.officers import require
from settlement.outcomes import Declined, Reason, Refused, declined
from settlement.people import agents
from settlement.people.tables import seniors
from settlement.supervision import complaints, knowing
from settlement.supervision.tables import hotline_calls
from settlement.visits import bookings

TRIES = 3
"""Wrong ones about one person within :data:`WITHIN`, whoever called and whoever took the calls."""
WITHIN = timedelta(hours=24)
TO_ANSWER = timedelta(minutes=30)
LASTS = timedelta(minutes=30)
"""After the caller was identified."""

CALLERS: Mapping[str, tuple[str, str]] = {"senior": ("本人", "the senior"), "agent": ("代理人", "an agent")}
STATUS: Mapping[str, tuple[str, str]] = {
    "asking": ("核对中", "being asked"),
    "identified": ("已核对", "identified"),
    "failed": ("核对不符", "not identified"),
    "ended": ("已结束", "over"),
}
AGENT_PHONE = "agent_phone"
"""The answer of an agent: which telephone is on record for them."""

h = hotline_calls.c


def begin(act: Act, ring: KeyRing, senior_id: int, caller: str) -> int:
    """Somebody calls about a senior's card; the call's number. ``caller``: of :data:`CALLERS`.

    Raises Refused: NOT_ALLOWED; BAD_INPUT; NOT_FOUND (also without a card); CALLER_LOCKED after too many wrong answers.
    """
    require(act, "hotline.serve")
    if caller not in CALLERS:
        raise Refused(Reason.BAD_INPUT, detail=f"caller: {', '.join(CALLERS)}")
    if book.of_senior(act.conn, senior_id) is None:
        raise Refused(Reason.NOT_FOUND, what="card")
    if _wrong_lately(act.conn, senior_id, act.now) >= TRIES:
        raise Refused(Reason.CALLER_LOCKED, hours=WITHIN // timedelta(hours=1))
    row = {"senior_id": senior_id, "caller": caller, "status": "asking", "wrong": 0, "taken_by": act.actor.id}
    row |= {"questions": knowing.drawn(act.conn, ring, senior_id, act.now), "begun_at": act.now}
    call_id = int(act.conn.execute(insert(hotline_calls).values(row).returning(h.id)).scalar_one())
    act.audit("call.begin", f"call:{call_id}", after={"senior": senior_id, "caller": caller})
    return call_id


def answer(act: Act, ring: KeyRing, call_id: int, given: Mapping[str, str]) -> Declined | None:
    """Whether the caller is who they say. The act is to be committed whatever the answer: a wrong try counts.

    ``given``: by the questions' codes; of an agent :data:`AGENT_PHONE` besides. Declined: CALLER_WRONG (``left``: how many tries remain),
    CALLER_LOCKED, also for right answers, from the third wrong try on. Raises Refused: NOT_ALLOWED; NOT_FOUND for a call that somebody else took;
    CALL_NOT_OPEN when it is over.
    """
    call = _locked(act, call_id)
    if call.status == "identified":
        return None
    if call.status != "asking" or act.now >= call.begun_at + TO_ANSWER:
        raise Refused(Reason.CALL_NOT_OPEN)
    # One try about a person at a time, or many calls at once would try more often.
    act.conn.execute(select(seniors.c.id).where(seniors.c.id == call.senior_id).with_for_update(key_share=True))
    before = _wrong_lately(act.conn, call.senior_id, act.now)
    if before >= TRIES:
        return _failed(act, call, 0)
    agent = None
    if call.caller == "agent":
        agent = agents.by_phone(act.conn, ring, call.senior_id, given.get(AGENT_PHONE, ""))
    known = knowing.knows(act.conn, ring, call.senior_id, call.questions, given)
    if known and (agent is not None or call.caller == "senior"):
        done = {"status": "identified", "identified_at": act.now, "tried_at": act.now}
        _set(act, call_id, done | {"agent_id": None if agent is None else agent.id})
        act.audit("call.identified", f"call:{call_id}", after={"senior": call.senior_id})
        return None
    if before + 1 >= TRIES:
        return _failed(act, call, 1)
    _set(act, call_id, {"wrong": call.wrong + 1, "tried_at": act.now})
    act.audit("call.wrong", f"call:{call_id}", after={"senior": call.senior_id})
    return declined(Reason.CALLER_WRONG, left=TRIES - before - 1)


def _failed(act: Act, call: Row[Any], more: int) -> Declined:
    failed = {"status": "failed", "wrong": call.wrong + more, "ended_at": act.now}
    _set(act, call.id, failed | ({"tried_at": act.now} if more else {}))
    act.audit("call.failed", f"call:{call.id}", after={"senior": call.senior_id})
    return declined(Reason.CALLER_LOCKED, hours=WITHIN // timedelta(hours=1))


def end(act: Act, call_id: int) -> None:
    """They hung up. Again changes nothing. Raises Refused."""
    call = _locked(act, call_id)
    if call.status in ("asking", "identified"):
        _set(act, call_id, {"status": "ended", "ended_at": act.now})
        act.audit("call.end", f"call:{call_id}", before={"status": call.status})


def taken(conn: Connection, call_id: int, officer_id: str) -> Row[Any]:
    """A call by its officer's. Raises Refused(NOT_FOUND), the same for another officer's and for none."""
    query = select(hotline_calls).where(h.id == call_id, h.taken_by == officer_id)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what="call")
    return row


def open_now(call: Row[Any], now: datetime) -> bool:
    """Whether the caller is known, and the call not over."""
    return bool(call.status == "identified" and now < call.identified_at + LASTS)


# -- what an identified caller asks for ----------------------------------------------------------------------------------------
def report_lost(act: Act, call_id: int) -> None:
    """Spending stops at once. Raises Refused(CALL_NOT_OPEN, CARD_STATE)."""
    call = _known(act, call_id)
    card = book.of_senior(act.conn, call.senior_id)
    if card is None:
        raise Refused(Reason.NOT_FOUND, what="card")
    registry.report_lost(act, card.id)


def ask(act: Act, call_id: int, items: Sequence[str], words: str, wished_on: date | None) -> int:
    """Ask for service; the booking's number. Raises Refused(CALL_NOT_OPEN) and as ``bookings.ask``."""
    call = _known(act, call_id)
    return bookings.ask(act, call.senior_id, items, words, wished_on, call.caller)


def complain(act: Act, call_id: int, subject: str, kind: str, words: str) -> int:
    """Take a complaint; its number. Raises Refused(CALL_NOT_OPEN) and as ``complaints.open_``."""
    call = _known(act, call_id)
    return complaints.open_(act, call.senior_id, subject, kind, words, call.caller)


def _known(act: Act, call_id: int) -> Row[Any]:
    call = _locked(act, call_id)
    if not open_now(call, act.now):
        raise Refused(Reason.CALL_NOT_OPEN)
    return call


def _locked(act: Act, call_id: int) -> Row[Any]:
    require(act, "hotline.serve")
    act.conn.execute(select(h.id).where(h.id == call_id).with_for_update())
    return taken(act.conn, call_id, act.actor.id)


def _wrong_lately(conn: Connection, senior_id: int, now: datetime) -> int:
    lately = (h.senior_id == senior_id, h.tried_at > now - WITHIN)
    return int(conn.execute(select(func.coalesce(func.sum(h.wrong), 0)).where(*lately)).scalar_one())


def _set(act: Act, call_id: int, change: dict[str, Any]) -> None:
    act.conn.execute(update(hotline_calls).where(h.id == call_id).values(change))
