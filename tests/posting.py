"""A process that posts to a district's ledger without a pause, and says which transfers were acknowledged.

``python -m tests.posting URL [SCHEMA]`` tops up one purse, fen by fen, and prints the id of each transfer after its commit, until its input ends.
"""

from __future__ import annotations

import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Thread

from sqlalchemy import Engine

from settlement.act import SYSTEM, begin
from settlement.db import make_engine
from settlement.ledger import accounts
from settlement.ledger.transfer import Posted, Transfer, post
from tests.support import at

ROOT = Path(__file__).parent.parent
NOON = at("2026-07-01 12:00")


class Writer:
    """``acknowledged`` grows while it writes: the ids in the order they were committed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.acknowledged: list[str] = []
        self._process = process
        self._listening = Thread(target=self._listen)
        self._listening.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.acknowledged.append(line.strip())

    def wait_for(self, number: int) -> None:
        """Until so many more were acknowledged."""
        wanted = len(self.acknowledged) + number
        while len(self.acknowledged) < wanted and self._process.poll() is None:
            self._listening.join(0.01)
        assert self._process.poll() is None, "the writer died"

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(timeout=30) == 0
        self._listening.join(timeout=30)


@contextmanager
def posting(engine: Engine, schema: str = "") -> Iterator[Writer]:
    command = [sys.executable, "-m", "tests.posting", engine.url.render_as_string(hide_password=False), schema]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    writer = Writer(process)
    try:
        yield writer
        writer.stop()
    finally:
        process.kill()


def main(url: str, schema: str) -> None:
    engine = make_engine(url, schema or None)
    with begin(engine, SYSTEM, NOON) as act:
        source = accounts.open_account(act, "operator_trust", "operator")
        purse = accounts.open_account(act, "spare", "purse", guarded=True)
    for number in count(1):
        if select.select([sys.stdin], [], [], 0)[0]:
            break
        id = f"spare/{number}"
        with begin(engine, SYSTEM, NOON) as act:
            assert isinstance(post(act, id, [Transfer(id, source, purse, 1, "spare", id, NOON)]), Posted)
        print(id, flush=True)
    engine.dispose()


if __name__ == "__main__":
    main(*sys.argv[1:])
