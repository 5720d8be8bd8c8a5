"""Lists that page, sort and export: one description of the columns for the screen, the spreadsheet and the CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from flask import Response, request, url_for
from openpyxl import Workbook
from sqlalchemy import ColumnElement, Connection, Row, Select, func, select

from admin.frame import words
from admin.frame.access import actor
from admin.frame.console import here
from settlement.act import begin
from settlement.people.workbook import harmless

PER_PAGE = 50
COUNTED = 10_000
"""Rows are counted up to here; of more it is said that there are more."""
MOST_PAGES = 10**9
EXPORTED = 200_000
"""The most rows of one exported file."""
TOGETHER = "counted_together"
Link = Callable[[Row[Any]], str]


@dataclass(frozen=True)
class Column:
    """``kind``: text, yuan (fen in the database), day, moment, number, code (in words). ``link``: where the cell leads. A ``hidden`` one is for links.
    ``words``: how a value reads, where its kind does not say it (a masked number, a state)."""

    key: str
    zh: str
    en: str
    expression: ColumnElement[Any]
    kind: str = "text"
    link: Link | None = None
    hidden: bool = False
    sorts: bool = True
    words: Callable[[Any], str] | None = None


@dataclass(frozen=True)
class Listed:
    """One page of a list. ``total``: None where there are more than are counted."""

    rows: Sequence[Row[Any]]
    columns: Sequence[Column]
    number: int
    more: bool
    total: int | None
    sort: str
    download: Response | None = None

    def address(self, **changed: Any) -> str:
        """This list's address with something changed."""
        given = {name: value for name, value in {**request.args.to_dict(), **changed}.items() if value is not None}
        path = url_for(request.endpoint or "", **(request.view_args or {}))
        # What somebody put into the address goes into the query alone: url_for takes some names for settings of its own.
        return f"{path}?{urlencode(given)}" if given else path

    def sorted_by(self, column: Column) -> str:
        return self.address(sort=f"-{column.key}" if self.sort == column.key else column.key, page=None)


def look(
    conn: Connection,
    source: Select[Any],
    columns: Sequence[Column],
    *,
    sort: str,
    name: str,
    together: bool = False,
) -> Listed:
    """The page of a list that the request's address asks for (``page``, ``sort``, ``export`` = xlsx or csv).

    ``source``: a select with joins and conditions and no columns; ``sort``: the key by which it is sorted unless asked otherwise, ``-key`` downwards;
    the first column breaks ties. ``name``: of exported files. An export is recorded in the audit trail; ``listed.download`` is then the answer.
    ``together``: the source is summed up before its first row is known, so that its rows are counted while they are read and not once more.
    """
    known = {column.key: column for column in columns if column.sorts}
    asked = request.args.get("sort", sort)
    by = asked if asked.lstrip("-") in known else sort
    key = known[by.lstrip("-")].expression
    query = source.add_columns(*(column.expression.label(column.key) for column in columns))
    query = query.order_by(key.desc() if by.startswith("-") else key.asc(), columns[0].expression)
    export = request.args.get("export")
    if export in ("xlsx", "csv"):
        record(name)
        return Listed((), columns, 1, False, None, by, _file(conn, query.limit(EXPORTED), columns, name, export))
    number = page_asked()
    before = (number - 1) * PER_PAGE
    query = query.add_columns(func.count().over().label(TOGETHER)) if together else query
    rows = conn.execute(query.limit(PER_PAGE + 1).offset(before)).all()
    if rows and together:
        total = int(rows[0]._mapping[TOGETHER])
    elif len(rows) <= PER_PAGE and (rows or not before):
        total = before + len(rows)
    else:
        total = _counted(conn, source.add_columns(columns[0].expression))
    return Listed(rows[:PER_PAGE], columns, number, len(rows) > PER_PAGE, None if total > COUNTED else total, by)


def _counted(conn: Connection, query: Select[Any]) -> int:
    """Up to one more than are counted."""
    return int(conn.execute(select(func.count()).select_from(query.limit(COUNTED + 1).subquery())).scalar_one())


def page_asked() -> int:
    """The number of the page that the request's address asks for, from 1."""
    return min(max(request.args.get("page", 1, type=int), 1), MOST_PAGES)


def shown(column: Column, value: Any) -> str:
    """A cell as it is read on a page."""
    if value is None:
        return ""
    return (column.words or _SHOWN.get(column.kind, str))(value)


_SHOWN: dict[str, Callable[[Any], str]] = {
    "yuan": words.yuan,
    "day": words.day,
    "moment": words.moment,
    "code": words.code,
    "number": lambda value: f"{value:,}",
}


def record(name: str) -> None:
    """That a list left the house: whole lists of people do so by exports, and by sheets to be filled in."""
    console = here()
    with begin(console.engine, actor(), console.now()) as act:
        asked = ", ".join(sorted(request.args.keys() - {"export", "page"}))
        act.audit("list.export", f"list:{name}", after={"address": request.path, "filters": asked})


def _file(conn: Connection, query: Select[Any], columns: Sequence[Column], name: str, kind: str) -> Response:
    seen = [column for column in columns if not column.hidden]
    headers = [f"{column.zh} {column.en}" + ("（元 yuan）" if column.kind == "yuan" else "") for column in seen]
    found = conn.execution_options(yield_per=2000).execute(query)
    rows = ([_cell(column, row._mapping[column.key]) for column in seen] for row in found)
    return spreadsheet(name, headers, rows) if kind == "xlsx" else comma_separated(name, headers, rows)


def _cell(column: Column, value: Any) -> Any:
    """A cell of a file: amounts and counts as numbers, text that no spreadsheet takes for a formula."""
    if column.kind == "yuan" and value is not None:
        return value / 100
    return value if column.kind == "number" else harmless(shown(column, value))


def spreadsheet(name: str, headers: Sequence[str], rows: Iterator[list[Any]]) -> Response:
    """An XLSX file as an answer; texts have to be :func:`harmless` already."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("1")
    sheet.append([harmless(header) for header in headers])
    for row in rows:
        sheet.append(row)
    content = io.BytesIO()
    book.save(content)
    return attachment(content.getvalue(), f"{name}.xlsx", words.XLSX)


def comma_separated(name: str, headers: Sequence[str], rows: Iterator[list[Any]]) -> Response:
    content = io.StringIO(newline="")
    writer = csv.writer(content)
    writer.writerow(headers)
    writer.writerows(rows)
    # The mark in front lets Excel know that it is UTF-8.
    return attachment(content.getvalue().encode("utf-8-sig"), f"{name}.csv", "text/csv")


def attachment(content: bytes, name: str, media_type: str) -> Response:
    """A file to be saved, never shown by the browser."""
    response = Response(content, mimetype=media_type)
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response
