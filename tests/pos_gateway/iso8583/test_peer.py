"""An independent implementation (npm ``iso_8583``, node's AES) understands us and we understand it, field by field."""

from __future__ import annotations

import secrets

from pos_gateway.iso8583 import mac
from pos_gateway.iso8583.codec import decode, encode
from pos_gateway.iso8583.elements import Amount, amounts_text, pin_account
from pos_gateway.iso8583.server import Reply
from pos_gateway.iso8583.spec import Fields, Message, answering
from tests.pos_gateway.iso8583.listening import listening
from tests.pos_gateway.iso8583.peers import peer

ENROLLED = bytes(range(16))
HEAD = {7: "0703101500", 11: "000017", 41: "T0000001", 42: "M00000000000001"}
SALE = HEAD | {
    3: "000000",
    4: "000000003500",
    12: "101500",
    13: "0703",
    22: "051",
    48: "ZC01*1,ZC02*2",
    49: "156",
    59: "0017",
    60: "000001",
}


def test_every_field_there_and_back() -> None:
    heard: list[Message] = []
    mac_key, pin_key = secrets.token_bytes(16), secrets.token_bytes(16)
    answers: list[Fields] = [
        {39: "00", 62: mac.wrap(ENROLLED, mac_key, pin_key), 70: "101"},
        {39: "51", 63: "余额不足", 54: amounts_text([Amount("91", "02", 11500)]), 37: "000000000042"},
        {39: "95", 66: "2", 97: "C0000000000003500"},
    ]

    def work(data: bytes, address: str) -> Reply:
        received = decode(data)
        key = mac.network_key(ENROLLED) if received.message.mti == "0800" else mac_key
        assert received.genuine(key), received.message
        heard.append(received.message)
        answer = Message(answering(received.message.mti), {11: received.message.text(11)} | answers[len(heard) - 1])
        return Reply(encode(answer, key), genuine=True)

    chip = "9F26080102030405060708" + "9F3602002A" + "9F3704A1A2A3A4"
    totals = {
        74: "0000000001",
        77: "0000000002",
        86: "0000000000003500",
        89: "0000000000007000",
        97: "C0000000000003500",
    }
    with listening(work) as port, peer(port, ENROLLED) as terminal:
        keys = terminal.say("0800", HEAD | {70: "101"})
        sale = terminal.say("0200", SALE | {2: "8812000000001013", 55: chip}, pin="135790", account="8812000000001013")
        settled = terminal.say("0500", HEAD | {3: "920000", 60: "000001"} | totals)

    assert [each.mti for each in heard] == ["0800", "0200", "0500"]
    assert heard[0].fields == HEAD | {70: "101"}
    block = heard[1].data(126)
    assert heard[1].fields == SALE | {2: "8812000000001013", 55: bytes.fromhex(chip), 126: block}
    assert mac.open_pin(pin_key, block, pin_account(heard[1])) == "135790"
    assert heard[2].fields == HEAD | {3: "920000", 60: "000001"} | totals

    assert keys == {"mti": "0810", "fields": {11: "000017", 39: "00", 70: "101"}, "genuine": True}
    told = {11: "000017", 37: "000000000042", 39: "51", 54: "9102156C000000011500", 63: "余额不足"}
    assert sale == {"mti": "0210", "fields": told, "genuine": True}
    assert settled == {
        "mti": "0510",
        "fields": {11: "000017", 39: "95", 66: "2", 97: "C0000000000003500"},
        "genuine": True,
    }


def test_its_mac_stands_in_64_though_it_always_sends_two_bitmaps() -> None:
    seen: list[bytes] = []

    def work(data: bytes, address: str) -> Reply:
        seen.append(data)
        return Reply(encode(Message("0210", {39: "00"}), bytes(16)), genuine=True)

    with listening(work) as port, peer(port, ENROLLED) as terminal:
        assert terminal.say("0200", SALE | {2: "8812000000001013"})["genuine"]
    (data,) = seen
    assert data[4] & 0x80 and data[12:20] == bytes(8)
    assert decode(data).genuine(bytes(16))
