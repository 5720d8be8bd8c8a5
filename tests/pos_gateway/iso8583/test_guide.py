"""docs/terminals.md says what the gateway does: its tables, its example of keys, every byte of its traces."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import Engine

from pos_gateway.iso8583.codec import LONGEST, decode
from pos_gateway.iso8583.server import Limits
from pos_gateway.iso8583.spec import ECHOED, LAYOUTS, Layout, Message, answering, first_sent, layout_of
from settlement.outcomes import Reason
from tests.pos_gateway.iso8583 import guide
from tests.pos_gateway.iso8583.guide import CODES, PAGE

AGAIN = "make it anew: python -m tests.pos_gateway.iso8583.guide"


def test_the_page_is_what_the_server_says(engine: Engine) -> None:
    page = PAGE.read_text()
    assert guide.filled(page, guide.parts(engine)) == page, AGAIN


def _told() -> list[tuple[Message, Message]]:
    """Requests of the page with their answers, read back from its bytes."""
    lines = re.findall(r"^([<>]) ([0-9a-f]+)$", PAGE.read_text(), re.MULTILINE)
    messages = [decode(bytes.fromhex(told)[2:]).message for _, told in lines]
    assert [way for way, _ in lines] == [">", "<"] * (len(lines) // 2)
    return list(zip(messages[::2], messages[1::2], strict=True))


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.en)
def test_every_message_has_a_trace_and_the_answer_has_what_the_table_promises(layout: Layout) -> None:
    told = [(sent, answer) for sent, answer in _told() if layout_of(sent) == layout]
    approved = [(sent, answer) for sent, answer in told if answer.text(39) == "00"]
    assert approved
    for sent, answer in told:
        assert answer.mti == answering(sent.mti)
        assert all(answer.fields[number] == sent.fields[number] for number in ECHOED if number in sent.fields)
    for sent, answer in approved:
        assert set(layout.needs) <= sent.fields.keys() <= {*layout.needs, *layout.may}
        assert answer.fields.keys() == {*layout.answer, 39, 63} | (sent.fields.keys() & set(ECHOED))


def test_the_repeat_on_the_page_is_answered_as_the_first() -> None:
    told = _told()
    (repeat,) = [(sent, answer) for sent, answer in told if sent.mti != first_sent(sent.mti)]
    (first,) = [answer for sent, answer in told if sent == Message("0200", repeat[0].fields)]
    assert repeat[1] == first


def test_the_page_shows_declines_too() -> None:
    assert {answer.text(39) for _, answer in _told()} == {"00", "17", "51", "95"}


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_code_that_is_explained(reason: Reason) -> None:
    assert reason.words.iso in CODES


@pytest.mark.parametrize(
    "reason", [Reason.INSUFFICIENT_FUNDS, Reason.PIN_WRONG, Reason.MAC_WRONG, Reason.TOTALS_DIFFER]
)
def test_the_reasons_of_terminals_are_on_the_page(reason: Reason) -> None:
    begins = f"| {reason.words.iso} | {CODES[reason.words.iso][0]}"
    row = next(line for line in PAGE.read_text().splitlines() if line.startswith(begins))
    assert re.sub(r"\{\w+\}", "…", reason.words.zh) in row


def test_reasons_that_never_meet_a_terminal_are_not() -> None:
    assert Reason.BACKUP_DAMAGED.words.zh.partition("（")[0] not in PAGE.read_text()


def test_the_page_names_the_limits_that_hold() -> None:
    page, limits = PAGE.read_text(), Limits()
    assert f"最长 {LONGEST} 字节" in page
    assert f"连上后 {limits.introduction:.0f} 秒内没有一条鉴别正确的报文" in page
    assert f"一条报文 {limits.message:.0f} 秒内没有发完" in page
    assert f"{limits.idle / 60:.0f} 分钟没有任何报文" in page
    assert f"{limits.answer:.0f} 秒不读应答" in page
    assert f"连续 {limits.mistakes} 条报文鉴别不对" in page
