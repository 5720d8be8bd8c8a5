"""Stops, corrections and records that a second person decides: with what stands behind them, each office its own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from settlement.providers import devices
from settlement.visits import correcting, quarantine, voiding
from settlement.visits.correcting import Proposal
from settlement.visits.tables import debits, door_events, payment_stops, visit_corrections, visits
from settlement.vouchers.tables import issuance_returns
from tests.admin.office import OTHER_TOWN, TOWN, Office, Seat
from tests.closing.county import County
from tests.support import acting, at, officer
from tests.visits.phone import Phone
from tests.visits.world import CLEANING, DISTRICT, World, found


@pytest.fixture
def county(office: Office) -> County:
    """A visit of an hour on 10 July, 60.00 from subsidy and 5.00 own money, stopped by a signal."""
    county = County(office.engine).build()
    county.serve("v1", subsidy=6000, personal=500)
    county.stop("v1")
    office.now = at("2026-08-01 09:00")
    return county


def row(office: Office, table: Any, key: Any) -> Any:
    with office.engine.connect() as conn:
        return conn.execute(select(table).where(table.primary_key.columns[0] == key)).one()


def field(seat: Seat, path: str, name: str) -> str:
    return str(seat.get(path).find(f"//input[@name='{name}']/@value")[0])


def decide(seat: Seat, path: str, decision: str, why: str = "核实过", **more: str) -> Any:
    return seat.post(f"{path}/decide", decision=decision, why=why, **more)


def test_a_stopped_visit_waits_with_its_money_and_its_evidence(office: Office, county: County) -> None:
    seat = office.seat("chen", "town")
    listed = seat.get("/review/stops")
    assert "同一服务人员同时在两处" in listed.text
    assert [cell.text_content() for cell in listed.find("//td[contains(@class,'yuan')]")] == ["60.00", "5.00"]
    page = seat.get("/review/stops/v1")
    assert "补贴60.00元，个人5.00元" in page.text
    assert "d-v1" in page.text
    assert "1小时" in page.text or "60分0秒" in page.text


def test_released_it_is_paid_and_stays_served(office: Office, county: County) -> None:
    seat = office.seat("chen", "town")
    shown = field(seat, "/review/stops/v1", "seen")
    assert decide(seat, "/review/stops/v1", "release", seen=shown).status == 303
    (stop,) = county.rows(payment_stops)
    assert (stop.status, stop.decided_by, stop.decision_reason) == ("released", "chen", "核实过")
    assert row(office, visits, "v1").status == "served"


def test_upheld_it_is_void_and_the_money_is_back_on_the_card(office: Office, county: County) -> None:
    (subsidy, personal) = ("card_subsidy", "card_personal")
    assert (county.balance(subsidy, "card:1"), county.balance(personal, "card:1")) == (9_994_000, 9_999_500)
    seat = office.seat("chen", "town")
    shown = field(seat, "/review/stops/v1", "seen")
    assert decide(seat, "/review/stops/v1", "uphold", seen=shown).status == 303
    assert (row(office, visits, "v1").status, row(office, debits, "d-v1").status) == ("void", "reversed")
    assert (county.balance(subsidy, "card:1"), county.balance(personal, "card:1")) == (10_000_000, 10_000_000)


def test_what_a_person_owes_is_taken_first_and_said_so(office: Office, county: County) -> None:
    """40.00 of a month after a death were spent and are owed: of the 60.00 that come back 20.00 stay on the card."""
    owed = {"scheme_code": "jiangdu", "month": "2026-08", "senior_id": county.senior, "occurrence": 1, "card_id": 1}
    owed |= {"taken_back": 0, "receivable": 4000, "reason": "died", "recorded_at": at("2026-07-20 09:00")}
    with office.engine.begin() as conn:
        conn.execute(insert(issuance_returns), owed)
    seat = office.seat("chen", "town")
    page = seat.get("/review/stops/v1")
    assert "先抵应追回的40.00元" in page.text
    shown = field(seat, "/review/stops/v1", "seen")
    assert decide(seat, "/review/stops/v1", "uphold", seen=shown).status == 303
    assert county.balance("card_subsidy", "card:1") == 9_994_000 + 6000 - 4000


def test_who_saw_another_debit_is_told(office: Office, county: County) -> None:
    seat = office.seat("chen", "town")
    shown = field(seat, "/review/stops/v1", "seen")
    with acting(office.engine, "2026-08-01 09:00") as act:
        assert voiding.take_back_debit(act, "d-v1", "wrong_amount") is None
    assert decide(seat, "/review/stops/v1", "uphold", seen=shown).status == 409
    assert county.one(payment_stops).status == "open"


def test_without_a_reason_nothing_is_decided_and_the_choice_is_kept(office: Office, county: County) -> None:
    seat = office.seat("chen", "town")
    shown = field(seat, "/review/stops/v1", "seen")
    answer = decide(seat, "/review/stops/v1", "uphold", why=" ", seen=shown)
    assert answer.status == 422
    assert answer.find("//select[@name='decision']/option[@selected]/@value") == ["uphold"]
    assert county.one(payment_stops).status == "open"


def test_who_saw_fewer_stops_is_told(office: Office, county: County) -> None:
    seat = office.seat("chen", "town")
    shown = field(seat, "/review/stops/v1", "seen")
    county.stop("v1", source="far_from_address")
    answer = decide(seat, "/review/stops/v1", "release", seen=shown)
    assert answer.status == 409
    assert [stop.status for stop in county.rows(payment_stops)] == ["open", "open"]


def test_another_towns_stop_does_not_exist(office: Office, county: County) -> None:
    seat = office.seat("zhu", "town", town=OTHER_TOWN)
    theirs, nobodys = seat.get("/review/stops/v1"), seat.get("/review/stops/v9")
    assert (theirs.status, theirs.text) == (nobodys.status, nobodys.text)
    assert theirs.status == 404
    assert "v1" not in seat.get("/review/stops").text
    assert decide(seat, "/review/stops/v1", "release", seen="x").status == 404


def test_the_auditor_reads_and_decides_nothing(office: Office, county: County) -> None:
    seat = office.seat("audit", "auditor")
    page = seat.get("/review/stops/v1")
    assert page.status == 200
    assert page.find("//form[contains(@action,'decide')]") == []
    assert decide(seat, "/review/stops/v1", "release").status == 403


# -- corrections of times -----------------------------------------------------------------------------------------------------
@pytest.fixture
def proposed(office: Office) -> tuple[World, int]:
    """A visit told 09:00 to 10:00 on 3 July; the provider says that it began at 08:40."""
    world = found(office.engine)
    office.now = at("2026-07-04 10:00")
    visit = world.served(world.holder(subsidy=10_000), when="2026-07-03 09:00")
    proposal = Proposal(visit_id=visit.id, reason="late_in", note="签到前已在备菜", check_in_at=at("2026-07-03 08:40"))
    with acting(office.engine, "2026-07-04 09:00", officer("desk", "provider", provider_id=world.ours)) as act:
        return world, correcting.propose(act, proposal)


def test_a_correction_is_approved_with_both_times_in_sight(office: Office, proposed: tuple[World, int]) -> None:
    _, id = proposed
    seat = office.seat("chen", "town")
    page = seat.get(f"/review/corrections/{id}")
    assert "2026-07-03 09:00" in page.text
    assert "2026-07-03 08:40" in page.text
    before = row(office, visits, row(office, visit_corrections, id).visit_id).seconds
    assert decide(seat, f"/review/corrections/{id}", "approve", why="").status == 303
    done = row(office, visit_corrections, id)
    assert (done.status, done.decided_by) == ("approved", "chen")
    assert row(office, visits, done.visit_id).seconds == before + 20 * 60


def test_a_correction_is_rejected_only_with_a_reason(office: Office, proposed: tuple[World, int]) -> None:
    _, id = proposed
    seat = office.seat("chen", "town")
    assert decide(seat, f"/review/corrections/{id}", "reject", why="").status == 422
    assert row(office, visit_corrections, id).status == "proposed"
    assert decide(seat, f"/review/corrections/{id}", "reject", why="与老人核对不符").status == 303
    assert row(office, visit_corrections, id).status == "rejected"


def test_another_towns_correction_does_not_exist(office: Office, proposed: tuple[World, int]) -> None:
    _, id = proposed
    seat = office.seat("zhu", "town", town=OTHER_TOWN)
    theirs, nobodys = seat.get(f"/review/corrections/{id}"), seat.get("/review/corrections/98765")
    assert (theirs.status, theirs.text) == (404, nobodys.text)
    assert decide(seat, f"/review/corrections/{id}", "approve").status == 404


# -- records of devices -------------------------------------------------------------------------------------------------------
@pytest.fixture
def kept(office: Office) -> tuple[World, Any]:
    """A visit's check-in, signed by a phone that was reported lost before it came in."""
    world = found(office.engine)
    someone = world.holder(subsidy=5000)
    phone = Phone(world, world.caregiver())
    with acting(world.engine, "2026-07-04 12:00", DISTRICT) as act:
        devices.revoke(act, phone.id, "lost")
    event = phone.check_in(someone, "2026-07-03 09:00")
    assert phone.hand_in(event, "2026-07-06 09:00").status == "quarantined"
    return world, event


