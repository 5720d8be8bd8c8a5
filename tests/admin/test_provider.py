"""A provider's own desk: what it plans, answers, calls back, voids; and that another provider's work does not exist for it."""

from __future__ import annotations

import io
from datetime import date

import pytest
from openpyxl import load_workbook
from sqlalchemy import Engine, select, update

from settlement.audit import audit_rows
from settlement.people import register
from settlement.people.tables import seniors
from settlement.providers.tables import contracts
from settlement.supervision.tables import callbacks
from settlement.visits import bookings
from settlement.visits.tables import bookings as booking_rows
from settlement.visits.tables import debits, visit_corrections, visits, work_orders
from tests.admin.office import Answer, Office, Seat
from tests.cards.county import carded
from tests.support import RING, acting, at, officer
from tests.visits.world import CLEANING, REPAIR, World, found

OTHER_TOWN = "小纪镇"


class Desk:
    """The world of the door with a console in front: 方 of our provider, 孙 of the other one."""

    def __init__(self, engine: Engine) -> None:
        self.world: World = found(engine)
        self.engine = engine
        self.office = Office(engine)
        self.fang = self.seat("fang", self.world.ours)
        self.sun = self.seat("sun2", self.world.theirs)

    def seat(self, name: str, provider_id: int) -> Seat:
        return self.office.seat(name, "provider", provider_id=provider_id)

    def rows(self, query) -> list:  # type: ignore[no-untyped-def, type-arg]
        with self.engine.connect() as conn:
            return list(conn.execute(query))

    def senior(self, *, town: str = "仙女镇", phone: str | None = None) -> int:
        with acting(self.engine, "2026-06-01 09:00") as act:
            senior_id, _ = carded(act, 150, "2026-01", town=town)
            if phone:
                cipher = RING.encrypt(phone, register.PHONE)
                act.conn.execute(update(seniors).where(seniors.c.id == senior_id).values(phone_cipher=cipher))
        return senior_id

    def plan(self, senior_id: int, day: str = "2026-07-20", time: str = "09:00", **more: object) -> Answer:
        fields = {"senior": senior_id, "day": day, "time": time, "minutes": 60, "item": [CLEANING], "origin": "planned"}
        return self.fang.post("/provider/orders", fields | more)

    def served(self, **facts: object) -> str:
        """A visit of 2026-07-03, debited 30.00 from 100.00 of subsidy; its id."""
        visit = self.world.served(self.world.holder(subsidy=10_000), CLEANING, **facts)  # type: ignore[arg-type]
        self.world.debit(visit, 3000)
        return visit.id


@pytest.fixture
def desk(engine: Engine) -> Desk:
    return Desk(engine)


def cells(answer: Answer, column: int) -> list[str]:
    return [" ".join(cell.text_content().split()) for cell in answer.find(f"//tbody/tr/td[{column}]")]


def stamp_of(answer: Answer) -> str:
    return str(answer.find("//input[@name='seen']/@value")[0])


# -- orders ---------------------------------------------------------------------------------------------------------------------
def test_an_order_is_planned_given_to_somebody_and_taken_back(desk: Desk) -> None:
    senior_id, caregiver = desk.senior(), desk.world.caregiver()
    planned = desk.plan(senior_id)
    order_id = f"o-202607200900-{desk.world.ours}-{senior_id}"
    assert (planned.status, planned.location) == (303, f"/provider/orders/{order_id}")
    assert "待服务" in desk.fang.get(planned.location).text
    given = desk.fang.post("/provider/orders/assign", {"order": [order_id], "caregiver": caregiver})
    assert given.status == 303
    listed = desk.fang.get("/provider/orders", **{"from": "2026-07-20", "until": "2026-07-20"})
    assert cells(listed, 2) == ["2026-07-20 09:00"]
    assert "李秀兰" in cells(listed, 7)
    assert desk.fang.post("/provider/orders/cancel", {"order": [order_id], "reason": "senior_asked"}).status == 303
    [row] = desk.rows(select(work_orders.c.status, work_orders.c.status_reason, work_orders.c.caregiver_id))
    assert row == ("cancelled", "senior_asked", caregiver)


def test_the_same_plan_again_is_the_same_order(desk: Desk) -> None:
    senior_id = desk.senior()
    assert desk.plan(senior_id).location == desk.plan(senior_id).location
    assert len(desk.rows(select(work_orders.c.id))) == 1


def test_what_was_filled_in_stands_beside_what_is_wrong(desk: Desk) -> None:
    answer = desk.plan(desk.senior(), minutes="viel", time="25:99")
    assert answer.status == 422
    assert "应为整数" in answer.text
    assert answer.find("//input[@name='minutes']/@value") == ["viel"]


