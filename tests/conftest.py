"""Fixtures every folder uses: databases on both engines, and the profile of the property tests."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from sqlalchemy import Engine, event

from settlement.db import make_engine, migrate
from tests.emptied import Shape, emptied, shape
from tests.postgres import Server, Unavailable

# Time limits per example only measure the machine; in CI the same examples are drawn every time.
hypothesis.settings.register_profile(
    "songbai",
    deadline=None,
    max_examples=40,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("songbai")

BACKENDS = ["sqlite", "postgresql"]


USES = 25
"""How often a database of PostgreSQL serves before it is made anew: what was deleted stays in its files until then."""


class Databases:
    """Fresh, migrated databases; all are gone at the end of the run.

    On SQLite each is a copy of one template file. On PostgreSQL copying a template takes half a second, most of a test, so a database
    whose schema was left alone is emptied and serves again.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)
        self._server: Server | None = None
        self._missing = ""
        self._open: dict[Engine, str] = {}
        self._shape: Shape = []
        self._uses: Counter[str] = Counter()
        self._spare: list[str] = []

    def create(self, backend: str) -> Engine:
        """An engine on a database of its own; skips the test, saying why, where PostgreSQL cannot run."""
        return self._create_sqlite() if backend == "sqlite" else self._create_postgresql()

    def drop(self, engine: Engine) -> None:
        engine.dispose()
        name = self._open.pop(engine)
        if engine.dialect.name == "sqlite":
            for file in self._folder.glob(f"{name}*"):
                file.unlink()
        elif self._server is not None:
            if self._uses[name] < USES and emptied(self._server, name, self._shape):
                self._spare.append(name)
            else:
                self._server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    @property
    def programs(self) -> Path:
        """Where this PostgreSQL's pg_dump, psql and so on lie."""
        return self._postgres().programs

    def close(self) -> None:
        for engine in self._open:
            engine.dispose()
        if self._server is not None:
            self._server.stop()

    def _create_sqlite(self) -> Engine:
        template = self._folder / "template.db"
        if not template.exists():
            engine = make_engine(f"sqlite:///{template}")
            migrate(engine)
            engine.dispose()  # the last connection folds the write-ahead log into the file
        name = f"test{next(self._numbers)}.db"
        shutil.copyfile(template, self._folder / name)
        engine = make_engine(f"sqlite:///{self._folder / name}")
        event.listen(engine, "connect", _without_waiting_for_the_disk)
        self._open[engine] = name
        return engine

    def _create_postgresql(self) -> Engine:
        server = self._postgres()
        if self._spare:
            name = self._spare.pop()
        else:
            name = f"test{next(self._numbers)}"
            server.execute(f'CREATE DATABASE "{name}" TEMPLATE template_songbai STRATEGY file_copy')
        self._uses[name] += 1
        engine = make_engine(server.url(name))
        self._open[engine] = name
        return engine

    def _postgres(self) -> Server:
        if self._missing:
            pytest.skip(self._missing)
        if self._server is None:
            try:
                self._server = Server()
            except Unavailable as error:
                self._missing = f"no PostgreSQL for the tests: {error}"
                pytest.skip(self._missing)
            self._server.execute("CREATE DATABASE template_songbai")
            engine = make_engine(self._server.url("template_songbai"))
            migrate(engine)
            engine.dispose()
            self._shape = shape(self._server, "template_songbai")
        return self._server


def _without_waiting_for_the_disk(connection: Any, record: Any) -> None:
    connection.execute("PRAGMA synchronous=OFF")


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    found = Databases(tmp_path_factory.mktemp("databases"))
    yield found
    found.close()


@pytest.fixture(params=BACKENDS)
def engine(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Engine]:
    """A fresh, migrated, empty database for this test; the test runs once on SQLite and once on PostgreSQL."""
    fresh = databases.create(request.param)
    yield fresh
    databases.drop(fresh)


@pytest.fixture(scope="module", params=BACKENDS)
def module_engine(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Engine]:
    """Like ``engine``, one for a whole module: for a costly set-up that its tests only read or build upon."""
    fresh = databases.create(request.param)
    yield fresh
    databases.drop(fresh)
