"""Complaints: "this was not me", "this did not happen". Opened by the senior, an agent, or an office for them; decided by somebody else.

An objection in time keeps its visit out of payment until it is decided (a payment stop of its own); a later one is taken and decided all the
same, but stops nothing. What is upheld is put right at once: the visit is void or its debit taken back, and the money returns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import CompoundSelect, Connection, Row, Select, func, insert, select, union_all, update

from settlement.act import Act
from settlement.audit import audit_rows
from settlement.db import insert_if_absent
from settlement.officers import require, require_other
from settlement.outcomes import Declined, Reason, Refused
from settlement.people.scope import require_person, speaker
from settlement.periods import Month
from settlement.policy.store import in_force
from settlement.supervision.tables import complaints
from settlement.visits import voiding
from settlement.visits.tables import debits, door_events, payment_stops, visit_corrections, visits

MOST_OPEN = 20
LONGEST = 500

OUTCOMES = ("upheld", "rejected", "withdrawn")


class Kind(NamedTuple):
    """``disputes``: it says that the visit should not be paid as it stands. ``void``: for which reason its visit is void when it is upheld;
    None: the visit stands (``wrong_amount``: its debit is taken back, so that the right amount can be debited)."""

    zh: str
    en: str
    disputes: bool
    void: str | None


KINDS: Mapping[str, Kind] = {
    "not_me": Kind("不是本人消费", "this was not me", True, "wrong_person"),
    "not_served": Kind("没有来服务", "nobody came", True, "not_served"),
    "wrong_amount": Kind("金额不对", "the amount is wrong", True, None),
    "shorter": Kind("服务时间不足", "it was shorter", True, "too_short"),
    "rude": Kind("服务态度差", "they were rude", False, None),
    "goods": Kind("用实物代替服务", "goods instead of service", True, "goods"),
    "other": Kind("其他", "something else", False, None),
}

STATUS: Mapping[str, tuple[str, str]] = {
    "open": ("处理中", "being looked into"),
    "upheld": ("属实", "found right"),
    "rejected": ("不属实", "not found right"),
    "withdrawn": ("已撤回", "taken back"),
}

REMEDIES: Mapping[str, tuple[str, str]] = {
    "voided": ("该次服务作废，金额已退回", "the visit is void and the money is back"),
    "taken_back": ("该笔扣款已撤销，金额已退回", "the debit is taken back and the money is back"),
    "adjust": ("该笔已结算，差额另行调整", "it was settled; the difference is adjusted by hand"),
    "none": ("", ""),
}

Void = Callable[[Act, str, str], object]
"""Voids a visit for a reason; answers a Declined where it cannot."""


@dataclass(frozen=True)
class Complaint:
    """``in_time``: within the scheme's days for objecting; None when no debit is meant. ``remedy``: of :data:`REMEDIES`, once decided."""

    id: int
    senior_id: int
    town: str
    subject: str
    provider_id: int | None
    kind: str
    words: str
    said_by: str
    opened_by: str
    opened_at: datetime
    in_time: bool | None
    status: str
    remedy: str | None
    decided_by: str | None
    decided_at: datetime | None
    decided_why: str | None


@dataclass(frozen=True)
class _Subject:
    visit: Row[Any] | None = None
    debit: Row[Any] | None = None


def open_(act: Act, senior_id: int, subject: str, kind: str, words: str = "", by: str = "senior") -> int:
    """Take a complaint; its number. The same one again, while it is open, answers the first number.

    ``subject``: ``debit:ID``, ``visit:ID`` (of this senior) or ``service``; ``kind``: of :data:`KINDS`; ``words``: what was said, at most 500
    characters; ``by``: who complains (``people.scope.SPEAKERS``); a holder's session knows that itself. Raises Refused: NOT_ALLOWED,
    NOT_FOUND for a subject that is not this senior's, BAD_INPUT, TOO_MANY_OPEN.
    """
    require(act, "complaint.open")
    senior = require_person(act, senior_id)
    said_by, words = speaker(act, by), words.strip()
    if kind not in KINDS:
        raise Refused(Reason.BAD_INPUT, detail=f"kind: {', '.join(KINDS)}")
    if len(words) > LONGEST:
        raise Refused(Reason.BAD_INPUT, detail=f"原话最多{LONGEST}字 | at most {LONGEST} characters")
    about = _subject(act, senior_id, subject)
    known = act.conn.execute(_same(senior_id, subject, kind).where(complaints.c.status == "open"))
    first = known.scalar_one_or_none()
    if first is not None:
        return int(first)
    if _count_open(act, senior_id) >= MOST_OPEN:
        raise Refused(Reason.TOO_MANY_OPEN, most=MOST_OPEN)
    visit, debit = about.visit, about.debit
    in_time = None if debit is None else _in_time(act, visit, debit)
    row = {"senior_id": senior_id, "town": senior.town, "subject": subject, "kind": kind, "words": words}
    row |= {"visit_id": visit.id if visit else None, "debit_id": debit.id if debit else None}
    row |= {"provider_id": visit.provider_id if visit else None, "said_by": said_by, "in_time": in_time}
    row |= {"opened_by": act.actor.id, "opened_at": act.now, "status": "open"}
    added = insert_if_absent(act.conn, complaints).values(row).returning(complaints.c.id)
    complaint_id = act.conn.execute(added).scalar_one_or_none()
    if complaint_id is None:  # pressed twice at the same moment; the other one was first
        return int(act.conn.execute(_same(senior_id, subject, kind)).scalars().all()[-1])
    after = {"senior": senior_id, "subject": subject, "kind": kind, "said_by": said_by, "in_time": in_time}
    act.audit("complaint.open", f"complaint:{complaint_id}", after=after)
    if visit is not None and KINDS[kind].disputes and in_time is not False:
        _stop(act, complaint_id, visit, kind)
    return int(complaint_id)


