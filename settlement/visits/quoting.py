"""What a debit would take now, and leave: shown to the senior before she agrees. Reads only; nothing is locked or promised."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, case, func, select

from settlement.cards.tables import cards
from settlement.ledger import balance
from settlement.outcomes import Declined, Reason, Refused
from settlement.periods import Month, local_date
from settlement.policy.store import in_force
from settlement.visits.purses import Asked, Funds, split
from settlement.visits.tables import debits, visit_lines, visits
from settlement.visits.words import VOID_REASONS
from settlement.vouchers import cap, purses


@dataclass(frozen=True)
class Quote:
    """Fen. ``personal_fen``: from own money, if she agrees; ``shortfall_fen``: what the card does not have; ``…_left_fen``: afterwards;
    ``year_left_fen``: subsidy for the rest of the year, None where no cap applies."""

    visit_id: str
    total_fen: int
    subsidy_fen: int
    personal_fen: int
    shortfall_fen: int
    subsidy_left_fen: int
    personal_left_fen: int
    year_left_fen: int | None


def quote(conn: Connection, visit_id: str, provider_id: int, caregiver_id: int | None = None) -> Quote:
    """The split of a served visit's debit. ``caregiver_id``: whose visit it must be.

    Raises Refused: VISIT_UNKNOWN, OTHER_PROVIDERS_ORDER, OTHER_CAREGIVER, VISIT_NOT_OUT, VISIT_VOID, ALREADY_DEBITED.
    """
    visit = conn.execute(
        select(visits, cards.c.personal_account_id)
        .join(cards, cards.c.id == visits.c.card_id)
        .where(visits.c.id == visit_id)
    ).one_or_none()
    if visit is None:
        raise Refused(Reason.VISIT_UNKNOWN)
    if visit.provider_id != provider_id:
        raise Refused(Reason.OTHER_PROVIDERS_ORDER)
    if caregiver_id not in (None, visit.caregiver_id):
        raise Refused(Reason.OTHER_CAREGIVER)
    if visit.status == "open":
        raise Refused(Reason.VISIT_NOT_OUT)
    if visit.status == "void":
        raise Refused(Reason.VISIT_VOID, why=VOID_REASONS[visit.void_reason].zh)
    standing = select(debits.c.id).where(debits.c.visit_id == visit_id, debits.c.status == "posted")
    if conn.execute(standing).first() is not None:
        raise Refused(Reason.ALREADY_DEBITED)
    scheme = in_force(conn, visit.scheme_code, Month.parse(visit.month))
    day = local_date(visit.check_in_at, scheme.time_zone)
    lots = purses.open_lots(conn, visit.card_id, day)
    year_left = cap.remaining(conn, visit.card_id, day.year) if scheme.purses.yearly_cap.applies else None
    own = balance.available(conn, visit.personal_account_id)
    total, subsidised = _amounts(conn, visit_id)
    funds = Funds([(lot.account_id, lot.available) for lot in lots], year_left, own)
    parts = split(Asked(total, subsidised, total, total, 0), funds, answered=False)
    if isinstance(parts, Declined):
        raise Refused(parts.reason, **parts.details)
    subsidy = parts.subsidy
    left = sum(lot.available for lot in lots) - subsidy
    after = None if year_left is None else year_left - subsidy
    return Quote(visit_id, total, subsidy, parts.personal, parts.shortfall, left, own - parts.personal, after)


def _amounts(conn: Connection, visit_id: str) -> tuple[int, int]:
    """(in all, what subsidy may buy), of the visit's lines."""
    line = visit_lines.c
    may_buy = func.sum(case((line.subsidised, line.amount_fen), else_=0))
    total, subsidised = conn.execute(select(func.sum(line.amount_fen), may_buy).where(line.visit_id == visit_id)).one()
    return int(total or 0), int(subsidised or 0)
