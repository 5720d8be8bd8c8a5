"""The parts of docs/terminals.md that are made, not written: tables from the specification, and what the gateway really says, byte by byte.

``python -m tests.pos_gateway.iso8583.guide`` writes them into the page; a test compares.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from sqlalchemy import Engine

from pos_gateway.iso8583 import mac
from pos_gateway.iso8583.codec import decode, framed
from pos_gateway.iso8583.reader import Line, scanned, typed
from pos_gateway.iso8583.simulator import Terminal
from pos_gateway.iso8583.spec import FIELDS, LAYOUTS, Fields, Message
from settlement.db import make_engine, migrate
from settlement.outcomes import Reason
from tests.pos_gateway.iso8583.counters import LUNCH, MERCHANT, PIN, Counter, open_counter
from tests.visits.world import found

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "terminals.md"

# -- tables -----------------------------------------------------------------------------------------------------------------------
KINDS = {"n": "n", "an": "an", "ans": "ans", "xn": "x+n", "u": "UTF-8", "b": "b"}


def field_table() -> str:
    rows = ["| 域 Field | 类型 Type | 长度 Length | 内容 Content |", "|---|---|---|---|"]
    for number, one in FIELDS.items():
        length = f"{'L' * one.prefix}VAR ≤ {one.size}" if one.prefix else str(one.size)
        rows.append(f"| {number} | {KINDS[one.kind]} | {length} | {one.zh} {one.en} |")
    return "\n".join(rows)


def message_table() -> str:
    rows = [
        "| 报文 Message | 域 3 / 70 | 必填 Required | 可填 Optional | 应答另有 Also in the answer |",
        "|---|---|---|---|---|",
    ]
    for one in LAYOUTS:
        needs = ", ".join(map(str, sorted(one.needs))) + (" + 2 或 or 61" if one.card else "")
        may = ", ".join(str(number) for number in one.may) or "—"
        answer = ", ".join(str(number) for number in sorted(one.answer)) or "—"
        rows.append(
            f"| {one.mti} {one.zh} {one.en} | {one.code or '原交易的 the original’s'} | {needs} | {may} | {answer} |"
        )
    return "\n".join(rows)


CODES = {
    "00": ("成功", "approved"),
    "03": ("商户无效", "invalid merchant"),
    "12": ("无效交易", "invalid transaction"),
    "13": ("金额无效", "invalid amount"),
    "14": ("卡号无效", "no such card"),
    "17": ("已被冲正", "reversed before it came"),
    "25": ("找不到原记录", "record not found"),
    "30": ("报文格式错误", "format error"),
    "41": ("挂失卡", "lost card"),
    "51": ("余额不足", "insufficient funds"),
    "54": ("已过期", "expired"),
    "55": ("密码或确认不符", "PIN or consent not proved"),
    "57": ("不允许的交易", "not permitted"),
    "58": ("终端不允许的交易", "not permitted to the terminal"),
    "61": ("超过限额", "exceeds a limit"),
    "62": ("卡片受限", "restricted card"),
    "63": ("安全校验失败", "security violation"),
    "75": ("密码已锁定", "PIN locked"),
    "77": ("批次不符", "batch not open"),
    "91": ("暂时不能办理", "temporarily not possible"),
    "94": ("重复交易", "duplicate"),
    "95": ("对账不平", "totals differ"),
    "96": ("系统故障", "system fault"),
}
PACKAGES = ("pos_gateway.iso8583", "settlement.visits", "settlement.cards", "settlement.ledger")


def reasons() -> list[Reason]:
    """Those that the code behind a terminal names: the modules that answering a message loads. In the order of the table they stand in."""
    loads = "import sys, pos_gateway.iso8583.dialogue, pos_gateway.iso8583.reception; print(*sys.modules)"
    command = [sys.executable, "-c", loads]
    loaded = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
    )
    modules = [name for name in loaded.stdout.split() if name.startswith(PACKAGES)]
    files = [ROOT / f"{name.replace('.', '/')}.py" for name in modules]
    named = {
        name for file in files if file.exists() for name in re.findall(r"Reason\.([A-Z][A-Z_]+)", file.read_text())
    }
    # What is approved with a remark (00) is told to phones only.
    return [reason for reason in Reason if reason.name in named and reason.words.iso != "00"]


def code_table() -> str:
    given: dict[str, list[Reason]] = {code: [] for code in CODES}
    for reason in reasons():
        given[reason.words.iso].append(reason)
    rows = ["| 域 39 Code | 含义 Meaning | 原因 Reasons |", "|---|---|---|"]
    for code, (zh, en) in CODES.items():
        if given[code] or code == "00":
            why = "<br>".join(f"{_plain(reason.words.zh)} {_plain(reason.words.en)}" for reason in given[code]) or "—"
            rows.append(f"| {code} | {zh} {en} | {why} |")
    return "\n".join(rows)


def _plain(words: str) -> str:
    return re.sub(r"\{\w+\}", "…", words).replace("|", "\\|")


# -- keys ---------------------------------------------------------------------------------------------------------------------------
def key_example() -> str:
    enrolled = bytes(range(16))
    told = b"0800" + bytes.fromhex("82200000008000000400000000000001") + b"0703090000000008T0000001301"
    wrapped = mac.wrap(enrolled, bytes(range(16, 32)), bytes(range(32, 48)))
    lines = {
        "enrolled": enrolled.hex(),
        "network MAC key": mac.network_key(enrolled).hex(),
        "0800, covered": told.hex(),
        "field 128": mac.mac(mac.network_key(enrolled), told).hex(),
        "working MAC key": bytes(range(16, 32)).hex(),
        "working PIN key": bytes(range(32, 48)).hex(),
        "field 62": wrapped.hex(),
    }
    return "```text\n" + "\n".join(f"{name:<16} {value}" for name, value in lines.items()) + "\n```"


# -- dialogues ------------------------------------------------------------------------------------------------------------------------
@dataclass
class Tape:
    """Records what goes over the line, under a title each."""

    counter: Counter
    line: Line
    parts: list[tuple[str, list[tuple[bytes, bytes]]]] = field(default_factory=list)

    def __call__(self, data: bytes) -> bytes:
        answer = self.line(data)
        self.parts[-1][1].append((data, answer))
        return answer

    def under(self, title: str) -> None:
        self.parts.append((title, []))


def tape(engine: Engine) -> Tape:
    """A terminal's day, the same bytes each time: on a new database, at a set time, with what is random elsewhere fixed."""
    with _fixed():
        counter = open_counter(found(engine), terminal_id="T0000001")
        with counter.listening() as port, closing(counter.line(port)) as line:
            taped = Tape(counter, line)
            terminal = Terminal(counter.terminal_id, MERCHANT, counter.key, taped, counter.clock)
            for title, act in _acts(counter, terminal):
                taped.under(title)
                act()
    return taped


