"""Costly things that several test processes of one run share: made by whoever comes first, the others wait for it."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from pathlib import Path

import pytest


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder of this run that ``make`` filled, once however many workers ask for it."""
    base = factory.getbasetemp()
    # Each worker of xdist has a folder of its own in the run's.
    shared = base.parent if base.name.startswith("popen-") else base
    folder = shared / name
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            folder.mkdir(exist_ok=True)
            make(folder)
            (folder / "made").touch()
    return folder
