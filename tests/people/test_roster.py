"""A clerk hands in a roster."""

from __future__ import annotations

from datetime import date
from io import BytesIO
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from sqlalchemy import Engine, func, inspect, select, text

from settlement.act import Actor
from settlement.people import importing, places, register, workbook
from settlement.people.importing import Imported
from settlement.people.tables import assessments, categories, enrolments, seniors
from tests.people.people import CLERK, HEADERS, SCHEME, TOWN, VILLAGE, number, settle, xlsx
from tests.support import RING, acting, officer

NOW = "2026-06-10 09:00"
GOOD = [
    "王桂英",
    number(),
    TOWN,
    VILLAGE,
    "低保",
    "2",
    date(2026, 5, 20),
    "正谊村1组",
    "13800001234",
    "王明",
    "13900001234",
]
AT = {header: index for index, header in enumerate(HEADERS)}


def row(seq: int, **changes: Any) -> list[Any]:
    """A good row with its own number, some cells changed (by header)."""
    made: list[Any] = list(GOOD)
    made[1] = number(seq=seq)
    for header, value in changes.items():
        made[AT[header]] = value
    return made


def hand_in(
    engine: Engine, content: bytes, name: str = "roster.xlsx", by: Actor = CLERK, *, accept_valid: bool = False
) -> Imported:
    with acting(engine, NOW, by=by) as act:
        return importing.import_roster(act, RING, SCHEME, content, name, accept_valid=accept_valid)


def found(imported: Imported) -> dict[str, str]:
    """Where -> code."""
    return {fault.cell: fault.problem.code for fault in imported.faults}


def registered(engine: Engine) -> int:
    with engine.connect() as conn:
        return conn.scalar(select(func.count()).select_from(seniors)) or 0


@pytest.fixture
def district(engine: Engine) -> Engine:
    settle(engine)
    return engine


def faulty_workbook() -> bytes:
    """A title over all columns, the headers in row 2, and a row for each fault."""
    book = Workbook()
    page: Any = book.active
    page.title = "仙女镇名册"
    page.append(["2026年上半年服务对象花名册"])
    page.merge_cells("A1:K1")
    page.append(
        [" 姓 名 ", "身份证号码", "镇（街道）", "村/社区", *HEADERS[4:], "性别", "居住起始日期", "经度", "纬度"]
    )
    for faulty in (
        row(2, 身份证号="321026195003070029"),  # 3: 0027 would be right
        row(4, 身份证号="32102619500307004"),
        row(6, 身份证号="321026195013070062"),
        row(8, 身份证号="989026195003070082"),
        row(10, 身份证号=321026195003070103.0),
        row(12, 身份证号=number("1970-03-07", region="321026")),
        [*row(14), "男"],
        row(16, 镇街="仙女庙镇"),
        row(18, 村社区="新桥村"),
        row(20, 类别="低保、五好家庭"),
        row(22, 能力等级="失能"),
        row(24, 评估日期=date(2026, 7, 1)),
        row(26, 评估日期="1949.12.31"),
        row(28, 评估日期=None),
        row(30, 电话="1380000123"),
        row(32, 姓名="王桂英2"),
        row(34, 姓名="　 "),
        row(36, 地址="=A1"),
        row(38, 紧急联系人="+SUM(1)"),
        row(40, 评估日期="2026年2月30日"),
        row(42),
        row(42, 姓名="王桂珍"),
        row(44),
        [*row(46), "女", "2027-01-01"],
        [*row(48), "女", None, 32.43, 119.57],
        row(50, 紧急联系人电话=None),
        [None, "  ", "　"],
        row(52),  # 30: nothing wrong here
        row(54),
    ):
        page.append(faulty)
    page["J21"].data_type = "s"  # typed as text, not as a formula
    page.merge_cells("D31:D32")
    stream = BytesIO()
    book.save(stream)
    return stream.getvalue()


EXPECTED = {
    "B3": "id_checksum",
    "B4": "id_length",
    "B5": "id_birth_date",
    "B6": "id_region",
    "B7": "id_as_number",
    "B8": "too_young",
    "L9": "sex_differs",
    "C10": "town_unknown",
    "D11": "village_unknown",
    "E12": "category_unknown",
    "F13": "level_unknown",
    "G14": "date_future",
    "G15": "date_before_birth",
    "F16": "cell_alone",
    "I17": "phone_form",
    "A18": "name_form",
    "A19": "cell_missing",
    "H20": "cell_formula",
    "J21": "cell_injection",
    "G22": "date_form",
    "B23": "duplicate_in_file",
    "B24": "duplicate_in_file",
    "B25": "registered_already",
    "M26": "date_future",
    "N27": "degrees_swapped",
    "O27": "degrees_swapped",
    "J28": "cell_alone",
    "D31": "row_merged",
}


