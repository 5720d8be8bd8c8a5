"""A terminal's day, told over the whole way: terminal, bytes, MAC, gateway, books and back. Figures in fen, worked out by hand."""

from __future__ import annotations

import pytest

from pos_gateway.iso8583 import elements
from pos_gateway.iso8583.reader import scanned, typed
from pos_gateway.iso8583.simulator import Terminal, Totals
from pos_gateway.iso8583.spec import Message
from tests.pos_gateway.iso8583.counters import LUNCH, PIN, Counter

SUBSIDY, PERSONAL, LEFT, PART = elements.SUBSIDY, elements.PERSONAL, elements.AVAILABLE, elements.PART


def amount(answer: Message, account: str, kind: str) -> int:
    return elements.amount(answer.text(54), account, kind)


@pytest.fixture
def terminal(counter: Counter) -> Terminal:
    return counter.terminal()


def test_sign_on_tells_time_and_batch(counter: Counter) -> None:
    terminal = counter.terminal()
    answer = terminal.sign_on()
    assert (answer.mti, answer.text(39), answer.text(60)) == ("0810", "00", "000001")
    assert (answer.text(13), answer.text(12)) == ("0703", "113000")
    assert terminal.echo().text(39) == "00"
    assert terminal.sign_off().text(39) == "00"


def test_balance_by_chip_and_by_qr(counter: Counter, terminal: Terminal) -> None:
    someone = counter.holder(subsidy=15_000, personal=2_000)
    by_chip = terminal.balance(counter.chip_card(someone).read(0))
    assert (by_chip.text(39), amount(by_chip, SUBSIDY, LEFT), amount(by_chip, PERSONAL, LEFT)) == ("00", 15_000, 2_000)
    by_qr = terminal.balance(scanned(counter.qr(someone)))
    assert (by_qr.text(39), amount(by_qr, SUBSIDY, LEFT), amount(by_qr, PERSONAL, LEFT)) == ("00", 15_000, 2_000)
    assert counter.left(someone) == (15_000, 2_000)


def test_a_purchase_by_chip(counter: Counter, terminal: Terminal) -> None:
    someone = counter.holder(subsidy=15_000)
    answer = terminal.purchase({LUNCH: 2}, 2_400, counter.chip_card(someone).read(2_400), staff=counter.staff_no)
    assert (answer.mti, answer.text(39)) == ("0210", "00"), answer.text(63)
    assert (amount(answer, SUBSIDY, PART), amount(answer, SUBSIDY, LEFT)) == (2_400, 12_600)
    assert counter.left(someone) == (12_600, 0)
    assert terminal.totals == Totals(purchases=1, purchases_fen=2_400)


def test_a_purchase_by_qr_and_one_by_pin_from_both_purses(counter: Counter, terminal: Terminal) -> None:
    someone = counter.holder(subsidy=2_000, personal=5_000)
    counter.set_pin(someone)
    by_qr = terminal.purchase({LUNCH: 1}, 1_200, scanned(counter.qr(someone)), staff=counter.staff_no)
    assert by_qr.text(39) == "00", by_qr.text(63)
    by_pin = terminal.purchase(
        {LUNCH: 1}, 1_200, typed(counter.number(someone)), staff=counter.staff_no, personal=400, pin=PIN
    )
    assert by_pin.text(39) == "00", by_pin.text(63)
    assert (amount(by_pin, SUBSIDY, PART), amount(by_pin, PERSONAL, PART)) == (800, 400)
    assert counter.left(someone) == (0, 4_600)


def test_a_request_may_be_declined_and_takes_nothing(counter: Counter, terminal: Terminal) -> None:
    someone = counter.holder(subsidy=1_000)
    answer = terminal.purchase({LUNCH: 1}, 1_200, counter.chip_card(someone).read(1_200), staff=counter.staff_no)
    assert answer.text(39) == "51"
    assert counter.left(someone) == (1_000, 0)
    assert counter.counted(someone) == {"debits": 0}
    assert terminal.totals == Totals()


def test_a_repeat_gets_the_first_answer_byte_for_byte(counter: Counter, terminal: Terminal) -> None:
    someone = counter.holder()
    sale = terminal.sale("0200", {LUNCH: 1}, 1_200, counter.chip_card(someone).read(1_200), staff=counter.staff_no)
    first = counter.exchange(terminal.bytes_of(sale))
    counter.passes(minutes=3)
    repeated = Message("0201", sale.fields)
    assert counter.exchange(terminal.bytes_of(repeated)) == first
    assert counter.exchange(terminal.bytes_of(sale)) == first
    assert counter.left(someone) == (13_800, 0)


def test_the_answer_is_lost_the_line_is_cut_and_the_repeat_is_answered(counter: Counter) -> None:
    someone = counter.holder()
    with counter.listening() as port:
        line = counter.line(port)
        terminal = counter.terminal(line)
        sale = terminal.sale("0200", {LUNCH: 1}, 1_200, counter.chip_card(someone).read(1_200), staff=counter.staff_no)
        line.send(terminal.bytes_of(sale))
        line.close()
        terminal.exchange = again = counter.line(port)
        answer = terminal.say(Message("0201", sale.fields))
        again.close()
    assert answer.text(39) == "00", answer.text(63)
    assert counter.left(someone) == (13_800, 0)
    assert counter.counted(someone) == {"served": 1, "debits": 1}


