"""How a card stands and what comes next: the same for the senior's page, a call centre, a self-service terminal. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, and_, func, or_, select

from settlement.cards import inquiry
from settlement.cards.book import Card
from settlement.people.tables import entitlements
from settlement.periods import Month, local_date
from settlement.policy import months
from settlement.policy.scheme import Scheme
from settlement.policy.store import in_force
from settlement.vouchers import cap, purses
from settlement.vouchers.purses import Lot


class Lapsing(NamedTuple):
    """So many fen can be spent until ``until``, the last day."""

    fen: int
    until: date


@dataclass(frozen=True)
class Outlook:
    """Amounts in fen. ``subsidy``: on the card and not lapsed; ``spendable``: of it, what may be spent now (yearly cap, freeze); ``year_left``: what may
    still be spent in ``year``, None where no cap applies. ``lapsing``: what lapses first comes first; None where money carries over for good.
    ``next_fen``: None while nothing is decided for ``next_month``, and where several months are issued at once. ``frozen_from``: None unless it holds now."""

    today: date
    subsidy: int
    personal: int
    spendable: int
    year: int
    year_left: int | None
    lapsing: tuple[Lapsing, ...] | None
    next_month: Month
    next_fen: int | None
    frozen_from: datetime | None


def of(conn: Connection, card: Card, now: datetime) -> Outlook:
    """Raises Refused(NO_SCHEME_IN_FORCE)."""
    scheme = in_force(conn, card.scheme_code, Month.of(now))
    today = local_date(now, scheme.time_zone)
    lots = purses.open_lots(conn, card.id, today)
    subsidy = sum(lot.available for lot in lots)
    year_left = cap.remaining(conn, card.id, today.year) if scheme.purses.yearly_cap.applies else None
    frozen_from = card.frozen_from if card.frozen_from is not None and card.frozen_from <= now else None
    allowed = subsidy if year_left is None else min(subsidy, year_left)
    next_month = Month.of(today).next()
    return Outlook(
        today=today,
        subsidy=subsidy,
        personal=inquiry.purses(conn, card.id).personal,
        spendable=allowed if frozen_from is None else 0,
        year=today.year,
        year_left=year_left,
        lapsing=None if scheme.purses.carry_over.carries else _lapsing(lots),
        next_month=next_month,
        next_fen=_entitled(conn, card.senior_id, scheme, next_month),
        frozen_from=frozen_from,
    )


def _lapsing(lots: Sequence[Lot]) -> tuple[Lapsing, ...]:
    dated = [lot for lot in lots if lot.lot]
    return tuple(Lapsing(lot.available, date.fromisoformat(lot.lot) - timedelta(days=1)) for lot in dated)


def _entitled(conn: Connection, senior_id: int, scheme: Scheme, month: Month) -> int | None:
    if months.issued_together(scheme, month) != [month]:
        return None
    e = entitlements.c
    runs = and_(e.from_month <= str(month), or_(e.to_month.is_(None), e.to_month >= str(month)))
    query = select(func.sum(e.amount)).where(e.senior_id == senior_id, e.scheme_code == scheme.code, runs)
    total = conn.execute(query).scalar_one()
    return None if total is None else int(total)
