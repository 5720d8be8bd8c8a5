"""What a tester types to a simulated terminal, one line for each thing to do; the same by hand and from a file.

``sign-on`` · ``sign-off`` · ``keys`` · ``echo`` · ``balance CARD`` · ``buy ITEMS FEN CARD staff=NO`` · ``advise ITEMS FEN CARD staff=NO at=TIME`` ·
``void REFERENCE FEN`` · ``refund REFERENCE FEN`` · ``reverse`` · ``reverse-advice`` · ``repeat`` · ``settle``. ``lose`` in front of a line: its answer gets lost.
CARD is ``qr=CODE``, ``no=NUMBER [code=DIGITS]`` or ``chip=FILE``; ``pin=``, ``own=``, ``cash=`` and ``receipt=`` may follow. ITEMS is ``ZC01*1,ZC02*2``.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pos_gateway.iso8583.elements import items
from pos_gateway.iso8583.reader import ChipCard, Line, scanned, typed
from pos_gateway.iso8583.simulator import Terminal
from pos_gateway.iso8583.spec import Fields, Message
from settlement.periods import SHANGHAI


class Unclear(ValueError):
    """A line of the script that says nothing we can do. The words quote it."""


class AnswerLost(Exception):
    """The tester wanted the answer to get lost: the line was cut after the request had gone out."""


@dataclass
class Exchanges:
    """What the terminal sends and hears with, opening the line when it needs one. ``show``: is told of every message, sent or received."""

    connect: Callable[[], Line]
    show: Callable[[str, bytes], None]
    losing: bool = False
    line: Line | None = None

    def __call__(self, data: bytes) -> bytes:
        self.line = self.line or self.connect()
        self.show("sent", data)
        try:
            self.line.send(data)
            if self.losing:
                raise AnswerLost
            answer = self.line.receive()
        except (OSError, AnswerLost):
            self.close()
            raise
        self.show("received", answer)
        return answer

    def close(self) -> None:
        if self.line is not None:
            self.line.close()
            self.line = None


def perform(terminal: Terminal, exchanges: Exchanges, text: str) -> Message | None:
    """Do what one line says; the answer, None for an empty line or a comment (#). Raises Unclear, AnswerLost, OSError, ValueError."""
    try:
        words = shlex.split(text, comments=True)
    except ValueError as error:
        raise Unclear(text) from error
    exchanges.losing = words[:1] == ["lose"]
    words = words[1:] if exchanges.losing else words
    if not words:
        return None
    plain = [word for word in words[1:] if "=" not in word or "*" in word]
    named = dict(word.split("=", 1) for word in words[1:] if word not in plain)
    simple = _SIMPLE.get(words[0])
    if simple is not None and not plain and not named:
        return simple(terminal)
    try:
        return _WITH_FACTS[words[0]](terminal, plain, named)
    except (KeyError, IndexError) as missing:
        raise Unclear(text) from missing


def _last(terminal: Terminal) -> Message:
    if terminal.last is None:
        raise Unclear("还没有发过 nothing was sent yet")
    return terminal.last


_SIMPLE: dict[str, Callable[[Terminal], Message]] = {
    "sign-on": Terminal.sign_on,
    "sign-off": Terminal.sign_off,
    "keys": Terminal.exchange_keys,
    "echo": Terminal.echo,
    "repeat": lambda terminal: terminal.repeat(_last(terminal)),
    "settle": Terminal.settle,
    "reverse": lambda terminal: terminal.reverse(_last(terminal), "0400"),
    "reverse-advice": lambda terminal: terminal.reverse(_last(terminal), "0420"),
}


def _balance(terminal: Terminal, plain: list[str], named: dict[str, str]) -> Message:
    return terminal.balance(_card(named, 0), named.get("pin"))


def _sale(terminal: Terminal, plain: list[str], named: dict[str, str], mti: str) -> Message:
    bought, total = items(plain[0]), int(plain[1])
    facts: dict[str, Any] = {"staff": named["staff"], "receipt": named.get("receipt"), "pin": named.get("pin")}
    facts |= {"personal": int(named.get("own", 0)), "cash": int(named.get("cash", 0))}
    if "at" in named:
        facts["at"] = datetime.fromisoformat(named["at"]).replace(tzinfo=SHANGHAI)
    return terminal.say(terminal.sale(mti, bought, total, _card(named, total), **facts))


_WITH_FACTS: dict[str, Callable[[Terminal, list[str], dict[str, str]], Message]] = {
    "balance": _balance,
    "buy": lambda terminal, plain, named: _sale(terminal, plain, named, "0200"),
    "advise": lambda terminal, plain, named: _sale(terminal, plain, named, "0220"),
    "void": lambda terminal, plain, named: terminal.void(plain[0], int(plain[1])),
    "refund": lambda terminal, plain, named: terminal.refund(plain[0], int(plain[1])),
}
COMMANDS = (*_SIMPLE, *_WITH_FACTS)


def _card(named: dict[str, str], amount_fen: int) -> Fields:
    if "chip" in named:
        path = Path(named["chip"])
        card = ChipCard.load(path)
        read = card.read(amount_fen)
        card.save(path)  # its counter went up
        return read
    return scanned(named["qr"]) if "qr" in named else typed(named["no"], named.get("code"))
