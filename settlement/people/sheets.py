"""Reading what an office sends: xlsx workbooks and csv files, as plain values with their places. No rule of the roster is here."""

from __future__ import annotations

import csv
import io
import re
import warnings
import zipfile
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from lxml import etree
from openpyxl.cell.cell import TYPE_ERROR, TYPE_FORMULA
from openpyxl.reader.excel import ExcelReader
from openpyxl.utils import range_boundaries

from settlement.people.faults import Problem, Wrong

MAX_UNPACKED = 512 * 1024 * 1024
"""Bytes a workbook may unpack to; more is a mistake or a trap, not a roster."""
MAX_CELLS = 20_000_000
"""Cells a workbook's sheets may span, empty ones included; a few bytes can claim that every row reaches the last column."""
MAX_ROWS = 2_000_000
"""Rows of all sheets together, empty ones included: as few bytes can claim that the next row is the thousand millionth."""

_MERGE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}mergeCell"
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True)
class Formula:
    """A cell that calculates: its text is not its value."""

    text: str


@dataclass(frozen=True)
class ErrorValue:
    """#N/A, #VALUE! and the like."""

    text: str


Value = str | int | float | bool | datetime | date | Formula | ErrorValue | None


@dataclass
class Sheet:
    """``rows[i]`` is row i+1 as the spreadsheet shows it; ``merged``: (first column, first row, last column, last row), from 1."""

    name: str
    rows: list[list[Value]]
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)


def read(content: bytes, file_name: str) -> list[Sheet]:
    """The sheets of a file by its name's ending. Raises Wrong for one that is not what its name says."""
    suffix = Path(file_name).suffix.lower()
    if suffix == ".csv":
        return [Sheet(_sheet_name(Path(file_name).stem), read_csv(content))]
    if suffix == ".xls" or content.startswith(_OLD_EXCEL):
        raise Wrong(
            Problem(
                "file_old_or_locked",
                "是旧版 Excel 文件(.xls)，或设有打开密码",
                "is an old Excel file (.xls), or needs a password to open",
                "请取消密码并另存为 .xlsx",
                "Remove the password and save it as .xlsx",
            )
        )
    if suffix != ".xlsx":
        raise Wrong(
            Problem(
                "file_kind",
                f"不认识的文件类型“{suffix}”",
                f"is of an unknown kind “{suffix}”",
                "请使用 .xlsx 或 .csv",
                "Use .xlsx or .csv",
            )
        )
    return read_xlsx(content)


def _sheet_name(stem: str) -> str:
    """A file's name as a sheet may be called: at most 31 characters, none of the forbidden ones."""
    return re.sub(r"[\[\]:*?/\\]", "_", stem)[:31] or "CSV"


def read_xlsx(content: bytes) -> list[Sheet]:
    """Every sheet in openpyxl's read-only mode; formulas and error values keep their kind. Raises Wrong."""
    damaged = Problem(
        "file_damaged",
        "不是完整的 Excel 文件",
        "is no complete Excel file",
        "请用 Excel 或 WPS 打开后另存为 .xlsx",
        "Open it in Excel or WPS and save it as .xlsx",
    )
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_UNPACKED:
                raise Wrong(_TOO_LARGE)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about drop-down lists and the like, which are of no matter here
            reader = ExcelReader(io.BytesIO(content), read_only=True, data_only=False)
            reader.read()
            parts = {sheet.name: relation.target for sheet, relation in reader.parser.find_sheets()}
            room = _Room(MAX_ROWS, MAX_CELLS)
            return [_sheet(worksheet, reader.archive, parts, room) for worksheet in reader.wb.worksheets]
    except Wrong:
        raise
    except Exception:  # whatever a broken file does to its reader; its words would quote cells
        raise Wrong(damaged) from None


_TOO_LARGE = Problem("file_too_large", "文件过大", "is too large", "请分成几个文件", "Split it into several files")


@dataclass
class _Room:
    """What a workbook's sheets may still span."""

    rows: int
    cells: int

    def take(self, cells: int) -> None:
        self.rows -= 1
        self.cells -= cells
        if self.rows < 0 or self.cells < 0:
            raise Wrong(_TOO_LARGE)


def _sheet(worksheet: Any, archive: zipfile.ZipFile, parts: dict[str, str], room: _Room) -> Sheet:
    worksheet.reset_dimensions()  # other programs write wrong ones, and cells beyond them would be lost
    rows: list[list[Value]] = []
    for row in worksheet.iter_rows():
        room.take(len(row))
        rows.append(_trimmed([_value(cell) for cell in row]))
    while rows and not any(present(value) for value in rows[-1]):
        rows.pop()
    return Sheet(worksheet.title, rows, _merged(archive, parts[worksheet.title]))


def _trimmed(values: list[Value]) -> list[Value]:
    while values and values[-1] is None:
        values.pop()
    return values


def _value(cell: Any) -> Value:
    value = cell.value
    if value is None:
        return None
    if cell.data_type == TYPE_FORMULA:
        return Formula(str(value))
    if cell.data_type == TYPE_ERROR:
        return ErrorValue(str(value))
    if isinstance(value, str | bool | int | float | datetime | date):
        return value
    return str(value)  # a time of day or a duration


def _merged(archive: zipfile.ZipFile, part: str) -> list[tuple[int, int, int, int]]:
    """openpyxl's read-only mode leaves merged cells out; they stand at the end of the sheet's own part."""
    found = []
    with archive.open(part) as stream:
        for _, element in etree.iterparse(stream, tag=_MERGE, resolve_entities=False, no_network=True):
            left, top, right, bottom = range_boundaries(element.get("ref", ""))
            if left and top and right and bottom:
                found.append((left, top, right, bottom))
            element.clear()
    return found


def read_csv(content: bytes) -> list[list[Value]]:
    """Text in UTF-8 (with or without BOM), UTF-16 with BOM, or GB 18030; commas, tabs or semicolons. Raises Wrong."""
    text = _decoded(content)
    first = text.lstrip("\ufeff\r\n").partition("\n")[0]
    delimiter = max(",\t;", key=first.count)
    try:
        return [list(row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)]
    except csv.Error as error:
        raise Wrong(
            Problem(
                "csv_damaged",
                "CSV 的引号不成对",
                "has quotation marks that do not pair",
                "请用 Excel 或 WPS 重新另存为 CSV",
                "Save it as CSV anew from Excel or WPS",
            )
        ) from error


def _decoded(content: bytes) -> str:
    encodings = ["utf-16"] if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ["utf-8-sig", "gb18030"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise Wrong(
        Problem(
            "csv_encoding",
            "文字编码不是 UTF-8 或 GB18030",
            "is encoded neither in UTF-8 nor in GB 18030",
            "请另存为“CSV UTF-8”",
            "Save it as “CSV UTF-8”",
        )
    )


def present(value: Value) -> bool:
    """Whether a cell holds anything but spaces."""
    return value is not None and not (isinstance(value, str) and not value.strip(" \t\r\n\u3000\u00a0\u200b\ufeff"))
