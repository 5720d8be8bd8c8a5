"""Issuance to everybody: draft and posting by the real calls, the posting against a bare copy of as many rows.

The posting is what an approved run's posting does, town by town, each in its transaction: people who may no longer be issued to are looked
for, the cards' years are brought up to date, the purses are locked, transfers are written, balances move. The peer is the least a database
does: one ``INSERT … SELECT`` of the very transfers, in one transaction, into a table of the same shape without key, index or check. The same
into a table that has the ledger's keys, indexes and checks says what part of the distance they are.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from statistics import median
from typing import Any, NamedTuple

import psutil
from sqlalchemy import Column, Engine, MetaData, Table, func, insert, select

from bench import county, rig
from bench.rig import Rig, Row
from settlement.demo import offices
from settlement.demo.founding import World, moment
from settlement.errors import BrokenInvariant
from settlement.ledger.tables import transfers
from settlement.periods import Month
from settlement.vouchers import issuance

FULL, QUICK, QUICK_SQLITE = 1_000_000, 50_000, 30_000
COPIES = 3
"""Each copy is made so often; its median counts."""


class Issued(NamedTuple):
    """Seconds; ``people``: how many were issued to; ``after``: the highest number of a transfer before."""

    drafting: float
    posting: float
    people: int
    after: int


def measure(databases: Rig, backend: str, quick: bool) -> list[Row]:
    """Two months: the first opens everybody's year, the second is told, because every later one is like it."""
    seniors = FULL if not quick else QUICK if backend == "postgresql" else QUICK_SQLITE
    engine = databases.fresh(backend)
    world = county.found(engine, seniors).world
    with _peak_memory() as peak:
        first = _issue(world, engine, Month(2026, 7))
        second = _issue(world, engine, Month(2026, 8))
    if second.people != seniors:
        raise BrokenInvariant(f"{second.people} of {seniors} were issued to")
    bare, keyed = _copies(engine, second.after)
    databases.drop(engine)
    size, told = f"{seniors:,} cards", f"copies {', '.join(f'{each:.2f}' for each in bare)} s"
    peer = ("bare INSERT … SELECT", median(bare))
    each = f"{1e6 * second.posting / seniors:.1f} µs a card; peak memory {peak[0] / 2**20:.0f} MB"
    first_told = "opens every card's year as well"
    draft_told = f"{1e6 * second.drafting / seniors:.1f} µs a card; the first month {first.drafting:.1f} s"
    return [
        Row(f"issuance: posting to {size}", backend, second.posting, "s", *peer, second.posting / peer[1], "<= 3", f"{each}; {told}"),
        Row("issuance: posting, the year's first", backend, first.posting, "s", *peer, first.posting / peer[1], note=first_told),
        Row("the same rows into a table with the ledger's indexes", backend, median(keyed), "s", *peer, median(keyed) / peer[1]),
        Row(f"issuance: drafting for {size}", backend, second.drafting, "s", note=draft_told),
    ]  # fmt: skip


def _issue(world: World, engine: Engine, month: Month) -> Issued:
    early = moment(month.first_day, 1)
    with world.acting("system", early) as act:
        drafting, runs = _timed(lambda: issuance.draft(act, world.scheme.code, month))
    for run in runs:
        with world.acting(offices.town_officer(run.town), early + timedelta(hours=7)) as act:
            issuance.approve(act, run.id)
    rig.settle(engine)
    with engine.connect() as conn:
        after = int(conn.execute(select(func.coalesce(func.max(transfers.c.seq), 0))).scalar_one())

    def post() -> int:
        people = 0
        for run in runs:
            with world.acting(offices.town_officer(run.town, second=True), early + timedelta(hours=8)) as act:
                people += issuance.post(act, run.id).people
        return people

    posting, people = _timed(post)
    return Issued(drafting, posting, people, after)


def _copies(engine: Engine, after: int) -> tuple[list[float], list[float]]:
    """Seconds of the bare copies, and of those into a table with the ledger's keys, indexes and checks."""
    names = [column.name for column in transfers.columns]
    bare, keyed = [], []
    for number in range(COPIES):
        plain = Table(f"bare_{number}", MetaData(), *(Column(column.name, column.type) for column in transfers.columns))
        same = transfers.to_metadata(MetaData(), name=f"keyed_{number}")
        for index in same.indexes:
            index.name = f"{index.name}_{number}"
        for constraint in same.constraints:
            constraint.name = None
        for copied, took in ((plain, bare), (same, keyed)):
            copied.create(engine)
            rows = select(transfers).where(transfers.c.seq > after)
            rig.settle(engine)
            took.append(_timed(lambda c=copied, r=rows: _copy(engine, insert(c).from_select(names, r)))[0])
            copied.drop(engine)
    return bare, keyed


def _copy(engine: Engine, statement: Any) -> None:
    with engine.begin() as conn:
        conn.execute(statement)


@contextmanager
def _peak_memory() -> Iterator[list[int]]:
    """The most bytes this process had in memory meanwhile."""
    peak, over = [0], threading.Event()

    def watch() -> None:
        process = psutil.Process()
        while not over.wait(0.05):
            peak[0] = max(peak[0], process.memory_info().rss)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    yield peak
    over.set()
    watcher.join()


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    done = call()
    return time.perf_counter() - began, done
