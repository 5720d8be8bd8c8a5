"""No bytes crash the gateway, change the books or keep others waiting; no message of a genuine terminal finds it without an answer."""

from __future__ import annotations

import contextlib
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from pos_gateway.iso8583.codec import decode, encode, framed
from pos_gateway.iso8583.elements import Original
from pos_gateway.iso8583.reader import scanned
from pos_gateway.iso8583.simulator import Terminal
from pos_gateway.iso8583.spec import FIELDS, LAYOUTS, MAC_FIELDS, REFUND, VOID, Field, Layout, Message, answering
from pos_gateway.iso8583.tables import messages
from settlement.ledger.tables import transfers
from settlement.outcomes import Reason
from tests.pos_gateway.iso8583.counters import LUNCH, MERCHANT, Counter, open_counter
from tests.support import acting
from tests.visits.world import World

CODES = {reason.words.iso for reason in Reason} | {"00"}


@pytest.fixture(scope="module")
def shared(world: World) -> Counter:
    return open_counter(world)


@pytest.fixture(scope="module")
def terminal(shared: Counter) -> Terminal:
    made = shared.terminal()
    made.trace = 1_000  # far from the trace numbers of the fuzz
    return made


@pytest.fixture(scope="module")
def code(shared: Counter) -> str:
    """The QR of a card that can pay for some meals."""
    return shared.qr(shared.holder())


def rows(counter: Counter) -> list[int]:
    """How many messages and transfers there are."""
    with acting(counter.engine) as act:
        return [int(act.conn.execute(select(func.count()).select_from(t)).scalar_one()) for t in (messages, transfers)]


def _altered(data: bytes) -> st.SearchStrategy[bytes]:
    places = st.integers(0, len(data) - 1)
    one_byte = st.tuples(places, st.integers(1, 255)).map(
        lambda t: data[: t[0]] + bytes([data[t[0]] ^ t[1]]) + data[t[0] + 1 :]
    )
    return one_byte | places.map(lambda at: data[:at]) | st.binary(min_size=1, max_size=9).map(lambda more: data + more)


@given(data=st.data())
def test_bytes_that_are_no_terminals_change_nothing(shared: Counter, terminal: Terminal, data: st.DataObject) -> None:
    genuine = encode(Message("0200", terminal.head() | {3: "310000", 61: "SB1.x"}), terminal.mac_key)
    sent = data.draw(st.binary(max_size=300) | _altered(genuine))
    before = rows(shared)
    reply = shared.reception(sent, "10.9.9.9")
    assert not reply.genuine
    assert rows(shared) == before
    if reply.answer is None:
        assert reply.cut
    else:  # the terminal's number survived the change: it is told, without a MAC, that the MAC is wrong
        told = decode(reply.answer)
        assert (told.given, told.message.text(39)) == (b"", "63")


CODE, STAFF = "of a card", "of who serves"
"""Stand in for what only the test knows."""


# -- messages with a right MAC ------------------------------------------------------------------------------------------------------
def _content(number: int, field: Field) -> st.SearchStrategy[Any]:
    """What may stand in a field, sensible more often than not."""
    sensible: dict[int, list[Any]] = {
        3: [layout.code for layout in LAYOUTS if layout.mti != "0800" and layout.code] + ["000001"],
        4: ["000000001200", "000000000000", "999999999999"],
        7: ["0703113000", "0229000000", "9999999999"],
        12: ["113000", "246060"],
        13: ["0703", "0229", "0000", "1231"],
        22: ["051", "031", "011"],
        37: ["000000000001", "000000000002", "99999999999A"],
        42: [MERCHANT, "M00000000000002"],
        48: ["ZC03*1", "ZC03*2,ZL04*1", "ZC01*1", "ZC03*0", "ZC03"],
        49: ["156", "840"],
        54: ["9290156C000000000400", "9390156C000000001200", "9290156D000000000400"],
        55: [bytes.fromhex("9F260801020304050607089F360200019F370401020304"), b"\x9f"],
        60: ["000001", "000002"],
        70: ["001", "002", "101", "301", "999"],
        90: [Original("0200", "000003", "0703113000").text, "9" * 42],
        97: ["D0000000000000000", "C0000000000001200"],
    }
    least = 0 if field.prefix else field.size
    letters = {"n": "0123456789", "an": "09AZaz", "ans": "09AZaz *,=.~ ", "u": "余额ab 0"}
    if field.kind == "b":
        anything: st.SearchStrategy[Any] = st.binary(min_size=least, max_size=field.size)
    elif field.kind == "xn":
        anything = st.from_regex(f"[CD][0-9]{{{field.size - 1}}}", fullmatch=True)
    else:
        anything = st.text(letters[field.kind], min_size=least, max_size=max(least, min(field.size, 40)))
    return st.sampled_from(sensible[number]) | anything if number in sensible else anything


_fields = {number: _content(number, field) for number, field in FIELDS.items() if number not in (*MAC_FIELDS, 11, 41)}
_TYPES = sorted({layout.mti for layout in LAYOUTS})