@pytest.mark.parametrize(("decision", "status"), [("release", "released"), ("reject", "rejected")])
def test_a_record_in_quarantine_is_decided(office: Office, kept: tuple[World, Any], decision: str, status: str) -> None:
    _, event = kept
    seat = office.seat("chen", "town")
    assert event.hash[:12] in seat.get("/review/quarantine").text
    page = seat.get(f"/review/quarantine/{event.hash}")
    assert "lost" in page.text
    assert event.body["token"] not in page.content.decode()
    assert decide(seat, f"/review/quarantine/{event.hash}", decision).status == 303
    done = row(office, door_events, event.hash)
    assert (done.status, done.decided_by) == (status, "chen")
    assert "没有记录" in seat.get("/review/quarantine").text


def test_another_towns_record_does_not_exist(office: Office, kept: tuple[World, Any]) -> None:
    _, event = kept
    seat = office.seat("zhu", "town", town=OTHER_TOWN)
    assert event.hash[:12] not in seat.get("/review/quarantine").text
    theirs, nobodys = seat.get(f"/review/quarantine/{event.hash}"), seat.get(f"/review/quarantine/{'0' * 64}")
    assert (theirs.status, theirs.text) == (404, nobodys.text)
    assert decide(seat, f"/review/quarantine/{event.hash}", "release").status == 404


