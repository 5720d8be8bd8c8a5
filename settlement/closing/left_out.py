"""What stayed out of a statement, in words and by reason."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Row, and_, case, cast, func, literal, select

from settlement.closing.tables import exclusions
from settlement.visits.tables import visits

REASONS = {
    "after_cut": ("汇总以后才收到", "received after the cut"),
    "below_minimum": ("不足规定时长", "shorter than the minimum"),
    "no_check_out": ("没有签退", "no check-out"),
    "no_debit": ("没有扣款", "no debit"),
    "payment_stop": ("暂缓支付", "payment stop"),
    "provider_stop": ("服务商暂缓支付", "payment stop of the provider"),
    "void": ("废单", "void"),
}
"""By the first part of the reason; a payment stop's second part is its source."""


def words(reason: str) -> tuple[str, str]:
    kind, _, source = reason.partition(":")
    zh, en = REASONS.get(kind, (kind, kind))
    return (f"{zh}（{source}）", f"{en} ({source})") if source else (zh, en)


def said(reason: ColumnElement[str]) -> ColumnElement[str]:
    """A column's reason in both languages."""
    known = [(reason == code, literal(f"{zh} {en}")) for code, (zh, en) in REASONS.items()]
    return case(*known, else_=literal(REASONS["payment_stop"][0]) + " " + reason)


def of(statement: Row[Any]) -> ColumnElement[bool]:
    """Rows of ``statement_exclusions`` joined to ``visits`` that a statement would have had."""
    x, v = exclusions.c, visits.c
    return and_(
        x.scheme_code == statement.scheme_code,
        x.month == statement.month,
        v.provider_id == statement.provider_id,
        v.town == statement.town,
    )


def by_reason(conn: Connection, statement: Row[Any]) -> list[Row[Any]]:
    """reason, visits, subsidy_fen (what their debits would have brought)."""
    x = exclusions.c
    fen = cast(func.sum(x.subsidy_fen), BigInteger).label("subsidy_fen")
    query = select(x.reason, func.count().label("visits"), fen).join(visits, visits.c.id == x.visit_id)
    return list(conn.execute(query.where(of(statement)).group_by(x.reason).order_by(x.reason)))