def decide(act: Act, complaint_id: int, outcome: str, why: str, *, void: Void = voiding.void) -> str:
    """Decide a complaint; the remedy, of :data:`REMEDIES`. The same decision again changes nothing.

    Upheld: what its kind says becomes of visit or debit. Rejected or withdrawn: its payment stop is lifted. ``void``: how a visit becomes
    void; entry points that may book differences of a closed month pass ``closing.adjusting.void_visit``. Nobody decides who opened the
    complaint, let the visit's record count or corrected it; a holder may only take their own back. Raises Refused: NOT_FOUND, NOT_ALLOWED,
    SAME_PERSON, CONCERNED, BAD_INPUT without a reason, WRONG_STATE when it was decided otherwise, and why a visit cannot be voided.
    """
    row = act.conn.execute(select(complaints).where(complaints.c.id == complaint_id).with_for_update()).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what=f"complaint {complaint_id}")
    if outcome not in OUTCOMES or not why.strip():
        raise Refused(Reason.BAD_INPUT, detail=f"outcome: {', '.join(OUTCOMES)}; why")
    require(act, "complaint.withdraw" if outcome == "withdrawn" else "complaint.decide", town=row.town)
    if row.status == outcome:
        return str(row.remedy)
    if row.status != "open":
        raise Refused(Reason.WRONG_STATE, state=row.status, event=outcome)
    _require_unconcerned(act, row, outcome)
    remedy = _put_right(act, row, void) if outcome == "upheld" else "none"
    _decide_stop(act, row, "upheld" if remedy == "voided" else "released", why)
    decided = {"status": outcome, "remedy": remedy, "decided_by": act.actor.id, "decided_at": act.now}
    change = decided | {"decided_why": why.strip()[:LONGEST]}
    act.conn.execute(update(complaints).where(complaints.c.id == complaint_id).values(change))
    act.audit(
        "complaint.decide",
        f"complaint:{complaint_id}",
        before={"status": "open"},
        after={"status": outcome, "remedy": remedy},
        why=why.strip()[:LONGEST],
    )
    return remedy


def get(conn: Connection, complaint_id: int) -> Complaint:
    """Raises Refused(NOT_FOUND)."""
    row = conn.execute(_COLUMNS.where(complaints.c.id == complaint_id)).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what=f"complaint {complaint_id}")
    return Complaint(*row)


def listing(
    conn: Connection,
    *,
    town: str | None = None,
    senior_id: int | None = None,
    provider_id: int | None = None,
    status: str | None = "open",
) -> list[Complaint]:
    """Complaints, oldest first; ``status`` None: whatever became of them."""
    c = complaints.c
    wanted = {c.town: town, c.senior_id: senior_id, c.provider_id: provider_id, c.status: status}
    query = _COLUMNS.where(*(column == value for column, value in wanted.items() if value is not None))
    return [Complaint(*row) for row in conn.execute(query.order_by(c.opened_at, c.id))]


_COLUMNS = select(*(complaints.c[name] for name in Complaint.__dataclass_fields__))


# -- opening ------------------------------------------------------------------------------------------------------------------
def _same(senior_id: int, subject: str, kind: str) -> Select[Any]:
    c = complaints.c
    return select(c.id).where(c.senior_id == senior_id, c.subject == subject, c.kind == kind).order_by(c.id)


def _count_open(act: Act, senior_id: int) -> int:
    query = select(func.count()).where(complaints.c.senior_id == senior_id, complaints.c.status == "open")
    return int(act.conn.execute(query).scalar_one())