@pytest.mark.parametrize("elsewhere", ["town", "nobody"])
def test_nobody_plans_for_a_senior_of_a_town_without_a_contract(desk: Desk, elsewhere: str) -> None:
    senior_id = desk.senior(town=OTHER_TOWN) if elsewhere == "town" else 999_999
    answer = desk.plan(senior_id)
    assert answer.status == 404
    assert "没有可以派单的老人" in answer.text
    assert desk.rows(select(work_orders.c.id)) == []


def test_a_plan_of_the_past_or_of_an_item_not_sold_is_refused(desk: Desk) -> None:
    senior_id = desk.senior()
    assert desk.plan(senior_id, "2026-07-15", "08:59").status == 422  # it is 09:00
    assert desk.plan(senior_id, item=["XX99"]).status == 422
    assert desk.rows(select(work_orders.c.id)) == []


def test_orders_are_given_only_to_who_may_work_that_day(desk: Desk) -> None:
    order_id = desk.plan(desk.senior()).location.rpartition("/")[2]
    untrained = desk.world.caregiver(trained_on=None)
    answer = desk.fang.post("/provider/orders/assign", {"order": [order_id], "caregiver": untrained})
    assert (answer.status, "未通过培训" in answer.text) == (403, True)
    theirs = desk.world.caregiver(desk.world.theirs)
    assert desk.fang.post("/provider/orders/assign", {"order": [order_id], "caregiver": theirs}).status == 404
    assert desk.rows(select(work_orders.c.caregiver_id)) == [(None,)]


def test_another_providers_order_is_answered_like_none(desk: Desk) -> None:
    order_id = desk.plan(desk.senior()).location.rpartition("/")[2]
    for path in (f"/provider/orders/{order_id}", "/provider/orders/nobody"):
        missed = desk.sun.get(path)
        assert missed.status == 404 and "付款单" not in missed.text
    for path, fields in (
        ("/provider/orders/assign", {"order": [order_id]}),
        ("/provider/orders/cancel", {"order": [order_id], "reason": "provider"}),
        (f"/provider/orders/{order_id}/show", {"what": "phone", "why": "安排服务"}),
    ):
        assert desk.sun.post(path, fields).status == 404
    listed = desk.sun.get("/provider/orders", **{"from": "2026-07-01", "until": "2026-07-31", "state": "all"})
    assert "王桂英" not in listed.text
    assert desk.rows(select(work_orders.c.status)) == [("planned",)]


def test_a_telephone_number_in_full_is_on_record(desk: Desk) -> None:
    order_id = desk.plan(desk.senior(phone="13800001234")).location.rpartition("/")[2]
    assert "13800001234" not in desk.fang.get(f"/provider/orders/{order_id}").text
    shown = desk.fang.post(f"/provider/orders/{order_id}/show", what="phone", why="约定上门时间")
    assert "13800001234" in shown.text
    [row] = desk.rows(select(audit_rows.c.actor, audit_rows.c.why).where(audit_rows.c.act == "senior.reveal"))
    assert row == ("fang", "约定上门时间")


# -- the month's plan -----------------------------------------------------------------------------------------------------------
def test_a_month_is_planned_as_the_one_before_and_only_what_is_missing(desk: Desk) -> None:
    """Semi-disabled: 2 visits a month. July: Tuesday 21st, Monday 27th, Friday 31st. August's third Tuesday is the 18th, its fourth Monday the 24th;
    it has no fifth Friday."""
    senior_id, other = desk.senior(), desk.senior()
    for day in ("2026-07-21", "2026-07-27", "2026-07-31"):
        desk.plan(senior_id, day)
    page = desk.fang.get("/provider/plan", month="2026-08")
    assert cells(page, 2) == [str(senior_id), str(other)]
    assert cells(page, 10) == ["2", "2"]
    answer = desk.fang.post("/provider/plan/repeat", {"month": "2026-08", "senior": [senior_id, other]})
    assert answer.location == "/provider/plan?month=2026-08"
    told = desk.fang.get(answer.location)
    assert "已按上月派2张工单" in told.text
    assert "1位老人还没有派齐" in told.text
    assert cells(told, 2) == [str(other)]
    o = work_orders.c
    made = desk.rows(select(o.planned_start).where(o.planned_start >= at("2026-08-01 00:00")).order_by(o.planned_start))
    assert [row.planned_start for row in made] == [at("2026-08-18 09:00"), at("2026-08-24 09:00")]
    again = desk.fang.post("/provider/plan/repeat", {"month": "2026-08", "senior": [senior_id]})
    assert "已按上月派0张工单" in desk.fang.get(again.location).text
    assert len(desk.rows(select(o.id))) == 5


