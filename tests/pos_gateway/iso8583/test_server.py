"""The TCP server by itself, with work of the tests' own: many lines, slow ones, broken ones, an orderly end."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from pos_gateway.iso8583.codec import LONGEST, framed
from pos_gateway.iso8583.reader import Line
from pos_gateway.iso8583.server import Limits, Reply, Server
from tests.pos_gateway.iso8583.listening import listening

QUICK = Limits(introduction=0.3, message=0.3, idle=0.3, answer=0.3)


def echoing(data: bytes, address: str) -> Reply:
    return Reply(b"answer to " + data, genuine=True)


def line(port: int) -> Line:
    return Line("127.0.0.1", port, 20)


def ended(one: Line) -> bool:
    """Whether the server ended the line, now or soon."""
    try:
        one.receive()
    except (ConnectionError, OSError) as end:
        return not isinstance(end, TimeoutError)
    return False


def test_messages_in_turn_and_many_at_once_in_order() -> None:
    with listening(echoing) as port, closing(line(port)) as one:
        assert one(b"first") == b"answer to first"
        one.send_raw(framed(b"second") + framed(b"third") + b"\x00")
        one.send_raw(b"\x06fourth")
        assert [one.receive() for _ in range(3)] == [b"answer to second", b"answer to third", b"answer to fourth"]


def test_a_length_of_zero_keeps_a_line_open_and_is_no_message() -> None:
    with listening(echoing) as port, closing(line(port)) as one:
        one.send_raw(b"\x00\x00\x00\x00")
        assert one(b"first") == b"answer to first"


def test_a_message_in_single_bytes() -> None:
    with listening(echoing) as port, closing(line(port)) as one:
        for byte in framed(b"slowly"):
            one.send_raw(bytes([byte]))
        assert one.receive() == b"answer to slowly"


def test_thousands_of_lines() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    many = 2_000 if hard == resource.RLIM_INFINITY else min(2_000, (hard - 500) // 2)  # both ends are in this process
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * many + 500), hard))
    with listening(echoing, Limits(lines=2_500, strangers=2_500)) as port, ExitStack() as stack:
        lines = [stack.enter_context(closing(line(port))) for _ in range(many)]
        for number, one in enumerate(lines):
            one.send(str(number).encode())
        for number, one in enumerate(lines):
            assert one.receive() == f"answer to {number}".encode()
        # Those who came first are still served.
        assert lines[0](b"again") == b"answer to again"


def test_one_line_too_many_is_refused_and_the_others_stay() -> None:
    with listening(echoing, Limits(lines=2)) as port, closing(line(port)) as one, closing(line(port)) as other:
        assert one(b"a") == other(b"b").replace(b"b", b"a")
        with closing(line(port)) as third:
            assert ended(third)
        assert one(b"a") == b"answer to a"
        other.close()
        # Its place is free as soon as the server saw it go.
        with closing(_admitted(port)) as fourth:
            assert fourth(b"d") == b"answer to d"


def _admitted(port: int) -> Line:
    while True:
        candidate = line(port)
        try:
            candidate(b"?")
        except OSError:
            candidate.close()
        else:
            return candidate


def test_strangers_have_no_more_than_their_share() -> None:
    def work(data: bytes, address: str) -> Reply:
        return Reply(data, genuine=data == b"known")

    with listening(work, Limits(lines=10, strangers=2)) as port, ExitStack() as stack:
        first, second = (stack.enter_context(closing(line(port))) for _ in range(2))
        assert first(b"?") == second(b"?") == b"?"
        assert ended(stack.enter_context(closing(line(port))))
        # One that has shown who it is counts no longer.
        assert first(b"known") == b"known"
        assert stack.enter_context(closing(line(port)))(b"?") == b"?"


@pytest.mark.parametrize("begun", [b"", b"\x00", b"\x00\x10", b"\x00\x10half"])
def test_a_line_that_stops_is_cut_off(begun: bytes) -> None:
    with listening(echoing, QUICK) as port, closing(line(port)) as slow:
        slow.send_raw(begun)
        assert ended(slow)


def test_a_line_that_was_served_and_falls_silent_is_cut_off() -> None:
    with listening(echoing, Limits(idle=0.3)) as port, closing(line(port)) as one:
        assert one(b"first") == b"answer to first"
        assert ended(one)


def test_keeping_a_line_open_without_a_word_does_not_help_a_stranger() -> None:
    with listening(echoing, QUICK) as port, closing(line(port)) as one, pytest.raises(OSError, match=r"."):
        _again_and_again(one, b"\x00\x00")


def test_who_does_not_read_the_answers_is_cut_off() -> None:
    def work(data: bytes, address: str) -> Reply:
        return Reply(bytes(60_000), genuine=True)

    limits = Limits(answer=0.3)
    with listening(work, limits) as port, closing(line(port)) as deaf, closing(line(port)) as other:
        with pytest.raises(OSError, match=r"."):
            _again_and_again(deaf, framed(b"more"))
        assert other(b"x") == bytes(60_000)


def _again_and_again(one: Line, data: bytes) -> None:
    """Until the line is cut."""
    while True:
        one.send_raw(data)


@pytest.mark.parametrize("length", [LONGEST + 1, 65_535])
def test_a_length_that_is_none_of_ours_ends_the_line_at_once(length: int) -> None:
    with listening(echoing) as port, closing(line(port)) as one:
        one.send_raw(length.to_bytes(2, "big"))
        assert ended(one)


def test_who_goes_on_making_mistakes_is_cut_off() -> None:
    def work(data: bytes, address: str) -> Reply:
        return Reply(data, genuine=data == b"right")

    with listening(work, Limits(mistakes=3)) as port, closing(line(port)) as one:
        for said in (b"wrong", b"wrong", b"right", b"wrong", b"wrong", b"right", b"wrong", b"wrong", b"wrong"):
            assert one(said) == said
        assert ended(one)


def test_a_stream_of_nothing_is_read_sign_by_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []
    plain = Server._message

    async def counted(*told: Any) -> bytes:
        read.append(await plain(*told))
        return read[-1]

    monkeypatch.setattr(Server, "_message", counted)
    with listening(echoing, Limits(breath=3_600)) as port, ExitStack() as stack:
        good = stack.enter_context(closing(line(port)))
        for _ in range(20):
            stack.enter_context(closing(line(port))).send_raw(bytes(60_000))
        assert [good(b"%d" % n) for n in range(20)] == [b"answer to %d" % n for n in range(20)]
        assert read.count(b"") <= 20, "one of each line, then everybody else's turn"


def test_cut_after_an_answer() -> None:
    with listening(lambda data, address: Reply(b"no", cut=True)) as port, closing(line(port)) as one:
        assert one(b"x") == b"no"
        assert ended(one)


def test_slow_work_on_one_line_keeps_nobody_waiting() -> None:
    release = threading.Event()

    def work(data: bytes, address: str) -> Reply:
        if data == b"slow":
            release.wait(20)
        return Reply(data, genuine=True)

    with listening(work, Limits(threads=2)) as port, closing(line(port)) as slow, closing(line(port)) as quick:
        slow.send(b"slow")
        assert [quick(b"%d" % n) for n in range(50)] == [b"%d" % n for n in range(50)]
        release.set()
        assert slow.receive() == b"slow"


def test_what_was_received_whole_is_worked_off_though_the_line_is_gone() -> None:
    seen: list[bytes] = []
    arrived, release = threading.Event(), threading.Event()

    def work(data: bytes, address: str) -> Reply:
        arrived.set()
        release.wait(20)
        seen.append(data)
        return Reply(data, genuine=True)

    with listening(work) as port:
        one = line(port)
        one.send(b"whole")
        assert arrived.wait(20)
        one.close()
        release.set()
    assert seen == [b"whole"]


def test_a_line_dropped_at_any_byte_hands_on_nothing_or_the_whole() -> None:
    whole = framed(b"0200 and the rest")
    seen: list[bytes] = []

    def work(data: bytes, address: str) -> Reply:
        seen.append(data)
        return Reply(data, genuine=True)

    with listening(work) as port:
        for count in range(len(whole)):
            with closing(line(port)) as one:
                one.send_raw(whole[:count])
        with closing(line(port)) as one:
            assert one(b"0200 and the rest") == b"0200 and the rest"
    assert seen == [b"0200 and the rest"]


def test_work_that_fails_costs_its_own_line_only() -> None:
    def work(data: bytes, address: str) -> Reply:
        if data == b"fail":
            raise ZeroDivisionError
        return Reply(data, genuine=True)

    with listening(work, Limits(lines=2)) as port, closing(line(port)) as good:
        for _ in range(5):
            with closing(_admitted(port)) as bad:
                bad.send(b"fail")
                assert ended(bad)
        assert good(b"still here") == b"still here"


def test_closing_finishes_what_is_in_hand() -> None:
    arrived, release = threading.Event(), threading.Event()

    def work(data: bytes, address: str) -> Reply:
        arrived.set()
        release.wait(20)
        return Reply(data, genuine=True)

    with ExitStack() as stack:
        with listening(work) as port:
            one = stack.enter_context(closing(line(port)))
            idle = stack.enter_context(closing(line(port)))
            one.send(b"in hand")
            assert arrived.wait(20)
            threading.Timer(0.2, release.set).start()
        assert one.receive() == b"in hand"
        assert ended(one) and ended(idle)


SERVE = """
import sys
from pos_gateway.iso8583.server import Reply, serve
serve(lambda data, address: Reply(data, genuine=True), "127.0.0.1", 0, ready=lambda port: print(port, flush=True))
print("ended", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_by_itself_when_it_is_told_to(number: signal.Signals) -> None:
    beside = os.environ | {"PYTHONPATH": str(Path.cwd())}
    with subprocess.Popen([sys.executable, "-c", SERVE], stdout=subprocess.PIPE, text=True, env=beside) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        with closing(line(port)) as one:
            assert one(b"x") == b"x"
            server.send_signal(number)
            assert ended(one)
        assert server.stdout.read() == "ended\n"
        assert server.wait(20) == 0
    with pytest.raises(ConnectionError):
        socket.create_connection(("127.0.0.1", port), 5)
