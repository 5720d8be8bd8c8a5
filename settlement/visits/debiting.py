"""The card payment for a visit: decided whole, then written whole.

A debit that is declined is kept as a row, with its reason; nothing else of it is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import BigInteger, Row, and_, bindparam, insert, or_, select, update

from settlement.act import Act
from settlement.cards.tables import cards, media
from settlement.errors import BrokenInvariant
from settlement.ledger import balance, chart
from settlement.ledger.accounts import open_account
from settlement.ledger.transfer import Transfer, post
from settlement.officers import require
from settlement.outcomes import Declined, Reason, Refused, declined
from settlement.people.tables import seniors
from settlement.periods import Month, local_date
from settlement.policy.scheme import Scheme
from settlement.policy.store import in_force
from settlement.visits import rules
from settlement.visits.admission import card_refused, clock_refused
from settlement.visits.forms import Debit, DebitRequest, PricedLine
from settlement.visits.purses import Asked, Funds, Split, split
from settlement.visits.service import lines_of
from settlement.visits.tables import debits, visits
from settlement.visits.words import CONSENTS, VOID_REASONS, unlisted
from settlement.vouchers import cap, purses


@dataclass(frozen=True)
class _Case:
    """``visit``: its row, with the card's and the medium's. ``answered``: the people at the door hear our
    answer; else the debit was queued without signal."""

    request: DebitRequest
    visit: Any
    scheme: Scheme
    lines: tuple[PricedLine, ...]
    answered: bool
    debited: bool

    @property
    def total(self) -> int:
        return sum(line.amount_fen for line in self.lines)

    @property
    def day(self) -> date:
        """Local, of the check-in: it decides the cap's year and which lots still count."""
        return local_date(self.visit.check_in_at, self.scheme.time_zone)

    @property
    def year(self) -> int:
        return self.day.year


def debit(act: Act, request: DebitRequest) -> Debit | Declined:
    """Debit a visit. The same request again answers the first result; Refused(ID_REUSED) for other content under the same id.

    Checks, in this order, the first that fails decides: visit known; served (VISIT_NOT_OUT, VISIT_VOID); not debited yet; clock and age of
    the record; the card that was read is the visit's and counted then (OTHER_CARD, CODE_DEAD, CARD_CLOSED, ACCOUNT_FROZEN); consent accepted
    by the scheme for the amount; within the time allowed after the visit; total; the limit without signal; cash; the purses.
    Raises Refused(BAD_INPUT) for amounts that cannot be.
    """
    if request.total_fen <= 0 or min(request.confirm_personal_fen, request.cash_fen) < 0:
        raise Refused(Reason.BAD_INPUT, detail="total_fen > 0, confirm_personal_fen >= 0, cash_fen >= 0")
    visit = act.conn.execute(_VISIT, {"visit": request.visit_id, "medium": request.medium_id}).one_or_none()
    if visit is None:
        return declined(Reason.VISIT_UNKNOWN)
    require(act, "visit.record", provider_id=visit.provider_id)
    # After the lock, so that of two debits at once the second sees the first.
    before = act.conn.execute(_BEFORE, {"id": request.id, "visit": visit.id}).all()
    known = next((row for row in before if row.id == request.id), None)
    if known is not None:
        return _replay(act, known, request)
    scheme = in_force(act.conn, visit.scheme_code, Month.parse(visit.month))
    answered = rules.at_the_door(scheme, request.occurred_at, act.now) and not request.released
    case = _Case(request, visit, scheme, lines_of(act, visit.id), answered, debited=bool(before))
    refusal = _refused(act, case)
    if refusal is not None and refusal.reason is Reason.EVENT_TOO_OLD:
        return refusal  # not decided yet: a second person may release the record
    if refusal is not None:
        return _keep_declined(act, case, refusal)
    funds = _funds(act, case)
    asked = _asked(case)
    parts = split(asked, funds, answered=answered)
    if isinstance(parts, Declined):
        return _keep_declined(act, case, parts)
    outcome = _move(act, case, parts)
    if outcome is not None:
        return _keep_declined(act, case, outcome)
    _keep(act, case, parts)
    return Debit(
        request.id,
        visit.id,
        visit.card_id,
        case.total,
        parts.subsidy,
        parts.personal,
        parts.cash,
        parts.shortfall,
        "posted",
        sum(available for _, available in funds.lots) - parts.subsidy,
        funds.personal - parts.personal,
        None if funds.year_left is None else funds.year_left - parts.subsidy,
    )


