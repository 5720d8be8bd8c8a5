"""What a holder may ask at any time: how much is left, what was taken, when and by whom. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, func, or_, select

from settlement.cards import book
from settlement.ledger import chart
from settlement.ledger.balance import POSTED_KINDS
from settlement.ledger.tables import accounts, transfers
from settlement.providers.tables import providers


@dataclass(frozen=True)
class Purses:
    """What can be spent now, in fen: balances less what is held. How much of it this year is ``vouchers.cap``'s matter."""

    subsidy: int
    personal: int


@dataclass(frozen=True)
class Movement:
    """One act on a card. ``code``: of the chart's acts; amounts in fen, signed: negative is spent or taken back. ``reference``: the
    document behind it, such as ``debit:...``."""

    occurred_at: datetime
    code: str
    subsidy: int
    personal: int
    provider: str | None
    reference: str


def purses(conn: Connection, card_id: int) -> Purses:
    """The card's two purses, all lots of the subsidy together."""
    account = accounts.c
    owned = select(account.code, func.sum(account.balance - account.held)).where(account.owner == chart.card(card_id))
    left = {code: int(amount) for code, amount in conn.execute(owned.group_by(account.code))}
    return Purses(left.get(chart.CARD_SUBSIDY, 0), left.get(chart.CARD_PERSONAL, 0))


def movements(conn: Connection, card_id: int, limit: int) -> list[Movement]:
    """The card's last acts, newest first; one act may touch both purses."""
    own = book.account_ids(conn, card_id)
    t = transfers.c
    touching = (or_(t.debit_account_id.in_(own), t.credit_account_id.in_(own)), t.kind.in_(POSTED_KINDS))
    last = select(t.group_id).where(*touching).group_by(t.group_id).order_by(func.max(t.seq).desc()).limit(limit)
    groups = conn.execute(last).scalars().all()
    rows = conn.execute(select(transfers).where(*touching, t.group_id.in_(groups)).order_by(t.seq)).all()
    touched = {row.debit_account_id for row in rows} | {row.credit_account_id for row in rows}
    found = {row.id: row for row in conn.execute(select(accounts).where(accounts.c.id.in_(touched)))}
    names = {row.id: row.name for row in conn.execute(select(providers.c.id, providers.c.name))}
    return [_movement([row for row in rows if row.group_id == group], set(own), found, names) for group in groups]


def _movement(
    rows: Sequence[Row[tuple[object, ...]]],
    own: set[int],
    found: dict[int, Row[tuple[object, ...]]],
    names: dict[int, str],
) -> Movement:
    moved = {chart.CARD_SUBSIDY: 0, chart.CARD_PERSONAL: 0}
    provider = None
    for row in rows:
        for account_id, sign in ((row.debit_account_id, -1), (row.credit_account_id, 1)):
            account = found[account_id]
            if account_id in own:
                moved[account.code] += sign * row.amount
            else:
                provider = names.get(_provider_id(account.owner), provider)
    first = rows[0]
    moves = moved[chart.CARD_SUBSIDY], moved[chart.CARD_PERSONAL]
    return Movement(first.occurred_at, first.code, *moves, provider, first.reference)


def _provider_id(owner: str) -> int:
    """The provider in an account's owner (``chart.provider``, ``chart.provider_in_town``); 0 for another owner."""
    kind, _, rest = owner.partition(":")
    number = rest.partition("/")[0]
    return int(number) if kind == "provider" and number.isdecimal() else 0
