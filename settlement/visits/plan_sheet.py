"""A month's plan as a spreadsheet: written with whom something is owed, read back with day, time, items and staff number filled in.

Rows without a day are passed over. Either every row is good, or every fault is listed with its place; nothing is written here.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from sqlalchemy import Connection, select

from settlement.people import cells, sheets
from settlement.people.faults import Fault, Problem, Wrong
from settlement.people.sheets import Value
from settlement.people.tables import seniors
from settlement.people.workbook import harmless
from settlement.periods import SHANGHAI, Month
from settlement.providers.tables import caregivers
from settlement.visits import planning
from settlement.visits.orders import Plan

HEADERS = {
    "senior": "老人编号 senior",
    "name": "姓名 name",
    "village": "村社区 village",
    "owed": "还欠次数 owed",
    "day": "日期 day",
    "time": "时间 time",
    "minutes": "分钟 minutes",
    "items": "项目编码 items",
    "staff_no": "工号 staff no",
}
NEEDED = ("senior", "day", "time", "items")
MOST_ROWS = 10_000
USUAL_MINUTES = 60


@dataclass
class Read:
    """``plans``: of the rows without a fault; ``rows``: how many hold a day."""

    plans: list[Plan] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    rows: int = 0


def written(conn: Connection, people: planning.People) -> bytes:
    """The sheet (XLSX): a row for each visit that is missing, with whom; day, time, items and staff number to be filled in."""
    book = Workbook(write_only=True)
    sheet: Any = book.create_sheet("计划 Plan")
    for index, width in enumerate((12, 14, 16, 10, 14, 10, 10, 24, 12), start=1):
        sheet.column_dimensions[get_column_letter(index)].width = width
    sheet.freeze_panes = "A2"
    sheet.append([_bold(sheet, header) for header in HEADERS.values()])
    query = people.source.add_columns(seniors.c.id, seniors.c.name, seniors.c.village, people.missing.label("missing"))
    query = query.where(people.missing > 0).order_by(seniors.c.village, seniors.c.name, seniors.c.id)
    for row in conn.execute(query):
        for _ in range(row.missing):
            sheet.append([row.id, harmless(row.name), harmless(row.village), int(row.missing)])
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def _bold(sheet: Any, text: str) -> Any:
    cell = WriteOnlyCell(sheet, value=text)
    cell.font = Font(bold=True)
    return cell


def read(conn: Connection, provider_id: int, month: Month, content: bytes, file_name: str) -> Read:
    """The plans of a file for a month. Whether a provider may plan for a senior is asked by ``planning.plan``; here a number must go with its name."""
    found = Read()
    try:
        (sheet, *_) = sheets.read(content, file_name)
        top, places = _headers(sheet.rows)
    except Wrong as wrong:
        found.faults.append(Fault(file_name, None, None, "", wrong.problem))
        return found
    reader = _Reader(conn, provider_id, month, sheet.name, places, sheet.rows[top + 1 :])
    for number, cells_of in enumerate(sheet.rows[top + 1 :], start=top + 2):
        if not reader.filled(cells_of):
            continue
        found.rows += 1
        plan, faults = reader.plan(number, cells_of)
        found.faults += faults
        if plan is not None:
            found.plans.append(plan)
    return found


def _headers(rows: Sequence[Sequence[Value]]) -> tuple[int, dict[str, int]]:
    if len(rows) > MOST_ROWS:
        raise Wrong(
            Problem("file_too_large", f"超过{MOST_ROWS}行", f"more than {MOST_ROWS} rows", "请拆分", "Split it")
        )
    for top, row in enumerate(rows[:10]):
        words = {str(value).strip(): place for place, value in enumerate(row) if isinstance(value, str)}
        places = {key: words[header] for key, header in HEADERS.items() if header in words}
        if all(key in places for key in NEEDED):
            return top, places
    wanted = "、".join(HEADERS[key] for key in NEEDED)
    problem = Problem(
        "plan_headers",
        f"没有找到表头：{wanted}",
        f"no headers: {wanted}",
        "请用下载的表",
        "Use the sheet as downloaded",
    )
    raise Wrong(problem)


class _Reader:
    """What the rows of one sheet are judged by."""

    def __init__(
        self,
        conn: Connection,
        provider_id: int,
        month: Month,
        sheet: str,
        places: dict[str, int],
        rows: Sequence[Sequence[Value]],
    ) -> None:
        self.provider_id, self.month, self.sheet, self.places = provider_id, month, sheet, places
        staff = select(caregivers.c.staff_no, caregivers.c.id).where(caregivers.c.provider_id == provider_id)
        self.staff = {no: int(id) for no, id in conn.execute(staff)}
        ids = {
            number for row in rows if self.filled(row) and (number := _number(self._value(row, "senior"))) is not None
        }
        named = select(seniors.c.id, seniors.c.name).where(seniors.c.id.in_(ids))
        self.names = {int(row.id): str(row.name) for row in conn.execute(named)}
        self.seen: dict[str, int] = {}

    def filled(self, row: Sequence[Value]) -> bool:
        return sheets.present(self._value(row, "day"))

    def _value(self, row: Sequence[Value], key: str) -> Value:
        place = self.places.get(key)
        return row[place] if place is not None and place < len(row) else None

    def plan(self, number: int, row: Sequence[Value]) -> tuple[Plan | None, list[Fault]]:
        faults: list[Fault] = []

        def cell(key: str, reads: Callable[[Value], Any]) -> Any:
            try:
                return reads(self._value(row, key))
            except Wrong as wrong:
                faults.append(Fault(self.sheet, number, self.places.get(key, 0) + 1, HEADERS[key], wrong.problem))
                return None

        senior_id = cell("senior", lambda value: self._senior(value, self._value(row, "name")))
        day, hour = cell("day", self._day), cell("time", _time)
        minutes, items = cell("minutes", _minutes), cell("items", _items)
        caregiver_id = cell("staff_no", self._caregiver)
        if faults:
            return None, faults
        start = datetime.combine(day, hour, tzinfo=SHANGHAI)
        id = planning.order_id(self.provider_id, senior_id, start)
        first = self.seen.setdefault(id, number)
        if first != number:
            twice = Problem(
                "plan_twice", f"与第{first}行重复", f"the same as row {first}", "请删去一行", "Delete one of them"
            )
            return None, [Fault(self.sheet, number, None, "", twice)]
        made = Plan(
            id=id,
            provider_id=self.provider_id,
            senior_id=senior_id,
            planned_start=start,
            planned_minutes=minutes,
            items=items,
            caregiver_id=caregiver_id,
        )
        return made, []

    def _senior(self, value: Value, name: Value) -> int:
        """By the number; a name beside it has to be this person's, for a slip of one digit is somebody else."""
        found = _number(value) or 0
        if found not in self.names or (sheets.present(name) and cells.tidy(name) != self.names[found]):
            raise Wrong(_NOBODY)
        return found

    def _day(self, value: Value) -> Any:
        day = cells.day(self.month.first_day, future=True)(value)
        if day is None or Month.of(day) != self.month:
            raise Wrong(
                Problem(
                    "plan_day", f"不在{self.month}", f"not in {self.month}", "请填本月日期", "Give a day of the month"
                )
            )
        return day

    def _caregiver(self, value: Value) -> int | None:
        text = cells.tidy(value)
        if text and text not in self.staff:
            raise Wrong(Problem("plan_staff", "没有这个工号", "no such staff number", "请核对工号", "Check the number"))
        return self.staff.get(text)


