"""Two-phase transfers: money set aside first, then posted in full or in part, voided, or expired.

A hold is a row; what became of it is a second row that names it. Each hold is resolved once (a unique key says so). A hold is over at its
``expires_at``, whether or not the job that releases it (:func:`expire`) has come by: until then its money waits, but nobody can take it.
A freeze declines the placing, not the posting: that was spent when it was placed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, and_, bindparam, exists, insert, or_, select, update

from settlement.act import Act
from settlement.db import insert_if_absent
from settlement.errors import BrokenInvariant
from settlement.ledger import accounts as account_book
from settlement.ledger.accounts import Account
from settlement.ledger.balance import available_after
from settlement.ledger.books import effective_on
from settlement.ledger.tables import accounts, transfers
from settlement.ledger.transfer import Posted, Transfer, check
from settlement.outcomes import Declined, Reason, declined

Locked = Mapping[int, Account]


def place(act: Act, transfer: Transfer, expires_at: datetime) -> Posted | Declined:
    """Set money aside on a guarded account until ``expires_at``; the transfer's id is the hold's.

    The first check that fails decides, in this order: id used before (identical: replay, with the balance of then; else ID_REUSED), over
    already (HOLD_EXPIRED), then as :func:`transfer.post_batch`. Raises BrokenInvariant for a debit account that is not guarded.
    """
    locked = account_book.lock(act.conn, {transfer.debit, transfer.credit})
    row = {"kind": "hold", "id": transfer.id, "group_id": transfer.id, "expires_at": expires_at, "code": transfer.code}
    row |= {"debit_account_id": transfer.debit, "credit_account_id": transfer.credit, "amount": transfer.amount}
    row |= {"reference": transfer.reference, "occurred_at": transfer.occurred_at, "hold_id": None}
    repeated = _repeated(act, row, locked)
    if repeated is not None:
        return repeated
    if expires_at <= max(act.now, transfer.occurred_at):
        return declined(Reason.HOLD_EXPIRED)
    fault = check([transfer], locked, {a.id: a.balance - a.held for a in locked.values() if a.guarded})
    if fault is not None:
        return fault
    if not locked[transfer.debit].guarded:
        raise BrokenInvariant(f"{transfer.id}: nothing can be held on an account that is folded")
    return _write(act, row, locked, {transfer.debit: (0, transfer.amount)})


def post(act: Act, hold_id: str, id: str, amount: int | None = None, *, occurred_at: datetime) -> Posted | Declined:
    """Post a hold in full, or ``amount`` of it; what is left over is free again.

    The first check that fails decides, in this order: HOLD_NOT_FOUND, id used before (identical: replay; else ID_REUSED), HOLD_RESOLVED,
    HOLD_EXPIRED (it is over now, or was when this occurred), AMOUNT_NOT_POSITIVE, EXCEEDS_HOLD.
    """
    hold = _hold(act, hold_id)
    if hold is None:
        return declined(Reason.HOLD_NOT_FOUND)
    asked = hold.amount if amount is None else amount
    locked = account_book.lock(act.conn, {hold.debit_account_id, hold.credit_account_id})
    row = _resolution(hold, id, "post_hold", asked, occurred_at)
    answered = _repeated(act, row, locked) or _resolved(act, hold_id)
    if answered is not None:
        return answered
    if hold.expires_at <= max(act.now, occurred_at):
        return declined(Reason.HOLD_EXPIRED)
    if asked <= 0:
        return declined(Reason.AMOUNT_NOT_POSITIVE)
    if asked > hold.amount:
        return declined(Reason.EXCEEDS_HOLD)
    moves = {hold.debit_account_id: (-asked, -hold.amount), hold.credit_account_id: (asked, 0)}
    return _write(act, row, locked, moves)


def void(act: Act, hold_id: str, id: str, *, occurred_at: datetime) -> Posted | Declined:
    """Give back what a hold set aside, also one that is over. HOLD_NOT_FOUND, ID_REUSED, HOLD_RESOLVED, HOLD_EXPIRED (released already)."""
    hold = _hold(act, hold_id)
    if hold is None:
        return declined(Reason.HOLD_NOT_FOUND)
    locked = account_book.lock(act.conn, {hold.debit_account_id, hold.credit_account_id})
    row = _resolution(hold, id, "void_hold", hold.amount, occurred_at)
    answered = _repeated(act, row, locked) or _resolved(act, hold_id)
    return answered or _write(act, row, locked, {hold.debit_account_id: (0, -hold.amount)})


def expire(act: Act) -> int:
    """Release every hold whose time is over; how many."""
    found = {row.debit_account_id for row in act.conn.execute(_over(act))}
    if not found:
        return 0
    # All locks before the first release, in id order like everybody's; then look again, for some may have been resolved meanwhile.
    locked = account_book.lock(act.conn, found)
    over = [row for row in act.conn.execute(_over(act)).all() if row.debit_account_id in locked]
    if not over:
        return 0
    recorded = {"effective_on": effective_on(act.conn, act.now), "recorded_at": act.now}
    rows = [_resolution(hold, f"expire/{hold.id}", "expire_hold", hold.amount, act.now) | recorded for hold in over]
    act.conn.execute(insert(transfers), rows)
    released: Counter[int] = Counter()
    for hold in over:
        released[hold.debit_account_id] += hold.amount
    _move(act, {id: (0, -amount) for id, amount in released.items()})
    return len(over)


def _over(act: Act) -> Select[Any]:
    t, resolution = transfers.c, transfers.alias("resolution")
    unresolved = ~exists().where(resolution.c.hold_id == t.id)
    return select(transfers).where(t.kind == "hold", t.expires_at <= act.now, unresolved).order_by(t.seq)


def _hold(act: Act, id: str) -> Row[Any] | None:
    return act.conn.execute(select(transfers).where(transfers.c.id == id, transfers.c.kind == "hold")).one_or_none()


def _resolution(hold: Row[Any], id: str, kind: str, amount: int, occurred_at: datetime) -> dict[str, Any]:
    row = {"id": id, "group_id": hold.group_id, "kind": kind, "hold_id": hold.id, "amount": amount, "code": hold.code}
    row |= {"debit_account_id": hold.debit_account_id, "credit_account_id": hold.credit_account_id}
    return row | {"reference": hold.reference, "occurred_at": occurred_at, "expires_at": None}


def _repeated(act: Act, row: Mapping[str, Any], locked: Locked) -> Posted | Declined | None:
    """The first answer when this very row stands; Declined when its id was used for something else."""
    t = transfers.c
    # A hold is the first of its own act, so its id must be no other act's either.
    used = or_(t.id == row["id"], and_(t.group_id == row["id"], t.hold_id.is_(None)))
    standing = act.conn.execute(select(transfers).where(used)).all()
    if not standing:
        return None
    if len(standing) > 1 or any(standing[0]._mapping[name] != value for name, value in row.items()):
        return declined(Reason.ID_REUSED)
    guarded = {a.id for a in locked.values() if a.guarded}
    return Posted(True, available_after(act.conn, guarded, standing[0].seq))


def _resolved(act: Act, hold_id: str) -> Declined | None:
    kind = act.conn.execute(select(transfers.c.kind).where(transfers.c.hold_id == hold_id)).scalar_one_or_none()
    if kind is None:
        return None
    return declined(Reason.HOLD_EXPIRED if kind == "expire_hold" else Reason.HOLD_RESOLVED)


def _write(act: Act, row: Mapping[str, Any], locked: Locked, moves: Mapping[int, tuple[int, int]]) -> Posted | Declined:
    """Write the row and move the guarded accounts; ``moves``: of balance and held, by account."""
    recorded = {"effective_on": effective_on(act.conn, row["occurred_at"]), "recorded_at": act.now}
    statement = insert_if_absent(act.conn, transfers).returning(transfers.c.seq)
    if act.conn.execute(statement, dict(row) | recorded).one_or_none() is None:
        return declined(Reason.ID_REUSED)  # at the same moment, by an act on other purses
    guarded = {id: move for id, move in moves.items() if locked[id].guarded}
    _move(act, guarded)
    left = {a.id: a.balance - a.held for a in locked.values() if a.guarded}
    for id, (balance, held) in guarded.items():
        left[id] += balance - held
    return Posted(False, left)


def _move(act: Act, moves: Mapping[int, tuple[int, int]]) -> None:
    if moves:
        act.conn.execute(
            _MOVE, [{"account": id, "by": by, "held_by": held} for id, (by, held) in sorted(moves.items())]
        )


_MOVE = (
    update(accounts)
    .where(accounts.c.id == bindparam("account"))
    .values(balance=accounts.c.balance + bindparam("by"), held=accounts.c.held + bindparam("held_by"))
)
