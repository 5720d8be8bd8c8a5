"""Workbooks we write: the template of a roster, and the corrected copy of one that had faults."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, cast

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, TYPE_STRING
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter, quote_sheetname
from openpyxl.worksheet.datavalidation import DataValidation

from settlement.people.columns import COLUMNS
from settlement.people.faults import Fault
from settlement.people.places import Places
from settlement.people.roster import EXAMPLE_ID_NO, FAULTS_SHEET, LISTS_SHEET, NOTES_SHEET, OUR_SHEETS, Roster
from settlement.people.sheets import ErrorValue, Formula, Value
from settlement.policy.scheme import Scheme

ROSTER_SHEET = "名册 Roster"
FAULTY = PatternFill("solid", fgColor="FFFFC7CE")
HEADER = PatternFill("solid", fgColor="FFDDEBF7")
BOLD = Font(bold=True)
WRAPPED = Alignment(wrap_text=True, vertical="top")
TEXT = "@"
DAY = "yyyy-mm-dd"
ROWS_READY = 2000
"""So many rows of the template have their lists and formats."""

_RUNS_AS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""Those of full width too: a spreadsheet in Chinese takes them for the others when it reads a CSV file."""
_FAULT_HEADERS = (
    "工作表 sheet", "行 row", "列 column", "表头 header", "问题 what is wrong", "如何更正 how to mend it",
    "what is wrong", "how to mend it", "代码 code",
)  # fmt: skip
_FAULT_WIDTHS = (16, 8, 8, 16, 44, 44, 44, 44, 22)


def corrected_copy(roster: Roster) -> Workbook:
    """The clerk's own rows, each in its place, with the faulty cells filled and commented; before them a sheet that lists every fault.

    The first sheet is left out when the copy is read again. Text that a spreadsheet would run as a formula is made harmless.
    """
    book = Workbook(write_only=True)
    listed: Any = book.create_sheet(FAULTS_SHEET)
    _widths(listed, _FAULT_WIDTHS)
    listed.freeze_panes = "A2"
    listed.append([_cell(listed, header, bold=True) for header in _FAULT_HEADERS])
    for fault in roster.faults:
        problem = fault.problem
        column = get_column_letter(fault.column) if fault.column else ""
        place = [fault.sheet, fault.row or "", column, fault.header]
        words = [problem.zh, problem.mend_zh, problem.en, problem.mend_en, problem.code]
        listed.append([_cell(listed, value, wrapped=True) for value in (*place, *words)])
    for sheet in roster.sheets:
        if sheet.name in OUR_SHEETS:
            continue
        _copy(book.create_sheet(sheet.name), sheet.rows, [each for each in roster.faults if each.sheet == sheet.name])
    return book


def _copy(copy: Any, rows: list[list[Value]], faults: list[Fault]) -> None:
    marked: dict[int, dict[int, list[Fault]]] = defaultdict(lambda: defaultdict(list))
    for fault in faults:
        marked[fault.row or 1][fault.column or 1].append(fault)
    _widths(copy, [18] * max((len(row) for row in rows), default=1))
    for number, row in enumerate(rows, start=1):
        here = marked.get(number, {})
        values = row + [None] * (max(here, default=0) - len(row))
        copy.append([_marked(copy, value, here.get(at)) for at, value in enumerate(values, start=1)])


def _marked(sheet: Any, value: Value, faults: list[Fault] | None) -> Any:
    if value is None and not faults:
        return None
    cell = _cell(sheet, value)
    if faults:
        cell.fill = FAULTY
        if not isinstance(value, datetime | date):
            cell.number_format = TEXT  # so that the number typed anew keeps its last digits
        said = [
            f"{fault.problem.zh}。{fault.problem.mend_zh}\n{fault.problem.en}. {fault.problem.mend_en}"
            for fault in faults
        ]
        cell.comment = Comment("\n\n".join(said), "Songbai", width=360, height=60 + 60 * len(said))
    return cell


def _cell(sheet: Any, value: Value, *, bold: bool = False, wrapped: bool = False) -> Any:
    """A cell that shows what was there and never calculates."""
    if isinstance(value, Formula | ErrorValue):
        value = value.text
    if not isinstance(value, str):
        cell: Any = WriteOnlyCell(sheet, value=cast(Any, value))
        if isinstance(value, datetime | date):
            cell.number_format = DAY
    else:
        cell = WriteOnlyCell(sheet, value=harmless(value))
        cell.data_type = TYPE_STRING
        cell.number_format = TEXT
    if bold:
        cell.font = BOLD
    if wrapped:
        cell.alignment = WRAPPED
    return cell