_NOBODY = Problem(
    "plan_senior",
    "没有这位老人，或姓名与编号不符",
    "no such senior, or the name is not that number's",
    "请核对编号和姓名",
    "Check number and name",
)


def _number(value: Value) -> int | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return int(value) if value == int(value) else None
    return int(value.strip()) if isinstance(value, str) and re.fullmatch(r"\s*\d{1,15}\s*", value) else None


def _time(value: Value) -> time:
    """A time of day: 9:00, 09:00:00, or what a spreadsheet keeps (part of a day)."""
    if isinstance(value, float) and 0 <= value < 1:
        minutes = round(value * 24 * 60)
        return time(minutes // 60 % 24, minutes % 60)
    match = re.fullmatch(r"([01]?\d|2[0-3])[:：]([0-5]\d)(?::00)?", cells.tidy(value))
    if match is None:
        raise Wrong(Problem("plan_time", "不是时间", "is no time of day", "写作 9:00", "Such as 9:00"))
    return time(int(match[1]), int(match[2]))


def _minutes(value: Value) -> int:
    minutes = _number(value) if sheets.present(value) else USUAL_MINUTES
    if minutes is None or not 1 <= minutes <= 1440:
        raise Wrong(Problem("plan_minutes", "分钟数应在1和1440之间", "minutes are 1 to 1440", "写作 60", "Such as 60"))
    return minutes


def _items(value: Value) -> tuple[str, ...]:
    items = tuple(filter(None, re.split(r"[、,，;；\s]+", cells.tidy(value))))
    if not items:
        raise Wrong(
            Problem("plan_items", "没有项目", "no items", "填项目编码，几项用、隔开", "Item codes, with 、 between")
        )
    return items
