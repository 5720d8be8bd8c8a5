"""PostgreSQL's own programs: where they are, whether they are new enough, and how they are run without a password on a command line."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

import psycopg
from sqlalchemy import Connection

from settlement.outcomes import Reason, Refused

FOLDER = "SONGBAI_PG_BIN"
"""Names the folder of the programs where they are not on the PATH, or not the right ones."""

NAMES = ("pg_dump", "pg_restore", "psql")
NOT_FOR_PROGRAMS = ("service", "options")
"""Resolved already, or meant for our own connections."""


@dataclass(frozen=True)
class Tools:
    paths: dict[str, str]
    environment: dict[str, str]


@dataclass(frozen=True)
class Running:
    process: subprocess.Popen[bytes]
    errors: IO[bytes]

    @property
    def into(self) -> IO[bytes]:
        assert self.process.stdin is not None  # noqa: S101 - tells the type checker
        return self.process.stdin

    @property
    def out(self) -> IO[bytes]:
        assert self.process.stdout is not None  # noqa: S101 - tells the type checker
        return self.process.stdout

    def succeeded(self) -> bool:
        return self.process.wait() == 0

    def failure(self) -> Refused:
        """What the program said, its first error only: what follows may quote a row."""
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").splitlines()
        told = next((line for line in lines if "error" in line.lower()), lines[0] if lines else "")
        program = os.path.basename(str(self.process.args[0]))  # type: ignore[index]
        detail = told.strip() or f"exit {self.process.poll()}"
        return Refused(Reason.BACKUP_TOOL_FAILED, program=program, detail=detail)


def find(conn: Connection) -> Tools:
    """Raises Refused(BACKUP_TOOLS_MISSING) or Refused(BACKUP_TOOLS_OLD)."""
    folder = os.environ.get(FOLDER) or None
    paths: dict[str, str] = {}
    for name in NAMES:
        path = shutil.which(name, path=folder)
        if path is None:
            raise Refused(Reason.BACKUP_TOOLS_MISSING, program=name)
        paths[name] = path
    server = conn.dialect.server_version_info
    major = int(server[0]) if server else 0
    for name, path in paths.items():
        version = _major(path)
        if version < major:
            raise Refused(Reason.BACKUP_TOOLS_OLD, program=name, version=version, server=major)
    return Tools(paths, _environment(conn))


def _major(path: str) -> int:
    done = subprocess.run([path, "--version"], check=False, capture_output=True, text=True)  # noqa: S603 - found above
    number = re.search(r"\) (\d+)", done.stdout)
    return int(number[1]) if number else 0


def _environment(conn: Connection) -> dict[str, str]:
    """The connection we have, as libpq's variables; nothing of it stands on a command line, where every user could read it."""
    driver: Any = conn.connection.driver_connection
    known = driver.info.get_parameters() | {"password": driver.info.password}
    variables = {
        option.keyword.decode(): option.envvar.decode()
        for option in psycopg.pq.Conninfo.get_defaults()
        if option.envvar is not None
    }
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return ours | {
        variables[keyword]: value
        for keyword, value in known.items()
        if keyword in variables and keyword not in NOT_FOR_PROGRAMS and value
    }


@contextmanager
def run(tools: Tools, name: str, arguments: Sequence[str]) -> Iterator[Running]:
    """The program with pipes; killed when the block is left before its end."""
    command = [tools.paths[name], *arguments]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(  # noqa: S603 - found by find(), arguments of our own
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=tools.environment
        )
        try:
            yield Running(process, errors)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                _closed(pipe)


def _closed(pipe: IO[bytes] | None) -> None:
    try:
        if pipe is not None:
            pipe.close()
    except BrokenPipeError:
        pass  # what it had not read yet
