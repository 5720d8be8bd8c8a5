"""``songbai`` in processes that are killed at a chosen statement or commit, and what a database holds afterwards.

Nothing in the product knows of it: a helper process imports the commands once and forks a child for each run; the child counts the
statements and commits of its databases and sends itself SIGKILL at the one that was asked for. Its clock stands still at the moment given.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
WORKED, TROUBLE = 0, 70


@dataclass(frozen=True)
class Ran:
    """``killed``: by SIGKILL; ``exit``: of the first command that failed, 0 when none did; ``statements`` and ``commits``: counted
    until the end, of a run that was not killed."""

    killed: bool
    exit: int = 0
    statements: int = 0
    commits: int = 0


@dataclass(frozen=True)
class Moment:
    """``what``: ``statement`` (before the nth), ``before`` or ``after`` the nth commit of something written, of all the commands do."""

    what: str
    n: int


class Killing:
    """The helper process. Commands of one run follow each other in one process."""

    def __init__(self) -> None:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.killing"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, db: str, commands: Sequence[Sequence[str]], now: datetime, die: Moment | None = None) -> Ran:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"commands": [["--db", db, *words] for words in commands], "now": now.isoformat()}
        asked |= {"die": None if die is None else asdict(die)}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return Ran(**json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)


@contextmanager
def killing() -> Iterator[Killing]:
    helper = Killing()
    try:
        yield helper
    finally:
        helper.close()


def contents(file: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, sorted."""
    with closing(sqlite3.connect(file)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: sorted(connection.execute(f'SELECT * FROM "{name}"'), key=repr) for name in sorted(tables)}


# -- the helper process -------------------------------------------------------------------------------------------------------
class Counter:
    """Counts what a child does with its databases, and ends it at the moment asked for."""

    def __init__(self, die: Moment | None) -> None:
        self.die = die
        self.counts = {"statement": 0, "before": 0, "after": 0}
        self.written = False

    def tick(self, what: str) -> None:
        self.counts[what] += 1
        if self.die is not None and (self.die.what, self.die.n) == (what, self.counts[what]):
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        from sqlalchemy import Engine, event
        from sqlalchemy.engine.default import DefaultDialect

        def executed(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
            self.tick("statement")
            self.written |= statement.lstrip()[:6].upper() in ("INSERT", "UPDATE", "DELETE")

        event.listen(Engine, "before_cursor_execute", executed)
        commit = DefaultDialect.do_commit

        def counted(dialect: Any, connection: Any) -> None:
            written, self.written = self.written, False
            if written:
                self.tick("before")
            commit(dialect, connection)
            if written:
                self.tick("after")

        DefaultDialect.do_commit = counted  # type: ignore[method-assign]


def _child(asked: dict[str, Any], told: int) -> int:
    from settlement.cli import main

    counter = Counter(None if asked["die"] is None else Moment(**asked["die"]))
    counter.watch()
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
    failed = WORKED
    for words in asked["commands"]:
        try:
            answer = main.main(words, standalone_mode=False)
            failed = answer if isinstance(answer, int) else WORKED
        except SystemExit as end:
            failed = int(end.code or 0)
        except Exception as error:
            print(f"{words}: {error!r}", file=sys.stderr)
            failed = TROUBLE
        if failed:
            break
    ran = Ran(False, failed, counter.counts["statement"], counter.counts["before"])
    os.write(told, json.dumps(asdict(ran)).encode())
    return failed


def _helper() -> None:
    """Import once, then fork a child per request; a line of JSON in, a line out."""
    import settlement.clock

    now: list[datetime] = []
    settlement.clock.system_clock = lambda: now[0]
    import settlement.cli  # what each child needs, and all that it finds imported

    for line in sys.stdin:
        asked = json.loads(line)
        now[:] = [datetime.fromisoformat(asked["now"])]
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            os._exit(_child(asked, write))
        os.close(write)
        with os.fdopen(read) as answer:
            told = answer.read()
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        print(json.dumps(asdict(Ran(True))) if killed else told, flush=True)


if __name__ == "__main__":
    _helper()
