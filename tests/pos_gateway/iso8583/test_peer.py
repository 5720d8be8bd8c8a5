"""An independent implementation (npm ``iso_8583``, node's AES) understands us and we understand it, field by field."""

from __future__ import annotations

import secrets
from typing import Any

from pos_gateway.iso8583 import mac
from pos_gateway.iso8583.codec import decode, encode
from pos_gateway.iso8583.elements import Amount, amounts_text, pin_account, sent_at
from pos_gateway.iso8583.server import Reply
from pos_gateway.iso8583.spec import Fields, Message, answering
from tests.pos_gateway.iso8583.counters import LUNCH, MERCHANT, PIN, Counter
from tests.pos_gateway.iso8583.listening import listening
from tests.pos_gateway.iso8583.peers import Peer, peer

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


# -- a day against the real gateway ------------------------------------------------------------------------------------------------
class Till:
    """The peer as a counter's terminal: numbers its messages, fills in what stands in all of them."""

    def __init__(self, counter: Counter, terminal: Peer) -> None:
        self.counter, self.terminal = counter, terminal
        self.trace, self.batch = 0, ""

    def head(self) -> dict[int, str]:
        self.trace += 1
        return {7: sent_at(self.counter.now), 11: f"{self.trace:06d}", 41: self.counter.terminal_id, 42: MERCHANT}

    def network(self, code: str) -> dict[int, str]:
        return self.told(self.terminal.say("0800", self.head() | {70: code}), "0810")

    def money(self, code: str, total: int) -> dict[int, str]:
        now = {12: f"{self.counter.now:%H%M%S}", 13: f"{self.counter.now:%m%d}"}
        return self.head() | now | {3: code, 4: f"{total:012d}", 49: "156", 60: self.batch}

    def sale(self, total: int, items: str, card: dict[int, str]) -> dict[int, str]:
        return self.money("000000", total) | {22: "051", 48: items, 59: self.counter.staff_no} | card

    def say(self, mti: str, fields: dict[int, str], **secret: str) -> dict[int, str]:
        return self.told(self.terminal.say(mti, fields, **secret), answering(mti))

    @staticmethod
    def told(answer: dict[str, Any], mti: str) -> dict[int, str]:
        assert (answer["mti"], answer["genuine"]) == (mti, True), answer
        fields: dict[int, str] = answer["fields"]
        return fields


def test_a_day_at_the_hatch_with_a_terminal_of_others(counter: Counter) -> None:
    """Sign-on, keys, balance, purchases by chip, QR and PIN, a repeat, void, advice, reversals, settlement: figures in fen, by hand."""
    someone = counter.holder(subsidy=10_000, personal=3_000)
    counter.set_pin(someone)
    number, chip = counter.number(someone), counter.chip_card(someone)

    def by_chip(total: int) -> dict[int, str]:
        read = chip.read(total)
        return {2: chip.number, 23: str(read[23]), 55: bytes(read[55]).hex()}  # type: ignore[arg-type]

    with counter.listening() as port, peer(port, counter.key) as terminal:
        till = Till(counter, terminal)
        till.batch = till.network("001")[60]
        assert till.network("101")[39] == till.network("301")[39] == "00"

        left = till.say(
            "0200",
            {k: v for k, v in till.money("310000", 0).items() if k not in (4, 49, 60)}
            | {22: "031", 61: counter.qr(someone)},
        )
        assert left[54].startswith("9102156C000000010000" + "9202156C000000003000")

        sale = till.sale(2_400, f"{LUNCH}*2", by_chip(2_400))
        first = till.say("0200", sale)
        assert (first[39], first[54][:20]) == ("00", "9190156C000000002400"), first[63]
        assert till.say("0201", sale) == first
        assert counter.left(someone) == (7_600, 3_000)

        pin_sale = till.sale(9_600, f"{LUNCH}*8", {2: number, 54: "9290156C000000002000"})
        wrong = till.say("0200", pin_sale, pin="999999", account=number)
        assert wrong[39] == "55" and "密码不对" in wrong[63]
        pin_sale = till.sale(9_600, f"{LUNCH}*8", {2: number, 54: "9290156C000000002000"})
        right = till.say("0200", pin_sale, pin=PIN, account=number)
        assert (right[39], right[54][:40]) == ("00", "9190156C000000007600" + "9290156C000000002000"), right[63]
        assert counter.left(someone) == (0, 1_000)

        assert till.say("0200", till.sale(1_200, f"{LUNCH}*1", by_chip(1_200)))[39] == "51"
        assert till.say("0200", till.money("020000", 2_400) | {37: first[37]})[39] == "00"
        assert counter.left(someone) == (2_400, 1_000)

        lost = till.sale(1_200, f"{LUNCH}*1", by_chip(1_200))
        assert till.say("0200", lost)[39] == "00"
        meant = "0200" + lost[11] + lost[7] + "0" * 22
        assert till.say("0400", till.money("000000", 1_200) | {90: meant})[39] == "00"
        assert counter.left(someone) == (2_400, 1_000)

        advice = till.sale(1_200, f"{LUNCH}*1", by_chip(1_200))
        counter.passes(minutes=40)
        assert till.say("0220", advice)[39] == "00"
        assert counter.left(someone) == (1_200, 1_000)

        never = till.sale(1_200, f"{LUNCH}*1", by_chip(1_200))
        meant = "0200" + never[11] + never[7] + "0" * 22
        assert till.say("0420", till.money("000000", 1_200) | {90: meant})[39] == "00"
        assert till.say("0200", never)[39] == "17"

        # Purchases 2,400 + 9,600 + 1,200, of them voided 2,400.
        counts = {74: 0, 75: 0, 76: 3, 77: 1}
        sums = {86: 0, 87: 0, 88: 13_200, 89: 2_400}
        totals = {n: f"{v:010d}" for n, v in counts.items()} | {n: f"{v:016d}" for n, v in sums.items()}
        end = till.head() | {3: "920000", 60: till.batch} | totals
        settled = till.say("0500", end | {97: "D0000000000010800"})
    assert (settled[39], settled[66]) == ("00", "1"), settled
    assert counter.counted(someone) == {"served": 2, "void": 2, "debits": 4}
    assert counter.books_agree()
