"""A roster as an office hands it in: every row judged, every fault listed with its place. Nothing is written here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Any

from sqlalchemy import Connection

from settlement.keys import KeyRing
from settlement.people import cells, columns, register
from settlement.people.columns import BY_KEY, Layout
from settlement.people.faults import Fault, Problem, Wrong
from settlement.people.identity import Identity, mask
from settlement.people.places import Places
from settlement.people.register import Entry
from settlement.people.sheets import Sheet, Value, present
from settlement.policy import months
from settlement.policy.eligibility import age_on
from settlement.policy.scheme import Scheme

FAULTS_SHEET = "问题清单 Faults"
NOTES_SHEET = "填写说明 Notes"
LISTS_SHEET = "选项 Lists"
OUR_SHEETS = frozenset({FAULTS_SHEET, NOTES_SHEET, LISTS_SHEET})
"""Sheets that we add to a workbook; never read as a roster."""

EXAMPLE_ID_NO = "321012195003072223"
"""The number in the template's example row; such a row is passed over."""


@dataclass
class Roster:
    """What was read. ``entries``: the rows without a fault; ``known``: those whose only fault is that the person is registered already; ``rows``: how many rows hold a person; ``layouts`` by sheet name."""

    sheets: list[Sheet]
    layouts: dict[str, Layout] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    known: list[Entry] = field(default_factory=list)
    rows: int = 0
    not_read: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Rules:
    """What a row is judged by. ``town`` and ``village``: the scope of who imports, None for the whole district."""

    scheme: Scheme
    places: Places
    today: date
    town: str | None = None
    village: str | None = None


def check(conn: Connection, ring: KeyRing, sheets: list[Sheet], rules: Rules) -> Roster:
    """Judge a file's sheets against the rules, against each other and against the register."""
    roster = Roster(sheets)
    judge = Judge(rules)
    found: list[tuple[Entry, Layout]] = []
    for sheet in sheets:
        if sheet.name in OUR_SHEETS or not sheet.rows:
            continue
        layout = columns.find(sheet)
        if layout is None:
            roster.faults.append(Fault(sheet.name, None, None, "", _NO_HEADER))
            continue
        roster.layouts[sheet.name] = layout
        roster.faults += layout.faults
        roster.not_read += [f"{sheet.name}!{header}" for header in layout.not_read]
        found += _read_rows(roster, sheet, layout, judge)
    if not roster.rows and not roster.faults:
        name = sheets[0].name if sheets else ""
        roster.faults.append(Fault(name, None, None, "", _EMPTY))
    roster.faults += _twice_in_file(found)
    roster.faults += _registered_already(conn, ring, found)
    roster.faults.sort(key=lambda fault: fault.order)
    faulty = {(fault.sheet, fault.row) for fault in roster.faults}
    otherwise = {(fault.sheet, fault.row) for fault in roster.faults if fault.problem.code != "registered_already"}
    roster.entries = [entry for entry, layout in found if (entry.sheet, entry.row) not in faulty and layout.complete]
    roster.known = [entry for entry, _ in found if (entry.sheet, entry.row) in faulty - otherwise]
    return roster


def _read_rows(roster: Roster, sheet: Sheet, layout: Layout, judge: Judge) -> list[tuple[Entry, Layout]]:
    found = []
    merged = _merged_rows(sheet, layout.row)
    for number, row in enumerate(sheet.rows[layout.row :], start=layout.row + 1):
        cells_of = {key: row[at - 1] if at <= len(row) else None for key, at in layout.columns.items()}
        if not any(present(value) for value in cells_of.values()) or cells_of.get("id_no") == EXAMPLE_ID_NO:
            continue
        roster.rows += 1
        if number in merged:
            column, header = merged[number], columns.bare(_header_at(sheet, layout, merged[number]))
            roster.faults.append(Fault(sheet.name, number, column, header, _MERGED))
            continue
        entry, wrong = judge.row(sheet.name, number, cells_of)
        roster.faults += [
            Fault(sheet.name, number, layout.columns.get(key), _header(sheet, layout, key), problem)
            for key, problem in wrong
            if key in layout.columns
        ]
        if entry is not None:
            found.append((entry, layout))
    return found


def _merged_rows(sheet: Sheet, header_row: int) -> dict[int, int]:
    """Rows below the headers that share a cell with a neighbour -> the column where that begins."""
    return {
        row: left
        for left, top, _, bottom in reversed(sheet.merged)
        for row in range(max(top, header_row + 1), min(bottom, len(sheet.rows)) + 1)
    }


def _header_at(sheet: Sheet, layout: Layout, column: int) -> Value:
    headers = sheet.rows[layout.row - 1]
    return headers[column - 1] if column <= len(headers) and present(headers[column - 1]) else ""


def _header(sheet: Sheet, layout: Layout, key: str) -> str:
    at = layout.columns.get(key)
    return columns.bare(_header_at(sheet, layout, at)) if at else BY_KEY[key].zh


Wrongs = list[tuple[str, Problem]]


