"""What becomes of the bytes of one message: whose it is, whether its MAC is right, the dialogue's answer, a MAC on that.

What cannot be authenticated goes to the rate-limited security log and nowhere else. A terminal that is known but whose MAC is wrong is told so
without a MAC: it has lost its working keys and asks for new ones; nobody learns or changes anything by that.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Engine

from pos_gateway import security_log
from pos_gateway.iso8583 import mac
from pos_gateway.iso8583.codec import Malformed, Received, decode, encode
from pos_gateway.iso8583.server import Reply
from pos_gateway.iso8583.spec import ECHOED, Message, answering
from pos_gateway.security_log import Attempt
from settlement.act import SYSTEM, begin
from settlement.clock import Clock
from settlement.db import reading
from settlement.faults import where
from settlement.keys import KeyRing
from settlement.outcomes import Reason
from settlement.providers import terminals
from settlement.providers.terminals import Terminal

log = logging.getLogger(__name__)

Dialogue = Callable[[Engine, KeyRing, datetime, str, Message], Message]
ROUTE = "iso8583"


class Reception:
    """Callable for the server's threads. ``answer``: the dialogue."""

    def __init__(self, engine: Engine, ring: KeyRing, clock: Clock, answer: Dialogue) -> None:
        self._engine, self._ring, self._clock, self._answer = engine, ring, clock, answer
        self._offences = Offences()

    def __call__(self, data: bytes, address: str) -> Reply:
        try:
            return self._received(data, address)
        except Exception as error:
            # The database is away, or we have a bug. The terminal hears nothing, repeats, and loses nothing.
            log.error("a message could not be worked off: %s", where(error))
            return Reply(cut=True)

    def _received(self, data: bytes, address: str) -> Reply:
        try:
            received = decode(data)
        except Malformed as malformed:
            self._refused(address, Reason.MESSAGE_INCOMPLETE, detail=str(malformed))
            return Reply(cut=True)
        message, terminal = received.message, None
        if message.mti[2] in _FROM_A_TERMINAL and message.text(41):
            with reading(self._engine) as conn:
                terminal = terminals.known(conn, self._ring, message.text(41))
        if terminal is None:
            self._refused(address, Reason.TERMINAL_UNKNOWN)
            return Reply(cut=True)
        key = self._key_of(received, terminal)
        if key is None:
            self._refused(address, Reason.MAC_WRONG, terminal.id)
            return Reply(encode(_told(message, Reason.MAC_WRONG), None))
        return Reply(encode(self._answered(terminal.id, message), key), genuine=True)

    def _answered(self, terminal_id: str, message: Message) -> Message:
        try:
            return self._answer(self._engine, self._ring, self._clock(), terminal_id, message)
        except Exception as error:
            log.error("terminal %s: message %s could not be answered: %s", terminal_id, message.mti, where(error))
            return _told(message, Reason.SERVER_FAULT)

    def _key_of(self, received: Received, terminal: Terminal) -> bytes | None:
        """The key this message's MAC was made with; it makes the answer's too. None: with none of this terminal's."""
        if received.message.mti.startswith("08"):
            key = mac.network_key(terminal.key)
            return key if received.genuine(key) else None
        for place, keys in enumerate(terminal.working):
            if received.genuine(keys.mac):
                if place == 0 and len(terminal.working) > 1:
                    with begin(self._engine, SYSTEM, self._clock()) as act:
                        terminals.in_use(act, terminal.id, keys.generation)
                return keys.mac
        return None

    def close(self) -> None:
        """Put down what was refused in the last second."""
        self._put_down(self._offences.take())

    def _refused(self, address: str, reason: Reason, terminal_id: str | None = None, detail: str | None = None) -> None:
        source = security_log.source_of(address, self._ring)
        self._put_down(self._offences.add(Attempt(source, reason, ROUTE, terminal_id, detail), self._clock()))

    def _put_down(self, attempts: Sequence[Attempt]) -> None:
        for attempt in attempts:
            security_log.record(self._engine, attempt, self._clock())


_FROM_A_TERMINAL = "024"
"""The third digit of the MTI: a request, an advice, a notice. Answers of others are none of our business."""


def _told(message: Message, reason: Reason) -> Message:
    """An answer that only says why there is none."""
    kept = {number: value for number, value in message.fields.items() if number in ECHOED}
    return Message(answering(message.mti), kept | {39: reason.words.iso, 63: reason.words.zh})


class Offences:
    """Writes of the security log saved: what sources do again and again is put down once a second, with how often."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._put_down_at: datetime | None = None
        self._waiting: dict[tuple[str, Reason], Attempt] = {}

    def add(self, attempt: Attempt, now: datetime) -> Sequence[Attempt]:
        """Count it; what is to be put down now."""
        with self._lock:
            source = attempt.source if len(self._waiting) < security_log.SOURCES_A_MINUTE else security_log.OTHERS
            known = self._waiting.get((source, attempt.reason), replace(attempt, source=source, times=0))
            self._waiting[source, attempt.reason] = replace(known, times=known.times + 1)
            if self._put_down_at is not None and now - self._put_down_at < EVERY:
                return ()
            self._put_down_at = now
        return self.take()

    def take(self) -> Sequence[Attempt]:
        """All that was counted and is not put down yet."""
        with self._lock:
            taken, self._waiting = list(self._waiting.values()), {}
        return taken


EVERY = timedelta(seconds=1)
