"""Whose a message is: what is told to whom, what is put down where, and what happens when we are the ones who fail."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from pos_gateway.iso8583.codec import decode, encode
from pos_gateway.iso8583.reader import scanned
from pos_gateway.iso8583.reception import Offences, Reception
from pos_gateway.iso8583.simulator import Terminal
from pos_gateway.iso8583.spec import Message
from pos_gateway.iso8583.tables import messages
from pos_gateway.security_log import SOURCES_A_MINUTE, Attempt
from settlement.audit import audit_rows
from settlement.outcomes import Reason
from settlement.providers import terminals
from tests.pos_gateway.iso8583.counters import LUNCH, MERCHANT, Counter
from tests.support import RING, acting, at
from tests.visits.world import DISTRICT


def kept(counter: Counter) -> list[int]:
    """Rows of the journal and the audit trail."""
    with acting(counter.engine) as act:
        count = func.count()
        return [int(act.conn.execute(select(count).select_from(t)).scalar_one()) for t in (messages, audit_rows)]


def test_garbage_and_strangers_are_dropped_and_only_counted(counter: Counter) -> None:
    terminal = counter.terminal()
    before, logged = kept(counter), counter.logged()
    echo = Message("0800", terminal.head() | {70: "301"})
    of_nobody = Message("0800", {**echo.fields, 41: "XXXXXXXX"})
    for data in (
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        bytes(40),
        encode(of_nobody, counter.key),
        encode(Message("0810", {41: counter.terminal_id}), None),
    ):
        reply = counter.reception(data, "10.0.0.9")
        assert (reply.answer, reply.genuine, reply.cut) == (None, False, True)
    assert kept(counter) == before
    after = counter.logged()
    assert after["message_incomplete"] - logged.get("message_incomplete", 0) == 3
    assert after["terminal_unknown"] - logged.get("terminal_unknown", 0) == 2


@pytest.mark.parametrize("key", [None, bytes(16)])
def test_a_wrong_mac_is_answered_without_one_and_does_nothing(counter: Counter, key: bytes | None) -> None:
    someone = counter.holder()
    terminal = counter.terminal()
    before, logged = kept(counter), counter.logged().get("mac_wrong", 0)
    sale = terminal.sale("0200", {LUNCH: 1}, 1_200, scanned(counter.qr(someone)), staff=counter.staff_no)
    reply = counter.reception(encode(sale, key), "10.0.0.9")
    assert reply.answer is not None and not reply.genuine
    answer = decode(reply.answer)
    assert (answer.message.mti, answer.message.text(39), answer.given) == ("0210", "63", b"")
    assert answer.message.text(11) == sale.text(11)
    assert 54 not in answer.message.fields
    assert kept(counter) == before
    assert counter.left(someone) == (15_000, 0)
    assert counter.logged()["mac_wrong"] == logged + 1


def test_the_enrolled_key_and_the_working_key_do_not_stand_in_for_each_other(counter: Counter) -> None:
    terminal = counter.terminal()
    echo = Message("0800", terminal.head() | {70: "301"})
    for wrong in (terminal.mac_key, counter.key):
        assert not counter.reception(encode(echo, wrong), "10.0.0.9").genuine
    assert counter.reception(terminal.bytes_of(echo), "10.0.0.9").genuine


def test_a_terminals_message_in_anothers_name_is_refused(counter: Counter) -> None:
    terminal = counter.terminal()
    with acting(counter.engine, by=DISTRICT) as act:
        other = terminals.register(act, RING, f"X{counter.terminal_id[1:]}", MERCHANT, counter.world.ours)
    forged = Message("0800", {**terminal.head(), 70: "101", 41: other.terminal_id})
    assert not counter.reception(encode(forged, terminal._key("0800")), "10.0.0.9").genuine


def test_a_revoked_terminal_is_told_so(counter: Counter) -> None:
    terminal = counter.terminal()
    with acting(counter.engine, counter.now, DISTRICT) as act:
        terminals.revoke(act, counter.terminal_id, "lost")
    assert terminal.echo().text(39) == Reason.DEVICE_REVOKED.words.iso


def test_a_fault_of_ours_is_told_with_a_mac_and_the_message_can_come_again(counter: Counter) -> None:
    someone = counter.holder()
    terminal = counter.terminal()
    sale = terminal.sale("0200", {LUNCH: 1}, 1_200, scanned(counter.qr(someone)), staff=counter.staff_no)

    def failing(*told: Any) -> Message:
        raise ZeroDivisionError

    broken = Reception(counter.engine, RING, counter.clock, failing)
    reply = broken(terminal.bytes_of(sale), "10.0.0.9")
    assert reply.answer is not None and reply.genuine
    assert terminal.open(reply.answer).text(39) == "96"
    assert terminal.say(Message("0201", sale.fields)).text(39) == "00"
    assert counter.left(someone) == (13_800, 0)


def test_without_the_database_the_line_is_cut_and_nothing_is_said(counter: Counter) -> None:
    terminal = counter.terminal()

    class Away:
        def __getattr__(self, name: str) -> Any:
            raise ConnectionError("away")

    lost = Reception(Away(), RING, counter.clock, lambda *told: Message("0210", {}))  # type: ignore[arg-type]
    reply = lost(terminal.bytes_of(Message("0800", terminal.head() | {70: "301"})), "10.0.0.9")
    assert (reply.answer, reply.genuine, reply.cut) == (None, False, True)


def test_many_at_once_from_one_terminal_take_turns(counter: Counter) -> None:
    from concurrent.futures import ThreadPoolExecutor

    someone = counter.holder(subsidy=12_000)
    terminal = counter.terminal()
    card = scanned(counter.qr(someone))
    sales = [terminal.sale("0200", {LUNCH: 1}, 1_200, card, staff=counter.staff_no) for _ in range(6)]
    sent = [terminal.bytes_of(sale) for sale in sales] * 3
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda data: counter.reception(data, "10.0.0.9").answer, sent))
    assert [answers[i] for i in range(6)] == [answers[i + 6] for i in range(6)] == [answers[i + 12] for i in range(6)]
    assert {terminal.open(answer or b"").text(39) for answer in answers} == {"00"}
    assert counter.left(someone) == (4_800, 0)
    assert counter.counted(someone) == {"served": 6, "debits": 6}


def test_a_fault_is_logged_by_its_place_and_without_its_words(
    counter: Counter, caplog: pytest.LogCaptureFixture
) -> None:
    """What a database says of a row it chokes on quotes the row."""

    telephone = "138" + "0" * 8

    def faulty(*_: Any) -> Message:
        raise ValueError(telephone)

    terminal = counter.terminal()
    echo = terminal.bytes_of(Message("0800", terminal.head() | {70: "301"}))
    assert Reception(counter.engine, RING, lambda: counter.now, faulty)(echo, "10.0.0.9").answer is not None
    Reception(counter.engine, RING, faulty, faulty)(b"", "10.0.0.9")
    assert telephone not in caplog.text
    assert [record.getMessage().count("in faulty") for record in caplog.records] == [1, 1]


# -- the security log ------------------------------------------------------------------------------------------------------------------
def attempt(source: str) -> Attempt:
    return Attempt(source, Reason.MAC_WRONG, "iso8583")


def test_what_a_source_does_again_and_again_is_put_down_once_a_second_and_counted_whole() -> None:
    offences, now = Offences(), at("2026-07-03 11:30")
    assert [one.times for one in offences.add(attempt("a"), now)] == [1]
    for _ in range(500):
        assert not offences.add(attempt("a"), now + timedelta(milliseconds=900))
    put_down = offences.add(attempt("b"), now + timedelta(seconds=1))
    assert [(one.source, one.times) for one in put_down] == [("a", 500), ("b", 1)]
    offences.add(attempt("a"), now + timedelta(seconds=1.5))
    assert [(one.source, one.times) for one in offences.take()] == [("a", 1)]
    assert not offences.take()


def test_a_flood_from_everywhere_is_counted_together() -> None:
    offences, now = Offences(), at("2026-07-03 11:30")
    offences.add(attempt("first"), now)
    for number in range(10_000):
        offences.add(attempt(f"source {number}"), now)
    waiting = offences.take()
    assert len(waiting) == SOURCES_A_MINUTE + 1
    assert sum(one.times for one in waiting) == 10_000
    assert waiting[-1].source == "others"


def test_what_is_kept_of_a_terminal_shows_no_key() -> None:
    terminal = Terminal("T0000001", MERCHANT, b"secret key bytes", lambda data: data, lambda: at("2026-07-03 11:30"))
    assert "secret" not in repr(terminal)
