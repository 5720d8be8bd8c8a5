"""Two-phase transfers: money set aside first, then posted in full or in part, voided, or expired.

A hold is a row; what became of it is a second row that names it. Each hold is resolved once (a unique key says so).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, exists, insert, select, update

from settlement.act import Act
from settlement.ledger import accounts as account_book
from settlement.ledger.books import effective_on
from settlement.ledger.tables import accounts, transfers
from settlement.ledger.transfer import Posted, Transfer, check
from settlement.outcomes import Declined, Reason, declined


def place(act: Act, transfer: Transfer, expires_at: datetime) -> Posted | Declined:
    """Set money aside on a guarded account until ``expires_at``. Declines as :func:`transfer.post` does; a repeat is a replay."""
    locked = account_book.lock(act.conn, {transfer.debit, transfer.credit})
    standing = _row(act, transfer.id)
    if standing is not None:
        same = (
            standing.kind,
            standing.debit_account_id,
            standing.credit_account_id,
            standing.amount,
            standing.reference,
        )
        asked = ("hold", transfer.debit, transfer.credit, transfer.amount, transfer.reference)
        return _answer(act, standing, replayed=True) if same == asked else declined(Reason.ID_REUSED)
    fault = check(act, [transfer], locked)
    if fault is not None:
        return fault
    row = {"kind": "hold", "id": transfer.id, "group_id": transfer.id, "expires_at": expires_at, "code": transfer.code}
    row |= {"debit_account_id": transfer.debit, "credit_account_id": transfer.credit, "amount": transfer.amount}
    row |= {"reference": transfer.reference, "occurred_at": transfer.occurred_at, "recorded_at": act.now}
    row["effective_on"] = effective_on(act.conn, transfer.occurred_at)
    act.conn.execute(insert(transfers), row)
    _change(act, transfer.debit, balance=0, held=transfer.amount)
    return _answer(act, _row(act, transfer.id), replayed=False)


def post(act: Act, hold_id: str, id: str, amount: int | None = None, *, occurred_at: datetime) -> Posted | Declined:
    """Post a hold in full, or ``amount`` of it; what is left over is free again."""
    hold = _locked(act, hold_id)
    if isinstance(hold, Declined):
        return hold
    asked = hold.amount if amount is None else amount
    standing = _row(act, id)
    if standing is not None:
        same = (standing.kind, standing.hold_id, standing.amount) == ("post_hold", hold_id, asked)
        return _answer(act, hold, replayed=True) if same else declined(Reason.ID_REUSED)
    fault = _resolvable(act, hold) or _amount_fault(asked, hold.amount)
    if fault is None and occurred_at >= hold.expires_at:
        fault = declined(Reason.HOLD_EXPIRED)
    if fault is not None:
        return fault
    _resolve(act, hold, id, "post_hold", asked, occurred_at)
    _change(act, hold.debit_account_id, balance=-asked, held=-hold.amount)
    if _guarded(act, hold.credit_account_id):
        _change(act, hold.credit_account_id, balance=asked, held=0)
    return _answer(act, hold, replayed=False)


def void(act: Act, hold_id: str, id: str, *, occurred_at: datetime) -> Posted | Declined:
    """Give back what a hold set aside."""
    return _release(act, hold_id, id, "void_hold", occurred_at)


def expire(act: Act) -> int:
    """Release every hold whose time is over; how many."""
    resolution = transfers.alias("resolution")
    t = transfers.c
    query = (
        select(t.id)
        .where(t.kind == "hold", t.expires_at <= act.now, ~exists().where(resolution.c.hold_id == t.id))
        .order_by(t.debit_account_id)
    )
    ids = act.conn.execute(query).scalars().all()
    return sum(isinstance(_release(act, id, f"expire/{id}", "expire_hold", act.now), Posted) for id in ids)


def _release(act: Act, hold_id: str, id: str, kind: str, occurred_at: datetime) -> Posted | Declined:
    hold = _locked(act, hold_id)
    if isinstance(hold, Declined):
        return hold
    standing = _row(act, id)
    if standing is not None:
        return (
            _answer(act, hold, replayed=True)
            if (standing.kind, standing.hold_id) == (kind, hold_id)
            else declined(Reason.ID_REUSED)
        )
    fault = _resolvable(act, hold)
    if fault is not None:
        return fault
    _resolve(act, hold, id, kind, hold.amount, occurred_at)
    _change(act, hold.debit_account_id, balance=0, held=-hold.amount)
    return _answer(act, hold, replayed=False)


def _row(act: Act, id: str) -> Any:
    return act.conn.execute(select(transfers).where(transfers.c.id == id)).one_or_none()


def _locked(act: Act, hold_id: str) -> Row[Any] | Declined:
    hold: Row[Any] | None = act.conn.execute(
        select(transfers).where(transfers.c.id == hold_id, transfers.c.kind == "hold")
    ).one_or_none()
    if hold is None:
        return declined(Reason.HOLD_NOT_FOUND)
    account_book.lock(act.conn, {hold.debit_account_id, hold.credit_account_id})
    return hold


def _resolvable(act: Act, hold: Row[Any]) -> Declined | None:
    done = act.conn.execute(select(exists().where(transfers.c.hold_id == hold.id))).scalar_one()
    return declined(Reason.HOLD_RESOLVED) if done else None


def _amount_fault(asked: int, held: int) -> Declined | None:
    if asked <= 0:
        return declined(Reason.AMOUNT_NOT_POSITIVE)
    return declined(Reason.EXCEEDS_HOLD) if asked > held else None


def _resolve(act: Act, hold: Row[Any], id: str, kind: str, amount: int, occurred_at: datetime) -> None:
    row = {"id": id, "group_id": hold.group_id, "kind": kind, "hold_id": hold.id, "amount": amount, "code": hold.code}
    row |= {
        "debit_account_id": hold.debit_account_id,
        "credit_account_id": hold.credit_account_id,
        "reference": hold.reference,
    }
    row |= {"occurred_at": occurred_at, "effective_on": effective_on(act.conn, occurred_at), "recorded_at": act.now}
    act.conn.execute(insert(transfers), row)


def _guarded(act: Act, account_id: int) -> bool:
    return bool(act.conn.execute(select(accounts.c.guarded).where(accounts.c.id == account_id)).scalar_one())


def _change(act: Act, account_id: int, *, balance: int, held: int) -> None:
    act.conn.execute(
        update(accounts)
        .where(accounts.c.id == account_id)
        .values(balance=accounts.c.balance + balance, held=accounts.c.held + held)
    )


def _answer(act: Act, hold: Any, *, replayed: bool) -> Posted:
    found = account_book.lock(act.conn, {hold.debit_account_id, hold.credit_account_id})
    return Posted(replayed, {a.id: a.balance - a.held for a in found.values() if a.guarded})
