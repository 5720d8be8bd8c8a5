"""What a carrier of messages is handed, and what it may answer. The carriers themselves: :mod:`settlement.messages.senders`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, Protocol

TIMEOUT = 10.0
"""Seconds that one attempt may take; a message's lease is longer (``outbox.LEASE``)."""

Channel = Literal["sms", "voice"]


@dataclass(frozen=True, repr=False)
class Message:
    """``reference``: the same at every attempt, so that a carrier can tell a repeat. ``phone``: digits. ``repr`` shows the reference only."""

    reference: str
    channel: Channel
    phone: str
    text: str

    def __repr__(self) -> str:
        return f"Message({self.reference})"


@dataclass(frozen=True)
class Sent:
    """The carrier has taken it. ``carrier_id``: its own number, empty when it gives none."""

    carrier_id: str = ""


@dataclass(frozen=True)
class Failed:
    """Not taken, or nobody knows; trying again can help. ``error``: a code, nothing personal. ``after``: how long the carrier asks to wait."""

    error: str
    after: timedelta | None = None


@dataclass(frozen=True)
class Rejected:
    """The carrier will never take this message: the telephone does not exist, the text is not allowed."""

    error: str


Answer = Sent | Failed | Rejected


class Sender(Protocol):
    def send(self, message: Message) -> Answer: ...
