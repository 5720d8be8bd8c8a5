"""What a visit's items ask of it, and what they are worth by the lists: reckoned once for a scan, read by several signals."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    and_,
    case,
    cast,
    func,
    insert,
    or_,
    select,
)

from settlement import bulk
from settlement.fraud.scope import Scope
from settlement.policy.tables import price_items
from settlement.visits.tables import visit_lines, visits

# Of the months concerned; a visit without lines has no row. An item that is on no list is held to the strictest and worth nothing.
demands = Table(
    "fraud_demands",
    MetaData(),
    Column("visit_id", String(40), primary_key=True),
    Column("timed", Integer, nullable=False, comment="1: an item must be proved by a check-out"),
    Column("least", Integer, nullable=False, comment="seconds it must last"),
    Column("worth_fen", BigInteger, nullable=False, comment="quantities times listed prices"),
    prefixes=["TEMPORARY"],
)


@contextmanager
def reckoned(conn: Connection, scope: Scope) -> Iterator[None]:
    """:data:`demands` is there while the block lasts; whatever goes wrong in it, the transaction's end takes the table away."""
    line, item = visit_lines.c, price_items.c
    timed_kinds = [evidence.code for evidence in scope.scheme.door.evidence if "check_out" in evidence.needs]
    # An item that no list knows is held to the strictest: a visit at home.
    timed = or_(item.evidence_kind.in_(timed_kinds), item.id.is_(None))
    minutes, own = scope.scheme.visits.duration.minutes, func.coalesce(item.min_minutes, 0)
    rows = (
        select(
            line.visit_id,
            func.max(case((timed, 1), else_=0)),
            func.max(case((own > minutes, own), else_=minutes)) * 60,
            cast(func.sum(line.quantity * func.coalesce(item.price_fen, 0)), BigInteger),
        )
        .select_from(
            visit_lines.join(visits, visits.c.id == line.visit_id).outerjoin(
                price_items, and_(item.list_id == line.price_list_id, item.item_code == line.item_code)
            )
        )
        .where(visits.c.month.in_(scope.months))
        .group_by(line.visit_id)
    )
    demands.create(conn)
    conn.execute(insert(demands).from_select([column.name for column in demands.columns], rows))
    bulk.prepare(conn, demands)
    yield
    demands.drop(conn)
