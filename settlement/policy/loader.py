"""Reading a scheme file: all faults at once, or the scheme.

A fault names the file, the line, the key, what is wrong and what is allowed, in Chinese and English.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import marshmallow as ma

from settlement.policy.crosscheck import crosscheck
from settlement.policy.locate import Path, line_of, lines
from settlement.policy.scheme import Scheme
from settlement.policy.shape import Problem, schema_of


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to mend in a scheme file. ``line`` counts from 1 and is None for the whole file."""

    file: str
    line: int | None
    key: str
    zh: str
    en: str
    allowed_zh: str
    allowed_en: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        key = f" {self.key}" if self.key else ""
        return f"{place}{key}：{self.zh}；{self.allowed_zh}\n    {self.en}; {self.allowed_en}"


class SchemeFaults(Exception):
    """The file is not a scheme; ``faults`` lists everything that is wrong with it, in the order of the file."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        super().__init__("\n".join(map(str, faults)))


def load(text: str, file: str = "scheme.toml") -> Scheme:
    """Read a scheme. Raises SchemeFaults."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SchemeFaults([_syntax(str(error), text, file)]) from error
    scheme: Scheme | None = None
    problems: list[tuple[Path, Problem]] = []
    try:
        scheme = schema_of(Scheme)().load(document)
    except ma.ValidationError as error:
        problems += _flat(error.messages, ())
    problems += crosscheck(document)
    if problems or scheme is None:
        where = lines(text)
        faults = [
            Fault(file, line_of(where, path), _key(document, path), each.zh, each.en, each.allowed_zh, each.allowed_en)
            for path, each in problems
        ]
        raise SchemeFaults(sorted(faults, key=lambda fault: (fault.line or 0, fault.key)))
    return scheme


def load_bytes(content: bytes, file: str) -> Scheme:
    """Read a scheme from a file's bytes (UTF-8, with or without a byte order mark). Raises SchemeFaults."""
    return load(decode(content, file), file)


def decode(content: bytes, file: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        wrong = ("文件不是 UTF-8 编码", "the file is not encoded in UTF-8", "另存为 UTF-8 编码", "save it as UTF-8")
        raise SchemeFaults([Fault(file, line, "", *wrong)]) from error


def builtin_codes() -> list[str]:
    """Codes of the schemes that are shipped."""
    folder = resources.files("settlement.policy") / "schemes"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def builtin_text(code: str) -> str:
    """The text of a shipped scheme. Raises KeyError for an unknown code."""
    if code not in builtin_codes():
        raise KeyError(code)
    return (resources.files("settlement.policy") / "schemes" / f"{code}.toml").read_text(encoding="utf-8")


@lru_cache(maxsize=16)
def builtin(code: str) -> Scheme:
    """A shipped scheme. Raises KeyError for an unknown code."""
    return load(builtin_text(code), f"{code}.toml")


def _syntax(message: str, text: str, file: str) -> Fault:
    place = re.search(r"line (\d+)", message)
    line = int(place[1]) if place else text.count("\n") + 1  # "at end of document"
    zh = "不是合法的 TOML；其余问题要等这一处改好后才能检查"
    en = f"not valid TOML: {message}; the rest can be checked only after this is mended"
    allowed = "检查引号、括号、等号和重复的键", "look for quotes, brackets, equals signs and keys given twice"
    return Fault(file, line, "", zh, en, *allowed)


def _flat(messages: Any, path: Path) -> Iterator[tuple[Path, Problem]]:
    """Marshmallow's nested messages as paths; ``_schema`` is the table itself."""
    if isinstance(messages, dict):
        for key, inner in messages.items():
            yield from _flat(inner, path if key == "_schema" else (*path, key))
        return
    for each in messages:
        yield path, each


def _key(document: Any, path: Path) -> str:
    """A path as ``Scheme.clause`` reads it: entries of lists by their code, counted from 1 where they have none."""
    text = ""
    value = document
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            value = None
        if isinstance(part, int):
            code = (
                next((value[name] for name in ("code", "payer", "tier", "benefit", "town") if value.get(name)), None)
                if isinstance(value, dict)
                else None
            )
            text += f".{code}" if isinstance(code, str) else f"[{part + 1}]"
        else:
            text += f".{part}" if text else part
    return text