def test_the_plan_names_who_lives_here_in_the_providers_towns(desk: Desk) -> None:
    """Not somebody of a town without a contract, nor who died or left, whatever they are entitled to."""
    here, dead, gone = desk.senior(), desk.senior(), desk.senior()
    desk.senior(town="丁伙镇")
    with desk.engine.begin() as conn:
        for senior_id, day in ((dead, "died_on"), (gone, "left_on")):
            conn.execute(update(seniors).where(seniors.c.id == senior_id).values({day: at("2026-07-20 00:00").date()}))
    page = desk.fang.get("/provider/plan", month="2026-08", show="all")
    assert cells(page, 2) == [str(here)]
    assert page.find("//caption/small")[0].text_content() == "1"


def test_a_sheet_is_filled_in_and_planned_from(desk: Desk) -> None:
    senior_id = desk.senior()
    number = desk.world.caregiver()
    staff_no = f"{next(desk.world.numbers) - 1:04d}"
    sheet = desk.fang.get("/provider/plan/sheet", month="2026-08")
    book = load_workbook(io.BytesIO(sheet.content))
    rows = list(book.active.iter_rows(values_only=True))
    assert [row[:4] for row in rows[1:]] == [(senior_id, "王桂英", "正谊村", 2)] * 2
    exported = select(audit_rows.c.actor, audit_rows.c.subject).where(audit_rows.c.act == "list.export")
    assert desk.rows(exported) == [("fang", "list:plan-2026-08")]
    book.active["E2"], book.active["F2"], book.active["H2"] = date(2026, 8, 4), "9:30", f"{CLEANING}、{REPAIR}"
    book.active["I2"] = staff_no
    out = io.BytesIO()
    book.save(out)
    answer = desk.fang.post("/provider/plan/sheet", month="2026-08", file=("plan.xlsx", out.getvalue()))
    assert answer.status == 303
    o = work_orders.c
    [row] = desk.rows(select(o.senior_id, o.planned_start, o.planned_minutes, o["items"], o.caregiver_id))
    assert row == (senior_id, at("2026-08-04 09:30"), 60, [CLEANING, REPAIR], number)


def test_every_fault_of_a_sheet_is_listed_and_nothing_planned(desk: Desk) -> None:
    senior_id = desk.senior()
    header = "老人编号 senior,姓名 name,日期 day,时间 time,分钟 minutes,项目编码 items,工号 staff no\n"
    lines = [
        f"{senior_id},王桂英,2026-08-04,9:30,60,{CLEANING},",
        f"{senior_id},张三,2026-08-05,9:30,60,{CLEANING},",  # not that number's name
        f"{senior_id},,2026-09-05,25:00,0,,9999",  # another month, no time, no minutes, no items, nobody
        f"{senior_id},,2026-08-04,9:30,60,{CLEANING},",  # the first again
        ",,,,,,",
    ]
    file = ("plan.csv", (header + "\n".join(lines)).encode())
    answer = desk.fang.post("/provider/plan/sheet", month="2026-08", file=file)
    assert answer.status == 422
    assert "表中有7处问题" in answer.text
    faults = [" ".join(each.text_content().split()) for each in answer.find("//div[@id='told']//li")]
    assert [fault.split()[1] for fault in faults] == ["A3", "C4", "D4", "E4", "F4", "G4", "5"]
    assert desk.rows(select(work_orders.c.id)) == []


# -- bookings -------------------------------------------------------------------------------------------------------------------
def booked(desk: Desk, provider_id: int | None = None, town: str = "仙女镇") -> int:
    senior_id = desk.senior()
    with acting(desk.engine, "2026-07-14 09:00", officer("anne", "hotline")) as act:
        id = bookings.ask(act, senior_id, [CLEANING], "上午", date(2026, 7, 20), provider_id=provider_id)
        act.conn.execute(update(booking_rows).where(booking_rows.c.id == id).values(town=town))
    return id


def test_a_booking_is_accepted_and_becomes_an_order(desk: Desk) -> None:
    id = booked(desk)
    page = desk.fang.get(f"/provider/bookings/{id}")
    assert (page.status, "待答复" in page.text) == (200, True)
    answer = desk.fang.post(f"/provider/bookings/{id}/accept", day="2026-07-20", time="10:00", minutes=90)
    assert answer.location == f"/provider/orders/booked-{id}"
    [row] = desk.rows(select(work_orders.c.planned_start, work_orders.c.planned_minutes, work_orders.c["items"]))
    assert row == (at("2026-07-20 10:00"), 90, [CLEANING])


