"""Small lists an administrator brings in: the district's places and the year's official days. All rows or none; every fault named."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import TypeVar

from settlement.people import cells
from settlement.people.columns import bare
from settlement.people.faults import Fault, Problem, Wrong
from settlement.people.places import Place
from settlement.people.sheets import Sheet, Value, present, read
from settlement.people.workdays import OfficialDay

HEADER_ROWS = 5

T = TypeVar("T")


class ListFaults(Exception):
    """What is wrong with a list; nothing of it is used."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        super().__init__(f"{len(faults)} faults")


def read_places(content: bytes, file_name: str) -> list[Place]:
    """镇街, 村社区, and where known 经度, 纬度 of the village office. Raises ListFaults."""
    longitude, latitude = (
        cells.degrees(*cells.LONGITUDES, cells.LATITUDES),
        cells.degrees(*cells.LATITUDES, cells.LONGITUDES),
    )

    def one(row: Mapping[str, Value]) -> Place:
        town = _needed(cells.text(40)(row["镇街"]), "镇街")
        village = _needed(cells.text(80)(row["村社区"]), "村社区")
        return Place(town, village, latitude(row.get("纬度")), longitude(row.get("经度")))

    return list(_rows(content, file_name, ("镇街", "村社区"), ("经度", "纬度"), one))


def read_days(content: bytes, file_name: str) -> list[OfficialDay]:
    """日期, 类型 (休 or 班), 名称: what the State Council's notice names, day by day. Raises ListFaults."""
    day = cells.day(date.max)

    def one(row: Mapping[str, Value]) -> OfficialDay:
        on = day(row["日期"])
        kind = cells.tidy(row["类型"])
        if on is None or kind not in ("休", "班"):
            raise Wrong(
                Problem(
                    "official_day",
                    "每行须有日期和类型（休 或 班）",
                    "every row needs a date and 休 (off) or 班 (worked)",
                    "请补上或更正",
                    "Fill it in or correct it",
                )
            )
        return OfficialDay(on, kind == "班", cells.text(40)(row.get("名称")))

    return list(_rows(content, file_name, ("日期", "类型"), ("名称",), one))


def _rows(
    content: bytes,
    file_name: str,
    needed: tuple[str, ...],
    optional: tuple[str, ...],
    one: Callable[[Mapping[str, Value]], T],
) -> Iterator[T]:
    try:
        sheets = [sheet for sheet in read(content, file_name) if sheet.rows]
    except Wrong as error:
        raise ListFaults([Fault(file_name, None, None, "", error.problem)]) from error
    found: list[T] = []
    faults: list[Fault] = []
    for sheet in sheets[:1]:
        at, first = _headers(sheet, needed, optional)
        for number, values in enumerate(sheet.rows[first:], start=first + 1):
            if not any(present(value) for value in values):
                continue
            row = {header: values[index] if index < len(values) else None for header, index in at.items()}
            try:
                found.append(one(row))
            except Wrong as error:
                faults.append(Fault(sheet.name, number, None, "", error.problem))
    if faults or not found:
        raise ListFaults(faults or [Fault(file_name, None, None, "", _EMPTY)])
    return iter(found)


def _headers(sheet: Sheet, needed: tuple[str, ...], optional: tuple[str, ...]) -> tuple[dict[str, int], int]:
    """Header -> index of its column, and how many rows stand above the first of the list."""
    for number, row in enumerate(sheet.rows[:HEADER_ROWS], start=1):
        at = {bare(value): index for index, value in enumerate(row) if present(value)}
        if all(header in at for header in needed):
            return {header: at[header] for header in (*needed, *optional) if header in at}, number
    listed = "、".join(needed)
    problem = Problem(
        "header_row_missing",
        f"找不到表头：{listed}",
        f"has no headers {listed}",
        "请在第一行写明",
        "Put them into the first row",
    )
    raise ListFaults([Fault(sheet.name, None, None, "", problem)])


def _needed(text: str, header: str) -> str:
    text = text.replace(" ", "")
    if not text:
        raise Wrong(Problem("cell_missing", f"没有填写{header}", f"{header} is missing", "请补上", "Fill it in"))
    return text


_EMPTY = Problem("list_empty", "是空的", "is empty", "请填写后再导入", "Fill it in first")