def test_every_fault_is_listed_at_its_place_and_nothing_is_imported(district: Engine):
    hand_in(district, xlsx([HEADERS, row(44)]))
    content = faulty_workbook()

    refused = hand_in(district, content)

    assert found(refused) == EXPECTED
    assert len(set(EXPECTED.values())) >= 20
    assert (refused.roster.rows, refused.senior_ids, registered(district)) == (28, [], 1)
    for finding in refused.findings:
        assert finding.subject.startswith("仙女镇名册!")
        assert finding.zh
        assert finding.en
        assert not any(word in finding.zh + finding.en for word in ("王桂英", "0001234", "19500307"))
    twice = {fault.cell: fault.problem.zh for fault in refused.faults}
    assert "第24行" in twice["B23"]
    assert "第23行" in twice["B24"]

    # The corrected copy: the list first, then the rows where they were, the faulty cells filled and commented.
    stream = BytesIO()
    workbook.corrected_copy(refused.roster).save(stream)
    copy = load_workbook(BytesIO(stream.getvalue()))
    assert copy.sheetnames == [workbook.FAULTS_SHEET, "仙女镇名册"]
    listed = [(line[2] + str(line[1]), line[8]) for line in copy.worksheets[0].iter_rows(min_row=2, values_only=True)]
    assert dict(listed) == EXPECTED
    page = copy["仙女镇名册"]
    marked = {cell.coordinate for line in page for cell in line if cell.fill.fgColor.rgb == "FFFFC7CE"}
    assert marked == set(EXPECTED)
    assert {cell.coordinate for line in page for cell in line if cell.comment} == set(EXPECTED)
    assert "身份证原件" in page["B3"].comment.text
    assert (page["B3"].value, page["B3"].number_format) == ("321026195003070029", "@")
    assert (page["H20"].value, page["H20"].data_type) == ("'=A1", "s")
    assert page["J21"].value == "'+SUM(1)"
    assert page["G14"].value.date() == date(2026, 7, 1)

    # The valid row alone, on request; then the corrected copy names it as registered, and its own first sheet is passed over.
    accepted = hand_in(district, content, accept_valid=True)
    assert (len(accepted.senior_ids), registered(district)) == (1, 2)
    again = hand_in(district, stream.getvalue())
    assert found(again)["B30"] == "registered_already"


def test_what_people_write_is_understood(district: Engine):
    rows = [
        ["２０２６年名册"],
        ["序号", "老人姓名*", "身份证号（18位）", "所属镇街", "村(社区)", "人员类别", "评估等级", "评估时间", "联系电话", "备注", "申请日期"],
        [1, "王　桂英", " 321026 19500307 0226", TOWN, "正谊村 ", "低保户,失独/孤寡老人", "中度失能", "2026年5月20日", "０５１４-86801234", "", "2026/6/3"],
        [2, "阿依古丽.买买提", "'" + number(seq=24), TOWN, "双沟社区", "无", 0.0, 20260520.0, "+86 138 0000 1234", "x", None],
        [3, "李秀兰", number(seq=26).lower(), TOWN, VILLAGE, "高龄", "", "", 13800001234.0, "", ""],
        ["", "", "", "", "", "", "", "", "", "合计3人", ""],
    ]  # fmt: skip
    imported = hand_in(district, xlsx(rows))

    assert found(imported) == {}
    assert imported.roster.not_read == ["名册!序号", "名册!备注"]
    with district.connect() as conn:
        people = conn.execute(select(seniors).order_by(seniors.c.id)).all()
        assert [each.name for each in people] == ["王桂英", "阿依古丽·买买提", "李秀兰"]
        assert [register.masked(conn, RING, each.id)["phone"] for each in people] == [
            "051****1234",
            "138****1234",
            "138****1234",
        ]
        held = conn.scalars(select(categories.c.category).where(categories.c.senior_id == people[0].id)).all()
        assert set(held) == {"low_income", "lost_only_child", "solitary"}
        levels = conn.execute(select(assessments.c.level, assessments.c.assessed_on).order_by(assessments.c.id)).all()
        assert [tuple(each) for each in levels] == [(2, date(2026, 5, 20)), (0, date(2026, 5, 20))]
        applied = conn.execute(select(enrolments)).one()
        assert (applied.senior_id, applied.intake, applied.step) == (people[0].id, "2026-summer", "village_check")


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8", "utf-8-sig", "utf-16"])
def test_a_csv_from_any_office_program(district: Engine, encoding: str):
    content = "\r\n".join(",".join(str(cell) for cell in line) for line in (HEADERS, row(22, 姓名="䶮秀兰")))
    imported = hand_in(district, content.encode(encoding), "名册.csv")
    assert found(imported) == {}
    with district.connect() as conn:
        assert conn.scalar(select(seniors.c.name)) == "䶮秀兰"


