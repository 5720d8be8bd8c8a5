"""What changes in a life is shown with what it does to the money before it is recorded, and recorded only as it was shown."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import func, select

from settlement.audit import audit_rows
from settlement.cards import book
from settlement.people.tables import entitlements, seniors
from settlement.periods import Month
from settlement.vouchers import issuance
from tests.admin.office import TOWN, Answer, Office, Seat
from tests.admin.people import entitled, issued, settle, somebody
from tests.support import acting, at, officer
from tests.vouchers.town import subsidy


def _rows(answer: Answer) -> dict[str, list[str]]:
    """The table of effects: what -> [now, afterwards], the Chinese alone."""
    found: dict[str, list[str]] = {}
    for row in answer.find("//tbody/tr"):
        for english in row.xpath(".//*[@class='en']"):
            english.drop_tree()
        cells = [" ".join(cell.text_content().split()) for cell in row.xpath("td")]
        found[cells[0]] = cells[1:]
    return found


def _confirmed(seat: Seat, path: str, look: Answer, **fields: Any) -> Answer:
    return seat.post(path, seen=look.find("//input[@name='seen']/@value")[0], **fields)


def _acts(office: Office) -> int:
    with office.engine.connect() as conn:
        return int(conn.scalar(select(func.count()).select_from(audit_rows)) or 0)


def _one_in_august(office: Office) -> tuple[int, int]:
    """Low income, level 2, 150.00 a month from July; July and August are issued: 300.00 on the card. It is 10 August."""
    settle(office)
    who = somebody(office)
    card = entitled(office, who, 2)
    issued(office, "2026-07", "2026-07-01 09:00")
    issued(office, "2026-08", "2026-08-01 09:00")
    office.now = at("2026-08-10 09:00")
    return who, card


def test_a_death_is_shown_with_what_comes_back_and_recorded_as_shown(office: Office) -> None:
    """Died on 20 July: July stays issued, of August's 150.00 nothing was spent and all comes back; the card stops from that day."""
    who, card = _one_in_august(office)
    seat, path, before = office.seat("wang", "town"), f"/people/{who}/changes/died", _acts(office)
    assert "去世日期" in seat.get(path).text
    look = seat.post(f"{path}/look", on="2026-07-20")
    assert look.status == 200
    shown = _rows(look)
    assert shown["2026-08 已发的补贴"][1].startswith("收回未用的 150.00，已用的 0.00 应追回")
    assert shown["卡上补贴余额"] == ["300.00", "150.00"]
    assert shown["2026-09 补贴标准（元）"] == ["150.00（三(一)1）", "没有"]
    assert "2026-07 补贴标准（元）" not in shown
    assert shown["卡片"] == ["正常 active", "已冻结 frozen 自 2026-07-20 00:00 起"]
    assert (_acts(office), subsidy(office.engine, card)) == (before, 300_00)  # nothing was written

    done = _confirmed(seat, path, look, on="2026-07-20")
    assert (done.status, done.location) == (303, f"/people/{who}")
    with office.engine.connect() as conn:
        assert conn.scalar(select(seniors.c.died_on).where(seniors.c.id == who)) == date(2026, 7, 20)
        assert book.get(conn, card).status == "frozen"
    assert subsidy(office.engine, card) == 150_00
    page = seat.get(f"/people/{who}").text
    assert "已登记去世：2026-07-20" in page
    assert "区内迁居" not in page
    again = seat.post(f"{path}/look", on="2026-07-20")
    assert (again.status, "已经登记过" in again.text) == (409, True)


def test_what_changed_between_looking_and_confirming_is_not_recorded(office: Office) -> None:
    who, _ = _one_in_august(office)
    seat, path = office.seat("wang", "town"), f"/people/{who}/changes/died"
    look = seat.post(f"{path}/look", on="2026-07-20")
    # Meanwhile a colleague records a new level: from September 260.00 would be due.
    other = office.seat("li", "town")
    level = f"/people/{who}/changes/level"
    news = {"level": "3", "on": "2026-08-05", "assessor": "评估中心"}
    assert _confirmed(other, level, other.post(f"{level}/look", news), **news).status == 303
    refused = _confirmed(seat, path, look, on="2026-07-20")
    assert (refused.status, "已被他人修改" in refused.text) == (409, True)
    with office.engine.connect() as conn:
        assert conn.scalar(select(seniors.c.died_on).where(seniors.c.id == who)) is None


def test_a_new_level_counts_from_the_next_month(office: Office) -> None:
    """Level 3 from 5 August: 260.00 instead of 150.00 from September on; nothing else changes."""
    who, _ = _one_in_august(office)
    seat, path = office.seat("wang", "town"), f"/people/{who}/changes/level"
    news = {"level": "3", "on": "2026-08-05", "assessor": "评估中心"}
    look = seat.post(f"{path}/look", news)
    assert _rows(look) == {
        f"2026-{month} 补贴标准（元）": ["150.00（三(一)1）", "260.00（三(一)1）"] for month in ("09", "10")
    }
    assert _confirmed(seat, path, look, **news).status == 303
    e = entitlements.c
    with office.engine.connect() as conn:
        rows = conn.execute(select(e.amount, e.from_month, e.to_month).where(e.senior_id == who).order_by(e.id)).all()
    assert [tuple(row) for row in rows] == [(150_00, "2026-07", "2026-08"), (260_00, "2026-09", None)]


