"""The key ring beside a backup: without it a restored district has its books, but nobody's number can be read and no code is genuine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from settlement import keys
from settlement.keys import KeyRing
from settlement.outcomes import Reason, Refused

CONTEXT = "backup"
KINDS = ("field_keys", "token_keys", "seal_keys")


@dataclass(frozen=True)
class Ring:
    """``content``: the file as it is; ``facts``: by which to know it again, without giving any of it away."""

    content: bytes
    keys: KeyRing

    @property
    def facts(self) -> dict[str, Any]:
        known: dict[str, Any] = {kind: sorted(getattr(self.keys, kind)) for kind in KINDS}
        return known | {"index": self.keys.index("ring", CONTEXT)}

    def fits(self, facts: dict[str, Any]) -> bool:
        """Whether it opens what was encrypted, and checks what was sealed, under the ring described; it may have newer keys besides."""
        mine = self.facts
        same = bool(facts) and bool(mine["index"] == facts["index"])
        return same and all(set(facts[kind]) <= set(mine[kind]) for kind in KINDS)


def of(content: bytes, path: Path) -> Ring:
    """The ring in a file's bytes. Raises Refused(RING_UNREADABLE)."""
    return Ring(content, keys.parse(content, path))


def at(path: Path) -> Ring | None:
    """The ring in a file; None where there is none. Raises Refused(RING_UNREADABLE)."""
    return of(path.read_bytes(), path) if path.is_file() else None


def refuse_other(path: Path, inside: Ring) -> None:
    """Raises Refused(RING_DIFFERS) where another ring lies at ``path``: data may depend on it."""
    standing = at(path)
    if standing is not None and standing.keys != inside.keys:
        raise Refused(Reason.RING_DIFFERS, file=str(path))
