"""Assessments at the desks: ordered by the district, filled in by the assessor who was asked, reassessments taken over by an office."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from settlement.audit import audit_rows
from settlement.people.tables import assessment_orders, entitlements
from tests.admin import enrolling
from tests.admin.enrolling import ID_NO, approved, assessed, order_of, post_names, seats, sheet, step_of, take
from tests.admin.office import Office, Seat
from tests.support import at


@pytest.fixture
def desk(office: Office) -> Office:
    return enrolling.open_office(office)


@pytest.fixture
def who(desk: Office) -> dict[str, Seat]:
    return seats(desk)


def ordered(desk: Office, who: dict[str, Seat]) -> tuple[int, str]:
    """An application to be assessed, and the address of its order."""
    id_ = approved(desk, who)
    page = who["district"].get("/enrolment/order")
    assert "李秀兰" in page.text
    who["district"].post("/enrolment/order", scheme="jiangdu", assessor="ping", ids=[str(id_)])
    return id_, f"/enrolment/assessments/{order_of(desk)}"


def entitled(desk: Office) -> None:
    """150.00 a month from July; it is 1 September."""
    id_ = assessed(desk, seats(desk))
    desk.now = at("2026-06-15 09:00")
    post_names(seats(desk), id_)
    desk.now = at("2026-06-24 09:00")
    take(seats(desk)["village"], "publicise", id_, posted="1")
    desk.now = at("2026-09-01 09:00")


def test_the_assessor_sees_what_it_comes_to_before_it_is_sent(desk: Office, who: dict[str, Seat]) -> None:
    id_, path = ordered(desk, who)
    assert "李秀兰" not in who["district"].get("/enrolment/order").text
    assert "李秀兰" in who["assessor"].get("/enrolment/assessments").text
    looked = who["assessor"].post(f"{path}/look", sheet(45) | {"worse": ["events"]})
    assert (
        "45 分 points · 完全失能 complete" in looked.text and "按总分： by points: 重度 severe；近30天" in looked.text
    )
    assert step_of(desk, id_) == "assess"


def test_two_things_that_make_it_worse_make_it_one_level_worse(desk: Office, who: dict[str, Seat]) -> None:
    id_, path = ordered(desk, who)
    looked = who["assessor"].post(f"{path}/look", sheet(20) | {"worse": ["disorder", "events"]})
    assert "70 分 points · 中度" in looked.text  # 66 to 89 is mild, one worse is moderate
    sent = who["assessor"].post(f"{path}/find", sheet(20) | {"worse": ["disorder", "events"]})
    assert sent.status == 303 and step_of(desk, id_) == "publicise"
    assert "70分 points，中度" in who["village"].get(f"/enrolment/{id_}").text
    again = who["assessor"].post(f"{path}/find", sheet(0))
    assert again.status == 409


def test_an_incomplete_sheet_keeps_what_was_filled_in(desk: Office, who: dict[str, Seat]) -> None:
    _, path = ordered(desk, who)
    fields = {key: value for key, value in sheet(30).items() if key not in ("memory", "sight")}
    answer = who["assessor"].post(f"{path}/look", fields)
    assert answer.status == 422 and "还有2项没有评分" in answer.text
    assert len(answer.find("//p[@class='fault']")) == 2
    assert answer.find("//select[@name='eating']/option[@selected]/@value") == ["0"]
    bare = who["assessor"].post(f"{path}/find", {"eating": "9"})
    assert bare.status == 422


def test_where_to_go_is_shown_on_record_and_only_to_who_was_asked(desk: Office, who: dict[str, Seat]) -> None:
    _, path = ordered(desk, who)
    assert "13800001234" not in who["assessor"].get(path).text
    shown = who["assessor"].post(f"{path}/address")
    assert "正谊村三组12号" in shown.text and "13800001234" in shown.text
    with desk.engine.connect() as conn:
        rows = conn.execute(select(audit_rows).where(audit_rows.c.act == "senior.reveal")).all()
        assert [(row.actor, row.after["field"]) for row in rows] == [("ping", "address"), ("ping", "phone")]
    assert who["town"].post(f"{path}/address").status == 403
    other = desk.seat("ping2", "assessor")
    for answer in (other.get(path), other.post(f"{path}/address"), other.post(f"{path}/find", sheet(0))):
        assert answer.status == 404
    assert "李秀兰" not in other.get("/enrolment/assessments").text
    for seat in (who["other_town"], who["other_village"]):
        assert seat.get(path).status == 404


def test_a_reassessment_shows_its_effect_and_counts_when_the_town_takes_it_over(desk: Office) -> None:
    entitled(desk)
    who = seats(desk)
    asked = {"scheme": "jiangdu", "id_no": ID_NO, "why": "跌倒后不能行走"}
    for seat in (who["other_town"], who["other_village"]):
        assert seat.post("/enrolment/ask", asked).status == 404
    assert who["village"].post("/enrolment/ask", asked).status == 303
    assert who["town"].post("/enrolment/ask", asked).status == 409
    path = f"/enrolment/assessments/{order_of(desk)}"
    assert who["assessor"].get(path).status == 404
    assert "跌倒后不能行走" in who["district"].get("/enrolment/reassess").text
    given = {"assessor": "ping", "ids": [str(order_of(desk))]}
    assert who["district"].post("/enrolment/reassess/assign", given).status == 303
    assert who["district"].post("/enrolment/reassess/assign", given).status == 404
    fields = sheet(50) | {"assessed_on": "2026-09-01"}
    assert who["assessor"].post(f"{path}/find", fields).status == 303  # 40 points: severe
    page = who["town"].get(path)
    assert "从2026-10起：每月" in page.text and "150.00" in page.text and "260.00" in page.text
    with desk.engine.connect() as conn:
        assert conn.scalars(select(entitlements.c.amount)).all() == [15000]
    assert who["other_town"].post(f"{path}/adopt").status == 404
    assert who["assessor"].post(f"{path}/adopt").status == 403
    assert who["town"].post(f"{path}/adopt").status == 409  # not what was shown
    assert who["town"].post(f"{path}/adopt", seen=enrolling.seen(page)).status == 303
    with desk.engine.connect() as conn:
        rows = conn.execute(select(entitlements).order_by(entitlements.c.from_month)).all()
        assert [(row.amount, row.from_month, row.to_month) for row in rows] == [
            (15000, "2026-07", "2026-09"),
            (26000, "2026-10", None),
        ]


def test_after_a_year_the_reassessment_is_due_and_ordered_by_ticking(desk: Office) -> None:
    entitled(desk)
    desk.now = at("2027-06-07 09:00")  # assessed on 8 June 2026
    assert "李秀兰" not in seats(desk)["district"].get("/enrolment/reassess").text
    desk.now = at("2027-06-08 09:00")
    who = seats(desk)
    [ticked] = who["district"].get("/enrolment/reassess").find("//input[@name='ids']/@value")
    fields = {"scheme": "jiangdu", "assessor": "ping", "ids": [ticked]}
    assert who["district"].post("/enrolment/reassess", fields).status == 303
    assert "李秀兰" not in who["district"].get("/enrolment/reassess").text
    path = f"/enrolment/assessments/{order_of(desk)}"
    assert who["district"].post(f"{path}/withdraw").status == 422
    assert who["district"].post(f"{path}/withdraw", why="老人住院").status == 303
    with desk.engine.connect() as conn:
        assert conn.scalars(select(assessment_orders.c.status).order_by(assessment_orders.c.id)).all() == [
            "done",
            "withdrawn",
        ]
