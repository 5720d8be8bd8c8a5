"""Do the documents agree with what they were made of? Set-based; findings name each document and every record that disagrees.

Here the statements, from lines, debits, visits and adjustments; what a quarter makes of them: ``integrity_of_quarters``. What the ledger's
accounts say against all that: ``reconciling``; whether the right people signed it: ``signed``.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Subquery, and_, exists, func, or_, select

from settlement.closing import integrity_of_quarters, reconciling, signed
from settlement.closing.recounting import records, total
from settlement.closing.tables import (
    adjustments,
    statement_lines,
    statements,
)
from settlement.findings import Finding
from settlement.visits.tables import debits, visits

s, line, a, d, v = statements.c, statement_lines.c, adjustments.c, debits.c, visits.c


def check(conn: Connection) -> list[Finding]:
    """Every difference, from the bottom up."""
    months = [*_lines(conn), *_paid_visits(conn), *_voids(conn), *_statements(conn)]
    return months + integrity_of_quarters.check(conn) + reconciling.check(conn) + signed.check(conn)


def _lines(conn: Connection) -> list[Finding]:
    """A line repeats its debit, which stands; visit and statement are there and name the same provider, town and scheme."""
    missing = or_(d.id.is_(None), v.id.is_(None), s.id.is_(None))
    other_debit = or_(d.visit_id != line.visit_id, d.status != "posted")
    other_sum = or_(d.subsidy_fen != line.subsidy_fen, d.personal_fen != line.personal_fen)
    other_place = or_(v.provider_id != s.provider_id, v.town != s.town, v.scheme_code != s.scheme_code)
    query = (
        select(line.visit_id, line.statement_id, line.debit_id, line.subsidy_fen, line.personal_fen)
        .add_columns(d.subsidy_fen.label("debited"), d.personal_fen.label("debited_personal"), d.status)
        .select_from(statement_lines)
        .outerjoin(statements, s.id == line.statement_id)
        .outerjoin(debits, d.id == line.debit_id)
        .outerjoin(visits, v.id == line.visit_id)
        .where(or_(missing, other_debit, other_sum, other_place, v.month != line.service_month))
        .order_by(line.statement_id, line.visit_id)
    )
    return [
        Finding(
            "statement_line_differs",
            f"statement:{row.statement_id}",
            f"结算明细记补贴{row.subsidy_fen}分、个人{row.personal_fen}分，扣款({row.status or '缺失'})为{row.debited or 0}分、"
            f"{row.debited_personal or 0}分",
            f"the line says {row.subsidy_fen} and {row.personal_fen} fen, its debit ({row.status or 'missing'}) {row.debited or 0} and "
            f"{row.debited_personal or 0}",
            (f"visit:{row.visit_id}", f"debit:{row.debit_id}"),
        )
        for row in conn.execute(query)
    ]


def _paid_visits(conn: Connection) -> list[Finding]:
    """A visit is paid when and only when it is on a statement; one that became void since has its adjustment."""
    booked = exists().where(a.visit_id == v.id, a.kind == "void_after_close")
    moved = d.subsidy_fen + d.personal_fen > 0
    wrong = or_(
        and_(v.status == "paid", line.visit_id.is_(None)),
        and_(line.visit_id.is_not(None), v.status.not_in(("paid", "void"))),
        and_(line.visit_id.is_not(None), v.status == "void", moved, ~booked),
    )
    query = (
        select(v.id, v.status, line.statement_id, line.debit_id)
        .select_from(visits)
        .outerjoin(statement_lines, line.visit_id == v.id)
        .outerjoin(debits, d.id == line.debit_id)
        .where(wrong)
        .order_by(v.id)
    )
    return [
        Finding(
            "visit_and_statement",
            f"visit:{row.id}",
            f"服务状态{row.status}与结算单{row.statement_id or '（无）'}不符",
            f"the visit is {row.status}, which does not fit statement {row.statement_id or '(none)'}",
            tuple(f"{kind}:{id}" for kind, id in (("statement", row.statement_id), ("debit", row.debit_id)) if id),
        )
        for row in conn.execute(query)
    ]


def _voids(conn: Connection) -> list[Finding]:
    """An adjustment of a void takes back exactly what the statement counted."""
    wrong = or_(a.amount_fen != -line.subsidy_fen, a.personal_fen != -line.personal_fen, v.status != "void")
    query = (
        select(a.id, a.visit_id, a.amount_fen, line.subsidy_fen, line.statement_id)
        .select_from(adjustments)
        .join(visits, v.id == a.visit_id)
        .outerjoin(statement_lines, line.visit_id == a.visit_id)
        .where(a.kind == "void_after_close", or_(line.visit_id.is_(None), wrong))
        .order_by(a.id)
    )
    return [
        Finding(
            "adjustment_differs",
            f"adjustment:{row.id}",
            f"调整{row.amount_fen}分，原结算单计{row.subsidy_fen}分",
            f"the adjustment is {row.amount_fen} fen, the statement counted {row.subsidy_fen}",
            (f"visit:{row.visit_id}", f"statement:{row.statement_id}"),
        )
        for row in conn.execute(query)
    ]


def _statements(conn: Connection) -> list[Finding]:
    lines = (
        select(line.statement_id, func.count().label("visits"))
        .add_columns(total(line.subsidy_fen).label("subsidy"), total(line.personal_fen).label("personal"))
        .group_by(line.statement_id)
        .subquery("lines")
    )
    adjusted = _adjusted(a.statement_id)
    count, subsidy, personal, adjustment = (
        func.coalesce(column, 0)
        for column in (lines.c.visits, lines.c.subsidy, lines.c.personal, adjusted.c.amount_fen)
    )
    wrong = or_(
        s.visits != count, s.subsidy_fen != subsidy, s.personal_fen != personal, s.adjustments_fen != adjustment
    )
    query = (
        select(statements, count.label("lines"), subsidy.label("subsidy"), personal.label("personal"))
        .add_columns(adjustment.label("adjusted"))
        .select_from(statements)
        .outerjoin(lines, lines.c.statement_id == s.id)
        .outerjoin(adjusted, adjusted.c.key == s.id)
        .where(or_(wrong, s.net_fen != s.subsidy_fen + s.adjustments_fen))
        .order_by(s.id)
    )
    return [
        Finding(
            "statement_differs",
            f"statement:{row.id}",
            f"结算单记{row.visits}次、补贴{row.subsidy_fen}分、个人{row.personal_fen}分、调整{row.adjustments_fen}分、净额{row.net_fen}分；"
            f"明细为{row.lines}次、{row.subsidy}分、{row.personal}分、{row.adjusted}分",
            f"the statement says {row.visits} visits, subsidy {row.subsidy_fen}, personal {row.personal_fen}, adjustments "
            f"{row.adjustments_fen}, net {row.net_fen} fen; its records come to {row.lines}, {row.subsidy}, {row.personal}, {row.adjusted}",
            records(conn, line.visit_id, line.statement_id == row.id, "visit")
            + records(conn, a.id, a.statement_id == row.id, "adjustment"),
        )
        for row in conn.execute(query).all()
    ]


def _adjusted(key: ColumnElement[Any], *conditions: ColumnElement[bool]) -> Subquery:
    query = select(key.label("key"), total(a.amount_fen).label("amount_fen")).where(key.is_not(None), *conditions)
    return query.group_by(key).subquery("adjusted")
