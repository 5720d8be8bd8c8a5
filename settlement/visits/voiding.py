"""What does not count is void (废单, notice 5(3)1): the money goes back where it came from, and the service is asked for again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, select, update

from settlement.act import Act
from settlement.cards.tables import cards
from settlement.errors import BrokenInvariant
from settlement.ledger import transfer
from settlement.officers import require
from settlement.outcomes import Declined, Reason, declined
from settlement.periods import Month
from settlement.policy.scheme import Scheme
from settlement.policy.store import in_force
from settlement.visits import orders
from settlement.visits.tables import debits, visits, work_orders
from settlement.visits.words import TAKE_BACK_REASONS, VISIT_STATUS, VOID_REASONS, unlisted
from settlement.vouchers import cap, life


@dataclass(frozen=True)
class Voided:
    """``debit_id``: the debit taken back, None when none stood; ``again_order_id``: the order to serve again, None where the reason or the
    scheme asks for none."""

    visit_id: str
    reason: str
    debit_id: str | None
    again_order_id: str | None
    replayed: bool


def void(act: Act, visit_id: str, reason: str, by: str | None = None) -> Voided | Declined:
    """Void a visit that is on no statement yet. ``reason``: of ``words.VOID_REASONS``; ``by``: who decided, default the actor.

    Its debit is reversed: every fen returns to the purse and lot it came from, and to the year's cap. The same reason again changes nothing.
    Declined: BAD_INPUT (reason), VISIT_UNKNOWN, OTHER_PROVIDERS_ORDER, VISIT_VOID (for another reason), VISIT_ON_STATEMENT
    (``closing.adjusting`` books the difference). Raises Refused(NOT_ALLOWED).
    """
    refusal = unlisted(reason, VOID_REASONS)
    if refusal is not None:
        return refusal
    visit = lock(act, visit_id)
    if visit is None:
        return declined(Reason.VISIT_UNKNOWN)
    if act.actor.provider_id not in (None, visit.provider_id):
        return declined(Reason.OTHER_PROVIDERS_ORDER)
    require(act, "visit.void", town=visit.town, provider_id=visit.provider_id)
    if visit.status == "void":
        return _again(act, visit, reason)
    if visit.status == "paid":
        return declined(Reason.VISIT_ON_STATEMENT)
    debit = posted_debit(act, visit_id)
    if debit is not None:
        _reverse(act, debit, f"void/{debit.id}")
    again_order_id = mark(act, visit, reason, by=by or act.actor.id)
    return Voided(visit_id, reason, debit.id if debit else None, again_order_id, replayed=False)


def lock(act: Act, visit_id: str) -> Row[Any] | None:
    """A visit's row, locked together with its card's until the act ends; before the card's year and accounts, everywhere."""
    return act.conn.execute(_LOCKED, {"visit": visit_id}).one_or_none()


_LOCKED = (
    select(visits)
    .join(cards, cards.c.id == visits.c.card_id)
    .where(visits.c.id == bindparam("visit"))
    .with_for_update(of=[visits, cards], key_share=True)
)


def posted_debit(act: Act, visit_id: str) -> Row[Any] | None:
    query = select(debits).where(debits.c.visit_id == visit_id, debits.c.status == "posted")
    return act.conn.execute(query).one_or_none()


def _again(act: Act, visit: Row[Any], reason: str) -> Voided | Declined:
    if visit.void_reason != reason:
        return declined(Reason.VISIT_VOID, why=VOID_REASONS[visit.void_reason].zh)
    d, o = debits.c, work_orders.c
    debit_id = act.conn.execute(select(d.id).where(d.visit_id == visit.id, d.status == "reversed").limit(1)).scalar()
    again = act.conn.execute(select(o.id).where(o.again_for_visit_id == visit.id)).scalar_one_or_none()
    return Voided(visit.id, reason, debit_id, again, replayed=True)


