"""Every debit is told, once, by a channel that is not the caregiver's; so is what comes back, what lapses, and what was answered."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event, insert, select, update

from settlement.act import Act
from settlement.cards.tables import cards
from settlement.closing import adjusting, announcing
from settlement.ledger import accounts, chart
from settlement.ledger.tables import accounts as account_rows
from settlement.messages import announce, answers
from settlement.people.scope import holder
from settlement.providers.tables import caregivers
from settlement.supervision import complaints
from settlement.visits import bookings, voiding
from settlement.visits.forms import Debit
from settlement.visits.tables import debits, visits
from tests.cards.county import TOWN_CLERK, TOWN_HEAD
from tests.messages.world import Carrier, deliver, stored, with_agent, with_phone
from tests.support import RING, acting, at, officer
from tests.visits.world import CLEANING, VISITING, Holder, World

MOBILE, DAUGHTER = "13800001111", "13900002222"
EVENING = "2026-07-03 18:00"


def someone(world: World, subsidy: int = 15_000, personal: int = 0, phone: str | None = MOBILE) -> Holder:
    found = world.holder(subsidy, personal)
    if phone is not None:
        with acting(world.engine) as act:
            with_phone(act, found.senior_id, phone)
    return found


def debited(world: World, who: Holder, total: int = 3000, *items: str, **facts: Any) -> Debit:
    debit = world.debit(world.served(who, *items), total, **facts)
    assert isinstance(debit, Debit), debit
    return debit


def tell(world: World, when: str = EVENING, what: Any = announce.debits, **more: Any) -> int:
    with acting(world.engine, when) as act:
        told: int = what(act, RING, **more)
        return told


def texts(world: World, when: str = EVENING) -> list[tuple[str, str]]:
    """(telephone, text) of what goes out."""
    carrier = Carrier()
    deliver(world.engine, carrier, when)
    return [(phone, text) for _, phone, text in carrier.said]


def test_a_debit_is_told_in_one_message(world: World) -> None:
    who = someone(world, 15_000, 1000)
    debited(world, who, 4500, CLEANING, VISITING)
    assert tell(world) == 1
    assert texts(world) == [
        (
            MOBILE,
            "【养老服务卡】7月3日09:00，安康养老服务中心服务60分钟（居室保洁、上门探视）。付补贴45.00元。补贴余额105.00元。"
            "不是您本人或没有服务，请在8月2日前告诉村(社区)，或扫服务卡提出。",
        )
    ]
    assert (tell(world), texts(world)) == (0, [])  # once


def test_own_money_cash_and_what_the_provider_bears(world: World) -> None:
    """20 yuan of subsidy and 5 of own money; of a debit without signal that found 10 short the senior hears that nothing is owed."""
    both = someone(world, 2000, 500)
    debited(world, both, confirm_personal_fen=500, cash_fen=500, receipt_no="R1")
    late = someone(world, 2000, phone=DAUGHTER)
    debited(world, late, arrives=at("2026-07-05 12:00"))
    assert tell(world, "2026-07-05 18:00") == 2
    said = dict(texts(world, "2026-07-05 18:00"))
    assert "付补贴20.00元、自有资金5.00元、现金5.00元。补贴余额0.00元。" in said[MOBILE]
    assert "没有信号" not in said[MOBILE] and "承担" not in said[MOBILE]
    assert "付补贴20.00元。当时没有信号，7月5日入账。余额不足的10.00元由服务商承担，您不用付。" in said[DAUGHTER]
    assert "请在8月4日前" in said[DAUGHTER]


def test_without_an_own_telephone_the_agent_hears_and_else_paper(world: World) -> None:
    cared_for, alone = someone(world, phone=None), someone(world, phone=None)
    with_agent(world.engine, cared_for.senior_id, DAUGHTER)
    with acting(world.engine) as act:
        row = {"provider_id": world.ours, "staff_no": "spy", "name": "x", "from_day": at(EVENING).date()}
        index = RING.index("13700000000", "caregivers.phone")
        act.conn.execute(insert(caregivers).values(row | {"phone_index": index}))
    staffed = someone(world, phone="13700000000")  # the caregiver's own number, given as the senior's
    for who in (cared_for, alone, staffed):
        debited(world, who)
    assert tell(world) == 3
    assert [phone for phone, _ in texts(world)] == [DAUGHTER]
    channels = {row.senior_id: row.channel for row in stored(world.engine, kind="debit")}
    assert channels == {cared_for.senior_id: "sms", alone.senior_id: "paper", staffed.senior_id: "paper"}


def test_only_what_happened_and_only_while_it_is_news(world: World) -> None:
    poor, back = someone(world, 0), someone(world)
    assert not isinstance(world.debit(world.served(poor), 3000), Debit)  # declined
    undone = debited(world, back)
    with acting(world.engine, EVENING, officer("p", "provider", provider_id=world.ours)) as act:
        voiding.take_back_debit(act, undone.id, "mistake")
    assert tell(world) == 0
    debited(world, someone(world))
    with acting(world.engine) as act:
        assert act.conn.execute(select(debits.c.recorded_at).where(debits.c.status == "posted")).scalar_one() == at(
            "2026-07-03 10:02"
        )
    assert tell(world, "2026-07-06 10:03") == 0  # three days old: it stands on the paper statement
    assert tell(world, "2026-07-06 10:02") == 1


def test_what_is_taken_back_after_it_was_told_is_told_as_well(world: World) -> None:
    who = someone(world, 2000, 1000)
    debit = debited(world, who, confirm_personal_fen=1000)
    tell(world)
    texts(world)
    assert tell(world, what=announce.given_back) == 0
    with acting(world.engine, "2026-07-04 09:00", TOWN_CLERK) as act:
        voiding.void(act, debit.visit_id, "not_served")
    assert tell(world, "2026-07-04 09:05", announce.given_back) == 1
    assert texts(world, "2026-07-04 09:05") == [
        (
            MOBILE,
            "【养老服务卡】7月3日09:00安康养老服务中心的扣款已撤销，退回补贴20.00元、自有资金10.00元。补贴余额20.00元。",
        )
    ]
    assert tell(world, "2026-07-04 09:05", announce.given_back) == 0


def test_what_comes_back_after_the_close_is_told_as_well(world: World) -> None:
    who = someone(world, 9000)
    debit = debited(world, who)
    with acting(world.engine) as act:
        act.conn.execute(update(visits).where(visits.c.id == debit.visit_id).values(status="paid"))
    with acting(world.engine, "2026-08-20 09:00", TOWN_CLERK) as act:
        assert isinstance(adjusting.void_visit(act, debit.visit_id, "fraud"), adjusting.VoidedAfterClose)
    noon = "2026-08-20 12:00"
    assert tell(world, noon, announce.given_back) == 0
    assert tell(world, noon, announcing.given_back) == 1
    assert texts(world, noon) == [
        (MOBILE, "【养老服务卡】7月3日09:00安康养老服务中心的扣款已撤销，退回补贴30.00元。补贴余额90.00元。")
    ]
    assert tell(world, noon, announcing.given_back) == 0


def test_five_debits_take_as_many_statements_as_one(world: World) -> None:
    people = [someone(world, phone=f"1380000{number:04d}") for number in range(7)]
    for who in people:
        debited(world, who)

    seen: list[str] = []

    def count(*words: Any) -> None:
        seen.append(words[2])

    def statements(limit: int) -> tuple[int, int]:
        seen.clear()
        return tell(world, limit=limit), len(seen)

    event.listen(world.engine, "before_cursor_execute", count)
    one, for_one = statements(1)
    five, for_five = statements(5)
    assert (one, five) == (1, 5)
    assert for_five == for_one
    assert tell(world, limit=5) == 1
    assert len(stored(world.engine)) == 7


# -- money that lapses --------------------------------------------------------------------------------------------------------
def lot(world: World, who: Holder, last: str, fen: int) -> None:
    with acting(world.engine, "2026-06-01 09:00") as act:
        account = accounts.open_account(act, chart.CARD_SUBSIDY, chart.card(who.card_id), lot=last, guarded=True)
        world.pay_in(act, account, fen)


def test_money_that_lapses_is_told_a_month_ahead_and_once(world: World) -> None:
    who, late, closed = someone(world), someone(world, phone=DAUGHTER), someone(world)
    lot(world, who, "2026-07-01", 3000)
    lot(world, late, "2026-07-02", 4000)
    lot(world, closed, "2026-07-01", 5000)
    with acting(world.engine) as act:
        act.conn.execute(update(cards).where(cards.c.id == closed.card_id).values(status="closed"))
    assert tell(world, "2026-05-31 09:00", announce.lapses) == 0
    assert tell(world, "2026-06-01 09:00", announce.lapses) == 1
    assert tell(world, "2026-06-02 09:00", announce.lapses) == 1
    assert tell(world, "2026-06-30 09:00", announce.lapses) == 0
    assert texts(world, "2026-06-30 09:00")[0] == (
        MOBILE,
        "【养老服务卡】您有30.00元补贴用到2026年6月30日为止，之后不能再用。需要服务请早些预约。",
    )


def test_nobody_is_told_of_money_that_carries_over_or_is_spent(world: World) -> None:
    who = someone(world)
    lot(world, who, "2026-07-01", 3000)
    with acting(world.engine) as act:
        act.conn.execute(update(account_rows).where(account_rows.c.lot == "2026-07-01").values(balance=0))
    assert tell(world, "2026-06-15 09:00", announce.lapses) == 0


# -- what was answered --------------------------------------------------------------------------------------------------------
def test_what_was_decided_on_a_complaint(world: World) -> None:
    who = someone(world)
    debit = debited(world, who)

    def complain(act: Act, kind: str) -> int:
        return complaints.open_(act, who.senior_id, f"debit:{debit.id}", kind)

    with acting(world.engine, "2026-07-04 09:00", holder(who.senior_id)) as act:
        upheld, rejected, withdrawn = (complain(act, kind) for kind in ("not_served", "rude", "other"))
        complaints.decide(act, withdrawn, "withdrawn", "算了")
    with acting(world.engine, "2026-07-06 09:00", TOWN_HEAD) as act:
        complaints.decide(act, upheld, "upheld", "定位不符")
        complaints.decide(act, rejected, "rejected", "双方说法不一")
    noon = "2026-07-06 12:00"
    assert tell(world, noon, answers.complaints_decided) == 2
    assert [text for _, text in texts(world, noon)] == [
        "【养老服务卡】您7月4日反映的“没有来服务”已核实：属实，该次服务作废，金额已退回。",
        "【养老服务卡】您7月4日反映的“服务态度差”已核实：不属实。",
    ]
    assert tell(world, noon, answers.complaints_decided) == 0


def test_what_was_answered_on_a_booking(world: World) -> None:
    who = someone(world)
    with acting(world.engine, EVENING, holder(who.senior_id)) as act:
        first = bookings.ask(act, who.senior_id, [CLEANING])
        second = bookings.ask(act, who.senior_id, [], "买米")
    with acting(world.engine, EVENING, officer("p", "provider", provider_id=world.ours)) as act:
        bookings.accept(act, first, world.ours, at("2026-07-10 09:30"), 60)
    assert tell(world, what=answers.bookings_answered) == 1
    with acting(world.engine, EVENING, TOWN_CLERK) as act:
        bookings.decline(act, second, "goods")
    assert tell(world, what=answers.bookings_answered) == 1
    assert [text for _, text in texts(world)] == [
        "【养老服务卡】您预约的服务已安排：安康养老服务中心7月10日09:30上门，约60分钟。请备好服务卡。",
        "【养老服务卡】您预约的服务不能安排：不能以实物代替服务。请与村(社区)联系。",
    ]


def test_the_senior_and_not_the_agent_hears_of_a_new_agent(world: World) -> None:
    who, alone = someone(world), someone(world, phone=None)
    with_agent(world.engine, who.senior_id, DAUGHTER)
    with_agent(world.engine, alone.senior_id, DAUGHTER)
    assert tell(world, what=answers.agents_appointed) == 2
    assert texts(world) == [
        (
            MOBILE,
            "【养老服务卡】7月1日起，王小红（子女）是您的代理人，可以查余额、预约服务、确认扣款。您没有同意的，请马上告诉村(社区)。",
        )
    ]
    assert [row.channel for row in stored(world.engine)] == ["sms", "paper"]


@pytest.mark.parametrize("what", [announce.debits, announce.given_back, announce.lapses, answers.complaints_decided])
def test_nothing_to_tell(world: World, what: Any) -> None:
    assert tell(world, what=what) == 0
