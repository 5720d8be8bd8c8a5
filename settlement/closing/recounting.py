"""What the checks of a close have in common: sums, and the records behind a document."""

from __future__ import annotations

from sqlalchemy import BigInteger, ColumnElement, Connection, cast, func, select

SHOWN_RECORDS = 200


def total(column: ColumnElement[int]) -> ColumnElement[int]:
    # PostgreSQL sums bigint as numeric.
    return cast(func.coalesce(func.sum(column), 0), BigInteger)


def records(conn: Connection, id: ColumnElement[str], condition: ColumnElement[bool], kind: str) -> tuple[str, ...]:
    query = select(id).where(condition).order_by(id).limit(SHOWN_RECORDS)
    return tuple(f"{kind}:{found}" for found in conn.execute(query).scalars())
