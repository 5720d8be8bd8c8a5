"""How somebody's accounts stand or stood: the answer with what makes an empty one understood."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, or_, select

from settlement.ledger import balance
from settlement.ledger.tables import accounts


@dataclass(frozen=True)
class Standing:
    """``amount``: in ``unit``. ``first_day``: the earliest effective day of anything that ever moved on the account, None while nothing has."""

    account_id: int
    code: str
    owner: str
    unit: str
    lot: str
    amount: int
    first_day: date | None


def of_owner(
    conn: Connection, owner: str, day: date | None = None, recorded_before: datetime | None = None
) -> list[Standing]:
    """Every account of an owner (``provider:3``: those by town included), as of a day and as known at a moment, or now; none for a stranger.

    A moment without a day means every effective day.
    """
    a = accounts.c
    theirs = or_(a.owner == owner, a.owner.startswith(f"{owner}/", autoescape=True))
    query = select(a.id, a.code, a.owner, a.unit, a.lot).where(theirs).order_by(a.code, a.owner, a.unit, a.lot)
    now = day is None and recorded_before is None
    return [
        Standing(
            *row,
            balance.balance(conn, row.id)
            if now
            else balance.as_of(conn, row.id, day or date.max, recorded_before=recorded_before),
            balance.first_day(conn, row.id),
        )
        for row in conn.execute(query).all()
    ]
