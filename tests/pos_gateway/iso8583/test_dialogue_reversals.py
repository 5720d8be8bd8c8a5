"""Reversals: of what was done, of what was refused, of what never came, at the same moment as what they reverse. Amounts in fen."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event
from typing import Any

import pytest
from sqlalchemy import select, update

from pos_gateway.iso8583 import dialogue, journal
from pos_gateway.iso8583.codec import decode
from pos_gateway.iso8583.spec import Message
from pos_gateway.iso8583.tables import messages
from settlement.db import reading
from settlement.visits import counter
from settlement.visits.integrity import check
from settlement.visits.tables import counter_sales, visits
from tests.pos_gateway.iso8583.shop import DAY_CARE, Shop, code, shop
from tests.support import RING, acting
from tests.visits.world import World


@pytest.fixture(autouse=True)
def _books_agree(world: World) -> Iterator[None]:
    yield
    with reading(world.engine) as conn:
        assert check(conn) == []


@pytest.fixture
def here(world: World) -> Shop:
    return shop(world)


def status(world: World, card_id: int) -> list[str]:
    with reading(world.engine) as conn:
        query = select(visits.c.status).where(visits.c.card_id == card_id).order_by(visits.c.received_at)
        return list(conn.execute(query).scalars())


@pytest.mark.parametrize("mti", ["0400", "0420"])
@pytest.mark.parametrize("way", ["0200", "0220"])
def test_what_was_bought_is_undone_once(world: World, here: Shop, mti: str, way: str) -> None:
    someone = world.holder(subsidy=1000, personal=1000)
    asked = here.made(here.chip_card(someone).read(1200), mti=way, personal=200)
    assert code(here.never_heard(asked)) == "00"
    assert world.left(someone) == (0, 800)
    undone = here.terminal.reverse(asked, mti)
    assert (code(undone), undone.mti) == ("00", f"04{int(mti[2]) + 1}0")
    assert code(here.terminal.reverse(asked, mti)) == "00"  # another reversal of the same
    assert (world.left(someone), world.spent(someone)) == ((1000, 1000), 0)
    assert status(world, someone.card_id) == ["void"]
    with reading(world.engine) as conn:
        (sale,) = conn.execute(select(counter_sales).where(counter_sales.c.terminal_id == here.id)).all()
    assert (sale.status, sale.taken_back_how) == ("sold", "reversal")


@pytest.mark.parametrize("way", ["0200", "0220"])
def test_a_reversal_of_what_never_came_is_remembered_and_blocks_it(world: World, here: Shop, way: str) -> None:
    someone = world.holder(subsidy=5000)
    asked = here.made(here.chip_card(someone).read(1200), mti=way)
    assert code(here.terminal.reverse(asked, "0420")) == "00"
    late = here.send(asked)
    assert code(decode(late).message) == "17"
    assert here.send(replace(asked, mti=way[:3] + "1")) == late
    assert code(here.terminal.reverse(asked)) == "00"
    assert (world.left(someone), status(world, someone.card_id)) == ((5000, 0), [])
    with reading(world.engine) as conn:
        (kept,) = conn.execute(select(messages).where(messages.c.terminal_id == here.id, messages.c.mti == way)).all()
    assert (kept.code, kept.reason, kept.amount_fen) == ("17", "reversed_before", 1200)


def test_what_was_refused_needs_no_undoing(world: World, here: Shop) -> None:
    someone = world.holder()
    asked = here.made(here.chip_card(someone).read(1200))
    assert code(here.never_heard(asked)) == "51"
    assert code(here.terminal.reverse(asked)) == "00"
    assert status(world, someone.card_id) == []


def test_an_advice_that_could_not_be_debited_and_is_reversed_leaves_no_visit_that_counts(
    world: World, here: Shop
) -> None:
    someone = world.holder(subsidy=50_000)
    asked = here.terminal.sale("0220", {DAY_CARE: 6}, 24_000, here.chip_card(someone).read(24_000), staff=here.staff)
    assert code(here.terminal.say(asked)) == "61"
    assert status(world, someone.card_id) == ["served"]
    assert code(here.terminal.reverse(asked, "0420")) == "00"
    assert status(world, someone.card_id) == ["void"]


def test_voids_and_refunds_are_repeated_not_reversed(world: World, here: Shop) -> None:
    someone = world.holder(subsidy=5000)
    done = here.buy(here.chip_card(someone).read(1200))
    undo = Message("0200", here.terminal._money("020000", 1200) | {37: done.text(37)})
    told = here.never_heard(undo)
    assert code(here.terminal.reverse(undo)) == "57"
    assert code(here.terminal.reverse(undo, "0420")) == "57"
    assert here.repeat(undo) == told
    assert world.left(someone) == (5000, 0)
    with reading(world.engine) as conn:
        assert [row.reason for row in journal.not_carried_out(conn, [here.id])] == ["not_reversible"]


def test_a_void_that_never_came_and_was_reversed_is_refused_later(world: World, here: Shop) -> None:
    someone = world.holder(subsidy=5000)
    done = here.buy(here.chip_card(someone).read(1200))
    undo = Message("0200", here.terminal._money("020000", 1200) | {37: done.text(37)})
    assert code(here.terminal.reverse(undo)) == "00"
    assert code(here.terminal.say(undo)) == "17"
    assert world.left(someone) == (3800, 0)


def test_what_was_voided_already_is_undone_as_far_as_a_reversal_is_concerned(world: World, here: Shop) -> None:
    someone = world.holder(subsidy=5000)
    done = here.buy(here.chip_card(someone).read(1200))
    asked = here.last
    assert code(here.terminal.void(done.text(37), 1200)) == "00"
    assert code(here.terminal.reverse(asked)) == "00"
    assert world.left(someone) == (5000, 0)


def test_what_a_statement_holds_cannot_be_reversed_and_the_advice_of_it_waits_for_a_person(
    world: World, here: Shop
) -> None:
    someone = world.holder(subsidy=5000)
    here.buy(here.chip_card(someone).read(1200))
    asked = here.last
    with acting(world.engine, here.now) as act:
        act.conn.execute(update(visits).where(visits.c.card_id == someone.card_id).values(status="paid"))
    assert code(here.terminal.reverse(asked)) == "57"
    assert code(here.terminal.reverse(asked, "0420")) == "57"
    with reading(world.engine) as conn:
        (left_over,) = journal.not_carried_out(conn, [here.id])
    assert (left_over.mti, left_over.reason, left_over.amount_fen) == ("0420", "visit_on_statement", 1200)
    assert world.left(someone) == (3800, 0)


@pytest.mark.parametrize("text", ["0" * 42, "0200" + "x" * 38, "02000000010703999999" + "0" * 22, "1" * 41])
def test_a_reversal_that_names_nothing_says_so(here: Shop, text: str) -> None:
    sent = here.terminal.reverse(here.made({2: "1", 22: "011"}))
    assert code(sent) == "00"
    last = here.last
    told = dialogue.answer(
        here.world.engine,
        RING,
        here.now,
        here.id,
        Message("0400", {**last.fields, 11: "900001", 90: text}),
    )
    assert code(told) == "30"


def test_a_reversal_overtakes_its_purchase_while_that_is_under_way(
    world: World, here: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The purchase is being worked off, the terminal gives up and reverses on another line: the reversal waits, then undoes it."""
    someone = world.holder(subsidy=5000)
    asked = here.made(here.chip_card(someone).read(1200))
    under_way, sell = Event(), counter.sale

    def slowly(*args: Any) -> Any:
        answer = sell(*args)
        under_way.set()
        Event().wait(0.3)
        return answer

    monkeypatch.setattr(counter, "sale", slowly)
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(here.send, asked)
        assert under_way.wait(20)
        two = pool.submit(here.terminal.reverse, asked)
    assert (code(decode(one.result()).message), code(two.result())) == ("00", "00")
    assert (world.left(someone), status(world, someone.card_id)) == ((5000, 0), ["void"])


def test_a_purchase_and_its_reversal_at_once_in_either_order_leave_nothing_bought(world: World) -> None:
    for _ in range(5):
        here, someone = shop(world), world.holder(subsidy=5000)
        asked = here.made(here.chip_card(someone).read(1200))
        with ThreadPoolExecutor(2) as pool:
            purchase = pool.submit(here.send, asked)
            reversal = pool.submit(here.terminal.reverse, asked)
        assert code(decode(purchase.result()).message) in ("00", "17")
        assert code(reversal.result()) == "00"
        assert world.left(someone) == (5000, 0)
