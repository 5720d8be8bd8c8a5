"""The sole writer of transfers.

A business act is a group of transfers that are all written or none. Every check runs, in one fixed order, before the first write; what is
written is never changed or deleted. Correcting means posting the contra (:func:`reverse_group`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Row, Select, select

from settlement.act import Act
from settlement.db import among, listed
from settlement.errors import BrokenInvariant
from settlement.ledger import accounts as account_book
from settlement.ledger import one_statement, writing
from settlement.ledger.accounts import Account
from settlement.ledger.balance import POSTED_KINDS, available_after
from settlement.ledger.tables import transfers
from settlement.outcomes import Declined, Reason, declined


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Group:
    """One business act: its transfers are all written or none."""

    id: str
    transfers: Sequence[Transfer]


@dataclass(frozen=True, slots=True)
class Posted:
    """``balances``: of the guarded accounts touched, right after the act (available: holds taken off). ``replayed``: it stood already;
    the balances are those of the first time."""

    replayed: bool
    balances: dict[int, int]


def post(act: Act, group_id: str, group: Sequence[Transfer]) -> Posted | Declined:
    """Post one business act, all or none: a batch of one (:func:`post_batch`). On PostgreSQL one statement where nothing stands against it."""
    asked = Group(group_id, group)
    if one_statement.fits(act.conn, group):
        balances = one_statement.post(act, asked)
        if balances is not None:
            return Posted(False, balances)
    return post_batch(act, [asked])[0]


def post_batch(act: Act, groups: Sequence[Group]) -> list[Posted | Declined]:
    """Post any number of business acts in one pass; one outcome for each, in the order given. A declined act hinders no other.

    The first check that fails decides the answer, in this order: id used before (identical: replay; else ID_REUSED), amount, accounts exist,
    differ, same unit, what is taken back stands and was not taken back before, frozen, enough funds. An act sees what the acts before it in
    the batch did. Nothing is kept of a declined act: its id is free, and asking again is judged anew. Order of locks: guarded accounts by id.
    """
    everything = [t for group in groups for t in group.transfers]
    judge = _Judge(act, groups, everything)
    outcomes = [judge.judge(group) for group in groups]
    accepted = [(group.id, t) for group in judge.accepted for t in group.transfers]
    if accepted:
        writing.write(act, accepted)
        writing.move(act, judge.moves)
    return outcomes


class _Judge:
    """Judges acts one after the other on the locked accounts, as they would stand after the acts accepted so far."""

    def __init__(self, act: Act, groups: Sequence[Group], everything: Sequence[Transfer]) -> None:
        self._act = act
        self._found = account_book.lock(act.conn, {id for t in everything for id in (t.debit, t.credit)})
        self._available = {a.id: a.balance - a.held for a in self._found.values() if a.guarded}
        account_book.queue(act.conn, self._without_a_purse(groups))
        # After the locks: what another act wrote about these purses meanwhile is seen.
        self._standing = _standing(act, groups, everything)
        self._reversed = _to_take_back(act, [t.reverses for t in everything if t.reverses is not None])
        self._now: dict[str, tuple[Group, dict[int, int]]] = {}
        self._new_ids: set[str] = set()
        self.accepted: list[Group] = []
        self.moves: dict[int, int] = {}

    def _without_a_purse(self, groups: Sequence[Group]) -> set[str]:
        """What acts that lock no purse, and so would not wait for each other, write down or take back."""
        free = [g for g in groups if not any(id in self._available for t in g.transfers for id in (t.debit, t.credit))]
        return {g.id for g in free} | {t.reverses for g in free for t in g.transfers if t.reverses is not None}

    def judge(self, group: Group) -> Posted | Declined:
        repeated = self._repeated(group)
        if repeated is not None:
            return repeated
        fault = check(group.transfers, self._found, self._available, self._reversed)
        if fault is not None:
            return fault
        return Posted(False, self._accept(group))

    def _repeated(self, group: Group) -> Posted | Declined | None:
        """The first outcome when this act stands already; Declined when its id, or one of its transfers', was used for something else."""
        earlier = self._now.get(group.id)
        if earlier is not None:  # in this very batch
            same = list(earlier[0].transfers) == list(group.transfers)
            return Posted(True, earlier[1]) if same else declined(Reason.ID_REUSED)
        ids = {t.id for t in group.transfers}
        if len(ids) < len(group.transfers) or not ids.isdisjoint(self._new_ids):
            return declined(Reason.ID_REUSED)
        if group.id not in self._standing.groups and ids.isdisjoint(self._standing.ids):
            return None
        rows = self._standing.rows_of(group)
        if {row.id: tuple(row)[1:] for row in rows} != {t.id: _content(group.id, t) for t in group.transfers}:
            return declined(Reason.ID_REUSED)
        touched = {id for t in group.transfers for id in (t.debit, t.credit) if id in self._available}
        return Posted(True, available_after(self._act.conn, touched, max(row.seq for row in rows)))

    def _accept(self, group: Group) -> dict[int, int]:
        touched: dict[int, int] = {}
        for t in group.transfers:
            for id, move in ((t.debit, -t.amount), (t.credit, t.amount)):
                if id in self._available:
                    self._available[id] += move
                    self.moves[id] = self.moves.get(id, 0) + move
                    touched[id] = self._available[id]
            if t.reverses is not None:
                self._reversed.done.add(t.reverses)
            self._reversed.first[t.id] = (t.debit, t.credit, t.amount)
            self._new_ids.add(t.id)
        self.accepted.append(group)
        self._now[group.id] = (group, touched)
        return touched


