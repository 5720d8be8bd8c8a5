"""What leaves the console as a file, everywhere: whatever people called themselves and wrote, no spreadsheet takes it for a formula."""

from __future__ import annotations

import csv
import io
import re

import pytest
from openpyxl import load_workbook
from sqlalchemy import update

from settlement.closing.tables import adjustments, invoices, payment_orders, statement_questions
from settlement.people.tables import objections, seniors
from settlement.providers.tables import caregivers, providers, tenders
from settlement.supervision.tables import complaints
from settlement.treasury.tables import account_lines, appropriations
from settlement.visits.tables import bookings
from tests.admin import access_table
from tests.admin.test_scope import World, asked, names, path, world

__all__ = ["world"]

FORMULA = '=HYPERLINK("http://evil.example")'
FREE = {
    seniors: ("name",),
    caregivers: ("name", "staff_no"),
    providers: ("name",),
    tenders: ("title", "number"),
    complaints: ("words",),
    bookings: ("words",),
    objections: ("words",),
    statement_questions: ("words",),
    adjustments: ("reason",),
    invoices: ("number",),
    appropriations: ("document",),
    account_lines: ("words", "counterparty", "reference", "explanation"),
    payment_orders: ("payee_name", "bank_reference", "return_reason"),
}
"""What people write as they like."""


@pytest.fixture(scope="module")
def hostile(world: World) -> World:
    with world.office.engine.begin() as conn:
        for table, columns in FREE.items():
            for number, row in enumerate(conn.execute(table.select()).all()):
                key = table.primary_key.columns[0]
                values = dict.fromkeys(columns, f"{FORMULA}{number}")
                conn.execute(update(table).where(key == row[0]).values(values))
    return world


def cells(kind: str, content: bytes) -> list[tuple[str, bool]]:
    """(text, whether it calculates)."""
    if kind == "csv":
        rows = csv.reader(io.StringIO(content.decode("utf-8-sig")))
        return [(cell, bool(re.match(r"[=+@\t\r\n]|-(?![\d.]+$)", cell))) for row in rows for cell in row]
    book = load_workbook(io.BytesIO(content))
    found = [cell for sheet in book.worksheets for row in sheet.iter_rows() for cell in row]
    return [(str(cell.value), cell.data_type == "f") for cell in found if cell.value is not None]


def test_no_exported_cell_calculates(hostile: World) -> None:
    """Every address that hands out a table, as every role that may have it."""
    wrong, files, written = [], set(), 0
    for route in access_table.routes(hostile.office.app):
        if route.method == "POST" or route.may in access_table.SPECIAL or {"scheme_code", "target"} & set(names(route)):
            continue
        for role in access_table.roles_of(route.may):
            for kind in ("csv", "xlsx"):
                at = path(route, asked(hostile.all.one, route))
                answer = hostile.seats[f"near.{role}"].get(f"{at}?export={kind}&quarter=2026-Q3&state=all&status=")
                name = answer.response.headers.get("Content-Disposition", "").rpartition(".")[2]
                if answer.status == 200 and name in ("csv", "xlsx"):
                    files.add(route.rule)
                    found = cells(name, answer.content)
                    written += sum("evil.example" in text for text, _ in found)
                    wrong += [f"{route.rule} {role} {kind}: {text}" for text, calculates in found if calculates]
    assert not wrong, "\n".join(sorted(set(wrong)))
    assert len(files) > 40
    assert written > 100
