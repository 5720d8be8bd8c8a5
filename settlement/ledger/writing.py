"""How accepted transfers reach the tables, and the purses' balances move with them: few statements whatever their number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, insert, text, update

from settlement.act import Act
from settlement.db import micros
from settlement.ledger import books
from settlement.ledger.tables import accounts, transfers
from settlement.periods import local_date

if TYPE_CHECKING:
    from settlement.ledger.transfer import Transfer

FEW = 8
"""Up to so many rows a plain statement is quicker than a stream."""


def write(act: Act, accepted: Sequence[tuple[str, Transfer]]) -> None:
    """Insert transfers with the group each belongs to, in the order given."""
    if act.conn.dialect.name == "postgresql" and len(accepted) > FEW:
        _stream(act, accepted)
        return
    act.conn.execute(_INSERT, [dict(zip(_WRITTEN, row, strict=True)) for row in _rows(act, accepted)])


_INSERT = insert(transfers)
_WRITTEN = (
    "id",
    "group_id",
    "kind",
    "debit_account_id",
    "credit_account_id",
    "amount",
    "code",
    "reference",
    "occurred_at",
    "effective_on",
    "recorded_at",
    "reverses_id",
)


def _rows(act: Act, accepted: Sequence[tuple[str, Transfer]]) -> Iterator[tuple[Any, ...]]:
    first_open = books.open_from(act.conn)
    days: dict[datetime, date] = {}  # a batch has few distinct moments, or each its own: then this costs little
    for group_id, t in accepted:
        day = days.get(t.occurred_at)
        if day is None:
            happened = local_date(t.occurred_at, books.ZONE)
            day = days[t.occurred_at] = happened if first_open is None else max(happened, first_open)
        yield (
            t.id,
            group_id,
            "posted",
            t.debit,
            t.credit,
            t.amount,
            t.code,
            t.reference,
            t.occurred_at,
            day,
            act.now,
            t.reverses,
        )


def _stream(act: Act, accepted: Sequence[tuple[str, Transfer]]) -> None:
    """COPY: a row costs its indexes and little else."""
    recorded_at = micros(act.now)
    rows = list(_rows(act, accepted))  # it asks the database too, which a connection that streams cannot
    cursor = act.conn.connection.cursor()
    try:
        with cursor.copy(f"COPY ledger_transfers ({', '.join(_WRITTEN)}) FROM STDIN") as copy:
            for *row, occurred_at, day, _, reverses in rows:
                copy.write_row((*row, micros(occurred_at), day, recorded_at, reverses))
    finally:
        cursor.close()


def move(act: Act, moves: Mapping[int, int]) -> None:
    """Add to the balances of guarded accounts, in the order of their ids. Raises IntegrityError rather than leave one below zero."""
    wanted = {id: moves[id] for id in sorted(moves) if moves[id]}
    if not wanted:
        return
    if act.conn.dialect.name == "postgresql" and len(wanted) > FEW:
        act.conn.execute(_MOVE_MANY, {"ids": list(wanted), "moves": list(wanted.values())})
    else:
        act.conn.execute(_MOVE, [{"account": id, "move": amount} for id, amount in wanted.items()])


_MOVE = (
    update(accounts).where(accounts.c.id == bindparam("account")).values(balance=accounts.c.balance + bindparam("move"))
)
_MOVE_MANY = text(
    """
    UPDATE ledger_accounts a SET balance = a.balance + m.move
    FROM unnest(CAST(:ids AS bigint[]), CAST(:moves AS bigint[])) AS m(id, move) WHERE a.id = m.id
    """
)