def test_a_line_dropped_at_any_byte_loses_nothing(counter: Counter) -> None:
    someone = counter.holder(subsidy=20_000)
    card = counter.chip_card(someone)
    with counter.listening() as port:
        line = counter.line(port)
        terminal = counter.terminal(line)
        sale = terminal.sale("0200", {LUNCH: 1}, 1_200, card.read(1_200), staff=counter.staff_no)
        data = terminal.bytes_of(sale)
        whole = len(data).to_bytes(2, "big") + data
        for count in range(0, len(whole) + 1, 7):
            cut = counter.line(port)
            cut.send_raw(whole[:count])
            cut.close()
        answer = terminal.say(Message("0201", sale.fields))
        line.close()
    assert answer.text(39) == "00", answer.text(63)
    assert counter.left(someone) == (18_800, 0)
    assert counter.counted(someone) == {"served": 1, "debits": 1}
    assert counter.books_agree()


def test_void_and_refund(counter: Counter, terminal: Terminal) -> None:
    someone = counter.holder(subsidy=15_000)
    card = counter.chip_card(someone)
    first = terminal.purchase({LUNCH: 1}, 1_200, card.read(1_200), staff=counter.staff_no)
    second = terminal.purchase({LUNCH: 2}, 2_400, card.read(2_400), staff=counter.staff_no)
    voided = terminal.void(first.text(37), 1_200)
    assert voided.text(39) == "00", voided.text(63)
    assert counter.left(someone) == (12_600, 0)
    counter.passes(days=1)
    assert terminal.void(second.text(37), 2_400).text(39) != "00", "a void is for the same day"
    refunded = terminal.refund(second.text(37), 2_400)
    assert refunded.text(39) == "00", refunded.text(63)
    assert counter.left(someone) == (15_000, 0)
    totals = Totals(refunds=1, purchases=2, voids=1, refunds_fen=2_400, purchases_fen=3_600, voids_fen=1_200)
    assert terminal.totals == totals
    assert terminal.settle().text(66) == "1"
    assert counter.books_agree()


def test_a_reversal_undoes_what_was_not_answered(counter: Counter, terminal: Terminal) -> None:
    someone = counter.holder()
    sale = terminal.sale("0200", {LUNCH: 1}, 1_200, counter.chip_card(someone).read(1_200), staff=counter.staff_no)
    counter.exchange(terminal.bytes_of(sale))  # and the answer never arrives
    assert counter.left(someone) == (13_800, 0)
    assert terminal.reverse(sale).text(39) == "00"
    assert counter.left(someone) == (15_000, 0)
    assert terminal.settle().text(66) == "1"


def test_a_reversal_of_what_never_came_blocks_it(counter: Counter, terminal: Terminal) -> None:
    someone = counter.holder()
    sale = terminal.sale("0200", {LUNCH: 1}, 1_200, counter.chip_card(someone).read(1_200), staff=counter.staff_no)
    assert terminal.reverse(sale, "0420").text(39) == "00"
    late = terminal.open(counter.exchange(terminal.bytes_of(sale)))
    assert late.text(39) == "17"
    assert counter.left(someone) == (15_000, 0)


def test_an_advice_is_recorded_also_when_the_card_is_empty(counter: Counter, terminal: Terminal) -> None:
    full, empty = counter.holder(subsidy=15_000), counter.holder(subsidy=0)
    earlier = counter.now
    counter.passes(hours=3)
    told = terminal.advise({LUNCH: 1}, 1_200, counter.chip_card(full).read(1_200), staff=counter.staff_no, at=earlier)
    assert (told.mti, told.text(39)) == ("0230", "00"), told.text(63)
    assert counter.left(full) == (13_800, 0)
    terminal.advise({LUNCH: 1}, 1_200, counter.chip_card(empty).read(1_200), staff=counter.staff_no, at=earlier)
    assert counter.counted(empty)["served"] == 1
    assert counter.left(empty) == (0, 0)
    assert counter.books_agree()


def test_settling_with_other_totals_asks_for_the_upload(counter: Counter, terminal: Terminal) -> None:
    someone = counter.holder()
    card = counter.chip_card(someone)
    terminal.purchase({LUNCH: 1}, 1_200, card.read(1_200), staff=counter.staff_no)
    lost = terminal.sale("0200", {LUNCH: 2}, 2_400, card.read(2_400), staff=counter.staff_no)
    counter.exchange(terminal.bytes_of(lost))  # the terminal knows nothing of its answer and forgets it
    sent: list[str] = []
    plain = terminal.exchange
    terminal.exchange = lambda data: sent.append(data[:4].decode()) or plain(data)  # type: ignore[func-returns-value]
    answer = terminal.settle()
    assert sent == ["0500", "0320", "0500"]
    assert (answer.text(39), answer.text(66)) == ("00", "2")
    assert terminal.sign_on().text(60) == "000002"


def test_no_keys_yet_then_the_answer_says_so_without_a_mac(counter: Counter) -> None:
    someone = counter.holder()
    fresh = Terminal(counter.terminal_id, "M00000000000001", counter.key, counter.exchange, counter.clock)
    fresh.sign_on()
    answer = fresh.balance(scanned(counter.qr(someone)))
    assert (answer.text(39), answer.text(63)) == ("63", "报文鉴别码不符")
    fresh.exchange_keys()
    assert fresh.balance(scanned(counter.qr(someone))).text(39) == "00"


def test_the_answer_to_a_key_exchange_is_lost_and_the_old_keys_still_do(counter: Counter, terminal: Terminal) -> None:
    someone = counter.holder()
    old = (terminal.mac_key, terminal.pin_key)
    terminal.exchange_keys()
    new, (terminal.mac_key, terminal.pin_key) = (terminal.mac_key, terminal.pin_key), old
    assert terminal.balance(scanned(counter.qr(someone))).text(39) == "00"
    terminal.mac_key, terminal.pin_key = new
    assert terminal.balance(scanned(counter.qr(someone))).text(39) == "00"
    terminal.mac_key, terminal.pin_key = old
    assert terminal.balance(scanned(counter.qr(someone))).text(39) == "63", (
        "the new ones were used: the old count no longer"
    )
