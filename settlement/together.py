"""Several small writes of one act in one round trip.

On PostgreSQL they become one statement (``WITH … AS (INSERT …), … AS (UPDATE …)``), which sees none of its own rows: so only writes that
do not read what another of them writes belong together. SQLite has no network to save; there they run one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    Insert,
    Table,
    Update,
    bindparam,
    func,
    insert,
    literal_column,
    select,
)
from sqlalchemy.dialects import postgresql

from settlement.errors import BrokenInvariant
from settlement.prepared import Prepared


class Write(NamedTuple):
    """``statement``: made once, at import, for it is compiled once. Its parameters are named like no other write's."""

    statement: Insert | Update
    parameters: Mapping[str, Any]


def inserting(table: Table, *columns: str, once: bool = False) -> Insert:
    """An INSERT of one row, whose parameters :func:`row` names. ``once``: a row whose key is there already is left alone."""
    values = {name: bindparam(f"{table.name}_{name}", type_=table.c[name].type) for name in columns}
    # Both databases say it in the same words; the dialect's own class only carries them.
    return postgresql.insert(table).values(values).on_conflict_do_nothing() if once else insert(table).values(values)


def row(table: Table, values: Mapping[str, Any]) -> dict[str, Any]:
    """A row's values as the parameters of :func:`inserting`."""
    return {f"{table.name}_{name}": value for name, value in values.items()}


def together(conn: Connection, writes: Sequence[Write]) -> None:
    """Execute the writes. Raises BrokenInvariant unless each UPDATE changes exactly one row."""
    if not writes:
        return
    if conn.dialect.name == "postgresql":
        parameters: dict[str, Any] = {}
        for write in writes:
            parameters |= write.parameters
        changed = tuple(_whole(tuple(write.statement for write in writes)).one_or_none(conn, parameters))
    else:
        done = [(write.statement, conn.execute(write.statement, write.parameters).rowcount) for write in writes]
        changed = tuple(count for statement, count in done if isinstance(statement, Update))
    if any(count != 1 for count in changed):
        raise BrokenInvariant(f"rows that were locked are not there: {changed}")


@lru_cache(maxsize=64)
def _whole(statements: tuple[Insert | Update, ...]) -> Prepared:
    parts = []
    counts: list[Any] = []
    for number, statement in enumerate(statements):
        if isinstance(statement, Update):
            part = statement.returning(literal_column("1").label("one")).cte(f"part{number}")
            counts.append(select(func.count()).select_from(part).scalar_subquery().label(f"changed{number}"))
        else:
            part = statement.cte(f"part{number}")
        parts.append(part)
    return Prepared(select(*(counts or [literal_column("1").label("one")])).add_cte(*parts))
