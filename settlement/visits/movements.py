"""What a card was used for: its last movements with what was bought in each. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, select

from settlement.cards import inquiry
from settlement.cards.inquiry import Movement
from settlement.policy.tables import price_items
from settlement.visits.tables import debits, visit_lines

_DEBIT = "debit:"


@dataclass(frozen=True)
class Bought:
    item: str
    name_zh: str
    name_en: str
    quantity: int
    amount_fen: int


@dataclass(frozen=True)
class Spent:
    """``movement``: date, kind, provider and both purses' amounts, signed. ``items`` and ``visit_id`` for debits and what took them back;
    ``cash_fen``: paid at the door besides."""

    movement: Movement
    visit_id: str | None
    items: tuple[Bought, ...]
    cash_fen: int


def last(conn: Connection, card_id: int, limit: int) -> list[Spent]:
    """The card's last movements, newest first."""
    found = inquiry.movements(conn, card_id, limit)
    ids = [m.reference.removeprefix(_DEBIT) for m in found if m.reference.startswith(_DEBIT)]
    of_debit = {row.id: row for row in conn.execute(select(debits).where(debits.c.id.in_(ids)))}
    items = items_of(conn, [row.visit_id for row in of_debit.values()])
    spent = []
    for movement in found:
        debit = of_debit.get(movement.reference.removeprefix(_DEBIT))
        if debit is None:
            spent.append(Spent(movement, None, (), 0))
        else:
            spent.append(Spent(movement, debit.visit_id, items.get(debit.visit_id, ()), debit.cash_fen))
    return spent


def items_of(conn: Connection, visit_ids: Sequence[str]) -> Mapping[str, tuple[Bought, ...]]:
    """What was bought in each visit, in the words of the price list it was priced by."""
    line, item = visit_lines.c, price_items.c
    named = and_(item.list_id == line.price_list_id, item.item_code == line.item_code)
    query = (
        select(line.visit_id, line.item_code, item.name_zh, item.name_en, line.quantity, line.amount_fen)
        .join(price_items, named)
        .where(line.visit_id.in_(visit_ids))
        .order_by(line.visit_id, line.no)
    )
    found: dict[str, tuple[Bought, ...]] = {}
    for visit_id, *bought in conn.execute(query):
        found[visit_id] = (*found.get(visit_id, ()), Bought(*bought))
    return found
