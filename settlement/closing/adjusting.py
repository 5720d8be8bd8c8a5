"""Differences of a closed period, booked in an open one: voids after the statement was drawn, penalties, clawbacks, corrections.

History is not rewritten: the old statement goes on equalling the debits of its visits, and the adjustment stands on a later document. An
adjustment of a void waits for the next statement of that provider and town, whose signatures are its approval; the others belong to the
quarter and are proposed by one person and approved by another.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, exists, insert, or_, select, update

from settlement import officers
from settlement.act import Act
from settlement.closing.tables import adjustments
from settlement.outcomes import Declined, Reason, Refused, declined
from settlement.periods import Month
from settlement.policy import store
from settlement.providers.tables import contracts, providers
from settlement.visits import voiding
from settlement.visits.tables import visits
from settlement.visits.words import VOID_REASONS, unlisted

KINDS = {
    "void_after_close": ("结算后废单", "void after close"),
    "penalty": ("违约金", "penalty"),
    "clawback": ("追回", "clawback"),
    "correction": ("更正", "correction"),
    "carried": ("上季结转", "carried"),
}
PROPOSED = ("penalty", "clawback", "correction")
BELOW_ZERO = ("penalty", "clawback")


@dataclass(frozen=True)
class VoidedAfterClose:
    """``adjustment_id``: what the next statement of that provider and town will carry, None when only cash was paid.
    ``again_order_id``: the order to serve again."""

    visit_id: str
    reason: str
    adjustment_id: str | None
    again_order_id: str | None
    replayed: bool


def void_visit(act: Act, visit_id: str, reason: str) -> voiding.Voided | VoidedAfterClose | Declined:
    """Void a visit, on a statement or not; what entry points call. The same reason again changes nothing.

    On a statement already: every fen goes back to the purse and lot it came from, the debit stays as the old statement counted it, and an
    adjustment takes the money from the provider. Declines and raises as ``voiding.void``.
    """
    visit = voiding.lock(act, visit_id)
    booked = _booked(act.conn, visit_id)
    if visit is None or (visit.status != "paid" and booked is None):
        return voiding.void(act, visit_id, reason)
    refusal = unlisted(reason, VOID_REASONS)
    if refusal is not None:
        return refusal
    if act.actor.provider_id not in (None, visit.provider_id):
        return declined(Reason.OTHER_PROVIDERS_ORDER)
    officers.require(act, "visit.void", town=visit.town, provider_id=visit.provider_id)
    if booked is not None:
        if visit.void_reason != reason:
            return declined(Reason.VISIT_VOID, why=VOID_REASONS[visit.void_reason].zh)
        return VoidedAfterClose(visit_id, reason, booked.id, None, replayed=True)
    debit = voiding.posted_debit(act, visit_id)
    if debit is None:
        raise Refused(Reason.WRONG_STATE, state=visit.status, event="void")
    voiding.give_money_back(act, debit, act.now, f"void/{debit.id}")
    moved = debit.subsidy_fen + debit.personal_fen
    adjustment_id = f"void-{visit_id}" if moved else None
    row = {"id": adjustment_id, "kind": "void_after_close", "scheme_code": visit.scheme_code, "visit_id": visit_id}
    row |= {"provider_id": visit.provider_id, "town": visit.town, "origin_month": visit.month, "reason": reason}
    row |= {"amount_fen": -debit.subsidy_fen, "personal_fen": -debit.personal_fen}
    if moved:
        act.conn.execute(insert(adjustments), row | {"proposed_by": act.actor.id, "proposed_at": act.now})
    again = voiding.mark(act, visit, reason, by=act.actor.id)
    return VoidedAfterClose(visit_id, reason, adjustment_id, again, replayed=False)


def _booked(conn: Connection, visit_id: str) -> Row[Any] | None:
    a = adjustments.c
    query = select(adjustments).where(a.visit_id == visit_id, a.kind == "void_after_close")
    return conn.execute(query).one_or_none()


def propose(
    act: Act,
    kind: str,
    *,
    scheme_code: str,
    provider_id: int,
    town: str,
    origin_month: Month,
    amount_fen: int,
    reason: str,
    visit_id: str | None = None,
) -> str:
    """Propose a penalty, clawback (below zero) or correction (either sign) of a quarter; its id.

    Each call is a proposal of its own (two equal penalties may be meant); the second person sees both before either counts.

    ``origin_month``: the month it comes from, whose ratio splits it. Raises Refused(ADJUSTMENT_SIGN), Refused(BAD_INPUT),
    Refused(NOT_FOUND).
    """
    officers.require(act, "adjustment.propose", town=town)
    if kind not in PROPOSED or not reason.strip() or amount_fen == 0:
        raise Refused(Reason.BAD_INPUT, detail=f"{kind} {amount_fen} {reason!r}")
    if kind in BELOW_ZERO and amount_fen > 0:
        raise Refused(Reason.ADJUSTMENT_SIGN, kind=kind)
    store.in_force(act.conn, scheme_code, origin_month)
    if act.conn.execute(select(providers.c.id).where(providers.c.id == provider_id)).one_or_none() is None:
        raise Refused(Reason.NOT_FOUND, what=f"provider:{provider_id}")
    _require_known_there(act, provider_id, town)
    _require_theirs(act, visit_id, provider_id, town)
    facts = (
        kind,
        scheme_code,
        provider_id,
        town,
        str(origin_month),
        amount_fen,
        reason,
        visit_id,
        act.actor.id,
        act.now,
    )
    id = f"{kind}-{sha256(repr(facts).encode()).hexdigest()[:16]}"
    if act.conn.execute(select(adjustments.c.id).where(adjustments.c.id == id)).one_or_none() is not None:
        return id
    row = {"id": id, "kind": kind, "scheme_code": scheme_code, "provider_id": provider_id, "town": town}
    row |= {"origin_month": str(origin_month), "visit_id": visit_id, "amount_fen": amount_fen, "personal_fen": 0}
    row |= {"reason": reason, "proposed_by": act.actor.id, "proposed_at": act.now}
    act.conn.execute(insert(adjustments), row)
    act.audit("adjustment.propose", f"adjustment:{id}", after={"amount_fen": amount_fen}, why=reason)
    return id


def _require_known_there(act: Act, provider_id: int, town: str) -> None:
    """A mistyped town would be settled, and paid, by nobody."""
    c = contracts.c
    contracted = exists().where(c.provider_id == provider_id, c.town == town)
    served = exists().where(visits.c.provider_id == provider_id, visits.c.town == town)
    if not act.conn.execute(select(or_(contracted, served))).scalar_one():
        raise Refused(Reason.NOT_FOUND, what=f"provider:{provider_id} {town}")


def _require_theirs(act: Act, visit_id: str | None, provider_id: int, town: str) -> None:
    v = visits.c
    theirs = exists().where(v.id == visit_id, v.provider_id == provider_id, v.town == town)
    if visit_id is not None and not act.conn.execute(select(theirs)).scalar_one():
        raise Refused(Reason.NOT_FOUND, what=f"visit {visit_id}")


def approve(act: Act, adjustment_id: str) -> None:
    """A second person approves; the next quarter that is gathered settles it. Approved already: no change.

    Raises Refused(NOT_FOUND), Refused(SAME_PERSON), Refused(WRONG_STATE) for a kind that is not proposed, or one that was withdrawn.
    """
    officers.require(act, "adjustment.approve")
    a = adjustments.c
    row = _locked(act, adjustment_id)
    if row.kind not in PROPOSED or row.withdrawn_by is not None:
        state = "withdrawn" if row.withdrawn_by is not None else row.kind
        raise Refused(Reason.WRONG_STATE, state=state, event="approve")
    if row.approved_by is not None:
        return
    officers.require_other(act, row.proposed_by)
    approved = {"approved_by": act.actor.id, "approved_at": act.now}
    act.conn.execute(update(adjustments).where(a.id == adjustment_id).values(**approved))
    act.audit("adjustment.approve", f"adjustment:{adjustment_id}", after={"amount_fen": row.amount_fen})


def withdraw(act: Act, adjustment_id: str, why: str) -> None:
    """Take back or turn down a proposal that nobody has approved; it stays on record. Withdrawn already: no change.

    Raises Refused(NOT_FOUND), Refused(NOT_ALLOWED) for another town's, Refused(WRONG_STATE) once it is approved, Refused(BAD_INPUT) without a reason.
    """
    row = _locked(act, adjustment_id)
    officers.require(act, "adjustment.propose", town=row.town)
    if row.kind not in PROPOSED or row.approved_by is not None:
        raise Refused(Reason.WRONG_STATE, state="approved" if row.approved_by else row.kind, event="withdraw")
    if not why.strip():
        raise Refused(Reason.BAD_INPUT, detail="理由 | reason")
    if row.withdrawn_by is not None:
        return
    a = adjustments.c
    withdrawn = {"withdrawn_by": act.actor.id, "withdrawn_at": act.now}
    act.conn.execute(update(adjustments).where(a.id == adjustment_id).values(**withdrawn))
    act.audit("adjustment.withdraw", f"adjustment:{adjustment_id}", before={"amount_fen": row.amount_fen}, why=why)


def _locked(act: Act, adjustment_id: str) -> Row[Any]:
    query = select(adjustments).where(adjustments.c.id == adjustment_id).with_for_update()
    row = act.conn.execute(query).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what=adjustment_id)
    return row
