"""A district in a PostgreSQL schema: dumped by pg_dump through one snapshot, loaded by pg_restore and psql under any schema name.

pg_restore cannot rename a schema. So it writes its script into our hands; we change the name in the commands (rows pass untouched) and psql
runs it as one transaction, which ends only when every byte of the backup was proved. Killed anywhere, nothing of it stays.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, inspect, text

from settlement.backup import figures, tools
from settlement.backup.figures import Figures
from settlement.backup.tools import Running, Tools
from settlement.db import make_engine
from settlement.outcomes import Reason, Refused

PIECE = 1 << 20
SCRATCH = "songbai_check_"
LOCKS = 7_661_001
"""Our class of advisory locks: each scratch schema is held by one while it is in use."""


class NoScratch(Exception):
    """The role may not make a schema here."""


def schema_of(conn: Connection) -> str:
    return str(conn.exec_driver_sql("SELECT current_schema()").scalar_one() or "")


@contextmanager
def taken(engine: Engine) -> Iterator[tuple[Figures, Iterator[bytes]]]:
    """The figures of one snapshot and its dump. The transaction stays open for both."""
    with engine.connect() as plain:
        conn = plain.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with conn.begin():
            programs = tools.find(conn)
            snapshot = conn.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one()
            yield figures.read(conn), _dumped(programs, snapshot, schema_of(conn))


def _dumped(programs: Tools, snapshot: str, schema: str) -> Iterator[bytes]:
    asked = [
        "--format=custom",
        "--no-password",
        "--no-owner",
        "--no-privileges",
        f"--snapshot={snapshot}",
        f'--schema="{schema}"',
    ]
    with tools.run(programs, "pg_dump", asked) as dump:
        while piece := dump.out.read(PIECE):
            yield piece
        if not dump.succeeded():
            raise dump.failure()


@contextmanager
def beside(engine: Engine, database: Iterator[bytes], source: str) -> Iterator[Engine]:
    """The dump in a scratch schema of the same database, gone at the end. Raises NoScratch."""
    name = SCRATCH + secrets.token_hex(4)
    with engine.connect() as plain:
        conn = plain.execution_options(isolation_level="AUTOCOMMIT")
        if not conn.exec_driver_sql("SELECT has_database_privilege(current_database(), 'CREATE')").scalar_one():
            raise NoScratch
        _sweep(conn)
        conn.execute(
            text("SELECT pg_advisory_lock(CAST(:locks AS integer), hashtext(:name))"), {"locks": LOCKS, "name": name}
        )
        copy = make_engine(engine.url.render_as_string(hide_password=False), name)
        try:
            load(tools.find(conn), database, source, name)
            analyse(copy)
            yield copy
        finally:
            copy.dispose()
            conn.exec_driver_sql(f'DROP SCHEMA IF EXISTS "{name}" CASCADE')


def _sweep(conn: Connection) -> None:
    """Schemas whose run was killed: nobody holds their lock."""
    found = conn.execute(
        text("SELECT nspname FROM pg_namespace WHERE nspname ~ :ours AND pg_has_role(nspowner, 'USAGE')"),
        {"ours": f"^{SCRATCH}[0-9a-f]{{8}}$"},
    )
    for name in found.scalars().all():
        lock = {"locks": LOCKS, "name": name}
        if conn.execute(
            text("SELECT pg_try_advisory_lock(CAST(:locks AS integer), hashtext(:name))"), lock
        ).scalar_one():
            conn.exec_driver_sql(f'DROP SCHEMA IF EXISTS "{name}" CASCADE')
            conn.execute(text("SELECT pg_advisory_unlock(CAST(:locks AS integer), hashtext(:name))"), lock)


def refuse_tables(conn: Connection, schema: str) -> None:
    """Raises Refused(BACKUP_TARGET_NOT_EMPTY) where the schema has tables, views or sequences already."""
    query = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = :schema"
    if conn.execute(text(query), {"schema": schema}).scalar_one():
        raise Refused(Reason.BACKUP_TARGET_NOT_EMPTY, target=schema)


@contextmanager
def restored(url: str, target: str, database: Iterator[bytes], source: str) -> Iterator[Engine]:
    """The dump in schema ``target``, loaded whole or not at all."""
    engine = make_engine(url, target)
    try:
        with engine.connect() as conn:
            programs = tools.find(conn)
        load(programs, database, source, target)
        engine.dispose()  # connections that were made before there was a schema
        engine = make_engine(url, target)
        analyse(engine)
        yield engine
    finally:
        engine.dispose()


def analyse(engine: Engine) -> None:
    """Fresh tables have no statistics; the checks that follow would read them in bad order."""
    with engine.begin() as conn:
        for name in inspect(conn).get_table_names():
            conn.exec_driver_sql(f'ANALYZE "{name}"')


def load(programs: Tools, database: Iterator[bytes], source: str, target: str) -> None:
    """Run the dump's script with its schema renamed, in one transaction. Raises Refused(BACKUP_TOOL_FAILED), or what ``database`` raises."""
    quiet = [
        "--no-psqlrc",
        "--no-password",
        "--quiet",
        "--set=ON_ERROR_STOP=1",
        "--set=VERBOSITY=terse",
        "--set=SHOW_CONTEXT=never",
    ]
    script = ["--no-owner", "--no-privileges", "--file=-"]
    with (
        ThreadPoolExecutor(1) as pool,
        tools.run(programs, "psql", [*quiet, "--output=/dev/null"]) as client,
        tools.run(programs, "pg_restore", script) as archive,
    ):
        feeding = pool.submit(_feed, archive, database)
        try:
            client.into.write(BEGIN.format(target=target).encode())
            for line in _renamed(archive.out, source, target):
                client.into.write(line)
            _finished(archive, feeding)
            # Only now: an end that comes too early is an end without COMMIT.
            client.into.write(b"COMMIT;\n")
            client.into.close()
        except BrokenPipeError:
            pass  # it stopped at an error, which it tells
        if not client.succeeded():
            raise client.failure()


