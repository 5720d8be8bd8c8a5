"""What a counter's purchases prove: chip, dynamic code and PIN by themselves, a printed code only with the PIN, wherever the terminal stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, update

from settlement.visits.tables import debits
from tests.fraud.month import MonthByHand, month_by_hand


@pytest.fixture
def july(module_engine: Engine) -> Iterator[MonthByHand]:
    with month_by_hand(module_engine) as month:
        yield month


def lunch(july: MonthByHand, day: int, method: str, consent: str, *, placed: bool = True, **facts: Any) -> str:
    nowhere = {"in_latitude_e7": None, "in_longitude_e7": None}
    place = {"in_accuracy_m": None, "in_distance_m": None, "out_method": None} | ({} if placed else nowhere)
    visit = july.visit(f"2026-07-{day:02d} 11:30", None, items="lunch", in_method=method, **place, **facts)
    july.act.conn.execute(update(debits).where(debits.c.id == f"D-{visit}").values(consent=consent))
    return visit


def test_a_hatch_where_everybody_types_number_and_pin_proves_its_lunches(july: MonthByHand) -> None:
    july.threshold("weak_methods", "flag", percent=20, at_least_visits=5)
    cook, other = july.caregiver(), july.caregiver()
    for day in range(1, 7):
        lunch(july, day, "typed", "pin", placed=day % 2 == 0, caregiver=cook)
        lunch(july, day, "card_qr", "pin", caregiver=cook)
    printed = {lunch(july, day, "card_qr", "card_qr", caregiver=other) for day in range(1, 3)}
    for day in range(3, 9):
        lunch(july, day, "chip", "chip", placed=False, caregiver=other)
    assert july.found("weak_methods") == printed


def test_only_a_printed_code_needs_a_place(july: MonthByHand) -> None:
    lunch(july, 1, "typed", "pin", placed=False)
    printed = lunch(july, 2, "card_qr", "card_qr", placed=False)
    assert july.found("no_location") == {printed}
