"""What every benchmark stands on: a row of the table, a durable PostgreSQL server and fresh databases on both engines, and the writing down."""

from __future__ import annotations

import json
import os
import platform
import re
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine

from settlement.db import make_engine, migrate
from tests import postgres

OUT = Path(__file__).parent / "out"


@dataclass(frozen=True)
class Row:
    """One measured figure. ``engine``: postgresql or sqlite.

    ``peer``: what it is compared with, measured in the same run and unit; ``ratio``: figure over peer figure unless ``note`` says otherwise.
    ``target``: ">= 1.0" or "<= 3" is about the ratio, "<= 60 s" about the figure. ``note``: sizes, arrangement, spread.
    """

    what: str
    engine: str
    figure: float
    unit: str
    peer: str = ""
    peer_figure: float | None = None
    ratio: float | None = None
    target: str = ""
    note: str = ""

    @property
    def met(self) -> bool | None:
        """None where the row has no target."""
        found = re.match(r"(>=|<=) ([0-9.]+) ?(.*)", self.target)
        value = self.figure if found and found[3] else self.ratio
        if found is None or value is None:
            return None
        limit = float(found[2])
        return value >= limit if found[1] == ">=" else value <= limit


class Rig:
    """The databases of one run, in a temporary folder that goes with it. The server is started when it is first asked for."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="songbai-bench-")
        self.folder = Path(self._folder.name)
        self._numbers = count(1)
        self._engines: list[tuple[Engine, str]] = []
        self._server: postgres.Server | None = None

    def __enter__(self) -> Rig:
        return self

    def __exit__(self, *_: object) -> None:
        for engine, _name in self._engines:
            engine.dispose()
        if self._server is not None:
            self._server.stop()
        self._folder.cleanup()

    @property
    def server(self) -> postgres.Server:
        """The durable server every PostgreSQL figure of the run comes from, the peers' included."""
        if self._server is None:
            self._server = postgres.Server(settings=postgres.DURABLE)
        return self._server

    def fresh(self, backend: str) -> Engine:
        """A migrated, empty database; ``backend`` is postgresql or sqlite."""
        name = f"bench{next(self._numbers)}"
        if backend == "sqlite":
            engine = make_engine(f"sqlite:///{self.folder / name}.db")
        else:
            self.server.execute(f"CREATE DATABASE {name} STRATEGY file_copy")
            engine = make_engine(self.server.url(name))
        migrate(engine)
        self._engines.append((engine, name))
        return engine

    def drop(self, engine: Engine) -> None:
        """Give a database's room back."""
        engine.dispose()
        name = next(name for each, name in self._engines if each is engine)
        self._engines = [(each, other) for each, other in self._engines if each is not engine]
        if engine.dialect.name == "sqlite":
            for file in self.folder.glob(f"{name}.db*"):
                file.unlink()
        else:
            self.server.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def settle(self) -> None:
        """Write out what the last part left dirty, so that the next one does not pay for it."""
        if self._server is not None:
            self._server.execute("CHECKPOINT")


def url(engine: Engine) -> str:
    """Where the database is, for another process."""
    return engine.url.render_as_string(hide_password=False)


def settle(engine: Engine) -> None:
    """Nothing dirty left after bulk loading; on PostgreSQL the statistics its autovacuum would soon gather. On SQLite nobody gathers any."""
    if engine.dialect.name == "sqlite":
        with closing(sqlite3.connect(str(engine.url.database), isolation_level=None)) as conn:
            conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return
    with engine.connect() as connection:
        outside = connection.execution_options(isolation_level="AUTOCOMMIT")
        outside.exec_driver_sql("VACUUM (ANALYZE)")
        outside.exec_driver_sql("CHECKPOINT")


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    cpu = (
        re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
        if Path("/proc/cpuinfo").exists()
        else None
    )
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], check=False, capture_output=True, text=True).stdout
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.strip(),
        "cpu": cpu[1] if cpu else platform.processor(),
        "cpus": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "load_before": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "postgresql": postgres.DURABLE,
    }


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def show(console: Console, title: str, rows: Iterable[Row]) -> None:
    table = Table(title=title, title_justify="left", expand=False)
    for header in ("what", "engine", "figure", "unit", "peer", "its figure", "ratio", "target", "note"):
        right = header in ("figure", "its figure", "ratio")
        table.add_column(header, justify="right" if right else "left", overflow="fold", no_wrap=right)
    for row in rows:
        mark = {None: "", True: " ✓", False: " ✗"}[row.met]
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        engine = {"postgresql": "pg"}.get(row.engine, row.engine)
        measured = (_number(row.figure), row.unit, row.peer, _number(row.peer_figure), ratio)
        table.add_row(row.what, engine, *measured, row.target + mark, row.note)
    console.print(table)


def write(name: str, facts: dict[str, Any], rows: Sequence[Row]) -> Path:
    """``bench/out/<name>.json``: the machine and every row with its ratio and whether it meets its target."""
    OUT.mkdir(exist_ok=True)
    file = OUT / f"{name}.json"
    told = facts | {"rows": [asdict(row) | {"met": row.met} for row in rows]}
    file.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return file
