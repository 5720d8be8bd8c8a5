"""What a holder may ask at any time: how much is left, what was taken, when and by whom. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, Row, Select, bindparam, func, select, union_all

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
    """The card's last acts, newest first; one act may touch several accounts of the card. Raises ValueError when ``limit`` is below 1.

    It reads the newest transfers of each account and never the rest, however long the card's life and the district's history.
    """
    if limit < 1:
        raise ValueError("limit must be at least 1")
    own = book.account_ids(conn, card_id)
    rows = _newest(conn, own, limit)
    acts: dict[str, list[Row[Any]]] = {}
    for row in rows:
        if len(acts) < limit or row.group_id in acts:
            acts.setdefault(row.group_id, []).append(row)
    names = _names(conn, [row for act in acts.values() for row in act])
    return [_movement(act, set(own), names) for act in acts.values()]


def _newest(conn: Connection, own: Sequence[int], limit: int) -> list[Row[Any]]:
    """Transfers of these accounts, the newest first: all there are, or so many that the last ``limit`` acts are whole."""
    each = limit + _MARGIN
    while True:
        many = 2 * len(own) > each
        rows = list(conn.execute(_NEWEST_OF_MANY if many else _NEWEST, {"own": own, "each": each - 1}))
        if not rows or rows[0].since == 0:
            return rows
        acts = list(dict.fromkeys(row.group_id for row in rows))
        # An act is written at once: where so many transfers know nothing of the acts we want, no part of them lies further back.
        if not {row.group_id for row in rows[-_MARGIN:]} & set(acts[:limit]):
            return rows
        each *= 2


_MARGIN = 10


def _newest_query(*, many: bool) -> Select[Any]:
    """All transfers above a number that has so many of one account's above it; ``many``: or so many accounts' newest ones."""
    t, own = transfers.c, _OWN
    each: BindParameter[int] = bindparam("each")
    sides = t.debit_account_id, t.credit_account_id

    def nth(side: Any, n: Any) -> Select[Any]:
        """The number of each account's n-th newest transfer on one side, 0 where it has not so many."""
        numbers = select(t.seq).where(side == accounts.c.id, t.kind.in_(POSTED_KINDS)).order_by(t.seq.desc())
        number = func.coalesce(numbers.limit(1).offset(n).correlate(accounts).scalar_subquery(), 0)
        return select(number.label("seq")).where(accounts.c.id.in_(own))

    bounds = [nth(side, each) for side in sides]
    if many:
        last = union_all(*(nth(side, 0) for side in sides)).subquery("last").c.seq
        bounds.append(select(select(last).order_by(last.desc()).limit(1).offset(each).subquery().c.seq))
    bound = union_all(*bounds).subquery("bounds").c.seq
    since = select(func.coalesce(func.max(bound), 0).label("seq")).cte("since")
    above = select(since.c.seq).scalar_subquery()
    columns = t.seq, t.group_id, t.code, t.reference, t.occurred_at, t.amount, *sides
    newest = union_all(
        *(
            select(*columns).where(t.seq >= above, t.kind.in_(POSTED_KINDS), *which)
            for which in (
                (t.debit_account_id.in_(own),),
                (t.credit_account_id.in_(own), t.debit_account_id.not_in(own)),
            )
        )
    ).subquery("newest")
    debited, credited = accounts.alias("debited"), accounts.alias("credited")
    return (
        select(newest, above.label("since"))
        .add_columns(debited.c.code.label("debited_code"), debited.c.owner.label("debited_owner"))
        .add_columns(credited.c.code.label("credited_code"), credited.c.owner.label("credited_owner"))
        .join(debited, debited.c.id == newest.c.debit_account_id)
        .join(credited, credited.c.id == newest.c.credit_account_id)
        .order_by(newest.c.seq.desc())
    )


_OWN: BindParameter[int] = bindparam("own", expanding=True)
_NEWEST, _NEWEST_OF_MANY = _newest_query(many=False), _newest_query(many=True)


def _names(conn: Connection, rows: Iterable[Row[Any]]) -> dict[int, str]:
    owners = {owner for row in rows for owner in (row.debited_owner, row.credited_owner)}
    ids = {_provider_id(owner) for owner in owners} - {0}
    named = select(providers.c.id, providers.c.name).where(providers.c.id.in_(ids))
    return {row.id: row.name for row in conn.execute(named)}


def _movement(rows: Sequence[Row[Any]], own: set[int], names: dict[int, str]) -> Movement:
    """One act from its transfers, the newest first."""
    moved = {chart.CARD_SUBSIDY: 0, chart.CARD_PERSONAL: 0}
    provider = None
    for row in reversed(rows):
        for id, code, owner, sign in (
            (row.debit_account_id, row.debited_code, row.debited_owner, -1),
            (row.credit_account_id, row.credited_code, row.credited_owner, 1),
        ):
            if id in own:
                moved[code] += sign * row.amount
            else:
                provider = names.get(_provider_id(owner), provider)
    first = rows[-1]
    moves = moved[chart.CARD_SUBSIDY], moved[chart.CARD_PERSONAL]
    return Movement(first.occurred_at, first.code, *moves, provider, first.reference)


def _provider_id(owner: str) -> int:
    """The provider in an account's owner (``chart.provider``, ``chart.provider_in_town``); 0 for another owner."""
    kind, _, rest = owner.partition(":")
    number = rest.partition("/")[0]
    return int(number) if kind == "provider" and number.isdecimal() else 0
