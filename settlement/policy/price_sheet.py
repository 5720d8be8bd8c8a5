"""Price lists as an office keeps them: an Excel or CSV sheet with Chinese headers.

The row of headers is found by the item code's header, so a title above it does no harm. Either every row is good and the items are
returned, or :class:`PriceSheetFaults` lists every fault with sheet, row, column, what is wrong and what is allowed.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter

from settlement.money import format_yuan, parse_yuan
from settlement.policy.scheme import Scheme
from settlement.policy.tariff import PriceItem

MOST_ROWS = 5_000
MOST_COLUMNS = 100
MOST_UNPACKED = 64 * 1024 * 1024
"""Bytes a workbook may unpack to; more is a mistake or a trap, not a price list."""
MOST_FEN = 1_000_000
"""A price above 10,000 yuan for one unit is taken for a slip."""

Grid = list[tuple[str, list[list[str]]]]
"""Sheets by name, with their cells as text."""


@dataclass(frozen=True, slots=True)
class Header:
    names: tuple[str, ...]
    """The first is the one we write; all are read, whatever their brackets and spaces."""
    required: bool = True


HEADERS: dict[str, Header] = {
    "item_code": Header(("项目编码", "编码", "服务项目编码", "项目代码")),
    "name_zh": Header(("项目名称", "名称", "服务项目", "服务项目名称")),
    "name_en": Header(("英文名称",), required=False),
    "category": Header(("类别", "服务类别", "项目类别")),
    "unit_zh": Header(("单位", "计价单位")),
    "price_fen": Header(("单价(元)", "单价", "价格(元)", "价格")),
    "min_minutes": Header(("最少分钟", "最少时长(分钟)", "最低时长(分钟)"), required=False),
    "subsidised": Header(("可用补贴", "补贴支付"), required=False),
    "evidence_kind": Header(("服务方式", "凭据"), required=False),
    "together": Header(("可同时服务",), required=False),
}


@dataclass(frozen=True, slots=True)
class CellFault:
    """One thing to mend in a sheet. ``row`` counts from 1; ``column`` is a letter with its header, e.g. ``E 单价(元)``."""

    sheet: str
    row: int | None
    column: str
    zh: str
    en: str
    allowed_zh: str
    allowed_en: str

    def __str__(self) -> str:
        place = f"{self.sheet} 第{self.row}行" if self.row else self.sheet
        column = f" {self.column}" if self.column else ""
        return f"{place}{column}：{self.zh}；{self.allowed_zh}\n    {self.en}; {self.allowed_en}"


class PriceSheetFaults(Exception):
    """Nothing can be imported; ``faults`` lists everything that is wrong, in the order of the sheets."""

    def __init__(self, faults: list[CellFault]) -> None:
        self.faults = faults
        super().__init__("\n".join(map(str, faults)))


def read_prices(content: bytes, file: str, scheme: Scheme) -> list[PriceItem]:
    """The items of a workbook (``.xlsx``) or a text file (``.csv``, UTF-8 or GB 18030). Raises PriceSheetFaults."""
    book = _Book(scheme)
    for name, rows in _grid(content, file):
        book.sheet(name, rows)
    if not book.items and not book.faults:
        wanted = "、".join(header.names[0] for header in HEADERS.values() if header.required)
        book.fault(
            file,
            None,
            "",
            "没有找到价目",
            "no prices were found",
            f"表头须有：{wanted}",
            f"the headers must be: {wanted}",
        )
    if book.faults:
        raise PriceSheetFaults(book.faults)
    return book.items


def builtin_prices(scheme: Scheme) -> list[PriceItem]:
    """The illustrative list that is shipped with a scheme. Raises FileNotFoundError where there is none."""
    name = f"{scheme.code}_prices.csv"
    return read_prices((resources.files("settlement.policy") / "schemes" / name).read_bytes(), name, scheme)


class _Book:
    """What has been read of a file so far. A row with a fault gives no item."""

    def __init__(self, scheme: Scheme) -> None:
        self.scheme = scheme
        self.items: list[PriceItem] = []
        self.faults: list[CellFault] = []
        self.seen: dict[str, str] = {}

    def fault(self, sheet: str, row: int | None, column: str, *words: str) -> None:
        zh, en, allowed_zh, allowed_en = words
        self.faults.append(CellFault(sheet, row, column, zh, en, allowed_zh, allowed_en))

    def sheet(self, name: str, rows: list[list[str]]) -> None:
        top = next((index for index, row in enumerate(rows[:10]) if _field(row, "item_code") is not None), None)
        if top is None:
            return  # a sheet of notes
        places = {key: place for key in HEADERS if (place := _field(rows[top], key)) is not None}
        missing = [header.names[0] for key, header in HEADERS.items() if header.required and key not in places]
        for header in missing:
            self.fault(
                name, top + 1, "", f"缺少列“{header}”", f"column “{header}” is missing", "请补上此列", "add this column"
            )
        if missing:
            return
        if len(rows) > MOST_ROWS:
            self.fault(name, None, "", f"超过{MOST_ROWS}行", f"more than {MOST_ROWS} rows", "请拆分", "split the sheet")
            return
        for index in range(top + 1, len(rows)):
            if any(rows[index]):
                line = _Row(self, name, index + 1, rows[index], places)
                item = line.item()
                self.faults += [fault for _, fault in sorted(line.faults, key=lambda each: each[0])]
                if not line.faults:
                    self.items.append(item)


@dataclass
class _Row:
    book: _Book
    sheet: str
    number: int
    cells: list[str]
    places: dict[str, int]
    faults: list[tuple[int, CellFault]] = field(default_factory=list)
    """With the column, from 0."""

    def item(self) -> PriceItem:
        """The row's values; those at fault are stand-ins."""
        scheme = self.book.scheme
        code, name = self.code(), self.filled("name_zh", 80)
        categories: dict[str, str] = {
            word: each.code for each in scheme.purchases.categories for word in (each.code, each.name_zh)
        }
        category = self.among("category", categories)
        kinds: dict[str, str] = {word: each.code for each in scheme.door.evidence for word in (each.code, each.name_zh)}
        payable = bool(category) and scheme.service_category(category).subsidised
        subsidised = self.yes("subsidised", default=payable)
        if subsidised and category and not payable:
            self.wrong(
                "subsidised", "该类别不能用补贴支付", "this category may not be bought with subsidy", "否", "否 (no)"
            )
        return PriceItem(
            item_code=code,
            name_zh=name,
            name_en=self.text("name_en") or name,
            category=category,
            unit_zh=self.filled("unit_zh", 20),
            price_fen=self.price(),
            min_minutes=self.minutes(),
            subsidised=subsidised,
            evidence_kind=self.among("evidence_kind", kinds, default="home_visit"),
            together=self.yes("together", default=False),
        )

    def text(self, key: str) -> str:
        place = self.places.get(key)
        return self.cells[place] if place is not None and place < len(self.cells) else ""

    def wrong(self, key: str, zh: str, en: str, allowed_zh: str, allowed_en: str) -> None:
        place = self.places[key]
        column = f"{get_column_letter(place + 1)} {HEADERS[key].names[0]}"
        self.faults.append((place, CellFault(self.sheet, self.number, column, zh, en, allowed_zh, allowed_en)))

    def code(self) -> str:
        code = self.text("item_code")
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_\-]{0,39}", code):
            allowed = "1至40位字母、数字、- 或 _", "1 to 40 letters, digits, - or _"
            self.wrong("item_code", f"“{code}”不是项目编码", f"“{code}” is not an item code", *allowed)
            return code
        place = f"{self.sheet} 第{self.number}行"
        first = self.book.seen.setdefault(code, place)
        if first != place:
            self.wrong(
                "item_code", f"“{code}”与{first}重复", f"“{code}” is already at {first}", "编码不重复", "each code once"
            )
        return code

    def filled(self, key: str, most: int) -> str:
        text = self.text(key)
        if not 1 <= len(text) <= most:
            problem = ("未填写", "is empty") if not text else ("太长", "is too long")
            self.wrong(key, *problem, f"1至{most}个字", f"1 to {most} characters")
        return text

    def among(self, key: str, known: dict[str, str], default: str = "") -> str:
        text = self.text(key)
        if not text and default:
            return default
        if text not in known:
            names = [word for word, code in known.items() if word != code]
            listed = "可选：" + "、".join(names), "one of: " + ", ".join(known[name] for name in names)
            self.wrong(key, f"“{text}”不在可选范围内", f"“{text}” is not a choice", *listed)
        return known.get(text, "")

    def yes(self, key: str, *, default: bool) -> bool:
        text = self.text(key)
        if text and text not in ("是", "否"):
            self.wrong(key, f"“{text}”不是是/否", f"“{text}” is not a yes or no", "是 或 否", "是 (yes) or 否 (no)")
        return text == "是" if text else default

    def price(self) -> int:
        text = self.text("price_fen")
        allowed = (
            f"0.01 至 {format_yuan(MOST_FEN)} 元，最多两位小数",
            f"0.01 to {format_yuan(MOST_FEN)} yuan, at most two decimals",
        )
        try:
            fen = parse_yuan(text)
        except ValueError:
            self.wrong("price_fen", f"“{text}”不是金额", f"“{text}” is not an amount", *allowed)
            return 1
        if not 1 <= fen <= MOST_FEN:
            self.wrong("price_fen", f"“{text}”超出范围", f"“{text}” is out of range", *allowed)
        return fen

    def minutes(self) -> int:
        text = self.text("min_minutes") or "0"
        if not re.fullmatch(r"\d{1,4}", text) or int(text) > 1440:
            allowed = "0 至 1440 的整数", "a whole number from 0 to 1440"
            self.wrong("min_minutes", f"“{text}”不是分钟数", f"“{text}” is not a number of minutes", *allowed)
            return 0
        return int(text)