def test_whose_records_are_is_told_for_many_at_once(office: Office, kept: tuple[World, Any]) -> None:
    world, event = kept
    phone = Phone(world, world.caregiver())
    nobodys = phone.sign("check_in", at("2026-07-03 09:00"), method="card_qr", token="SB1.x.1.t1.AAAA")
    with acting(world.engine, "2026-07-04 12:00", DISTRICT) as act:
        devices.revoke(act, phone.id, "lost")
    phone.hand_in(nobodys, "2026-07-06 09:00")
    with office.engine.connect() as conn:
        whose = quarantine.towns(conn, quarantine.waiting(conn))
    assert whose == {event.hash: TOWN, nobodys.hash: None}


@pytest.fixture
def waits(office: Office) -> tuple[World, Any]:
    """A check-out on a second phone, come in before the first phone's check-in."""
    world = found(office.engine)
    someone = world.holder(subsidy=5000)
    caregiver = world.caregiver()
    first, second = Phone(world, caregiver), Phone(world, caregiver)
    began = first.check_in(someone, "2026-07-03 09:00")
    out = second.check_out(began, someone, timedelta(minutes=70), CLEANING)
    second.hand_in(out, "2026-07-03 11:00")
    return world, out


def test_what_waits_is_listed_for_who_may_see_it(office: Office, waits: tuple[World, Any]) -> None:
    _, out = waits
    assert row(office, door_events, out.hash).status == "waiting"
    page = office.seat("district", "civil_affairs").get("/review/waiting")
    assert "签退 check-out" in page.text
    assert out.device_id in page.text
    assert out.device_id not in office.seat("zhu", "town", town=OTHER_TOWN).get("/review/waiting").text


def test_settling_what_waits_for_nothing_leaves_it(office: Office, waits: tuple[World, Any]) -> None:
    _, out = waits
    answer = office.seat("district", "civil_affairs").post("/review/waiting/settle")
    assert answer.status == 303
    assert row(office, door_events, out.hash).status == "waiting"
