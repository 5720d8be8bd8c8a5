"""A village's application on its way through the desks, step by step, for tests."""

from __future__ import annotations

from datetime import date
from typing import Any

from lxml import html
from sqlalchemy import select

from settlement.people import ability
from settlement.people.tables import assessment_orders, enrolments, seniors
from tests.admin.office import OTHER_TOWN, TOWN, VILLAGE, Answer, Office, Seat
from tests.people.people import number, settle
from tests.support import at

ID_NO = number("1950-03-07")
NEW = {
    "scheme": "jiangdu",
    "name": "李秀兰",
    "id_no": ID_NO,
    "town": TOWN,
    "village": VILLAGE,
    "categories": ["low_income"],
    "applied_on": "2026-06-08",
    "phone": "13800001234",
    "address": "正谊村三组12号",
}
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 64
DUE = "/enrolment/due/jiangdu"


def open_office(office: Office) -> Office:
    """Monday 8 June 2026, in the summer's intake."""
    settle(office.engine)
    office.now = at("2026-06-08 09:00")
    return office


def seats(office: Office) -> dict[str, Seat]:
    return {
        "village": office.seat("cun", "village"),
        "town": office.seat("zhen", "town"),
        "town2": office.seat("zhen2", "town"),
        "district": office.seat("qu", "civil_affairs"),
        "assessor": office.seat("ping", "assessor"),
        "counter": office.seat("ka", "card_counter"),
        "auditor": office.seat("shen", "auditor"),
        "other_town": office.seat("wai", "town", town=OTHER_TOWN),
        "other_village": office.seat("lin", "village", village="双沟社区"),
    }


def seen(answer: Answer) -> str:
    return str(answer.find("//input[@name='seen']/@value")[0])


def apply(seat: Seat, **changed: Any) -> int:
    """From the empty form to the application's own page; its number."""
    fields = NEW | changed
    looked = seat.post("/enrolment/new/check", fields)
    assert looked.status == 200, looked.text
    taken = seat.post("/enrolment/new", fields, seen=seen(looked), identity=("身份证.png", PNG))
    assert taken.status == 303, taken.text
    return int(taken.location.rsplit("/", 1)[1])


def take(seat: Seat, step: str, *ids: int, posted: str = "") -> Answer:
    """Tick, look once more, pass."""
    fields = {"ids": [str(id_) for id_ in ids], "posted": posted}
    looked = seat.post(f"{DUE}/{step}/chosen", fields)
    assert looked.status == 200, looked.text
    return seat.post(f"{DUE}/{step}/pass", fields, seen=seen(looked))


def approved(office: Office, who: dict[str, Seat], **changed: Any) -> int:
    """An application that the district has filed."""
    id_ = apply(who["village"], **changed)
    for seat, step in (("village", "village_check"), ("town", "town_approve"), ("district", "district_file")):
        assert take(who[seat], step, id_).status == 303
    return id_


def sheet(lost: int = 0) -> dict[str, str]:
    """The assessor's form with so many points lost on the first items."""
    points = {}
    for code, item in ability.ITEMS.items():
        less = min(item.most, lost)
        points[code] = str(item.most - less)
        lost -= less
    return points | {"assessed_on": "2026-06-08"}


def order_of(office: Office) -> int:
    with office.engine.connect() as conn:
        return int(conn.scalars(select(assessment_orders.c.id).order_by(assessment_orders.c.id.desc())).first() or 0)


def assessed(office: Office, who: dict[str, Seat], lost: int = 30, **changed: Any) -> int:
    """An application whose assessment was found: by default 60 points, level 2."""
    id_ = approved(office, who, **changed)
    ordered = who["district"].post("/enrolment/order", scheme="jiangdu", assessor="ping", ids=[str(id_)])
    assert ordered.status == 303, ordered.text
    found = who["assessor"].post(f"/enrolment/assessments/{order_of(office)}/find", sheet(lost))
    assert found.status == 303, found.text
    return id_


def post_names(who: dict[str, Seat], *ids: int) -> Answer:
    fields = {"ids": [str(id_) for id_ in ids], "posted": "0"}
    return who["village"].post(f"{DUE}/publicise/post", fields)


def step_of(office: Office, id_: int) -> str:
    with office.engine.connect() as conn:
        return str(conn.scalar(select(enrolments.c.step).where(enrolments.c.id == id_)))


def senior_of(office: Office, id_: int) -> int:
    with office.engine.connect() as conn:
        return int(conn.scalar(select(enrolments.c.senior_id).where(enrolments.c.id == id_)) or 0)


def born(office: Office) -> list[date]:
    with office.engine.connect() as conn:
        return list(conn.scalars(select(seniors.c.birth_date)))


def parsed(content: bytes) -> Any:
    return html.fromstring(content)
