"""The seniors' own money: settled every month from the card operator's trust to the provider, in an order of its own, never split."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert, select

from settlement.act import Act
from settlement.closing import payers
from settlement.closing.tables import adjustments, payment_orders, personal_settlements, statements
from settlement.periods import Month


def settle(act: Act, scheme_code: str, month: Month) -> None:
    """Draw up the month's personal settlements and, where something is owed, the order for it.

    What voids gave back is netted; below zero nothing is paid and the rest is carried into the next month.
    """
    s, a, p = statements.c, adjustments.c, personal_settlements.c
    of_month = (s.scheme_code == scheme_code, s.month == str(month))
    earned: dict[int, int] = {}
    voided: dict[int, int] = {}
    for row in act.conn.execute(select(s.provider_id, s.personal_fen).where(*of_month)):
        earned[row.provider_id] = earned.get(row.provider_id, 0) + row.personal_fen
    taken_up = select(a.provider_id, a.personal_fen).join(statements, s.id == a.statement_id).where(*of_month)
    for row in act.conn.execute(taken_up):
        voided[row.provider_id] = voided.get(row.provider_id, 0) + row.personal_fen
    before = select(p.provider_id, p.amount_fen).where(
        p.scheme_code == scheme_code, p.month == str(month.previous()), p.amount_fen < 0
    )
    carried = {row.provider_id: row.amount_fen for row in act.conn.execute(before)}
    for provider_id in sorted({*earned, *voided, *carried}):
        parts = (earned.get(provider_id, 0), voided.get(provider_id, 0), carried.get(provider_id, 0))
        if any(parts):
            _write(act, scheme_code, month, provider_id, *parts)


def _write(
    act: Act, scheme_code: str, month: Month, provider_id: int, personal_fen: int, voided_fen: int, carried_fen: int
) -> None:
    amount_fen = personal_fen + voided_fen + carried_fen
    order_id = None
    if amount_fen > 0:
        order_id = f"{scheme_code}-{month}-S{provider_id:03d}"
        order: dict[str, Any] = {"id": order_id, "scheme_code": scheme_code, "period": str(month), "kind": "personal"}
        order |= {"payer": payers.CARD_OPERATOR, "payee": f"provider:{provider_id}", "amount_fen": amount_fen}
        order |= payers.payer_details(act.conn, payers.CARD_OPERATOR)
        order |= payers.payee_details(act.conn, f"provider:{provider_id}")
        act.conn.execute(insert(payment_orders), order | {"status": "drafted", "attempt": 1, "status_at": act.now})
    row = {"provider_id": provider_id, "month": str(month), "scheme_code": scheme_code, "order_id": order_id}
    row |= {"personal_fen": personal_fen, "voided_fen": voided_fen, "carried_fen": carried_fen}
    act.conn.execute(insert(personal_settlements), row | {"amount_fen": amount_fen})