class Judge:
    """Reads one row at a time; its readers are made once."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        past = cells.day(rules.today)
        phone = cells.phone
        categories = partial(cells.category_codes, rules.scheme, cells.category_words(rules.scheme))
        self.readers: Mapping[str, Callable[[Value], Any]] = {
            "name": cells.name, "id_no": self._identity, "sex": cells.sex, "birth_date": past, "town": self._town,
            "village": cells.tidy, "categories": categories, "level": cells.level, "assessed_on": past,
            "assessor": cells.text(80), "address": cells.text(200), "phone": phone, "registered_since": past,
            "resident_since": past, "longitude": cells.degrees(*cells.LONGITUDES, cells.LATITUDES),
            "latitude": cells.degrees(*cells.LATITUDES, cells.LONGITUDES), "emergency_name": cells.name,
            "emergency_phone": phone, "agent_name": cells.name, "agent_phone": phone, "applied_on": past,
        }  # fmt: skip
        self.youngest = min(benefit.min_age for benefit in rules.scheme.benefits)

    def row(self, sheet: str, number: int, values: Mapping[str, Value]) -> tuple[Entry | None, Wrongs]:
        """The entry, None when its identity could not be read; and what is wrong, by column."""
        got: dict[str, Any] = dict.fromkeys(self.readers)
        wrong: Wrongs = []
        for key, value in values.items():
            try:
                got[key] = self.readers[key](value)
            except Wrong as error:
                wrong.append((key, error.problem))
        bad = {key for key, _ in wrong}
        empty = [
            column for column in columns.COLUMNS if column.needed and not got[column.key] and column.key not in bad
        ]
        wrong += [(column.key, _required(column.zh, column.en)) for column in empty]
        if got["town"] and got["village"]:
            wrong += self._village(got)
        who = got["id_no"]
        if who is not None:
            wrong += self._against_identity(got, who)
        wrong += self._pairs(got, bad)
        wrong += self._application(got)
        return (_entry(sheet, number, got) if who is not None else None), wrong

    def _identity(self, value: Value) -> Identity | None:
        text = cells.id_number(value)
        return cells.identity_of(text, self.rules.today) if text else None

    def _town(self, value: Value) -> str:
        town = cells.one_of("town_unknown", "镇街", "town", self.rules.places.towns, value)
        if town and self.rules.town is not None and town != self.rules.town:
            raise Wrong(_not_yours(self.rules.town))
        return town

    def _village(self, got: dict[str, Any]) -> Wrongs:
        try:
            known = self.rules.places.villages(got["town"])
            got["village"] = cells.one_of("village_unknown", "村社区", "village of this town", known, got["village"])
        except Wrong as error:
            return [("village", error.problem)]
        if self.rules.village is not None and got["village"] != self.rules.village:
            return [("village", _not_yours(self.rules.village))]
        return []

    def _against_identity(self, got: Mapping[str, Any], who: Identity) -> Wrongs:
        wrong: Wrongs = []
        if got["sex"] is not None and got["sex"] != who.sex:
            wrong.append(("sex", _differs("sex", "性别", "sex")))
        if got["birth_date"] is not None and got["birth_date"] != who.birth_date:
            wrong.append(("birth_date", _differs("birth_date", "出生日期", "date of birth")))
        if age_on(who.birth_date, self.rules.today) < self.youngest:
            wrong.append(("id_no", _too_young(who, self.youngest)))
        for key in ("assessed_on", "registered_since", "resident_since", "applied_on"):
            if got[key] is not None and got[key] < who.birth_date:
                wrong.append((key, _before_birth(BY_KEY[key].zh, BY_KEY[key].en)))
        return wrong

    def _pairs(self, got: Mapping[str, Any], bad: set[str]) -> Wrongs:
        """Columns of which one needs the other; a cell with a fault of its own counts as filled."""
        wrong: Wrongs = []
        for key, other in (
            ("level", "assessed_on"), ("assessed_on", "level"), ("longitude", "latitude"), ("latitude", "longitude"),
            ("emergency_phone", "emergency_name"), ("emergency_name", "emergency_phone"),
            ("agent_phone", "agent_name"), ("agent_name", "agent_phone"),
        ):  # fmt: skip
            if got[key] not in (None, "") and got[other] in (None, "") and other not in bad:
                wrong.append((key, _alone(BY_KEY[key].zh, BY_KEY[other].zh, BY_KEY[other].en)))
        return wrong

    def _application(self, got: Mapping[str, Any]) -> Wrongs:
        applied: date | None = got["applied_on"]
        if applied is None or months.open_window(self.rules.scheme, applied) is not None:
            return []
        spans = "；".join(f"{window.opens} 至 {window.closes}" for window in self.rules.scheme.enrolment.windows)
        problem = Problem(
            "applied_outside_intake",
            "不在集中申报期内",
            "lies outside the intake windows",
            f"申报期为 {spans}；只登记不申请的留空",
            f"Windows: {spans}; leave empty to register only",
        )
        return [("applied_on", problem)]


def _entry(sheet: str, number: int, got: Mapping[str, Any]) -> Entry:
    who: Identity = got["id_no"]
    return Entry(
        sheet=sheet, row=number, identity=who, name=got["name"] or "", town=got["town"] or "",
        village=got["village"] or "", categories=got["categories"] or (), level=got["level"],
        assessed_on=got["assessed_on"], assessor=got["assessor"] or None, address=got["address"] or None,
        phone=got["phone"], registered_since=got["registered_since"], resident_since=got["resident_since"],
        latitude_e7=got["latitude"], longitude_e7=got["longitude"], emergency_name=got["emergency_name"] or None,
        emergency_phone=got["emergency_phone"], agent_name=got["agent_name"] or None,
        agent_phone=got["agent_phone"], applied_on=got["applied_on"],
    )  # fmt: skip


def _twice_in_file(found: list[tuple[Entry, Layout]]) -> list[Fault]:
    """A person in two rows: each names the other, since nobody but the clerk knows which is right."""
    places: dict[str, list[tuple[Entry, Layout]]] = defaultdict(list)
    for entry, layout in found:
        places[entry.identity.number].append((entry, layout))
    faults = []
    for same in places.values():
        for entry, layout in same if len(same) > 1 else []:
            others = [f"{each.sheet}!{each.row}" for each, _ in same if each is not entry]
            rows_zh = "、".join(f"“{each.sheet}”第{each.row}行" for each, _ in same if each is not entry)
            shown = mask(entry.identity.number)
            problem = Problem(
                "duplicate_in_file",
                f"{shown} 与{rows_zh}重复",
                f"{shown} stands also at {', '.join(others)}",
                "请只保留正确的一行",
                "Keep the right row and delete the other",
            )
            faults.append(Fault(entry.sheet, entry.row, layout.columns["id_no"], BY_KEY["id_no"].zh, problem))
    return faults


def _registered_already(conn: Connection, ring: KeyRing, found: list[tuple[Entry, Layout]]) -> list[Fault]:
    known = register.find_many(conn, ring, [entry.identity.number for entry, _ in found])
    faults = []
    for entry, layout in found:
        senior = known.get(entry.identity.number)
        if senior is None:
            continue
        shown = mask(entry.identity.number)
        problem = Problem(
            "registered_already",
            f"{shown} 已在册（编号{senior.id}，{senior.town}{senior.village}）",
            f"{shown} is registered already (no. {senior.id})",
            "请删除本行；资料有变的按信息变更办理",
            "Delete the row; what has changed is reported as a change",
        )
        faults.append(Fault(entry.sheet, entry.row, layout.columns["id_no"], BY_KEY["id_no"].zh, problem))
    return faults


_NO_HEADER = Problem(
    "header_row_missing",
    "找不到表头行",
    "has no row of headers",
    "前10行中须有一行写明“姓名”“身份证号”等；不是名册的工作表请删除",
    "One of the first 10 rows must hold 姓名, 身份证号 and so on; delete sheets that are no roster",
)
_EMPTY = Problem("roster_empty", "名册中没有人员", "holds nobody", "请填写后再导入", "Fill it in first")
_MERGED = Problem(
    "row_merged",
    "有合并的单元格，内容属于哪一行不明确",
    "has merged cells, so it is not clear which row the content belongs to",
    "请取消合并，每人一行，每格都填写",
    "Unmerge them: one row per person, every cell filled",
)


def _required(zh: str, en: str) -> Problem:
    return Problem("cell_missing", f"没有填写{zh}", f"the {en} is missing", "请补上", "Fill it in")


def _not_yours(scope: str) -> Problem:
    return Problem(
        "outside_scope",
        f"不属于{scope}",
        f"does not belong to {scope}",
        "请交所属镇街、村社区导入",
        "Have the office it belongs to import it",
    )


def _differs(key: str, zh: str, en: str) -> Problem:
    return Problem(
        f"{key}_differs",
        f"{zh}与身份证号不一致",
        f"the {en} differs from the identity number",
        "请对照身份证更正其中一处",
        "Compare with the card and correct one of the two",
    )


def _too_young(who: Identity, youngest: int) -> Problem:
    on = date(who.birth_date.year + youngest, who.birth_date.month, 1)
    return Problem(
        "too_young",
        f"{mask(who.number)} 未满{youngest}周岁，任何一类补贴都不符合",
        f"{mask(who.number)} is not yet {youngest}; no benefit begins earlier",
        f"{on:%Y年%m月}满{youngest}周岁后再申报；出生日期有误的请更正号码",
        f"Report the person from {on:%Y-%m}; or correct the number",
    )


def _before_birth(zh: str, en: str) -> Problem:
    return Problem(
        "date_before_birth",
        f"{zh}早于出生日期",
        f"{en}: the date is before the day of birth",
        "请核对日期和身份证号",
        "Check the date and the identity number",
    )


def _alone(zh: str, other_zh: str, other_en: str) -> Problem:
    return Problem(
        "cell_alone",
        f"填了{zh}，没有填{other_zh}",
        f"is given without the {other_en}",
        f"请补上{other_zh}，或两项都留空",
        f"Add the {other_en}, or leave both empty",
    )
