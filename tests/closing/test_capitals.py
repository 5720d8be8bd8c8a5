"""Amounts in capital figures, as the rules for bank documents write them."""

from __future__ import annotations

import pytest

from settlement.capitals import LARGEST, capitals


@pytest.mark.parametrize(
    ("fen", "said"),
    [
        (0, "零元整"),
        (1, "壹分"),
        (10, "壹角整"),
        (50, "伍角整"),
        (99, "玖角玖分"),
        (100, "壹元整"),
        (105, "壹元零伍分"),
        (150, "壹元伍角整"),
        (1000, "壹拾元整"),
        (1100, "壹拾壹元整"),
        (10100, "壹佰零壹元整"),
        (32504, "叁佰贰拾伍元零肆分"),
        (140950, "壹仟肆佰零玖元伍角整"),
        (100100, "壹仟零壹元整"),
        (110000, "壹仟壹佰元整"),
        (168032, "壹仟陆佰捌拾元叁角贰分"),
        (600714, "陆仟零柒元壹角肆分"),
        (1000000, "壹万元整"),
        (1000700, "壹万零柒元整"),
        (1010000, "壹万零壹佰元整"),
        (1100000, "壹万壹仟元整"),
        (1640902, "壹万陆仟肆佰零玖元零贰分"),
        (10700053, "壹拾万柒仟元伍角叁分"),
        (20050000, "贰拾万零伍佰元整"),
        (123456789, "壹佰贰拾叁万肆仟伍佰陆拾柒元捌角玖分"),
        (10**10, "壹亿元整"),
        (10**10 + 100, "壹亿零壹元整"),
        (10**10 + 1000000, "壹亿零壹万元整"),
        (2000 * 10**8 * 100, "贰仟亿元整"),
        (10**14, "壹万亿元整"),
        (3 * 10**14 + 5 * 10**6, "叁万亿零伍万元整"),
        (-10000700, "负壹拾万零柒元整"),
    ],
)
def test_an_amount_in_capitals(fen: int, said: str) -> None:
    assert capitals(fen) == said


def test_every_amount_has_its_own_words() -> None:
    amounts = [*range(2_000), *range(0, 2_000_000, 997), *range(10**6, 10**9, 7_654_321)]
    assert len({capitals(fen) for fen in amounts}) == len(set(amounts))


def test_what_is_too_large_is_refused() -> None:
    nines = "玖仟玖佰玖拾玖"
    assert capitals(LARGEST) == f"{nines}万亿{nines}亿{nines}万{nines}元玖角玖分"
    with pytest.raises(ValueError, match="no words"):
        capitals(LARGEST + 1)
