"""Files that must not outlive the run: private folders and half-written files, swept by the next run when theirs was killed.

Each is held by a lock of the process that made it; a lock dies with its process, so what nobody holds is nobody's.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedRandom
from pathlib import Path

from settlement.outcomes import Reason, Refused

FOLDER = ".songbai-scratch-"
PART = ".songbai-part"


@contextmanager
def private_folder(beside: Path) -> Iterator[Path]:
    """A folder for this user only, gone at the end."""
    _sweep(beside.glob(f"{FOLDER}*"))
    while True:
        with writing(beside):
            folder = Path(tempfile.mkdtemp(prefix=FOLDER, dir=beside))
        held = os.open(folder, os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX)
        if folder.exists():  # else another's sweep was quicker than our lock
            break
        os.close(held)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


@contextmanager
def part_of(path: Path) -> Iterator[tuple[Path, BufferedRandom]]:
    """The file that becomes ``path`` when it is whole, for this user only; gone at the end unless it was renamed.

    Raises Refused(BACKUP_RUNNING) while another process writes it.
    """
    part = path.parent / f".{path.name}{PART}"
    while True:
        _sweep(path.parent.glob(f".*{PART}"))
        try:
            descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise Refused(Reason.BACKUP_RUNNING, file=str(path)) from None
        except OSError as error:
            raise _not_written(path, error) from error
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if part.exists():
            break
        os.close(descriptor)
    file = os.fdopen(descriptor, "w+b")
    try:
        yield part, file
    finally:
        part.unlink(missing_ok=True)
        with suppress(OSError):  # on a full disk its last bytes are tried once more: that was told already
            file.close()


def keep(part: Path, path: Path) -> None:
    """Give a whole file its name: what it holds is on the disk before, and the name after, whatever fails next."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _sweep(left: Iterator[Path]) -> None:
    for path in left:
        try:
            held = os.open(path, os.O_RDONLY)
        except OSError:
            continue  # another's sweep, or another user's
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        except BlockingIOError:
            pass  # somebody is at work
        finally:
            os.close(held)


@contextmanager
def writing(where: Path) -> Iterator[None]:
    """Tells in words that a disk is full, or that a folder may not be written: Refused(BACKUP_NOT_WRITTEN)."""
    try:
        yield
    except OSError as error:
        raise _not_written(where, error) from error
    except sqlite3.OperationalError as error:
        raise Refused(Reason.BACKUP_NOT_WRITTEN, where=str(where), detail=str(error)) from error


def _not_written(where: Path, error: OSError) -> Refused:
    detail = errno.errorcode.get(error.errno or 0, type(error).__name__)
    return Refused(Reason.BACKUP_NOT_WRITTEN, where=str(where), detail=detail)
