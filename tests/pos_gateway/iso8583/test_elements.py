"""What some fields hold inside."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pos_gateway.iso8583 import elements
from pos_gateway.iso8583.elements import CASH, PART, PERSONAL, Amount, ChipData, Original
from pos_gateway.iso8583.spec import Message
from tests.support import at


def test_amounts_in_parts() -> None:
    text = "9290156C000000000500" + "9390156C000000001200"
    assert elements.amounts(text) == (Amount(PERSONAL, PART, 500), Amount(CASH, PART, 1200))
    assert elements.amounts_text(elements.amounts(text)) == text
    assert elements.amount(text, CASH, PART) == 1200
    assert elements.amount(text, CASH, "02") == 0
    assert elements.amounts("") == ()


@pytest.mark.parametrize(
    "text",
    [
        "9290156C00000000050",
        "9290840C000000000500",
        "9290156D000000000500",
        "x" + "9290156C000000000500",
        "9290156C00000000050x",
    ],
)
def test_amounts_in_another_form(text: str) -> None:
    with pytest.raises(ValueError, match="54"):
        elements.amounts(text)


def test_items() -> None:
    assert elements.items("ZC01*1,ZC02*12") == {"ZC01": 1, "ZC02": 12}
    assert elements.items_text({"ZC01": 1, "ZC02": 12}) == "ZC01*1,ZC02*12"


@pytest.mark.parametrize("text", ["", "ZC01", "ZC01*0", "ZC01*1,", "ZC01*1,ZC01*2", "ZC01*1000", "ZC 01*1", "ZC01*-1"])
def test_items_in_another_form(text: str) -> None:
    with pytest.raises(ValueError, match="48"):
        elements.items(text)


def test_the_original_transaction() -> None:
    text = "0200" + "000017" + "0703101500" + "0" * 22
    assert elements.original(text) == Original("0200", "000017", "0703101500")
    assert elements.original(text).text == text
    with pytest.raises(ValueError, match="90"):
        elements.original(text[:-1])


def test_chip_data_by_hand() -> None:
    data = bytes.fromhex("9F260801020304050607089F3602002A9F3704A1A2A3A4")
    told = ChipData(bytes.fromhex("0102030405060708"), 42, bytes.fromhex("A1A2A3A4"))
    assert elements.chip_data(data) == told
    assert told.data == data
    # In another order, with tags we have no use for.
    more = bytes.fromhex("8201FF9F3704A1A2A3A49F260801020304050607089F3602002A")
    assert elements.chip_data(more) == told


@pytest.mark.parametrize(
    "data",
    [
        "",
        "9F2608",
        "9F26080102030405060708",
        "9F2607" + "00" * 7 + "9F3602002A9F3704A1A2A3A4",
        "9F",
        "82",
        "8281" + "00" * 129,
        "820100820100",
    ],
)
def test_chip_data_in_another_form(data: str) -> None:
    with pytest.raises(ValueError, match="55"):
        elements.chip_data(bytes.fromhex(data))


@given(st.binary(max_size=60))
def test_any_bytes_as_chip_data(data: bytes) -> None:
    with suppress(ValueError):
        assert elements.chip_data(data).counter >= 0


@pytest.mark.parametrize(
    ("day", "time", "now", "moment"),
    [
        ("0703", "101500", "2026-07-03 10:16", "2026-07-03 10:15"),
        ("1231", "235900", "2027-01-01 00:01", "2026-12-31 23:59"),
        ("0101", "000100", "2026-12-31 23:59", "2027-01-01 00:01"),
        ("0229", "080000", "2028-03-01 09:00", "2028-02-29 08:00"),
        ("0229", "080000", "2027-12-31 09:00", "2028-02-29 08:00"),
    ],
)
def test_the_moment_in_the_nearest_year(day: str, time: str, now: str, moment: str) -> None:
    assert elements.moment(Message("0200", {12: time, 13: day}), at(now)) == at(moment)


@pytest.mark.parametrize(
    ("day", "time"), [("0229", "080000"), ("1301", "080000"), ("0000", "080000"), ("0703", "240000"), ("", "")]
)
def test_no_such_moment(day: str, time: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        elements.moment(Message("0200", {12: time, 13: day}), at("2026-07-03 10:00"))


@given(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)))  # noqa: DTZ001 - given a zone below
def test_clock_fields_there_and_back(local: datetime) -> None:
    moment = at(local.replace(microsecond=0).isoformat())
    assert elements.moment(Message("0200", elements.clock_fields(moment)), moment) == moment
    assert elements.sent_at(moment) == f"{local:%m%d%H%M%S}"


def test_what_a_pin_block_is_bound_to() -> None:
    by_number = Message("0200", {2: "8812000000001013", 11: "000017", 12: "101500"})
    by_code = Message("0200", {61: "SB1.x", 11: "000017", 12: "101500"})
    assert elements.pin_account(by_number) == "8812000000001013"
    assert elements.pin_account(by_code) == "000017101500"
