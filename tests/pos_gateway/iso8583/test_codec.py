"""Messages to bytes and back: a message written out by hand, what is no message, any message, any bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pos_gateway.iso8583 import codec, mac
from pos_gateway.iso8583.codec import Malformed, decode, encode, framed
from pos_gateway.iso8583.spec import FIELDS, MAC_FIELDS, Field, Message

KEY = bytes(range(16))

# Fields 3, 4, 11, 41 and the MAC: bits 3, 4, 11 of the first four bytes, 41 and 64 of the last.
BALANCE = b"0200" + bytes.fromhex("3020000000800001") + b"310000" + b"000000003500" + b"000007" + b"T0000001"
# Fields 7, 11, 41, 70 and the MAC in 128: bit 1 says there is a second bitmap, 70 is its sixth, 128 its last.
ECHO = b"0800" + bytes.fromhex("82200000008000000400000000000001") + b"0703090000" + b"000008" + b"T0000001" + b"301"


@pytest.mark.parametrize(
    ("covered", "message"),
    [
        (BALANCE, Message("0200", {3: "310000", 4: "000000003500", 11: "000007", 41: "T0000001"})),
        (ECHO, Message("0800", {7: "0703090000", 11: "000008", 41: "T0000001", 70: "301"})),
    ],
)
def test_a_message_written_by_hand(covered: bytes, message: Message) -> None:
    whole = covered + mac.mac(KEY, covered)
    assert encode(message, KEY) == whole
    received = decode(whole)
    assert received.message == message
    assert received.genuine(KEY) and not received.genuine(bytes(16))


def test_a_second_bitmap_that_says_nothing_is_read_and_the_mac_stays_in_64() -> None:
    covered = b"0200" + bytes.fromhex("B020000000800001" + "00" * 8) + BALANCE[12:]
    received = decode(covered + mac.mac(KEY, covered))
    assert received.genuine(KEY)
    assert received.message.text(3) == "310000"


def test_without_a_mac() -> None:
    bare = encode(Message("0210", {39: "63"}), None)
    assert bare == b"0210" + bytes.fromhex("0000000002000000") + b"63"
    assert not decode(bare).genuine(KEY)


def test_the_length_in_front() -> None:
    assert framed(b"x" * 258) == b"\x01\x02" + b"x" * 258


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "expecting 4"),
        (BALANCE, "field 64"),
        (BALANCE + bytes(9), "Extra data"),
        (b"02x0" + BALANCE[4:] + bytes(8), "MTI"),
        (b"0200" + bytes.fromhex("0000000000001000"), "field 52"),
        (b"0200" + bytes.fromhex("0800000000000000") + b"x", "field 5 is not of the table"),
        (b"0200" + bytes.fromhex("4000000000000000") + b"+1x", "field 2: its length"),
        (b"0200" + bytes.fromhex("4000000000000000") + b" 1x", "field 2: its length"),
        (b"0200" + bytes.fromhex("4000000000000000") + b"01x", "field 2: not n"),
        (b"0200" + bytes.fromhex("4000000000000000") + b"201234", "field 2"),
        (b"0200" + bytes.fromhex("0000000000800000") + b"T000\n001", "field 41: not ans"),
        (b"0200" + bytes.fromhex("0000000000000002") + b"002\xff\xfe", "field 63"),
        (b"0200" + bytes.fromhex("0000000000000002") + b"003a\x1bb", "field 63: not u"),
        (b"0800" + bytes.fromhex("80000000000000010400000000000000") + bytes(8) + b"301", "not the last"),
        (b"0800" + bytes.fromhex("80000000000000010000000000000001") + bytes(16), "not the last"),
        (b"0800" + bytes.fromhex("800000000000000080000000000000000000000000000000"), "third bitmap"),
    ],
)
def test_what_is_no_message(data: bytes, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        decode(data)


@pytest.mark.parametrize(
    "fields",
    [
        {5: "1"},
        {64: bytes(8)},
        {4: "35.00"},
        {4: "3500"},
        {55: "text"},
        {48: b"bytes"},
        {63: "字" * 134},
        {61: "二维码"},
    ],
)
def test_what_the_table_does_not_allow_is_not_sent(fields: dict[int, str | bytes]) -> None:
    with pytest.raises(Malformed):
        encode(Message("0200", fields), KEY)


def _content(field: Field) -> st.SearchStrategy[str | bytes]:
    least = 0 if field.prefix else field.size
    if field.kind == "b":
        return st.binary(min_size=least, max_size=field.size)
    if field.kind == "xn":
        return st.from_regex(f"[CD][0-9]{{{field.size - 1}}}", fullmatch=True)
    letters = {"n": "0123456789", "an": "09AZaz", "ans": "09AZaz *,=.~ ", "u": "余额ab 0"}[field.kind]
    return st.text(letters, min_size=least, max_size=min(field.size, 60))


_messages = st.fixed_dictionaries(
    {}, optional={number: _content(field) for number, field in FIELDS.items() if number not in MAC_FIELDS}
).map(lambda fields: Message("0200", fields))


def _altered(data: bytes) -> st.SearchStrategy[bytes]:
    """Cut short, a byte changed, or some put in."""
    places = st.integers(0, len(data) - 1)
    return st.one_of(
        places.map(lambda at: data[:at]),
        st.tuples(places, st.integers(0, 255)).map(lambda t: data[: t[0]] + bytes([t[1]]) + data[t[0] + 1 :]),
        st.tuples(places, st.binary(max_size=5)).map(lambda t: data[: t[0]] + t[1] + data[t[0] :]),
    )


@given(_messages)
def test_any_message_comes_back_as_it_went(message: Message) -> None:
    data = encode(message, KEY)
    received = decode(data)
    assert received.message == message
    assert received.genuine(KEY)
    assert received.covered + received.given == data


@given(st.binary(max_size=200) | _messages.map(lambda message: encode(message, KEY)).flatmap(_altered))
def test_any_bytes_are_a_message_or_malformed(data: bytes) -> None:
    try:
        received = decode(data)
    except Malformed:
        return
    assert received.covered + received.given == data


@given(_messages, st.data())
def test_an_altered_message_is_never_genuine(message: Message, data: st.DataObject) -> None:
    whole = encode(message, KEY)
    altered = data.draw(_altered(whole))
    if altered == whole:
        return
    try:
        received = codec.decode(altered)
    except Malformed:
        return
    assert not received.genuine(KEY)
