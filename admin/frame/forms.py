"""What people fill in: read by a marshmallow schema, with what is wrong said beside each field in both languages."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import date
from typing import Any

from flask import g, request
from marshmallow import EXCLUDE, Schema, ValidationError, fields, pre_load
from werkzeug.datastructures import FileStorage

from admin.frame import labels
from settlement.money import parse_yuan
from settlement.outcomes import Reason, Refused
from settlement.periods import Month

MISSING = "必填 required"
LONGEST = 2000
EARLIEST, LATEST = date(1900, 1, 1), date(2200, 12, 31)
"""Days that people write down; beyond them a calendar's end is too near to reckon with."""
LARGEST_ID = 2**53
"""Above any number of a record."""


class Form(Schema):
    """Values come stripped, without control characters; an empty one counts as absent."""

    class Meta:
        unknown = EXCLUDE

    error_messages = {"required": MISSING}  # noqa: RUF012 - marshmallow's own way

    @pre_load
    def tidy(self, given: Any, **_: Any) -> dict[str, Any]:
        tidied = {name: _tidy(value) for name, value in given.items()}
        return {name: value for name, value in tidied.items() if value not in ("", None, [])}


def read(form: type[Form]) -> dict[str, Any]:
    """The fields of the present request. Raises Refused(BAD_INPUT); what is wrong where is in ``g.wrong`` for the page to show."""
    given: dict[str, Any] = {}
    for name, field in form._declared_fields.items():
        key = field.data_key or name
        several = isinstance(field, fields.List)
        given[key] = request.form.getlist(key) if several else request.form.get(key, "")
    try:
        return dict(form().load(given))
    except ValidationError as error:
        g.wrong = {name: _said(said) for name, said in error.normalized_messages().items()}
        raise Refused(Reason.BAD_INPUT, detail=_where(g.wrong)) from error


def _where(wrong: Iterable[str]) -> str:
    """The fields' own words, as the form shows them."""
    form = labels.of(request.path)
    said = [words for name in wrong if (words := form.typed.get(name) or form.chosen.get(name))]
    said = said or [("见标出的各栏", "see the fields that are marked")]
    return f"{'、'.join(zh for zh, _ in said)} | {', '.join(en for _, en in said)}"


def day_of(text: str) -> date:
    """A day, 2026-07-31. Raises ValueError, also for one before :data:`EARLIEST` or after :data:`LATEST`."""
    found = date.fromisoformat(text)
    if not EARLIEST <= found <= LATEST:
        raise ValueError("too early or too late")
    return found


def id_asked(name: str) -> int | None:
    """A record's number in the present address; None where there is none, 0 (which nothing has) for what is no number or too large for one."""
    text = request.args.get(name, "")
    if not text:
        return None
    return int(text) if re.fullmatch(r"[0-9]{1,16}", text) and int(text) <= LARGEST_ID else 0


def upload(name: str, largest: int) -> FileStorage | None:
    """A file of the present request; None when none was chosen. Raises Refused(PAPER_TOO_LARGE)."""
    file = request.files.get(name)
    if file is None or not file.filename:
        return None
    file.stream.seek(0, 2)
    if file.stream.tell() > largest:
        raise Refused(Reason.PAPER_TOO_LARGE, megabytes=largest // 1024 // 1024)
    file.stream.seek(0)
    return file


class Text(fields.String):
    """A line or more. ``most``: characters."""

    def __init__(self, most: int = 200, **more: Any) -> None:
        super().__init__(**_words(more))
        self.most = most

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> str:
        text = super()._deserialize(value, attr, data, **more)
        if len(text) > self.most:
            raise ValidationError(f"最多{self.most}字 at most {self.most} characters")
        return text


class Yuan(fields.Field[int]):
    """Yuan as people write them, to fen."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**_words(more))

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> int:
        try:
            return parse_yuan(str(value).replace(",", "").replace("，", ""))
        except ValueError as error:
            raise ValidationError("金额写作 1234.50 an amount such as 1234.50") from error


class Day(fields.Field[date]):
    """A day, 2026-07-31."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**_words(more))

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> date:
        try:
            return day_of(str(value).replace("/", "-"))
        except ValueError as error:
            raise ValidationError("日期写作 2026-07-31 a day such as 2026-07-31") from error


class MonthField(fields.Field[Month]):
    """A month, 2026-07."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**_words(more))

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> Month:
        try:
            month = Month.parse(str(value))
            day_of(str(month.first_day))
            return month
        except ValueError as error:
            raise ValidationError("月份写作 2026-07 a month such as 2026-07") from error


class Number(fields.Integer):
    """A whole number. ``least`` and ``most`` are allowed."""

    def __init__(self, least: int = 0, most: int = 10**9, **more: Any) -> None:
        more = _words(more)
        more["error_messages"] |= {"invalid": "应为整数 a whole number", "too_large": "应为整数 a whole number"}
        super().__init__(**more)
        self.least, self.most = least, most

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> int:
        number = super()._deserialize(value, attr, data, **more)
        if not self.least <= number <= self.most:
            raise ValidationError(f"应在{self.least}和{self.most}之间 from {self.least} to {self.most}")
        return number


class Choice(fields.String):
    """One of several codes."""

    def __init__(self, *known: str, **more: Any) -> None:
        super().__init__(**_words(more))
        self.known = known

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> str:
        if value not in self.known:
            raise ValidationError("请从列表中选择 choose one of the list")
        return str(value)


class Many(fields.List):
    """Several values of one kind: ticked boxes."""

    def __init__(self, inner: fields.Field[Any], **more: Any) -> None:
        super().__init__(inner, **_words(more))


def _words(more: dict[str, Any]) -> dict[str, Any]:
    more.setdefault("required", "load_default" not in more)
    more["error_messages"] = {"required": MISSING, "null": MISSING} | more.get("error_messages", {})
    return more


def _tidy(value: Any) -> Any:
    if isinstance(value, list):
        return [_tidy(one) for one in value]
    text = "".join(c for c in str(value) if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))
    return re.sub(r"[ \u3000]+\Z|\A[ \u3000]+", "", text.strip())


def _said(messages: Any) -> str:
    if isinstance(messages, dict):
        return "；".join(_said(one) for one in messages.values())
    return "；".join(str(one) for one in messages) if isinstance(messages, list) else str(messages)
