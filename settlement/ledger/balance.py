"""Balances: credits less debits, posted transfers only, in the account's unit (fen)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    bindparam,
    case,
    cast,
    func,
    select,
    union_all,
)

from settlement.errors import BrokenInvariant
from settlement.ledger.tables import accounts, transfers

POSTED_KINDS = ("posted", "post_hold")


def balance(conn: Connection, account_id: int) -> int:
    """The balance now: from the row of a guarded account, folded from the transfers of a shared one."""
    row = conn.execute(select(accounts.c.guarded, accounts.c.balance).where(accounts.c.id == account_id)).one_or_none()
    if row is None:
        raise BrokenInvariant(f"no account {account_id}")
    return row.balance if row.guarded else _fold(conn, account_id)


def available(conn: Connection, account_id: int) -> int:
    """What can be spent from a guarded account: the balance less what is held."""
    row = conn.execute(
        select(accounts.c.balance, accounts.c.held).where(accounts.c.id == account_id, accounts.c.guarded)
    ).one()
    return int(row.balance - row.held)


def available_after(conn: Connection, account_ids: Iterable[int], seq: int) -> dict[int, int]:
    """What could be spent from guarded accounts just after transfer number ``seq``, by account: what a replay answers.

    Reckoned back from today, so that it reads only what was written since. Raises BrokenInvariant for an account that is not guarded.
    """
    wanted = sorted(set(account_ids))
    found = {row.id: int(row.left) for row in conn.execute(_AVAILABLE_AFTER, {"ids": wanted, "seq": seq})}
    if len(found) < len(wanted):
        raise BrokenInvariant(f"not guarded accounts: {[id for id in wanted if id not in found]}")
    return found


def _available_after() -> Select[Any]:
    t, hold = transfers.c, transfers.alias("hold")
    ids: BindParameter[int] = bindparam("ids", expanding=True)
    since = t.seq > bindparam("seq")
    # A hold takes what is available when it is placed; posting it gives back what was not used, releasing it everything.
    freed = case(
        (t.kind.in_(("posted", "hold")), -t.amount),
        (t.kind == "post_hold", hold.c.amount - t.amount),
        else_=t.amount,
    )
    sides = union_all(
        select(t.debit_account_id.label("account_id"), freed.label("move"))
        .select_from(transfers.outerjoin(hold, hold.c.id == t.hold_id))
        .where(t.debit_account_id.in_(ids), since),
        select(t.credit_account_id, t.amount).where(t.credit_account_id.in_(ids), since, t.kind.in_(POSTED_KINDS)),
    ).subquery("sides")
    moved = (
        select(sides.c.account_id, func.sum(sides.c.move).label("move")).group_by(sides.c.account_id).subquery("moved")
    )
    left = accounts.c.balance - accounts.c.held - cast(func.coalesce(moved.c.move, 0), BigInteger)
    return (
        select(accounts.c.id, left.label("left"))
        .select_from(accounts.outerjoin(moved, moved.c.account_id == accounts.c.id))
        .where(accounts.c.id.in_(ids), accounts.c.guarded)
    )


# One statement: it sees balances and transfers of the same moment, whoever posts meanwhile.
_AVAILABLE_AFTER = _available_after()


def as_of(conn: Connection, account_id: int, day: date, *, recorded_before: datetime | None = None) -> int:
    """The balance at the end of an effective day; with ``recorded_before``, as it was known at that moment."""
    conditions = [transfers.c.effective_on <= day]
    if recorded_before is not None:
        conditions.append(transfers.c.recorded_at < recorded_before)
    return _fold(conn, account_id, *conditions)


def _fold(conn: Connection, account_id: int, *conditions: ColumnElement[bool]) -> int:
    t = transfers.c
    total = 0
    # One side at a time, so that each uses its own index.
    for side, sign in ((t.credit_account_id, 1), (t.debit_account_id, -1)):
        amount = select(cast(func.coalesce(func.sum(t.amount), 0), BigInteger)).where(
            side == account_id, t.kind.in_(POSTED_KINDS), *conditions
        )
        total += sign * int(conn.execute(amount).scalar_one())
    return total


def balances(conn: Connection, code: str) -> dict[str, int]:
    """Folded balances of every account of one code, by owner (lots summed); an account without transfers is 0."""
    a, t = accounts.c, transfers.c
    of_code = select(a.id).where(a.code == code)
    sides = union_all(
        select(t.credit_account_id.label("account_id"), t.amount.label("move")).where(
            t.kind.in_(POSTED_KINDS), t.credit_account_id.in_(of_code)
        ),
        select(t.debit_account_id, -t.amount).where(t.kind.in_(POSTED_KINDS), t.debit_account_id.in_(of_code)),
    ).subquery("sides")
    query = (
        select(a.owner, cast(func.coalesce(func.sum(sides.c.move), 0), BigInteger))
        .select_from(accounts.outerjoin(sides, sides.c.account_id == a.id))
        .where(a.code == code)
        .group_by(a.owner)
    )
    return {owner: int(total) for owner, total in conn.execute(query)}
