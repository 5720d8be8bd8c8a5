"""What was taken from a card lately, told as one would tell it: when, who came, for what, how much. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from settlement.providers.tables import caregivers, providers
from settlement.visits.movements import items_of
from settlement.visits.tables import debits, visits


@dataclass(frozen=True)
class Taken:
    """A debit. Amounts in fen. ``back``: it was taken back and the money is on the card again. ``minutes``: None where nothing was measured."""

    debit_id: str
    visit_id: str
    at: datetime
    provider: str
    caregiver: str | None
    minutes: int | None
    items: tuple[str, ...]
    subsidy: int
    personal: int
    cash: int
    back: bool

    @property
    def total(self) -> int:
        return self.subsidy + self.personal + self.cash


def taken(conn: Connection, card_id: int, limit: int) -> list[Taken]:
    """The card's last debits, the newest first."""
    d, v = debits.c, visits.c
    query = (
        select(d.id, d.visit_id, d.status, d.subsidy_fen, d.personal_fen, d.cash_fen)
        .add_columns(v.check_in_at, v.seconds, v.status.label("visit_status"))
        .add_columns(providers.c.name.label("provider"), caregivers.c.name.label("caregiver"))
        .join(visits, v.id == d.visit_id)
        .join(providers, providers.c.id == d.provider_id)
        .outerjoin(caregivers, caregivers.c.id == v.caregiver_id)
        .where(d.card_id == card_id, d.status != "declined")
        .order_by(d.occurred_at.desc(), d.id)
        .limit(limit)
    )
    rows = conn.execute(query).all()
    items = items_of(conn, [row.visit_id for row in rows])
    return [_taken(row, tuple(item.name_zh for item in items.get(row.visit_id, ()))) for row in rows]


def _taken(row: Row[Any], items: tuple[str, ...]) -> Taken:
    return Taken(
        debit_id=row.id,
        visit_id=row.visit_id,
        at=row.check_in_at,
        provider=row.provider,
        caregiver=row.caregiver,
        minutes=None if row.seconds is None else row.seconds // 60,
        items=items,
        subsidy=row.subsidy_fen,
        personal=row.personal_fen,
        cash=row.cash_fen,
        back=row.status == "reversed" or row.visit_status == "void",
    )
