"""The overview: every figure worked out by hand from two people's July and August, and the rows behind it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from admin.overview import board
from settlement.overview import kept, waiting
from settlement.people.tables import seniors
from settlement.periods import Month
from settlement.policy import store
from settlement.supervision import callbacks, complaints
from settlement.visits import compliance
from settlement.vouchers import issuance, life
from tests.admin.office import Answer, Office, Seat
from tests.stories.county import AUGUST, BATHING, CLEANING, JULY, TOWN, County, checker, found
from tests.support import acting, at, officer

OTHER = "丁伙镇"


@pytest.fixture
def county(office: Office) -> County:
    """仙女镇: somebody semi-disabled (150.00, 2 visits a month) visited once in July for 60.00 and on no statement yet; 丁伙镇: somebody disabled
    (260.00, 4 visits a month) visited once in July for 30.00; besides a registered person of 85 in 仙女镇 who has nothing."""
    county = found(office.engine, (TOWN, OTHER))
    semi, disabled = county.somebody(level=1), county.somebody(level=3, town=OTHER)
    county.register("1941-03-07")
    for town in (TOWN, OTHER):
        county.issue(JULY, town)
    county.first, county.second = semi, disabled  # type: ignore[attr-defined]
    county.visit_id, _ = county.visit(semi, "2026-07-06 09:00", BATHING)  # type: ignore[attr-defined]
    county.visit(disabled, "2026-07-07 09:00", CLEANING, town=OTHER)
    office.now = at("2026-07-15 09:00")
    return county


def cells(page: Answer, table: str = "1") -> list[list[str]]:
    return [
        [" ".join(cell.text_content().split()) for cell in row] for row in page.find(f"(//table)[{table}]/tbody/tr")
    ]


def test_coverage_by_town(office: Office, county: County) -> None:
    """仙女镇 2 people, one entitled, visited, assessed; one aged and not covered. 丁伙镇 1 person with everything, nobody aged."""
    page = office.seat("area", "civil_affairs").get("/overview/coverage")
    rows = {row[0]: [cell.partition(" ")[0] for cell in row[1:]] for row in cells(page)}
    assert rows == {TOWN: ["50.0%", "50.0%", "50.0%", "0.0%"], OTHER: ["100.0%", "100.0%", "100.0%", "—%"]}
    counts = [link.text_content() for link in page.find("//tr[th[text()='仙女镇']]//a")]
    assert counts == ["1", "2", "1", "2", "1", "2", "0", "1"]


def test_the_rows_behind_a_figure_are_as_many(office: Office, county: County) -> None:
    seat = office.seat("area", "civil_affairs")
    for link in seat.get("/overview/coverage").find("//tbody//a"):
        page = seat.get(link.get("href"))
        number = page.find("//caption/small")[0].text_content()
        assert number == link.text_content(), link.get("href")


def test_who_died_or_left_counts_until_then(office: Office, county: County) -> None:
    with office.engine.begin() as conn:
        conn.execute(
            update(seniors)
            .where(seniors.c.birth_date == at("1941-03-07").date())
            .values(died_on=at("2026-08-02").date())
        )
    seat = office.seat("area", "civil_affairs")
    counts = []
    for month in ("2026-07", "2026-08"):
        page = seat.get("/overview/coverage", month=month, town=TOWN)
        counts.append([link.text_content() for link in page.find("//tbody//a")][:2])
    assert counts == [["1", "2"], ["1", "1"]]


def test_money_by_month_and_town(office: Office, county: County) -> None:
    page = office.seat("area", "civil_affairs").get("/overview/money")
    assert cells(page)[-1] == ["2026-07", "410.00", "90.00", "0.00"]
    assert cells(page, "2") == [
        [OTHER, "260.00", "30.00", "0.00", "扣款 debits"],
        [TOWN, "150.00", "60.00", "0.00", "扣款 debits"],
    ]


def test_money_once_there_are_statements_is_what_is_on_them(office: Office, county: County) -> None:
    """Closed, July's 90.00 stand on statements; an August visit of 60.00 is a debit so far. A late July visit goes on August's statement."""
    county.close(JULY)
    county.issue(AUGUST)
    county.visit(county.first, "2026-08-05 09:00", BATHING)  # type: ignore[attr-defined]
    office.now = at("2026-08-06 09:00")
    page = office.seat("area", "civil_affairs").get("/overview/money")
    assert [row[:3] for row in cells(page)[-2:]] == [["2026-07", "410.00", "90.00"], ["2026-08", "150.00", "60.00"]]
    behind = office.seat("area").get("/overview/spent", month="2026-07")
    assert sorted(cell.text_content() for cell in behind.find("//td[contains(@class,'yuan')][1]")) == ["30.00", "60.00"]
    assert "jiangdu-2026-07" in behind.text


def test_what_came_back_is_told_where_it_belongs(office: Office, county: County) -> None:
    """The death on 30 June is learnt on 20 July: July's 150.00 less the 60.00 spent come back."""
    first: Any = county.first  # type: ignore[attr-defined]
    with acting(office.engine, "2026-07-20 09:00", checker(TOWN)) as act:
        life.learn_of_death(act, first.senior_id, at("2026-06-30").date())
    office.now = at("2026-07-21 09:00")
    seat = office.seat("area", "civil_affairs")
    assert cells(seat.get("/overview/money"))[-1][3] == "90.00"
    behind = seat.get("/overview/returned", month="2026-07")
    assert "去世 died" in behind.text
    assert [cell.text_content() for cell in behind.find("//td[contains(@class,'yuan')]")] == ["90.00"]