# What gets a message far: with all of it right, it is approved, or declined for a reason of the domain.
RIGHT: dict[int, Any] = {
    4: "000000001200",
    7: "0703113000",
    12: "113000",
    13: "0703",
    22: "031",
    37: "000000000001",
    42: MERCHANT,
    48: "ZC03*1",
    49: "156",
    59: STAFF,
    60: "000001",
    61: CODE,
    90: Original("0200", "000003", "0703113000").text,
    **{number: "0" * FIELDS[number].size for number in (74, 75, 76, 77, 86, 87, 88, 89)},
    97: "D0000000000000000",
}


@st.composite
def _nearly_right(draw: st.DrawFn) -> tuple[str, dict[int, Any]]:
    """A message as it should be, with up to two fields changed, put in or left out."""
    layout = draw(st.sampled_from(LAYOUTS))
    wanted = {*layout.needs, *((61,) if layout.card else ())}
    fields = {number: value for number, value in RIGHT.items() if number in wanted}
    fields[70 if layout.mti == "0800" else 3] = layout.code or "000000"
    for number in draw(st.sets(st.sampled_from(sorted(_fields)), max_size=2)):
        fields[number] = draw(_fields[number])
    fields.pop(draw(st.sampled_from([0, 0, 0, *sorted(fields)])), None)
    return draw(st.sampled_from([layout.mti, layout.mti[:3] + "1"])), fields


_anything = st.tuples(
    st.sampled_from([*_TYPES, "0100", "0600", "9220", "0202", "0240", "0241"]),
    st.fixed_dictionaries({}, optional=_fields),
)


@settings(max_examples=250)
@given(drawn=_nearly_right() | _anything, trace=st.integers(0, 60))
def test_every_genuine_message_is_answered(
    shared: Counter, terminal: Terminal, code: str, drawn: tuple[str, dict[int, Any]], trace: int
) -> None:
    answered(shared, terminal, code, drawn, trace)


def answered(shared: Counter, terminal: Terminal, code: str, drawn: tuple[str, dict[int, Any]], trace: int) -> str:
    """The response code."""
    mti, fields = drawn
    known = {CODE: code, STAFF: shared.staff_no}
    fields = {number: known.get(value, value) for number, value in fields.items()}
    message = Message(mti, fields | {11: f"{trace:06d}", 41: shared.terminal_id})
    reply = shared.reception(terminal.bytes_of(message), "10.1.2.3")
    assert reply.genuine and not reply.cut and reply.answer is not None
    answer = terminal.open(reply.answer)
    assert answer.mti == answering(mti)
    assert answer.text(39) in CODES - {"96"}, answer
    assert answer.text(63)
    if 62 in answer.fields:  # new keys, or those of an exchange long ago: let it have the newest
        assert terminal.exchange_keys().text(39) == "00"
    return answer.text(39)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.en)
def test_what_the_fuzz_begins_with_reaches_the_domain(world: World, layout: Layout) -> None:
    """Else the test above would prove little."""
    fresh = open_counter(world)
    terminal = fresh.terminal()
    wanted = {*layout.needs, *((61,) if layout.card else ())}
    fields = {number: value for number, value in RIGHT.items() if number in wanted}
    fields[70 if layout.mti == "0800" else 3] = layout.code or "000000"
    told = answered(fresh, terminal, fresh.qr(fresh.holder()), (layout.mti, fields), 60)
    # There is nothing yet to take back.
    assert told == ("25" if layout.code in (VOID, REFUND) else "00")


def test_the_books_agree_after_all_that(shared: Counter) -> None:
    assert shared.books_agree()


# -- over the line ------------------------------------------------------------------------------------------------------------------
@given(rubbish=st.lists(st.binary(min_size=1, max_size=400), max_size=12))
def test_rubbish_on_other_lines_keeps_nobody_waiting(
    port: int, shared: Counter, terminal: Terminal, rubbish: list[bytes]
) -> None:
    with closing(shared.line(port)) as good:
        terminal.exchange = good
        assert terminal.echo().text(39) == "00"
        for bytes_ in rubbish:
            with closing(shared.line(port)) as bad, contextlib.suppress(OSError):
                bad.send_raw(bytes_)
                bad.send_raw(framed(bytes_))
        assert terminal.echo().text(39) == "00"
        terminal.exchange = shared.exchange


@pytest.fixture(scope="module")
def port(shared: Counter) -> Any:
    with shared.listening() as open_port:
        yield open_port


def test_a_sale_amid_rubbish(port: int, shared: Counter, terminal: Terminal) -> None:
    someone = shared.holder()
    with closing(shared.line(port)) as good, closing(shared.line(port)) as bad:
        bad.send_raw(b"\x0f\xff" + bytes(100))  # a message that never ends
        terminal.exchange = good
        terminal.sign_on()  # the batch may have been settled
        answer = terminal.purchase({LUNCH: 1}, 1_200, scanned(shared.qr(someone)), staff=shared.staff_no)
        terminal.exchange = shared.exchange
    assert answer.text(39) == "00", answer.text(63)
    assert shared.left(someone) == (13_800, 0)
