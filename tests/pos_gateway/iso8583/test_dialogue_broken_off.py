"""A message broken off at each of its statements, and at its commit: nothing of it happened, and the repeat does all of it once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select

from pos_gateway.iso8583 import dialogue, spec
from pos_gateway.iso8583.elements import Original
from pos_gateway.iso8583.spec import Message
from pos_gateway.iso8583.tables import messages
from settlement.db import reading
from settlement.visits.integrity import check
from settlement.visits.tables import counter_sales, debits, visits
from tests.pos_gateway.iso8583.shop import PIN, Shop, code, shop
from tests.support import RING
from tests.visits.world import Holder, World


class BrokenOff(Exception):
    pass


@contextmanager
def broken_off(engine: Engine, at: int) -> Iterator[None]:
    """At the ``at``-th statement or commit from here on."""
    numbers = count(1)

    def tick(*_: Any) -> None:
        if next(numbers) == at:
            raise BrokenOff

    for name in ("before_cursor_execute", "commit"):
        event.listen(engine, name, tick)
    try:
        yield
    finally:
        for name in ("before_cursor_execute", "commit"):
            event.remove(engine, name, tick)


def kept(world: World) -> tuple[int, ...]:
    with reading(world.engine) as conn:
        return tuple(
            conn.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (messages, counter_sales, visits, debits)
        )


def said(here: Shop, message: Message) -> Message:
    return dialogue.answer(here.world.engine, RING, here.now, here.id, message)


def made(what: str, here: Shop, someone: Holder) -> Message:
    """The next message of a kind; what it needs to have happened before has happened."""
    terminal = here.terminal
    if what == "settlement":
        terminal.sign_on()
        return Message("0500", terminal.head() | terminal.totals.fields | {3: spec.SETTLE, 60: terminal.batch})
    if what == "purchase":
        return here.made(here.number(someone), pin=PIN)
    bought = here.made(here.printed(someone), mti="0220" if what == "advice" else "0200")
    if what == "advice":
        return bought
    reference = said(here, bought).text(37)
    if what == "void":
        return Message("0200", terminal._money(spec.VOID, 1200) | {37: reference})
    meant = Original("0200", bought.text(11), bought.text(7)).text
    return Message("0400", terminal._money(spec.PURCHASE, 1200) | {90: meant})


@pytest.mark.parametrize("what", ["purchase", "advice", "void", "reversal", "settlement"])
def test_broken_off_anywhere_and_repeated(world: World, what: str) -> None:
    here, someone = shop(world), world.holder(subsidy=100_000)
    here.set_pin(someone)
    for at in count(1):
        here.passes(days=1)  # what may be taken without a line is limited by the day
        asked = made(what, here, someone)
        before = kept(world), world.left(someone)
        try:
            with broken_off(world.engine, at):
                answer = said(here, asked)
        except BrokenOff:
            assert (kept(world), world.left(someone)) == before, f"statement {at}"
            answer = said(here, replace(asked, mti=asked.mti[:3] + "1"))
            assert code(answer) == "00"
            assert said(here, asked) == answer
        else:
            assert code(answer) == "00"
            break  # it has fewer statements than this
    assert at > 8
    with reading(world.engine) as conn:
        assert check(conn) == []
