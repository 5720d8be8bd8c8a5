"""What can go wrong while one act is under way, each at a chosen statement, so that the same run goes wrong in the same way again.

Nothing in the product knows of it: processes die by SIGKILL, connections are cut by the server or at the socket, and the disk is full because
SQLite, or the kernel, says so.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from settlement.db import make_engine
from tests.killing import Counter, Moment

Work = Callable[[Engine], Any]


class Lost(Exception):
    """Nobody was told what became of the act."""


@dataclass(frozen=True)
class Fault:
    """``n``: at which statement, or how much room is left on the disk (in KiB)."""

    kind: str
    n: int = 0

    def __str__(self) -> str:
        return {
            "none": "",
            "killed at": f"killed before statement {self.n}",
            "killed before commit": "killed before its commit",
            "killed after commit": "killed after its commit",
            "cut off": f"cut off by the server before statement {self.n}",
            "broken off": f"connection broken before statement {self.n}",
            "interrupted": f"interrupted in statement {self.n}",
            "answer lost": "its answer was lost",
            "database full": "no page left in the database",
            "disk full": f"{self.n} KiB left on the disk",
            "server's disk full": "no room left on the server's disk",
        }[self.kind]


KINDS = {
    "sqlite": ("killed at", "killed before commit", "killed after commit", "interrupted", "answer lost", "database full", "disk full"),
    "postgresql": ("killed at", "killed before commit", "killed after commit", "cut off", "broken off", "answer lost", "server's disk full"),
}  # fmt: skip


def with_fault(fault: Fault, url: str, work: Work) -> Any:
    """Do the work on connections of its own while this goes wrong; its answer, or :class:`Lost`."""
    if fault.kind.startswith("killed"):
        return _in_a_child(url, work, die=_moment(fault))
    if fault.kind == "disk full":
        return _in_a_child(url, work, room=fault.n * 1024)
    engine = make_engine(url)
    try:
        with _troubled(engine, fault):
            answer = work(engine)
    except DBAPIError as error:
        raise Lost from error
    finally:
        engine.dispose()
    if fault.kind == "answer lost":
        raise Lost
    return answer


def _moment(fault: Fault) -> Moment:
    if fault.kind == "killed at":
        return Moment("statement", fault.n)
    return Moment("before" if fault.kind == "killed before commit" else "after", 1)


def _in_a_child(url: str, work: Work, die: Moment | None = None, room: int | None = None) -> Any:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            Counter(die).watch()
            if room is not None:
                _leave_room(url, room)
            answer = json.dumps(work(make_engine(url)))
            os.write(write, answer.encode())
        except DBAPIError:
            os._exit(1)
        except BaseException as error:
            os.write(2, f"{error!r}\n".encode())
            os._exit(2)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 2:
        raise AssertionError("the act failed of itself")
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
    if not told:
        raise Lost
    return json.loads(told)


def _leave_room(url: str, room: int) -> None:
    """No file of this process may grow beyond what the write-ahead log has now and this many bytes: writing then fails half-way."""
    log = Path(url.removeprefix("sqlite:///") + "-wal")
    size = log.stat().st_size if log.exists() else 0
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + room, resource.RLIM_INFINITY))


@contextmanager
def _troubled(engine: Engine, fault: Fault) -> Any:
    statements = 0

    def before(conn: Connection, *rest: Any) -> None:
        nonlocal statements
        statements += 1
        if statements == fault.n:
            _trouble(engine, conn, fault)

    if fault.kind in ("cut off", "broken off", "interrupted", "server's disk full"):
        event.listen(engine, "before_cursor_execute", before)
    if fault.kind == "database full":
        event.listen(engine, "connect", _no_more_pages)
    yield


def _trouble(engine: Engine, conn: Connection, fault: Fault) -> None:
    connection: Any = conn.connection.driver_connection
    if fault.kind == "interrupted":
        first = iter([1])
        connection.set_progress_handler(lambda: next(first, 0), 1)
    elif fault.kind == "broken off":
        with socket.fromfd(connection.fileno(), socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.shutdown(socket.SHUT_RDWR)
    elif fault.kind == "cut off":
        with create_engine(engine.url).connect() as admin:
            admin.exec_driver_sql("SELECT pg_terminate_backend(%s, 5000)", (connection.info.backend_pid,))
    else:
        _no_more_room(connection.info.backend_pid)


def _no_more_room(backend: int) -> None:
    """The server process may write nothing more, to no file. Only its own user may say so, even to root in a container."""
    child = os.fork()
    if child == 0:
        owner = os.stat(f"/proc/{backend}")
        if os.geteuid() != owner.st_uid:
            os.setgroups([])
            os.setgid(owner.st_gid)
            os.setuid(owner.st_uid)
        _, most = resource.prlimit(backend, resource.RLIMIT_FSIZE)
        resource.prlimit(backend, resource.RLIMIT_FSIZE, (0, most))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0, "the server's room could not be limited"


def _no_more_pages(connection: Any, record: Any) -> None:
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
