"""A caregiver's day on the phone, told by what is seen and pressed, and by what the books say afterwards."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from settlement.cards import token
from settlement.cards.tables import cards, media
from settlement.visits.tables import work_orders
from tests.browser.caregivers_phone import (
    LOOKED_AFTER,
    SENIORS_TAP,
    SIZES,
    Axe,
    Phone,
    mrs_wang,
    the_debit,
    the_visit,
)
from tests.browser.conftest import Street


@pytest.fixture
def senior(street: Street) -> tuple[int, str]:
    return mrs_wang(street)


@pytest.mark.parametrize("size", SIZES)
def test_a_visit_from_enrolment_to_the_receipt(street: Street, axe: Axe, senior: tuple[int, str], size: str) -> None:
    phone = Phone(street, axe, size)
    phone.looks("enrol")
    phone.enrol()
    phone.looks("today")
    phone.press("王桂英")
    phone.looks("order")
    phone.checks_in(senior[1])
    phone.looks("visit")
    street.passes(minutes=61)
    phone.sees("已满 60 分钟")
    phone.looks("visit-full")
    phone.holds_up(senior[1], "扫卡签退")
    phone.sees("分钟，已签退")
    phone.looks("out")
    phone.press("给老人看")
    phone.sees("115.00 元")
    expect(phone.page.locator("#total")).to_have_text("35.00 元")
    phone.looks("debit", least_tap=SENIORS_TAP, least_text=18)
    phone.press("我同意")
    phone.looks("consent", least_tap=SENIORS_TAP, least_text=18)
    phone.holds_up(senior[1], "扫老人的卡")
    phone.sees("扣款成功")
    expect(phone.page.locator("#split")).to_contain_text("115.00 元")
    phone.looks("receipt", least_text=18)
    visit = the_visit(street, senior[0])
    debit = the_debit(street, visit.id)
    assert (visit.status, visit.in_method, visit.out_method, visit.duration_source) == (
        "served",
        "card_qr",
        "card_qr",
        "monotonic",
    )
    assert 61 * 60 <= visit.seconds < 70 * 60
    assert (visit.in_accuracy_m, visit.in_latitude_e7) == (12, 324_312_345)
    assert (visit.out_accuracy_m, visit.out_distance_m, visit.in_distance_m) == (
        12,
        28,
        28,
    )  # 0.0003 degrees east of home, at 32.4 north
    assert (debit.status, debit.consent, debit.total_fen, debit.subsidy_fen, debit.personal_fen) == (
        "posted",
        "card_qr",
        3500,
        3500,
        0,
    )
    phone.press("完成")
    phone.sees("没有待服务的工单")


def test_the_network_cut_in_the_middle_and_the_page_closed(street: Street, axe: Axe, senior: tuple[int, str]) -> None:
    phone = Phone(street, axe)
    phone.enrol()
    phone.page.evaluate(LOOKED_AFTER)
    phone.press("王桂英")
    phone.checks_in(senior[1])
    phone.press("上门理发")  # ticked, and not signed yet
    phone.context.set_offline(True)
    phone.closed_for(minutes=61)

    phone.open()
    phone.sees("服务中，点此继续")
    phone.looks("no-signal")
    phone.press("王桂英")
    expect(phone.page.locator("[data-item=ZL01]")).to_have_attribute("aria-pressed", "true")
    phone.holds_up(senior[1], "扫卡签退")
    phone.sees("等信号")
    phone.press("给老人看")
    phone.sees("现在没有信号")
    expect(phone.page.locator("#total")).to_have_text("55.00 元")
    phone.looks("debit-no-signal", least_tap=SENIORS_TAP, least_text=18)
    phone.press("我同意")
    phone.holds_up(senior[1], "扫老人的卡")
    phone.sees("有信号后自动扣款")
    phone.page.close()
    assert the_visit(street, senior[0]).status == "open"

    phone.open()
    phone.press("待传")
    expect(phone.page.locator("#events [data-state=waiting]")).to_have_count(2)
    phone.looks("queue")
    phone.context.set_offline(False)
    expect(phone.page.locator("#events [data-state=accepted]")).to_have_count(3)
    phone.looks("queue-sent")
    visit = the_visit(street, senior[0])
    debit = the_debit(street, visit.id)
    assert (visit.status, debit.status, debit.total_fen, debit.subsidy_fen, debit.shortfall_fen) == (
        "served",
        "posted",
        5500,
        5500,
        0,
    )


def test_leaving_early_is_said_before_it_is_done_and_its_order_comes_again(
    street: Street, axe: Axe, senior: tuple[int, str]
) -> None:
    phone = Phone(street, axe)
    phone.enrol()
    phone.press("王桂英")
    phone.checks_in(senior[1])
    street.passes(minutes=40)
    phone.sees("还差 20 分钟")
    phone.press("扫卡签退")
    phone.sees("现在签退是废单")
    phone.looks("too-short")
    phone.holds_up(senior[1], "仍要签退")
    phone.sees("废单")
    phone.looks("void")
    assert the_visit(street, senior[0]).void_reason == "too_short"


AT_THE_DOOR = {
    "nobody_home": ["家中无人", "记录：家中无人"],
    "refused": ["老人拒绝", "记录：老人拒绝"],
    "goods_wanted": ["要求换东西", "记录：要求换东西"],
    "ill": ["突发疾病", "记录：突发疾病"],
    "dead": ["老人已去世", "记录：老人已去世"],
    "card_missing": ["找不到卡", "没服务成"],
    "moved": ["其他原因", "选原因", "老人已搬离"],
}


def test_what_happened_at_a_door_is_recorded_with_its_reason(street: Street, axe: Axe) -> None:
    people = [mrs_wang(street)[0] for _ in AT_THE_DOOR]
    phone = Phone(street, axe)
    phone.enrol()
    for reason, (first, *then) in AT_THE_DOOR.items():
        phone.page.locator("#orders button").first.click()
        phone.press(first)
        phone.looks(f"door-{reason.replace('_', '-')}")
        for words in then:
            phone.press(words)
        phone.sees("已记录")
    phone.sees("没有待服务的工单")
    phone.sent()
    with street.door.town.engine.connect() as conn:
        query = select(work_orders.c.status_reason).where(
            work_orders.c.senior_id.in_(people), work_orders.c.status == "not_served"
        )
        assert sorted(conn.execute(query).scalars()) == sorted(AT_THE_DOOR)


def test_a_wrong_tap_is_taken_back(street: Street, axe: Axe, senior: tuple[int, str]) -> None:
    phone = Phone(street, axe)
    phone.enrol()
    phone.press("王桂英")
    phone.checks_in(senior[1])
    phone.press("签到有误")
    phone.looks("take-back")
    phone.press("操作有误")
    phone.sees("签到已撤销")
    phone.sent()
    visit = the_visit(street, senior[0])
    assert (visit.status, visit.void_reason) == ("void", "cancelled")
    phone.press("王桂英")
    phone.sees("扫卡签到")


def test_another_seniors_card_is_refused_in_words_and_the_right_one_still_counts(
    street: Street, axe: Axe, senior: tuple[int, str]
) -> None:
    stranger = street.door.senior(150)[1]
    phone = Phone(street, axe)
    phone.enrol()
    phone.press("王桂英")
    phone.holds_up(token.url(street.url, stranger), "扫卡签到")
    phone.sees("卡片不是工单上的老人的")
    phone.looks("refused")
    phone.press("返回")
    phone.press("待传")
    phone.sees("未接受：卡片不是工单上的老人的")
    phone.sees("怎么办：请核对老人和工单")
    phone.looks("queue-refused")
    phone.press("今日")
    phone.press("王桂英")
    phone.sees("上次签到未被接受")
    phone.checks_in(senior[1])
    phone.sent()
    assert the_visit(street, senior[0]).status == "open"


def test_a_typed_number_is_marked_as_weaker(street: Street, axe: Axe, senior: tuple[int, str]) -> None:
    phone = Phone(street, axe)
    phone.enrol()
    phone.press("王桂英")
    phone.press("扫卡签到")
    phone.press("输卡号")
    phone.sees("手工输入是较弱的凭据")
    phone.looks("typed")
    phone.page.get_by_label("卡面号码").fill(card_number(street, senior[0]))
    phone.press("确定")
    phone.sees("至少 60 分钟")
    phone.sent()
    assert the_visit(street, senior[0]).in_method == "typed"


def test_without_a_camera_everything_is_typed_and_the_phone_says_how(
    street: Street, axe: Axe, senior: tuple[int, str]
) -> None:
    phone = Phone(street, axe, permissions=["geolocation"])
    phone.press("扫启用码")
    phone.sees("或手工输入")
    phone.press("手工输入")
    phone.page.get_by_role("textbox").fill("ABCD")
    phone.press("确定")
    phone.sees("启用码是 12 位")
    code = street.door.code(caregiver=street.door.town.our_caregiver)
    phone.page.get_by_role("textbox").fill(code.lower().replace("-", " "))
    phone.press("确定")
    phone.sees("手机已启用")
    phone.press("王桂英")
    phone.press("扫卡签到")
    phone.press("输卡号")
    phone.page.get_by_label("卡面号码").fill(card_number(street, senior[0]))
    phone.press("确定")
    phone.sees("至少 60 分钟")
    street.passes(minutes=61)
    phone.press("扫卡签退")
    phone.sees("返回，点“不能扫码签退”")
    expect(phone.page.get_by_role("button", name="手工输入")).to_have_count(0)
    phone.press("返回")
    phone.press("不能扫码签退")
    phone.press("二维码无法识读")
    phone.press("给老人看")
    phone.press("我同意")
    phone.press("扫老人的卡")
    phone.sees("返回，换一种确认方式")
    phone.press("返回")
    phone.sees("请老人确认")


def card_number(street: Street, senior_id: int) -> str:
    with street.door.town.engine.connect() as conn:
        query = select(media.c.card_no).join(cards).where(cards.c.senior_id == senior_id)
        return str(conn.execute(query).scalar_one())


def test_yesterdays_orders_are_said_to_be_yesterdays(street: Street, axe: Axe, senior: tuple[int, str]) -> None:
    phone = Phone(street, axe)
    phone.enrol()
    day = f"{street.door.now:%Y-%m-%d}"
    expect(phone.page.get_by_text(day)).to_have_count(0)
    phone.context.set_offline(True)
    street.passes(days=1)
    phone.press("本月")
    phone.press("今日")
    phone.sees(f"这是 {day} 的工单")
    phone.looks("old-orders")
    phone.context.set_offline(False)
    phone.sees("没有待服务的工单")
    expect(phone.page.get_by_text(day)).to_have_count(0)