def _acts(counter: Counter, terminal: Terminal) -> Iterator[tuple[str, Callable[[], object]]]:
    holder = counter.holder(subsidy=5_000, personal=2_000)
    counter.set_pin(holder)
    qr, number, chip, staff = counter.qr(holder), counter.number(holder), counter.chip_card(holder), counter.staff_no
    answers: list[Message] = []

    def buy(number_of: int = 1, card: Fields | None = None, **facts: Any) -> None:
        total = 1_200 * number_of
        answers.append(terminal.purchase({LUNCH: number_of}, total, card or chip.read(total), staff=staff, **facts))

    yield "签到 sign-on", terminal.sign_on
    yield "换密钥 key exchange", terminal.exchange_keys
    yield "线路测试 echo", terminal.echo
    yield "查余额（卡面二维码） balance by the card's QR", lambda: terminal.balance(scanned(qr))
    yield "消费（芯片） purchase by chip", buy
    counter.passes(minutes=1)
    yield "没有收到应答，重发 repeat after a lost answer", lambda: terminal.repeat(terminal.last or Message("", {}))
    yield (
        "消费（密码，含个人账户和现金） purchase by PIN, with own money and cash",
        lambda: buy(5, typed(number), personal=2_000, cash=200, receipt="R-0001", pin=PIN),
    )
    yield "余额不足 declined", buy
    yield "消费撤销 void", lambda: terminal.void(answers[0].text(37), 1_200)
    counter.passes(minutes=5)
    lost: list[Message] = [terminal.sale("0200", {LUNCH: 1}, 1_200, scanned(qr), staff=staff)]
    yield "冲正 reversal", lambda: (terminal.exchange(terminal.bytes_of(lost[0])), terminal.reverse(lost[0]))
    never = terminal.sale("0200", {LUNCH: 1}, 1_200, scanned(qr), staff=staff)
    yield (
        "从未收到的交易先冲正，后到 reversal of what never came, which then comes",
        lambda: (terminal.reverse(never, "0420"), terminal.say(never)),
    )
    earlier = counter.now
    counter.passes(hours=2)
    yield (
        "离线消费通知 advice of an offline purchase",
        lambda: terminal.advise({LUNCH: 1}, 1_200, chip.read(1_200), staff=staff, at=earlier),
    )
    yield "批结算，相符 settlement, totals agree", terminal.settle
    counter.passes(days=1)
    yield "次日签到 sign-on the next day", terminal.sign_on
    yield "退款 refund", lambda: terminal.refund(answers[1].text(37), 6_000)
    forgotten = terminal.sale("0200", {LUNCH: 1}, 1_200, chip.read(1_200), staff=staff)
    yield (
        "批结算，不符，上送明细 settlement, totals differ, upload",
        lambda: (counter.exchange(terminal.bytes_of(forgotten)), terminal.settle()),
    )
    yield "签退 sign-off", terminal.sign_off


