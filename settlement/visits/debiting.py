"""The card payment for a visit: decided whole, then written whole.

A debit that is declined is kept as a row, with its reason; nothing else of it is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, select, update

from settlement.act import Act
from settlement.cards.tables import cards
from settlement.ledger import balance, chart
from settlement.ledger.accounts import open_account
from settlement.ledger.transfer import Transfer, post
from settlement.officers import require
from settlement.outcomes import Declined, Reason, Refused, declined
from settlement.people.agents import appointed
from settlement.periods import Month, local_date
from settlement.policy.scheme import Scheme
from settlement.policy.store import by_hash, in_force
from settlement.together import Write, inserting, row, together
from settlement.visits import before_a_debit, offline, rules
from settlement.visits.admission import card_refused, clock_refused
from settlement.visits.before_a_debit import Standing
from settlement.visits.consents import Proof
from settlement.visits.forms import Debit, DebitRequest
from settlement.visits.purses import Asked, Funds, Split, split
from settlement.visits.tables import debits, visits
from settlement.visits.words import CONSENTS, VOID_REASONS, unlisted
from settlement.vouchers import cap, purses


@dataclass(frozen=True)
class _Case:
    """``visit``: its row, with the card's and the medium's (``before_a_debit``). ``answered``: the people at the door hear our
    answer; else the debit was queued without signal. ``proof``: of the consent, where more is to be seen than the card that was read."""

    request: DebitRequest
    visit: Any
    scheme: Scheme
    day: date
    standing: Standing
    answered: bool
    proof: Proof | None

    @property
    def total(self) -> int:
        return self.standing.total_fen

    @property
    def year(self) -> int:
        """The cap's: of the check-in's local day, which decides which lots still count, too."""
        return self.day.year


@dataclass(frozen=True)
class Answer:
    """``writes``: what keeps it. The caller executes them, together with what it has to write itself."""

    what: Debit | Declined
    writes: tuple[Write, ...] = ()


def debit(act: Act, request: DebitRequest) -> Debit | Declined:
    """Debit a visit. The same request again answers the first result; Refused(ID_REUSED) for other content under the same id.

    Checks, in this order, the first that fails decides: visit known; served (VISIT_NOT_OUT, VISIT_VOID); not debited yet; clock and age of
    the record; the card that was read is the visit's and counted then (OTHER_CARD, CODE_DEAD, CARD_CLOSED, ACCOUNT_FROZEN); consent accepted
    by the scheme for the amount; within the time allowed after the visit; total; cash; the limits without signal; the purses.
    Raises Refused(BAD_INPUT) for amounts that cannot be.
    """
    answer = answer_to(act, request, before_a_debit.visit(act, request.visit_id, request.medium_id))
    together(act.conn, answer.writes)
    return answer.what


def answer_to(act: Act, request: DebitRequest, visit: Row[Any] | None, proof: Proof | None = None) -> Answer:
    """As :func:`debit`, of a visit that is read and locked already; the money is moved, the rest is left to be written. ``proof``: asked last of
    what concerns the consent; None where the caller has verified it."""
    if request.total_fen <= 0 or min(request.confirm_personal_fen, request.cash_fen) < 0:
        raise Refused(Reason.BAD_INPUT, detail="total_fen > 0, confirm_personal_fen >= 0, cash_fen >= 0")
    if visit is None:
        return Answer(declined(Reason.VISIT_UNKNOWN))
    require(act, "visit.record", provider_id=visit.provider_id)
    scheme = by_hash(act.conn, visit.scheme_hash, visit.scheme_code, Month.parse(visit.month))
    day = local_date(visit.check_in_at, scheme.time_zone)
    capped = scheme.purses.yearly_cap.applies
    # After the lock, so that of two debits at once the second sees the first.
    standing = before_a_debit.standing(act, visit, request.id, day, capped=capped)
    if request.id in standing.before:
        return Answer(_replay(act, request))
    answered = rules.at_the_door(scheme, request.occurred_at, act.now) and not (request.released or request.queued)
    case = _Case(request, visit, scheme, day, standing, answered, proof)
    refusal = _refused(act, case)
    if refusal is not None and _undecided(request, refusal):
        return Answer(refusal)
    if refusal is not None:
        return _declined(act, case, refusal)
    own = standing.personal.available if standing.personal else 0
    funds = Funds([(lot.account_id, lot.available) for lot in standing.lots], standing.year_left, own)
    parts = split(_asked(case), funds, answered=answered)
    if isinstance(parts, Declined):
        return _declined(act, case, parts)
    outcome = _move(act, case, parts)
    if outcome is not None:
        return _declined(act, case, outcome)
    done = Debit(
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
    return Answer(done, _kept(act, case, parts))


def _refused(act: Act, case: _Case) -> Declined | None:
    return (
        _visit_refused(case)
        or clock_refused(act, case.scheme, case.request.occurred_at, released=case.request.released)
        or _card_refused(case)
        or _consent_refused(act, case)
        or _amount_refused(case)
        or _beyond_limits(act, case)
    )


def _undecided(request: DebitRequest, refusal: Declined) -> bool:
    """A second person may release the signed record; without one there is nothing to release."""
    signed = request.counter is not None
    return refusal.reason is Reason.EVENT_TOO_OLD or (signed and refusal.reason in offline.LIMITS)


def _visit_refused(case: _Case) -> Declined | None:
    visit = case.visit
    if visit.status == "open":
        return declined(Reason.VISIT_NOT_OUT)
    if visit.status == "void":
        return declined(Reason.VISIT_VOID, why=VOID_REASONS[visit.void_reason].zh)
    return declined(Reason.ALREADY_DEBITED) if case.standing.before else None


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
    if request.consent == "agent" and not appointed(act.conn, case.visit.senior_id, request.occurred_at):
        return declined(Reason.CONSENT_NOT_PROVED)
    if accepted.up_to_fen is not None and request.total_fen > accepted.up_to_fen:
        return declined(Reason.CONSENT_NOT_ENOUGH, up_to_fen=accepted.up_to_fen)
    return None if case.proof is None else case.proof(case.visit.card_id)


def _beyond_limits(act: Act, case: _Case) -> Declined | None:
    if case.answered or case.request.released:
        return None
    return offline.beyond(act, case.scheme, case.visit.card_id, case.request, case.total)


def _amount_refused(case: _Case) -> Declined | None:
    request, visit = case.request, case.visit
    earliest = visit.check_in_at - rules.clock_tolerance(case.scheme)
    ended = visit.check_out_at or visit.check_in_at  # at a counter nobody checks out
    if not earliest <= request.occurred_at <= ended + timedelta(days=case.scheme.door.offline.oldest_days):
        return declined(Reason.DEBIT_OUTSIDE_WINDOW)
    if case.answered and request.total_fen != case.total:
        return declined(Reason.TOTAL_DIFFERS, total_fen=case.total)
    if request.cash_fen and not (case.scheme.purses.cash.accepted and request.receipt_no):
        return declined(Reason.CASH_NOT_ACCEPTED)
    return None


def _asked(case: _Case) -> Asked:
    request, standing = case.request, case.standing
    return Asked(case.total, standing.subsidised_fen, request.total_fen, request.confirm_personal_fen, request.cash_fen)


def _move(act: Act, case: _Case, parts: Split) -> Declined | None:
    request, visit = case.request, case.visit
    group, reference = f"debit/{request.id}", f"debit:{request.id}"

    def part(name: str, source: int, target: int, amount: int, code: str) -> Transfer:
        return Transfer(f"{group}/{name}", source, target, amount, code, reference, request.occurred_at, spending=True)

    transfers = []
    if parts.lots:
        claim = _claim(act, case, chart.PROVIDER_CLAIM, chart.provider_in_town(visit.provider_id, visit.town))
        transfers += [
            part(f"subsidy{no}", account, claim, amount, "debit_subsidy")
            for no, (account, amount) in enumerate(parts.lots, 1)
        ]
    if parts.personal and case.standing.personal:
        claim = _claim(act, case, chart.PROVIDER_CLAIM_PERSONAL, chart.provider(visit.provider_id))
        own = case.standing.personal.account_id
        transfers.append(part("personal", own, claim, parts.personal, "debit_personal"))
    if not transfers:
        return None
    outcome = post(act, group, transfers)
    return outcome if isinstance(outcome, Declined) else None


def _claim(act: Act, case: _Case, code: str, owner: str) -> int:
    return case.standing.claims.get(code) or open_account(act, code, owner)


def _row(act: Act, case: _Case) -> dict[str, Any]:
    request, visit = case.request, case.visit
    return {
        "id": request.id,
        "visit_id": visit.id,
        "card_id": visit.card_id,
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


_names = debits.c.keys()
_DECLINED = inserting(debits, *_names)
_POSTED = inserting(debits, *(name for name in _names if name != "decline_reason"))
# Named like the debit's own: fewer parameters in all. psycopg reads a statement anew each time when it has more than 50.
_COMPLETED = (
    update(visits)
    .where(visits.c.id == bindparam("debits_visit_id"))
    .values(completed_at=bindparam("debits_recorded_at"))
)


def _kept(act: Act, case: _Case, parts: Split) -> tuple[Write, ...]:
    amounts = {
        "total_fen": case.total,
        "subsidy_fen": parts.subsidy,
        "personal_fen": parts.personal,
        "cash_fen": parts.cash,
        "shortfall_fen": parts.shortfall,
    }
    debit = row(debits, _row(act, case) | amounts | {"status": "posted"})
    done = {name: debit[name] for name in ("debits_visit_id", "debits_recorded_at")}
    kept = (Write(_POSTED, debit), Write(_COMPLETED, done))
    if parts.lots and case.standing.year_left is not None:
        return (*kept, cap.spending(case.visit.card_id, case.year, parts.subsidy))
    return kept


def _declined(act: Act, case: _Case, why: Declined) -> Answer:
    kept = _row(act, case) | {"status": "declined", "decline_reason": why.reason.code}
    if why.reason is Reason.OTHER_CARD:
        kept["medium_id"] = None  # it may be no card of ours at all
    kept["consent"] = kept["consent"][:16]
    kept |= {"total_fen": case.total or case.request.total_fen, "subsidy_fen": 0, "personal_fen": 0}
    kept |= {"cash_fen": case.request.cash_fen, "shortfall_fen": 0}
    return Answer(why, (Write(_DECLINED, row(debits, kept)),))


def _replay(act: Act, request: DebitRequest) -> Debit | Declined:
    first = act.conn.execute(select(debits).where(debits.c.id == request.id)).one()
    asked = (request.visit_id, request.occurred_at, request.consent, request.total_fen, request.confirm_personal_fen)
    stored = (first.visit_id, first.occurred_at, first.consent, first.agreed_fen, first.agreed_personal_fen)
    if asked != stored or (request.cash_fen, request.receipt_no) != (first.cash_fen, first.receipt_no):
        raise Refused(Reason.ID_REUSED)
    if first.status == "declined":
        return declined(Reason[first.decline_reason.upper()])
    visit = act.conn.execute(select(visits).where(visits.c.id == first.visit_id)).one()
    scheme = in_force(act.conn, visit.scheme_code, Month.parse(visit.month))
    capped = scheme.purses.yearly_cap.applies
    personal = select(cards.c.personal_account_id).where(cards.c.id == first.card_id)
    day = local_date(visit.check_in_at, scheme.time_zone)
    return Debit(
        first.id,
        first.visit_id,
        first.card_id,
        first.total_fen,
        first.subsidy_fen,
        first.personal_fen,
        first.cash_fen,
        first.shortfall_fen,
        first.status,
        sum(lot.available for lot in purses.open_lots(act.conn, first.card_id, day)),
        balance.available(act.conn, act.conn.execute(personal).scalar_one()),
        cap.remaining(act.conn, first.card_id, first.cap_year) if capped else None,
    )
