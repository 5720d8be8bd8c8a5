"""The month on paper: balances that follow from each other, every line between them, and what could be told in no other way."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from settlement.audit import audit_rows
from settlement.cards import money
from settlement.cards.typeset import typeset
from settlement.errors import BrokenInvariant
from settlement.ledger.tables import transfers
from settlement.messages import account, announce, answers, statement
from settlement.messages.account import Account, Line
from settlement.messages.carrier import Rejected
from settlement.officers import officers
from settlement.outcomes import Reason, Refused
from settlement.people.tables import seniors
from settlement.periods import Month
from settlement.visits import voiding
from settlement.visits.forms import Debit
from tests.cards.county import COUNTER, TOWN, TOWN_CLERK, card, senior
from tests.messages.world import Carrier, deliver, stored, with_agent, with_phone
from tests.support import RING, acting, at, officer
from tests.visits.world import CLEANING, VISITING, Holder, World

VILLAGE = "正谊村"
JULY, AUGUST = Month.parse("2026-07"), Month.parse("2026-08")


def read(world: World, month: Month, **more: Any) -> dict[int, Account]:
    with acting(world.engine, "2026-09-01 09:00", TOWN_CLERK) as act:
        return {each.senior_id: each for each in account.accounts_of(act, RING, TOWN, VILLAGE, month, **more)}


def debited(world: World, who: Holder, total: int, *items: str, **facts: Any) -> Debit:
    when = facts.pop("when", "2026-07-03 09:00")
    debit = world.debit(world.served(who, *items, when=when), total, **facts)
    assert isinstance(debit, Debit), debit
    return debit


def amounts(found: Account) -> list[tuple[str, int, int, int]]:
    return [(line.what, line.subsidy, line.personal, line.cash) for line in found.lines]


def test_july_and_august_follow_from_each_other(world: World) -> None:
    who = world.holder(9000, 2000)
    with acting(world.engine, "2026-07-01 10:00", COUNTER) as act:
        money.top_up(act, "T1", who.card_id, 1000, act.now)
    debited(world, who, 4500, CLEANING, VISITING)
    second = debited(
        world,
        who,
        6000,
        CLEANING,
        CLEANING,
        when="2026-07-20 09:00",
        confirm_personal_fen=1000,
        cash_fen=500,
        receipt_no="R1",
    )
    assert (second.subsidy_fen, second.personal_fen, second.cash_fen) == (4500, 1000, 500)
    with acting(world.engine, "2026-08-02 09:00", TOWN_CLERK) as act:
        voiding.void(act, second.visit_id, "not_served")

    july = read(world, JULY)[who.senior_id]
    assert (july.opening, july.closing) == ((9000, 2000), (0, 2000))
    assert amounts(july) == [
        ("充值 own money paid in", 0, 1000, 0),
        ("居室保洁、上门探视 60分钟 min", -4500, 0, 0),
        ("居室保洁、居室保洁 60分钟 min", -4500, -1000, 500),
    ]
    assert july.lines[1].who == "安康养老服务中心 李秀兰"
    assert [line.at for line in july.lines] == [at("2026-07-01 10:00"), at("2026-07-03 09:00"), at("2026-07-20 09:00")]

    august = read(world, AUGUST)[who.senior_id]
    assert (august.opening, august.closing) == ((0, 2000), (4500, 3000))
    assert amounts(august) == [("扣款撤销，退回 debit taken back", 4500, 1000, 0)]
    assert (august.year_left, july.number) == (180_000 - 4500, "**** " + july.number[-4:])


def test_a_visit_of_july_that_arrived_in_august_stands_in_august_with_its_own_day(world: World) -> None:
    who = world.holder(9000)
    debited(world, who, 3000, when="2026-07-31 16:00", arrives=at("2026-08-02 12:00"))
    assert amounts(read(world, JULY)[who.senior_id]) == []
    (line,) = read(world, AUGUST)[who.senior_id].lines
    assert (line.at, line.subsidy) == (at("2026-07-31 16:00"), -3000)
    assert read(world, JULY)[who.senior_id].closing == read(world, AUGUST)[who.senior_id].opening == (9000, 0)


def test_what_the_provider_bears_is_said(world: World) -> None:
    """Cleaning for 30 yuan without signal, and 20 on the card."""
    who = world.holder(2000)
    debited(world, who, 3000, arrives=at("2026-07-05 12:00"))
    (line,) = read(world, JULY)[who.senior_id].lines
    assert (line.what, line.subsidy) == (
        "居室保洁 60分钟 min（不足的10.00元由服务商承担 borne by the provider）",
        -2000,
    )


def test_lines_that_do_not_add_up_are_never_printed(world: World) -> None:
    who = world.holder(9000)
    debited(world, who, 3000)
    with acting(world.engine) as act:
        act.conn.execute(update(transfers).where(transfers.c.code == "debit_subsidy").values(amount=2999))
    with pytest.raises(BrokenInvariant):
        read(world, JULY)


def test_only_those_whom_no_message_reaches(world: World) -> None:
    reached, alone, cared_for, lost = (world.holder(9000) for _ in range(4))
    with acting(world.engine) as act:
        with_phone(act, reached.senior_id, "13800001111")
        with_phone(act, lost.senior_id, "13800002222")
    with_agent(world.engine, cared_for.senior_id, "13900002222")
    for who in (reached, alone, cared_for, lost):
        debited(world, who, 3000)
    with acting(world.engine, "2026-07-03 18:00") as act:
        assert announce.debits(act, RING) == 4
    wrong_number = Carrier()
    wrong_number.send = lambda message: (  # type: ignore[method-assign]
        Rejected("http 422") if message.phone == "13800002222" else Carrier.send(wrong_number, message)
    )
    deliver(world.engine, wrong_number, "2026-07-03 18:00")
    assert read(world, JULY).keys() == {reached.senior_id, alone.senior_id, cared_for.senior_id, lost.senior_id}
    assert read(world, JULY, unreached=True).keys() == {alone.senior_id, lost.senior_id}
    assert read(world, AUGUST, unreached=True).keys() == {alone.senior_id}


def test_the_pdf_of_a_village(world: World) -> None:
    first, second = world.holder(9000), world.holder(9000)
    debited(world, first, 3000)
    with_agent(world.engine, first.senior_id, "13900002222")
    with acting(world.engine) as act:
        act.conn.execute(update(seniors).where(seniors.c.id == second.senior_id).values(name="张𠮷"))
        card(act, senior(act, village="新河村"))
    with acting(world.engine, "2026-07-03 18:00") as act:
        assert (announce.debits(act, RING), answers.agents_appointed(act, RING)) == (1, 1)
    assert [row.status for row in stored(world.engine)] == ["waiting", "paper"]

    def print_it(when: str = "2026-08-01 09:00", month: Month = JULY, by: Any = TOWN_CLERK) -> statement.Statement:
        with acting(world.engine, when, by) as act:
            return statement.village_statement(act, RING, TOWN, VILLAGE, month)

    made = print_it()
    assert made.pdf.startswith(b"%PDF-") and (made.count, made.by_hand) == (2, (second.senior_id,))
    assert len(re.findall(rb"/Type\s*/Page\b", made.pdf)) == 2  # one page a person
    assert print_it().pdf == made.pdf  # printed again: the same
    assert [row.status for row in stored(world.engine)] == ["waiting", "printed"]
    (notice,) = read(world, JULY)[first.senior_id].notices
    assert "王小红（子女）是您的代理人" in notice
    with acting(world.engine) as act:
        said = act.conn.execute(select(audit_rows.c.after).where(audit_rows.c.act == "statements.print")).scalars()
        assert next(iter(said)) == {"month": "2026-07", "village": VILLAGE, "count": 2}

    for reason, words in (
        (Reason.PERIOD_NOT_OVER, {"when": "2026-07-31 23:59"}),
        (Reason.NOT_ALLOWED, {"by": officer("c", "town", town="邵伯镇")}),
        (Reason.NOT_ALLOWED, {"by": officer("p", "provider", provider_id=world.ours)}),
    ):
        with pytest.raises(Refused) as caught:
            print_it(**words)  # type: ignore[arg-type]
        assert caught.value.reason is reason


def test_a_village_officer_prints_the_own_village(world: World) -> None:
    world.holder(9000)
    with acting(world.engine) as act:
        for id, village in (("lin", VILLAGE), ("wu", "新河村")):
            row = {"id": id, "name": id, "role": "village", "town": TOWN, "village": village, "active": True}
            act.conn.execute(insert(officers).values(row | {"created_at": act.now}))
    for id, allowed in (("lin", True), ("wu", False)):
        with acting(world.engine, "2026-08-01 09:00", officer(id, "village", town=TOWN)) as act:
            if allowed:
                assert statement.village_statement(act, RING, TOWN, VILLAGE, JULY).count == 1
            else:
                with pytest.raises(Refused):
                    statement.village_statement(act, RING, TOWN, VILLAGE, JULY)
    with pytest.raises(Refused) as caught, acting(world.engine, "2026-08-01 09:00", TOWN_CLERK) as act:
        statement.village_statement(act, RING, TOWN, "空村", JULY)
    assert caught.value.reason is Reason.NOT_FOUND


def test_what_stands_on_the_page() -> None:
    """As people read it: a minus was taken; the month's spending counts what came back."""
    lines = [
        Line(at("2026-07-03 09:05"), "居室保洁 60分钟 min", "安康 李秀兰", -3000, -500, 200, debit=True),
        Line(at("2026-07-04 10:00"), account.ACTS["void"], "", 1000, 0, back=True),
        Line(at("2026-07-05 10:00"), account.ACTS["issue"], "", 15_000, 0),
    ]
    found = Account(1, 1, "张𠮷", VILLAGE, "**** 1234", (0, 500), (13_000, 0), 120_000, lines, ["好"])
    data = statement.as_data([found], JULY)
    (person,) = data["people"]
    assert data["month"] == "2026年7月 2026-07"
    assert (person["name"], person["spent"], person["year_left"]) == ("张〓", ["20.00", "5.00"], "1,200.00")
    assert (person["opening"], person["closing"]) == (["0.00", "5.00"], ["130.00", "0.00"])
    assert person["lines"][0] == {
        "day": "7月3日 09:05",
        "what": "居室保洁 60分钟 min",
        "who": "安康 李秀兰",
        "subsidy": "-30.00",
        "personal": "-5.00",
        "cash": "2.00",
        "debit": True,
    }
    assert (person["lines"][1]["day"], person["lines"][2]["personal"]) == ("7月4日", "")
    many = Account(1, 1, "王桂英", VILLAGE, "—", lines=lines * 20)
    pages = typeset(statement.TEMPLATE, statement.as_data([found, many], JULY), timestamp=0, format="png")
    assert len(pages) > 2
