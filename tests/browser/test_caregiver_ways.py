"""Every way a senior agrees to a debit, and what else happens at doors."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from settlement.cards import dynamic_code, media, money, pin, token
from settlement.cards.tables import cards, door_plates
from settlement.providers import badges
from tests.browser.caregivers_phone import SENIORS_TAP, Axe, Phone, mrs_wang, the_debit, the_visit
from tests.browser.conftest import Street
from tests.cards.county import COUNTER
from tests.pos_gateway.town import DISTRICT
from tests.support import RING, acting

PIN = "604213"


def her_card(street: Street, senior_id: int) -> int:
    with street.door.town.engine.connect() as conn:
        return conn.execute(select(cards.c.id).where(cards.c.senior_id == senior_id)).scalar_one()


def has_a_pin(street: Street, senior_id: int) -> None:
    card_id = her_card(street, senior_id)
    with acting(street.door.town.engine, street.door.now, COUNTER) as act:
        pin.set_pin(act, RING, card_id, PIN)


def has_own_money(street: Street, senior_id: int, fen: int) -> None:
    card_id = her_card(street, senior_id)
    with acting(street.door.town.engine, street.door.now, COUNTER) as act:
        money.top_up(act, f"op-{card_id}", card_id, fen, street.door.now)


def served(phone: Phone, code: str) -> None:
    """An hour at Mrs Wang's, up to the page that is turned to her."""
    phone.enrol()
    phone.press("王桂英")
    phone.checks_in(code)
    phone.street.passes(minutes=61)
    phone.holds_up(code, "扫卡签退")
    phone.press("给老人看")
    phone.sees("补贴付")


def presses(phone: Phone, digits: str) -> None:
    for digit in digits:
        phone.page.locator(".pad").get_by_role("button", name=digit, exact=True).click()


def test_the_pin_is_entered_by_the_senior_and_shown_nowhere(street: Street, axe: Axe) -> None:
    senior_id, code = mrs_wang(street)
    has_a_pin(street, senior_id)
    phone = Phone(street, axe)
    served(phone, code)
    phone.press("我同意")
    phone.press("密码")
    presses(phone, PIN[:5])
    expect(phone.page.locator("#pin-ready")).to_be_disabled()
    presses(phone, PIN[5])
    phone.looks("pin", least_tap=SENIORS_TAP)
    assert PIN not in phone.page.content()
    phone.press("确认")
    phone.sees("扣款成功")
    debit = the_debit(street, the_visit(street, senior_id).id)
    assert (debit.status, debit.consent, debit.subsidy_fen) == ("posted", "pin", 3500)


def test_a_wrong_pin_says_how_many_tries_are_left_and_may_be_tried_again(street: Street, axe: Axe) -> None:
    senior_id, code = mrs_wang(street)
    has_a_pin(street, senior_id)
    phone = Phone(street, axe)
    served(phone, code)
    phone.press("我同意")
    phone.press("密码")
    presses(phone, "135790")
    phone.press("确认")
    phone.sees("还可试4次")
    phone.sees("没有扣款")
    expect(phone.page.get_by_text("收据")).to_have_count(0)
    phone.looks("pin-wrong", least_text=18)
    phone.press("重新扣款")
    phone.press("我同意")
    phone.holds_up(code, "扫老人的卡")
    phone.sees("扣款成功")


def test_the_dynamic_code_on_the_seniors_own_phone(street: Street, axe: Axe) -> None:
    senior_id, code = mrs_wang(street)
    phone = Phone(street, axe)
    served(phone, code)
    phone.press("我同意")
    card_id = her_card(street, senior_id)
    with acting(street.door.town.engine, street.door.now) as act:
        made = dynamic_code.make(act, RING, card_id, "debit", 3500)
    phone.holds_up(made.code, "动态码")
    phone.sees("扣款成功")
    assert the_debit(street, the_visit(street, senior_id).id).consent == "dynamic"


def test_own_money_is_shown_apart_and_taken_only_as_agreed(street: Street, axe: Axe) -> None:
    senior_id, code = mrs_wang(street, yuan=20)
    has_own_money(street, senior_id, 5000)
    phone = Phone(street, axe)
    served(phone, code)
    split = phone.page.locator(".split")
    rows = split.locator(".fact")
    for place, (words, amount) in enumerate(
        (("补贴付", "20.00"), ("您自己付", "15.00"), ("补贴还剩", "0.00"), ("自己的钱还剩", "35.00"))
    ):
        expect(rows.nth(place).locator("dt")).to_contain_text(words)
        expect(rows.nth(place).locator("dd")).to_have_text(f"{amount} 元")
    phone.looks("own-money", least_tap=SENIORS_TAP, least_text=18)
    phone.press("我同意")
    phone.holds_up(code, "扫老人的卡")
    phone.sees("扣款成功")
    debit = the_debit(street, the_visit(street, senior_id).id)
    assert (debit.subsidy_fen, debit.personal_fen, debit.agreed_personal_fen) == (2000, 1500, 1500)


