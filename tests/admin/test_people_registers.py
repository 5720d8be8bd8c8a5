"""Registers of other offices come in with every fault told; deaths on them are confirmed by another person; what was paid since is a list."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import func, select

from settlement.people.tables import register_deaths, seniors
from tests.admin.office import OTHER_TOWN, Office
from tests.admin.people import entitled, issued, settle, somebody
from tests.people.people import number, xlsx
from tests.support import at
from tests.vouchers.town import subsidy

DEATHS = ["死者姓名", "身份证号码", "死亡日期"]
PEOPLE = ["姓名", "身份证号", "镇街", "村社区", "居住起始日期", "电话"]


def _deaths(seat: Any, *rows: list[Any], accept: bool = False) -> Any:
    fields = {"source": "funeral", "deaths": ("死亡.xlsx", xlsx([DEATHS, *rows]))}
    return seat.post("/people/registers/deaths", fields | ({"accept": "yes"} if accept else {}))


def _count(office: Office, table: Any) -> int:
    with office.engine.connect() as conn:
        return int(conn.scalar(select(func.count()).select_from(table)) or 0)


def _waiting(office: Office) -> dict[str, list[Any]]:
    d = register_deaths.c
    with office.engine.connect() as conn:
        rows = conn.execute(
            select(seniors.c.name, d.id, d.status, d.name_differs).join(seniors, seniors.c.id == d.senior_id)
        )
        return {row.name: list(row)[1:] for row in rows}


def test_a_list_of_deaths_keeps_only_our_people_and_waits_for_another_person(office: Office) -> None:
    """July and August issued, 150.00 each. The funeral list says 20 July: August's 150.00 comes back when another person confirms."""
    settle(office)
    who = somebody(office)
    somebody(office, "李兰英", 24)
    card = entitled(office, who, 2)
    issued(office, "2026-07", "2026-07-01 09:00")
    issued(office, "2026-08", "2026-08-01 09:00")
    office.now = at("2026-08-10 09:00")
    bureau = office.seat("bureau", "civil_affairs")
    stranger = number(seq=400)
    came = _deaths(
        bureau,
        ["王桂英", number(seq=22), "2026-07-20"],
        ["李 某", number(seq=24), date(2026, 8, 1)],
        ["无名氏", stranger, "2026-08-01"],
    )
    assert "共3行，其中本单位服务对象2人：新增待核实2人" in came.text
    found = _waiting(office)
    assert {name: row[1:] for name, row in found.items()} == {"王桂英": ["waiting", False], "李兰英": ["waiting", True]}
    assert subsidy(office.engine, card) == 300_00

    first = found["王桂英"][0]
    own = bureau.post("/people/deaths/look", death=str(first))
    assert (own.status, "经办人与审批人不能是同一人" in own.text) == (403, True)
    detail = bureau.get(f"/people/deaths/{first}")
    assert (detail.status, "须由另一人核实" in detail.text) == (200, True)
    assert detail.find("//main//form") == []
    village = office.seat("zhao", "village")
    look = village.post("/people/deaths/look", death=[str(row[0]) for row in found.values()])
    assert look.status == 200
    assert [" ".join(figure.text_content().split()) for figure in look.find("//p[@class='value']")] == [
        "2", "150.00", "0.00", "0.00", "0.00"
    ]  # fmt: skip
    assert subsidy(office.engine, card) == 300_00
    seen = look.find("//input[@name='seen']/@value")[0]
    done = village.post("/people/deaths/confirm", death=[str(row[0]) for row in found.values()], seen=seen)
    assert (done.status, done.location) == (303, "/people/deaths")
    assert subsidy(office.engine, card) == 150_00
    assert {row[1] for row in _waiting(office).values()} == {"confirmed"}
    listed = office.seat("wang", "town").get("/people/after-death")
    cells = [" ".join(cell.text_content().split()) for cell in listed.find("//tbody/tr[1]/td")]
    assert cells[1:] == ["王桂英", "仙女镇", "正谊村", "2026-07-20", "150.00", "0.00", "0.00", "0.00"]
    assert len(listed.find("//tbody/tr")) == 1
    assert "没有记录" in office.seat("chen", "town", town=OTHER_TOWN).get("/people/after-death").text


def test_a_death_on_a_list_can_be_dismissed_with_a_reason(office: Office) -> None:
    who = somebody(office)
    settle(office)
    _deaths(office.seat("bureau", "civil_affairs"), ["王桂英", number(seq=22), "2026-07-01"])
    id = _waiting(office)["王桂英"][0]
    town = office.seat("wang", "town")
    assert town.post(f"/people/deaths/{id}/dismiss").status == 422
    assert town.post(f"/people/deaths/{id}/dismiss", why="本人健在，已上门").status == 303
    assert _waiting(office)["王桂英"][1] == "dismissed"
    again = town.post("/people/deaths/look", death=str(id))
    assert "已排除" in again.text
    assert town.post("/people/deaths/confirm", death=str(id), seen="x").status == 409
    with office.engine.connect() as conn:
        assert conn.scalar(select(seniors.c.died_on).where(seniors.c.id == who)) is None


