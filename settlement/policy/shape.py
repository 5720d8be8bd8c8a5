"""From dataclasses to a marshmallow schema that tells a civil servant what is wrong.

The model of a scheme is written once, as frozen dataclasses whose annotations carry the limits (``Annotated[int, Between(1, 31)]``).
:func:`schema_of` derives the marshmallow schema from them: types are strict, unknown keys are refused, and every message is a
:class:`Problem` with Chinese and English words and with what is allowed instead.
"""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import marshmallow as ma

from settlement.periods import Month


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one value and what would be right."""

    zh: str
    en: str
    allowed_zh: str
    allowed_en: str


@dataclass(frozen=True, slots=True)
class Between:
    """Limits of a whole number, both included."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Written:
    """The form a text must have, with an example for the message."""

    pattern: str
    example: str


Code = Annotated[str, Written(r"[a-z][a-z0-9_]{0,39}", "needy")]
"""A key that other rules and tables refer to."""
MonthDay = Annotated[str, Written(r"(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", "06-30")]
"""A day of any year."""
Percent = Annotated[int, Between(0, 100)]
Fen = Annotated[int, Between(0, 100_000_000)]


def problem(zh: str, en: str, allowed_zh: str, allowed_en: str) -> ma.ValidationError:
    return ma.ValidationError([cast(str, Problem(zh, en, allowed_zh, allowed_en))])


def shown(value: object) -> str:
    """A value as the file's author would recognise it, short enough for one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return text if len(text) <= 40 else text[:39] + "…"


class _Checked(ma.fields.Field[Any]):
    """Base of our fields: says in two languages that a value is missing or null."""

    def __init__(self, **kwargs: Any) -> None:
        absent = [Problem("缺少此项", "this key is missing", "请补上", "add it")]
        super().__init__(error_messages=cast(Any, {"required": absent, "null": absent}), **kwargs)


class _Whole(_Checked):
    def __init__(self, limits: Between, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.limits = limits

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        low, high = self.limits.low, self.limits.high
        allowed = f"{low} 至 {high} 的整数", f"a whole number from {low} to {high}"
        if isinstance(value, bool) or not isinstance(value, int):
            raise problem(f"“{shown(value)}”不是整数", f"“{shown(value)}” is not a whole number", *allowed)
        if not low <= value <= high:
            raise problem(f"{value} 超出范围", f"{value} is out of range", *allowed)
        return value


class _Text(_Checked):
    def __init__(self, form: Written | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.form = form

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str) or not value.strip():
            raise problem(
                f"“{shown(value)}”不是文字", f"“{shown(value)}” is not a text", "非空文字", "a text that is not empty"
            )
        if self.form and not re.fullmatch(self.form.pattern, value):
            example = self.form.example
            raise problem(
                f"“{shown(value)}”写法不对",
                f"“{shown(value)}” is not written as it should be",
                f"写法如“{example}”",
                f"e.g. “{example}”",
            )
        return value


class _Choice(_Checked):
    def __init__(self, choices: tuple[str | int, ...], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.choices = choices

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str | int:
        if isinstance(value, bool) or value not in self.choices:
            listed = "、".join(map(str, self.choices)), ", ".join(map(str, self.choices))
            raise problem(
                f"“{shown(value)}”不在可选范围内",
                f"“{shown(value)}” is not a choice",
                f"可选：{listed[0]}",
                f"one of: {listed[1]}",
            )
        return cast("str | int", value)


class _Flag(_Checked):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise problem(
                f"“{shown(value)}”不是是/否", f"“{shown(value)}” is not a yes or no", "true 或 false", "true or false"
            )
        return value


class _Month(_Checked):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Month:
        try:
            return Month.parse(cast(str, value))
        except (ValueError, AttributeError) as error:
            raise problem(
                f"“{shown(value)}”不是月份", f"“{shown(value)}” is not a month", "写法如“2026-07”", "e.g. “2026-07”"
            ) from error


class _Zone(_Checked):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> ZoneInfo:
        try:
            return ZoneInfo(cast(str, value))
        except (ZoneInfoNotFoundError, ValueError, TypeError, OSError) as error:
            raise problem(
                f"“{shown(value)}”不是时区",
                f"“{shown(value)}” is not a time zone",
                "如“Asia/Shanghai”",
                "e.g. “Asia/Shanghai”",
            ) from error


class _Numbers(_Checked):
    """Named whole numbers, e.g. the parameters of a signal; which names are right is a cross-check."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Mapping[str, int]:
        if not isinstance(value, Mapping):
            raise problem(
                f"“{shown(value)}”不是一组数值",
                f"“{shown(value)}” is not a table",
                "{ 名称 = 整数 }",
                "{ name = whole number }",
            )
        whole = _Whole(Between(0, 1_000_000))
        wrong: dict[str, Any] = {}
        for name, number in value.items():
            try:
                whole.deserialize(number)
            except ma.ValidationError as error:
                wrong[name] = error.messages
        if wrong:
            raise ma.ValidationError(wrong)
        return types.MappingProxyType(dict(value))