_VISIT = (
    select(visits, cards.c.frozen_from, cards.c.closed_at, cards.c.activated_at, cards.c.personal_account_id)
    .add_columns(media.c.card_id.label("read_card_id"), media.c.dead_from, media.c.dead_reason)
    .join(cards, cards.c.id == visits.c.card_id)
    .outerjoin(media, media.c.id == bindparam("medium", type_=BigInteger))
    .where(visits.c.id == bindparam("visit"))
    .with_for_update(of=[visits, cards], key_share=True)
)
_BEFORE = select(debits).where(
    or_(debits.c.id == bindparam("id"), and_(debits.c.visit_id == bindparam("visit"), debits.c.status == "posted"))
)


def _refused(act: Act, case: _Case) -> Declined | None:
    return (
        _visit_refused(case)
        or clock_refused(act, case.scheme, case.request.occurred_at, released=case.request.released)
        or _card_refused(case)
        or _consent_refused(act, case)
        or _amount_refused(case)
    )


def _visit_refused(case: _Case) -> Declined | None:
    visit = case.visit
    if visit.status == "open":
        return declined(Reason.VISIT_NOT_OUT)
    if visit.status == "void":
        return declined(Reason.VISIT_VOID, why=VOID_REASONS[visit.void_reason].zh)
    return declined(Reason.ALREADY_DEBITED) if case.debited else None


def _card_refused(case: _Case) -> Declined | None:
    if case.request.medium_id is not None and case.visit.read_card_id != case.visit.card_id:
        return declined(Reason.OTHER_CARD)
    return card_refused(case.visit, case.request.occurred_at)


def _consent_refused(act: Act, case: _Case) -> Declined | None:
    request = case.request
    refusal = unlisted(request.consent, CONSENTS)
    if refusal is not None:
        return refusal
    accepted = next((c for c in case.scheme.door.consents if c.code == CONSENTS[request.consent]), None)
    if accepted is None:
        return declined(Reason.CONSENT_NOT_ENOUGH, up_to_fen=0)
    if request.consent in ("chip", "card_qr") and request.medium_id is None:
        return declined(Reason.CONSENT_NOT_PROVED)
    if request.consent == "agent":
        agent = select(seniors.c.agent_name).where(seniors.c.id == case.visit.senior_id)
        if not act.conn.execute(agent).scalar_one():
            return declined(Reason.CONSENT_NOT_PROVED)
    if accepted.up_to_fen is not None and request.total_fen > accepted.up_to_fen:
        return declined(Reason.CONSENT_NOT_ENOUGH, up_to_fen=accepted.up_to_fen)
    return None


def _amount_refused(case: _Case) -> Declined | None:
    request, visit, offline = case.request, case.visit, case.scheme.door.offline
    earliest = visit.check_in_at - rules.clock_tolerance(case.scheme)
    if not earliest <= request.occurred_at <= visit.check_out_at + timedelta(days=offline.oldest_days):
        return declined(Reason.DEBIT_OUTSIDE_WINDOW)
    if case.answered and request.total_fen != case.total:
        return declined(Reason.TOTAL_DIFFERS, total_fen=case.total)
    if not case.answered and not request.released and case.total > offline.up_to_fen:
        return declined(Reason.OFFLINE_LIMIT, up_to_fen=offline.up_to_fen)
    if request.cash_fen and not (case.scheme.purses.cash.accepted and request.receipt_no):
        return declined(Reason.CASH_NOT_ACCEPTED)
    return None


def _asked(case: _Case) -> Asked:
    request = case.request
    subsidised = sum(line.amount_fen for line in case.lines if line.subsidised)
    return Asked(case.total, subsidised, request.total_fen, request.confirm_personal_fen, request.cash_fen)


def _funds(act: Act, case: _Case) -> Funds:
    # Locked, the card's year first and then its purses: what is split here is there when it is posted.
    card_id = case.visit.card_id
    left = cap.room(act, card_id, case.year) if case.scheme.purses.yearly_cap.applies else None
    lots, personal = purses.lock(act, card_id, case.day)
    return Funds([(lot.account_id, lot.available) for lot in lots], left, personal)


