"""What the page says at a glance: every figure worked out by hand."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import insert, select

from settlement.cards import money, registry
from settlement.ledger import chart, transfer
from settlement.ledger.accounts import account_id, open_account
from settlement.ledger.transfer import Transfer
from settlement.people.tables import entitlements
from settlement.periods import Month
from settlement.visits import voiding
from settlement.visits.tables import debit_confirmations, debits, payment_stops
from settlement.vouchers import outlook
from settlement.vouchers.tables import issuance_runs
from tests.cards.county import COUNTER, entitle
from tests.pos_gateway.card.browser import Browser, Mailbox, appoint, card_of, set_pin
from tests.pos_gateway.card.conftest import Holder
from tests.pos_gateway.card.serving import serve
from tests.pos_gateway.town import DISTRICT, Door
from tests.support import acting


def plain(page: str) -> str:
    """What is to be read, on one line, without English and markup."""
    without = re.sub(r'<span class="en[^>]*>.*?</span>', "", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", without))


def test_what_is_left_until_when_this_year_and_next_month(door: Door, browser: Browser, holder: Holder) -> None:
    serve(door, holder.senior_id, holder.code)
    seen = plain(browser.enter(holder.code).text)
    assert "补贴还剩 115.00 元" in seen  # 150.00 issued, 35.00 taken
    assert "不会过期" in seen
    year, month = door.now.year, Month.of(door.now).next().number
    assert f"{year}年还可以用865.00元补贴。" in seen  # six times 150.00, less 35.00
    assert f"下个月（{month}月） 150.00 元" in seen
    assert "您自己存的钱 0.00 元" in seen


def test_who_came_when_for_what_and_how_long(door: Door, browser: Browser, holder: Holder) -> None:
    start = door.now
    serve(door, holder.senior_id, holder.code, minutes=75)
    seen = plain(browser.enter(holder.code).text)
    day = f"{start.month}月{start.day}日（周{'一二三四五六日'[start.weekday()]}）"
    assert f"{day} 上门做饭 35.00 元 补贴35.00元 李秀兰 工号0017，安康养老服务中心 09:00 开始，75分钟" in seen
    assert "发放补贴 +150.00 元 补贴" in seen
    assert seen.index("上门做饭") < seen.index("发放补贴")


def test_own_money_and_cash_are_told_apart(door: Door, browser: Browser) -> None:
    senior_id, code = door.senior(yuan=20)
    set_pin(door, senior_id)
    card_id = card_of(door, senior_id)
    with acting(door.town.engine, door.now - timedelta(hours=1), COUNTER) as act:
        money.top_up(act, f"t{card_id}", card_id, 8000, act.now)
    serve(door, senior_id, code, personal_fen=1000, cash_fen=500)
    seen = plain(browser.enter(code).text)
    assert "35.00 元 补贴20.00元，您自己的钱10.00元，现金5.00元" in seen
    assert "补贴还剩 0.00 元" in seen and "您自己存的钱 70.00 元" in seen
    assert "存入自己的钱 +80.00 元 自己的钱" in seen


def test_a_debit_paid_in_cash_alone_is_shown_too(door: Door, browser: Browser, holder: Holder) -> None:
    serve(door, holder.senior_id, holder.code, cash_fen=3500)
    seen = plain(browser.enter(holder.code).text)
    assert "上门做饭 35.00 元 补贴0.00元，现金35.00元" in seen and "补贴还剩 150.00 元" in seen


def test_what_was_taken_back_says_so(door: Door, browser: Browser, holder: Holder) -> None:
    debit = serve(door, holder.senior_id, holder.code)
    with acting(door.town.engine, door.now, DISTRICT) as act:
        visit = act.conn.execute(select(debits.c.visit_id).where(debits.c.id == debit)).scalar_one()
        assert voiding.void(act, visit, "not_served") is not None
    seen = plain(browser.enter(holder.code).text)
    assert "补贴还剩 150.00 元" in seen
    assert "已退回，钱已回到卡上" in seen
    assert "不是我，或没有这回事" not in seen


def test_the_cap_of_the_year_says_what_may_be_spent_now(door: Door, browser: Browser, holder: Holder) -> None:
    """850.00 carried over from last year lie on the card besides; this year no more than 900.00 may go."""
    card_id = card_of(door, holder.senior_id)
    with acting(door.town.engine, "2026-07-01 08:30") as act:
        control = open_account(act, chart.VOUCHER_CONTROL, chart.scheme("jiangdu"))
        purse = account_id(act.conn, chart.CARD_SUBSIDY, chart.card(card_id))
        assert purse is not None
        more = Transfer(f"old/{card_id}", control, purse, 85000, "issue", f"card:{card_id}", act.now)
        transfer.post(act, f"old/{card_id}", [more])
    seen = plain(browser.enter(holder.code).text)
    assert "补贴还剩 1,000.00 元" in seen
    assert "还可以用900.00元补贴，所以现在最多能用900.00元。" in seen


def test_an_issuance_says_which_months_it_is(door: Door, browser: Browser, holder: Holder) -> None:
    card_id = card_of(door, holder.senior_id)
    row = {"scheme_code": "jiangdu", "scheme_version": "1", "town": f"of {card_id}", "status": "posted", "people": 1}
    row |= {"amount": 4000, "drafted_by": "system", "drafted_at": door.now}
    with acting(door.town.engine, "2026-07-01 08:30") as act:
        control = open_account(act, chart.VOUCHER_CONTROL, chart.scheme("jiangdu"))
        purse = account_id(act.conn, chart.CARD_SUBSIDY, chart.card(card_id))
        assert purse is not None
        for month, months in (("2026-05", 1), ("2026-11", 3)):
            id = f"jiangdu/{month}/of {card_id}"
            act.conn.execute(insert(issuance_runs), row | {"id": id, "month": month, "months": months})
            moved = Transfer(f"test/{id}", control, purse, 4000, "issue", f"issuance:{id}", act.now)
            transfer.post(act, f"issuance:{id}", [moved])
    seen = plain(browser.enter(holder.code).text)
    assert "发放5月补贴 +40.00 元" in seen
    assert "发放11月至1月补贴 +40.00 元" in seen


def test_a_frozen_card_may_be_looked_at_and_says_that_it_is_frozen(
    door: Door, browser: Browser, holder: Holder
) -> None:
    card_id = card_of(door, holder.senior_id)
    with acting(door.town.engine, door.now, COUNTER) as act:
        registry.freeze(act, card_id, since=door.now, reason="order")
    seen = plain(browser.enter(holder.code).text)
    assert "起冻结，暂时不能扣款" in seen and "补贴还剩 150.00 元" in seen


def test_what_lapses_soon_is_said_at_the_top(
    door: Door, browser: Browser, holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under a scheme without carry-over: 60.00 until the end of next month, 150.00 without end (from before)."""
    card_id = card_of(door, holder.senior_id)
    ends = (Month.of(door.now).next().end_day).isoformat()
    with acting(door.town.engine, "2026-07-01 08:30") as act:
        control = open_account(act, chart.VOUCHER_CONTROL, chart.scheme("jiangdu"))
        lot = open_account(act, chart.CARD_SUBSIDY, chart.card(card_id), lot=ends, guarded=True)
        issued = Transfer(f"lot/{card_id}", control, lot, 6000, "issue", f"card:{card_id}", act.now)
        transfer.post(act, f"lot/{card_id}", [issued])
    real = outlook.in_force

    def lapsing(*asked):  # type: ignore[no-untyped-def]
        scheme = real(*asked)
        rule = replace(scheme.purses.carry_over, carries=False, lapses_after="quarter")
        return replace(scheme, purses=replace(scheme.purses, carry_over=rule))

    monkeypatch.setattr(outlook, "in_force", lapsing)
    last = Month.of(door.now).next().end_day - timedelta(days=1)
    door.now = door.now.replace(month=last.month, day=1)  # within 45 days
    seen = plain(browser.enter(holder.code).text)
    day = f"{last.month}月{last.day}日（周{'一二三四五六日'[last.weekday()]}）"
    assert f"60.00元要在{day}以前用掉，过后收回。" in seen
    assert f"60.00元用到{day}为止。" in seen
    assert "不会过期" not in seen


