"""Which characters the printed sheets can show: the character map of the vendored font (TrueType ``cmap``, format 12)."""

from __future__ import annotations

import struct
from functools import lru_cache
from pathlib import Path

from settlement.errors import BrokenInvariant

FOLDER = Path(__file__).parent / "fonts"
FAMILY = "Noto Sans SC"
GETA = "〓"
"""What Chinese printing has always put where a character is missing."""


@lru_cache(maxsize=1)
def _covered() -> tuple[tuple[int, int], ...]:
    data = (FOLDER / "NotoSansSC-Regular.ttf").read_bytes()
    tables = struct.unpack_from(">H", data, 4)[0]
    directory = {data[12 + 16 * i : 16 + 16 * i]: struct.unpack_from(">I", data, 20 + 16 * i)[0] for i in range(tables)}
    cmap = directory[b"cmap"]
    for i in range(struct.unpack_from(">H", data, cmap + 2)[0]):
        table = cmap + struct.unpack_from(">I", data, cmap + 8 + 8 * i)[0]
        if struct.unpack_from(">H", data, table)[0] == 12:
            groups = struct.unpack_from(">I", data, table + 12)[0]
            return tuple(struct.unpack_from(">II", data, table + 16 + 12 * g) for g in range(groups))
    raise BrokenInvariant("the sheets' font has no character map of format 12")


def shows(character: str) -> bool:
    code = ord(character)
    return any(first <= code <= last for first, last in _covered())


def printable(text: str) -> str:
    """The text with 〓 for every character that the font lacks."""
    return "".join(character if shows(character) else GETA for character in text)
