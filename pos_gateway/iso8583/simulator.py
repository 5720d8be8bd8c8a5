"""A terminal to try things with: by hand, by script, in tests.

It keeps what a real one keeps: its keys, its trace number, its batch, and what it believes it did in that batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from pos_gateway.iso8583 import mac, spec
from pos_gateway.iso8583.codec import Received, decode, encode
from pos_gateway.iso8583.elements import (
    CASH,
    CURRENCY,
    PART,
    PERSONAL,
    Amount,
    Original,
    amounts_text,
    clock_fields,
    items_text,
    pin_account,
    sent_at,
)
from pos_gateway.iso8583.spec import Fields, Message
from settlement.clock import Clock

Exchange = Callable[[bytes], bytes]
"""Sends one message and gives the answer, both without their length."""


@dataclass(frozen=True)
class Totals:
    """Of one batch: numbers, and amounts in fen. What was reversed counts nowhere, a purchase that was voided in both places."""

    refunds: int = 0
    purchases: int = 0
    voids: int = 0
    refunds_fen: int = 0
    purchases_fen: int = 0
    voids_fen: int = 0

    @property
    def fields(self) -> Fields:
        net = self.purchases_fen - self.voids_fen - self.refunds_fen
        counts = {74: self.refunds, 75: 0, 76: self.purchases, 77: self.voids}
        sums = {86: self.refunds_fen, 87: 0, 88: self.purchases_fen, 89: self.voids_fen}
        numbers = {number: f"{count:010d}" for number, count in counts.items()}
        amounts = {number: f"{fen:016d}" for number, fen in sums.items()}
        net_text = f"{'C' if net < 0 else 'D'}{abs(net):016d}"
        return {**numbers, **amounts, 97: net_text}


@dataclass
class Terminal:
    """``key``: the one it was enrolled with. ``done``: approved messages of the open batch with their answers, oldest first."""

    id: str
    merchant: str
    key: bytes = field(repr=False)
    exchange: Exchange
    clock: Clock
    mac_key: bytes = field(default=b"", repr=False)
    pin_key: bytes = field(default=b"", repr=False)
    trace: int = 0
    batch: str = ""
    totals: Totals = field(default_factory=Totals)
    done: list[tuple[Message, Message]] = field(default_factory=list)
    last: Message | None = None

    # -- the network ------------------------------------------------------------------------------------------------------
    def sign_on(self) -> Message:
        answer = self._network(spec.SIGN_ON)
        if approved(answer) and answer.text(60) != self.batch:
            self.batch, self.totals, self.done = answer.text(60), Totals(), []
        return answer

    def sign_off(self) -> Message:
        return self._network(spec.SIGN_OFF)

    def echo(self) -> Message:
        return self._network(spec.ECHO)

    def exchange_keys(self) -> Message:
        answer = self._network(spec.KEY_EXCHANGE)
        if approved(answer):
            self.mac_key, self.pin_key = mac.unwrap(self.key, answer.data(62))
        return answer

    def _network(self, code: str) -> Message:
        return self.say(Message("0800", self.head() | {70: code}))

    # -- money ----------------------------------------------------------------------------------------------------------------
    def balance(self, card: Fields, pin: str | None = None) -> Message:
        request = Message("0200", self.head() | clock_fields(self.clock()) | card | {3: spec.BALANCE})
        return self.say(self._with_pin(request, pin))

    def purchase(self, items: Mapping[str, int], total: int, card: Fields, **facts: Any) -> Message:
        return self.say(self.sale("0200", items, total, card, **facts))

    def advise(self, items: Mapping[str, int], total: int, card: Fields, **facts: Any) -> Message:
        """Tell of a purchase that was made without a line, ``at`` an earlier moment."""
        return self.say(self.sale("0220", items, total, card, **facts))

    def sale(
        self,
        mti: str,
        items: Mapping[str, int],
        total: int,
        card: Fields,
        *,
        staff: str,
        personal: int = 0,
        cash: int = 0,
        receipt: str | None = None,
        pin: str | None = None,
        at: datetime | None = None,
    ) -> Message:
        """A purchase as it would be sent. Amounts in fen: in all, agreed to from own money, in cash."""
        parts = [Amount(PERSONAL, PART, personal)] * bool(personal) + [Amount(CASH, PART, cash)] * bool(cash)
        fields = self._money(spec.PURCHASE, total, at) | card | {48: items_text(items), 59: staff}
        fields |= {54: amounts_text(parts)} if parts else {}
        fields |= {58: receipt} if receipt else {}
        return self._with_pin(Message(mti, fields), pin)

    def void(self, reference: str, total: int) -> Message:
        """Take back a purchase of today. ``reference``: field 37 of its answer."""
        return self.say(Message("0200", self._money(spec.VOID, total) | {37: reference}))

    def refund(self, reference: str, total: int) -> Message:
        return self.say(Message("0200", self._money(spec.REFUND, total) | {37: reference}))

    def reverse(self, sent: Message, mti: str = "0400") -> Message:
        """Undo a message whose answer never came, or came too late."""
        kept = {number: sent.fields[number] for number in (3, 4, 12, 13, 49, 60) if number in sent.fields}
        return self.say(Message(mti, kept | self.head() | {90: _name(sent).text}))

    def settle(self) -> Message:
        """Settle the batch; where the totals differ, upload every transaction and settle again."""
        answer = self._settle(spec.SETTLE)
        if answer.text(39) == "95":
            for request, told in list(self.done):
                self.upload(request, told)
            answer = self._settle(spec.SETTLE_AFTER_UPLOAD)
        return answer

    def upload(self, request: Message, told: Message) -> Message:
        kept = {number: request.fields[number] for number in (3, 4, 12, 13, 49, 60)}
        return self.say(Message("0320", kept | self.head() | {37: told.text(37), 90: _name(request).text}))

    def _settle(self, code: str) -> Message:
        return self.say(Message("0500", self.head() | self.totals.fields | {3: code, 60: self.batch}))

    # -- sending ---------------------------------------------------------------------------------------------------------------
    def head(self) -> Fields:
        """Fields of every message, with the next trace number."""
        self.trace = self.trace % 999_999 + 1
        return {7: sent_at(self.clock()), 11: f"{self.trace:06d}", 41: self.id, 42: self.merchant}

    def _money(self, code: str, total: int, at: datetime | None = None) -> Fields:
        fields = self.head() | clock_fields(at or self.clock())
        return fields | {3: code, 4: f"{total:012d}", 49: CURRENCY, 60: self.batch}

    def _with_pin(self, message: Message, pin: str | None) -> Message:
        if pin is None:
            return message
        return Message(message.mti, {**message.fields, 126: mac.seal_pin(self.pin_key, pin, pin_account(message))})

    def say(self, message: Message) -> Message:
        """Send and hear the answer. Raises ValueError for an answer that is not one to this message, or not the server's."""
        self.last = message
        answer = self.open(self.exchange(self.bytes_of(message)))
        if (answer.mti, answer.text(11)) != (spec.answering(message.mti), message.text(11)):
            raise ValueError("an answer to something else")
        if approved(answer) and message.mti[:2] in ("02", "04"):
            self._count(message, answer)
        return answer

    def repeat(self, sent: Message) -> Message:
        """The same message again, marked as a repeat."""
        return self.say(replace(sent, mti=sent.mti[:3] + "1"))

    def bytes_of(self, message: Message) -> bytes:
        return encode(message, self._key(message.mti))

    def open(self, data: bytes) -> Message:
        """An answer with its MAC looked at; only one that says the MAC was wrong may come without. Raises ValueError."""
        received: Received = decode(data)
        told_off = not received.given and received.message.text(39) == "63"
        if not told_off and not received.genuine(self._key(received.message.mti)):
            raise ValueError("the answer's MAC is wrong")
        return received.message

    def _key(self, mti: str) -> bytes:
        if mti.startswith("08"):
            return mac.network_key(self.key)
        return self.mac_key or bytes(mac.KEY_BYTES)  # without a key yet: the server says what to do

    # -- what it believes it did ------------------------------------------------------------------------------------------------
    def _count(self, message: Message, answer: Message) -> None:
        if message.mti.startswith("04"):
            meant = next((one for one in self.done if _name(one[0]).text == message.text(90)), None)
            if meant is not None:
                self.done.remove(meant)
                self._add(meant[0], -1)
        elif message.text(3) != spec.BALANCE and all(_name(message) != _name(request) for request, _ in self.done):
            self.done.append((message, answer))
            self._add(message, 1)

    def _add(self, message: Message, times: int) -> None:
        name = {spec.PURCHASE: "purchases", spec.VOID: "voids", spec.REFUND: "refunds"}[message.text(3)]
        more = {name: times, f"{name}_fen": times * int(message.text(4))}
        self.totals = replace(self.totals, **{key: getattr(self.totals, key) + value for key, value in more.items()})

    # -- kept between two runs --------------------------------------------------------------------------------------------------
    def state(self) -> dict[str, Any]:
        """What a terminal keeps in its memory when it is switched off; holds its working keys."""
        keys = {"mac_key": self.mac_key.hex(), "pin_key": self.pin_key.hex()}
        done = [[_plain(request), _plain(answer)] for request, answer in self.done]
        return keys | {"trace": self.trace, "batch": self.batch, "totals": asdict(self.totals), "done": done}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.mac_key, self.pin_key = bytes.fromhex(state["mac_key"]), bytes.fromhex(state["pin_key"])
        self.trace, self.batch, self.totals = state["trace"], state["batch"], Totals(**state["totals"])
        self.done = [(_message(request), _message(answer)) for request, answer in state["done"]]


def _name(message: Message) -> Original:
    return Original(spec.first_sent(message.mti), message.text(11), message.text(7))


def approved(answer: Message) -> bool:
    return answer.text(39) == "00"


def _plain(message: Message) -> dict[str, Any]:
    # Chip data and PIN blocks are not kept: a real terminal may not.
    return {"mti": message.mti, "fields": {str(n): v for n, v in message.fields.items() if isinstance(v, str)}}


def _message(plain: Mapping[str, Any]) -> Message:
    return Message(plain["mti"], {int(number): value for number, value in plain["fields"].items()})
