"""Names are posted, printed masked, objected to and decided; only then anything goes on."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from admin.enrolment import printing, publicity
from settlement.people.notice import mask_name
from settlement.people.tables import objections
from tests.admin import enrolling
from tests.admin.enrolling import DUE, assessed, post_names, seats, step_of, take
from tests.admin.office import TOWN, VILLAGE, Office, Seat
from tests.people.people import number
from tests.support import at

NOTICE = {"scheme": "jiangdu", "town": TOWN, "village": VILLAGE, "day": "2026-06-15"}


@pytest.fixture
def desk(office: Office) -> Office:
    return enrolling.open_office(office)


def posted(desk: Office) -> tuple[int, dict[str, Seat]]:
    """One name, posted on Monday 15 June until 23 June; it is 16 June."""
    id_ = assessed(desk, seats(desk))
    desk.now = at("2026-06-15 09:00")
    assert post_names(seats(desk), id_).status == 303
    desk.now = at("2026-06-16 09:00")
    return id_, seats(desk)


def objection_of(desk: Office) -> int:
    with desk.engine.connect() as conn:
        return int(conn.scalars(select(objections.c.id).order_by(objections.c.id.desc())).first() or 0)


def test_the_notice_shows_masked_names_and_amounts_and_nothing_more(desk: Office) -> None:
    id_, who = posted(desk)
    page = who["village"].get("/enrolment/notice", **NOTICE)
    [row] = page.find("//tbody/tr")
    cells = [" ".join(cell.text_content().split()) for cell in row]
    assert cells == [str(id_), "李*兰", "女", "76", "困难老年人养老服务补贴 needy seniors", "150.00"]
    assert "李秀兰" not in page.text and "3210" not in page.text and "2026-06-23" in page.text
    pdf = who["village"].get("/enrolment/notice", **NOTICE, format="pdf")
    assert pdf.content.startswith(b"%PDF-") and "attachment" in pdf.response.headers["Content-Disposition"]
    assert "2026-06-15" in who["town"].get("/enrolment/postings").text


def test_a_long_notice_is_read_page_by_page_and_printed_whole(desk: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three names, two on a page: the second page has the third; each page says that there are three, and until when they hang."""
    born = ("1950-03-07", "1948-05-01", "1949-09-09")
    ids = [assessed(desk, seats(desk), id_no=number(day)) for day in born]
    desk.now = at("2026-06-15 09:00")
    assert post_names(seats(desk), *ids).status == 303
    village, printed = seats(desk)["village"], []
    monkeypatch.setattr(publicity, "NAMES", 2)
    monkeypatch.setattr(printing, "notice", lambda scheme, shown, now: printed.append(shown) or b"")
    shown = []
    for page in ("1", "2"):
        answer = village.get("/enrolment/notice", **NOTICE, page=page)
        assert answer.find("//caption/small")[0].text_content() == "3" and "2026-06-23" in answer.text
        shown.append([int(cell.text_content()) for cell in answer.find("//tbody/tr/td[1]")])
        shown.append([link.get("rel") for link in answer.find("//nav[@class='pager']/a")])
    assert shown == [ids[:2], ["next"], ids[2:], ["prev"]]
    village.get("/enrolment/notice", **NOTICE, format="pdf", page="2")
    assert [[line.enrolment_id for line in each.lines] for each in printed] == [ids]


def test_another_offices_notice_is_like_none(desk: Office) -> None:
    _, who = posted(desk)
    for seat in (who["other_town"], who["other_village"]):
        theirs = seat.get("/enrolment/notice", **NOTICE)
        none = seat.get("/enrolment/notice", **NOTICE | {"day": "2026-01-01"})
        assert (theirs.status, theirs.text) == (404, none.text)
        assert "2026-06-15" not in seat.get("/enrolment/postings").text
    assert who["village"].get("/enrolment/notice", **NOTICE | {"day": "gestern"}).status == 404


@pytest.mark.parametrize(
    ("name", "shown"), [("王桂英", "王*英"), ("李明", "李*"), ("欧阳春花", "欧**花"), ("阿", "阿*")]
)
def test_how_a_name_is_masked(name: str, shown: str) -> None:
    assert mask_name(name) == shown


def test_an_objection_stops_it_until_somebody_else_dismisses_it(desk: Office) -> None:
    id_, who = posted(desk)
    assert who["town"].post(f"/enrolment/{id_}/object", words="邻居说他住在外地").status == 303
    assert str(id_) in who["town"].get("/enrolment/objections").text
    number_ = objection_of(desk)
    path = f"/enrolment/{id_}/objections/{number_}"
    same = who["town"].post(path, outcome="dismissed", why="已核实")
    assert same.status == 403 and "不能是同一人" in same.text
    assert who["village"].post(path, outcome="dismissed", why="已核实").status == 403
    desk.now = at("2026-06-24 09:00")
    who = seats(desk)
    stopped = take(who["village"], "publicise", id_, posted="1")
    assert stopped.status == 409 and "还有未处理的异议" in stopped.text
    row = who["village"].get(f"{DUE}/publicise", posted="1").find("//tbody/tr")[0]
    assert "有异议待处理" in row.text_content() and not row.xpath(".//input")
    assert who["town2"].post(path, outcome="dismissed", why="入户核实在本地居住").status == 303
    assert "李秀兰" not in who["town"].get("/enrolment/objections").text
    assert "不成立" in who["town"].get("/enrolment/objections", all="1").text
    assert take(who["village"], "publicise", id_, posted="1").status == 303
    assert step_of(desk, id_) == "card"


def test_upheld_it_is_refused_and_its_reason_stands_on_the_letter(desk: Office) -> None:
    id_, who = posted(desk)
    who["village"].post(f"/enrolment/{id_}/object", words="已迁走")
    answer = who["town"].post(f"/enrolment/{id_}/objections/{objection_of(desk)}", outcome="upheld", why="户籍已迁出")
    assert answer.status == 303 and step_of(desk, id_) == "refused"
    assert "户籍已迁出" in who["village"].get(f"/enrolment/{id_}").text
    assert who["village"].get(f"/enrolment/{id_}/letter").content.startswith(b"%PDF-")


def test_an_objection_is_decided_under_its_own_application_only(desk: Office) -> None:
    id_, who = posted(desk)
    who["village"].post(f"/enrolment/{id_}/object", words="已迁走")
    other = enrolling.apply(who["village"], id_no=number("1941-02-03"), applied_on="2026-06-16")
    fields = {"outcome": "upheld", "why": "x"}
    path = f"/objections/{objection_of(desk)}"
    assert who["town"].post(f"/enrolment/{other}{path}", fields).status == 404
    assert who["other_town"].post(f"/enrolment/{id_}{path}", fields).status == 404
    assert step_of(desk, id_) == "publicise"
