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

from settlement.closing import adjusting
from settlement.db import make_engine, migrate, reading
from settlement.verify import run as verify
from settlement.visits.forms import Visit
from tests.killing import Killing, Moment, Ran, contents, killing
from tests.stories.county import (
    AUGUST,
    BATHING,
    BEDDING,
    CLEANING,
    COOKING,
    JULY,
    SECOND,
    SEPTEMBER,
    TOWN,
    County,
    checker,
    found,
    head,
)
from tests.support import acting, at

TOWNS = (TOWN, "丁伙镇")
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
# What each signs, in yuan (who is served is told in `prepared`):
#   first town   July 3 x 60 + 30 (of 65, 35 own money), August 2 x 60 - 60 (the void), September 2 x 60, penalty -20: 370
#   second town  July 40, August 65: 105
SIGNED = {TOWN: "370.00", "丁伙镇": "105.00", "": "475.00"}


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
    people = {town: [county.somebody(town=town, level=level) for level in (1, 3)] for town in TOWNS}
    files: dict[str, Path] = {}

    def keep(chain: Chain) -> None:
        files[chain.name] = folder / f"{chain.name}.db"
        with closing(sqlite3.connect(working)) as connection:
            connection.execute("VACUUM INTO ?", (str(files[chain.name]),))

    keep(ISSUE)
    voided = _live(county, people)
    keep(MONTH)
    _rest_of_the_quarter(county, people, voided)
    keep(QUARTER)
    with reading(engine) as conn:
        assert verify(conn) == []
    engine.dispose()
    return files


def _live(county: County, people: dict[str, list[Any]]) -> str:
    """July: own money, a visit without its debit, one that nobody ended, one void at once; the visit that turns out void in August."""
    one, other = people[TOWN]
    for town in TOWNS:
        county.issue(JULY, town)
    county.top_up(one, 100_00)
    for day in (2, 6):
        county.visit(one, f"2026-07-{day:02d} 09:00", BATHING)
    voided, _ = county.visit(other, "2026-07-08 09:00", BATHING, carer=1)
    county.visit(one, "2026-07-09 09:00", COOKING, CLEANING, own=35_00)
    county.visit(people["丁伙镇"][0], "2026-07-10 09:00", BEDDING, town="丁伙镇")
    void, _ = county.visit(people["丁伙镇"][1], "2026-07-13 09:00", BEDDING, town="丁伙镇")
    with acting(county.engine, "2026-07-14 09:00", checker("丁伙镇")) as act:
        adjusting.void_visit(act, void, "substandard")
    undebited = county.check_in(other, "2026-07-15 09:00")
    assert isinstance(undebited, Visit)
    county.check_out(other, undebited, BATHING)
    assert isinstance(county.check_in(other, "2026-07-16 09:00"), Visit)
    return voided


def _rest_of_the_quarter(county: County, people: dict[str, list[Any]], voided: str) -> None:
    """July closed; a void after that, two months more, a penalty on no statement."""
    county.close(JULY)
    with acting(county.engine, "2026-08-12 09:00", checker()) as act:
        adjusting.void_visit(act, voided, "substandard")
    for month in (AUGUST, SEPTEMBER):
        for town in TOWNS:
            county.issue(month, town)
        for person in people[TOWN]:
            county.visit(person, f"{month}-09 09:00", BATHING, carer=people[TOWN].index(person))
        if month is AUGUST:
            county.visit(people["丁伙镇"][1], "2026-08-20 09:00", COOKING, CLEANING, town="丁伙镇")
        county.close(month)
    about = {"scheme_code": "jiangdu", "provider_id": county.provider, "town": TOWN, "origin_month": AUGUST}
    with acting(county.engine, "2026-09-20 09:00", checker()) as act:
        penalty = adjusting.propose(act, "penalty", amount_fen=-20_00, reason="回访率未达100%", **about)
    with acting(county.engine, "2026-09-21 09:00", SECOND) as act:
        adjusting.approve(act, penalty)


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
    drawn = random.Random(chain.name).sample(range(1, clean.statements + 1), STATEMENTS_TRIED)  # noqa: S311
    for moment in [*moments, *(Moment("statement", n) for n in sorted(drawn))]:
        trial.fresh()
        assert trial.run(moment).killed, moment
        trial.done()
        assert contents(trial.file) == after, moment
