"""Client processes and threads that call the ledger as an entry point does, each with a connection of its own, and what they achieve.

They live through many slices, so that neither their start nor their first connection is measured.
"""

from __future__ import annotations

import multiprocessing
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from typing import Any

import psutil
from sqlalchemy import Engine

from bench.pgbench import server_cpu
from settlement.act import SYSTEM, begin
from settlement.db import make_engine
from settlement.ledger import transfer
from settlement.ledger.transfer import Group, Posted, Transfer
from tests.postgres import Server

_START = multiprocessing.get_context("forkserver")
_START.set_forkserver_preload(["bench.clients"])


@dataclass(frozen=True)
class World:
    """Accounts of a ledger: cards ``first_card … last_card``, providers ``first_provider … last_provider``."""

    url: str
    first_card: int
    last_card: int
    first_provider: int
    last_provider: int


@dataclass(frozen=True)
class Job:
    """``size``: transfers per call; 1 is a single debit. ``providers``: how many of them are paid."""

    size: int
    providers: int
    seconds: float


@dataclass(frozen=True)
class Slice:
    """``rate``: transfers per second. ``p50``, ``p99``: milliseconds per call. CPU: microseconds per transfer."""

    rate: float
    p50: float
    p99: float
    client_cpu: float
    server_cpu: float


class Crew:
    """``processes`` times ``threads`` clients on one database."""

    def __init__(self, world: World, processes: int, threads: int) -> None:
        self.processes, self.threads = processes, threads
        self._members: list[tuple[Any, Connection]] = []
        for number in range(processes):
            ours, theirs = _START.Pipe()
            member = _START.Process(target=_member, args=(theirs, world, f"{number:02d}", threads), daemon=True)
            member.start()
            self._members.append((member, ours))
        for _, pipe in self._members:
            pipe.recv()

    @property
    def arrangement(self) -> str:
        return f"{self.processes} proc. x {self.threads} thr."

    def run(self, job: Job, server: Server | None = None) -> Slice:
        """Raises RuntimeError when a client failed or a debit was declined."""
        before = server_cpu(server) if server is not None else 0.0
        cpu_before = self._cpu()
        start = time.monotonic() + 0.05
        for _, pipe in self._members:
            pipe.send((job, start))
        told = [pipe.recv() for _, pipe in self._members]
        for each in told:
            if isinstance(each, str):
                raise RuntimeError(each)
        cpu = self._cpu() - cpu_before
        on_server = server_cpu(server) - before if server is not None else 0.0
        threads = [thread for each in told for thread in each]
        calls = sorted(took for _, latencies in threads for took in latencies)
        done = job.size * len(calls)
        rate = sum(job.size * len(latencies) / elapsed for elapsed, latencies in threads)
        p50, p99 = (1000 * calls[int(len(calls) * part)] for part in (0.5, 0.99))
        return Slice(rate, p50, p99, 1e6 * cpu / done, 1e6 * on_server / done)

    def _cpu(self) -> float:
        return sum(sum(psutil.Process(member.pid).cpu_times()[:2]) for member, _ in self._members)

    def close(self) -> None:
        for member, pipe in self._members:
            pipe.send(None)
            member.join()

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _member(pipe: Connection, world: World, name: str, threads: int) -> None:
    engine = make_engine(world.url)
    pipe.send("ready")
    while (asked := pipe.recv()) is not None:
        job, start = asked
        results: list[Any] = [None] * threads
        runners = [
            threading.Thread(target=_client, args=(engine, world, job, start, f"{name}{number:02d}", results, number))
            for number in range(threads)
        ]
        for runner in runners:
            runner.start()
        for runner in runners:
            runner.join()
        failed = [each for each in results if isinstance(each, str)]
        pipe.send(failed[0] if failed else results)
    engine.dispose()


def _client(engine: Engine, world: World, job: Job, start: float, name: str, results: list[Any], place: int) -> None:
    try:
        results[place] = _work(engine, world, job, start, name)
    except Exception as error:
        results[place] = f"{type(error).__name__}: {error}"


def _work(engine: Engine, world: World, job: Job, start: float, name: str) -> tuple[float, list[float]]:
    call: Callable[[Engine, list[Transfer], datetime], None] = _single if job.size == 1 else _batch
    chance, latencies, ask = random.Random(f"{name}{start}"), [], time.perf_counter
    time.sleep(max(0.0, start - time.monotonic()))
    began = ask()
    until = began + job.seconds
    while (sent := ask()) < until:
        now = datetime.now(UTC)
        # As the gateway's clients number theirs: what comes later sorts later.
        stem = f"{time.time_ns():x}-{name}"
        wanted = [
            Transfer(
                id=f"{stem}-{number}",
                debit=chance.randint(world.first_card, world.last_card),
                credit=world.first_provider + chance.randrange(job.providers),
                amount=1,
                code="debit_subsidy",
                reference=f"debit:{stem}",
                occurred_at=now,
                spending=True,
            )
            for number in range(job.size)
        ]
        call(engine, wanted, now)
        latencies.append(ask() - sent)
    return ask() - began, latencies


def _single(engine: Engine, wanted: list[Transfer], now: datetime) -> None:
    with begin(engine, SYSTEM, now) as act:
        said = transfer.post(act, wanted[0].id, wanted)
    if not isinstance(said, Posted):
        raise RuntimeError(f"declined: {said}")


def _batch(engine: Engine, wanted: list[Transfer], now: datetime) -> None:
    with begin(engine, SYSTEM, now) as act:
        said = transfer.post_batch(act, [Group(each.id, (each,)) for each in wanted])
    for each in said:
        if not isinstance(each, Posted):
            raise RuntimeError(f"declined: {each}")
