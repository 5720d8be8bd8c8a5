"""Whatever is lost, doubled or overtaken on the line: at the end of the day terminal and books say the same, and nobody paid for what was undone.

A day is drawn: purchases, offline ones, voids, refunds, and for each message what becomes of it on the way. The terminal keeps to the rules of the
guide: it repeats, or gives up and reverses; a void or a refund it only repeats. The model below is the card's money by these rules alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pos_gateway.iso8583.spec import Message
from settlement.db import reading
from settlement.visits.integrity import check
from tests.pos_gateway.iso8583.shop import LUNCH, Shop, code, shop
from tests.visits.world import World

PRICE = 1200
ways = st.sampled_from(
    ("heard", "heard", "doubled", "repeated", "answer lost, reversed", "request lost, reversed", "overtaken")
)
deeds = st.one_of(
    st.tuples(st.just("buy"), st.integers(1, 3), ways),
    st.tuples(st.just("advise"), st.integers(1, 3), ways),
    st.tuples(st.just("void"), st.integers(0, 9), st.sampled_from(("heard", "doubled", "repeated"))),
    st.tuples(st.just("refund"), st.integers(0, 9), st.sampled_from(("heard", "doubled", "repeated"))),
)


@dataclass
class Day:
    """``left``: on the card by the model; ``stands``: reference and amount of each purchase that stands."""

    here: Shop
    card: Any
    left: int
    stands: list[tuple[str, int, int]] = field(default_factory=list)

    def buy(self, mti: str, quantity: int, way: str) -> None:
        total = quantity * PRICE
        asked = self.here.terminal.sale(mti, {LUNCH: quantity}, total, self.card.read(total), staff=self.here.staff)
        if way == "request lost, reversed":
            assert code(self.here.terminal.reverse(asked, "0420")) == "00"
            return
        if way == "overtaken":
            assert code(self.here.terminal.reverse(asked, "0420")) == "00"
            assert code(self.here.terminal.say(asked)) == "17"
            return
        # A purchase that is not wholly paid is declined; an offline one takes what there is.
        taken = min(total, self.left) if mti == "0220" else total if total <= self.left else 0
        approved = mti == "0220" or taken == total
        if way == "answer lost, reversed":
            assert code(self.here.never_heard(asked)) == ("00" if approved else "51")
            assert code(self.here.terminal.reverse(asked)) == "00"
            return
        answer = self.sent(asked, way)
        assert code(answer) == ("00" if approved else "51")
        if approved:
            self.left -= taken
            self.stands.append((answer.text(37), total, taken))

    def take_back(self, how: str, which: int, way: str) -> None:
        if not self.stands:
            return
        reference, total, taken = self.stands.pop(which % len(self.stands))
        fields = self.here.terminal._money({"void": "020000", "refund": "200000"}[how], total)
        assert code(self.sent(Message("0200", fields | {37: reference}), way)) == "00"
        self.left += taken

    def sent(self, asked: Message, way: str) -> Message:
        terminal = self.here.terminal
        if way == "repeated":
            lost = self.here.never_heard(asked)
            heard = self.here.repeat(asked)
            assert heard == lost
            return heard
        if way == "doubled":
            first, again = self.here.send(asked), self.here.send(replace(asked, mti=asked.mti[:3] + "1"))
            assert first == again
        return terminal.say(asked)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(drawn=st.lists(deeds, max_size=12), purse=st.integers(0, 12).map(lambda lunches: lunches * 600))
def test_a_day_over_a_bad_line_comes_out_even(world: World, drawn: list[tuple[str, int, str]], purse: int) -> None:
    here, someone = shop(world), world.holder(subsidy=purse)
    day = Day(here, here.chip_card(someone), purse)
    for what, number, way in drawn:
        here.passes(seconds=7)
        if what in ("buy", "advise"):
            day.buy({"buy": "0200", "advise": "0220"}[what], number, way)
        else:
            day.take_back(what, number, way)
        assert world.left(someone) == (day.left, 0)
    assert world.spent(someone) == purse - day.left
    told = here.terminal.settle()
    assert (code(told), told.text(66)) == ("00", "1")
    with reading(world.engine) as conn:
        assert check(conn) == []
