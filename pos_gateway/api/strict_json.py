"""JSON as RFC 7493 (I-JSON) wants it: no duplicate names, no NaN, no endless nesting. What two readers could read
differently is refused."""

from __future__ import annotations

import json
import re
from typing import Any

from flask import Request
from flask.json.provider import DefaultJSONProvider
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

MAX_DEPTH = 10


class StrictJson(DefaultJSONProvider):
    ensure_ascii = False
    sort_keys = False

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        try:
            value = json.loads(s, object_pairs_hook=_unique, parse_constant=_no_constant)
        except RecursionError:
            raise ValueError("nested too deeply") from None
        if not _harmless(s):
            _check(value, MAX_DEPTH)
        return value


class StrictRequest(Request):
    """A request whose body is JSON or refused, with an answer that names the fault's place and none of its content."""

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        if self.mimetype != "application/json":
            raise UnsupportedMediaType
        return super().get_json(force=force, silent=False, cache=cache)

    def on_json_loading_failed(self, e: ValueError | None) -> Any:
        where = f"line {e.lineno} column {e.colno}" if isinstance(e, json.JSONDecodeError) else str(e)
        raise BadRequest(where)


def _harmless(text: str | bytes) -> bool:
    """Whether :func:`_check` could find nothing: plain ASCII without escapes by number, and too few brackets to be nested too deeply."""
    return (
        isinstance(text, bytes)
        and text.isascii()
        and b"\\u" not in text
        and b"\0" not in text  # UTF-16, in which the escape looks different
        and text.count(b"{") + text.count(b"[") <= MAX_DEPTH
    )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name appears twice in one object")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _check(value: Any, left: int) -> None:
    if left < 0:
        raise ValueError("nested too deeply")
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, dict):
        for name, part in value.items():
            _check_text(name)
            _check(part, left - 1)
    elif isinstance(value, list):
        for part in value:
            _check(part, left - 1)


# PostgreSQL stores no NUL, and half a surrogate pair is no text in any encoding (RFC 7493 §2.1).
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def _check_text(text: str) -> None:
    if _UNSTORABLE.search(text):
        raise ValueError("a text holds a character that cannot be stored")