def _subject(act: Act, senior_id: int, subject: str) -> _Subject:
    """What is meant. Another person's visit is not found: nobody learns that it exists. The visit is locked, so that a close draws it up before
    or after, never meanwhile."""
    kind, _, id = subject.partition(":")
    if subject == "service":
        return _Subject()
    if kind == "debit":
        debit = act.conn.execute(select(debits).where(debits.c.id == id)).one_or_none()
        visit_id = None if debit is None else debit.visit_id
    elif kind == "visit":
        standing = select(debits).where(debits.c.visit_id == id, debits.c.status == "posted")
        debit, visit_id = act.conn.execute(standing).one_or_none(), id
    else:
        raise Refused(Reason.BAD_INPUT, detail="subject: debit:ID, visit:ID, service")
    mine = select(visits).where(visits.c.id == visit_id, visits.c.senior_id == senior_id)
    visit = act.conn.execute(mine.with_for_update(key_share=True)).one_or_none()
    if visit is None:
        raise Refused(Reason.NOT_FOUND, what=kind)
    return _Subject(visit, debit)


def _in_time(act: Act, visit: Any, debit: Any) -> bool:
    """Counted from when the books learnt of the debit, for before that nobody could tell the senior of it."""
    scheme = in_force(act.conn, visit.scheme_code, Month.parse(visit.month))
    return bool(act.now <= debit.recorded_at + timedelta(days=scheme.door.offline.objection_days))


def _stop(act: Act, complaint_id: int, visit: Any, kind: str) -> None:
    if visit.status not in ("open", "served"):
        return  # on a statement, or void: nothing is left to stop
    row = {"visit_id": visit.id, "source": _source(complaint_id), "detail": {"complaint": complaint_id, "kind": kind}}
    row |= {"placed_by": act.actor.id, "placed_at": act.now, "status": "open"}
    act.conn.execute(insert(payment_stops).values(row))


def _source(complaint_id: int) -> str:
    return f"complaint:{complaint_id}"


# -- deciding -----------------------------------------------------------------------------------------------------------------
def _require_unconcerned(act: Act, row: Row[Any], outcome: str) -> None:
    if outcome == "withdrawn":
        require_person(act, row.senior_id)
    else:
        require_other(act, row.opened_by)
    if act.actor.id in act.conn.execute(_had_a_say(row.visit_id)).scalars().all():
        raise Refused(Reason.CONCERNED)


def _had_a_say(visit_id: str | None) -> CompoundSelect[Any]:
    """Who let a record of the visit count, had a sale at a counter debited, proposed or approved a correction that counts."""
    e, a, c = door_events.c, audit_rows.c, visit_corrections.c
    corrected = (c.visit_id == visit_id, c.status == "approved")
    return union_all(
        select(e.decided_by).where(e.visit_id == visit_id),
        select(a.actor).where(a.subject == f"sale:{visit_id}", a.act == "sale.release"),
        select(c.proposed_by).where(*corrected),
        select(c.decided_by).where(*corrected),
    )


def _put_right(act: Act, row: Row[Any], void: Void) -> str:
    if row.visit_id is None or not KINDS[row.kind].disputes:
        return "none"
    visit = voiding.lock(act, row.visit_id)
    if visit is not None and visit.status == "void":
        return "voided"
    reason = KINDS[row.kind].void
    if reason is None:
        return _take_back(act, row, visit)
    answer = void(act, row.visit_id, reason)
    if isinstance(answer, Declined):
        raise Refused(answer.reason, **answer.details)
    return "voided"


def _take_back(act: Act, row: Row[Any], visit: Any) -> str:
    debit = voiding.posted_debit(act, row.visit_id)
    if debit is None:
        return "none" if row.debit_id is None else "taken_back"
    if row.debit_id not in (
        None,
        debit.id,
    ):  # that one is taken back already; what was debited anew is not what they meant
        return "taken_back"
    if visit.status == "paid":
        return "adjust"
    answer = voiding.take_back_debit(act, debit.id, "wrong_amount")
    if isinstance(answer, Declined):
        raise Refused(answer.reason, **answer.details)
    return "taken_back"


def _decide_stop(act: Act, row: Row[Any], decision: str, why: str) -> None:
    """Unless somebody who looked at the visit has decided it already. What stands after all, or is debited anew, is to be paid."""
    if row.visit_id is None:
        return
    stop = payment_stops.c
    mine = stop.visit_id == row.visit_id, stop.source == _source(row.id), stop.status == "open"
    decided = {"status": decision, "decided_by": act.actor.id, "decided_at": act.now}
    act.conn.execute(update(payment_stops).where(*mine).values(decided | {"decision_reason": why.strip()[:LONGEST]}))