def _move(act: Act, case: _Case, parts: Split) -> Declined | None:
    request, visit = case.request, case.visit
    group, reference = f"debit/{request.id}", f"debit:{request.id}"

    def part(name: str, source: int, target: int, amount: int, code: str) -> Transfer:
        return Transfer(f"{group}/{name}", source, target, amount, code, reference, request.occurred_at, spending=True)

    transfers = []
    if parts.lots:
        claim = open_account(act, chart.PROVIDER_CLAIM, chart.provider_in_town(visit.provider_id, visit.town))
        transfers += [
            part(f"subsidy{no}", account, claim, amount, "debit_subsidy")
            for no, (account, amount) in enumerate(parts.lots, 1)
        ]
    if parts.personal:
        claim = open_account(act, chart.PROVIDER_CLAIM_PERSONAL, chart.provider(visit.provider_id))
        transfers.append(part("personal", visit.personal_account_id, claim, parts.personal, "debit_personal"))
    if not transfers:
        return None
    outcome = post(act, group, transfers)
    if isinstance(outcome, Declined):
        return outcome
    if (
        parts.lots
        and case.scheme.purses.yearly_cap.applies
        and not cap.spend(act, case.visit.card_id, case.year, parts.subsidy)
    ):
        raise BrokenInvariant(f"debit {request.id}: the year's cap moved while it was locked")
    return None


def _row(act: Act, case: _Case) -> dict[str, Any]:
    request, visit = case.request, case.visit
    return {
        "id": request.id,
        "visit_id": visit.id,
        "card_id": case.visit.card_id,
        "medium_id": request.medium_id,
        "provider_id": visit.provider_id,
        "town": visit.town,
        "cap_year": case.year,
        "occurred_at": request.occurred_at,
        "recorded_at": act.now,
        "agreed_fen": request.total_fen,
        "agreed_personal_fen": request.confirm_personal_fen,
        "receipt_no": request.receipt_no,
        "consent": request.consent,
    }


def _keep(act: Act, case: _Case, parts: Split) -> None:
    amounts = {
        "total_fen": case.total,
        "subsidy_fen": parts.subsidy,
        "personal_fen": parts.personal,
        "cash_fen": parts.cash,
        "shortfall_fen": parts.shortfall,
    }
    act.conn.execute(insert(debits), _row(act, case) | amounts | {"status": "posted"})
    act.conn.execute(update(visits).where(visits.c.id == case.visit.id).values(completed_at=act.now))


def _keep_declined(act: Act, case: _Case, why: Declined) -> Declined:
    row = _row(act, case) | {"status": "declined", "decline_reason": why.reason.code}
    if why.reason is Reason.OTHER_CARD:
        row["medium_id"] = None  # it may be no card of ours at all
    row["consent"] = row["consent"][:16]
    row |= {"total_fen": case.total or case.request.total_fen, "subsidy_fen": 0, "personal_fen": 0}
    act.conn.execute(insert(debits), row | {"cash_fen": case.request.cash_fen, "shortfall_fen": 0})
    return why


def _replay(act: Act, row: Row[Any], request: DebitRequest) -> Debit | Declined:
    asked = (request.visit_id, request.occurred_at, request.consent, request.total_fen, request.confirm_personal_fen)
    stored = (row.visit_id, row.occurred_at, row.consent, row.agreed_fen, row.agreed_personal_fen)
    if asked != stored or (request.cash_fen, request.receipt_no) != (row.cash_fen, row.receipt_no):
        raise Refused(Reason.ID_REUSED)
    if row.status == "declined":
        return declined(Reason[row.decline_reason.upper()])
    visit = act.conn.execute(select(visits).where(visits.c.id == row.visit_id)).one()
    scheme = in_force(act.conn, visit.scheme_code, Month.parse(visit.month))
    capped = scheme.purses.yearly_cap.applies
    personal = select(cards.c.personal_account_id).where(cards.c.id == row.card_id)
    day = local_date(visit.check_in_at, scheme.time_zone)
    return Debit(
        row.id,
        row.visit_id,
        row.card_id,
        row.total_fen,
        row.subsidy_fen,
        row.personal_fen,
        row.cash_fen,
        row.shortfall_fen,
        row.status,
        sum(lot.available for lot in purses.open_lots(act.conn, row.card_id, day)),
        balance.available(act.conn, act.conn.execute(personal).scalar_one()),
        cap.remaining(act.conn, row.card_id, row.cap_year) if capped else None,
    )
