"""Workbooks made to break their reader: refused in words, quickly, and without a word of what stood in them."""

from __future__ import annotations

import io
import zipfile

import pytest
from openpyxl import Workbook

from settlement.people import sheets
from settlement.people.faults import Wrong

SHEET = "xl/worksheets/sheet1.xml"
START = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
END = "</sheetData></worksheet>"


def workbook(sheet: str, **parts: str) -> bytes:
    """A workbook whose only sheet is this XML."""
    plain, made = io.BytesIO(), io.BytesIO()
    Workbook().save(plain)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, sheet if entry.filename == SHEET else old.read(entry))
    return made.getvalue()


def wrong(content: bytes) -> str:
    with pytest.raises(Wrong) as caught:
        sheets.read(content, "名册.xlsx")
    assert caught.value.__cause__ is None
    return caught.value.problem.code


def test_a_few_bytes_that_claim_a_great_many_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MAX_CELLS", 100_000)
    rows = "".join(f'<row r="{n}"><c r="XFD{n}"><v>1</v></c></row>' for n in range(1, 1000))
    assert wrong(workbook(START + rows + END)) == "file_too_large"


def test_a_few_bytes_that_claim_a_great_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MAX_ROWS", 10_000)
    far = '<row r="1"><c r="A1"><v>1</v></c></row><row r="10001"><c r="A10001"><v>1</v></c></row>'
    assert wrong(workbook(START + far + END)) == "file_too_large"
    near = far.replace("10001", "10000")
    assert len(sheets.read(workbook(START + near + END), "名册.xlsx")[0].rows) == 10_000


def test_many_sheets_are_no_way_round_the_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    book, made = Workbook(), io.BytesIO()
    for _ in range(9):
        book.create_sheet()
    for sheet in book.worksheets:
        sheet["CV1"] = 1
    book.save(made)
    monkeypatch.setattr(sheets, "MAX_CELLS", 999)  # ten sheets of a hundred cells each
    assert wrong(made.getvalue()) == "file_too_large"
    monkeypatch.setattr(sheets, "MAX_CELLS", 1000)
    assert len(sheets.read(made.getvalue(), "名册.xlsx")) == 10


def test_what_unpacks_to_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MAX_UNPACKED", 1024 * 1024)
    assert wrong(workbook(START + " " * 2 * 1024 * 1024 + END)) == "file_too_large"


def test_entities_are_not_expanded() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)
    )
    cell = '<row r="1"><c r="A1" t="inlineStr"><is><t>&j;</t></is></c></row>'
    assert wrong(workbook(bomb + "]>" + START + cell + END)) == "file_damaged"


def test_a_file_outside_is_not_read(tmp_path: object) -> None:
    entity = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    cell = '<row r="1"><c r="A1" t="inlineStr"><is><t>&a;</t></is></c></row>'
    try:
        [sheet] = sheets.read(workbook(entity + START + cell + END), "名册.xlsx")
    except Wrong:
        return
    assert "root:" not in str(sheet.rows)


@pytest.mark.parametrize(
    "sheet",
    [
        START + '<row r="1"><c r="A1" t="s"><v>张三321012195003072223</v></c></row>' + END,
        START + '<row r="1"><c r="A1" t="s"><v>99</v></c></row>' + END,
        START + '<row r="x"><c r="A1"><v>1</v></c></row>' + END,
        START + '<row r="1"><c r="1A"><v>1</v></c></row>' + END,
        START + END[:-3],
        "",
    ],
)
def test_a_broken_sheet_is_damaged_and_not_quoted(sheet: str) -> None:
    assert wrong(workbook(sheet)) == "file_damaged"


def test_bytes_that_are_no_workbook() -> None:
    for content in (b"", b"PK\x03\x04", workbook(START + END)[:-40]):
        assert wrong(content) == "file_damaged"