class _Standing:
    """The rows of earlier acts that share a group or a transfer id with what is asked."""

    def __init__(self, rows: Sequence[Row[Any]]) -> None:
        self.ids = {row.id: row for row in rows}
        self.groups: dict[str, list[Row[Any]]] = {}
        for row in rows:
            self.groups.setdefault(row.group_id, []).append(row)

    def rows_of(self, group: Group) -> list[Row[Any]]:
        rows = {row.id: row for row in self.groups.get(group.id, ())}
        rows |= {t.id: self.ids[t.id] for t in group.transfers if t.id in self.ids}
        return list(rows.values())


def _standing(act: Act, groups: Sequence[Group], everything: Sequence[Transfer]) -> _Standing:
    by_id, by_group = _standing_queries(act.conn.dialect.name)
    rows: dict[str, Row[Any]] = {}
    for query, values in ((by_id, (t.id for t in everything)), (by_group, (group.id for group in groups))):
        rows |= {row.id: row for row in act.conn.execute(query, {"wanted": listed(values)})}
    return _Standing(list(rows.values()))


_CONTENT = (
    "id",
    "group_id",
    "kind",
    "debit_account_id",
    "credit_account_id",
    "amount",
    "code",
    "reference",
    "occurred_at",
    "reverses_id",
)


@cache
def _standing_queries(dialect: str) -> tuple[Select[Any], Select[Any]]:
    t = transfers.c
    query = select(t.seq, *(t[name] for name in _CONTENT))
    return query.where(among(dialect, t.id, "wanted")), query.where(among(dialect, t.group_id, "wanted"))


def _content(group_id: str, t: Transfer) -> tuple[Any, ...]:
    return (t.id, group_id, "posted", t.debit, t.credit, t.amount, t.code, t.reference, t.occurred_at, t.reverses)


@dataclass(frozen=True)
class _TakenBack:
    """``first``: what contras of the batch name, by id, as (debit, credit, amount). ``done``: what was taken back already."""

    first: dict[str, tuple[int, int, int]]
    done: set[str]


def _to_take_back(act: Act, ids: Sequence[str]) -> _TakenBack:
    if not ids:
        return _TakenBack({}, set())
    t, dialect, wanted = transfers.c, act.conn.dialect.name, {"ids": listed(ids)}
    first = select(t.id, t.debit_account_id, t.credit_account_id, t.amount).where(
        among(dialect, t.id, "ids"), t.kind.in_(POSTED_KINDS)
    )
    done = select(t.reverses_id).where(among(dialect, t.reverses_id, "ids"))
    return _TakenBack(
        {row[0]: tuple(row)[1:] for row in act.conn.execute(first, wanted)},
        set(act.conn.execute(done, wanted).scalars()),
    )


NOTHING_TAKEN_BACK = _TakenBack({}, set())


def check(
    group: Sequence[Transfer],
    found: dict[int, Account],
    available: dict[int, int],
    taken_back: _TakenBack = NOTHING_TAKEN_BACK,
) -> Declined | None:
    """The first thing wrong with an act, in the documented order, or None. ``found``: its accounts, locked; ``available``: of the guarded
    ones, now."""
    for t in group:
        if t.amount <= 0:
            return declined(Reason.AMOUNT_NOT_POSITIVE)
        if t.debit not in found or t.credit not in found:
            return declined(Reason.ACCOUNT_NOT_FOUND)
        if t.debit == t.credit:
            return declined(Reason.ACCOUNTS_MUST_DIFFER)
        if found[t.debit].unit != found[t.credit].unit:
            return declined(Reason.UNITS_DIFFER)
    reverses = [t for t in group if t.reverses is not None]
    for t in reverses:
        first = taken_back.first.get(t.reverses or "")
        if first is None:
            return declined(Reason.NOT_FOUND, what=t.reverses)
        if first != (t.credit, t.debit, t.amount):
            raise BrokenInvariant(f"{t.id} is no contra of {t.reverses}")
    if len({t.reverses for t in reverses}) < len(reverses) or any(t.reverses in taken_back.done for t in reverses):
        return declined(Reason.ALREADY_REVERSED)
    for t in group:
        frozen_from = found[t.debit].frozen_from
        if t.spending and frozen_from is not None and t.occurred_at >= frozen_from:
            return declined(Reason.ACCOUNT_FROZEN, since=frozen_from.isoformat())
    return _short_of_funds(group, available)


def _short_of_funds(group: Sequence[Transfer], available: dict[int, int]) -> Declined | None:
    # In the order given: a later credit of the same act does not pay for an earlier debit.
    left: dict[int, int] = {}
    for t in group:
        if t.debit in available:
            left[t.debit] = left.get(t.debit, available[t.debit]) - t.amount
            if left[t.debit] < 0:
                return declined(Reason.INSUFFICIENT_FUNDS, account=t.debit, missing=-left[t.debit])
        if t.credit in available:
            left[t.credit] = left.get(t.credit, available[t.credit]) + t.amount
    return None


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
