"""The database: engines for SQLite and PostgreSQL, column types, migrations.

A district is the unit of isolation: its own SQLite file, or its own PostgreSQL schema. Tables never name a schema, connections do
(``search_path``). Moments are stored as whole microseconds since the epoch, UTC, in both databases, so that durations are plain
integer arithmetic in SQL and mean the same everywhere (``docs/decisions/0002-storage.md``).
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from select import POLLIN, poll
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from psycopg.types.numeric import Int8BinaryDumper, Int8Dumper
from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    Integer,
    MetaData,
    Table,
    Text,
    bindparam,
    create_engine,
    event,
    func,
    make_url,
    select,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

SCHEMA_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

RowId = BigInteger().with_variant(Integer, "sqlite")
"""A surrogate key: 64 bits on PostgreSQL; on SQLite INTEGER, which alone makes an automatic rowid."""

Json = JSON(none_as_null=True)


def micros(moment: datetime) -> int:
    """Whole microseconds since the epoch; raises ValueError for a moment without a time zone."""
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return (moment - EPOCH) // timedelta(microseconds=1)


def from_micros(value: int) -> datetime:
    return EPOCH + timedelta(microseconds=value)


class Instant(TypeDecorator[datetime]):
    """An aware datetime, stored as microseconds since the epoch UTC. Use ``type_coerce(column, BigInteger)`` to calculate in SQL."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else micros(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else from_micros(value)


def make_engine(url: str, schema: str | None = None) -> Engine:
    """An engine for one district.

    ``url``: ``sqlite:////path/file.db`` or ``postgresql://...``; ``schema``: the district's PostgreSQL schema (made by :func:`migrate`).
    Write transactions on SQLite begin IMMEDIATE, so that two processes queue instead of failing in the middle.
    Errors never quote the values of a statement: they would carry names into logs.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database:
            _own_file(Path(parsed.database))
        engine = create_engine(parsed, connect_args={"timeout": 30, "check_same_thread": False}, hide_parameters=True)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if schema is not None and not SCHEMA_NAME.fullmatch(schema):
        raise ValueError("a schema name is lower-case letters, digits and _")
    # Every transaction meets the same world whatever the server's defaults are.
    options = "-c timezone=UTC -c datestyle=ISO -c default_transaction_isolation=read\\ committed"
    if schema is not None:
        options += f" -c search_path={schema}"
    engine = create_engine(parsed, connect_args={"options": options}, hide_parameters=True)
    event.listen(engine, "connect", _prepare_postgresql)
    event.listen(engine, "checkin", _note_the_time)
    event.listen(engine, "checkout", _replace_if_gone)
    return engine


def _own_file(path: Path) -> None:
    """Make the folder and, when there is none yet, the file for this user only; SQLite gives its journals the same mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def _prepare_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _prepare_postgresql(connection: Any, record: Any) -> None:
    # One type for every whole number. By default it follows the value, and a statement is prepared anew for each combination.
    for dumper in (Int8Dumper, Int8BinaryDumper):
        connection.adapters.register_dumper(int, dumper)


def _note_the_time(connection: Any, record: Any) -> None:
    record.info["unused_since"] = time.monotonic()


def _replace_if_gone(connection: Any, record: Any, proxy: Any) -> None:
    """Before a pooled connection is used: the pool makes new ones when the server ended this one.

    Asking the server costs a round trip, a fifth of a debit. A server that went has said so, or its machine has: then there is something to read.
    Only a connection that nobody used for a while, which a network may have forgotten in silence, is asked in any case.
    """
    unused_since = record.info.get("unused_since")
    if unused_since is None:  # new
        return
    try:
        ear = poll()
        ear.register(connection.fileno(), POLLIN)
        silent = not ear.poll(0)
        if silent and time.monotonic() - unused_since < TRUSTED:
            return
        connection.autocommit = True
        connection.execute("SELECT 1")
        connection.autocommit = False
    except psycopg.Error as error:
        raise InvalidatePoolError() from error


