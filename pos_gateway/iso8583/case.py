"""One message of a terminal while it is worked off, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from pos_gateway.iso8583 import mac
from pos_gateway.iso8583.elements import pin_account
from pos_gateway.iso8583.journal import Key
from pos_gateway.iso8583.spec import ADVICES, Message
from settlement.act import Act
from settlement.keys import KeyRing
from settlement.outcomes import Declined
from settlement.providers import terminals
from settlement.providers.terminals import Terminal

T = TypeVar("T")


class Malformed(Exception):
    """A field of the message cannot be read; ``number`` says which. Raised before anything is written."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"field {number}")


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
    """``reference``: the number of its row in the journal."""

    act: Act
    ring: KeyRing
    key: Key
    message: Message
    reference: int

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

    def read(self, number: int, how: Callable[[], T]) -> T:
        """What a field holds. Raises Malformed."""
        try:
            return how()
        except ValueError as error:
            raise Malformed(number) from error

    def amount(self) -> int:
        return self.read(4, lambda: int(self.message.text(4)))

    def pin(self) -> str | None:
        """The PIN of field 126, None when it was sealed with none of the terminal's keys, or for another card. Only to be asked where there is one."""
        block, account = self.message.data(126), pin_account(self.message)
        for keys in self.terminal.working:
            digits = mac.open_pin(keys.pin, block, account)
            if digits is not None:
                return digits
        return None