def test_visits_owed_and_given(office: Office, county: County) -> None:
    page = office.seat("area", "civil_affairs").get("/overview/visits")
    assert cells(page) == [[OTHER, "1", "4", "1", "0", "1", "0%"], [TOWN, "1", "2", "1", "0", "1", "0%"]]
    behind = office.seat("area").get("/overview/short", month="2026-07", town=TOWN)
    assert len(behind.find("//tbody/tr")) == 1


def test_making_up_next_month_settles_what_was_missed(office: Office, county: County) -> None:
    """August owes 2 and gets 3: the third makes up for July."""
    county.issue(AUGUST)
    for day in ("05", "10", "15"):
        county.visit(county.first, f"2026-08-{day} 09:00", CLEANING)  # type: ignore[attr-defined]
    with office.engine.connect() as conn:
        (mine,) = compliance.by_town(conn, county.scheme, JULY, TOWN)
        assert compliance.frequency(conn, county.scheme, JULY, TOWN) == []
    assert mine == compliance.InTown(TOWN, people=1, short=0, required=2, done=1, made_up=1)
    assert mine.served_percent == 100


def test_a_town_is_reckoned_as_it_is_among_all(office: Office, county: County) -> None:
    county.issue(AUGUST)
    for day in ("05", "10", "15"):
        county.visit(county.first, f"2026-08-{day} 09:00", CLEANING)  # type: ignore[attr-defined]
    with office.engine.connect() as conn:
        for month in (JULY, AUGUST):
            whole = compliance.by_town(conn, county.scheme, month)
            alone = [compliance.by_town(conn, county.scheme, month, town) for town in (OTHER, TOWN)]
            assert [[each] for each in whole] == alone


def test_satisfaction_by_provider(office: Office, county: County) -> None:
    desk = officer("desk", "provider", provider_id=county.provider)
    with acting(office.engine, "2026-07-08 09:00", desk) as act:
        callbacks.record(act, county.visit_id, rating="dissatisfied", as_recorded=True)  # type: ignore[attr-defined]
    page = office.seat("area", "civil_affairs").get("/overview/satisfaction")
    rows = {row[1]: row[2:] for row in cells(page)}
    assert rows[TOWN] == ["1", "100%", "0", "0", "1", "0% 须整改 to mend", "0"]
    assert rows[OTHER] == ["1", "0%", "0", "0", "0", "—", "0"]
    behind = office.seat("area").get("/overview/callbacks", month="2026-07", rating="dissatisfied")
    assert [link.text_content() for link in behind.find("//tbody//a")] == [county.visit_id]  # type: ignore[attr-defined]


def test_what_waits_says_whose_turn_it_is(office: Office, county: County) -> None:
    with acting(office.engine, "2026-08-01 01:00") as act:
        issuance.draft(act, "jiangdu", AUGUST, TOWN)
    rows = cells(office.seat("area", "civil_affairs").get("/overview/waiting", month="2026-07"))
    assert [row[:4] for row in rows] == [["镇街 town", "发放单待批准 issuance runs to approve", TOWN, "1"]]


def test_each_thing_that_waits_is_dealt_with_on_a_page_there_is(office: Office) -> None:
    assert board.PLACES.keys() == waiting.WHAT.keys()
    assert set(board.PLACES.values()) <= office.app.view_functions.keys()


def test_a_complaint_that_waits_leads_to_the_complaints(office: Office, county: County) -> None:
    someone = county.somebody()
    with acting(office.engine, office.now, checker()) as act:
        complaints.open_(act, someone.senior_id, "service", "other", "他们总是迟到", "senior")
    page = office.seat("chen", "town").get("/overview/waiting", month="2026-07")
    assert page.status == 200
    assert "/voices/complaints" in page.find("//main//a/@href")