def test_what_the_card_does_not_have_is_paid_in_cash_against_a_receipt(street: Street, axe: Axe) -> None:
    senior_id, code = mrs_wang(street, yuan=20)
    phone = Phone(street, axe)
    served(phone, code)
    phone.sees("另收现金")
    phone.press("我同意")
    phone.sees("收了现金要填收据号")
    phone.page.get_by_label("现金收据号").fill("S-0042")
    phone.press("我同意")
    phone.holds_up(code, "扫老人的卡")
    phone.sees("扣款成功")
    debit = the_debit(street, the_visit(street, senior_id).id)
    assert (debit.subsidy_fen, debit.cash_fen, debit.receipt_no) == (2000, 1500, "S-0042")


@pytest.mark.parametrize(("choice", "own_fen", "short_fen"), [("只用补贴", 0, 1500), ("用我自己的钱补", 1500, 0)])
def test_without_signal_the_senior_decides_about_her_own_money(
    street: Street, axe: Axe, choice: str, own_fen: int, short_fen: int
) -> None:
    senior_id, code = mrs_wang(street, yuan=20)
    has_own_money(street, senior_id, 5000)
    phone = Phone(street, axe)
    phone.enrol()
    phone.press("王桂英")
    phone.checks_in(code)
    phone.sent()
    phone.context.set_offline(True)
    street.passes(minutes=61)
    phone.holds_up(code, "扫卡签退")
    phone.press("给老人看")
    phone.press(choice)
    phone.press("我同意")
    phone.holds_up(code, "扫老人的卡")
    expect(phone.page.locator(".total")).to_contain_text("待扣")
    street.passes(hours=1)  # nobody is at the door any more
    phone.context.set_offline(False)
    phone.sees("扣款成功")
    debit = the_debit(street, the_visit(street, senior_id).id)
    assert (debit.subsidy_fen, debit.personal_fen, debit.shortfall_fen) == (2000, own_fen, short_fen)


def test_a_senior_who_does_not_agree_is_not_debited(street: Street, axe: Axe) -> None:
    _, code = mrs_wang(street)
    phone = Phone(street, axe)
    served(phone, code)
    phone.press("把画面倒过来")
    agree = phone.page.locator("#agree").bounding_box()
    assert agree is not None and agree["y"] < 120  # the far end of the phone is the near one for who sits opposite
    phone.looks("turned", least_tap=SENIORS_TAP, least_text=18)
    phone.press("不同意")
    phone.sees("没有扣款")
    expect(phone.page.locator("body")).not_to_have_class("upside-down")
    phone.press("返回")
    phone.sees("已签退，还没扣款")


def test_a_wrong_debit_is_taken_back_and_made_anew(street: Street, axe: Axe) -> None:
    senior_id, code = mrs_wang(street)
    phone = Phone(street, axe)
    served(phone, code)
    phone.press("我同意")
    phone.holds_up(code, "扫老人的卡")
    phone.sees("扣款成功")
    phone.press("扣错了，撤销")
    phone.press("金额有误")
    phone.sees("扣款已撤销")
    expect(phone.page.locator(".total")).to_contain_text("已退回")
    phone.sent()
    assert the_debit(street, the_visit(street, senior_id).id).status == "reversed"
    phone.press("完成")
    phone.press("王桂英")
    phone.press("给老人看")
    phone.sees("115.00 元")


def test_an_urgent_visit_needs_no_order(street: Street, axe: Axe) -> None:
    senior_id, code = street.door.senior(150)
    phone = Phone(street, axe)
    phone.enrol()
    phone.press("急事")
    phone.looks("urgent")
    phone.checks_in(token.url(street.url, code))
    phone.sent()
    assert the_visit(street, senior_id).order_id is None


def test_found_ill_in_the_middle_the_visit_ends_for_that_reason(street: Street, axe: Axe) -> None:
    senior_id, code = mrs_wang(street)
    phone = Phone(street, axe)
    phone.enrol()
    phone.press("王桂英")
    phone.checks_in(code)
    street.passes(minutes=20)
    phone.press("老人突发疾病")
    expect(phone.page.get_by_role("link", name="120 急救")).to_have_attribute("href", "tel:120")
    expect(phone.page.get_by_role("link", name="王建国")).to_have_attribute("href", "tel:13800000018")
    phone.looks("ill")
    phone.press("签退：突发情况")
    phone.sees("废单")
    phone.sent()
    visit = the_visit(street, senior_id)
    assert (visit.status, visit.out_reason) == ("void", "emergency")


def test_goods_asked_for_in_the_middle_make_the_visit_void(street: Street, axe: Axe) -> None:
    senior_id, code = mrs_wang(street)
    phone = Phone(street, axe)
    phone.enrol()
    phone.press("王桂英")
    phone.checks_in(code)
    phone.press("要求换东西")
    phone.looks("goods")
    phone.press("这次服务作废")
    phone.sees("以实物代替服务")
    phone.sent()
    assert the_visit(street, senior_id).void_reason == "goods"


