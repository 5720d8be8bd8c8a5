from __future__ import annotations

from datetime import date

import pytest

from settlement.people import identity
from settlement.people.identity import Identity, IdentityFault
from tests.people.people import number

TODAY = date(2026, 6, 1)


def test_a_number_tells_birth_and_sex():
    found = identity.check("321026195003070226", TODAY)
    assert isinstance(found, Identity)
    assert (found.birth_date, found.sex, found.last4) == (date(1950, 3, 7), "F", "0226")


@pytest.mark.parametrize("region", ["321026", "321088", "321012"])
def test_divisions_that_came_after_the_birth_are_right(region: str):
    """Numbers were first given out in 1984, so everybody born in 1940 has a younger division in theirs."""
    assert isinstance(identity.check(number("1940-01-02", region=region), TODAY), Identity)


def test_an_x_may_be_small_and_digits_may_be_apart():
    with_x = next(number(seq=seq) for seq in range(1000) if number(seq=seq).endswith("X"))
    spaced = f" {with_x[:6]} {with_x[6:14]} {with_x[14:].lower()} "
    assert isinstance(identity.check(spaced, TODAY), Identity)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("321026500307022", "id_old_form"),
        ("32102619500307022", "id_length"),
        ("32102619500307O228", "id_characters"),
        ("999926195003070226", "id_region"),
        (number("2010-03-07", region="321026"), "id_region"),  # the county ended in 1994
        ("321026195002300226", "id_birth_date"),
        (number("2026-06-02", region="321012"), "id_birth_future"),
        (number("1850-03-07"), "id_birth_too_early"),
        ("321026195003070227", "id_checksum"),
    ],
)
def test_each_fault_is_named_precisely(text: str, code: str):
    found = identity.check(text, TODAY)
    assert isinstance(found, IdentityFault)
    assert found.code == code


def test_a_number_is_shown_masked():
    assert identity.mask("32102619500307022X") == "3210**********022X"
    assert identity.mask("12345") == "*****"
    assert identity.mask_phone("13812345678") == "138****5678"
    assert "19500307" not in repr(identity.check("321026195003070226", TODAY))
