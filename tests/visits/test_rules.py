"""The pure rules: time, place, and which purse pays."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.outcomes import Declined, Reason
from settlement.policy.loader import load
from settlement.policy.price_sheet import builtin_prices
from settlement.policy.scheme import Scheme
from settlement.policy.tariff import Price
from settlement.visits import rules
from settlement.visits.places import metres
from settlement.visits.purses import Asked, Funds, Split, split
from settlement.visits.rules import Moment, Other
from tests.support import at

NINE = at("2026-07-03 09:00")
MINUTE = timedelta(minutes=1)
SCHEME: Scheme = load((resources.files("settlement.policy") / "schemes" / "jiangdu.toml").read_text())
ITEMS = {item.item_code: Price(**asdict(item), list_id=1, list_version="1") for item in builtin_prices(SCHEME)}


def moment(after: timedelta, device: str = "phone", boot: str | None = "b", mono_ms: int | None = 0) -> Moment:
    return Moment(NINE + after, device, boot, mono_ms)


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (moment(60 * MINUTE, mono_ms=3_599_999), (3599, "monotonic")),
        (moment(60 * MINUTE, mono_ms=3_600_000), (3600, "monotonic")),
        (moment(60 * MINUTE - timedelta(microseconds=1), boot="restarted"), (3599, "clock")),
        (moment(60 * MINUTE, device="spare", mono_ms=3_600_000), (3600, "clock")),
        (moment(60 * MINUTE, boot=None), (3600, "clock")),
        (moment(-MINUTE, boot=None), (-60, "clock")),
    ],
)
def test_duration(end: Moment, expected: tuple[int, str]) -> None:
    assert rules.duration(moment(timedelta(0)), end) == expected


def test_the_minimum_is_the_longest_need_never_the_sum() -> None:
    def minutes(*codes: str) -> int:
        return rules.minimum_seconds(SCHEME, [ITEMS[code] for code in codes]) // 60

    assert minutes("ZL02") == 60  # nails take 15 minutes, a visit an hour
    assert minutes("ZJ01", "ZL01", "DB01") == 60
    assert minutes("ZC03") == 0  # a meal at the hatch is no visit


@pytest.mark.parametrize(
    ("start", "end", "same_device", "collides"),
    [
        (-30, None, True, True),
        (-600, None, True, True),
        (-30, None, False, True),
        (-66, None, False, False),  # its check-out may still be on its way
        (-60, 6, False, True),
        (-60, 5, False, False),  # within what clocks may differ
        (-60, 0, True, False),
        (4, None, False, True),  # began elsewhere before this one was heard of
    ],
)
def test_in_the_way(start: int, end: int | None, same_device: bool, collides: bool) -> None:
    other = Other("v", NINE + start * MINUTE, None if end is None else NINE + end * MINUTE, same_device)
    assert rules.in_the_way(SCHEME, NINE, NINE + MINUTE, [other]) == ("v" if collides else None)
    assert rules.in_the_way(SCHEME, NINE, NINE + 6 * MINUTE, [other]) is None


@pytest.mark.parametrize(
    ("asked", "funds", "expected"),
    [
        # 45.00 with 30.00 of subsidy and 20.00 of own money: 30.00 + 15.00.
        (Asked(4500, 4500, 4500, 1500, 0), Funds([(1, 3000)], None, 2000), Split(((1, 3000),), 1500, 0, 0)),
        (Asked(4500, 4500, 4500, 1500, 0), Funds([(1, 3000)], None, 1000), Reason.INSUFFICIENT_FUNDS),
        (Asked(4500, 4500, 4500, 1000, 0), Funds([(1, 3000)], None, 2000), Reason.PERSONAL_NOT_CONFIRMED),
        # The lot that expires first goes first.
        (Asked(4500, 4500, 4500, 0, 0), Funds([(7, 2000), (9, 5000)], None, 0), Split(((7, 2000), (9, 2500)), 0, 0, 0)),
        # The cap leaves 20.00, whatever the balance.
        (Asked(4500, 4500, 4500, 2500, 0), Funds([(1, 17_000)], 2000, 9000), Split(((1, 2000),), 2500, 0, 0)),
        # 45.00 of it may not be bought from subsidy.
        (Asked(7500, 3000, 7500, 4500, 0), Funds([(1, 9000)], None, 4500), Split(((1, 3000),), 4500, 0, 0)),
        # Cash was handed over already, so it is not taken from the card again.
        (Asked(4500, 4500, 4500, 0, 1500), Funds([(1, 9000)], None, 0), Split(((1, 3000),), 0, 1500, 0)),
        (Asked(4500, 4500, 4500, 0, 4600), Funds([(1, 9000)], None, 0), Reason.CASH_NOT_ACCEPTED),
    ],
)
def test_split_when_the_door_hears_the_answer(asked: Asked, funds: Funds, expected: Split | Reason) -> None:
    result = split(asked, funds, answered=True)
    assert (result.reason if isinstance(result, Declined) else result) == expected


def test_split_of_a_queued_debit() -> None:
    funds = Funds([(1, 3000)], None, 2000)
    assert split(Asked(4500, 4500, 4500, 500, 0), funds, answered=False) == Split(((1, 3000),), 500, 0, 1000)
    # Agreed to 40.00 of 45.00: never more than that is taken.
    rich = Funds([(1, 9000)], None, 9000)
    assert split(Asked(4500, 4500, 4000, 4000, 0), rich, answered=False) == Split(((1, 4000),), 0, 0, 500)


fen = st.integers(0, 10_000)


@given(fen, fen, fen, fen, fen, st.lists(fen, max_size=3), st.none() | fen, fen, st.booleans())
def test_parts_always_sum_and_never_exceed_a_purse(
    total: int,
    subsidised: int,
    agreed: int,
    own: int,
    cash: int,
    lots: list[int],
    year_left: int | None,
    personal: int,
    answered: bool,
) -> None:
    funds = Funds(list(enumerate(lots)), year_left, personal)
    result = split(Asked(total, min(subsidised, total), agreed, own, cash), funds, answered=answered)
    if isinstance(result, Declined):
        assert answered or cash > min(total, agreed)
        return
    assert result.subsidy + result.personal + result.cash + result.shortfall == total
    assert all(0 < amount <= lots[account] for account, amount in result.lots)
    assert 0 <= result.personal <= min(own, personal)
    assert result.subsidy <= min(subsidised, total if year_left is None else year_left)
    assert result.subsidy + result.personal + result.cash <= agreed
    assert result.shortfall == 0 or not answered


def test_metres() -> None:
    # A degree of latitude on the mean sphere: 2 pi 6371.0088 km / 360.
    assert metres(320_000_000, 1_195_000_000, 330_000_000, 1_195_000_000) == 111_195
    # A degree of longitude at 60 degrees north is half as long.
    assert abs(metres(600_000_000, 0, 600_000_000, 10_000_000) - 111_195 // 2) < 5
    assert metres(0, 0, 0, 0) == 0
    assert metres(0, -1_800_000_000, 0, 1_800_000_000) == 0
