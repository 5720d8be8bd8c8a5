"""The same county, told on SQLite and on PostgreSQL, ends in the same files, byte for byte."""

from __future__ import annotations

from pathlib import Path

from settlement.demo.story import tell
from tests.conftest import Databases


def quarter_on(databases: Databases, backend: str, folder: Path) -> dict[str, bytes]:
    engine = databases.create(backend)
    told = tell(engine, folder, seniors=60, seed=7, step=lambda zh, en: None, tick=lambda: None)
    databases.drop(engine)
    assert told.findings == []
    return {path.name: path.read_bytes() for path in (folder / "out").glob("*.csv")}


def test_a_quarter_is_the_same_on_both(databases: Databases, tmp_path: Path) -> None:
    lite = quarter_on(databases, "sqlite", tmp_path / "sqlite")
    assert len(lite["visits.csv"].splitlines()) > 200
    assert quarter_on(databases, "postgresql", tmp_path / "postgresql") == lite
