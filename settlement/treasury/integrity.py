"""Four eyes and figures of the treasury, proved from the rows: budgets, towns' shares, invoices, matched movements, closed years."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, or_, select

from settlement.audit import audit_rows
from settlement.closing import invoices as billing
from settlement.closing.tables import invoices, payment_orders, share_payments
from settlement.findings import Finding
from settlement.treasury import matching, statement_file, year_end
from settlement.treasury.tables import account_lines, account_statements, appropriations, year_closes


def check(conn: Connection) -> list[Finding]:
    amounts = [*_recorded(conn), *_negative_budgets(conn), *_overbilled(conn)]
    return [*_four_eyes(conn), *amounts, *_stated(conn), *_matched(conn), *_years(conn)]


def _four_eyes(conn: Connection) -> Iterator[Finding]:
    a, c, y = appropriations.c, share_payments.c, year_closes.c
    same: tuple[tuple[ColumnElement[Any], ColumnElement[bool], str], ...] = (
        (
            a.id,
            or_(a.approved_by == a.proposed_by, a.withdrawn_at.is_not(None)) & a.approved_at.is_not(None),
            "appropriation",
        ),
        (
            c.id,
            or_(c.confirmed_by == c.recorded_by, c.withdrawn_at.is_not(None)) & c.confirmed_at.is_not(None),
            "share",
        ),
        (y.year, (y.closed_by == y.prepared_by) & y.closed_at.is_not(None), "year"),
    )
    for id, wrong, kind in same:
        for found in conn.execute(select(id).where(wrong).order_by(id)).scalars():
            zh, en = "没有由另一人批准，或批准后又撤回", "no second person approved it, or it was withdrawn after that"
            yield Finding("treasury_four_eyes", f"{kind}:{found}", zh, en)


def _recorded(conn: Connection) -> Iterator[Finding]:
    """What nothing else of ours adds up to is the amount that was put on record with it: appropriations, towns' shares, invoices."""
    t = audit_rows.c
    kinds = (
        (appropriations, "budget.propose", "appropriation", "appropriation"),
        (share_payments, "share.record", "payment", "share"),
        (invoices, "invoice.register", "invoice", "invoice"),
    )
    for table, act, name, kind in kinds:
        told = [row for row in conn.execute(select(t.after).where(t.act == act)).scalars() if row is not None]
        said = {row.get(name): row.get("amount_fen") for row in told}
        for id, fen in conn.execute(select(table.c.id, table.c.amount_fen).order_by(table.c.id)):
            if said.get(id) != fen:
                zh, en = "金额与登记时的记录不符", "it is not the amount that was put on record with it"
                yield Finding("treasury_amount_differs", f"{kind}:{id}", zh, en)


def _stated(conn: Connection) -> Iterator[Finding]:
    """A movement is still what the bank's file said."""
    line, st = account_lines.c, account_statements.c
    query = select(account_lines, st.lines).join(account_statements, st.id == line.statement_id)
    for row in conn.execute(query.order_by(line.id)):
        if all(statement_file.fingerprint(row, number) != row.fingerprint for number in range(1, row.lines + 1)):
            zh, en = "银行收支与导入的文件不符", "it is not what the bank's file said"
            yield Finding("movement_changed", f"movement:{row.id}", zh, en)


def _negative_budgets(conn: Connection) -> Iterator[Finding]:
    a = appropriations.c
    key = (a.scheme_code, a.year, a.payer)
    counted = (a.approved_at.is_not(None), a.withdrawn_at.is_(None))
    query = select(*key).where(*counted).group_by(*key).having(func.sum(a.amount_fen) < 0)
    for scheme, year, payer in conn.execute(query):
        yield Finding(
            "budget_negative", f"budget:{scheme}/{year}/{payer}", "预算合计低于零", "the budget is below zero"
        )


def _overbilled(conn: Connection) -> Iterator[Finding]:
    o, i = payment_orders.c, invoices.c
    billed = conn.execute(select(i.order_id).where(i.withdrawn_at.is_(None)).distinct()).scalars().all()
    amounts = dict(iter(conn.execute(select(o.id, o.amount_fen).where(o.id.in_(billed)))))
    for order_id, fen in billing.standing(conn, billed).items():
        if fen > amounts.get(order_id, 0):
            yield Finding(
                "order_overbilled",
                f"order:{order_id}",
                "发票合计超过付款单",
                "its invoices come to more than the order",
            )


def _matched(conn: Connection) -> Iterator[Finding]:
    """A movement is a document of the same amount and direction, and a document at most one movement."""
    line, s = account_lines.c, share_payments.c
    for payer in conn.execute(select(line.payer).distinct().order_by(line.payer)).scalars().all():
        documents = {one.key: one for one in matching.documents(conn, payer)}
        taken_back = select(s.id).where(s.payer == payer, s.withdrawn_at.is_not(None))
        withdrawn = {f"share:{id}" for id in conn.execute(taken_back).scalars()}
        seen: set[str] = set()
        rows = select(line.id, line.matched, line.in_fen, line.out_fen).where(
            line.payer == payer, line.matched.is_not(None)
        )
        for row in conn.execute(rows.order_by(line.id)):
            found = documents.get(row.matched)
            if found is None and row.matched in withdrawn:
                continue  # the desk shows it as open; it is let go when the account is matched next
            if found is None or (found.in_fen, found.out_fen) != (row.in_fen, row.out_fen) or row.matched in seen:
                zh, en = "银行收支与所对应的单据不符", "it is not what its document says"
                yield Finding("movement_differs", f"movement:{row.id}", zh, en, (row.matched,))
            seen.add(row.matched)


def _years(conn: Connection) -> Iterator[Finding]:
    for row in conn.execute(select(year_closes).order_by(year_closes.c.year)):
        if year_end.digest(row.figures) != row.digest:
            zh, en = "年终数字与签认时的不符", "the year's figures are no longer those that were signed for"
            yield Finding("year_differs", f"year:{row.scheme_code}/{row.year}", zh, en)
    a, y = appropriations.c, year_closes.c
    of_year = (a.scheme_code == y.scheme_code) & (a.year == y.year)
    late = select(a.id).join(year_closes, of_year).where(a.approved_at > y.closed_at, a.withdrawn_at.is_(None))
    for id in conn.execute(late.order_by(a.id)).scalars():
        zh, en = "年度已结转，之后又批准了预算", "approved after its year was closed"
        yield Finding("budget_of_closed_year", f"appropriation:{id}", zh, en)
