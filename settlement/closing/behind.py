"""What stands in the ledger behind a payment order: the references of all its transfers."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, select, union

from settlement.closing.tables import adjustments, payment_orders, settlements, statement_lines, statements
from settlement.outcomes import Reason, Refused
from settlement.visits.tables import debits

o, s, m, line, a, d = (
    table.c for table in (payment_orders, settlements, statements, statement_lines, adjustments, debits)
)


def references(conn: Connection, order_id: str) -> list[str]:
    """The payment itself, the settlement it pays, every debit on its statements, and the debits that its adjustments take back.

    An order between payers stands on settlements only: the debits are behind the orders to the providers. Raises Refused(NOT_FOUND).
    """
    order = conn.execute(select(payment_orders).where(o.id == order_id.removeprefix("order:"))).one_or_none()
    if order is None:
        raise Refused(Reason.NOT_FOUND, what=f"order {order_id}")
    found = [f"order:{order.id}"]
    if order.kind == "personal":
        of_month = select(m.id).where(m.scheme_code == order.scheme_code, m.month == order.period)
        monthly = of_month.where(m.provider_id == int(order.payee.partition(":")[2]))
        return found + _debits(conn, monthly, a.statement_id.in_(monthly))
    if order.kind == "transfer":
        of_town = and_(s.scheme_code == order.scheme_code, s.quarter == order.period, s.town == order.town)
        ids = conn.execute(select(s.id).where(of_town, s.net_fen > 0).order_by(s.id)).scalars()
        return found + [f"settlement:{id}" for id in ids]
    settlement = conn.execute(select(settlements).where(s.id == order.settlement_id)).one()
    return [*found, f"settlement:{settlement.id}", *_behind_settlement(conn, settlement)]


def _behind_settlement(conn: Connection, row: Row[Any]) -> list[str]:
    same = {name: getattr(row, name) for name in ("scheme_code", "quarter", "provider_id", "town")}
    quarterly = select(m.id).where(*(m[name] == value for name, value in same.items()))
    return _debits(conn, quarterly, and_(*(a[name] == value for name, value in same.items())))


def _debits(conn: Connection, statement_ids: Select[tuple[str]], adjusted: ColumnElement[bool]) -> list[str]:
    on_statements = select(line.debit_id).where(line.statement_id.in_(statement_ids))
    taken_back = select(d.id).join(adjustments, a.visit_id == d.visit_id).where(adjusted)
    both = union(on_statements, taken_back).subquery("both")
    return [f"debit:{id}" for id in conn.execute(select(both.c[0]).order_by(both.c[0])).scalars()]
