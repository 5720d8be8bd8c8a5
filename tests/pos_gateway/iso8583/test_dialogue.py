"""What a terminal says and is answered: keys, balance, purchase, void, refund, advice. Amounts in fen, worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import func, select

from pos_gateway.iso8583 import journal, mac
from pos_gateway.iso8583.codec import decode
from pos_gateway.iso8583.spec import Message
from pos_gateway.iso8583.tables import messages
from settlement.cards import dynamic_code, pin, registry
from settlement.db import reading
from settlement.providers import terminals
from settlement.visits import counter
from settlement.visits.integrity import check
from settlement.visits.tables import counter_sales, debits, visits
from tests.cards.county import COUNTER, TOWN_CLERK
from tests.pos_gateway.iso8583.shop import DAY_CARE, LUNCH, PIN, Shop, code, parts, shop
from tests.support import RING, acting
from tests.visits.world import CLEANING, DISTRICT, World


@pytest.fixture(autouse=True)
def _books_agree(world: World) -> Iterator[None]:
    yield
    with reading(world.engine) as conn:
        assert check(conn) == []


@pytest.fixture
def here(world: World) -> Shop:
    return shop(world)


def counted(world: World, table: Any, **where: Any) -> int:
    with reading(world.engine) as conn:
        query = select(func.count()).select_from(table).where(*(table.c[k] == v for k, v in where.items()))
        return int(conn.execute(query).scalar_one())


# -- keys -------------------------------------------------------------------------------------------------------------------------
def test_sign_on_tells_the_time_and_the_batch_and_echo_leaves_no_trace(world: World) -> None:
    here = shop(world, "2026-07-03 11:29:58", ready=False)
    told = here.terminal.sign_on()
    assert (code(told), told.text(13), told.text(12), told.text(60)) == ("00", "0703", "112958", "000001")
    assert code(here.terminal.echo()) == "00"
    assert code(here.terminal.sign_off()) == "00"
    assert counted(world, messages, terminal_id=here.id) == 2


def test_keys_are_exchanged_and_those_before_count_until_the_new_ones_are_used(world: World, here: Shop) -> None:
    first = here.terminal.mac_key
    here.never_heard(Message("0800", here.terminal.head() | {70: "101"}))
    someone = world.holder(subsidy=5000)
    card = here.chip_card(someone)
    assert code(here.buy(card.read(1200))) == "00"  # the answer with the new keys was lost: still under the first
    here.terminal.exchange_keys()
    second = here.terminal.mac_key
    assert code(here.buy(card.read(1200))) == "00"
    here.terminal.mac_key = first
    assert code(here.buy(card.read(1200))) == "63"
    here.terminal.mac_key = second
    assert code(here.buy(card.read(1200))) == "00"
    assert world.left(someone) == (5000 - 3 * 1200, 0)


def test_a_repeated_key_exchange_gives_the_same_keys(here: Shop) -> None:
    asked = Message("0800", here.terminal.head() | {70: "101"})
    never_heard = here.never_heard(asked)
    again = here.repeat(asked)
    assert again == never_heard
    assert mac.unwrap(here.terminal.key, again.data(62)) != (here.terminal.mac_key, here.terminal.pin_key)


# -- balance ----------------------------------------------------------------------------------------------------------------------
def test_balance_for_whoever_shows_the_card(world: World, here: Shop) -> None:
    someone = world.holder(subsidy=5000, personal=700, year=180_000)
    here.set_pin(someone)
    left = {"subsidy_left": 5000, "personal_left": 700, "year_left": 180_000}
    with acting(world.engine, here.now) as act:
        dynamic = dynamic_code.make(act, RING, someone.card_id, "visit")
    for card, digits in (
        (here.chip_card(someone).read(0), None),
        (here.printed(someone), None),
        (here.number(someone), PIN),
        (here.number(someone, dynamic.digits), None),
    ):
        told = here.terminal.balance(card, digits)
        assert (code(told), parts(told)) == ("00", left)
    assert told.text(63) == "补贴50.00元，个人账户7.00元"
    assert code(here.terminal.balance(here.number(someone))) == "55"
    assert code(here.terminal.balance(here.number(someone), "111222")) == "55"
    assert code(here.terminal.balance(here.number(someone, "00000000"))) == "55"


def test_a_balance_is_asked_for_now_whatever_the_terminals_clock_says(world: World, here: Shop) -> None:
    """Neither a card that was lost since nor a PIN that was replaced tells anything, by a clock set back to yesterday."""
    someone, other = world.holder(subsidy=5000), world.holder(subsidy=5000)
    here.set_pin(other)
    lost, replaced = here.printed(someone), here.number(other)
    here.passes(days=1)
    with acting(world.engine, here.now, COUNTER) as act:
        registry.report_lost(act, someone.card_id)
    here.set_pin(other, "731946")
    here.terminal.clock = lambda: here.now - timedelta(hours=12)
    assert code(here.terminal.balance(lost)) == "41"
    assert code(here.terminal.balance(replaced, PIN)) == "55"
    assert code(here.terminal.balance(replaced, "731946")) == "00"


# -- purchase ---------------------------------------------------------------------------------------------------------------------
def test_lunch_by_chip(world: World, here: Shop) -> None:
    someone = world.holder(subsidy=2000, personal=1000)
    told = here.buy(here.chip_card(someone).read(2400), 2400, {LUNCH: 2}, personal=400)
    assert (code(told), told.mti, told.text(4)) == ("00", "0210", "000000002400")
    assert parts(told) == {
        "subsidy": 2000,
        "personal": 400,
        "subsidy_left": 0,
        "personal_left": 600,
        "year_left": 178_000,
    }
    assert told.text(63) == "补贴20.00元，个人账户4.00元"
    assert world.left(someone) == (0, 600)
    assert (len(told.text(37)), len(told.text(38))) == (12, 6)


def test_by_dynamic_code_by_pin_by_printed_code_and_with_cash(world: World, here: Shop) -> None:
    someone = world.holder(subsidy=7200)
    here.set_pin(someone)
    with acting(world.engine, here.now) as act:
        dynamic = dynamic_code.make(act, RING, someone.card_id, "debit", 1200)
    assert code(here.buy({22: "031", 61: dynamic.code})) == "00"
    assert code(here.buy({22: "031", 61: dynamic.code})) == "94"
    assert code(here.buy(here.number(someone), pin=PIN)) == "00"
    assert code(here.buy(here.printed(someone))) == "00"
    told = here.buy(here.chip_card(someone).read(4000), 4000, {DAY_CARE: 1}, cash=400, receipt="S-7")
    assert (parts(told)["subsidy"], parts(told)["cash"]) == (3600, 400)
    assert world.left(someone) == (0, 0)
    with reading(world.engine) as conn:
        consents = conn.execute(select(debits.c.consent).where(debits.c.card_id == someone.card_id)).scalars().all()
    assert sorted(consents) == ["card_qr", "chip", "dynamic", "pin"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({48: "ZJ01*1", 4: "000000003000"}, "57"),  # cleaning is served at home
        ({48: "tea*1"}, "57"),
        ({48: "ZC03*0"}, "30"),
        ({48: "ZC03"}, "30"),
        ({54: "nonsense"}, "30"),
        ({59: "nobody"}, "25"),
        ({4: "000000001100"}, "13"),
        ({4: "000000000000"}, "30"),
        ({13: "0231"}, "30"),
        ({12: "112000"}, "12"),  # ten minutes slow
        ({12: "114000"}, "12"),  # ten minutes fast
        ({49: "840"}, "30"),
        ({60: "000002"}, "77"),
        ({42: "M99999999999999"}, "03"),
        ({3: "010000"}, "12"),
        ({55: b"\x9f"}, "30"),
        ({2: "8812000000000000"}, "14"),
    ],
)
def test_what_is_wrong_is_said_by_its_code(world: World, here: Shop, change: Any, expected: str) -> None:
    someone = world.holder(subsidy=5000)
    card = here.chip_card(someone).read(int(change.get(4, "1200")))  # the chip vouches for the amount
    asked = here.made(card)
    told = here.terminal.say(replace(asked, fields={**asked.fields, **change}))
    assert code(told) == expected, told.text(63)
    assert told.text(63)
    assert world.left(someone) == (5000, 0)


def test_a_pin_block_that_cannot_be_opened_is_no_wrong_try(world: World, here: Shop) -> None:
    someone = world.holder(subsidy=5000)
    here.set_pin(someone)
    asked = here.made(here.number(someone), pin=PIN)
    garbled = replace(asked, fields={**asked.fields, 126: bytes(16)})
    assert code(here.terminal.say(garbled)) == "55"
    for _ in range(5):
        assert code(here.buy(here.number(someone), pin="111333")) in ("55", "75")
    assert code(here.buy(here.number(someone), pin=PIN)) == "75"
    assert world.left(someone) == (5000, 0)


def test_a_terminal_that_was_revoked(world: World, here: Shop) -> None:
    someone = world.holder(subsidy=5000)
    done = here.buy(here.chip_card(someone).read(1200))
    with acting(world.engine, here.now, DISTRICT) as act:
        terminals.revoke(act, here.id, "stolen")
    assert code(here.terminal.void(done.text(37), 1200)) == "57"
    assert code(here.terminal.sign_on()) == "57"
    assert code(here.advise(here.printed(someone))) == "57"
    with reading(world.engine) as conn:
        (left_over,) = journal.not_carried_out(conn, [here.id])
    assert (left_over.mti, left_over.reason, left_over.amount_fen) == ("0220", "device_revoked", 1200)
    assert world.left(someone) == (3800, 0)


# -- void and refund --------------------------------------------------------------------------------------------------------------
def test_voided_on_its_day_refunded_on_another(world: World, here: Shop) -> None:
    someone = world.holder(subsidy=1000, personal=1000)
    card = here.chip_card(someone)
    one = here.buy(card.read(1200), personal=200)
    told = here.terminal.void(one.text(37), 1200)
    assert (code(told), parts(told)) == (
        "00",
        {"subsidy": 1000, "personal": 200, "subsidy_left": 1000, "personal_left": 1000, "year_left": 180_000},
    )
    assert code(here.terminal.void(one.text(37), 1200)) == "57"
    two = here.buy(card.read(1200), personal=200)
    assert code(here.terminal.refund(two.text(37), 1100)) == "13"
    here.passes(days=1)
    assert code(here.terminal.void(two.text(37), 1200)) == "57"
    other = shop(world, "2026-07-04 11:30")
    assert code(other.terminal.refund(two.text(37), 1200)) == "00"  # at another counter of the same provider
    assert world.left(someone) == (1000, 1000)
    theirs = shop(world, provider=world.theirs)
    three = here.buy(card.read(1200), personal=200)
    assert code(theirs.terminal.refund(three.text(37), 1200)) == "57"
    assert code(here.terminal.refund("999999999999", 1200)) == "25"
    assert code(here.terminal.refund("nosuchnumber", 1200)) == "25"
    assert code(here.terminal.refund(told.text(37), 1200)) == "25"  # a void is no purchase


# -- advices ----------------------------------------------------------------------------------------------------------------------
def test_an_advice_takes_what_there_is_and_what_was_agreed_to(world: World, here: Shop) -> None:
    """10.00 subsidy, 1.00 agreed to from own money: of the 12.00 the provider bears 1.00, however soon we hear of it."""
    someone = world.holder(subsidy=1000, personal=1000)
    told = here.advise(here.chip_card(someone).read(1200), personal=100)
    assert (told.mti, code(told)) == ("0230", "00")
    assert told.text(63) == "补贴10.00元，个人账户1.00元，服务商承担1.00元"
    assert world.left(someone) == (0, 900)
    late = world.holder(subsidy=5000)
    then = here.now
    here.passes(days=3)
    assert code(here.advise(here.chip_card(late).read(1200), at=then)) == "00"
    assert world.left(late) == (3800, 0)


def test_an_advice_is_recorded_whatever_becomes_of_it(world: World, here: Shop) -> None:
    someone = world.holder(subsidy=50_000)
    card = here.chip_card(someone)
    too_much = here.advise(card.read(24_000), 24_000, {DAY_CARE: 6})
    at_home = here.advise(card.read(3000), 3000, {CLEANING: 1})
    broken = here.made(card.read(1200), mti="0220")
    broken = here.terminal.say(replace(broken, fields={**broken.fields, 48: "?"}))
    assert [code(each) for each in (too_much, at_home, broken)] == ["61", "57", "30"]
    with reading(world.engine) as conn:
        kept = journal.not_carried_out(conn, [here.id])
    assert [each.reason for each in kept] == ["offline_limit", "item_not_at_counter", "message_incomplete"]
    assert counted(world, visits, id=kept[0].sale_id, status="served") == 1
    assert counted(world, counter_sales, terminal_id=here.id, status="declined", offline=True) == 2
    assert world.left(someone) == (50_000, 0)
    with acting(world.engine, here.now, TOWN_CLERK) as act:
        counter.release(act, kept[0].sale_id, "the day-care centre's book says so")
    with reading(world.engine) as conn:
        assert [each.reason for each in journal.not_carried_out(conn, [here.id])] == [each.reason for each in kept[1:]]
    assert world.left(someone) == (26_000, 0)


# -- repeats ----------------------------------------------------------------------------------------------------------------------
def test_a_repeat_gets_the_first_answer_byte_for_byte(world: World, here: Shop) -> None:
    someone = world.holder(subsidy=1200)
    here.set_pin(someone)
    card = here.chip_card(someone)
    for asked in (
        here.made(here.number(someone), pin=PIN),
        here.made(card.read(1200)),  # declined: 1.00 is left
        here.made(card.read(1200), mti="0220"),
    ):
        first = here.send(asked)
        repeated = replace(asked, mti=asked.mti[:3] + "1")
        if 126 in repeated.fields:  # the block is made anew, as a terminal may
            fresh = here.terminal._with_pin(repeated, PIN)
            assert fresh.fields[126] != asked.fields[126]
            repeated = fresh
        with acting(world.engine, here.now) as act:
            world.pay_in(act, someone.subsidy, 100)
        here.passes(hours=2)
        assert here.send(repeated) == here.send(repeated) == first
        here.passes(hours=-2)
    # 12.00, 1.00, 1.00 and 1.00 paid in; 12.00 bought, then the advice took the 2.00 there were.
    assert (world.left(someone), counted(world, messages, terminal_id=here.id, mti="0200")) == ((100, 0), 2)


def test_the_same_number_for_something_else_is_refused_and_the_first_stands(world: World, here: Shop) -> None:
    someone = world.holder(subsidy=5000)
    asked = here.made(here.printed(someone))
    first = here.send(asked)
    other = replace(asked, fields={**asked.fields, 4: "000000002400", 48: "ZC03*2"})
    assert code(decode(here.send(other)).message) == "94"
    assert code(decode(here.send(replace(asked, mti="0220"))).message) == "94"
    assert here.send(asked) == first
    assert world.left(someone) == (3800, 0)


@pytest.mark.parametrize("way", ["0200", "0220"])
def test_two_equal_messages_at_once_on_two_lines_are_one_purchase(world: World, here: Shop, way: str) -> None:
    someone = world.holder(subsidy=5000)
    asked = here.terminal.bytes_of(here.made(here.chip_card(someone).read(1200), mti=way))
    start = Barrier(4)

    def send(_: int) -> bytes:
        start.wait()
        return here.exchange(asked)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(send, range(4)))
    assert len(set(answers)) == 1
    assert code(decode(answers[0]).message) == "00"
    assert world.left(someone) == (3800, 0)
    assert counted(world, visits, card_id=someone.card_id) == 1


def test_one_card_at_many_counters_at_once_is_never_overdrawn(world: World) -> None:
    someone = world.holder(subsidy=3600)
    shops = [shop(world) for _ in range(6)]
    start = Barrier(6)

    def buy(each: Shop) -> str:
        card = each.printed(someone)
        start.wait()
        return code(each.buy(card))

    with ThreadPoolExecutor(6) as pool:
        codes = list(pool.map(buy, shops))
    assert sorted(codes) == ["00"] * 3 + ["51"] * 3
    assert world.left(someone) == (0, 0)


def test_what_breaks_before_the_answer_is_kept_never_happened(
    world: World, here: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    someone = world.holder(subsidy=5000)
    asked = here.made(here.chip_card(someone).read(1200))

    def fails(*_: Any) -> None:
        raise OSError("the machine stopped")

    with monkeypatch.context() as broken:
        broken.setattr(journal, "end", fails)
        assert code(decode(here.send(asked)).message) == "96"
    assert (world.left(someone), counted(world, messages, mti="0200", terminal_id=here.id)) == ((5000, 0), 0)
    assert code(decode(here.send(replace(asked, mti="0201"))).message) == "00"
    assert world.left(someone) == (3800, 0)


def test_no_card_number_and_no_pin_is_in_the_journal(world: World, here: Shop) -> None:
    someone = world.holder(subsidy=5000)
    here.set_pin(someone)
    number = str(here.number(someone)[2])
    here.buy(here.number(someone), pin=PIN)
    here.terminal.balance(here.number(someone), PIN)
    with reading(world.engine) as conn:
        kept = repr(conn.execute(select(messages)).all())
        sales = repr(conn.execute(select(counter_sales)).all())
    assert number not in kept + sales
    assert PIN not in kept + sales


def test_a_pin_is_hashed_while_nothing_is_locked(world: World, here: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    someone = world.holder(subsidy=5000)
    here.set_pin(someone)
    attempt, hashed = pin.attempt, []

    def meanwhile(*args: Any, **named: Any) -> Any:
        # Another line of the same terminal; were its row or the database locked, this would wait for ever.
        with ThreadPoolExecutor(1) as other:
            hashed.append(code(other.submit(_other_line, here).result(timeout=20)))
        return attempt(*args, **named)

    monkeypatch.setattr(pin, "attempt", meanwhile)
    assert code(here.buy(here.number(someone), pin=PIN)) == "00"
    assert hashed == ["00"]


def _other_line(here: Shop) -> Message:
    here.terminal.echo()
    return here.terminal.sign_on()