def mark(
    act: Act, visit: Row[Any], reason: str, *, by: str, scheme: Scheme | None = None, why: str | None = None
) -> str | None:
    """Mark a visit void and, where reason and scheme say so, order the service again; the order's id. Moves no money."""
    change = {"status": "void", "void_reason": reason, "void_at": act.now, "void_by": by}
    act.conn.execute(update(visits).where(visits.c.id == visit.id).values(change))
    after = {"status": "void", "reason": reason, "by": by}
    act.audit("visit.void", f"visit:{visit.id}", before={"status": visit.status}, after=after, why=why)
    scheme = scheme or in_force(act.conn, visit.scheme_code, Month.parse(visit.month))
    if not (VOID_REASONS[reason].again and scheme.visits.void.serve_again):
        return None
    return orders.again(act, visit, scheme.visits.duration.minutes)


def take_back_debit(act: Act, debit_id: str, reason: str) -> Declined | None:
    """Take a debit back and leave its visit as it is (a wrong amount, the senior disagrees); it may be debited anew under another id.

    ``reason``: of ``words.TAKE_BACK_REASONS``. The same again changes nothing. Declined: NOTHING_TO_TAKE_BACK, VISIT_ON_STATEMENT.
    """
    refusal = unlisted(reason, TAKE_BACK_REASONS)
    if refusal is not None:
        return refusal
    visit_id = act.conn.execute(select(debits.c.visit_id).where(debits.c.id == debit_id)).scalar_one_or_none()
    visit = None if visit_id is None else lock(act, visit_id)
    if visit is None:
        return declined(Reason.NOTHING_TO_TAKE_BACK)
    require(act, "debit.take_back", town=visit.town, provider_id=visit.provider_id)
    debit = act.conn.execute(select(debits).where(debits.c.id == debit_id)).one()
    if debit.status == "reversed":
        return None
    if debit.status != "posted":
        return declined(Reason.NOTHING_TO_TAKE_BACK)
    if visit.status != "served":
        words = VISIT_STATUS[visit.status]
        paid = visit.status == "paid"
        wrong = declined(Reason.VISIT_NOT_OPEN, state_zh=words.zh, state_en=words.en)
        return declined(Reason.VISIT_ON_STATEMENT) if paid else wrong
    _reverse(act, debit, f"void/{debit.id}")
    # A close that collected the visit had checked it with this debit; another one is for the next.
    act.conn.execute(update(visits).where(visits.c.id == visit_id).values(collected_for=None))
    act.audit(
        "debit.take_back", f"debit:{debit_id}", before={"status": "posted"}, after={"status": "reversed"}, why=reason
    )
    return None


def _reverse(act: Act, debit: Row[Any], group: str) -> None:
    give_money_back(act, debit, act.now, group)
    act.conn.execute(update(debits).where(debits.c.id == debit.id).values(status="reversed"))


def give_money_back(act: Act, debit: Row[Any], occurred_at: datetime, new_group: str) -> None:
    """The contra of a debit's transfers, each to the account and lot it came from, and the year's cap restored. Once, however often called
    with the same ``new_group``. The debit's row is the caller's to change. Raises BrokenInvariant when the ledger declines.

    Of somebody who died or left, what came back settles first what was issued to them too much."""
    if debit.subsidy_fen + debit.personal_fen == 0:
        return  # cash only: the ledger never knew of it
    columns = (visits.c.scheme_code, visits.c.month, visits.c.senior_id)
    visit = act.conn.execute(select(*columns).where(visits.c.id == debit.visit_id)).one()
    scheme = in_force(act.conn, visit.scheme_code, Month.parse(visit.month))
    capped = debit.subsidy_fen > 0 and scheme.purses.yearly_cap.applies
    if capped:  # locked before the purses, as by everybody who needs both
        cap.room(act, debit.card_id, debit.cap_year)
    group, reference = f"debit/{debit.id}", f"debit:{debit.id}"
    outcome = transfer.reverse_group(act, group, new_group, reference, occurred_at, "void")
    if isinstance(outcome, Declined):
        raise BrokenInvariant(f"debit {debit.id} cannot be taken back: {outcome.en}")
    if outcome.replayed or not debit.subsidy_fen:
        return
    if capped:
        cap.give_back(act, debit.card_id, debit.cap_year, debit.subsidy_fen)
    life.recover(act, visit.senior_id)