class _Listed(ma.fields.List[Any]):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, list) or not value:
            raise problem(
                f"“{shown(value)}”不是列表",
                f"“{shown(value)}” is not a list",
                "至少一项的列表",
                "a list with at least one entry",
            )
        return tuple(super()._deserialize(value, attr, data, **kwargs))


class _Strict(ma.Schema):
    """Refuses unknown keys and answers with the dataclass itself."""

    model: type[Any]

    class Meta:
        unknown = ma.RAISE

    @ma.post_load
    def build(self, data: dict[str, Any], **kwargs: Any) -> Any:
        return self.model(**data)


@cache
def schema_of(model: type[Any]) -> type[ma.Schema]:
    """The marshmallow schema of a dataclass; nested dataclasses become nested schemas."""
    hints = get_type_hints(model, include_extras=True)
    found: dict[str, Any] = {}
    for entry in fields(model):
        required = entry.default is MISSING
        found[entry.name] = _field(
            hints[entry.name], {"required": True} if required else {"load_default": entry.default}
        )
    names = sorted(found)
    messages = {
        "unknown": Problem(
            "没有这一项", "there is no such key", "可用：" + "、".join(names), "known: " + ", ".join(names)
        ),
        "type": Problem(
            "这里应是一张表", "a table is expected here", "[表名] 下的若干项", "keys below a [table] heading"
        ),
    }
    return type(model.__name__ + "Schema", (_Strict,), found | {"model": model, "error_messages": messages})


def _field(hint: Any, extra: dict[str, Any]) -> ma.fields.Field[Any]:
    limit = None
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        hint = next(part for part in get_args(hint) if part is not type(None))
        origin = get_origin(hint)
    if origin is Annotated:
        hint, limit = get_args(hint)
        origin = get_origin(hint)
    if origin is Literal:
        return _Choice(get_args(hint), **extra)
    if origin is tuple:
        absent = [Problem("缺少此项", "this key is missing", "至少一项的列表", "a list with at least one entry")]
        return _Listed(_field(get_args(hint)[0], {}), error_messages=cast(Any, {"required": absent}), **extra)
    if origin is Mapping:
        return _Numbers(**extra)
    plain: dict[Any, type[_Checked]] = {bool: _Flag, Month: _Month, ZoneInfo: _Zone}
    if hint in plain:
        return plain[hint](**extra)
    if is_dataclass(hint):
        absent = [Problem("缺少此表", "this table is missing", "请补上", "add it")]
        return ma.fields.Nested(
            schema_of(cast(Any, hint)), error_messages=cast(Any, {"required": absent, "null": absent}), **extra
        )
    if hint is int:
        return _Whole(limit or Between(0, 1_000_000), **extra)
    return _Text(limit, **extra)
