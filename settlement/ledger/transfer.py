"""The sole writer of transfers.

A business act is a group of transfers that are all written or none. Every check runs, in one fixed order, before the first write; what is
written is never changed or deleted. Correcting means posting the contra (:func:`reverse_group`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Select,
    and_,
    bindparam,
    cast,
    exists,
    func,
    insert,
    literal,
    select,
    union_all,
    update,
)

from settlement.act import Act
from settlement.db import Instant
from settlement.ledger import accounts as account_book
from settlement.ledger.accounts import Account
from settlement.ledger.balance import POSTED_KINDS
from settlement.ledger.books import effective_on
from settlement.ledger.tables import accounts, transfers
from settlement.outcomes import Declined, Reason, declined


@dataclass(frozen=True)
class Transfer:
    """``amount``: positive, in the accounts' unit (fen). ``id`` is the caller's and makes a retry harmless.

    ``spending``: obeys a freeze of the debited account. Refunds, reversals and closing transfers leave it False and always post.
    ``reverses``: id of the transfer this contra takes back; each can be taken back once.
    """

    id: str
    debit: int
    credit: int
    amount: int
    code: str
    reference: str
    occurred_at: datetime
    spending: bool = False
    reverses: str | None = None


@dataclass(frozen=True)
class Posted:
    """``balances``: of the guarded accounts touched, after the act (available: holds taken off). ``replayed``: it stood already."""

    replayed: bool
    balances: dict[int, int]


def post(act: Act, group_id: str, group: Sequence[Transfer]) -> Posted | Declined:
    """Post one business act, all or none.

    The first check that fails decides the answer, in this order: id used before (identical: replay; else ID_REUSED), amount, accounts exist,
    differ, same unit, already reversed, frozen, enough funds. Order of locks: guarded accounts by id.
    """
    locked = account_book.lock(act.conn, {t.debit for t in group} | {t.credit for t in group})
    known = _known(act, group_id, group)
    if isinstance(known, Declined):
        return known
    if known:
        return Posted(True, _available(locked.values()))
    fault = check(act, group, locked)
    if fault is not None:
        return fault
    moves: dict[int, int] = {}
    for t in group:
        moves[t.debit] = moves.get(t.debit, 0) - t.amount
        moves[t.credit] = moves.get(t.credit, 0) + t.amount
    _write(act, group_id, group)
    _move(act, {id: move for id, move in moves.items() if locked[id].guarded and move})
    return Posted(False, {a.id: a.balance - a.held + moves.get(a.id, 0) for a in locked.values() if a.guarded})


def _available(found: Any) -> dict[int, int]:
    return {a.id: a.balance - a.held for a in found if a.guarded}


def _known(act: Act, group_id: str, group: Sequence[Transfer]) -> bool | Declined:
    """Whether this act stands already; Declined when its id, or one of its transfers, was used for something else."""
    asked_for = {"group_id": group_id, "ids": [each.id for each in group]}
    standing = {row.id: tuple(row) for row in act.conn.execute(_STANDING, asked_for)}
    if not standing:
        return False
    asked = {g.id: (g.id, group_id, g.debit, g.credit, g.amount, g.code, g.reference, g.occurred_at) for g in group}
    return True if standing == asked else declined(Reason.ID_REUSED)


_CONTENT = ("id", "group_id", "debit_account_id", "credit_account_id", "amount", "code", "reference", "occurred_at")
_STANDING = select(*(transfers.c[name] for name in _CONTENT)).where(
    (transfers.c.group_id == bindparam("group_id")) | transfers.c.id.in_(bindparam("ids", expanding=True))
)


def check(act: Act, group: Sequence[Transfer], found: dict[int, Account]) -> Declined | None:
    """The first thing wrong with an act, in the documented order, or None. ``found``: its accounts, locked."""
    for t in group:
        if t.amount <= 0:
            return declined(Reason.AMOUNT_NOT_POSITIVE)
        if t.debit not in found or t.credit not in found:
            return declined(Reason.ACCOUNT_NOT_FOUND)
        if t.debit == t.credit:
            return declined(Reason.ACCOUNTS_MUST_DIFFER)
        if found[t.debit].unit != found[t.credit].unit:
            return declined(Reason.UNITS_DIFFER)
    reversed_ids = [t.reverses for t in group if t.reverses is not None]
    if (
        reversed_ids
        and act.conn.execute(select(exists().where(transfers.c.reverses_id.in_(reversed_ids)))).scalar_one()
    ):
        return declined(Reason.ALREADY_REVERSED)
    for t in group:
        frozen_from = found[t.debit].frozen_from
        if t.spending and frozen_from is not None and t.occurred_at >= frozen_from:
            return declined(Reason.ACCOUNT_FROZEN, since=frozen_from.isoformat())
    return _short_of_funds(group, found)


def _short_of_funds(group: Sequence[Transfer], found: dict[int, Account]) -> Declined | None:
    # In the order given: a later credit of the same act does not pay for an earlier debit.
    available = {a.id: a.balance - a.held for a in found.values() if a.guarded}
    for t in group:
        if t.debit in available:
            available[t.debit] -= t.amount
            if available[t.debit] < 0:
                return declined(Reason.INSUFFICIENT_FUNDS, account=t.debit, missing=-available[t.debit])
        if t.credit in available:
            available[t.credit] += t.amount
    return None


def _write(act: Act, group_id: str, group: Sequence[Transfer]) -> None:
    act.conn.execute(
        insert(transfers),
        [
            {
                "id": t.id,
                "group_id": group_id,
                "kind": "posted",
                "debit_account_id": t.debit,
                "credit_account_id": t.credit,
                "amount": t.amount,
                "code": t.code,
                "reference": t.reference,
                "occurred_at": t.occurred_at,
                "effective_on": effective_on(act.conn, t.occurred_at),
                "recorded_at": act.now,
                "reverses_id": t.reverses,
            }
            for t in group
        ],
    )


def _move(act: Act, moves: dict[int, int]) -> None:
    if moves:
        act.conn.execute(_MOVE, [{"account": id, "move": move} for id, move in sorted(moves.items())])


_MOVE = (
    update(accounts).where(accounts.c.id == bindparam("account")).values(balance=accounts.c.balance + bindparam("move"))
)


def reverse_group(
    act: Act, group_id: str, new_group_id: str, reference: str, occurred_at: datetime, code: str = "void"
) -> Posted | Declined:
    """Post the contra of every transfer of an act: each amount goes back to the very account, and so the lot, it came from."""
    t = transfers.c
    rows = act.conn.execute(
        select(transfers).where(t.group_id == group_id, t.kind.in_(POSTED_KINDS)).order_by(t.seq)
    ).all()
    if not rows:
        return declined(Reason.NOT_FOUND, what=group_id)
    contra = [
        Transfer(
            id=f"{new_group_id}/{number}",
            debit=row.credit_account_id,
            credit=row.debit_account_id,
            amount=row.amount,
            code=code,
            reference=reference,
            occurred_at=occurred_at,
            reverses=row.id,
        )
        for number, row in enumerate(rows, 1)
    ]
    return post(act, new_group_id, contra)


def post_select(act: Act, rows: Select[Any]) -> int:
    """Post a whole population's transfers in a few statements; the number newly written.

    ``rows`` gives id, group_id, debit_account_id, credit_account_id, amount, code, reference, occurred_at: each id once, amounts above zero, few
    distinct groups and moments. Rows whose id stands already are skipped, so that a second run writes nothing. Raises IntegrityError (the act rolls
    back) when a guarded account would fall below zero. Freezes do not apply: issuing and taking back are no spending.
    """
    s = rows.subquery("source").c
    acts = act.conn.execute(select(s.group_id, s.occurred_at).distinct()).all()
    _lock_guarded(act, rows)
    before = act.conn.execute(select(func.coalesce(func.max(transfers.c.seq), 0))).scalar_one()
    written = 0
    for moment in {row.occurred_at for row in acts}:
        new = select(
            s.id,
            s.group_id,
            literal("posted"),
            s.debit_account_id,
            s.credit_account_id,
            s.amount,
            s.code,
            s.reference,
            s.occurred_at,
            literal(effective_on(act.conn, moment)),
            literal(act.now, Instant),
        ).where(s.occurred_at == moment, ~exists().where(transfers.c.id == s.id))
        statement = insert(transfers).from_select(_WRITTEN, new, include_defaults=False)
        written += act.conn.execute(statement.execution_options(preserve_rowcount=True)).rowcount
    if written:
        _move_written(act, before, sorted({row.group_id for row in acts}))
    return written


_WRITTEN = [
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
]


def _lock_guarded(act: Act, rows: Select[Any]) -> None:
    # In id order, like every other writer: an UPDATE alone would lock in whatever order the plan finds the rows.
    s = rows.subquery("touched").c
    touched = accounts.c.id.in_(select(s.debit_account_id)) | accounts.c.id.in_(select(s.credit_account_id))
    query = select(accounts.c.id).where(accounts.c.guarded, touched).order_by(accounts.c.id).with_for_update()
    if act.conn.dialect.name != "sqlite":  # there the transaction already holds the only write lock
        act.conn.execute(query).close()


def _move_written(act: Act, before: int, groups: Sequence[str]) -> None:
    """Move the guarded balances by what these groups wrote after ``before``.

    The groups narrow it to our own rows: on PostgreSQL another act may commit between our two statements.
    """
    t = transfers.c
    for start in range(0, len(groups), account_book.BATCH):
        ours = and_(t.seq > before, t.group_id.in_(groups[start : start + account_book.BATCH]))
        sides = union_all(
            select(t.debit_account_id.label("account_id"), (-t.amount).label("move")).where(ours),
            select(t.credit_account_id, t.amount).where(ours),
        ).subquery("sides")
        moves = (
            select(sides.c.account_id, func.sum(sides.c.move).label("move"))
            .group_by(sides.c.account_id)
            .subquery("moves")
        )
        act.conn.execute(
            update(accounts)
            .where(accounts.c.id == moves.c.account_id, accounts.c.guarded)
            .values(balance=accounts.c.balance + cast(moves.c.move, BigInteger))
        )
