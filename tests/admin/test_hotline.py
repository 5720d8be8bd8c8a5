"""The hotline's desk: nothing is shown before the questions were answered, and everything in plain words afterwards."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, select, update

from settlement.cards.tables import cards, media
from settlement.people.register import ID_LAST4, PHONE
from settlement.people.tables import seniors
from settlement.supervision import complaints, knowing
from settlement.visits import bookings
from tests.admin.office import VILLAGE, Office, Seat
from tests.support import RING
from tests.visits.world import CLEANING, Debit, Holder, World, found

MOBILE = "13800005678"


@pytest.fixture
def world(engine: Engine) -> World:
    return found(engine)


@pytest.fixture
def her(world: World) -> Holder:
    someone = world.holder(subsidy=9000, personal=550)
    known = {"id_last4_index": RING.index("002X", ID_LAST4), "emergency_name": "王小红"}
    known |= {"phone_cipher": RING.encrypt(MOBILE, PHONE), "phone_index": RING.index(MOBILE, PHONE)}
    with world.engine.begin() as conn:
        conn.execute(update(seniors).where(seniors.c.id == someone.senior_id).values(known))
    assert isinstance(world.debit(world.served(someone, when="2026-07-03 09:00"), 3000), Debit)
    return someone


def answers(world: World, someone: Holder) -> dict[str, str]:
    with world.engine.connect() as conn:
        number = conn.scalar(select(media.c.card_no).where(media.c.id == someone.medium_id)) or ""
    known = {"id_last4": "002X", "birth_date": "1948-03-01", "card_last4": number[-4:], "phone_last4": "5678"}
    return known | {"emergency_name": "王小红", "last_visit": "2026-07-03", "last_debit": "30.00"}


def begun(seat: Seat, someone: Holder) -> str:
    page = seat.post("/hotline/find", number=MOBILE)
    assert page.find("//input[@name='senior_id']")[0].get("value") == str(someone.senior_id)
    return seat.post("/hotline/begin", senior_id=str(someone.senior_id), caller="senior").location


def test_a_call_from_the_questions_to_the_end(world: World, her: Holder, office: Office) -> None:
    seat = office.seat("lu", "hotline")
    call = begun(seat, her)
    asked = seat.get(call)
    assert len([one for one in asked.find("//form//input") if one.get("name") in knowing.QUESTIONS]) == 3
    for hidden in ("60.00", "5.50", "5678", "1948", "安康", "王小红"):
        assert hidden not in asked.text
    assert seat.post(f"{call}/lost").status == 403
    wrong = seat.post(f"{call}/answers", answers(world, her) | {"id_last4": "0000"})
    assert wrong.status == 403 and "还可试2次" in wrong.text and "60.00" not in wrong.text
    assert seat.post(f"{call}/answers", answers(world, her)).location == call
    told = seat.get(call).text
    assert "补贴账户还有 60.00 元；自己存的钱还有 5.50 元" in told  # 90.00 − 30.00; her own
    assert "2026-07-03，安康养老服务中心的李秀兰来过，60 分钟" in told
    assert seat.post(f"{call}/booking", items=[CLEANING], wished_on="2026-07-20").status == 303
    assert seat.post(f"{call}/booking").status == 422
    (debit_id,) = [one.get("value") for one in seat.get(call).find("//select[@name='subject']/option")][:1]
    assert seat.post(f"{call}/complaint", subject=debit_id, kind="not_served", words="没有人来").status == 303
    assert seat.post(f"{call}/lost").status == 303
    assert "已挂失。补贴账户还有 60.00 元，现在可以用的是 0.00 元" in seat.get(call).text
    with world.engine.connect() as conn:
        (asked_for,) = bookings.listing(conn, senior_id=her.senior_id)
        (said,) = complaints.listing(conn, senior_id=her.senior_id)
        assert conn.scalar(select(cards.c.status).where(cards.c.id == her.card_id)) == "lost"
    assert (asked_for.items, said.kind, said.in_time) == ([CLEANING], "not_served", True)
    assert seat.post(f"{call}/end").location == "/hotline/"
    assert "60.00" not in seat.get(call).text
    assert seat.post(f"{call}/booking", items=[CLEANING]).status == 403


def test_what_was_said_is_forgotten_half_an_hour_later(world: World, her: Holder, office: Office) -> None:
    seat = office.seat("lu", "hotline")
    call = begun(seat, her)
    seat.post(f"{call}/answers", answers(world, her))
    office.passes(minutes=29)
    assert "60.00" in seat.get(call).text
    office.passes(minutes=1)
    assert "60.00" not in seat.get(call).text


def test_another_agents_call_is_answered_like_none(world: World, her: Holder, office: Office) -> None:
    lu, he = office.seat("lu", "hotline"), office.seat("he", "hotline")
    call = begun(lu, her)
    lu.post(f"{call}/answers", answers(world, her))
    assert he.get(call).status == he.get("/hotline/calls/987654").status == 404
    for act in ("answers", "end", "lost"):
        assert he.post(f"{call}/{act}", answers(world, her)).status == 404
    assert len(he.get("/hotline/calls").find("//tbody//td[@class='none']")) == 1
    assert "lu" in office.seat("sun", "auditor").get("/hotline/calls").text
    assert (
        office.seat("sun").get(call).status == 403
    )  # who supervises sees that there was a call, and nothing of what was said


def test_no_other_desk_shows_the_hotline_a_balance(world: World, her: Holder, office: Office) -> None:
    seat = office.seat("lu", "hotline")
    for path in (f"/people/{her.senior_id}", f"/counter/cards/{her.card_id}", f"/voices/people/{her.senior_id}"):
        assert seat.get(path).status == 403, path


def test_only_whom_the_caller_names_exactly_is_found(world: World, her: Holder, office: Office) -> None:
    seat = office.seat("lu", "hotline")
    assert (
        seat.post("/hotline/find", name="王桂英", village=VILLAGE).status == 404
    )  # the register's index is of made-up people
    for given in ({"name": "王"}, {"number": "002X"}, {"village": VILLAGE}, {}):
        assert seat.post("/hotline/find", given).status == 404


def test_nothing_of_a_person_is_shown_without_a_call(world: World, her: Holder, office: Office) -> None:
    seat = office.seat("lu", "hotline")
    answer = seat.post(f"/people/{her.senior_id}/reveal", field="phone", why="来电")
    assert answer.status == 403
    for hidden in (MOBILE, "1948", "60.00"):
        assert hidden not in answer.text


def test_who_only_names_a_number_is_told_no_name(world: World, her: Holder, office: Office) -> None:
    with world.engine.connect() as conn:
        name, town, village = conn.execute(
            select(seniors.c.name, seniors.c.town, seniors.c.village).where(seniors.c.id == her.senior_id)
        ).one()
    seat = office.seat("lu", "hotline")
    by_number = seat.post("/hotline/find", number=MOBILE)
    assert by_number.find("//input[@name='senior_id']")[0].get("value") == str(her.senior_id)
    heading = by_number.find("//section[@class='sheet']/h3")[0].text_content()
    assert (name in heading, town in heading, village in heading) == (False, False, False)
    both = seat.post("/hotline/find", number=MOBILE, name=name)
    assert name in both.find("//section[@class='sheet']/h3")[0].text_content()
    assert seat.post("/hotline/find", number=MOBILE, name=f"{name}氏").status == 404
