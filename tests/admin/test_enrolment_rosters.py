"""A roster handed in at the desk: read in the background, answered with every fault and a copy to be mended."""

from __future__ import annotations

import io
import threading

import pytest
from openpyxl import load_workbook
from sqlalchemy import func, select

from admin.tables import rosters
from settlement.people.tables import enrolments, seniors
from tests.admin import enrolling
from tests.admin.office import TOWN, VILLAGE, Answer, Office, Seat
from tests.people.people import number, xlsx
from tests.support import at

HEADERS = ["姓名", "身份证号", "镇街", "村社区", "类别", "申请日期"]


def row(name: str, birth: str, village: str = VILLAGE) -> list[str]:
    return [name, number(birth), TOWN, village, "低保家庭", "2026-06-08"]


@pytest.fixture
def desk(office: Office) -> Office:
    return enrolling.open_office(office)


def hand_in(seat: Seat, rows: list[list[str]], **more: str) -> Answer:
    """Hand a file in and wait until it is read; the page with what came of it."""
    sent = seat.post("/enrolment/roster", scheme="jiangdu", file=("名册.xlsx", xlsx([HEADERS, *rows])), **more)
    assert sent.status == 303, sent.text
    for thread in threading.enumerate():
        if thread.name.startswith("task-"):
            thread.join()
    [path] = seat.get(sent.location).find("//a[@class='button']/@href")
    return seat.get(path)


def counted(desk: Office) -> tuple[int, int]:
    with desk.engine.connect() as conn:
        people = conn.scalar(select(func.count()).select_from(seniors))
        return int(people or 0), int(conn.scalar(select(func.count()).select_from(enrolments)) or 0)


def test_a_good_roster_registers_and_applies(desk: Office) -> None:
    page = hand_in(desk.seat("cun", "village"), [row("李秀兰", "1950-03-07"), row("赵德明", "1941-02-03")])
    assert "登记 registered2" in page.text and counted(desk) == (2, 2)


def test_one_fault_and_nobody_comes_in_until_the_copy_is_mended(desk: Office) -> None:
    seat = desk.seat("cun", "village")
    page = hand_in(seat, [row("李秀兰", "1950-03-07"), row("=cmd()", "1941-02-03")])
    assert "没有导入任何人" in page.text and counted(desk) == (0, 0)
    assert "名册!A3 姓名" in page.text and "选择性粘贴" in page.text
    [link] = page.find("//a[contains(@href, 'corrected')]/@href")
    copy = load_workbook(io.BytesIO(seat.get(link).content))
    sheet = copy["名册"]
    assert sheet["A3"].comment is not None and sheet["A3"].data_type == "s"
    again = hand_in(seat, [row("李秀兰", "1950-03-07"), row("=cmd()", "1941-02-03")], accept_valid="1")
    assert "登记 registered1" in again.text and counted(desk) == (1, 1)


def test_a_file_is_given_back_to_nobody_else_and_not_for_long(desk: Office) -> None:
    seat = desk.seat("cun", "village")
    page = hand_in(seat, [row("李秀兰", "1950-03-07", "双沟社区")])
    assert "不属于" in page.text and counted(desk) == (0, 0)
    colleague = desk.seat("cun2", "village")
    with desk.engine.connect() as conn:
        roster_id = conn.scalar(select(rosters.c.id))
    for path in (f"/enrolment/roster/{roster_id}", f"/enrolment/roster/{roster_id}/corrected"):
        assert (seat.get(path).status, colleague.get(path).status) == (200, 404)
    desk.now = at("2026-06-11 09:00")
    hand_in(desk.seat("cun"), [row("赵德明", "1941-02-03")])
    with desk.engine.connect() as conn:
        assert conn.scalar(select(func.count()).select_from(rosters)) == 1


def test_what_is_no_workbook_is_answered_and_not_run(desk: Office) -> None:
    seat = desk.seat("cun", "village")
    sent = seat.post("/enrolment/roster", scheme="jiangdu", file=("名册.xlsx", b"PK\x03\x04 not a zip at all"))
    for thread in threading.enumerate():
        if thread.name.startswith("task-"):
            thread.join()
    [path] = seat.get(sent.location).find("//a[@class='button']/@href")
    assert "没有导入任何人" in seat.get(path).text
    assert seat.post("/enrolment/roster", scheme="jiangdu").status == 422
    template = seat.get("/enrolment/roster/template", scheme="jiangdu")
    assert load_workbook(io.BytesIO(template.content)).sheetnames