def test_another_offices_death_is_like_none(office: Office) -> None:
    settle(office)
    somebody(office, town=OTHER_TOWN, village="竹墩村")
    _deaths(office.seat("bureau", "civil_affairs"), ["王桂英", number(seq=22), "2026-07-01"])
    id = _waiting(office)["王桂英"][0]
    for seat in (office.seat("wang", "town"), office.seat("zhao", "village")):
        assert "王桂英" not in seat.get("/people/deaths").text
        assert seat.get(f"/people/deaths/{id}").status == 404
        assert seat.post("/people/deaths/look", death=str(id)).status == 404
        assert seat.post("/people/deaths/confirm", death=str(id), seen="x").status == 404
        assert seat.post(f"/people/deaths/{id}/dismiss", why="误").status == 404
    assert (
        _deaths(office.seat("wang"), ["王桂英", number(seq=22), "2026-07-02"]).text.count("其中本单位服务对象0人") == 1
    )


def test_faults_are_told_at_their_rows_and_nothing_comes_in(office: Office) -> None:
    somebody(office)
    bureau = office.seat("bureau", "civil_affairs")
    rows = [
        ["王桂英", number(seq=22), "2026-07-01"],
        ["李兰英", number(seq=24)[:-1] + "0", "2026-07-01"],
        ["周", "", "2026-07-01"],
    ]
    rows += [["赵秀兰", number(seq=26), "1949-01-01"], ["孙秀兰", number(seq=28), "2026-12-01"]]
    came = _deaths(bureau, *rows)
    places = [" ".join(cell.text_content().split()) for cell in came.find("//tbody/tr/td[1]")]
    assert places == ["名册 B3 身份证号", "名册 B4 身份证号", "名册 C5 死亡日期", "名册 C6 死亡日期"]
    assert "没有导入" in came.text
    assert _count(office, register_deaths) == 0
    assert "新增待核实1人" in _deaths(bureau, *rows, accept=True).text
    assert "已登记1人" in _deaths(bureau, rows[0]).text
    assert _count(office, register_deaths) == 1


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("死亡.xlsx", b"PK\x03\x04 no workbook", "不是完整的 Excel 文件"),
        ("死亡.exe", b"MZ", "不认识的文件类型"),
        ("死亡.csv", "甲,乙\n1,2\n".encode(), "找不到表头"),
        ("死亡.csv", "身份证号,死亡日期\n".encode(), "是空的"),
    ],
)
def test_a_file_that_is_no_list_is_told_so(office: Office, name: str, content: bytes, words: str) -> None:
    bureau = office.seat("bureau", "civil_affairs")
    answer = bureau.post("/people/registers/deaths", source="funeral", deaths=(name, content))
    assert words in answer.text
    assert _count(office, register_deaths) == 0


def test_two_registers_with_different_days_are_never_both_confirmed(office: Office) -> None:
    settle(office)
    somebody(office)
    bureau = office.seat("bureau", "civil_affairs")
    _deaths(bureau, ["王桂英", number(seq=22), "2026-07-01"])
    _deaths(bureau, ["王桂英", number(seq=22), "2026-07-03"])
    d = register_deaths.c
    with office.engine.connect() as conn:
        one, two = conn.scalars(select(d.id).order_by(d.died_on))
    town = office.seat("wang", "town")
    seen = town.get(f"/people/deaths/{one}").find("//input[@name='seen']/@value")[0]
    assert town.post("/people/deaths/confirm", death=str(one), seen=seen).status == 303
    other = town.get(f"/people/deaths/{two}")
    assert (other.status, "与已登记的情况不一致" in other.text) == (409, True)
    assert "日期不一致1人" in _deaths(bureau, ["王桂英", number(seq=22), "2026-07-05"]).text


def test_the_population_register_adds_who_is_old_enough_and_names_who_moved(office: Office) -> None:
    """Three new people, of whom one is 59; one is known and lives elsewhere by the file."""
    settle(office)
    known = somebody(office)
    rows = [
        ["李兰英", number("1940-05-05", 24), "仙女镇", "正谊村", "2000-01-01", "13900001111"],
        ["周桂芳", number("1960-05-05", 26), "小纪镇", "竹墩村", "2000-01-01", None],
        ["孙小明", number("1967-05-05", 28), "仙女镇", "正谊村", "2000-01-01", None],
        ["王桂英", number(seq=22), "仙女镇", "双沟社区", "2000-01-01", None],
    ]
    bureau = office.seat("bureau", "civil_affairs")
    assert bureau.post("/people/registers/population", scheme="jiangdu").status == 422
    came = bureau.post(
        "/people/registers/population", scheme="jiangdu", population=("人口.xlsx", xlsx([PEOPLE, *rows]))
    )
    assert "共4行：新登记2人，已在册1人，未到年龄1人" in came.text
    assert "王桂英：仙女镇 正谊村 → 仙女镇 双沟社区" in came.text
    with office.engine.connect() as conn:
        found = {row.name: row for row in conn.execute(select(seniors))}
        assert found.keys() == {"王桂英", "李兰英", "周桂芳"}
        assert (found["王桂英"].id, found["王桂英"].village, found["周桂芳"].status) == (known, "正谊村", "registered")


def test_a_file_of_identity_numbers_names_nobody_of_another_town(office: Office) -> None:
    """A town writes anybody's number beside a village of its own: it learns that they are another office's, not who they are or where."""
    settle(office)
    theirs = somebody(office, "王桂英", 22, town="小纪镇", village="竹墩村")
    row = ["某某某", number(seq=22), "仙女镇", "正谊村", "2000-01-01", None]
    sent = {"scheme": "jiangdu", "population": ("人口.xlsx", xlsx([PEOPLE, row]))}
    came = office.seat("wang", "town").post("/people/registers/population", sent)
    assert f"编号 {theirs}，其他单位登记" in came.text
    assert ("王桂英" in came.text, "竹墩村" in came.text) == (False, False)