def test_a_town_sees_itself_and_no_other(office: Office, county: County) -> None:
    seat = office.seat("chen", "town")
    assert [row[0] for row in cells(seat.get("/overview/coverage"))] == [TOWN]
    assert cells(seat.get("/overview/money"))[-1] == ["2026-07", "150.00", "60.00", "0.00"]
    for page in (
        "",
        "coverage",
        "money",
        "visits",
        "satisfaction",
        "waiting",
        "people/assessed",
        "short",
        "issued",
        "spent",
        "returned",
        "callbacks",
    ):
        theirs, nobodys = seat.get(f"/overview/{page}", town=OTHER), seat.get(f"/overview/{page}", town="无此镇")
        assert (theirs.status, theirs.text) == (404, nobodys.text), page


def test_another_towns_visit_does_not_exist(office: Office, county: County) -> None:
    visit = f"/overview/visit/{county.visit_id}"  # type: ignore[attr-defined]
    assert office.seat("chen", "town").get(visit).status == 200
    theirs = office.seat("zhu", "town", town=OTHER).get(visit)
    assert (theirs.status, theirs.text) == (404, office.seat("zhu").get("/overview/visit/nobody").text)


def test_who_may_not_look_people_up_sees_numbers_only(office: Office, county: County) -> None:
    page = office.seat("money", "district_finance").get("/overview/short", month="2026-07")
    assert "王桂英" not in page.text
    assert "王桂英" in office.seat("area", "civil_affairs").get("/overview/short", month="2026-07").text


def test_figures_are_reckoned_anew_when_asked_or_after_ten_minutes(office: Office, county: County) -> None:
    seat: Seat = office.seat("area", "civil_affairs")
    assert cells(seat.get("/overview/money"))[-1][2] == "90.00"
    county.visit(county.first, "2026-07-15 07:00", CLEANING)  # type: ignore[attr-defined]
    assert cells(seat.get("/overview/money"))[-1][2] == "90.00"
    assert cells(seat.get("/overview/money", fresh="1"))[-1][2] == "120.00"
    county.visit(county.first, "2026-07-15 08:00", CLEANING, carer=1)  # type: ignore[attr-defined]
    office.passes(minutes=10)
    assert cells(seat.get("/overview/money"))[-1][2] == "150.00"


def test_a_list_is_exported_with_all_its_rows(office: Office, county: County) -> None:
    answer = office.seat("area", "civil_affairs").get("/overview/spent", month="2026-07", export="csv")
    lines = answer.content.decode("utf-8-sig").splitlines()
    assert len(lines) == 3
    assert lines[1].split(",")[5] == "60.0"


def test_what_the_scheduler_summed_up_is_shown_and_for_how_long(office: Office, county: County) -> None:
    """Spent 90.00 in July when it was summed up at 09:00; a visit of 30.00 after it. Shown: 90.00, until somebody reckons anew or two hours are over."""
    keys = ("month", "town")
    with acting(office.engine, office.now) as act:
        scheme = store.in_force(act.conn, "jiangdu", JULY)
        kept.keep(act, scheme, JULY, office.now, kept.everything(act.conn, scheme, JULY))
    county.visit(county.second, "2026-07-14 09:00", CLEANING, town=OTHER)  # type: ignore[attr-defined]
    office.now = at("2026-07-15 10:59")
    seat = office.seat("area", "civil_affairs")

    def spent(**asked: str) -> list[str]:
        page = seat.get("/overview/money", **dict(zip(keys, ("2026-07", OTHER), strict=True)) | asked)
        return [row[2] for row in cells(page, "2")]

    assert spent() == ["30.00"]
    assert [row[2] for row in cells(seat.get("/overview/money"), "2")] == ["30.00", "60.00"]
    assert spent(fresh="1") == ["60.00"]
    assert spent() == ["60.00"]  # newer than what was summed up
    assert [row[2] for row in cells(seat.get("/overview/money"), "2")] == ["30.00", "60.00"]
    office.now = at("2026-07-15 11:10")
    assert [row[2] for row in cells(seat.get("/overview/money"), "2")] == ["60.00", "60.00"]


