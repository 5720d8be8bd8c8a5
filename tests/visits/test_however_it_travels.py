"""Whatever way the events of many devices reach us, the books come out the same, as far as docs/decisions/0023 says they do.

Each example is told in towns of their own, with the same people and the same stops: in one everything is sent once, at once; in the other
it is sent late, repeated, too early, in any order between the devices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any

import hypothesis
import pytest
from hypothesis import Phase
from hypothesis import strategies as st

from tests.conftest import BACKENDS, Databases
from tests.support import at
from tests.visits.journeys import AUGUST, JULY, SENIORS, Stop, Town, plans, totals

LATE = at("2026-08-10 09:00")

Tell = Callable[..., Any]
randoms = st.randoms(use_true_random=False)
# Towns take their time to make; an example that fails says all there is to know without being made smaller.
few = hypothesis.settings(max_examples=4, phases=[Phase.explicit, Phase.reuse, Phase.generate])


@pytest.fixture(scope="module", params=BACKENDS)
def tell(request: pytest.FixtureRequest, databases: Databases) -> Tell:
    """Makes a town on a database of its own; gone when the block ends."""

    @contextmanager
    def told(plan: Sequence[Stop], *more: Any, **other: Any) -> Iterator[Town]:
        engine = databases.create(request.param)
        try:
            yield Town(engine, plan, *more, **other)
        finally:
            databases.drop(engine)

    return told


def settle(town: Town) -> None:
    town.close(JULY)
    town.require_sound()


@few
@hypothesis.given(plan=plans(), random=randoms)
def test_before_the_close_visits_balances_and_statements_are_the_same(
    tell: Tell, plan: list[Stop], random: Random
) -> None:
    with tell(plan) as once, tell(plan) as somehow:
        once.all_at_once()
        somehow.somehow(random)
        for town in (once, somehow):
            settle(town)
        assert somehow.visits() == once.visits()
        assert somehow.cards() == once.cards()
        assert somehow.statements(JULY) == once.statements(JULY)


@hypothesis.settings(few, max_examples=2)
@hypothesis.given(plan=plans())
def test_uploaded_by_every_device_at_the_same_moment(tell: Tell, plan: list[Stop]) -> None:
    with tell(plan) as once, tell(plan) as together:
        once.all_at_once()
        together.side_by_side()
        for town in (once, together):
            settle(town)
        assert together.visits() == once.visits()
        assert together.cards() == once.cards()
        assert together.statements(JULY) == once.statements(JULY)


short_of_money = st.lists(
    st.tuples(st.sampled_from([0, 2000, 4000, 7000]), st.sampled_from([0, 2500, 8000])),
    min_size=SENIORS,
    max_size=SENIORS,
)


@few
@hypothesis.given(
    purses=short_of_money,
    year=st.sampled_from([3500, 180_000]),
    plan=st.sampled_from([0, 100]).flatmap(lambda own: plans(fates=("stands",), own=(own,), agreed=(100, 80))),
    random=randoms,
)
def test_where_a_purse_runs_short_each_cards_totals_are_the_same(
    tell: Tell, purses: list[tuple[int, int]], year: int, plan: list[Stop], random: Random
) -> None:
    """Which debit finds the money depends on which comes first; what is taken in all does not. The senior agrees alike to every debit: to
    own money for whatever is missing, or to none."""
    with tell(plan, purses, year) as once, tell(plan, purses, year) as somehow:
        once.all_at_once()
        somehow.somehow(random)
        for town in (once, somehow):
            settle(town)
        assert totals(somehow) == totals(once)
        assert somehow.cards() == once.cards()


@few
@hypothesis.given(
    purses=short_of_money, plan=plans(own=(0, 30, 100), agreed=(100, 80)), random=randoms, late=st.booleans()
)
def test_own_money_is_never_taken_beyond_what_was_agreed_to(
    tell: Tell, purses: list[tuple[int, int]], plan: list[Stop], random: Random, *, late: bool
) -> None:
    """``require_sound`` looks at every debit. Whatever happened, no purse is below zero and no event is without its one outcome."""
    with tell(plan, purses) as town:
        town.somehow(random, keep_back=late)
        if late:
            town.close(JULY)
        town.rest(random, LATE)
        outcomes = town.outcomes()
        town.rest(random, LATE)
        assert town.outcomes() == outcomes
        town.close(AUGUST if late else JULY)
        town.require_sound()
        assert all(left >= 0 for purse, _ in town.cards() for left in purse)


@few
@hypothesis.given(plan=plans(fates=("stands", "voided", "nobody home first", "mistaken check-in")), random=randoms)
def test_after_a_close_only_adjustments_differ(tell: Tell, plan: list[Stop], random: Random) -> None:
    """A part of every queue comes in August. July's statement stays as it was signed; August's carries what was late, with what a void takes
    back as an adjustment; visits, balances and what is paid in all are the same."""
    with tell(plan) as once, tell(plan) as late:
        once.all_at_once()
        once.close(JULY, checked=False)
        late.somehow(random, keep_back=True)
        late.close(JULY, checked=False)
        signed = late.statements(JULY)
        late.rest(random, LATE)
        late.book_late_voids(LATE)
        assert late.statements(JULY) == signed
        for town in (once, late):
            town.close(AUGUST, checked=False)
            town.require_sound()
        assert late.statements(JULY) == signed
        assert late.visits() == once.visits()
        assert late.cards() == once.cards()
        assert late.paid_in_all() == once.paid_in_all()
