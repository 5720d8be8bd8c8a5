"""A price list as an office writes it: read whole, or every fault at its cell."""

from __future__ import annotations

import io
from collections import Counter
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from openpyxl import Workbook

from settlement.policy.loader import builtin
from settlement.policy.price_sheet import PriceSheetFaults, builtin_prices, read_prices

JIANGDU = builtin("jiangdu")
HEADERS = ["项目编码", "项目名称", "类别", "单位", "单价（元）", "最少分钟"]


def workbook(*rows: list[Any], sheet: str = "价目表") -> bytes:
    book = Workbook()
    page = book.active
    assert page is not None
    page.title = sheet
    for row in rows:
        page.append(row)
    book.create_sheet("说明").append(["请勿改动表头"])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def faults_of(content: bytes, file: str = "价目.xlsx") -> list[tuple[int | None, str, str]]:
    with pytest.raises(PriceSheetFaults) as caught:
        read_prices(content, file, JIANGDU)
    return [(fault.row, fault.column, fault.zh) for fault in caught.value.faults]


def test_the_shipped_list_covers_all_six_categories_and_some_own_money() -> None:
    items = builtin_prices(JIANGDU)
    counts = Counter(item.category for item in items)
    assert set(counts) == {"meals", "cleaning", "urgent", "daily_care", "comfort", "errands", "own_choice"}
    assert len(items) == 20
    assert [item.item_code for item in items if not item.subsidised] == ["ZF01", "ZF02"]
    assert next(item for item in items if item.item_code == "ZJ01").price_fen == 3000


def test_an_excel_sheet_below_a_title_is_read_with_numbers_as_typed() -> None:
    content = workbook(
        ["江都区2026年价目表"],
        HEADERS,
        ["ZJ01", "居室保洁", "助洁", "小时", 30, 60],
        [None, None, None, None, None, None],
        ["ZL01", " 上门理发 ", "生活照料", "次", 20.5, None],
        [1001, "家政", "自费服务", "小时", "¥1,045.05", "90"],
    )

    cleaning, haircut, own = read_prices(content, "价目.XLSX", JIANGDU)

    assert (cleaning.item_code, cleaning.price_fen, cleaning.min_minutes, cleaning.category) == (
        "ZJ01",
        3000,
        60,
        "cleaning",
    )
    assert (cleaning.subsidised, cleaning.evidence_kind, cleaning.together) == (True, "home_visit", False)
    assert (haircut.name_zh, haircut.price_fen, haircut.min_minutes) == ("上门理发", 2050, 0)
    assert (own.item_code, own.price_fen, own.min_minutes, own.subsidised) == ("1001", 104505, 90, False)


def test_every_fault_is_listed_at_its_cell_and_nothing_is_read() -> None:
    content = workbook(
        [*HEADERS, "可用补贴", "服务方式", "可同时服务"],
        ["ZJ01", "居室保洁", "助洁", "小时", 30, 60, "是", "上门服务", "否"],
        ["ZJ01", "", "打扫", "小时", 30.005, 60, "是", "上门服务", "否"],
        ["ZJ 2", "清洗", "助洁", "", 0, 1.5, "可以", "快递", "?"],
        ["ZF01", "家政", "自费服务", "小时", "面议", -1, "是", "", ""],
    )

    assert faults_of(content) == [
        (3, "A 项目编码", "“ZJ01”与价目表 第2行重复"),
        (3, "B 项目名称", "未填写"),
        (3, "C 类别", "“打扫”不在可选范围内"),
        (3, "E 单价(元)", "“30.005”不是金额"),
        (4, "A 项目编码", "“ZJ 2”不是项目编码"),
        (4, "D 单位", "未填写"),
        (4, "E 单价(元)", "“0”超出范围"),
        (4, "F 最少分钟", "“1.5”不是分钟数"),
        (4, "G 可用补贴", "“可以”不是是/否"),
        (4, "H 服务方式", "“快递”不在可选范围内"),
        (4, "I 可同时服务", "“?”不是是/否"),
        (5, "E 单价(元)", "“面议”不是金额"),
        (5, "F 最少分钟", "“-1”不是分钟数"),
        (5, "G 可用补贴", "该类别不能用补贴支付"),
    ]


def test_a_sheet_without_its_headers_says_which_are_missing() -> None:
    assert faults_of(workbook(["项目编码", "项目名称", "单位"], ["ZJ01", "保洁", "小时"])) == [
        (1, "", "缺少列“类别”"),
        (1, "", "缺少列“单价(元)”"),
    ]
    assert faults_of(workbook(["编号", "名称"])) == [(None, "", "没有找到价目")]


def test_csv_as_excel_saves_it_in_china() -> None:
    text = ",".join(HEADERS) + "\r\nZJ01,居室保洁,助洁,小时,30.00,60\r\n"
    for encoding in ("utf-8", "utf-8-sig", "gb18030"):
        [item] = read_prices(text.encode(encoding), "价目.csv", JIANGDU)
        assert (item.name_zh, item.price_fen) == ("居室保洁", 3000)


@pytest.mark.parametrize(
    ("content", "file", "zh"),
    [
        (b"not a workbook", "价目.xlsx", "文件打不开"),
        (b"\xff\xfe\xff", "价目.csv", "文件打不开"),
        (b"%PDF", "价目.pdf", "不支持这种文件"),
    ],
)
def test_other_files_are_refused_in_words(content: bytes, file: str, zh: str) -> None:
    assert faults_of(content, file) == [(None, "", zh)]


def with_part(content: bytes, name: str, part: bytes) -> bytes:
    """A workbook with one part put in another's place."""
    out = io.BytesIO()
    with ZipFile(io.BytesIO(content)) as old, ZipFile(out, "w", ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(entry, part if entry.filename == name else old.read(entry))
    return out.getvalue()


def test_a_small_file_that_unpacks_to_a_huge_one_is_refused() -> None:
    trap = with_part(workbook(HEADERS), "xl/worksheets/sheet1.xml", b" " * (64 * 1024 * 1024 + 1))
    assert len(trap) < 200_000
    assert faults_of(trap) == [(None, "", "文件过大")]


def test_a_workbook_with_a_broken_part_is_a_fault_of_the_file() -> None:
    broken = with_part(workbook(HEADERS), "xl/worksheets/sheet1.xml", b"<sst><si>")
    assert faults_of(broken) == [(None, "", "文件打不开")]


def test_cells_far_to_the_right_are_not_read() -> None:
    content = workbook(HEADERS, ["ZJ01", "居室保洁", "助洁", "小时", 30, 60, *[None] * 16_370, "x"])
    assert [item.price_fen for item in read_prices(content, "价目.xlsx", JIANGDU)] == [3000]