TRUSTED = 10.0
"""Seconds a pooled connection may be unused before it is asked whether it still stands."""


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later would fail when another process wrote in between.
    connection.exec_driver_sql("BEGIN" if connection.get_execution_options().get("read_only") else "BEGIN IMMEDIATE")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction that only reads: it never blocks a writer."""
    with engine.connect() as connection:
        reader = connection.execution_options(read_only=True)
        with reader.begin():
            yield reader


@contextmanager
def glance(engine: Engine) -> Iterator[Connection]:
    """A connection for a single statement that only reads: no transaction is begun and ended around it where the database needs none."""
    if engine.dialect.name == "sqlite":
        with reading(engine) as connection:
            yield connection
    else:
        with engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")


@contextmanager
def any_text(conn: Connection) -> Iterator[None]:
    """SQLite stores text that is no UTF-8, and fails a statement that reads it: within, such text comes as bytes. It reads more slowly."""
    driver: Any = conn.connection.driver_connection
    if conn.dialect.name != "sqlite":
        yield
        return
    usual, driver.text_factory = driver.text_factory, _text_or_bytes
    try:
        yield
    finally:
        driver.text_factory = usual


def _text_or_bytes(stored: bytes) -> str | bytes:
    try:
        return stored.decode()
    except UnicodeDecodeError:
        return stored


def insert_if_absent(conn: Connection, table: Table) -> Any:
    """An INSERT that leaves rows alone whose key is there already (both databases say ON CONFLICT DO NOTHING, each in its dialect). The result's
    ``rowcount`` says how many were written."""
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    # Otherwise PostgreSQL's count is forgotten: it would read -1, which is true.
    return insert(table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)


def among(dialect: str, column: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
    """Whether a column's value (a text or a whole number) is one of those that :func:`listed` put into the parameter: any number, travelling as one."""
    values = bindparam(parameter, type_=Text)
    if dialect == "postgresql":
        return column.in_(select(sql_cast(func.json_array_elements_text(sql_cast(values, JSON)), column.type)))
    return column.in_(select(func.json_each(values).table_valued("value").c.value))


def listed(values: Iterable[Any]) -> str:
    """Values as the parameter of :func:`among`."""
    return json.dumps(list(values))


def migrations_folder() -> Path:
    """Beside the packages in a checkout, inside ``settlement`` in a wheel."""
    inside = Path(__file__).parent / "migrations"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "migrations"


def migrate(engine: Engine, revision: str = "head") -> None:
    """Bring the district's tables to a revision (the newest by default); on PostgreSQL make the schema first."""
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    with engine.connect() as connection:
        schema = _schema_of(connection)
        if schema is not None:
            connection.exec_driver_sql(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
            connection.commit()
        with connection.begin():
            config.attributes["connection"] = connection
            command.upgrade(config, revision)


APPEND_ONLY = (
    *("ledger_transfers", "audit_rows", "ledger_seals", "ledger_seal_leaves"),
    # A no that is forgotten would be paid for; a chip's counter that is forgotten would count again.
    *("debit_confirmations", "card_chip_uses"),
)
"""What is written once: the application's role on PostgreSQL may add to these and read them, nothing else."""


def grant(engine: Engine, role: str) -> None:
    """Give the application's role its rights in this district: everything on data, except that what is append-only stays so.

    PostgreSQL only; run by the owner of the tables after :func:`migrate`. Raises ValueError for SQLite, which knows no roles, and for a name that is
    not lower-case letters, digits and _.
    """
    if engine.dialect.name != "postgresql":
        raise ValueError("roles exist on PostgreSQL only")
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", role):
        raise ValueError("a role name is lower-case letters, digits and _")
    with engine.begin() as connection:
        schema = connection.exec_driver_sql("SELECT current_schema()").scalar_one()
        for right in (
            f'GRANT USAGE ON SCHEMA "{schema}" TO {role}',
            f'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "{schema}" TO {role}',
            f'GRANT USAGE ON ALL SEQUENCES IN SCHEMA "{schema}" TO {role}',
            f"REVOKE UPDATE, DELETE, TRUNCATE ON {', '.join(APPEND_ONLY)} FROM {role}",
        ):
            connection.exec_driver_sql(right)


def _schema_of(connection: Connection) -> str | None:
    if connection.dialect.name != "postgresql":
        return None
    path: str = connection.exec_driver_sql("SHOW search_path").scalar_one()
    connection.rollback()
    name = path.split(",", maxsplit=1)[0].strip().strip('"')
    return None if name in ("$user", "public") else name
