"""Statements that run with every debit: made once, compiled once, and on PostgreSQL handed to the driver as the text they became.

SQLAlchemy compiles a statement once too, but to find what it compiled it compares the whole statement each time, and it describes each column of
each result; for these statements that takes longer than sending them and reading the answer. Transactions, the pool and the kinds of errors
stay SQLAlchemy's.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping
from typing import Any

import psycopg
from sqlalchemy import Connection
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError


class Prepared:
    """A SELECT (it may hold writes) with named parameters, all of which are given each time. Lists (``IN``) have no place in it."""

    def __init__(self, statement: Any) -> None:
        self._statement = statement
        self._text: _Text | None = None

    def all(self, conn: Connection, parameters: Mapping[str, Any]) -> list[Any]:
        """The rows, as named tuples. Raises what SQLAlchemy raises."""
        if conn.dialect.name != "postgresql":
            return list(conn.execute(self._statement, parameters).all())
        text = self._text
        if text is None:  # two threads may both make it at first, and make the same
            text = self._text = _Text(self._statement, conn.dialect)
        return [text.incoming(row) for row in send(conn, text.sql, text.outgoing(parameters))]

    def one_or_none(self, conn: Connection, parameters: Mapping[str, Any]) -> Any:
        """The only row. Raises ValueError when there are several."""
        rows = self.all(conn, parameters)
        if len(rows) > 1:
            raise ValueError(f"{len(rows)} rows where one is expected")
        return rows[0] if rows else None


def send(conn: Connection, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """A statement as text, on PostgreSQL, in the connection's transaction; its rows, as the driver reads them."""
    if not conn.in_transaction():
        conn.begin()
    driver = conn.connection.driver_connection
    try:
        with driver.cursor() as cursor:  # type: ignore[union-attr]
            rows: list[tuple[Any, ...]] = cursor.execute(sql, parameters).fetchall()
            return rows
    except psycopg.Error as error:
        raise DBAPIError.instance(
            sql, None, error, psycopg.Error, hide_parameters=True, dialect=conn.dialect
        ) from error


class _Text:
    def __init__(self, statement: Any, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.sql = str(compiled)
        binds = [(name, bind) for bind, name in compiled.bind_names.items()]
        self._fixed = {name: bind.effective_value for name, bind in binds if not bind.required}
        self._given = [
            (name, bind.type.dialect_impl(dialect).bind_processor(dialect)) for name, bind in binds if bind.required
        ]
        columns = list(statement.selected_columns)
        row = namedtuple("row", [column.name for column in columns])  # type: ignore[misc]
        self._make: Callable[[Any], Any] = row._make
        found = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
        self._read = [(place, convert) for place, convert in enumerate(found) if convert is not None]

    def outgoing(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        raw = dict(self._fixed)
        for name, convert in self._given:
            raw[name] = parameters[name] if convert is None else convert(parameters[name])
        return raw

    def incoming(self, row: tuple[Any, ...]) -> Any:
        values = list(row)
        for place, convert in self._read:
            values[place] = convert(values[place])
        return self._make(values)
