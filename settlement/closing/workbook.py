"""The payment workbook people look at: one sheet of orders, one of the settlements behind them. Chinese first, English second.

Every text is written as text, never as a formula, whatever a name begins with. The same batch gives the same bytes.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import Cell
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet
from sqlalchemy import Row

from settlement.closing.bankfile import purpose
from settlement.money import FEN_PER_YUAN
from settlement.periods import SHANGHAI

ORDER_COLUMNS = (
    ("序号 No.", 8),
    ("付款单号 Order", 24),
    ("用途 Purpose", 30),
    ("付款人 Payer", 24),
    ("付款账号 From account", 26),
    ("收款人 Payee", 32),
    ("收款账号 To account", 26),
    ("开户行 Bank", 28),
    ("金额(元) Amount (yuan)", 20),
    ("结算单 Settlement", 34),
)
SETTLEMENT_COLUMNS = (
    ("结算单 Settlement", 34),
    ("镇街 Town", 16),
    ("服务商 Provider", 32),
    ("月结合计 Statements", 16),
    ("调整 Adjustments", 16),
    ("应付 Net", 16),
)


def render(batch: Row[Any], orders: Sequence[Row[Any]], settlements: Sequence[Row[Any]]) -> bytes:
    """``settlements``: with ``provider_name``, and ``shares`` as {payer: fen}; every payer gets a column."""
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)  # noqa: S101  # a new workbook has one
    sheet.title = "付款单 Orders"
    _table(sheet, f"付款批次 Payment batch {batch.id}", ORDER_COLUMNS, [_order(n, o) for n, o in enumerate(orders, 1)])
    total = len(orders) + 3
    _text(sheet.cell(total, 2), "合计 Total").font = Font(bold=True)
    _amount(sheet.cell(total, 9), batch.total_fen).font = Font(bold=True)
    if settlements:
        payers = list(dict.fromkeys(payer for s in settlements for payer in s.shares))
        columns = SETTLEMENT_COLUMNS + tuple((f"分担 Share: {payer}", 18) for payer in payers)
        rows = [
            [
                s.id,
                s.town,
                s.provider_name,
                s.gross_fen,
                s.adjustments_fen,
                s.net_fen,
                *(s.shares.get(p, 0) for p in payers),
            ]
            for s in settlements
        ]
        _table(book.create_sheet("结算 Settlements"), f"{batch.period}", columns, rows)
    written = BytesIO()
    book.save(written)
    return _reproducible(written.getvalue(), batch.exported_at)


def _order(number: int, order: Row[Any]) -> list[str | int]:
    return [
        str(number),
        order.id,
        purpose(order),
        order.payer_name,
        order.payer_account,
        order.payee_name,
        order.payee_account,
        order.payee_bank or "",
        order.amount_fen,
        order.settlement_id or "",
    ]


def _table(
    sheet: Worksheet, title: str, columns: Sequence[tuple[str, int]], rows: Sequence[Sequence[str | int]]
) -> None:
    """Title, headings, rows: an int is an amount in fen and is shown in yuan, everything else is text."""
    _text(sheet.cell(1, 1), title).font = Font(bold=True, size=13)
    for index, (heading, width) in enumerate(columns, 1):
        cell = _text(sheet.cell(2, index), heading)
        cell.font, cell.alignment = Font(bold=True), Alignment(wrap_text=True, vertical="top")
        sheet.column_dimensions[get_column_letter(index)].width = width
    for number, row in enumerate(rows, 3):
        for index, value in enumerate(row, 1):
            place = sheet.cell(number, index)
            if isinstance(value, int):
                _amount(place, value)
            else:
                _text(place, value)
    sheet.freeze_panes = "A3"


def _text(cell: Any, value: str) -> Cell:
    cell.value = value
    cell.data_type = "s"  # openpyxl would take a leading = for a formula
    cell.quotePrefix = True  # and so would the program in which somebody edits the cell
    return cell  # type: ignore[no-any-return]


def _amount(cell: Any, fen: int) -> Cell:
    cell.value = Decimal(fen) / FEN_PER_YUAN
    cell.number_format = "#,##0.00"
    return cell  # type: ignore[no-any-return]


def _reproducible(data: bytes, moment: datetime) -> bytes:
    """The same workbook with every time of writing set to the batch's."""
    local = moment.astimezone(SHANGHAI)
    stamp = (local.year, local.month, local.day, local.hour, local.minute, local.second // 2 * 2)
    said = f"{moment:%Y-%m-%dT%H:%M:%SZ}".encode()
    written = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as old, zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as new:
        for item in old.infolist():
            content = old.read(item)
            if item.filename == "docProps/core.xml":
                content = re.sub(rb"(<dcterms:(created|modified)[^>]*>)[^<]*", rb"\g<1>" + said, content)
            entry = zipfile.ZipInfo(item.filename, stamp)
            entry.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(entry, content)
    return written.getvalue()
