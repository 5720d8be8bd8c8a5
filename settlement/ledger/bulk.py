"""A whole population's transfers in a few statements, whatever their number: issuing a month, taking back what lapsed.

Nothing is read into the program; the rows are described by a query and written by the database. The rules are those of
:mod:`settlement.ledger.transfer`: written once, never changed, purses locked in the order of their ids before a number is drawn.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import BigInteger, Select, cast, exists, func, insert, literal, select, true, update

from settlement.act import Act
from settlement.db import Instant, insert_if_absent
from settlement.ledger.books import effective_on
from settlement.ledger.tables import accounts, transfers


def open_select(act: Act, code: str, owners: Select[Any], *, unit: str, lot: str) -> None:
    """Open a guarded account for every owner that the query gives (one column, ``owner``); those that exist are left alone."""
    owner = owners.subquery("source").c.owner
    values = {
        "code": literal(code),
        "owner": owner,
        "unit": literal(unit),
        "lot": literal(lot),
        "guarded": true(),
        "balance": literal(0),
        "held": literal(0),
        "opened_at": literal(act.now, Instant),
    }
    # SQLite reads ON CONFLICT after a bare SELECT as a join; the condition keeps them apart.
    rows = select(*values.values()).where(owner.is_not(None))
    act.conn.execute(insert_if_absent(act.conn, accounts).from_select(list(values), rows, include_defaults=False))


def post_select(
    act: Act,
    group_id: str,
    occurred_at: datetime,
    rows: Select[Any],
    *,
    purses: Literal["debit", "credit"],
    new: bool = False,
) -> int:
    """Post one act of any size; the number of transfers newly written.

    ``rows`` gives id, debit_account_id, credit_account_id, amount, code, reference: each id once, amounts above zero. ``purses``: the side whose
    accounts are guarded; the other side's are shared, and all are of one unit. Rows whose id stands already are skipped, so that a second
    run writes nothing; ``new``: the caller knows that none stands, because it holds the lock of a document that was never posted. Raises
    IntegrityError (the act rolls back) when a guarded account would fall below zero, or when a row stands against that knowledge. Freezes
    do not apply: issuing and taking back are no spending.
    """
    s = rows.subquery("source").c
    side = f"{purses}_account_id"
    if act.conn.dialect.name != "sqlite":  # there the transaction already holds the only write lock
        _lock(act, select(s[side]))
    before = act.conn.execute(select(func.coalesce(func.max(transfers.c.seq), 0))).scalar_one()
    values = {
        "id": s.id,
        "group_id": literal(group_id),
        "kind": literal("posted"),
        "debit_account_id": s.debit_account_id,
        "credit_account_id": s.credit_account_id,
        "amount": s.amount,
        "code": s.code,
        "reference": s.reference,
        "occurred_at": literal(occurred_at, Instant),
        "effective_on": literal(effective_on(act.conn, occurred_at)),
        "recorded_at": literal(act.now, Instant),
    }
    query = select(*values.values())
    if not new:
        query = query.where(~exists().where(transfers.c.id == s.id))
    statement = insert(transfers).from_select(list(values), query, include_defaults=False)
    written = act.conn.execute(statement.execution_options(preserve_rowcount=True)).rowcount
    if written:
        _move_written(act, group_id, before, purses)
    return written


def _lock(act: Act, touched: Select[Any]) -> None:
    # In id order, like every other writer: an UPDATE alone would lock in whatever order the plan finds the rows.
    found = select(accounts.c.id).where(accounts.c.guarded, accounts.c.id.in_(touched)).order_by(accounts.c.id)
    # Only the database needs to see them.
    locked = found.with_for_update().cte("locked")
    act.conn.execute(select(func.count()).select_from(locked))


def _move_written(act: Act, group_id: str, before: int, purses: Literal["debit", "credit"]) -> None:
    """Move the purses' balances by what this act wrote after ``before``.

    The group narrows it to our own rows: on PostgreSQL another act may commit between our two statements.
    """
    t = transfers.c
    purse, move = (t.debit_account_id, -t.amount) if purses == "debit" else (t.credit_account_id, t.amount)
    moves = (
        select(purse.label("account_id"), cast(func.sum(move), BigInteger).label("move"))
        .where(t.seq > before, t.group_id == group_id)
        .group_by(purse)
        .subquery("moves")
    )
    act.conn.execute(
        update(accounts)
        .where(accounts.c.id == moves.c.account_id, accounts.c.guarded)
        .values(balance=accounts.c.balance + moves.c.move)
    )
