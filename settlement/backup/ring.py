"""The key ring beside a backup: without it a restored district has its books, but nobody's number can be read and no code is genuine."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from settlement import keys
from settlement.outcomes import Reason, Refused

CONTEXT = "backup"


@dataclass(frozen=True)
class Ring:
    """``content``: the file as it is; ``facts``: by which to know it again, without giving any of it away. Empty where there is none."""

    content: bytes
    facts: dict[str, Any]


def read(path: Path) -> Ring:
    if not path.is_file():
        return Ring(b"", {})
    return Ring(path.read_bytes(), _facts(keys.load(path)))


def _facts(ring: keys.KeyRing) -> dict[str, Any]:
    return {
        "index": ring.index("ring", CONTEXT),
        "field_keys": sorted(ring.field_keys),
        "token_keys": sorted(ring.token_keys),
    }


def fits(path: Path, facts: dict[str, Any]) -> bool:
    """Whether the ring at ``path`` opens what was encrypted under the one described; it may have newer keys besides."""
    if not facts or not path.is_file():
        return False
    mine = _facts(keys.load(path))
    known = all(set(facts[name]) <= set(mine[name]) for name in ("field_keys", "token_keys"))
    return known and bool(mine["index"] == facts["index"])


def refuse_other(path: Path, content: bytes) -> None:
    """Raises Refused(RING_DIFFERS) where another ring lies at ``path``: data may depend on it."""
    if path.is_file() and json.loads(path.read_bytes()) != json.loads(content):
        raise Refused(Reason.RING_DIFFERS, file=str(path))