def test_a_csv_that_excel_spoilt(district: Engine):
    spoilt = ",".join(HEADERS) + "\n王桂英,3.21026E+17,仙女镇,正谊村,,,,,,,"
    refused = hand_in(district, spoilt.encode(), "名册[2026年上半年]：仙女镇正谊村困难老年人和高龄老年人.csv")
    assert found(refused) == {"B2": "id_as_number"}
    workbook.corrected_copy(refused.roster).save(BytesIO())  # the sheet's name is one that Excel allows


def test_what_does_not_fit_is_refused(district: Engine):
    assert found(hand_in(district, xlsx([HEADERS, row(22, 地址="村" * 201)]))) == {"H2": "text_too_long"}


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (b"not a zip", "r.xlsx", "file_damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "r.xlsx", "file_old_or_locked"),
        (b"x", "r.pdf", "file_kind"),
        (b"\x00\x01\x02", "r.csv", "csv_encoding"),
        (xlsx([]), "r.xlsx", "roster_empty"),
        (xlsx([HEADERS]), "r.xlsx", "roster_empty"),
        (xlsx([["镇街", "村社区"], ["a", "b"]]), "r.xlsx", "header_row_missing"),
    ],
)
def test_a_file_that_is_no_roster(district: Engine, content: bytes, name: str, code: str):
    imported = hand_in(district, content, name)
    assert [fault.problem.code for fault in imported.faults] == [code]


def test_headers_missing_twice_or_misspelt_are_named_once_each(district: Engine):
    headers = ["姓名", "身份证号", "镇街", "性别", "性别", "能力等极"]
    imported = hand_in(district, xlsx([headers, ["王桂英", number(), TOWN, "女", "", "2"]]), accept_valid=True)
    assert [(fault.cell, fault.header, fault.problem.code) for fault in imported.faults] == [
        ("1", "村社区", "header_missing"),
        ("E1", "性别", "header_twice"),
        ("F1", "能力等极", "header_unknown"),
    ]
    assert imported.senior_ids == []  # without a village nobody can be registered


def test_a_clerk_brings_in_their_own_town_only(district: Engine):
    content = xlsx([HEADERS, row(22, 镇街="大桥镇", 村社区="新桥村")])
    assert found(hand_in(district, content)) == {"C2": "outside_scope"}
    assert found(hand_in(district, content, by=officer("other", "village", town="大桥镇"))) == {}


def test_nothing_personal_can_be_read_in_the_database(district: Engine):
    hand_in(district, xlsx([HEADERS, row(22)]))
    secrets = [number(seq=22), "13800001234", "13900001234", "1组"]
    with district.connect() as conn:
        for table in inspect(conn).get_table_names():
            for line in conn.execute(text(f'SELECT * FROM "{table}"')):
                assert not any(secret in str(value) for value in line for secret in secrets), table
        [found_by_last4] = register.find(conn, RING, last4=number(seq=22)[-4:])
        assert register.find(conn, RING, id_no=number(seq=22)) == [found_by_last4]
        assert register.find(conn, RING, surname="王", village=VILLAGE) == [found_by_last4]
        assert register.find(conn, RING, phone="13800001234") == [found_by_last4]
    with acting(district, NOW, by=CLERK) as act:
        assert register.reveal(act, RING, found_by_last4, "emergency_phone", "家属联系") == "13900001234"


def test_the_template_can_be_filled_in_and_read(district: Engine):
    with district.connect() as conn:
        book = workbook.template(SCHEME, places.load(conn))
    page: Any = book[workbook.ROSTER_SHEET]
    headers = {cell.value: cell.column for cell in page[1]}
    filled = {
        "姓名": "李秀兰",
        "身份证号": number(),
        "镇街": TOWN,
        "村社区": VILLAGE,
        "类别": "低保家庭、孤寡",
        "电话": "13800001234",
    }
    for header, value in filled.items():
        page.cell(3, headers[header], value)
    stream = BytesIO()
    book.save(stream)

    read = load_workbook(BytesIO(stream.getvalue()))
    assert read[workbook.ROSTER_SHEET]["B3"].number_format == "@"
    assert len(read[workbook.ROSTER_SHEET].data_validations.dataValidation) == 5
    imported = hand_in(district, stream.getvalue())
    assert (found(imported), len(imported.senior_ids)) == ({}, 1)  # the example row is passed over


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "＝", "＋", "－", "＠", "\t=", "\n="])
def test_text_that_a_spreadsheet_would_reckon_is_kept_as_text(sign: str) -> None:
    """Of full width too: a spreadsheet in Chinese takes those signs for the others."""
    assert workbook.harmless(f"{sign}1+1") == f"'{sign}1+1"
    assert [workbook.harmless(text) for text in ("-12.50", "+86", "王＝英")] == ["-12.50", "+86", "王＝英"]