def test_while_nothing_is_decided_for_next_month_it_says_so(door: Door, browser: Browser, holder: Holder) -> None:
    with acting(door.town.engine, door.now) as act:
        entitle(act, holder.senior_id, 80, str(Month.of(door.now).next().next()), reason="level_changed")
        e = entitlements
        mine = e.c.senior_id == holder.senior_id
        act.conn.execute(e.update().where(mine, e.c.to_month.is_not(None)).values(to_month=str(Month.of(door.now))))
    assert "还没有核定" in plain(browser.enter(holder.code).text)


def test_a_few_lines_first_and_all_on_request(door: Door, browser: Browser, holder: Holder) -> None:
    card_id = card_of(door, holder.senior_id)
    for number in range(7):
        with acting(door.town.engine, door.now - timedelta(minutes=60 - number), COUNTER) as act:
            money.top_up(act, f"many{card_id}-{number}", card_id, 100, act.now)
    seen = browser.enter(holder.code).text
    assert seen.count("存入自己的钱") == 6 and "看更早的" in seen
    seen = browser.open("/card/home?all=1").text
    assert seen.count("存入自己的钱") == 7 and "发放补贴" in seen and "看更早的" not in seen


def test_nobody_sees_another_persons_card(door: Door, browser: Browser, holder: Holder) -> None:
    other, code = door.senior(yuan=77)
    debit = serve(door, other, code)
    seen = browser.enter(holder.code).text
    assert "77.00" not in seen and "上门做饭" not in seen
    assert browser.open(f"/card/complaint?debit={debit}").page.status_code == 404


