"""Invoices (发票) of providers, each registered against the payment order that it bills.

An invoice counts once, whatever the order; those of an order never come to more than it. A re-issued order is still billed by the invoices of the
one it repeats.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, cast, func, select, update

from settlement import officers
from settlement.act import Act
from settlement.closing.tables import invoices, payment_orders
from settlement.db import insert_if_absent
from settlement.money import format_yuan
from settlement.outcomes import Reason, Refused
from settlement.periods import local_date

o, i = payment_orders.c, invoices.c
NUMBER = re.compile(r"\d{8}|\d{20}|\d{10,12}-\d{8}")
"""20 digits on a fully digital invoice; 8 on a paper one, with its 10 or 12 digit code before it where two could be taken for each other."""


def register(act: Act, order_id: str, number: str, issued_on: date, amount_fen: int) -> int:
    """Register an invoice; its id. Raises Refused: NOT_FOUND, WRONG_STATE for an order that pays no provider or was repeated by another, BAD_INPUT,
    AMOUNT_NOT_POSITIVE, INVOICE_TAKEN, INVOICE_EXCEEDS."""
    order = _order(act, order_id)
    if order.kind == "transfer" or order.status == "reissued":
        raise Refused(Reason.WRONG_STATE, state=order.status, event="invoice")
    if not NUMBER.fullmatch(number):
        raise Refused(
            Reason.BAD_INPUT, detail="发票号码：20位，或8位，或 代码-号码 | number: 20 digits, 8, or code-number"
        )
    if issued_on > local_date(act.now):
        raise Refused(Reason.BAD_INPUT, detail="开票日期晚于今天 | the invoice is of a day to come")
    if amount_fen <= 0:
        raise Refused(Reason.AMOUNT_NOT_POSITIVE)
    row = {"order_id": order_id, "number": number, "issued_on": issued_on, "amount_fen": amount_fen}
    row |= {"registered_by": act.actor.id, "registered_at": act.now}
    standing_one = i.number == number, i.withdrawn_at.is_(None)
    if act.conn.execute(insert_if_absent(act.conn, invoices), row).rowcount != 1:
        other = act.conn.execute(select(i.order_id).where(*standing_one)).scalar_one()
        raise Refused(Reason.INVOICE_TAKEN, number=number, order=other)
    billed = standing(act.conn, [order_id])[order_id]
    if billed > order.amount_fen:
        raise Refused(Reason.INVOICE_EXCEEDS, sum=format_yuan(billed), amount=format_yuan(order.amount_fen))
    id: int = act.conn.execute(select(i.id).where(*standing_one)).scalar_one()
    act.audit(
        "invoice.register", f"order:{order_id}", after={"invoice": id, "number": number, "amount_fen": amount_fen}
    )
    return id


def withdraw(act: Act, invoice_id: int, why: str) -> str:
    """Take back a registration; the order it was of. Raises Refused: NOT_FOUND, WRONG_STATE once the order has left for the bank."""
    standing_one = select(invoices).where(i.id == invoice_id, i.withdrawn_at.is_(None))
    row = act.conn.execute(standing_one).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what="invoice")
    order = _order(act, row.order_id)
    if (
        act.conn.execute(standing_one).one_or_none() is None
    ):  # another officer withdrew it while we waited for the order
        raise Refused(Reason.NOT_FOUND, what="invoice")
    if order.status not in ("drafted", "returned"):
        raise Refused(Reason.WRONG_STATE, state=order.status, event="withdraw")
    gone = {"withdrawn_by": act.actor.id, "withdrawn_at": act.now}
    act.conn.execute(update(invoices).where(i.id == invoice_id).values(gone))
    act.audit(
        "invoice.withdraw", f"order:{row.order_id}", before={"invoice": invoice_id, "number": row.number}, why=why
    )
    return str(row.order_id)


def _order(act: Act, order_id: str) -> Row[Any]:
    # Locked: of two invoices at once the sum would else be checked twice against the same.
    order = act.conn.execute(select(payment_orders).where(o.id == order_id).with_for_update()).one_or_none()
    if order is None:
        raise Refused(Reason.NOT_FOUND, what=f"order {order_id}")
    officers.require(act, "invoice.register", town=order.town)
    return order


def lineage(conn: Connection, order_ids: Iterable[str]) -> dict[str, list[str]]:
    """Each order with those that it repeats, the latest first."""
    found = {id: [id] for id in order_ids}
    ahead = {id: id for id in found}
    while ahead:
        query = select(o.id, o.replaces_id).where(o.id.in_(ahead), o.replaces_id.is_not(None))
        ahead = {row.replaces_id: ahead[row.id] for row in conn.execute(query)}
        for older, newest in ahead.items():
            found[newest].append(older)
    return found


def of(conn: Connection, order_id: str) -> list[Row[Any]]:
    """Invoices that stand for an order, oldest first."""
    ids = lineage(conn, [order_id])[order_id]
    query = select(invoices).where(i.order_id.in_(ids), i.withdrawn_at.is_(None))
    return list(conn.execute(query.order_by(i.id)))


def standing(conn: Connection, order_ids: Iterable[str]) -> dict[str, int]:
    """By order: what its invoices come to, 0 without any."""
    lines = lineage(conn, order_ids)
    newest = {older: id for id, olders in lines.items() for older in olders}
    total = cast(func.sum(i.amount_fen), BigInteger)
    query = select(i.order_id, total).where(i.order_id.in_(newest), i.withdrawn_at.is_(None)).group_by(i.order_id)
    sums = dict.fromkeys(lines, 0)
    for order_id, amount in conn.execute(query):
        sums[newest[order_id]] += amount
    return sums
