"""Bank batch files and the bank's result files. Their layouts are data (``layouts/*.toml``): every bank and treasury has its own.

A layout names the encoding, the separator, the columns, a first and a last line with count and total, and the words of the result file; one whose
``format`` is an ISO 20022 message is written and read by :mod:`settlement.closing.pain001`.
"""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

from sqlalchemy import Row

from settlement.closing import pain001
from settlement.findings import Finding
from settlement.money import FEN_PER_YUAN, parse_yuan
from settlement.outcomes import Reason, Refused
from settlement.periods import local_date

DEFAULT_LAYOUT = "general"


@dataclass(frozen=True)
class Result:
    """How to read the bank's answer. ``skip``: a line whose first field is one of these is no payment."""

    separator: str
    skip: tuple[str, ...]
    columns: tuple[str, ...]
    paid: tuple[str, ...]
    returned: tuple[str, ...]


@dataclass(frozen=True)
class Layout:
    name: str
    name_zh: str
    name_en: str
    encoding: str
    separator: str
    newline: str
    extension: str
    header: tuple[str, ...]
    columns: tuple[str, ...]
    trailer: tuple[str, ...]
    result: Result
    format: Literal["lines", "pain.001.001.09"] = "lines"


def names() -> list[str]:
    folder = files("settlement.closing") / "layouts"
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))


def load(name: str) -> Layout:
    """Raises Refused(LAYOUT_UNKNOWN)."""
    if name not in names():
        raise Refused(Reason.LAYOUT_UNKNOWN, layout=name, known=", ".join(names()))
    data: dict[str, Any] = tomllib.loads((files("settlement.closing") / "layouts" / f"{name}.toml").read_text("utf-8"))
    result = data.pop("result")
    return Layout(name=name, result=Result(**_frozen(result)), **_frozen(data))


def _frozen(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}


def plain_yuan(fen: int) -> str:
    """Yuan with two decimals and no thousands marks, as banks want it: 1234567 -> ``12345.67``."""
    whole, rest = divmod(fen, FEN_PER_YUAN)
    return f"{whole}.{rest:02d}"


def render(layout: Layout, batch: Row[Any], orders: Sequence[Row[Any]]) -> bytes:
    """The batch file; the same batch gives the same bytes."""
    if layout.format != "lines":
        return pain001.render(batch.id, batch.exported_at, [_fields(order, n) for n, order in enumerate(orders, 1)])
    totals = {"batch": batch.id, "day": f"{local_date(batch.exported_at):%Y%m%d}", "count": str(batch.orders)}
    totals["total"] = plain_yuan(batch.total_fen)
    lines = [_line(layout, layout.header, totals)] if layout.header else []
    lines += [_line(layout, layout.columns, _fields(order, number)) for number, order in enumerate(orders, 1)]
    if layout.trailer:
        lines.append(_line(layout, layout.trailer, totals))
    return "".join(line + layout.newline for line in lines).encode(layout.encoding)


def _fields(order: Row[Any], number: int) -> dict[str, str]:
    texts = ("payer_name", "payer_account", "payee_name", "payee_account", "payee_bank")
    known = {"no": str(number), "order": order.id, "amount": plain_yuan(order.amount_fen), "purpose": purpose(order)}
    return known | {name: getattr(order, name) or "" for name in texts}


def purpose(order: Row[Any]) -> str:
    """What the payee reads on the bank's slip; nothing personal."""
    words = {"provider": "养老服务补贴结算", "transfer": "养老服务补贴分担资金", "personal": "养老服务个人账户结算"}
    return f"{order.period}{words[order.kind]}"


def _line(layout: Layout, columns: Sequence[str], fields: Mapping[str, str]) -> str:
    # A separator or line break inside a name would shift every later column; no bank's file has a way to quote it.
    unsafe = re.compile(f"[{re.escape(layout.separator)}\r\n\t]")
    return layout.separator.join(unsafe.sub(" ", fields.get(column, column)) for column in columns)


@dataclass(frozen=True)
class Answer:
    """One line of the bank's result file."""

    line: int
    order_id: str
    amount_fen: int
    paid: bool
    reference: str
    reason: str


_NOTHING = Finding("bank_file_empty", "file", "文件中没有付款结果", "the file holds no answer to any payment")


def read_result(layout: Layout, data: bytes) -> tuple[list[Answer], list[Finding]]:
    """The bank's answers, and a finding for every line that cannot be read, or for a file that holds no answer at all."""
    if layout.format != "lines":
        return _read_report(layout, data)
    text = _decoded(layout, data)
    if text is None:
        wrong_zh, wrong_en = f"不是 {layout.encoding} 编码", f"not encoded as {layout.encoding}"
        return [], [Finding("bank_file_encoding", "file", f"文件{wrong_zh}", f"the file is {wrong_en}")]
    answers: list[Answer] = []
    findings: list[Finding] = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        fields = [field.strip() for field in line.split(layout.result.separator)]
        if not any(fields) or fields[0] in layout.result.skip:
            continue
        read = _answer(layout.result, number, fields)
        if isinstance(read, Finding):
            findings.append(read)
        else:
            answers.append(read)
    if not answers and not findings:
        findings.append(_NOTHING)
    return answers, findings


def _read_report(layout: Layout, data: bytes) -> tuple[list[Answer], list[Finding]]:
    """As lines, from a payment status report; payments whose fate is not decided (ACSP, PDNG …) are unknown states like others."""
    try:
        read = [_answer(layout.result, number, list(facts.values())) for number, facts in pain001.answers(data)]
    except ValueError:
        wrong = ("文件不是 pain.002 付款状态报告", "the file is no pain.002 payment status report")
        return [], [Finding("bank_file_encoding", "file", *wrong)]
    answers = [one for one in read if isinstance(one, Answer)]
    findings = [one for one in read if isinstance(one, Finding)]
    return answers, findings or ([] if answers else [_NOTHING])


def _decoded(layout: Layout, data: bytes) -> str | None:
    """None when the file is in another encoding. Chinese in UTF-8 happens to be readable as GB 18030, as other characters."""
    try:
        text = data.decode(layout.encoding)
        if data.isascii() or codecs.lookup(layout.encoding).name == "utf-8":
            return text
    except UnicodeDecodeError:
        return None
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return text
    return None


def _answer(result: Result, number: int, fields: list[str]) -> Answer | Finding:
    named = dict(zip(result.columns, fields + [""] * len(result.columns), strict=False))
    if named["status"] not in result.paid + result.returned:
        return _finding(number, f"状态“{named['status']}”无法识别", f"unknown status “{named['status']}”")
    try:
        amount_fen = parse_yuan(named["amount"])
    except ValueError:
        return _finding(number, f"金额“{named['amount']}”无法识别", f"not an amount: “{named['amount']}”")
    paid = named["status"] in result.paid
    return Answer(number, named["order"], amount_fen, paid, named["reference"], named["reason"])


def _finding(number: int, zh: str, en: str) -> Finding:
    return Finding("bank_line_unreadable", f"line {number}", f"第{number}行：{zh}", f"line {number}: {en}")
