"""A bank's account statement as banks hand it out: CSV or XLSX with a line of headings somewhere above. Reads only; whose account it is, others say.

Banks name their columns differently; :data:`HEADINGS` knows the usual names. A statement has either a column for money in and one for money out, or
one amount with a column that says the direction.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from hashlib import sha256
from itertools import pairwise
from typing import Any

from settlement.findings import Finding
from settlement.money import parse_yuan
from settlement.people import sheets
from settlement.people.faults import Wrong
from settlement.people.sheets import Value

LARGEST = 20 * 1024 * 1024
HEADINGS = {
    "day": ("交易日期", "日期", "记账日期", "入账日期", "交易时间", "date"),
    "in": ("收入", "收入金额", "贷方发生额", "贷方金额", "贷方", "转入金额", "存入", "in", "credit"),
    "out": ("支出", "支出金额", "借方发生额", "借方金额", "借方", "转出金额", "支取", "out", "debit"),
    "amount": ("金额", "交易金额", "发生额", "amount"),
    "direction": ("借贷标志", "借贷", "收支", "借贷方向", "收付标志", "direction"),
    "balance": ("余额", "账户余额", "本次余额", "balance"),
    "counterparty": ("对方户名", "对方名称", "对方单位", "对方单位名称", "counterparty"),
    "reference": ("流水号", "交易流水号", "凭证号", "银行流水号", "业务编号", "reference"),
    "words": ("摘要", "用途", "附言", "备注", "words"),
}
INTO = ("贷", "收", "收入", "转入", "C", "CR", "CRDT", "IN", "+")
OUT_OF = ("借", "付", "支", "支出", "转出", "D", "DR", "DBIT", "OUT", "-")


@dataclass(frozen=True)
class Line:
    """``no``: row of the file, from 1. One of ``in_fen`` and ``out_fen`` is 0. ``fingerprint``: the same for the same movement in another file."""

    no: int
    day: date
    in_fen: int
    out_fen: int
    balance_fen: int | None
    counterparty: str
    reference: str
    words: str
    fingerprint: str = ""


def read(content: bytes, file_name: str) -> tuple[list[Line], list[Finding]]:
    """The movements, oldest row first, and a finding for everything that cannot be read."""
    try:
        sheet = next((one for one in sheets.read(content, file_name) if one.rows), None)
    except Wrong as wrong:
        return [], [Finding(wrong.problem.code, "file", f"文件{wrong.problem.zh}", f"the file {wrong.problem.en}")]
    head = _heading(sheet.rows) if sheet else None
    if sheet is None or head is None:
        wanted = "日期、收入、支出（或金额、借贷标志）"
        return [], [
            Finding(
                "statement_columns",
                "file",
                f"没有找到列名：{wanted}",
                "no line of headings: date, in, out (or amount, direction)",
            )
        ]
    top, columns = head
    lines: list[Line] = []
    findings: list[Finding] = []
    for no, row in enumerate(sheet.rows[top + 1 :], top + 2):
        cells = {name: row[place] if place < len(row) else None for name, place in columns.items()}
        if _total(cells["day"]) or (not sheets.present(cells["day"]) and (any(map(_total, row)) or not _moves(cells))):
            continue  # blank lines, and the sums that banks put below
        try:
            lines.append(_line(no, cells))
        except ValueError as error:
            zh, _, en = str(error).partition("|")
            findings.append(Finding("statement_line", f"line {no}", f"第{no}行：{zh}", f"line {no}: {en or zh}"))
    if not lines and not findings:
        findings.append(Finding("statement_empty", "file", "没有任何交易", "there is no movement in it"))
    return list(_named(lines)), findings or list(_broken(lines))


def _broken(lines: Sequence[Line]) -> Iterator[Finding]:
    """Where the balances that the bank states do not follow from each other, oldest or newest row first: a row is missing or was changed."""
    pairs = [(one, two) for one, two in pairwise(lines) if None not in (one.balance_fen, two.balance_fen)]
    down = [two for one, two in pairs if two.balance_fen != (one.balance_fen or 0) + two.in_fen - two.out_fen]
    up = [two for one, two in pairs if one.balance_fen != (two.balance_fen or 0) + one.in_fen - one.out_fen]
    for line in min(down, up, key=len):
        zh, en = (
            "余额与上一行接不上，可能缺行或被改动",
            "the balance does not follow from the row before: one is missing or was changed",
        )
        yield Finding("statement_balance", f"line {line.no}", f"第{line.no}行：{zh}", f"line {line.no}: {en}")


def _heading(rows: Sequence[Sequence[Value]]) -> tuple[int, dict[str, int]] | None:
    for number, row in enumerate(rows[:30]):
        found: dict[str, int] = {}
        for place, cell in enumerate(row):
            text = re.sub(r"[\s（(].*|\s", "", str(cell or "")).lower()
            name = next((name for name, known in HEADINGS.items() if text in known), None)
            if name is not None:
                found.setdefault(name, place)
        if "day" in found and ({"in", "out"} <= found.keys() or {"amount", "direction"} <= found.keys()):
            return number, found
    return None


def _total(cell: Value) -> bool:
    return isinstance(cell, str) and bool(re.match(r"合计|总计|本页|承前|total", cell.strip(), re.IGNORECASE))


def _moves(cells: dict[str, Value]) -> bool:
    """Whether a row without a day says that money moved."""
    try:
        return any(_amount(cells.get(name)) for name in ("in", "out", "amount"))
    except ValueError:
        return False  # words


def _line(no: int, cells: dict[str, Value]) -> Line:
    came, went = _amount(cells.get("in")), _amount(cells.get("out"))
    if "amount" in cells and not came and not went:
        amount, way = _amount(cells["amount"]), str(cells.get("direction") or "").strip().upper()
        if way not in INTO + OUT_OF:
            raise ValueError(f"借贷标志“{way[:10]}”无法识别|unknown direction “{way[:10]}”")
        came, went = (amount, 0) if way in INTO else (0, amount)
    if came < 0 or went < 0:  # a red entry is a movement the other way
        came, went = max(-went, 0) or max(came, 0), max(-came, 0) or max(went, 0)
    if bool(came) == bool(went):
        raise ValueError("收入和支出应有且只有一项|exactly one of in and out must be filled")
    balance = _amount(cells["balance"]) if sheets.present(cells.get("balance")) else None
    texts = (_text(cells.get("counterparty"), 120), _text(cells.get("reference"), 80), _text(cells.get("words"), 200))
    return Line(no, _day(cells["day"]), came, went, balance, *texts)


def _amount(cell: Value) -> int:
    if not sheets.present(cell):
        return 0
    if isinstance(cell, bool | sheets.Formula | sheets.ErrorValue | date):
        raise ValueError("金额是公式或不是数字|an amount is a formula or no number")
    if isinstance(cell, float):
        return parse_yuan(f"{cell:.2f}") if abs(cell * 100 - round(cell * 100)) < 1e-4 else _none(cell)
    try:
        return parse_yuan(str(cell).replace("，", ",").strip() or "0") if str(cell).strip() not in ("-", "—") else 0
    except ValueError:
        return _none(cell)


def _none(cell: object) -> int:
    raise ValueError(f"金额“{str(cell)[:20]}”无法识别|not an amount: “{str(cell)[:20]}”")


def _day(cell: Value) -> date:
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    match = re.match(r"(\d{4})[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})", str(cell).strip())
    try:
        if match is None:
            raise ValueError
        return date(*(int(part) for part in match.groups()))
    except ValueError:
        said = str(cell or "")[:20]
        raise ValueError(f"日期“{said}”无法识别|not a day: “{said}”") from None


def _text(cell: Value, most: int) -> str:
    text = getattr(cell, "text", cell)
    return re.sub(r"\s+", " ", str(text if text is not None else "")).strip()[:most]


def _named(lines: list[Line]) -> Iterator[Line]:
    """Two equal movements of a day stay two: what tells them apart is their number among the equal."""
    seen: Counter[str] = Counter()
    for line in lines:
        what = fingerprint(line, 0)
        seen[what] += 1
        yield replace(line, fingerprint=fingerprint(line, seen[what]))


def fingerprint(line: Any, number: int) -> str:
    """Of the ``number``-th equal movement of a file, from what the bank states of it: a :class:`Line`, or the row that was kept of one."""
    facts = (line.day, line.in_fen, line.out_fen, line.balance_fen, line.counterparty, line.reference, line.words)
    return sha256("\x1f".join(map(str, (*facts, number))).encode()).hexdigest()
