"""A used database of PostgreSQL made as good as new, in a twentieth of the time a copy of the template takes."""

from __future__ import annotations

import psycopg

from tests.postgres import USER, Server

# What a test may have changed beside rows: tables, columns, indexes, triggers, functions, rights. A changed row of a catalogue
# is a new one, written by a later transaction.
_CATALOGUES = (
    "pg_attribute",
    "pg_class",
    "pg_constraint",
    "pg_default_acl",
    "pg_index",
    "pg_namespace",
    "pg_policy",
    "pg_proc",
    "pg_trigger",
    "pg_type",
)
_SHAPE = " UNION ALL ".join(f"SELECT count(*), sum(xmin::text::bigint) FROM {name}" for name in _CATALOGUES)
_OTHERS_OUT = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
_TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'"
_STATISTICS_GONE = (
    "DELETE FROM pg_statistic WHERE starelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)"
)
_SEQUENCES_BACK = """SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
FROM pg_sequences WHERE last_value IS NOT NULL"""

Shape = list[tuple[int, int]]


def shape(server: Server, name: str) -> Shape:
    """What tells one schema from another that was changed since: equal for a template and its untouched copy."""
    with _connect(server, name) as connection:
        return _shape(connection)


def emptied(server: Server, name: str, as_new: Shape) -> bool:
    """Delete every row and start the sequences again; False, and nothing done, where more than rows was changed."""
    with _connect(server, name) as connection:
        connection.execute(_OTHERS_OUT)
        if _shape(connection) != as_new:
            return False
        tables = [row[0] for row in connection.execute(_TABLES)]
        filled = " UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT FROM \"{table}\")" for table in tables)
        connection.execute("SET session_replication_role = replica")  # no trigger forbids it, no foreign key orders it
        for (table,) in connection.execute(filled).fetchall():
            connection.execute(f'DELETE FROM "{table}"')
        connection.execute(_STATISTICS_GONE)
        connection.execute(_SEQUENCES_BACK)
    return True


def _connect(server: Server, name: str) -> psycopg.Connection[tuple[int, int]]:
    return psycopg.connect(host=str(server.folder), user=USER, dbname=name)


def _shape(connection: psycopg.Connection[tuple[int, int]]) -> Shape:
    return connection.execute(_SHAPE).fetchall()
