"""``python -m tests.simulation --seed 7`` plays one run on each engine and prints every step; ``--seconds 60`` plays new seeds, one line each."""

from __future__ import annotations

import argparse
import logging
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from settlement.db import make_engine, migrate
from tests import postgres
from tests.simulation.run import Run

# A commit writes its log itself and at once; the disk need not have it, for here only processes die.
SETTINGS = postgres.SETTINGS | {"synchronous_commit": "on", "wal_writer_delay": "10s"}


class Places:
    """An empty database for each run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server: postgres.Server | None = None

    @contextmanager
    def run(self, backend: str, seed: int) -> Iterator[Run]:
        if backend == "sqlite":
            yield Run(seed, f"sqlite:///{self.folder}/{seed}.db")
            for file in self.folder.glob(f"{seed}.db*"):
                file.unlink()
            return
        if self.server is None:
            self.server = postgres.Server(settings=SETTINGS)
            self.server.execute("CREATE DATABASE blank")
            blank = make_engine(self.server.url("blank"))
            migrate(blank)
            blank.dispose()
        self.server.execute(f"CREATE DATABASE run{seed} TEMPLATE blank STRATEGY file_copy")
        yield Run(seed, self.server.url(f"run{seed}"), self.server.revive)
        self.server.execute(f"DROP DATABASE run{seed} WITH (FORCE)")

    def close(self) -> None:
        if self.server is not None:
            self.server.stop()


def play(places: Places, backend: str, seed: int, *, every_step: bool) -> None:
    with places.run(backend, seed) as run:
        try:
            run.play()
        except BaseException:
            print(*run.lines, sep="\n")
            print(f"seed {seed} {backend}: failed after these steps; again with: make simulate SEED={seed}", flush=True)
            raise
        if every_step:
            print(*run.lines, sep="\n")
        print(f"seed {seed} {backend}: {len(run.lines)} requests, {run.faults} faults, trace {run.digest}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--engine", choices=["sqlite", "postgresql"], action="append")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--seconds", type=float)
    asked = parser.parse_args()
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # it remarks on each connection that we break
    seed = asked.seed if asked.seed is not None else random.randrange(10**6)
    until = time.monotonic() + (asked.seconds or 0)
    with tempfile.TemporaryDirectory() as folder:
        places = Places(Path(folder))
        try:
            while True:
                for backend in asked.engine or ["sqlite", "postgresql"]:
                    play(places, backend, seed, every_step=asked.seconds is None)
                seed += 1
                if time.monotonic() >= until:
                    return
        finally:
            places.close()


if __name__ == "__main__":
    main()