def _feed(archive: Running, database: Iterator[bytes]) -> None:
    try:
        for piece in database:
            archive.into.write(piece)
        archive.into.close()
    except BrokenPipeError:
        pass  # it stopped at an error, which it tells
    except BaseException:
        archive.process.kill()
        raise


def _finished(archive: Running, feeding: Future[None]) -> None:
    feeding.result()
    if not archive.succeeded():
        raise archive.failure()


def _renamed(script: Iterator[bytes], source: str, target: str) -> Iterator[bytes]:
    """The script with every name of schema ``source`` under ``target``. What stands in quotes is left alone, but for names of sequences."""
    name = re.escape(source).encode()
    pattern = re.compile(rb"'(?P<named>\"?" + name + rb"\"?\.)?(?:[^']|'')*'" + rb"|(?<![\w\".])\"?" + name + rb"\"?\.")
    qualified = f'"{target}".'.encode()

    def replaced(found: re.Match[bytes]) -> bytes:
        whole = found[0]
        if not whole.startswith(b"'"):
            return qualified
        named = found["named"]
        is_name = named is not None and re.fullmatch(rb"\"?\w+\"?'", whole[1 + len(named) :]) is not None
        return b"'" + qualified + whole[1 + len(named) :] if is_name and named is not None else whole

    in_rows = False
    for line in script:
        if in_rows:
            in_rows = line != b"\\.\n"
            yield line
        elif not line.startswith(NOT_OURS):
            in_rows = line.startswith(b"COPY ") and line.endswith(b" FROM stdin;\n")
            yield pattern.sub(replaced, line)


# The schema we make ourselves; a setting that servers before 17 do not know.
NOT_OURS = (b"CREATE SCHEMA ", b"ALTER SCHEMA ", b"COMMENT ON SCHEMA ", b"SET transaction_timeout ")

# IF NOT EXISTS would ask for the right to make schemas where there is one already.
BEGIN = """BEGIN;
DO $$ BEGIN IF to_regnamespace('{target}') IS NULL THEN CREATE SCHEMA "{target}"; END IF; END $$;
"""