def test_of_an_earlier_month_what_was_summed_up_is_shown_for_a_day_and_what_was_reckoned_anew_until_then(
    office: Office, county: County
) -> None:
    """July, summed up at 09:00 in September with 30.00 spent in 丁伙镇; a visit of 30.00 is told afterwards. Shown: 30.00 for 26 hours; reckoned anew 60.00,
    also when ten minutes are over."""
    seat = office.seat("area", "civil_affairs")

    def spent(**asked: str) -> str:
        page = seat.get("/overview/money", month="2026-07", town=OTHER, **asked)
        return next(row[2] for row in cells(page, "2"))

    began = office.now = at("2026-09-15 09:00")
    with acting(office.engine, began) as act:
        scheme = store.in_force(act.conn, "jiangdu", JULY)
        kept.keep(act, scheme, JULY, began, kept.everything(act.conn, scheme, JULY))
    county.visit(county.second, "2026-07-14 09:00", CLEANING, town=OTHER)  # type: ignore[attr-defined]
    office.now = began + timedelta(hours=25, minutes=50)
    seat = office.seat("area", "civil_affairs")
    assert spent() == "30.00"
    assert spent(fresh="1") == "60.00"
    office.now = began + timedelta(hours=25, minutes=59)
    assert spent() == "60.00"
    with acting(office.engine, office.now) as act:
        before = kept.kept(act.conn, "money", scheme, JULY, OTHER, office.now)
        assert before is not None and before[1] == began
        assert kept.kept(act.conn, "money", scheme, JULY, OTHER, began + timedelta(hours=26)) is None


def test_a_figure_reckoned_anew_stands_until_a_newer_one_was_summed_up(office: Office, county: County) -> None:
    seat = office.seat("area", "civil_affairs")
    with acting(office.engine, office.now) as act:
        scheme = store.in_force(act.conn, "jiangdu", JULY)
        kept.keep(act, scheme, JULY, office.now, kept.everything(act.conn, scheme, JULY))
    county.visit(county.first, "2026-07-15 07:00", CLEANING)  # type: ignore[attr-defined]
    office.passes(minutes=1)
    assert cells(seat.get("/overview/money", fresh="1"))[-1][2] == "120.00"
    county.visit(county.first, "2026-07-15 08:00", CLEANING, carer=1)  # type: ignore[attr-defined]
    office.passes(minutes=11)
    assert cells(seat.get("/overview/money"))[-1][2] == "120.00"
    with acting(office.engine, office.now) as act:
        kept.keep(act, scheme, JULY, office.now, kept.everything(act.conn, scheme, JULY))
    assert cells(seat.get("/overview/money"))[-1][2] == "150.00"


def test_which_months_are_summed_up_at_a_run(office: Office, county: County) -> None:
    """People are entitled from July 2026. The newest two always; of those before, the ones that never were, and then the oldest in turn."""
    present = Month.parse("2026-11")
    with acting(office.engine, at("2026-11-05 09:00")) as act:
        earlier = [Month.parse(f"2026-{number:02}") for number in (9, 8, 7)]
        newest = [present, present.previous()]
        assert kept.due(act.conn, present) == newest + earlier
        scheme = store.in_force(act.conn, "jiangdu", JULY)
        for hour, month in ((7, earlier[0]), (9, earlier[2])):
            kept.keep(act, scheme, month, at(f"2026-11-05 {hour:02}:00"), kept.everything(act.conn, scheme, month))
        assert kept.due(act.conn, present) == [*newest, earlier[1]]
        kept.keep(act, scheme, earlier[1], at("2026-11-05 08:00"), kept.everything(act.conn, scheme, earlier[1]))
        assert kept.due(act.conn, present) == [*newest, earlier[0]]
        kept.keep(act, scheme, earlier[0], at("2026-11-05 10:00"), kept.everything(act.conn, scheme, earlier[0]))
        assert kept.due(act.conn, present) == [*newest, earlier[1]]
        assert kept.due(act.conn, JULY) == [JULY]
        two_years = kept.due(act.conn, Month.parse("2030-01"))
        assert (len(two_years), two_years[-1]) == (24, Month.parse("2028-02"))


def test_every_figure_reads_the_same_kept_and_reckoned(office: Office, county: County) -> None:
    with acting(office.engine, office.now) as act:
        scheme = store.in_force(act.conn, "jiangdu", JULY)
        kept.keep(act, scheme, JULY, office.now, kept.everything(act.conn, scheme, JULY))
        for name in kept.NAMES:
            for town in (None, OTHER):
                reckoned = kept.reckon(act.conn, name, scheme, JULY, town)
                assert reckoned, name
                assert kept.kept(act.conn, name, scheme, JULY, town, office.now) == (reckoned, office.now)
            assert kept.kept(act.conn, name, scheme, AUGUST, None, office.now) is None
