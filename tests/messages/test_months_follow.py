"""Whatever a card lives through, its statements follow from each other and end at what lies on it now."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import hypothesis
from hypothesis import strategies as st

from settlement.cards import money
from settlement.messages import account
from settlement.outcomes import Declined
from settlement.periods import Month
from settlement.visits import voiding
from settlement.visits.forms import CheckedOut, Debit
from tests.cards.county import COUNTER, TOWN, TOWN_CLERK
from tests.support import RING, acting, at
from tests.visits.world import CLEANING, VISITING, Holder, World

MONTHS = [Month.parse(f"2026-0{number}") for number in (3, 4, 5, 6)]

days = st.integers(0, 85)
acts = st.lists(
    st.one_of(
        st.tuples(st.just("visit"), days, st.integers(0, 30)),  # arrives so many days late
        st.tuples(st.just("void"), days, st.integers(0, 9)),
        st.tuples(st.just("top_up"), days, st.integers(1, 5000)),
    ),
    max_size=7,
)


def live(world: World, who: Holder, act: tuple[str, int, int], visits: list[str]) -> None:
    what, day, number = act
    when = at("2026-03-01 09:00") + timedelta(days=day)
    if what == "top_up":
        with acting(world.engine, when, COUNTER) as desk:
            money.top_up(desk, f"T{next(world.numbers)}", who.card_id, number, when)
    elif what == "void" and visits:
        with acting(world.engine, when + timedelta(days=35), TOWN_CLERK) as clerk:
            voiding.void(clerk, visits[number % len(visits)], "not_served")
    elif what == "visit":
        late: dict[str, Any] = {"arrives": when + timedelta(days=number, hours=3)}
        visit = world.check_in(who, world.caregiver(), f"{when:%Y-%m-%d %H:%M}", **late)
        if isinstance(visit, Declined):
            return
        out = world.check_out(visit, when + timedelta(hours=1), CLEANING, VISITING, **late)
        if isinstance(out, CheckedOut):
            debit = world.debit(out.visit, 4500, confirm_personal_fen=1000, **late)
            if isinstance(debit, Debit):
                visits.append(visit.id)


@hypothesis.settings(max_examples=12, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
@hypothesis.given(acts)
def test_each_month_opens_where_the_last_one_closed(world: World, lived: list[tuple[str, int, int]]) -> None:
    who = world.holder(10_000, 1500)
    visits: list[str] = []
    for act in lived:
        live(world, who, act, visits)
    hypothesis.event(f"{len(visits)} debited")
    before = (10_000, 1500)
    with acting(world.engine, "2026-09-01 09:00", TOWN_CLERK) as clerk:
        for month in MONTHS:
            read = account.accounts_of(clerk, RING, TOWN, "正谊村", month)
            mine = next(each for each in read if each.senior_id == who.senior_id)
            assert mine.opening == before
            assert sum(line.subsidy for line in mine.lines) == mine.closing[0] - mine.opening[0]
            before = mine.closing
    assert before == world.left(who)
