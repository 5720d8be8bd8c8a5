"""``songbai issue``, ``close month`` and ``close quarter``: done twice nothing changes; killed with SIGKILL anywhere and done again, all is as
after one undisturbed run.

The three chains of commands below are each the whole of it: what the system does and what the offices sign. A process does a chain until
it is killed, before or after a commit or at a statement; another process does the chain again from its beginning. The clock stands still, so
every row of every table is compared, audit trail and times included; nothing is left out.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from settlement.db import make_engine, migrate, reading
from settlement.verify import run as verify
from tests.killing import Killing, Moment, Ran, contents, killing
from tests.stories.county import TOWN, checker, found, head
from tests.stories.lived import OTHER_TOWN, TOWNS, Lived
from tests.support import at

STATEMENTS_TRIED = 12
"""So many statements of each chain, drawn at random, besides every commit from both sides."""


@dataclass(frozen=True)
class Chain:
    """``file``: the database to begin with. ``now``: when it is all done."""

    name: str
    commands: tuple[tuple[str, ...], ...]
    now: datetime


def _of_towns(make: Any) -> tuple[tuple[str, ...], ...]:
    return tuple(make(town) for town in TOWNS)


ISSUE = Chain(
    "issue",
    (
        ("issue", "--month", "2026-07", "--by", "system"),
        *_of_towns(lambda town: ("issue", "--month", "2026-07", "--approve", "--by", head(town).id)),
        *_of_towns(lambda town: ("issue", "--month", "2026-07", "--post", "--by", checker(town).id)),
    ),
    at("2026-07-01 08:00"),
)
MONTH = Chain(
    "close month",
    (
        ("close", "month", "2026-07", "--by", "system"),
        *_of_towns(lambda town: ("close", "month", "2026-07", "--verify", "--town", town, "--by", head(town).id)),
        ("close", "month", "2026-07", "--confirm", "--by", "affairs"),
        ("close", "month", "2026-07", "--finish", "--by", "system"),
    ),
    at("2026-08-03 09:00"),
)
# What each signs, in yuan, as figured out in `Lived`.
SIGNED = {TOWN: "370.00", OTHER_TOWN: "105.00", "": "475.00"}


def _sign(step: str, by: str, town: str = "") -> tuple[str, ...]:
    words = ("close", "quarter", "2026-Q3", "approve", "--as", step, "--total", SIGNED[town], "--by", by)
    return (*words, "--town", town) if town else words


QUARTER = Chain(
    "close quarter",
    (
        ("close", "quarter", "2026-Q3", "--by", "system"),
        *_of_towns(lambda town: _sign("town", head(town).id, town)),
        _sign("civil_affairs", "affairs"),
        _sign("finance", "finance"),
        ("close", "quarter", "2026-Q3", "--by", "system"),
    ),
    at("2026-10-10 09:00"),
)
CHAINS = (ISSUE, MONTH, QUARTER)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small county's database as it stands before each chain, by the chain's name."""
    folder = tmp_path_factory.mktemp("killed")
    working = folder / "county.db"
    engine = make_engine(f"sqlite:///{working}")
    migrate(engine)
    county = found(engine, TOWNS)
    quarter = Lived(county)
    files: dict[str, Path] = {}

    def keep(chain: Chain) -> None:
        files[chain.name] = folder / f"{chain.name}.db"
        with closing(sqlite3.connect(working)) as connection:
            connection.execute("VACUUM INTO ?", (str(files[chain.name]),))

    keep(ISSUE)
    quarter.july()
    keep(MONTH)
    quarter.until_september_is_closed()
    keep(QUARTER)
    with reading(engine) as conn:
        assert verify(conn) == []
    engine.dispose()
    return files


@pytest.fixture(scope="session")
def helper() -> Iterator[Killing]:
    with killing() as started:
        yield started


class Trial:
    """One chain on copies of its prepared database."""

    def __init__(self, helper: Killing, chain: Chain, prepared: Path, folder: Path) -> None:
        self.helper, self.chain, self.prepared, self.file = helper, chain, prepared, folder / "trial.db"

    def fresh(self) -> None:
        for old in self.file.parent.glob(f"{self.file.name}*"):
            old.unlink()
        shutil.copyfile(self.prepared, self.file)

    def run(self, die: Moment | None = None) -> Ran:
        return self.helper.run(f"sqlite:///{self.file}", self.chain.commands, self.chain.now, die)

    def done(self) -> None:
        ran = self.run()
        assert (ran.killed, ran.exit) == (False, 0)


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: chain.name.replace(" ", "_"))
def test_killed_anywhere_and_done_again(
    chain: Chain, helper: Killing, prepared: dict[str, Path], tmp_path: Path
) -> None:
    trial = Trial(helper, chain, prepared[chain.name], tmp_path)
    trial.fresh()
    before = contents(trial.file)
    clean = trial.run()
    assert (clean.killed, clean.exit) == (False, 0)
    after = contents(trial.file)
    assert before != after

    trial.done()
    assert contents(trial.file) == after, "done twice"

    moments = [Moment(side, n) for n in range(1, clean.commits + 1) for side in ("before", "after")]
    drawn = random.Random(chain.name).sample(range(1, clean.statements + 1), STATEMENTS_TRIED)
    for moment in [*moments, *(Moment("statement", n) for n in sorted(drawn))]:
        trial.fresh()
        assert trial.run(moment).killed, moment
        trial.done()
        assert contents(trial.file) == after, moment