def harmless(text: str) -> str:
    """Text that no spreadsheet takes for a formula, also after it was saved as CSV: an apostrophe goes before the sign."""
    text = ILLEGAL_CHARACTERS_RE.sub("", text)
    return f"'{text}" if text.startswith(_RUNS_AS_FORMULA) and not re.fullmatch(r"[+-]?[\d.]+", text) else text


def _widths(sheet: Any, widths: Iterable[int]) -> None:
    for index, width in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(index)].width = width


# -- the template -----------------------------------------------------------------------------------------------------------


def template(scheme: Scheme, places: Places) -> Workbook:
    """An empty roster: headers with notes, lists to choose from, text format where Excel would spoil numbers, an example row (passed over
    when the roster is read), and a sheet that explains every column."""
    book = Workbook()
    sheet: Any = book.active
    sheet.title = ROSTER_SHEET
    sheet.freeze_panes = "C2"
    lists: Any = book.create_sheet(LISTS_SHEET)
    lists.sheet_state = "hidden"
    choices = _choices(scheme, places)
    example = _example(scheme, places)
    for index, column in enumerate(COLUMNS, start=1):
        letter = get_column_letter(index)
        head = sheet.cell(1, index, column.zh)
        head.font, head.fill = BOLD, HEADER
        must = ("必填", "required") if column.needed else ("选填", "optional")
        head.comment = Comment(f"{column.note_zh}（{must[0]}）\n{column.en}: {column.note_en} ({must[1]})", "Songbai")
        sheet.column_dimensions[letter].width = 22 if column.key in ("id_no", "address", "categories") else 14
        style = TEXT if column.text else DAY if column.key.endswith(("_on", "_since", "_date")) else None
        if style:
            for row in range(2, ROWS_READY + 2):
                sheet.cell(row, index).number_format = style
        sheet.cell(2, index, example.get(column.key))
        if column.key in choices:
            _offer(sheet, lists, letter, column.key, list(choices).index(column.key) + 1, choices[column.key])
    _notes(book.create_sheet(NOTES_SHEET), scheme)
    return book


def _choices(scheme: Scheme, places: Places) -> dict[str, list[str]]:
    villages = sorted({village for town in places.towns for village in places.villages(town)})
    return {
        "sex": ["男", "女"],
        "town": places.towns,
        "village": villages,
        "categories": [category.name_zh for category in scheme.categories],
        "level": ["0", "1", "2", "3", "4"],
    }


def _offer(sheet: Any, lists: Any, letter: str, key: str, at: int, values: list[str]) -> None:
    """A drop-down list, kept in a column of the hidden sheet. Several categories may be typed, so that list only suggests."""
    if not values:
        return
    for row, value in enumerate(values, start=1):
        lists.cell(row, at, value)
    source = f"{quote_sheetname(LISTS_SHEET)}!${get_column_letter(at)}$1:${get_column_letter(at)}${len(values)}"
    rule = DataValidation(
        "list", formula1=source, allow_blank=True, showErrorMessage=key not in ("categories", "level")
    )
    rule.error, rule.errorTitle = "请从列表中选择 Choose from the list", "松柏 Songbai"
    sheet.add_data_validation(rule)
    rule.add(f"{letter}2:{letter}{ROWS_READY + 1}")


def _example(scheme: Scheme, places: Places) -> dict[str, str]:
    town = next(iter(places.towns), "某镇")
    village = next(iter(places.villages(town)), "某村")
    return {
        "name": "示例", "id_no": EXAMPLE_ID_NO, "sex": "女", "birth_date": "1950-03-07", "town": town,
        "village": village, "categories": "、".join(category.name_zh for category in scheme.categories[:2]),
        "level": "2", "assessed_on": "2026-05-20", "assessor": "评估机构名称", "address": f"{village}1组1号",
        "phone": "19900000000", "emergency_name": "示例", "emergency_phone": "19900000001",
    }  # fmt: skip


def _notes(sheet: Any, scheme: Scheme) -> None:
    _widths(sheet, (18, 10, 52, 22, 60))
    lines: list[tuple[str, ...]] = [
        (f"{scheme.name_zh}：名册填写说明", "", "", scheme.name_en, ""),
        ("示例行（“示例”）导入时自动跳过，可保留。", "", "", "The example row is passed over.", ""),
        ("表头", "必填", "填写方法", "header", "how to fill it in"),
    ]
    lines += [
        (column.zh, "是" if column.needed else "", column.note_zh, column.en, column.note_en) for column in COLUMNS
    ]
    lines += [("类别", "", category.name_zh, "category", category.name_en) for category in scheme.categories]
    for line in lines:
        sheet.append(line)
    for row in (1, 3):
        for cell in sheet[row]:
            cell.font = BOLD
