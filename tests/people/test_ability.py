"""GB/T 42195-2022: the sheet adds up to 90, and where one level ends the next begins."""

from __future__ import annotations

import pytest

from settlement.outcomes import Refused
from settlement.people.ability import ITEMS, PARTS, TOTAL, judge


def sheet(total: int) -> dict[str, int]:
    """A sheet of so many points: items are filled one after the other."""
    points = {}
    for code, item in ITEMS.items():
        points[code] = min(item.most, total)
        total -= points[code]
    return points


def test_the_sheet_has_26_items_and_90_points():
    assert len(ITEMS) == 26
    assert [sum(item.most for item in part.items) for part in PARTS] == [32, 15, 28, 15]
    assert sum(item.most for item in ITEMS.values()) == TOTAL == 90


@pytest.mark.parametrize(
    ("total", "level"), [(90, 0), (89, 1), (66, 1), (65, 2), (46, 2), (45, 3), (30, 3), (29, 4), (0, 4)]
)
def test_the_levels_by_points(total: int, level: int):
    found = judge(sheet(total))
    assert (found.total, found.base, found.level) == (total, level, level)


@pytest.mark.parametrize(
    ("total", "worse", "level"),
    [
        (90, ["disorder"], 1),
        (89, ["events"], 2),
        (65, ["disorder", "events"], 3),  # one level, not two
        (0, ["events"], 4),  # nothing is worse than complete
        (90, ["coma"], 4),
        (90, ["coma", "disorder"], 4),
    ],
)
def test_what_makes_it_worse(total: int, worse: list[str], level: int):
    assert judge(sheet(total), worse).level == level


def test_a_sheet_is_complete_or_refused():
    whole = sheet(90)
    lacking = {code: points for code, points in whole.items() if code != "memory"}
    for wrong in (lacking, whole | {"memory": 5}, whole | {"memory": -1}, whole | {"mood": 1}):
        with pytest.raises(Refused):
            judge(wrong)
    with pytest.raises(Refused):
        judge(whole, ["tired"])
