"""A district in an SQLite file: copied by SQLite's own backup while others write, restored as a file."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import URL, Engine, make_url

from settlement.backup import figures, scratch
from settlement.backup.figures import Figures
from settlement.db import make_engine, reading
from settlement.findings import Finding
from settlement.outcomes import Reason, Refused

PIECE = 1 << 20
NAME = "copy.db"


def file_of(engine: Engine) -> Path:
    """Raises Refused(NOT_FOUND) for a database in memory."""
    return _named(engine.url)


def _named(url: URL | str) -> Path:
    database = make_url(url).database
    if not database:
        raise Refused(Reason.NOT_FOUND, what="sqlite:///…")
    return Path(database).absolute()


@contextmanager
def taken(engine: Engine) -> Iterator[tuple[Figures, Iterator[bytes]]]:
    """The figures and the bytes of one snapshot. The plain copy lies beside the database, where plain data lies anyway."""
    file = file_of(engine)
    with scratch.private_folder(file.parent) as folder:
        copy = _private(folder)
        # One transaction for both: in WAL mode it sees one moment however long it lasts, and keeps nobody from writing.
        with reading(engine) as conn:
            found = figures.read(conn)
            source = conn.connection.driver_connection
            assert isinstance(source, sqlite3.Connection)  # noqa: S101 - tells the type checker
            with scratch.writing(copy), closing(sqlite3.connect(copy)) as target:
                source.backup(target)
        yield found, _pieces(copy)


@contextmanager
def beside(engine: Engine, database: Iterator[bytes]) -> Iterator[Engine]:
    """The bytes as a database of its own, gone at the end."""
    folder = file_of(engine).parent
    with scratch.private_folder(folder) as private:
        copy = _private(private, database)
        engine = make_engine(f"sqlite:///{copy}")
        try:
            yield engine
        finally:
            engine.dispose()


def refuse_tables(url: str) -> None:
    """Raises Refused(BACKUP_TARGET_NOT_EMPTY) where anything lies already."""
    file = _named(url)
    for each in (file, *(file.with_name(file.name + end) for end in ("-wal", "-shm", "-journal"))):
        # A journal left beside a file that is gone would be played into the new one.
        if each.exists() and each.stat().st_size > 0:
            raise Refused(Reason.BACKUP_TARGET_NOT_EMPTY, target=str(each))


@contextmanager
def restored(url: str, database: Iterator[bytes]) -> Iterator[Engine]:
    """The database, worked on in a private folder and given its name at the end; nothing under that name before."""
    file = _named(url)
    with scratch.writing(file.parent):
        file.parent.mkdir(parents=True, exist_ok=True)
    with scratch.private_folder(file.parent) as folder:
        copy = _private(folder, database)
        engine = make_engine(f"sqlite:///{copy}")
        try:
            yield engine
        finally:
            engine.dispose()  # the last connection folds the write-ahead log into the file
        refuse_tables(url)
        with scratch.writing(file):
            scratch.keep(copy, file)


def corruption(engine: Engine) -> list[Finding]:
    """What SQLite itself finds wrong with its pages and indexes."""
    with reading(engine) as conn:
        told = conn.exec_driver_sql("PRAGMA integrity_check(10)").scalars().all()
    return [
        Finding("database_corrupt", "sqlite", f"数据库文件已损坏：{line}", f"the database file is corrupt: {line}")
        for line in told
        if line != "ok"
    ]


def _private(folder: Path, database: Iterable[bytes] = ()) -> Path:
    copy = folder / NAME
    with scratch.writing(copy), os.fdopen(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        for piece in database:
            file.write(piece)
    return copy


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while piece := opened.read(PIECE):
            yield piece
