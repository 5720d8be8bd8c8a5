"""Registers of other offices: the population register (who lives here and is old enough), and the lists of deaths of the household and
funeral offices. Whom the district does not know is counted and not kept; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from typing import Any

from sqlalchemy import select

from settlement.act import Act
from settlement.db import insert_if_absent
from settlement.keys import KeyRing
from settlement.officers import require
from settlement.outcomes import Reason, Refused
from settlement.people import cells, places, register, roster, sheets
from settlement.people.columns import bare
from settlement.people.faults import Fault, Problem, Wrong
from settlement.people.register import Entry, chunks
from settlement.people.roster import Rules
from settlement.people.scope import among_theirs, village_of
from settlement.people.sheets import Sheet, Value, present
from settlement.people.tables import register_deaths, seniors
from settlement.periods import local_date
from settlement.policy.scheme import Scheme

SOURCES = ("household", "funeral")
HEADER_ROWS = 10
HEADERS: Mapping[str, tuple[str, ...]] = {
    "id_no": ("身份证号", "身份证号码", "公民身份号码", "证件号码", "死者身份证号", "逝者身份证号"),
    "name": ("姓名", "死者姓名", "逝者姓名"),
    "died_on": ("死亡日期", "去世日期", "死亡时间", "逝世日期", "火化日期", "火化时间"),
}
"""Columns of a list of deaths, under the names that offices give them. Where a funeral office knows the cremation only, its day is the latest possible."""


# -- the population register --------------------------------------------------------------------------------------------------


@dataclass
class Population:
    """What came of a population register. ``registered``: new people's numbers; ``too_young``: rows not kept; ``known``: rows of people on the register;
    ``moved``: of those, (number, town and village in the file) where the register says otherwise."""

    faults: list[Fault]
    rows: int = 0
    registered: list[int] = field(default_factory=list)
    too_young: int = 0
    known: int = 0
    moved: list[tuple[int, str, str]] = field(default_factory=list)


def import_population(
    act: Act, ring: KeyRing, scheme: Scheme, content: bytes, file_name: str, *, accept_valid: bool = False
) -> Population:
    """Put everybody on the register who is old enough for one of the scheme's benefits; nobody is enrolled by it.

    The columns are those of a roster. With any fault nothing is written, unless ``accept_valid``. Raises Refused(NOT_ALLOWED).
    """
    require(act, "register.import")
    today = local_date(act.now, scheme.time_zone)
    rules = Rules(scheme, places.load(act.conn), today, act.actor.town, village_of(act))
    try:
        read = sheets.read(content, file_name)
    except Wrong as error:
        return Population([Fault(file_name, None, None, "", error.problem)])
    found = roster.check(act.conn, ring, read, rules)
    young = {(fault.sheet, fault.row) for fault in found.faults if fault.problem.code == "too_young"}
    known = {(fault.sheet, fault.row) for fault in found.faults if fault.problem.code == "registered_already"}
    faults = [fault for fault in found.faults if fault.problem.code not in ("too_young", "registered_already")]
    done = Population(faults, found.rows, too_young=len(young), known=len(known))
    done.moved = _moved(act, ring, found.known)
    if faults and not accept_valid:
        return done
    done.registered = register.add_many(act, ring, found.entries) if found.entries else []
    after = {"sha256": sha256(content).hexdigest(), "rows": found.rows, "registered": len(done.registered)}
    after |= {"known": done.known, "too_young": done.too_young, "faults": len(faults)}
    act.audit("register.population", "register:population", after=after)
    return done


def _moved(act: Act, ring: KeyRing, known: list[Entry]) -> list[tuple[int, str, str]]:
    ours = register.find_many(act.conn, ring, [entry.identity.number for entry in known])
    pairs = [(ours[entry.identity.number], entry) for entry in known if entry.identity.number in ours]
    return [
        (row.id, each.town, each.village) for row, each in pairs if (row.town, row.village) != (each.town, each.village)
    ]


# -- lists of deaths ----------------------------------------------------------------------------------------------------------


@dataclass
class Deaths:
    """What came of a list. ``ours``: rows of people on the register (of the importing office); of these ``added`` wait for another person's confirmation,
    ``known`` are on record already, and ``contradict`` (numbers of people) have another day of death on record."""

    faults: list[Fault]
    rows: int = 0
    ours: int = 0
    added: list[int] = field(default_factory=list)
    known: int = 0
    contradict: list[int] = field(default_factory=list)


@dataclass(frozen=True, repr=False)
class _Row:
    number: str
    name: str
    died_on: date


def import_deaths(
    act: Act, ring: KeyRing, source: str, content: bytes, file_name: str, *, accept_valid: bool = False
) -> Deaths:
    """Find the people of a list of deaths who are on the register. ``source``: of SOURCES. Each waits until another person confirms it
    (``vouchers.deaths``). With any fault nothing is written, unless ``accept_valid``. Raises Refused: NOT_ALLOWED, BAD_INPUT for another source."""
    require(act, "register.import")
    if source not in SOURCES:
        raise Refused(Reason.BAD_INPUT, detail=f"来源 source: {', '.join(SOURCES)}")
    rows, faults, many = _read(content, file_name, local_date(act.now))
    done = Deaths(faults, many)
    ours = _ours(act, ring, rows)
    done.ours = len(ours)
    if faults and not accept_valid:
        return done
    digest = sha256(content).hexdigest()
    for row, senior in ours:
        if senior.died_on is not None:
            if senior.died_on == row.died_on:
                done.known += 1
            else:
                done.contradict.append(senior.id)
            continue
        values = {"senior_id": senior.id, "source": source, "died_on": row.died_on, "file_sha256": digest}
        values |= {"name_differs": bool(row.name) and row.name != senior.name, "status": "waiting"}
        values |= {"imported_by": act.actor.id, "imported_at": act.now}
        added = insert_if_absent(act.conn, register_deaths).values(values).returning(register_deaths.c.id)
        id = act.conn.execute(added).scalar_one_or_none()
        if id is None:
            done.known += 1
        else:
            done.added.append(int(id))
    after = {"sha256": digest, "rows": many, "ours": done.ours, "added": len(done.added), "known": done.known}
    act.audit("register.deaths", f"register:{source}", after=after | {"contradict": done.contradict})
    return done


def _ours(act: Act, ring: KeyRing, rows: list[_Row]) -> list[tuple[_Row, Any]]:
    by_index = {ring.index(row.number, register.ID_NO): row for row in rows}
    s = seniors.c
    found: list[tuple[_Row, Any]] = []
    for part in chunks(by_index):
        query = select(s.id, s.name, s.town, s.village, s.died_on, s.birth_date, s.id_no_index)
        people = act.conn.execute(query.where(s.id_no_index.in_(part)).order_by(s.id)).all()
        found += [(by_index[who.id_no_index], who) for who in among_theirs(act, people)]
    return found


def _read(content: bytes, file_name: str, today: date) -> tuple[list[_Row], list[Fault], int]:
    """(rows without a fault, faults, how many rows hold somebody)."""
    try:
        found = [sheet for sheet in sheets.read(content, file_name) if sheet.rows]
    except Wrong as error:
        return [], [Fault(file_name, None, None, "", error.problem)], 0
    rows: dict[str, _Row] = {}
    faults: list[Fault] = []
    many = 0
    for sheet in found:
        heads = headers(sheet, HEADERS, {"id_no", "died_on"})
        if heads is None:
            faults.append(Fault(sheet.name, None, None, "", _NO_HEADERS))
            continue
        at, first = heads
        for number, values in enumerate(sheet.rows[first:], start=first + 1):
            if not any(present(value) for value in values):
                continue
            many += 1
            read = _row(sheet, number, values, at, today)
            if isinstance(read, Fault):
                faults.append(read)
            elif read.number in rows and rows[read.number].died_on != read.died_on:
                faults.append(Fault(sheet.name, number, at["died_on"] + 1, "死亡日期", _TWICE))
            else:
                rows[read.number] = read
    if not many and not faults:
        faults.append(Fault(file_name, None, None, "", _EMPTY))
    return list(rows.values()), faults, many


def headers(sheet: Sheet, known: Mapping[str, tuple[str, ...]], needed: set[str]) -> tuple[dict[str, int], int] | None:
    """Column indexes by what they hold (``known``: the names offices give them), and how many rows stand above the first of the list; None where no
    row has the ``needed`` ones."""
    for number, row in enumerate(sheet.rows[:HEADER_ROWS], start=1):
        heads = {bare(value): index for index, value in enumerate(row) if present(value)}
        at = {key: heads[name] for key, names in known.items() for name in names[::-1] if name in heads}
        if needed <= at.keys():
            return at, number
    return None


def _row(sheet: Sheet, number: int, values: list[Value], at: dict[str, int], today: date) -> _Row | Fault:
    cell = {key: values[index] if index < len(values) else None for key, index in at.items()}
    key = "id_no"
    try:
        text = cells.id_number(cell["id_no"])
        who = cells.identity_of(text, today) if text else None
        key = "died_on"
        died_on = cells.day(today)(cell["died_on"])
        if who is None or died_on is None:
            key = "id_no" if who is None else "died_on"
            raise Wrong(_missing(HEADERS[key][0]))
        if died_on < who.birth_date:
            raise Wrong(_BEFORE_BIRTH)
        key = "name"
        return _Row(who.number, cells.name(cell.get("name")), died_on)
    except Wrong as error:
        return Fault(sheet.name, number, at[key] + 1, HEADERS[key][0], error.problem)


def _missing(header: str) -> Problem:
    return Problem("cell_missing", f"没有填写{header}", f"{header} is missing", "请补上", "Fill it in")


_NO_HEADERS = Problem(
    "header_row_missing",
    "找不到表头：身份证号、死亡日期（或火化日期）",
    "has no headers 身份证号 and 死亡日期 (or 火化日期)",
    "请在前10行之内写明",
    "Put them into one of the first 10 rows",
)
_EMPTY = Problem("list_empty", "是空的", "is empty", "请填写后再导入", "Fill it in first")
_TWICE = Problem(
    "death_twice",
    "同一人有两个死亡日期",
    "has two days of death for one person",
    "请核实后只留一行",
    "Verify it and keep one row",
)
_BEFORE_BIRTH = Problem(
    "death_before_birth", "早于出生日期", "lies before the day of birth", "请核对日期", "Check the date"
)