def test_a_month_that_is_on_the_card_already_stays_and_is_shown_so(office: Office) -> None:
    """September's 150.00 was loaded on 25 August. The level found on the 26th gives 260.00 from September by the rules, from October in truth."""
    who, card = _one_in_august(office)
    issued(office, "2026-09", "2026-08-25 09:00")
    office.now = at("2026-08-26 09:00")
    seat, path = office.seat("wang", "town"), f"/people/{who}/changes/level"
    news = {"level": "3", "on": "2026-08-20", "assessor": "评估中心"}
    look = seat.post(f"{path}/look", news)
    assert _rows(look) == {
        "2026-09 补贴标准（元）": ["150.00（三(一)1）", "260.00（三(一)1）该月已发放 150.00，不再变动"],
        "2026-10 补贴标准（元）": ["150.00（三(一)1）", "260.00（三(一)1）"],
    }
    assert _confirmed(seat, path, look, **news).status == 303
    issued(office, "2026-10", "2026-10-01 09:00")
    assert subsidy(office.engine, card) == 3 * 150_00 + 260_00


def test_a_month_that_is_drawn_up_already_is_loaded_as_drawn_up(office: Office) -> None:
    who, _ = _one_in_august(office)
    with acting(office.engine, "2026-08-25 09:00", officer("clerk", "town", town=TOWN)) as act:
        issuance.draft(act, "jiangdu", Month(2026, 9), TOWN)
    office.now = at("2026-08-26 09:00")
    look = office.seat("wang", "town").post(f"/people/{who}/changes/lose/look", category="low_income", on="2026-08-03")
    assert _rows(look)["2026-09 补贴标准（元）"][1] == "没有 该月已列入发放单 150.00，重新起草后才变"
    assert _rows(look)["2026-10 补贴标准（元）"][1] == "没有"


def test_a_category_lost_takes_the_benefit_and_says_why(office: Office) -> None:
    who, _ = _one_in_august(office)
    look = office.seat("wang", "town").post(f"/people/{who}/changes/lose/look", category="low_income", on="2026-08-03")
    assert _rows(look)["2026-09 补贴标准（元）"] == ["150.00（三(一)1）", "没有"]
    assert "不属于所列困难类别" in look.text


def test_a_mistake_is_taken_back_with_all_that_followed(office: Office) -> None:
    who, card = _one_in_august(office)
    seat = office.seat("wang", "town")
    died, back = f"/people/{who}/changes/died", f"/people/{who}/changes/reinstate"
    _confirmed(seat, died, seat.post(f"{died}/look", on="2026-07-20"), on="2026-07-20")
    look = seat.post(f"{back}/look", why="同名误登")
    assert _rows(look)["卡上补贴余额"] == ["150.00", "300.00"]
    assert _confirmed(seat, back, look, why="同名误登").status == 303
    assert subsidy(office.engine, card) == 300_00
    village = office.seat("zhao", "village")
    assert village.get(back).status == 403


def test_a_move_shows_the_new_place_and_leaves_the_old_offices_view(office: Office) -> None:
    who, _ = _one_in_august(office)
    seat, path = office.seat("wang", "town"), f"/people/{who}/changes/move"
    news = {"place": "小纪镇/竹墩村", "address": "竹墩村2组5号"}
    look = seat.post(f"{path}/look", news)
    assert _rows(look) == {"所属镇村": ["仙女镇 正谊村", "小纪镇 竹墩村"]}
    assert _confirmed(seat, path, look, **news).location == "/people/"
    assert seat.get(f"/people/{who}").status == 404
    there = office.seat("chen", "town", town="小纪镇")
    assert "竹墩村2组5号" in there.post(f"/people/{who}/reveal", field="address", why="上门").text


def test_what_cannot_be_is_refused_with_the_form_still_filled_in(office: Office) -> None:
    who, _ = _one_in_august(office)
    seat = office.seat("wang", "town")
    ahead = seat.post(f"/people/{who}/changes/died/look", on="2026-09-01")
    assert (ahead.status, ahead.find("//input[@name='on']/@value")) == (422, ["2026-09-01"])
    nowhere = seat.post(f"/people/{who}/changes/move/look", place="外地/某村")
    assert (nowhere.status, "没有这个村社区" in nowhere.text) == (422, True)
    assert seat.get(f"/people/{who}/changes/nonsense").status == 404
    assert seat.post(f"/people/{who}/changes/gain/look", category="no_such", on="2026-08-01").status == 422


def test_a_village_tells_the_town_of_a_new_level_and_does_not_record_it(office: Office) -> None:
    """What raises a payment is not one clerk's word; a death, a leaving, a move inside the district are."""
    who, _ = _one_in_august(office)
    village = office.seat("zhou", "village")
    page = village.get(f"/people/{who}").text
    assert ("去世" in page, "区内迁居" in page) == (True, True)
    assert [word for word in ("能力等级变化", "新认定类别", "取消类别") if word in page] == []
    path, news = f"/people/{who}/changes/level", {"level": "3", "on": "2026-08-05", "assessor": "评估中心"}
    assert village.get(path).status == 403
    assert village.post(f"{path}/look", news).status == 403
    assert village.post(path, news).status == 403
