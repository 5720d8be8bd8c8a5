"""One message of a terminal while it is worked off, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from pos_gateway.iso8583.journal import Key
from pos_gateway.iso8583.spec import ADVICES, Message
from settlement.act import Act
from settlement.keys import KeyRing
from settlement.outcomes import Declined, Reason, declined
from settlement.providers import terminals
from settlement.providers.terminals import Terminal
from settlement.visits.shown import Shown

T = TypeVar("T")


class Malformed(Exception):
    """A field of the message cannot be read; ``number`` says which. Raised before anything is written."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"field {number}")

    @property
    def declined(self) -> Declined:
        return declined(Reason.MESSAGE_INCOMPLETE, fields=str(self.number))


def held(number: int, how: Callable[[], T]) -> T:
    """What a field holds. Raises Malformed."""
    try:
        return how()
    except ValueError as error:
        raise Malformed(number) from error


@dataclass(frozen=True)
class Outcome:
    """``fields``: of the answer, besides those that every answer has. ``words``: to be shown, Chinese. ``declined``: why not, where it was not
    approved. ``sale_id``: the counter sale concerned."""

    fields: Mapping[int, str | bytes] = field(default_factory=dict)
    words: str = "成功"
    declined: Declined | None = None
    sale_id: str | None = None


@dataclass(frozen=True)
class Case:
    """``shown``: the card as it was shown, read before anything was locked; None where the message shows none. ``reference``: the number of its
    row in the journal."""

    act: Act
    ring: KeyRing
    key: Key
    message: Message
    reference: int
    shown: Shown | Declined | None

    @property
    def advice(self) -> bool:
        return self.key.mti in ADVICES

    @cached_property
    def terminal(self) -> Terminal:
        """With its keys."""
        found = terminals.known(self.act.conn, self.ring, self.key.terminal_id)
        if found is None:
            raise LookupError(self.key.terminal_id)
        return found

    def amount(self) -> int:
        return held(4, lambda: int(self.message.text(4)))
