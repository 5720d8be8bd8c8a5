"""Who may be an officer, in whose name a command may act, and what of a person a fault may tell."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, insert
from sqlalchemy.exc import IntegrityError

from settlement import officers
from settlement.cli import main
from settlement.cli.common import Desk, write_private
from settlement.db import make_engine, migrate
from settlement.outcomes import Reason, Refused
from settlement.people.tables import seniors
from tests.support import acting


def refused(engine: Engine, *who: Any, **scope: Any) -> Reason:
    with pytest.raises(Refused) as caught, acting(engine) as act:
        officers.add(act, *who, **scope)
    return caught.value.reason


@pytest.mark.parametrize("role", ["town", "town_finance", "village", "provider"])
def test_a_role_for_a_part_of_the_district_needs_to_know_which(engine: Engine, role: str) -> None:
    """Without a town, every town would be theirs."""
    assert refused(engine, "li", "李明", role) is Reason.BAD_INPUT


def test_a_village_officer_has_a_village(engine: Engine) -> None:
    assert refused(engine, "li", "李明", "village", town="仙女镇") is Reason.BAD_INPUT


@pytest.mark.parametrize("role", ["system", "device", "holder"])
def test_nobody_is_registered_as_a_machine(engine: Engine, role: str) -> None:
    assert refused(engine, "li", "李明", role) is Reason.BAD_INPUT


def test_a_sign_in_name_is_one_persons(engine: Engine) -> None:
    assert refused(engine, "system", "李明", "civil_affairs") is Reason.ID_REUSED
    with acting(engine) as act:
        officers.add(act, "li", "李明", "civil_affairs")
        officers.add(act, "li", "李明", "civil_affairs")  # typed twice: nothing changes
    assert refused(engine, "li", "李敏", "district_finance") is Reason.ID_REUSED


@pytest.fixture
def database(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'here' / 'songbai.db'}"
    migrate(make_engine(url))
    return url


@pytest.mark.parametrize(
    "words",
    [
        ("card", "top-up", "1", "10", "--no", "t1"),
        ("adjust", "void", "v1", "--reason", "fraud"),
        ("close", "month", "2026-07", "--confirm"),
        ("card", "issue", "--town", "仙女镇"),
        ("senior", "died", "1", "--on", "2026-07-01"),
    ],
)
def test_what_people_do_is_not_done_in_the_systems_name(database: str, words: tuple[str, ...]) -> None:
    done = CliRunner().invoke(main, ["--db", database, *words, "--by", "system"])
    assert done.exit_code == 1
    assert "not_allowed" in done.stderr


def test_a_database_is_its_owners_only(database: str) -> None:
    path = Path(database.removeprefix("sqlite:///"))
    with make_engine(database).connect() as conn:
        conn.exec_driver_sql("CREATE TABLE t (a INTEGER)")
        conn.commit()
        for file in path.parent.glob("songbai.db*"):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name


def test_an_error_of_the_database_quotes_no_values(engine: Engine) -> None:
    with pytest.raises(IntegrityError) as caught, engine.begin() as conn:
        conn.execute(insert(seniors).values(name="李秀兰", sex="F"))
    assert "李秀兰" not in str(caught.value).partition("DETAIL")[0]


def test_a_command_that_fails_tells_the_place_and_no_values(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def choke(*_: Any, **__: Any) -> None:
        raise IntegrityError("INSERT", {}, ValueError("Failing row contains (李秀兰)"))

    monkeypatch.setattr(Desk, "reading", choke)
    done = CliRunner().invoke(main, ["--db", database, "card", "show", "1"])
    assert done.exit_code == 1
    assert "IntegrityError" in done.stderr
    assert "李秀兰" not in done.output
    assert "李秀兰" not in repr(done.exception)


def test_files_about_people_and_accounts_are_their_writers_only(tmp_path: Path) -> None:
    new, old = tmp_path / "new.xlsx", tmp_path / "old.xlsx"
    old.write_bytes(b"was longer, and open to all")
    old.chmod(0o644)
    for path in (new, old):
        write_private(path, b"people")
        assert (stat.S_IMODE(path.stat().st_mode), path.read_bytes()) == (0o600, b"people")
