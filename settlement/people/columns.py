"""The columns of a roster: how offices head them, and which row holds the headers. One table, used for reading and for the template."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches

from settlement.people.faults import Fault, Problem
from settlement.people.sheets import Sheet, Value, present

HEADER_ROWS = 10
"""A title, a date and a note may stand above the headers, not more."""

ALIKE = 0.74
"""How alike an unknown header must be to a known one to be taken for a slip (difflib's ratio): 能力等极, 身份证好."""


@dataclass(frozen=True)
class Column:
    """``also``: other headers met in the field. ``needed``: the column must be there. ``text``: to be formatted as text in Excel."""

    key: str
    zh: str
    en: str
    also: tuple[str, ...]
    note_zh: str
    note_en: str
    needed: bool = False
    text: bool = False


COLUMNS: tuple[Column, ...] = (
    Column(
        "name", "姓名", "name", ("老人姓名", "服务对象姓名", "服务对象", "申请人", "申请人姓名"),
        "与身份证一致", "as on the identity card", needed=True,
    ),
    Column(
        "id_no", "身份证号", "identity number",
        ("身份证号码", "身份证", "公民身份号码", "居民身份证号", "居民身份证号码", "证件号码", "证件号"),
        "18位，单元格须为文本格式", "18 characters; the cell must be formatted as text", needed=True, text=True,
    ),
    Column("sex", "性别", "sex", (), "男/女，可不填；填写时与身份证核对", "男 or 女; optional, compared with the number"),
    Column(
        "birth_date", "出生日期", "date of birth", ("出生年月日", "生日"),
        "可不填；填写时与身份证核对", "optional, compared with the number",
    ),
    Column(
        "town", "镇街", "town", ("镇(街道)", "镇/街道", "镇街道", "乡镇", "乡镇街道", "乡镇(街道)", "街道", "镇", "所属镇街", "所在镇街"),
        "须与系统中的名称一致", "as the system names it", needed=True,
    ),
    Column(
        "village", "村社区", "village",
        ("村(社区)", "村/社区", "村居", "村", "社区", "村(居)", "行政村", "所属村社区", "所在村社区", "村委会", "居委会"),
        "须与系统中的名称一致", "as the system names it", needed=True,
    ),
    Column(
        "categories", "类别", "categories", ("人员类别", "对象类别", "困难类别", "老人类别", "服务对象类别", "身份类别"),
        "可填多个，用顿号分开；没有则留空", "several are separated by 、; none: leave empty",
    ),
    Column(
        "level", "能力等级", "ability level", ("评估等级", "失能等级", "能力评估等级", "自理能力", "能力评估结果", "评估结果"),
        "0至4，或能力完好、轻度、中度、重度、完全失能；未评估留空", "0 to 4 (GB/T 42195-2022); not assessed: leave empty",
    ),
    Column(
        "assessed_on", "评估日期", "assessed on", ("评估时间", "能力评估日期", "能力评估时间"),
        "填了能力等级就须填", "needed with a level",
    ),
    Column("assessor", "评估机构", "assessor", ("评估单位", "评估方"), "可不填", "optional"),
    Column(
        "address", "地址", "address", ("住址", "家庭住址", "家庭地址", "居住地址", "现住址", "详细地址", "联系地址"),
        "可不填", "optional",
    ),
    Column(
        "phone", "电话", "telephone", ("联系电话", "手机", "手机号", "手机号码", "电话号码", "本人电话", "老人电话", "申请人电话", "联系方式"),
        "手机，或带区号的固定电话", "mobile, or land line with area code", text=True,
    ),
    Column(
        "registered_since", "户籍迁入日期", "registered since", ("户籍迁入时间", "迁入日期", "入户日期", "户口迁入日期"),
        "一直在本地的留空", "always here: leave empty",
    ),
    Column(
        "resident_since", "居住起始日期", "resident since", ("居住起始时间", "居住日期", "开始居住日期", "常住起始日期"),
        "一直住本地的留空", "always here: leave empty",
    ),
    Column("longitude", "经度", "longitude", (), "WGS 84，度，可不填", "WGS 84, degrees; optional"),
    Column("latitude", "纬度", "latitude", (), "WGS 84，度，可不填", "WGS 84, degrees; optional"),
    Column(
        "emergency_name", "紧急联系人", "emergency contact", ("紧急联系人姓名", "家属", "家属姓名"), "可不填", "optional",
    ),
    Column(
        "emergency_phone", "紧急联系人电话", "emergency telephone",
        ("紧急联系电话", "紧急联系人手机", "紧急联系人联系电话", "家属电话"),
        "填了紧急联系人就须填", "needed with the contact", text=True,
    ),
    Column("agent_name", "代理人", "agent", ("代理人姓名", "监护人", "监护人姓名"), "可不填", "optional"),
    Column(
        "agent_phone", "代理人电话", "agent's telephone", ("代理人手机", "代理人联系电话", "监护人电话"),
        "填了代理人就须填", "needed with the agent", text=True,
    ),
    Column(
        "applied_on", "申请日期", "applied on", ("申请时间", "申报日期"),
        "须在集中申报期内；只登记、不申请的留空", "within an intake window; registered only: leave empty",
    ),
)  # fmt: skip

BY_KEY = {column.key: column for column in COLUMNS}

IGNORED = frozenset({"序号", "编号", "备注", "年龄", "出生年月", "民族", "文化程度", "婚姻状况", "健康状况"})
"""Usual columns that the register has no use for."""


def bare(header: Value) -> str:
    """A header without spaces, line breaks, marks of obligation and remarks in brackets after the word."""
    text = (
        re.sub(r"[\s\u3000\u200b\ufeff*＊:：]", "", str(header))
        .replace("（", "(")
        .replace("）", ")")
        .replace("／", "/")
    )
    return re.sub(r"\((必填|选填|可不填|文本)\)$", "", text)


def key_of(header: Value) -> str | None:
    """The column a header stands for, with or without a remark in brackets: 身份证号（18位）."""
    text = bare(header)
    return _KNOWN.get(text) or _KNOWN.get(re.sub(r"\([^()]*\)$", "", text))


_KNOWN = {bare(text): column.key for column in COLUMNS for text in (column.zh, *column.also)}


@dataclass(frozen=True)
class Layout:
    """``row``: of the headers, from 1. ``columns``: key of :data:`COLUMNS` -> column number from 1."""

    row: int
    columns: dict[str, int]
    faults: tuple[Fault, ...]
    not_read: tuple[str, ...]

    @property
    def complete(self) -> bool:
        return all(column.key in self.columns for column in COLUMNS if column.needed)


def find(sheet: Sheet) -> Layout | None:
    """Where the headers of a sheet are; None when no row looks like them (two known ones, name or identity number among them)."""
    best: tuple[int, int] | None = None
    for number, row in enumerate(sheet.rows[:HEADER_ROWS], start=1):
        keys = {key for value in row if present(value) and (key := key_of(value))}
        if len(keys) >= 2 and keys & {"name", "id_no"} and (best is None or len(keys) > best[1]):
            best = (number, len(keys))
    return _layout(sheet, best[0]) if best else None


def _layout(sheet: Sheet, number: int) -> Layout:
    columns: dict[str, int] = {}
    faults: list[Fault] = []
    unknown: list[tuple[int, str]] = []
    for index, value in enumerate(sheet.rows[number - 1], start=1):
        if not present(value):
            continue
        header = bare(value)
        key = key_of(value)
        if key is None:
            unknown.append((index, header))
        elif key in columns:
            faults.append(Fault(sheet.name, number, index, header, _twice(BY_KEY[key])))
        else:
            columns[key] = index
    not_read = []
    for index, header in unknown:
        meant = _meant(header, columns)
        if meant is None:
            not_read.append(header)
        else:
            faults.append(Fault(sheet.name, number, index, header, _misspelt(header, meant)))
    for column in COLUMNS:
        if column.needed and column.key not in columns:
            faults.append(Fault(sheet.name, number, None, column.zh, _missing(column)))
    return Layout(number, columns, tuple(faults), tuple(not_read))


def _meant(header: str, found: dict[str, int]) -> Column | None:
    if header in IGNORED:
        return None
    for match in get_close_matches(header, _KNOWN, n=3, cutoff=ALIKE):
        if _KNOWN[match] not in found:
            return BY_KEY[_KNOWN[match]]
    return None


def _twice(column: Column) -> Problem:
    return Problem(
        "header_twice",
        f"“{column.zh}”有两列",
        f"there are two columns for “{column.en}”",
        "请保留一列，删除另一列",
        "Keep one and delete the other",
    )


def _misspelt(header: str, column: Column) -> Problem:
    return Problem(
        "header_unknown",
        f"不认识表头“{header}”，是否为“{column.zh}”",
        f"the header “{header}” is not known; is “{column.zh}” meant?",
        f"请改为“{column.zh}”，或删除该列",
        f"Change it to “{column.zh}”, or delete the column",
    )


def _missing(column: Column) -> Problem:
    return Problem(
        "header_missing",
        f"缺少“{column.zh}”列",
        f"there is no column “{column.zh}” ({column.en})",
        f"请在表头行加上“{column.zh}”",
        f"Add “{column.zh}” to the row of headers",
    )
