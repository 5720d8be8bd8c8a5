"""What people say, at the offices: complaints decided by somebody unconcerned, bookings, agents confirmed by a second person, messages tried again."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, update

from settlement.cards import pin
from settlement.messages.tables import messages
from settlement.people import agents
from settlement.supervision import complaints
from settlement.visits import bookings, voiding
from settlement.visits.tables import visits
from settlement.vouchers.tables import issuance_returns
from tests.admin.office import OTHER_TOWN, Answer, Office, Seat
from tests.cards.county import COUNTER, TOWN_CLERK
from tests.messages.world import with_phone
from tests.support import RING, acting, at
from tests.visits.world import CLEANING, Debit, Holder, World, found

WHEN = "2026-07-10 09:00"


@pytest.fixture
def world(engine: Engine) -> World:
    return found(engine)


@pytest.fixture
def her(world: World) -> Holder:
    return world.holder(subsidy=2000, personal=5000)


@pytest.fixture
def debit(world: World, her: Holder) -> Debit:
    """30.00 of 3 July: 20.00 from the subsidy, 10.00 of her own."""
    made = world.debit(world.served(her, when="2026-07-03 09:00"), 3000, confirm_personal_fen=1000)
    assert isinstance(made, Debit)
    return made


def complaint(world: World, her: Holder, debit: Debit, kind: str = "not_served") -> int:
    with acting(world.engine, WHEN, TOWN_CLERK) as act:
        return complaints.open_(act, her.senior_id, f"debit:{debit.id}", kind, "没有人来", "senior")


def seen(page: Answer) -> dict[str, str]:
    return {"seen": page.find("//input[@name='seen']")[0].get("value")}


def head(office: Office) -> Seat:
    return office.seat("head", "town")


# -- complaints -------------------------------------------------------------------------------------------------------------------
def test_a_complaint_is_decided_beside_its_evidence(world: World, her: Holder, debit: Debit, office: Office) -> None:
    number = complaint(world, her, debit)
    seat, path = head(office), f"/voices/complaints/{number}"
    assert [one.text for one in seat.get("/voices/complaints").find("//td[1]/a")] == [str(number)]
    page = seat.get(path)
    assert "该次服务作废（未提供服务），退回补贴账户 20.00 元、个人账户 10.00 元；不付给服务商。" in page.text
    assert "卡面二维码" in page.text and "上门服务" in page.text  # how it was proved
    assert seat.post(f"{path}/decide", seen(page), outcome="upheld").status == 422
    assert seat.post(f"{path}/decide", seen(page), outcome="upheld", why="定位不符").status == 303
    assert world.left(her) == (2000, 5000)
    with world.engine.connect() as conn:
        assert conn.scalar(select(visits.c.status)) == "void"
        assert complaints.get(conn, number).remedy == "voided"
    assert "该次服务作废，金额已退回" in seat.get(path).text
    assert seat.get("/voices/complaints").find("//td[1]/a") == []


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("rude", "不涉及金额"),
        ("wrong_amount", "撤销扣款，退回补贴账户 20.00 元、个人账户 10.00 元；服务商可按正确金额重扣"),
    ],
)
def test_what_deciding_would_do_is_said(
    world: World, her: Holder, debit: Debit, office: Office, kind: str, words: str
) -> None:
    assert words in head(office).get(f"/voices/complaints/{complaint(world, her, debit, kind)}").text


def test_what_is_owed_is_said_to_be_taken_first(world: World, her: Holder, debit: Debit, office: Office) -> None:
    """15.00 of a month that fell away were spent: of the 20.00 that come back 5.00 stay on the card."""
    owed = {"scheme_code": "jiangdu", "month": "2026-08", "senior_id": her.senior_id, "occurrence": 1}
    owed |= {"card_id": her.card_id, "taken_back": 0, "receivable": 1500, "reason": "left"}
    with world.engine.begin() as conn:
        conn.execute(insert(issuance_returns), owed | {"recorded_at": at(WHEN)})
    number = complaint(world, her, debit)
    seat, path = head(office), f"/voices/complaints/{number}"
    page = seat.get(path)
    assert "补贴先抵应追回的 15.00 元" in page.text
    assert seat.post(f"{path}/decide", seen(page), outcome="upheld", why="定位不符").status == 303
    assert world.left(her) == (500, 5000)


def test_a_debit_that_was_put_right_before_the_decision_is_said_to_stand(
    world: World, her: Holder, debit: Debit, office: Office
) -> None:
    """The provider took the 30.00 back and debited them anew: upholding the complaint about the first debit moves nothing any more."""
    number = complaint(world, her, debit, "wrong_amount")
    with acting(world.engine, WHEN) as act:
        assert voiding.take_back_debit(act, debit.id, "wrong_amount") is None
    seat, path = head(office), f"/voices/complaints/{number}"
    nothing = "该笔扣款此前已撤销，金额不再变动"
    assert nothing in seat.get(path).text
    assert isinstance(world.debit(visit_of(world), 3000, confirm_personal_fen=1000), Debit)
    page = seat.get(path)
    assert nothing in page.text
    assert seat.post(f"{path}/decide", seen(page), outcome="upheld", why="金额有误").status == 303
    assert world.left(her) == (0, 4000)


def visit_of(world: World) -> Any:
    with world.engine.connect() as conn:
        return conn.execute(select(visits)).one()


def test_who_took_it_down_decides_nothing(world: World, her: Holder, debit: Debit, office: Office) -> None:
    number = complaint(world, her, debit)
    clerk, path = office.seat(TOWN_CLERK.id, "town"), f"/voices/complaints/{number}"
    page = clerk.get(path)
    assert "须由另一人办理" in page.text and page.find("//select[@name='outcome']") == []
    other = seen(head(office).get(path))
    assert clerk.post(f"{path}/decide", other, outcome="upheld", why="x").status == 403
    assert world.left(her) == (0, 4000)


def test_a_decision_on_what_changed_meanwhile_is_asked_anew(
    world: World, her: Holder, debit: Debit, office: Office
) -> None:
    number = complaint(world, her, debit)
    first, second, path = head(office), office.seat("gao", "civil_affairs"), f"/voices/complaints/{number}"
    page = first.get(path)
    assert second.post(f"{path}/decide", seen(second.get(path)), outcome="rejected", why="有定位").status == 303
    assert first.post(f"{path}/decide", seen(page), outcome="upheld", why="x").status == 409
    assert world.left(her) == (0, 4000)


def test_another_offices_voices_are_answered_like_none(world: World, her: Holder, debit: Debit, office: Office) -> None:
    number = complaint(world, her, debit)
    with acting(world.engine, WHEN, TOWN_CLERK) as act:
        booking = bookings.ask(act, her.senior_id, [CLEANING])
        agent = agents.appoint(act, RING, her.senior_id, "王小红", "13900001234", "child", "signed")
    person = f"/voices/people/{her.senior_id}"
    for seat in (office.seat("li", "town", town=OTHER_TOWN), office.seat("zhao", "village", village="新河村")):
        for path in (f"/voices/complaints/{number}", f"/voices/bookings/{booking}", person):
            assert seat.get(path).status == 404
        for path in (f"/voices/complaints/{number}/withdraw", f"{person}/complaints", f"{person}/bookings"):
            given: dict[str, Any] = {"why_withdrawn": "x", "subject": "service", "kind": "rude", "said_by": "senior"}
            given |= {"wanted": "买米", "asked_by": "senior"}
            assert seat.post(path, given).status == 404
        assert seat.post(f"{person}/agents/{agent}/confirm").status == 404
        assert seat.post(f"/voices/bookings/{booking}/withdraw").status == 404
        for path in ("/voices/complaints", "/voices/bookings", "/voices/agents"):
            assert seat.get(path).find("//td[1]/a") == []


# -- taken down for somebody ------------------------------------------------------------------------------------------------------
def test_a_village_takes_a_complaint_and_a_booking_down(
    world: World, her: Holder, debit: Debit, office: Office
) -> None:
    seat, person = office.seat("wang", "village"), f"/voices/people/{her.senior_id}"
    options = [one.get("value") for one in seat.get(person).find("//select[@name='subject']/option")]
    assert options == [f"debit:{debit.id}", "service"]
    given = {"subject": options[0], "kind": "shorter", "words": "只来了半小时", "said_by": "senior"}
    said = seat.post(f"{person}/complaints", given)
    assert said.location.startswith("/voices/complaints/")
    asked = seat.post(f"{person}/bookings", items=[CLEANING], wished_on="2026-07-20", asked_by="agent")
    page = seat.get(asked.location)
    assert "2026-07-20" in page.text and "代理人" in page.text
    assert page.find("//select[@name='reason']") == []  # a village declines nothing
    declined = head(office).post(f"{asked.location}/decline", reason="duplicate")
    assert declined.status == 303
    assert "已有同样的预约" in seat.get(asked.location).text
    assert seat.post(f"{asked.location}/withdraw").status == 409


# -- agents -----------------------------------------------------------------------------------------------------------------------
AGENT = {"name": "王小红", "phone": "139 0000 1234", "relation": "child", "consent": "signed"}


def test_an_agent_counts_once_a_second_officer_confirmed(world: World, her: Holder, office: Office) -> None:
    first, second, person = office.seat("wang", "village"), head(office), f"/voices/people/{her.senior_id}"
    assert first.post(f"{person}/agents", AGENT | {"consent": "card_pin"}).status == 422
    assert first.post(f"{person}/agents", AGENT).status == 303
    page = first.get(person).text
    assert "139****1234" in page and "13900001234" not in page and "须由另一人确认" in page
    with world.engine.connect() as conn:
        assert agents.of(conn, RING, her.senior_id) == []
    (link,) = second.get("/voices/agents").find("//td[1]/a")
    path = f"{person}/agents/{link.text}"
    assert first.post(f"{path}/confirm").status == 403
    assert second.post(f"{path}/confirm").status == 303
    with world.engine.connect() as conn:
        assert [one.name for one in agents.of(conn, RING, her.senior_id)] == ["王小红"]
    assert second.get("/voices/agents").find("//td[1]/a") == []
    assert first.post(f"{path}/withdraw").status == 422
    assert first.post(f"{path}/withdraw", why="老人要求").status == 303
    with world.engine.connect() as conn:
        assert agents.of(conn, RING, her.senior_id) == []


def test_the_senior_confirms_by_the_pin_at_the_counter(world: World, her: Holder, office: Office) -> None:
    with acting(world.engine, WHEN, COUNTER) as act:
        pin.set_pin(act, RING, her.card_id, "682459")
        agent = agents.appoint(act, RING, her.senior_id, "王小红", "13900001234", "child", "in_person")
    seat, path = office.seat("counter", "card_counter"), f"/voices/people/{her.senior_id}/agents/{agent}/pin"
    wrong = seat.post(path, pin="111222")
    assert wrong.status == 403 and "还可试4次" in wrong.text.replace(" ", "")
    for _ in range(4):
        wrong = seat.post(path, pin="111222")
    assert "锁定" in wrong.text  # the tries were counted although nothing else was kept
    with acting(world.engine, "2026-07-15 10:00", COUNTER) as act:
        pin.unlock(act, her.card_id, why="已核对身份证")
    assert seat.post(path, pin="682459").status == 303
    with world.engine.connect() as conn:
        assert len(agents.of(conn, RING, her.senior_id)) == 1


# -- messages ---------------------------------------------------------------------------------------------------------------------
def test_what_was_given_up_is_tried_again(world: World, her: Holder, debit: Debit, office: Office) -> None:
    from settlement.messages import announce

    with acting(world.engine, "2026-07-03 18:00") as act:
        with_phone(act, her.senior_id, "13800005678")
        announce.debits(act, RING)
    with world.engine.begin() as conn:
        conn.execute(update(messages).values(status="given_up", attempts=6, error="no route", next_attempt_at=None))
        id = conn.execute(select(messages.c.id)).scalar_one()
    seat = office.seat("lu", "hotline")
    page = seat.get("/voices/messages")
    assert "no route" in page.text and "13800005678" not in page.text and "王桂英" not in page.text
    assert seat.post("/voices/messages/retry").status == 422
    assert seat.post("/voices/messages/retry", messages=["987654"]).status == 404
    assert seat.post("/voices/messages/retry", messages=[str(id)]).status == 303
    with world.engine.connect() as conn:
        assert tuple(conn.execute(select(messages.c.status, messages.c.attempts)).one()) == ("waiting", 0)
    assert seat.post("/voices/messages/retry", messages=[str(id)]).status == 409
    others = office.seat("li", "town", town=OTHER_TOWN).get("/voices/messages", status="waiting")
    assert others.find("//tbody//td[@class='none']")
