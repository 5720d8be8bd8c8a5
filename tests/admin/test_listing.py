"""Lists page, sort and export; whatever people called themselves stays text in a spreadsheet."""

from __future__ import annotations

import csv
import io

import pytest
from flask import render_template_string, request
from openpyxl import load_workbook
from sqlalchemy import Engine, insert, select

from admin import desks
from admin.frame import listing
from admin.frame.access import SIGNED_IN
from admin.frame.console import looking
from admin.frame.desk import Desk
from admin.frame.listing import Column
from settlement.audit import audit_rows
from settlement.people.tables import places
from tests.admin.office import TOWN, Office, drawn_up
from tests.support import acting

PAGE = """{% extends "base.html" %}{% from "parts.html" import listed with context %}{% block main %}<h1>村</h1>{{ listed(found, "村社区", "villages") }}{% endblock %}"""


@pytest.fixture
def office(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Office:
    """A console with one more desk, whose page lists 120 villages."""
    desk = Desk("villages", __name__, "村", "Villages")

    @desk.page("/", may=SIGNED_IN)
    def everything():  # type: ignore[no-untyped-def]
        p = places.c
        columns = (
            Column("village", "村社区", "village", p.village),
            Column("north", "纬度", "latitude", p.latitude_e7, "number"),
            Column("fen", "金额", "amount", p.longitude_e7, "yuan"),
        )
        together = request.args.get("together") is not None
        with looking() as conn:
            source = select().select_from(places).where(p.longitude_e7 <= request.args.get("upto", 999, type=int))
            found = listing.look(conn, source, columns, sort="village", name="villages", together=together)
        return found.download or render_template_string(PAGE, found=found)

    monkeypatch.setattr(desks, "all_of_them", lambda real=desks.all_of_them: [*real(), desk])
    with acting(engine) as act:
        rows = [
            {"town": TOWN, "village": f"第{n:03}村", "latitude_e7": 1000 - n, "longitude_e7": n} for n in range(1, 121)
        ]
        rows[0]["village"] = '=HYPERLINK("http://evil.example")'
        act.conn.execute(insert(places), rows)
    return Office(engine, plan=drawn_up())


def names(answer) -> list[str]:  # type: ignore[no-untyped-def]
    return [cell.text_content().strip() for cell in answer.find("//tbody/tr/td[1]")]


def test_a_list_is_read_in_pages_of_fifty(office: Office) -> None:
    seat = office.seat("wang", "town")
    first, third = seat.get("/villages/"), seat.get("/villages/", page=3)
    assert len(names(first)) == 50
    assert names(third) == [f"第{n:03}村" for n in range(101, 121)]
    assert "120" in first.find("//caption")[0].text_content()
    assert next(link.get("rel") for link in third.find("//nav[@class='pager']/a")) == "prev"
    assert third.find("//a[@rel='next']") == []


@pytest.mark.parametrize("how", [{}, {"together": "1"}])
def test_how_many_rows_there_are_is_said_on_every_page(
    office: Office, how: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """120 in three pages, 50 on one, none at all, and behind the last page; counted up to 119 there are more than that."""
    seat = office.seat("wang", "town")

    def told(**asked: str | int) -> str:
        return str(seat.get("/villages/", **how, **asked).find("//caption/small")[0].text_content())

    assert [told(page=page) for page in (1, 2, 3, 4)] == ["120"] * 4
    assert [told(upto=upto) for upto in (0, 50, 51)] == ["0", "50", "51"]
    assert told(upto=50, page=2) == "50"
    monkeypatch.setattr(listing, "COUNTED", 119)
    assert {told(page=page) for page in (1, 2, 3, 4)} == {"> 10,000"}
    assert told(upto=119, page=3) == "119"


def test_a_list_is_sorted_by_a_column_either_way(office: Office) -> None:
    seat = office.seat("wang", "town")
    assert names(seat.get("/villages/", sort="north"))[0] == "第120村"
    assert names(seat.get("/villages/", sort="-north"))[1] == "第002村"
    assert seat.get("/villages/", sort="north; DROP TABLE places").status == 200


def test_an_exported_sheet_holds_every_row_and_no_formula(office: Office) -> None:
    seat = office.seat("wang", "town")
    book = load_workbook(io.BytesIO(seat.get("/villages/", export="xlsx").content))
    rows = list(book.active.iter_rows(values_only=True))
    assert rows[0] == ("村社区 village", "纬度 latitude", "金额 amount（元 yuan）")
    assert len(rows) == 121
    assert ("第002村", 998, 0.02) in rows
    cells = [cell for row in book.active.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} == {"s", "n"}
    assert '\'=HYPERLINK("http://evil.example")' in [cell.value for cell in cells]


def test_a_comma_separated_export_reads_back(office: Office) -> None:
    answer = office.seat("wang", "town").get("/villages/", export="csv", sort="-north")
    assert answer.response.headers["Content-Disposition"].startswith("attachment")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert rows[1] == ['\'=HYPERLINK("http://evil.example")', "999", "0.01"]
    assert len(rows) == 121


def test_an_export_is_on_the_audit_trail(office: Office) -> None:
    office.seat("wang", "town").get("/villages/", export="csv", sort="north")
    a = audit_rows.c
    with office.engine.connect() as conn:
        [row] = conn.execute(select(a.actor, a.subject, a.after).where(a.act == "list.export"))
    assert row == ("wang", "list:villages", {"address": "/villages/", "filters": "sort"})


@pytest.mark.parametrize("name", ["endpoint", "_method", "_scheme", "_external", "_anchor"])
def test_what_is_added_to_a_lists_address_stays_in_its_query(office: Office, name: str) -> None:
    page = office.seat("wang", "town").get("/villages/", **{name: "javascript", "_external": "1"})
    assert page.status == 200
    links = page.find("//main//table//a/@href | //main//nav//a/@href")
    assert links
    assert all(link.startswith("/villages/?") and f"{name}=" in link and "#" not in link for link in links)
