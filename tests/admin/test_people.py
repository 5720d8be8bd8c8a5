"""Finding people and their page: by whatever is at hand, of one's own people only, masked, and in full only with a reason."""

from __future__ import annotations

from urllib.parse import unquote, unquote_plus

import pytest
from sqlalchemy import select

from settlement.audit import audit_rows
from settlement.cards.tables import media
from tests.admin.office import OTHER_TOWN, Answer, Office, Seat
from tests.admin.people import entitled, issued, settle, somebody
from tests.people.people import number

NUMBER = number(seq=22)


def _asked(seat: Seat, words: str, **more: str) -> Answer:
    """The list that the search form leads to."""
    sent = seat.post("/people/", q=words, **more)
    assert sent.status == 303
    return seat.get(sent.location)


def _found(answer) -> list[str]:  # type: ignore[no-untyped-def]
    return [cell.text_content() for cell in answer.find("//tbody//td[2]")]


@pytest.mark.parametrize(
    "words",
    [
        "王桂英",
        "王桂",
        "王",
        NUMBER,
        NUMBER.lower(),
        NUMBER[-4:],
        f"{NUMBER[:4]}**********{NUMBER[-4:]}",
        "13800001234",
    ],
)
def test_a_person_is_found_by_whatever_is_at_hand(office: Office, words: str) -> None:
    somebody(office, phone="13800001234")
    somebody(office, "李兰英", 24)
    assert _found(_asked(office.seat("wang", "town"), words)) == ["王桂英"]


def test_a_person_is_found_by_a_card_and_by_the_number_here(office: Office) -> None:
    settle(office)
    who = somebody(office)
    somebody(office, "李兰英", 24)
    card = entitled(office, who, 2)
    with office.engine.connect() as conn:
        card_no = conn.scalars(select(media.c.card_no).where(media.c.card_id == card)).one()
    seat = office.seat("wang", "town")
    assert _found(_asked(seat, card_no)) == ["王桂英"]
    assert _found(_asked(seat, f"#{who}")) == ["王桂英"]


@pytest.mark.parametrize(
    "words", [NUMBER, NUMBER[-4:], f"{NUMBER[:4]}**********{NUMBER[-4:]}", "13800001234", "138 0000 1234"]
)
def test_no_address_carries_a_persons_number(office: Office, words: str) -> None:
    """Proxies and browsers keep addresses. One that does carry a number finds nobody, so that nobody gets used to it."""
    somebody(office, phone="13800001234")
    seat = office.seat("wang", "town")
    address = seat.post("/people/", q=words, village="正谊村").location
    assert words.replace(" ", "") not in unquote(address).replace("+", "").replace(" ", "")
    assert "village=" in address
    listed = seat.get(address)
    assert _found(listed) == ["王桂英"]
    assert all(words not in unquote_plus(link) for link in listed.tree.xpath("//@href"))
    assert "王桂英" in seat.get(f"{address}&export=csv").content.decode("utf-8-sig")
    assert _found(seat.get("/people/", q=words)) == []
    assert _found(office.seat("li", "town").get(address.replace("village=", "from="))) == []  # sealed for somebody else
    for damaged in ("", "a256gcm:f1:xx", "a256gcm:f1:é", "没有"):
        answer = seat.get("/people/", sealed=damaged)
        assert (answer.status, _found(answer)) == (200, [])


def test_names_and_the_number_here_stay_in_the_address(office: Office) -> None:
    who = somebody(office)
    seat = office.seat("wang", "town")
    assert unquote(seat.post("/people/", q="王桂").location) == "/people/?q=王桂"
    assert unquote(seat.post("/people/", q=f"#{who}").location) == f"/people/?q=#{who}"


def test_a_mask_that_differs_at_the_beginning_finds_nobody(office: Office) -> None:
    somebody(office)
    answer = _asked(office.seat("wang", "town"), f"4403**********{NUMBER[-4:]}")
    assert "没有记录" in answer.text
    assert "王桂英" not in answer.text


def test_names_are_found_by_their_beginning_and_not_by_their_middle(office: Office) -> None:
    for seq, name in enumerate(("王桂英", "王桂兰", "张王氏", "欧阳桂", "Aida Wang"), 11):
        somebody(office, name, 2 * seq)
    seat = office.seat("wang", "town")
    assert sorted(_found(seat.get("/people/", q="王"))) == ["王桂兰", "王桂英"]
    assert _found(seat.get("/people/", q="王 桂兰")) == ["王桂兰"]
    assert _found(seat.get("/people/", q="Aida W")) == ["Aida Wang"]


