"""Which purse pays what of a debit. Pure; amounts in fen.

Order (notice 4(2)): subsidy first, by lot in expiry order; then the person's own money on the card; cash is what was already handed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from settlement.outcomes import Declined, Reason, declined


@dataclass(frozen=True)
class Asked:
    """``total``: what the lines come to; ``subsidised``: of it, lines that the subsidy may buy; ``agreed``: what the senior agreed to in
    all (never more is taken), ``agreed_personal``: of it from own money; ``cash``: handed over at the door."""

    total: int
    subsidised: int
    agreed: int
    agreed_personal: int
    cash: int


@dataclass(frozen=True)
class Funds:
    """``lots``: (account, what can be spent), in expiry order; ``year_left``: below the yearly cap, None where none applies."""

    lots: Sequence[tuple[int, int]]
    year_left: int | None
    personal: int


@dataclass(frozen=True)
class Split:
    """``lots``: (account, amount) of the subsidy part. ``shortfall``: borne by the provider."""

    lots: tuple[tuple[int, int], ...]
    personal: int
    cash: int
    shortfall: int

    @property
    def subsidy(self) -> int:
        return sum(amount for _, amount in self.lots)


def split(asked: Asked, funds: Funds, *, answered: bool) -> Split | Declined:
    """The parts, which always sum to the total. ``answered``: the people at the door hear our answer.

    Then whatever is missing declines the debit: PERSONAL_NOT_CONFIRMED where more of the person's own money would do, else
    INSUFFICIENT_FUNDS. A debit that was queued without signal takes own money only as far as it was agreed to at the door; the provider,
    who served without asking, bears the rest.
    """
    if asked.cash > min(asked.total, asked.agreed):
        return declined(Reason.CASH_NOT_ACCEPTED)
    due = min(asked.total, asked.agreed) - asked.cash
    want = max(0, min(due, asked.subsidised))
    if funds.year_left is not None:
        want = min(want, funds.year_left)
    lots: list[tuple[int, int]] = []
    for account, available in funds.lots:
        part = min(want, available)
        if part > 0:
            lots.append((account, part))
            want -= part
    due = max(0, due) - sum(part for _, part in lots)
    personal = min(due, funds.personal, asked.agreed_personal)
    missing = asked.total - asked.cash - sum(part for _, part in lots) - personal
    if missing and answered:
        if funds.personal - personal >= missing:
            return declined(Reason.PERSONAL_NOT_CONFIRMED, missing_fen=missing)
        return declined(Reason.INSUFFICIENT_FUNDS, missing=missing)
    return Split(tuple(lots), personal, asked.cash, missing)