def test_the_card_is_missing_and_the_door_plate_is_read(street: Street, axe: Axe) -> None:
    senior_id, _ = mrs_wang(street)
    with acting(street.door.town.engine, street.door.now, COUNTER) as act:
        media.ensure_plates(act, RING, [senior_id])
        plate = act.conn.execute(select(door_plates).where(door_plates.c.senior_id == senior_id)).one()
    phone = Phone(street, axe)
    phone.enrol()
    phone.press("王桂英")
    phone.press("找不到卡")
    phone.looks("card-missing")
    phone.holds_up(token.url(street.url, token.make_plate(RING, plate.token_id, plate.issue)), "扫门牌签到")
    phone.sees("至少 60 分钟")
    phone.sent()
    assert the_visit(street, senior_id).in_method == "door_plate"


def test_a_couple_is_two_visits_one_after_the_other(street: Street, axe: Axe) -> None:
    codes = dict([mrs_wang(street), mrs_wang(street)])
    phone = Phone(street, axe)
    phone.enrol()
    phone.page.locator("#orders button").first.click()
    code = codes[int(phone.page.evaluate("location.hash").rpartition("-")[2])]
    phone.press("老两口")
    phone.sees("同一户的另一张工单")
    phone.looks("couple")
    phone.press("返回")
    phone.checks_in(code)
    phone.press("返回")
    phone.page.locator("#orders button").first.click()
    phone.press("扫卡签到")
    phone.sees("这次服务还没签退")


def test_ones_own_month_tells_visits_time_and_what_was_void(street: Street, axe: Axe) -> None:
    _, code = mrs_wang(street)
    phone = Phone(street, axe)
    served(phone, code)
    phone.press("不同意")
    phone.press("返回")
    phone.press("本月")
    phone.sees("合计时间")
    phone.sees("35.00 元 · 已服务")
    phone.looks("month")


def test_a_shared_phone_asks_who_works_with_it(street: Street, axe: Axe) -> None:
    town = street.door.town
    with acting(town.engine, street.door.now, DISTRICT) as act:
        badges.set_pin(act, RING, town.our_caregiver, "280417")
        badge = badges.make(act, RING, town.our_caregiver)
    mrs_wang(street)
    phone = Phone(street, axe)
    phone.holds_up(f"{street.url}/caregiver/#enrol={street.door.code()}", "扫启用码")
    phone.sees("这部手机大家共用")
    phone.looks("sign-in")
    phone.page.get_by_label("工号").fill("0017")
    phone.page.get_by_label("工作密码").fill("999999")
    phone.press("开始上班")
    phone.sees("密码")
    expect(phone.page.locator("#notice .bad")).to_be_visible()
    phone.holds_up(badge, "扫工作证")
    phone.page.get_by_label("工作密码").fill("280417")
    phone.press("开始上班")
    phone.sees("王桂英")
    phone.press("下班")
    phone.sees("这部手机大家共用")
    assert "王桂英" not in phone.page.content()


def test_the_battery_is_empty_and_another_phone_finishes_the_visit(street: Street, axe: Axe) -> None:
    senior_id, code = mrs_wang(street)
    empty = Phone(street, axe)
    empty.enrol()
    empty.press("王桂英")
    empty.checks_in(code)
    empty.sent()
    empty.page.close()
    other = Phone(street, axe)
    other.enrol()
    street.passes(minutes=70)  # the two clocks need not agree
    other.press("王桂英")
    other.sees("在另一部手机上签到")
    other.looks("other-phone")
    street.camera.shows(code)
    other.press("扫卡签退")
    other.sees("为什么换了手机")
    other.press("原设备没电")
    other.sees("分钟，已签退")
    other.press("给老人看")
    other.sees("补贴付")
    other.press("我同意")
    other.holds_up(code, "扫老人的卡")
    other.sees("扣款成功")
    visit = the_visit(street, senior_id)
    assert (visit.status, visit.out_reason, visit.duration_source) == ("served", "battery_empty", "clock")
    assert the_debit(street, visit.id).subsidy_fen == 3500


def test_two_caregivers_are_told_which_items_may_be_given_together(street: Street, axe: Axe) -> None:
    mrs_wang(street)
    phone = Phone(street, axe)
    phone.enrol()
    phone.press("王桂英")
    phone.press("两人上门")
    for item in ("家电检修", "水电维修", "应急处置"):
        phone.sees(item)
    expect(phone.page.get_by_text("上门理发")).to_have_count(0)
    phone.looks("second")


def test_a_press_is_not_lost_when_something_was_sent_meanwhile(street: Street, axe: Axe) -> None:
    mrs_wang(street)
    phone = Phone(street, axe)
    phone.enrol()
    page = phone.page
    order = page.locator("#orders button")
    order.hover()
    page.mouse.down()
    page.evaluate("dispatchEvent(new Event('online'))")  # draws the day anew
    page.mouse.up()
    phone.sees("扫卡签到")
