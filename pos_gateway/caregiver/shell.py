"""What the app consists of, so that a phone can keep all of it: the list of files and one name for their present state."""

from __future__ import annotations

import json
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

STATIC = Path(__file__).parent / "static"
PAGES = ("./", "manifest.webmanifest")
"""Addresses beside ``static/``, which its files ``index.html`` and ``manifest.webmanifest`` answer."""

_NOT_KEPT = frozenset({"index.html", "manifest.webmanifest", "sw.js", "LICENSE"})


@lru_cache(maxsize=1)
def worker() -> str:
    """The service worker's script, beginning with what it has to keep."""
    found = sorted(path for path in STATIC.rglob("*") if path.is_file())
    names = {path: path.relative_to(STATIC).as_posix() for path in found}
    kept = [*PAGES, *(f"static/{name}" for path, name in names.items() if path.name not in _NOT_KEPT)]
    state = sha256()
    for path, name in names.items():
        state.update(f"{name} {sha256(path.read_bytes()).hexdigest()}\n".encode())
    shell = json.dumps({"version": state.hexdigest()[:16], "files": kept})
    return f"const SHELL = {shell};\n" + (STATIC / "sw.js").read_text(encoding="utf-8")
