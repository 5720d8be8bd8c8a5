"""On which line of a TOML file a key stands. ``tomllib`` does not say, and a person who mends a scheme needs to know.

The text has been accepted by ``tomllib`` before, so this reader is short: it follows structure and never judges.
"""

from __future__ import annotations

import re
from bisect import bisect_right

Path = tuple[str | int, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SCALAR = re.compile(r"[^,\]}\n#]*")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}' r"|'''.*?'{3,5}" r'|"(?:[^"\\\n]|\\.)*"' r"|'[^'\n]*'", re.DOTALL
)


def lines(text: str) -> dict[Path, int]:
    """The line, from 1, of every table, key and list entry; entries of lists are counted from 0."""
    reader = _Reader(text)
    reader.document()
    return reader.found


def line_of(found: dict[Path, int], path: Path) -> int | None:
    """The line of a path, or of what holds it: a missing key has none of its own."""
    while path and path not in found:
        path = path[:-1]
    return found.get(path)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[Path, int] = {}
        self.starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self.entries: dict[Path, int] = {}  # [[array]] -> entries so far

    def document(self) -> None:
        here: Path = ()
        self.blank()
        while self.at < len(self.text):
            here = self.heading() if self.peek("[") else here
            self.blank()
            while self.at < len(self.text) and not self.peek("["):
                self.pair(here)
                self.blank()

    def heading(self) -> Path:
        array = self.peek("[[")
        start = self.at
        self.at += 2 if array else 1
        parts = self.dotted()
        self.at += 2 if array else 1
        path: Path = ()
        for part in parts[:-1] if array else parts:
            path = self.open((*path, part), start)
        if array:
            path = (*path, parts[-1])
            self.mark(path, start)
            self.entries[path] = self.entries.get(path, 0) + 1
            path = (*path, self.entries[path] - 1)
            self.mark(path, start)
        return path

    def open(self, path: Path, start: int) -> Path:
        """Step into a table; into the newest entry where the name is a list of tables."""
        self.mark(path, start)
        return (*path, self.entries[path] - 1) if path in self.entries else path

    def pair(self, here: Path) -> None:
        start = self.at
        path = here
        for part in self.dotted():
            path = (*path, part)
            self.mark(path, start)
        self.at = self.text.index("=", self.at) + 1
        self.value(path)

    def value(self, path: Path) -> None:
        self.blank()
        if self.peek("["):
            self.sequence(path)
        elif self.peek("{"):
            self.at += 1
            self.blank()
            while not self.peek("}"):
                self.pair(path)
                self.comma()
            self.at += 1
        else:
            match = _STRING.match(self.text, self.at) or _SCALAR.match(self.text, self.at)
            self.at = match.end() if match else self.at + 1

    def sequence(self, path: Path) -> None:
        self.at += 1
        self.blank()
        index = 0
        while not self.peek("]"):
            self.mark((*path, index), self.at)
            self.value((*path, index))
            self.comma()
            index += 1
        self.at += 1

    def comma(self) -> None:
        self.blank()
        if self.peek(","):
            self.at += 1
            self.blank()

    def dotted(self) -> list[str]:
        parts = []
        while True:
            self.blank()
            match = _STRING.match(self.text, self.at) or _BARE.match(self.text, self.at)
            if match is None:
                raise ValueError(f"no key at offset {self.at}: the text is not TOML")
            parts.append(match[0].strip("\"'"))
            self.at = match.end()
            self.blank()
            if not self.peek("."):
                return parts
            self.at += 1

    def blank(self) -> None:
        match = _BLANK.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def peek(self, mark: str) -> bool:
        return self.text.startswith(mark, self.at)

    def mark(self, path: Path, offset: int) -> None:
        self.found.setdefault(path, bisect_right(self.starts, offset))