def _field(row: list[str], key: str) -> int | None:
    names = {_plain(name) for name in HEADERS[key].names}
    return next((place for place, cell in enumerate(row) if _plain(cell) in names), None)


def _plain(header: str) -> str:
    return re.sub(r"[\s*]", "", header).replace("（", "(").replace("）", ")")


def _grid(content: bytes, file: str) -> Grid:
    ending = Path(file).suffix.lower()
    try:
        if ending == ".csv":
            return [
                (
                    file,
                    [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(_decode(content), newline=""))],
                )
            ]
        if ending == ".xlsx":
            return list(_workbook(content, file))
    except PriceSheetFaults:
        raise
    except Exception as error:  # whatever a broken file does to its reader
        words = (
            "文件打不开",
            "the file cannot be read",
            "请用 Excel 另存为 .xlsx 或 .csv",
            "save it again as .xlsx or .csv",
        )
        raise PriceSheetFaults([CellFault(file, None, "", *words)]) from error
    words = ("不支持这种文件", "this kind of file is not supported", ".xlsx 或 .csv", ".xlsx or .csv")
    raise PriceSheetFaults([CellFault(file, None, "", *words)])


def _decode(content: bytes) -> str:
    """Excel in China saves CSV as GB 18030 unless told otherwise."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("gb18030")


def _workbook(content: bytes, file: str) -> Iterator[tuple[str, list[list[str]]]]:
    with ZipFile(io.BytesIO(content)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > MOST_UNPACKED:
            words = ("文件过大", "the file is too large", "只保留价目表", "leave nothing but the price list in it")
            raise PriceSheetFaults([CellFault(file, None, "", *words)])
    book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    try:
        for sheet in book.worksheets:
            rows = sheet.iter_rows(values_only=True, max_row=MOST_ROWS + 1, max_col=MOST_COLUMNS)
            yield sheet.title, [[_shown(value) for value in row] for row in rows]
    finally:
        book.close()


def _shown(value: Any) -> str:
    """A cell as text. Excel keeps every number as a float: 30.0 is the 30 that was typed."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
