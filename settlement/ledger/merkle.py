"""The hash tree of RFC 6962 (section 2.1) over SHA-256: roots, and the path that proves a leaf.

A leaf is hashed with a 0 byte before it, an inner node with a 1 byte, so that neither can pass for the other. A tree of n leaves is split at
the largest power of two below n; level by level that is: pair neighbours, and an odd last one moves up alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

SPAN = 1024
"""Leaves are handled in spans of so many. A power of two, so that the root of each span is a node of the whole tree."""

EMPTY = hashlib.sha256(b"").digest()


def leaf(content: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + content).digest()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(hashes: Sequence[bytes]) -> bytes:
    """The root over leaf hashes; the same over the roots of their spans."""
    level = list(hashes)
    while len(level) > 1:
        level = _above(level)
    return level[0] if level else EMPTY


def path(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """The neighbours on the way from a leaf up to the root, the lowest first."""
    found: list[bytes] = []
    level = list(hashes)
    while len(level) > 1:
        if index ^ 1 < len(level):
            found.append(level[index ^ 1])
        level, index = _above(level), index // 2
    return found


def _above(level: Sequence[bytes]) -> list[bytes]:
    pairs = [node(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
    return pairs + list(level[len(pairs) * 2 :])
