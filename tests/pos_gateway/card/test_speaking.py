"""Not me; please come; my daughter may look; a code for the caregiver."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import unquote

import pytest
from sqlalchemy import select, update

from settlement.cards import dynamic_code
from settlement.outcomes import Declined
from settlement.people import agents
from settlement.supervision.tables import complaints
from settlement.visits.tables import bookings, payment_stops, visits
from tests.pos_gateway.card.browser import PIN, Browser, Mailbox, appoint, card_of, set_pin
from tests.pos_gateway.card.conftest import Holder
from tests.pos_gateway.card.serving import serve
from tests.pos_gateway.town import Door
from tests.support import RING, acting


def complaints_of(door: Door, senior_id: int) -> list[tuple[str, str, str, str]]:
    c = complaints.c
    with door.town.engine.connect() as conn:
        found = conn.execute(select(c.subject, c.kind, c.said_by, c.status).where(c.senior_id == senior_id))
        return [tuple(row) for row in found]  # type: ignore[misc]


# -- complaints -----------------------------------------------------------------------------------------------------------
def test_not_me_opens_a_complaint_and_keeps_the_visit_out_of_payment(
    door: Door, browser: Browser, holder: Holder
) -> None:
    debit = serve(door, holder.senior_id, holder.code)
    browser.enter(holder.code).open(f"/card/complaint?debit={debit}")
    assert "上门做饭" in browser.text and "李秀兰" in browser.text
    browser.post("/card/complaint", debit=debit, kind="not_me", words="我那天在医院")
    assert browser.at == "/card/home" and "已收到，编号" in browser.text and "意见正在处理" in browser.text
    assert complaints_of(door, holder.senior_id) == [(f"debit:{debit}", "not_me", "senior", "open")]
    with door.town.engine.connect() as conn:
        stops = conn.execute(select(payment_stops.c.source, payment_stops.c.status)).all()
    assert ("open" in {row.status for row in stops}) and any(row.source.startswith("complaint:") for row in stops)


def test_only_a_complaint_in_time_says_that_the_provider_is_not_paid(
    door: Door, browser: Browser, holder: Holder
) -> None:
    debit = serve(door, holder.senior_id, holder.code)
    promise, late = "这笔钱先不付给服务商", "日子久了也可以提"
    browser.enter(holder.code).open(f"/card/complaint?debit={debit}")
    assert promise in browser.text and late not in browser.text
    browser.open("/card/complaint")
    assert promise not in browser.text and late not in browser.text
    door.passes(days=31)
    browser.enter(holder.code).open(f"/card/complaint?debit={debit}")
    assert promise not in browser.text and late in browser.text


def test_what_is_on_a_statement_is_not_promised_to_be_stopped(door: Door, browser: Browser, holder: Holder) -> None:
    debit = serve(door, holder.senior_id, holder.code)
    with acting(door.town.engine, door.now) as act:
        act.conn.execute(update(visits).where(visits.c.senior_id == holder.senior_id).values(status="paid"))
    browser.enter(holder.code).open(f"/card/complaint?debit={debit}")
    assert "这笔钱先不付给服务商" not in browser.text


def test_pressed_twice_it_is_one_complaint_and_may_be_taken_back(door: Door, browser: Browser, holder: Holder) -> None:
    debit = serve(door, holder.senior_id, holder.code)
    browser.enter(holder.code)
    for _ in range(2):
        browser.post("/card/complaint", debit=debit, kind="shorter")
    number = re.search(r'name="number" value="(\d+)"', browser.text)
    assert number is not None and len(complaints_of(door, holder.senior_id)) == 1
    assert "已撤回" in browser.post("/card/complaint/withdraw", number=number[1]).text
    assert complaints_of(door, holder.senior_id) == [(f"debit:{debit}", "shorter", "senior", "withdrawn")]


def test_about_the_service_in_general(door: Door, browser: Browser, holder: Holder) -> None:
    browser.enter(holder.code).open("/card/complaint")
    assert 'value="rude"' in browser.text and 'value="not_me"' not in browser.text
    browser.post("/card/complaint", debit="", kind="goods", words="给了一袋米")
    assert complaints_of(door, holder.senior_id) == [("service", "goods", "senior", "open")]


def test_words_of_a_person_are_shown_as_words(door: Door, browser: Browser, holder: Holder) -> None:
    browser.enter(holder.code).open("/card/booking")
    browser.post("/card/booking", words='<script>alert("1")</script>\x00&amp;')
    assert browser.at == "/card/home"
    assert "&lt;script&gt;" in browser.text and "<script>alert" not in browser.text


@pytest.mark.parametrize(
    "fields", [{"kind": "none"}, {"kind": ""}, {"kind": "rude", "words": "长" * 501}], ids=["unlisted", "none", "long"]
)
def test_what_cannot_be_taken_is_said_on_the_same_page(
    door: Door, browser: Browser, holder: Holder, fields: dict[str, str]
) -> None:
    browser.enter(holder.code).post("/card/complaint", debit="", **fields)
    assert browser.page.status_code == 422 and "填写有误" in browser.text
    assert fields.get("words", "") in browser.text
    assert complaints_of(door, holder.senior_id) == []


def test_nobody_takes_back_what_another_person_said(door: Door, browser: Browser, holder: Holder) -> None:
    browser.enter(holder.code).post("/card/complaint", debit="", kind="rude")
    number = re.search(r'name="number" value="(\d+)"', browser.text)
    assert number is not None
    other, code = door.senior()
    set_pin(door, other)
    stranger = Browser(door.app, "10.2.0.1").enter(code).post("/card/complaint/withdraw", number=number[1])
    assert "无权" in stranger.text
    assert complaints_of(door, holder.senior_id)[0][3] == "open"


# -- bookings -------------------------------------------------------------------------------------------------------------
def test_service_is_asked_for_and_taken_back(door: Door, browser: Browser, holder: Holder) -> None:
    browser.enter(holder.code).open("/card/booking")
    assert "居室保洁，30.00元/小时" in browser.text and "助餐点午餐" not in browser.text
    day = (door.now + timedelta(days=2)).date()
    browser.post("/card/booking", item=["ZJ01", "ZC01"], day=day.isoformat(), words="请带梯子")
    assert "已收到预约，编号" in browser.text and "居室保洁、上门做饭 请带梯子" in browser.text
    b = bookings.c
    with door.town.engine.connect() as conn:
        row = conn.execute(select(bookings).where(b.senior_id == holder.senior_id)).one()
    assert (row.items, row.wished_on, row.said_by, row.status) == (["ZJ01", "ZC01"], day, "senior", "asked")
    browser.post("/card/booking/withdraw", number=row.id)
    assert "预约已撤回" in browser.text


@pytest.mark.parametrize(
    "fields",
    [{}, {"item": "NO99"}, {"item": "ZJ01", "day": "yesterday"}, {"item": "ZJ01", "day": "2020-01-01"}],
    ids=["nothing", "unsold", "no day", "past"],
)
def test_a_request_that_cannot_be_is_said_on_the_same_page(
    door: Door, browser: Browser, holder: Holder, fields: dict[str, str]
) -> None:
    browser.enter(holder.code).post("/card/booking", **fields)
    assert browser.at == "/card/booking" and browser.page.status_code in (409, 422)
    assert 'role="alert"' in browser.text
    with door.town.engine.connect() as conn:
        assert conn.execute(select(bookings).where(bookings.c.senior_id == holder.senior_id)).all() == []


# -- family ---------------------------------------------------------------------------------------------------------------
SON = {"name": "王强", "phone": "139 1111 2222", "relation": "child"}


def agents_of(door: Door, senior_id: int) -> list[tuple[str, str]]:
    with door.town.engine.connect() as conn:
        return [(agent.name, agent.phone) for agent in agents.of(conn, RING, senior_id)]


def test_the_senior_appoints_an_agent_with_the_pin_and_ends_it(door: Door, browser: Browser, holder: Holder) -> None:
    browser.enter(holder.code).open("/card/family").post("/card/family", **SON, pin=PIN)
    assert agents_of(door, holder.senior_id) == [("王强", "13911112222")]
    assert "王强（子女）" in browser.text and "139****2222" in browser.text and "13911112222" not in browser.text
    number = re.search(r'name="number" value="(\d+)"', browser.text)
    assert number is not None
    browser.post("/card/family/end", number=number[1])
    assert agents_of(door, holder.senior_id) == [] and "已取消" in browser.text


def test_without_the_pin_nobody_is_appointed_and_the_tries_count(door: Door, browser: Browser, holder: Holder) -> None:
    browser.enter(holder.code)
    for left in (4, 3, 2, 1):
        browser.post("/card/family", **SON, pin="000001")
        assert browser.page.status_code == 403 and f"还可试{left}次" in browser.text
    browser.post("/card/family", **SON, pin="000001")
    assert "已锁定" in browser.text and "王强" in browser.text
    assert "已锁定" in browser.post("/card/family", **SON, pin=PIN).text
    assert agents_of(door, holder.senior_id) == []


@pytest.mark.parametrize("wrong", [{"phone": "12345"}, {"name": ""}, {"relation": "boss"}])
def test_what_is_wrong_in_it_is_said_and_the_rest_stays(
    door: Door, browser: Browser, holder: Holder, wrong: dict[str, str]
) -> None:
    browser.enter(holder.code).post("/card/family", **(SON | wrong), pin=PIN)
    assert browser.page.status_code == 422 and 'role="alert"' in browser.text and PIN not in browser.text
    assert agents_of(door, holder.senior_id) == []


def test_an_agent_appoints_nobody_and_ends_only_their_own_right(
    door: Door, browser: Browser, holder: Holder, mailbox: Mailbox
) -> None:
    mine = appoint(door, holder.senior_id, f"139{holder.senior_id:08d}")
    other = appoint(door, holder.senior_id, f"137{holder.senior_id:08d}", "王二")
    browser.scan(holder.code).post("/card/prove/send", to=str(mine)).post("/card/prove/code", code=mailbox.code())
    browser.open("/card/family")
    assert "登记一位家人" not in browser.text
    assert browser.post("/card/family", **SON, pin=PIN).page.status_code == 403
    browser.open("/card/family").post("/card/family/end", number=other)
    assert len(agents_of(door, holder.senior_id)) == 2
    browser.open("/card/family").post("/card/family/end", number=mine)
    assert browser.at == "/card"  # out at once
    assert [name for name, _ in agents_of(door, holder.senior_id)] == ["王二"]


def test_what_an_agent_says_is_said_by_the_agent(
    door: Door, browser: Browser, holder: Holder, mailbox: Mailbox
) -> None:
    mine = appoint(door, holder.senior_id, f"139{holder.senior_id:08d}")
    browser.scan(holder.code).post("/card/prove/send", to=str(mine)).post("/card/prove/code", code=mailbox.code())
    browser.post("/card/complaint", debit="", kind="rude")
    assert complaints_of(door, holder.senior_id) == [("service", "rude", "agent", "open")]


# -- the dynamic code -----------------------------------------------------------------------------------------------------
def redeemed(door: Door, holder: Holder, digits: str, purpose: str, amount: int | None) -> bool:
    card_id = card_of(door, holder.senior_id)
    with acting(door.town.engine, door.now) as act:
        facts = {"card_id": card_id, "purpose": purpose, "amount_fen": amount, "at": door.now, "used_for": "test"}
        answer = dynamic_code.redeem(act, RING, digits, **facts)  # type: ignore[arg-type]
    return not isinstance(answer, Declined)


def digits_on(browser: Browser) -> str:
    found = re.search(r'id="code-digits">(\d{4}) (\d{4})<', browser.text)
    assert found is not None
    return found[1] + found[2]


def test_a_code_for_one_amount_pays_that_amount_once(door: Door, browser: Browser, holder: Holder) -> None:
    browser.enter(holder.code).open("/card/dynamic-code").post("/card/dynamic-code", purpose="debit", amount="35.5")
    digits = digits_on(browser)
    assert "付款码：35.50元" in browser.text and "<svg" in browser.text
    assert not redeemed(door, holder, digits, "debit", 3500)
    assert not redeemed(door, holder, digits, "visit", None)
    assert redeemed(door, holder, digits, "debit", 3550)


def test_a_code_for_a_visit(door: Door, browser: Browser, holder: Holder) -> None:
    browser.enter(holder.code).open("/card/dynamic-code").post("/card/dynamic-code", purpose="visit")
    assert redeemed(door, holder, digits_on(browser), "visit", None)


@pytest.mark.parametrize("amount", ["35.50元", " 35.5 元 ", "３５．５", "35。5", "¥35.50"])
def test_an_amount_as_people_write_it(browser: Browser, holder: Holder, amount: str) -> None:
    browser.enter(holder.code).open("/card/dynamic-code").post("/card/dynamic-code", purpose="debit", amount=amount)
    assert "付款码：35.50元" in browser.text


@pytest.mark.parametrize("amount", ["", "0", "-3", "abc", "1.234", "1e9", "999999999", "NaN", "<b>"])
def test_what_is_no_amount_makes_no_code(browser: Browser, holder: Holder, amount: str) -> None:
    browser.enter(holder.code).open("/card/dynamic-code").post("/card/dynamic-code", purpose="debit", amount=amount)
    assert browser.page.status_code == 422 and "code-digits" not in browser.text and "<b>" not in browser.text
    assert "金额请写数字，例如 35 或 35.50" in browser.text


def test_the_qr_and_the_address_name_nobody(browser: Browser, holder: Holder, door: Door) -> None:
    browser.enter(holder.code)
    for path in ("/card/home", "/card/family", "/card/dynamic-code", "/card/booking", "/card/complaint"):
        browser.open(path)
        addresses = " ".join(re.findall(r'(?:href|action|src)="([^"]*)"', browser.text))
        for secret in ("王桂英", holder.code, f"138{holder.senior_id:08d}"):
            assert secret not in unquote(addresses)
