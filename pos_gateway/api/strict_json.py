"""JSON as RFC 7493 (I-JSON) wants it: no duplicate names, no NaN, no endless nesting. What two readers could read
differently is refused."""

from __future__ import annotations

import json
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
        _check_depth(value, MAX_DEPTH)
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


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name appears twice in one object")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _check_depth(value: Any, left: int) -> None:
    if left < 0:
        raise ValueError("nested too deeply")
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in inner:
        _check_depth(part, left - 1)