def test_a_booking_is_given_to_ones_own_staff_only(desk: Desk) -> None:
    """The order's page would name whoever stands on it."""
    id = booked(desk)
    asked = {"day": "2026-07-20", "time": "10:00", "minutes": "90"}
    for stranger in (desk.world.caregiver(desk.world.theirs), 999_999):
        answer = desk.fang.post(f"/provider/bookings/{id}/accept", asked | {"caregiver": str(stranger)})
        assert (answer.status, "没有这个工号的服务人员" in answer.text) == (404, True)
    own = desk.world.caregiver()
    assert desk.fang.post(f"/provider/bookings/{id}/accept", asked | {"caregiver": str(own)}).status == 303
    assert desk.rows(select(work_orders.c.caregiver_id)) == [(own,)]


def test_a_booking_asked_of_us_may_be_declined_and_one_of_nobody_not(desk: Desk) -> None:
    ours, anybodys = booked(desk, desk.world.ours), booked(desk)
    assert desk.fang.post(f"/provider/bookings/{ours}/decline", reason="no_caregiver").status == 303
    assert desk.fang.post(f"/provider/bookings/{anybodys}/decline", reason="no_caregiver").status == 403
    assert desk.rows(select(booking_rows.c.status).order_by(booking_rows.c.id)) == [("declined",), ("asked",)]


def test_bookings_of_others_and_of_towns_without_a_contract_do_not_exist(desk: Desk) -> None:
    theirs, far = booked(desk, desk.world.theirs), booked(desk, town=OTHER_TOWN)
    for id in (theirs, far, 999):
        assert desk.fang.get(f"/provider/bookings/{id}").status == 404
        assert (
            desk.fang.post(f"/provider/bookings/{id}/accept", day="2026-07-20", time="10:00", minutes=60).status == 404
        )
    assert cells(desk.fang.get("/provider/bookings"), 1) == ["没有记录 Nothing here"]


# -- callbacks ------------------------------------------------------------------------------------------------------------------
def test_a_callback_is_made_and_counted(desk: Desk) -> None:
    visit_id = desk.served()
    assert cells(desk.fang.get("/provider/callbacks"), 2)[0] == "王桂英"
    page = desk.fang.get(f"/provider/callbacks/{visit_id}")
    assert "已过服务当天" in page.text
    answer = desk.fang.post(f"/provider/callbacks/{visit_id}", rating="fair", as_recorded="yes", words="来晚了")
    assert answer.location == "/provider/callbacks"
    listed = desk.fang.get("/provider/callbacks", month="2026-07")
    assert [cell.text_content() for cell in listed.find("//table[caption[contains(., '按镇街')]]/tbody/tr/td")] == [
        *("1", "0", "1", "0", "0", "1", "0", "0", "100%", "0%")
    ]
    assert "来晚了" in desk.fang.get("/provider/callbacks/made", month="2026-07").text
    assert desk.fang.post(f"/provider/callbacks/{visit_id}", rating="satisfied", as_recorded="yes").status == 409


def test_what_was_not_as_recorded_leads_to_the_visit(desk: Desk) -> None:
    visit_id = desk.served()
    answer = desk.fang.post(f"/provider/callbacks/{visit_id}", rating="dissatisfied", as_recorded="no")
    assert answer.location == f"/provider/visits/{visit_id}"


def test_who_was_reached_has_to_say_whether_it_was_as_recorded(desk: Desk) -> None:
    visit_id = desk.served()
    assert desk.fang.post(f"/provider/callbacks/{visit_id}", rating="satisfied").status == 422
    assert desk.fang.post(f"/provider/callbacks/{visit_id}", rating="nobody").status == 303
    assert desk.rows(select(callbacks.c.reached)) == [(False,)]


def test_the_number_to_call_is_shown_on_record(desk: Desk) -> None:
    visit_id = desk.served()
    with acting(desk.engine) as act:
        cipher = RING.encrypt("13900005678", register.PHONE)
        act.conn.execute(update(seniors).values(phone_cipher=cipher))
    assert "13900005678" in desk.fang.post(f"/provider/callbacks/{visit_id}/number").text
    assert desk.rows(select(audit_rows.c.why).where(audit_rows.c.act == "senior.reveal")) == [("回访 callback",)]