def test_nobody_is_listed_until_something_is_asked(office: Office) -> None:
    somebody(office)
    assert "王桂英" not in office.seat("wang", "town").get("/people/").text
    assert "王桂英" in office.seat("wang").get("/people/", village="正谊村").text


def test_another_offices_people_are_like_nobody(office: Office) -> None:
    mine = somebody(office)
    theirs = somebody(office, "李兰英", 24, town=OTHER_TOWN, village="竹墩村")
    elsewhere = somebody(office, "赵秀兰", 26, village="双沟社区")
    town, village = office.seat("wang", "town"), office.seat("zhao", "village")
    assert _found(_asked(town, number(seq=24))) == []
    for seat, who in ((town, theirs), (village, theirs), (village, elsewhere), (town, 987654)):
        answer = seat.get(f"/people/{who}")
        assert (answer.status, "没有找到" in answer.text) == (404, True)
        for path in ("reveal", "changes/died", "changes/died/look"):
            sent = seat.post(f"/people/{who}/{path}", field="id_no", why="核对", on="2026-07-01", seen="x")
            assert (path, sent.status) == (path, 404)
        assert seat.get(f"/people/{who}/changes/died").status == 404
    assert town.get(f"/people/{mine}").status == village.get(f"/people/{mine}").status == 200


def test_the_page_tells_what_is_due_by_which_clause_and_what_is_left(office: Office) -> None:
    """Low income, level 2: needy, semi-disabled, 150.00 a month from July. July is issued: 150.00 on the card."""
    settle(office)
    who = somebody(office, phone="13800001234", address="正谊村1组1号")
    entitled(office, who, 2)
    issued(office, "2026-07", "2026-07-01 09:00")
    answer = office.seat("wang", "town").get(f"/people/{who}")
    july = next(row for row in answer.find("//table[1]/tbody/tr") if row.xpath("td[1]")[0].text == "2026-07")
    cells = [" ".join(cell.text_content().split()) for cell in july.xpath("td")]
    assert cells[:4] == ["2026-07", "150.00", "困难老年人养老服务补贴（半失能）", "三(一)1"]
    assert cells[5] == "150.00 已入账 posted"
    assert "321026" not in answer.text.replace(f"{NUMBER[:4]}**********{NUMBER[-4:]}", "")
    assert f"{NUMBER[:4]}**********{NUMBER[-4:]}" in answer.text
    assert "138****1234" in answer.text
    assert "13800001234" not in answer.text
    assert "1组1号" not in answer.text
    assert [value.text for value in answer.find("//dt[contains(., '补贴余额')]/following-sibling::dd")] == ["150.00 元"]


def test_a_number_in_full_needs_a_reason_and_is_on_record(office: Office) -> None:
    who = somebody(office)
    seat = office.seat("wang", "town")
    refused = seat.post(f"/people/{who}/reveal", field="id_no")
    assert (refused.status, NUMBER in refused.text) == (422, False)
    told = seat.post(f"/people/{who}/reveal", field="id_no", why="与身份证核对")
    assert (told.status, NUMBER in told.text) == (200, True)
    assert NUMBER not in seat.get(f"/people/{who}").text
    with office.engine.connect() as conn:
        row = conn.execute(select(audit_rows).where(audit_rows.c.act == "senior.reveal")).one()
    assert (row.actor, row.subject, row.after, row.why) == ("wang", f"senior:{who}", {"field": "id_no"}, "与身份证核对")


def test_the_list_can_be_exported_masked(office: Office) -> None:
    somebody(office)
    csv = office.seat("wang", "town").get("/people/", q="王", export="csv").content.decode("utf-8-sig")
    assert f"王桂英,{NUMBER[:4]}**********{NUMBER[-4:]},1950-03-07" in csv


def test_a_village_chooses_among_its_own_village_and_a_town_among_its_own(office: Office) -> None:
    settle(office)
    chosen = "//select[@name='village']/option[@value!='']/@value"
    for path in ("/people/", "/people/eligible", "/counter/cards"):
        assert office.seat("zhao", "village").get(path).find(chosen) == ["正谊村"], path
        assert len(office.seat("wang", "town").get(path).find(chosen)) > 1, path
        assert "竹墩村" not in office.seat("wang").get(path).find(chosen)
