"""The subsidy purses of a card: one lot where unspent money carries over, else a lot per day on which it lapses."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection, case, select

from settlement.ledger import chart
from settlement.ledger.tables import accounts
from settlement.periods import Month
from settlement.policy import months
from settlement.policy.scheme import Scheme


class Lot(NamedTuple):
    """``available``: balance less what is held, in the scheme's unit. ``lot``: first day it can no longer be spent; empty: never lapses."""

    account_id: int
    available: int
    lot: str


def open_lots(conn: Connection, card_id: int, on: date | None = None) -> list[Lot]:
    """The purses with money, in the order in which to spend: what lapses first comes first.

    ``on``: the local day of the service; what had lapsed by then is left out.
    """
    a = accounts.c
    mine = (a.code == chart.CARD_SUBSIDY) & (a.owner == chart.card(card_id)) & (a.balance > a.held)
    query = select(a.id, (a.balance - a.held).label("available"), a.lot).where(mine)
    if on is not None:
        query = query.where((a.lot == "") | (a.lot > on.isoformat()))
    rows = conn.execute(query.order_by(case((a.lot == "", 1), else_=0), a.lot, a.id))
    return [Lot(row.id, row.available, row.lot) for row in rows]


def in_order(lots: Iterable[Lot], on: date) -> list[Lot]:
    """Those with money that had not lapsed by a day, in the order in which to spend; as :func:`open_lots`, of what was read otherwise."""
    left = [lot for lot in lots if lot.available > 0 and (lot.lot == "" or lot.lot > on.isoformat())]
    return sorted(left, key=lambda lot: (lot.lot == "", lot.lot, lot.account_id))


def lot_of(scheme: Scheme, month: Month) -> str:
    """The lot that a month's issue goes into."""
    day = months.lapses_on(scheme, month)
    return "" if day is None else day.isoformat()