# -- visits ---------------------------------------------------------------------------------------------------------------------
def test_a_void_shows_what_goes_back_before_it_is_done(desk: Desk) -> None:
    visit_id = desk.served()
    page = desk.fang.get(f"/provider/visits/{visit_id}/void")
    assert "30.00 元" in page.text
    fields = {"reason": "substandard", "seen": stamp_of(page)}
    assert desk.fang.post(f"/provider/visits/{visit_id}/void", fields).status == 422  # not confirmed
    answer = desk.fang.post(f"/provider/visits/{visit_id}/void", fields | {"confirmed": "yes"})
    assert answer.location == f"/provider/visits/{visit_id}"
    assert desk.rows(select(visits.c.status, visits.c.void_reason)) == [("void", "substandard")]
    assert desk.rows(select(debits.c.status)) == [("reversed",)]
    assert [row.origin for row in desk.rows(select(work_orders.c.origin))] == ["again"]


def test_a_void_of_what_changed_meanwhile_is_refused(desk: Desk) -> None:
    visit_id = desk.served()
    seen = stamp_of(desk.fang.get(f"/provider/visits/{visit_id}/void"))
    with acting(desk.engine) as act:
        act.conn.execute(update(debits).values(subsidy_fen=2000, personal_fen=1000))
    fields = {"reason": "substandard", "seen": seen, "confirmed": "yes"}
    answer = desk.fang.post(f"/provider/visits/{visit_id}/void", fields)
    assert (answer.status, "已被他人修改" in answer.text) == (409, True)
    assert desk.rows(select(visits.c.status)) == [("served",)]


def test_a_correction_is_proposed(desk: Desk) -> None:
    """Told 09:00 to 10:00; really until 10:05."""
    desk.office.now = at("2026-07-04 09:00")
    fang = desk.seat("fang", desk.world.ours)
    visit_id = desk.served()
    fields = {"reason": "early_out", "ended": "2026-07-03T10:05", "note": "电话核实"}
    assert fang.post(f"/provider/visits/{visit_id}/correct", fields).status == 303
    [row] = desk.rows(select(visit_corrections.c.status, visit_corrections.c.check_out_at))
    assert row == ("proposed", at("2026-07-03 10:05"))
    assert "待批准" in fang.get(f"/provider/visits/{visit_id}").text


@pytest.mark.parametrize("path", ["visits/{}", "visits/{}/void", "callbacks/{}"])
def test_another_providers_visit_is_answered_like_none(desk: Desk, path: str) -> None:
    visit_id = desk.served()
    assert desk.fang.get(f"/provider/{path.format(visit_id)}").status == 200
    assert desk.sun.get(f"/provider/{path.format(visit_id)}").status == 404
    assert desk.fang.get(f"/provider/{path.format('nobody')}").status == 404


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("visits/{}/void", {"reason": "substandard", "confirmed": "yes", "seen": "x"}),
        ("visits/{}/correct", {"reason": "early_out", "ended": "2026-07-03T10:05", "note": "电话核实"}),
        ("callbacks/{}", {"rating": "satisfied", "as_recorded": "yes"}),
        ("callbacks/{}/number", {}),
    ],
)
def test_nothing_is_done_to_another_providers_visit(desk: Desk, path: str, fields: dict[str, str]) -> None:
    visit_id = desk.served()
    assert desk.sun.post(f"/provider/{path.format(visit_id)}", fields).status == 404
    assert desk.rows(select(visits.c.status)) == [("served",)]
    assert desk.rows(select(callbacks.c.id)) == []


# -- who looks ------------------------------------------------------------------------------------------------------------------
def test_an_auditor_looks_and_changes_nothing(desk: Desk) -> None:
    visit_id, order = desk.served(), desk.plan(desk.senior()).location
    auditor = desk.office.seat("shen", "auditor")
    ours = {"provider": desk.world.ours}
    for path in ("orders", "plan", "bookings", "callbacks", "visits", "statements", "payments", "complaints"):
        page = auditor.get(f"/provider/{path}", **ours)
        assert page.status == 200, path
        assert (
            page.find(
                "//main//form[@method='post'][not(@action='/provider/orders/assign')][not(@action='/provider/plan/repeat')]"
            )
            == []
        )
    assert auditor.get(order).status == 200
    assert auditor.get(f"/provider/visits/{visit_id}").status == 200
    assert auditor.post("/provider/plan/repeat", month="2026-08").status == 403


def test_a_provider_without_a_contract_is_told_so(desk: Desk) -> None:
    with acting(desk.engine) as act:
        act.conn.execute(update(contracts).values(until_day=date(2026, 7, 1)))
    answer = desk.fang.get("/provider/plan")
    assert (answer.status, "没有有效合同" in answer.text) == (403, True)
    assert desk.fang.get("/provider/orders").status == 200