@contextmanager
def _fixed() -> Iterator[None]:
    """Keys, unpredictable numbers and the filling of PIN blocks: random elsewhere, the same each time here."""
    made = iter(range(1, 10_000))

    class Fixed:
        @staticmethod
        def token_bytes(count: int) -> bytes:
            return hashlib.sha256(b"example %d" % next(made)).digest()[:count]

    places = ("settlement.providers.terminals", "pos_gateway.iso8583.reader", "pos_gateway.iso8583.mac")
    with (
        patch(f"{places[0]}.secrets", Fixed),
        patch(f"{places[1]}.secrets", Fixed),
        patch(f"{places[2]}.secrets", Fixed),
    ):
        yield


def traces(taped: Tape) -> str:
    parts = []
    for title, exchanges in taped.parts:
        lines = [line for data, answer in exchanges for line in (*_shown(">", data), *_shown("<", answer))]
        parts.append(f"### {title}\n\n```text\n" + "\n".join(lines) + "\n```")
    return "\n\n".join(parts)


def _shown(way: str, data: bytes) -> Iterator[str]:
    yield f"{way} {framed(data).hex()}"
    received = decode(data)
    told = [f"{n}={v if isinstance(v, str) else v.hex()}" for n, v in sorted(received.message.fields.items())]
    place = 128 if any(number > 64 for number in received.message.fields) else 64
    yield "  " + "  ".join([received.message.mti, *told, f"{place}={received.given.hex()}"])


# -- the page ---------------------------------------------------------------------------------------------------------------------------
def parts(engine: Engine) -> dict[str, str]:
    """What stands between the marks of the page."""
    taped = tape(engine)
    enrolled = f"```text\n终端密钥 the terminal's key  {taped.counter.key.hex()}\n```"
    return {
        "fields": field_table(),
        "messages": message_table(),
        "codes": code_table(),
        "keys": key_example(),
        "traces": enrolled + "\n\n" + traces(taped),
    }


def filled(page: str, made: dict[str, str]) -> str:
    """The page with its marked parts made anew."""
    for name, text in made.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, _, rest = page.partition(begin)
        _, found_end, after = rest.partition(end)
        if not found_end:
            raise ValueError(f"no {begin} … {end}")
        page = f"{before}{begin}\n{text}\n{end}{after}"
    return page


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        engine = make_engine(f"sqlite:///{folder}/guide.db")
        migrate(engine)
        PAGE.write_text(filled(PAGE.read_text(), parts(engine)))
        engine.dispose()


if __name__ == "__main__":
    main()