# -- the agent's word -----------------------------------------------------------------------------------------------------
def unproved(door: Door, senior_id: int, code: str) -> tuple[int, str]:
    """(agent, debit): served without any proof of consent, because an agent will confirm it."""
    agent_id = appoint(door, senior_id, f"139{senior_id:08d}")
    return agent_id, serve(door, senior_id, code, consent="agent")


def agent_enters(browser: Browser, holder: Holder, mailbox: Mailbox, agent_id: int) -> None:
    browser.scan(holder.code).post("/card/prove/send", to=str(agent_id)).post("/card/prove/code", code=mailbox.code())


def said(door: Door, debit: str) -> list[tuple[str, str]]:
    with door.town.engine.connect() as conn:
        c = debit_confirmations.c
        return [(r.by, r.answer) for r in conn.execute(select(c.by, c.answer).where(c.debit_id == debit))]


def test_an_agent_confirms_a_debit_that_rests_on_their_word(
    door: Door, browser: Browser, holder: Holder, mailbox: Mailbox
) -> None:
    agent_id, debit = unproved(door, holder.senior_id, holder.code)
    agent_enters(browser, holder, mailbox, agent_id)
    assert "请确认这笔扣款" in browser.text
    browser.post("/card/confirm", debit=debit, answer="yes")
    assert "已确认" in browser.text and "请确认这笔扣款" not in browser.text
    assert said(door, debit) == [("agent", "yes")]
    browser.post("/card/confirm", debit=debit, answer="no")
    assert said(door, debit) == [("agent", "yes")]


def test_a_no_stops_the_payment_and_asks_what_happened(door: Door, browser: Browser, holder: Holder) -> None:
    _, debit = unproved(door, holder.senior_id, holder.code)
    browser.enter(holder.code).post("/card/confirm", debit=debit, answer="no")
    assert browser.at == "/card/complaint" and "核实之前不会付给服务商" in browser.text
    assert said(door, debit) == [("holder", "no")]
    with door.town.engine.connect() as conn:
        visit = select(debits.c.visit_id).where(debits.c.id == debit).scalar_subquery()
        [stop] = conn.execute(select(payment_stops).where(payment_stops.c.visit_id == visit)).all()
    assert stop.status == "open"


@pytest.mark.parametrize("answer", ["", "maybe"])
def test_what_is_no_answer_is_not_taken_for_one(door: Door, browser: Browser, holder: Holder, answer: str) -> None:
    _, debit = unproved(door, holder.senior_id, holder.code)
    browser.enter(holder.code).post("/card/confirm", debit=debit, answer=answer)
    assert said(door, debit) == []


def test_nobody_confirms_another_persons_debit(door: Door, browser: Browser, holder: Holder) -> None:
    other, code = door.senior()
    _, debit = unproved(door, other, code)
    assert "没有找到" in browser.enter(holder.code).post("/card/confirm", debit=debit, answer="yes").text
    assert said(door, debit) == []
