"""Clients and servers killed under load, at random moments, over and over.

Some clients post as fast as they can. Each writes down what was acknowledged, with fsync, before it goes on. Then all clients, or on PostgreSQL
the server with everything it runs, are killed with SIGKILL. Afterwards every acknowledged act is there once and whole, every other one once
and whole or not at all, asking again settles it, a repeat of what was acknowledged tells the balances of then, and the books prove themselves.

``python -m tests.simulation.crash --engine postgresql --kills 100`` says after each tenth kill what it found.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path

from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import OperationalError

from settlement.db import make_engine, migrate, reading
from settlement.ledger import integrity
from settlement.ledger.tables import transfers
from settlement.ledger.transfer import Group, Transfer
from tests import postgres
from tests.ledger.model import Answer, Model
from tests.ledger.sides import Ledger, Request, open_accounts
from tests.support import acting, at

NOW = at("2026-07-10 08:00")
CLIENTS, PURSES = 3, 12
SETTINGS = postgres.DURABLE | {"shared_buffers": "64MB"}


@dataclass
class Found:
    """What was acknowledged, and what became of the acts that were under way."""

    acknowledged: int = 0
    stood: int = 0
    did_not: int = 0


@dataclass(frozen=True)
class Load:
    """What the clients of a run ask: everything follows from these few numbers, so nobody has to remember it."""

    seed: int
    run: int
    ids: dict[str, int]

    def request(self, client: int, n: int) -> Request:
        """The nth act of a client: a debit, one with two purses, a batch, or a hold whose next act posts it."""
        draw = random.Random(f"{self.seed}/{self.run}/{client}/{n}")
        id = f"{self.run}.{client}.{n}"
        kind = draw.randrange(100)
        if n and self.request(client, n - 1)[0] == "place":
            return "post_hold", (f"{self.run}.{client}.{n - 1}", id, None, NOW)
        if kind < 60:
            return "post", (id, self._debit(draw, f"{id}/1"))
        if kind < 75:
            return "post", (id, self._debit(draw, f"{id}/1"), self._debit(draw, f"{id}/2"))
        if kind < 90:
            return "batch", tuple(Group(f"{id}.{k}", (self._debit(draw, f"{id}.{k}/1"),)) for k in range(12))
        return "place", (self._debit(draw, id), NOW + timedelta(hours=1))

    def rows(self, client: int, n: int) -> set[str]:
        """The ids of the transfers that act writes."""
        name, args = self.request(client, n)
        if name == "post":
            return {t.id for t in args[1:]}
        if name == "batch":
            return {t.id for group in args for t in group.transfers}
        return {args[1] if name == "post_hold" else args[0].id}

    def _debit(self, draw: random.Random, id: str) -> Transfer:
        purse = self.ids[str(draw.randint(1, PURSES))]
        return Transfer(
            id, purse, self.ids["claim"], draw.randint(1, 500), "debit_subsidy", f"run:{self.run}", NOW, True
        )


def ask(engine: Engine, request: Request) -> Answer | list[Answer]:
    name, args = request
    with acting(engine, NOW) as act:
        answer: Answer | list[Answer] = getattr(Ledger(act), name)(*args)
    return answer


# -- the clients --------------------------------------------------------------------------------------------------------------
def start_client(url: str, load: Load, client: int, log: Path) -> int:
    """Fork a client; its process id."""
    child = os.fork()
    if child:
        return child
    try:
        engine = make_engine(url)
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for n in count():
            answer = ask(engine, load.request(client, n))
            os.write(file, json.dumps(answer).encode() + b"\n")
            os.fsync(file)
        os._exit(0)
    except OperationalError:
        os._exit(0)  # the server was killed
    except BaseException as error:
        print(repr(error), file=sys.stderr, flush=True)
        os._exit(1)


def acknowledged(log: Path) -> list[Answer | list[Answer]]:
    """What a client was told; a line that was cut off was never finished, and so never acknowledged."""
    whole = log.read_bytes().rpartition(b"\n")[0] if log.exists() else b""
    return [_answer(json.loads(line)) for line in whole.splitlines()]


def _answer(told: list[object]) -> Answer | list[Answer]:
    if told and isinstance(told[0], str):
        outcome, balances = told
        return outcome, {int(id): left for id, left in balances.items()}  # type: ignore[attr-defined]
    return [_answer(each) for each in told]  # type: ignore[misc, arg-type]


# -- the kills ----------------------------------------------------------------------------------------------------------------
class Crashes:
    def __init__(self, url: str, seed: int, server: postgres.Server | None = None) -> None:
        self.url, self.seed, self.server = url, seed, server
        self.engine = make_engine(url)
        migrate(self.engine)
        with acting(self.engine, NOW) as act:
            self.ids = open_accounts(act, Model(NOW), PURSES)
            everyone = [str(number) for number in range(1, PURSES + 1)]
            self.written = Ledger(act).issue("issue", self.ids["control"], 10**12, everyone, NOW)
        self.draw = random.Random(seed)
        self.found = Found()

    def once(self, run: int, folder: Path, *, kill_server: bool) -> None:
        load = Load(self.seed, run, self.ids)
        logs = [folder / f"{run}.{client}" for client in range(CLIENTS)]
        self.engine.dispose()
        clients = [start_client(self.url, load, client, log) for client, log in enumerate(logs)]
        while not any(log.exists() and log.stat().st_size for log in logs):
            time.sleep(0.002)
        time.sleep(self.draw.uniform(0, 0.5))
        if kill_server and self.server is not None:
            self.server.crash()
        else:
            for pid in clients:
                os.kill(pid, signal.SIGKILL)
        for pid in clients:
            _, status = os.waitpid(pid, 0)
            assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "a client failed of itself"
        if kill_server and self.server is not None:
            self.server.restart()
        self._await_the_end_of_their_backends()
        self.settle(load, logs)

    def _await_the_end_of_their_backends(self) -> None:
        """The server may still be committing what a dead client asked for."""
        others = text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        while self.server is not None:
            with reading(self.engine) as conn:
                if conn.execute(others).scalar_one() == 0:
                    return

    def settle(self, load: Load, logs: list[Path]) -> None:
        with reading(self.engine) as conn:
            query = select(transfers.c.id).where(transfers.c.reference == f"run:{load.run}")
            standing = set(conn.execute(query).scalars())
        expected: set[str] = set()
        for client, log in enumerate(logs):
            told = acknowledged(log)
            self.found.acknowledged += len(told)
            for n, answer in enumerate(told):
                assert all(each[0] == "posted" for each in _each(answer)), answer
                assert load.rows(client, n) <= standing, "acknowledged and not there"
                expected |= load.rows(client, n)
            if told:
                n = self.draw.randrange(len(told))
                again = ask(self.engine, load.request(client, n))
                assert [("posted", left) for _, left in _each(again)] == _each(told[n]), (
                    "a repeat tells another outcome"
                )
                assert all(each[0] == "replayed" for each in _each(again))
            expected |= self._under_way(load, client, len(told), standing)
        self.written += len(expected)
        with reading(self.engine) as conn:
            query = select(transfers.c.id).where(transfers.c.reference == f"run:{load.run}")
            found = conn.execute(query).scalars().all()
            assert len(found) == len(set(found)) and set(found) == expected, "more than was asked"
            assert conn.execute(select(func.count()).select_from(transfers)).scalar_one() == self.written
            assert integrity.check(conn) == []
            if conn.dialect.name == "sqlite":
                assert conn.execute(text("PRAGMA quick_check")).scalar_one() == "ok"

    def _under_way(self, load: Load, client: int, n: int, standing: set[str]) -> set[str]:
        """The act that was not acknowledged: whole or not at all; asked again it is there."""
        rows = load.rows(client, n)
        whole = rows <= standing
        assert whole or rows.isdisjoint(standing), "a part of an act"
        assert not standing & load.rows(client, n + 1), "an act that was never asked for"
        self.found.stood += whole
        self.found.did_not += not whole
        again = ask(self.engine, load.request(client, n))
        assert {each[0] for each in _each(again)} == {"replayed" if whole else "posted"}
        return rows


def _each(answer: Answer | list[Answer]) -> list[Answer]:
    return answer if isinstance(answer, list) else [answer]


@contextmanager
def crashes(backend: str, seed: int, folder: Path) -> Iterator[Crashes]:
    if backend == "sqlite":
        yield Crashes(f"sqlite:///{folder}/town.db", seed)
        return
    server = postgres.Server(settings=SETTINGS)
    try:
        server.execute("CREATE DATABASE town")
        yield Crashes(server.url("town"), seed, server)
    finally:
        server.stop()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--engine", choices=["sqlite", "postgresql"], required=True)
    parser.add_argument("--kills", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # it remarks on each connection that died
    with tempfile.TemporaryDirectory() as name, crashes(asked.engine, asked.seed, Path(name)) as town:
        for run in range(1, asked.kills + 1):
            # On PostgreSQL every other time the server, else the clients.
            town.once(run, Path(name), kill_server=run % 2 == 0)
            if run % 10 == 0 or run == asked.kills:
                found = town.found
                print(
                    f"{asked.engine}: {run} kills, {found.acknowledged} acts acknowledged, all there once; under way "
                    f"{found.stood} stood, {found.did_not} did not, all settled",
                    flush=True,
                )


if __name__ == "__main__":
    main()
