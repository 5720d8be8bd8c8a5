"""What a statement over a million rows needs from the database, whatever its defaults are."""

from __future__ import annotations

from sqlalchemy import Connection, Table

SORT_MEMORY = "64MB"
"""For each sort and hash on PostgreSQL; its default of 4 MB writes every one of a month's to the disk."""
PAGE_CACHE_KB = 65_536
"""Of SQLite, whose default of 2 MB reads an index anew for every row that does not come in its order."""


def prepare(conn: Connection, *tables: Table) -> None:
    """Memory for large sorts until the transaction ends (on SQLite: of this connection), and fresh statistics of ``tables`` on PostgreSQL.

    PostgreSQL plans by what it knows of a table; of rows written minutes ago it knows nothing until autovacuum has come by. Where the role
    may not analyze a table, the server warns, skips it, and plans as well as it can.
    """
    if conn.dialect.name == "sqlite":
        conn.exec_driver_sql(f"PRAGMA cache_size = -{PAGE_CACHE_KB}")
        return
    conn.exec_driver_sql(f"SET LOCAL work_mem = '{SORT_MEMORY}'")
    # Compiling a plan takes longer than any of ours runs on a month.
    conn.exec_driver_sql("SET LOCAL jit = off")
    if tables:
        conn.exec_driver_sql("ANALYZE " + ", ".join(f'"{table.name}"' for table in tables))
