"""What a holder may ask at any time: how much is left, what was taken, when and by whom. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Connection, Row, Select, bindparam, func, literal_column, select, true, union_all

from settlement.cards import book
from settlement.ledger import chart
from settlement.ledger.balance import NEWEST, POSTED_KINDS
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
        found = conn.execute(_above_the(each, many=2 * len(own) > each), {"own": own}).all()
        rows = [row for row in found if row.seq is not None]
        if found[0].since == 0:
            return rows
        acts = list(dict.fromkeys(row.group_id for row in rows))
        # An act is written at once: where so many transfers know nothing of the acts we want, no part of them lies further back.
        if len(acts) > limit and not {row.group_id for row in rows[-_MARGIN:]} & set(acts[:limit]):
            return rows
        each *= 2


_MARGIN = 10


@cache
def _above_the(each: int, *, many: bool) -> Select[Any]:
    """The transfers from the ``each``-th newest one of any single account on; ``many``: or of all accounts' newest ones."""
    t = transfers.c
    own: BindParameter[int] = bindparam("own", expanding=True)
    sides = t.debit_account_id, t.credit_account_id

    def nth(query: Any, n: int) -> Any:
        # Written out, not bound: PostgreSQL keeps no plan for an unknown number, and plans anew each time for longer than it reads.
        return query.limit(literal_column("1")).offset(literal_column(str(n - 1)))

    def of_each(side: Any, n: int) -> Select[Any]:
        """The number of each account's n-th newest transfer on one side, 0 where it has not so many."""
        # Of any kind: then the index alone knows it.
        numbers = select(t.seq).where(side == accounts.c.id).order_by(t.seq.desc())
        number = func.coalesce(nth(numbers, n).correlate(accounts).scalar_subquery(), 0)
        return select(number.label("seq")).where(accounts.c.id.in_(own))

    bounds = [of_each(side, each) for side in sides]
    if many:
        last = union_all(*(of_each(side, 1) for side in sides)).subquery("last").c.seq
        bounds.append(select(nth(select(last).order_by(last.desc()), each).subquery().c.seq))
    bound = union_all(*bounds).subquery("bounds").c.seq
    since = select(func.coalesce(func.max(bound), 0).label("seq")).cte("since")
    above = select(since.c.seq).scalar_subquery()
    columns = t.seq, t.group_id, t.code, t.reference, t.occurred_at, t.amount, *sides
    newest = union_all(
        *(
            select(*columns).where(t.seq.between(above, NEWEST), t.kind.in_(POSTED_KINDS), *which)
            for which in (
                (t.debit_account_id.in_(own),),
                (t.credit_account_id.in_(own), t.debit_account_id.not_in(own)),
            )
        )
    ).subquery("newest")
    debited, credited = accounts.alias("debited"), accounts.alias("credited")
    return (
        select(newest, since.c.seq.label("since"))
        .add_columns(debited.c.code.label("debited_code"), debited.c.owner.label("debited_owner"))
        .add_columns(credited.c.code.label("credited_code"), credited.c.owner.label("credited_owner"))
        .select_from(since.outerjoin(newest, true()))
        .outerjoin(debited, debited.c.id == newest.c.debit_account_id)
        .outerjoin(credited, credited.c.id == newest.c.credit_account_id)
        .order_by(newest.c.seq.desc())
    )


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
