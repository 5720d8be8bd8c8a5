"""A batch from sign-on to settlement: agreed, settled twice, different, uploaded. Amounts in fen, worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from pos_gateway.iso8583.simulator import Totals
from pos_gateway.iso8583.spec import SETTLE, Message
from pos_gateway.iso8583.tables import batches, uploads
from settlement.db import reading
from settlement.visits.integrity import check
from tests.pos_gateway.iso8583.shop import LUNCH, Shop, code, shop
from tests.visits.world import World


@pytest.fixture(autouse=True)
def _books_agree(world: World) -> Iterator[None]:
    yield
    with reading(world.engine) as conn:
        assert check(conn) == []


@pytest.fixture
def here(world: World) -> Shop:
    return shop(world)


def batch(here: Shop, number: str = "000001") -> Any:
    with reading(here.world.engine) as conn:
        query = select(batches).where(batches.c.terminal_id == here.id, batches.c.batch == number)
        return conn.execute(query).one()


def a_day(world: World, here: Shop) -> None:
    """Three purchases of 12.00 and one of 24.00, one of them voided, one refunded, one by advice; one reversed."""
    someone = world.holder(subsidy=50_000)
    card = here.chip_card(someone)
    here.buy(card.read(1200))
    voided = here.buy(card.read(1200))
    refunded = here.buy(card.read(2400), 2400, {LUNCH: 2})
    here.advise(card.read(1200))
    here.never_heard(gone := here.made(card.read(1200)))
    assert code(here.terminal.reverse(gone)) == "00"
    assert code(here.terminal.void(voided.text(37), 1200)) == "00"
    assert code(here.terminal.refund(refunded.text(37), 2400)) == "00"
    assert world.left(someone) == (50_000 - 2 * 1200, 0)


def test_a_batch_that_agrees_is_settled_once_and_the_next_one_opens(world: World, here: Shop) -> None:
    a_day(world, here)
    told = here.terminal.settle()
    asked = here.last
    assert (code(told), told.text(66)) == ("00", "1")
    kept = batch(here)
    assert kept.ours == {
        "purchases": 4,
        "purchases_fen": 6000,
        "voids": 1,
        "voids_fen": 1200,
        "refunds": 1,
        "refunds_fen": 2400,
    }
    assert (kept.theirs, kept.differences) == (kept.ours, [])
    # The same day settled again, by a repeat and by a new message: the same answer, and nothing more.
    settled_at = kept.settled_at
    here.passes(minutes=3)
    assert here.repeat(asked) == told
    again = here.terminal.settle()
    assert (code(again), again.text(66), batch(here).settled_at) == ("00", "1", settled_at)
    other = world.holder(subsidy=5000)
    card = here.chip_card(other)
    assert code(here.buy(card.read(1200))) == "77"
    assert here.terminal.sign_on().text(60) == "000002"
    assert code(here.buy(card.read(1200))) == "00"


def test_a_settled_batch_is_not_settled_again_with_other_totals(world: World, here: Shop) -> None:
    a_day(world, here)
    assert code(here.terminal.settle()) == "00"
    here.terminal.totals = replace(here.terminal.totals, purchases=9)
    assert code(here.terminal.settle()) == "77"
    assert batch(here).theirs["purchases"] == 4


def test_totals_that_differ_are_uploaded_and_the_difference_is_named(world: World, here: Shop) -> None:
    """One purchase was approved, its answer lost, and the terminal never reversed it: only we have it. One the terminal made up."""
    someone = world.holder(subsidy=50_000)
    card = here.chip_card(someone)
    here.buy(card.read(1200))
    only_ours = here.made(card.read(1200))
    here.never_heard(only_ours)
    sent, told = here.terminal.done[-1]
    made_up = replace(sent, fields={**sent.fields, 11: "777777"})
    here.terminal.done.append((made_up, told))
    here.terminal.totals = replace(here.terminal.totals, purchases=3, purchases_fen=3600)
    settled = here.terminal.settle()
    assert (code(settled), settled.text(66)) == ("00", "2")
    found = {(each["trace"], each["here_fen"], each["there_fen"]) for each in batch(here).differences}
    assert found == {(only_ours.text(11), 1200, None), ("777777", None, 1200)}
    with reading(world.engine) as conn:
        assert len(conn.execute(select(uploads).where(uploads.c.terminal_id == here.id)).all()) == 2
    assert here.terminal.settle().text(66) == "2"
    assert world.left(someone) == (50_000 - 2400, 0)


def test_totals_that_differ_settle_nothing(world: World, here: Shop) -> None:
    a_day(world, here)
    here.terminal.totals = replace(here.terminal.totals, purchases_fen=5999)
    told = here.terminal._settle(SETTLE)
    assert (code(told), told.text(66), batch(here).settled_at) == ("95", "2", None)
    here.terminal.totals = replace(here.terminal.totals, purchases_fen=6000)
    assert code(here.terminal._settle(SETTLE)) == "00"


@pytest.mark.parametrize(
    "change",
    [{75: "0000000001"}, {87: "0000000000000001"}, {97: "D0000000000000001"}, {97: "C0000000000002400"}],
)
def test_totals_that_cannot_be(world: World, here: Shop, change: dict[int, str]) -> None:
    a_day(world, here)
    asked = Message("0500", here.terminal.head() | here.terminal.totals.fields | {3: SETTLE, 60: "000001"} | change)
    assert (code(here.terminal.say(asked)), batch(here).settled_at) == ("30", None)


def test_an_empty_batch_and_one_that_owes_settle_too(world: World, here: Shop) -> None:
    assert code(here.terminal.settle()) == "00"
    here.terminal.sign_on()
    done = here.buy(here.chip_card(world.holder(subsidy=1200)).read(1200))
    assert code(here.terminal.settle()) == "00"
    here.terminal.sign_on()
    assert code(here.terminal.refund(done.text(37), 1200)) == "00"
    assert here.terminal.totals.fields[97] == "C0000000000001200"
    told = here.terminal.settle()
    assert (code(told), told.text(66), told.text(60)) == ("00", "1", "000003")


def test_one_batch_settled_on_two_lines_at_once(world: World, here: Shop) -> None:
    a_day(world, here)
    asked = [
        here.terminal.bytes_of(
            Message("0500", here.terminal.head() | here.terminal.totals.fields | {3: SETTLE, 60: "000001"})
        )
        for _ in range(2)
    ]
    with ThreadPoolExecutor(2) as pool:
        answers = [here.terminal.open(data) for data in pool.map(here.exchange, asked)]
    assert [(code(each), each.text(66)) for each in answers] == [("00", "1")] * 2


def test_another_terminals_batch_is_none_of_its_business(world: World, here: Shop) -> None:
    a_day(world, here)
    other = shop(world)
    other.terminal.totals = Totals()
    assert (code(other.terminal.settle()), batch(here).settled_at) == ("00", None)


def test_what_comes_after_its_batch_was_settled_is_one_more_difference(world: World, here: Shop) -> None:
    """An offline purchase told too late is booked, a purchase reversed too late undone; the office sees both beside the settled totals."""
    someone = world.holder(subsidy=50_000)
    card = here.chip_card(someone)
    here.buy(card.read(1200))
    bought = here.last
    forgotten = here.made(card.read(2400), total=1200, mti="0220")
    forgotten = replace(forgotten, fields={**forgotten.fields, 4: "000000002400", 48: "ZC03*2"})
    told = here.terminal.settle()
    assert (code(told), told.text(66), batch(here).differences) == ("00", "1", [])
    assert code(here.terminal.say(forgotten)) == "00"
    assert code(here.terminal.reverse(bought)) == "00"
    found = [(each["trace"], each["here_fen"], each["there_fen"]) for each in batch(here).differences]
    assert found == [(forgotten.text(11), 2400, None), (bought.text(11), None, 1200)]
    assert world.left(someone) == (50_000 - 2400, 0)
