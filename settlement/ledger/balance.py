"""Balances: credits less debits, posted transfers only, in the account's unit (fen).

A guarded account has its balance on its row. A shared one has the sums that were folded (``folding.py``) and the transfers above them. Each
answer is one statement, so that it is exact whoever posts or folds meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Connection,
    Select,
    and_,
    bindparam,
    case,
    cast,
    func,
    select,
    type_coerce,
    union_all,
)

from settlement.db import Instant
from settlement.errors import BrokenInvariant
from settlement.ledger.tables import accounts, day_totals, folds, month_totals, transfers

POSTED_KINDS = ("posted", "post_hold")
"""What moves money: a hold and its release move nothing."""

UPTO = select(func.coalesce(func.max(folds.c.upto), 0)).scalar_subquery()
# A range with two ends: with one end PostgreSQL supposes that a third of an account's transfers lie above it, and reads them all.
NEWEST = select(func.max(transfers.c.seq)).scalar_subquery()


def balance(conn: Connection, account_id: int) -> int:
    """The balance now. Raises BrokenInvariant for an account that does not exist."""
    return _one(conn, _BALANCE, account_id)


def available(conn: Connection, account_id: int) -> int:
    """What can be spent from a guarded account: the balance less what is held. Raises BrokenInvariant for another account."""
    left = conn.execute(
        select(accounts.c.balance - accounts.c.held).where(accounts.c.id == account_id, accounts.c.guarded)
    ).scalar_one_or_none()
    if left is None:
        raise BrokenInvariant(f"not a guarded account: {account_id}")
    return int(left)


def as_of(conn: Connection, account_id: int, day: date, *, recorded_before: datetime | None = None) -> int:
    """The balance at the end of an effective day; with ``recorded_before``, as it was known at that moment.

    Zero before the first transfer. Today's answer for an open day, or for a moment that is not over, may differ tomorrow: what is written
    later can belong to it. Raises BrokenInvariant for an account that does not exist.
    """
    if recorded_before is None:
        return _one(conn, _AS_OF, account_id, day=day, month=day.isoformat()[:7], first_day=day.replace(day=1))
    return _one(conn, _AS_KNOWN, account_id, day=day, moment=recorded_before)


def together_as_of(conn: Connection, code: str, day: date) -> int:
    """What all shared accounts of one code together stood at when an effective day ended: the sum of their :func:`as_of`, in one statement."""
    asked = {"code": code, "day": day, "month": day.isoformat()[:7], "first_day": day.replace(day=1)}
    return int(conn.execute(_TOGETHER_AS_OF, asked).scalar_one())


def first_day(conn: Connection, account_id: int) -> date | None:
    """The earliest effective day of what moved on an account; before it every balance is zero. None while nothing has moved."""
    found: date | None = conn.execute(_FIRST_DAY, {"account": account_id}).scalar_one()
    return found


def _one(conn: Connection, query: Select[Any], account_id: int, **asked: Any) -> int:
    found = conn.execute(query, {"account": account_id} | asked).scalar_one_or_none()
    if found is None:
        raise BrokenInvariant(f"no account {account_id}")
    return int(found)


def balances(conn: Connection, code: str) -> dict[str, int]:
    """Balances now of every account of one code, by owner (lots summed); an account without transfers is 0."""
    return {owner: int(total) for owner, total in conn.execute(_BALANCES, {"code": code})}


def sums(conn: Connection) -> dict[str, int]:
    """All accounts together, by unit: zero, whoever asks and whenever, or the books do not balance."""
    return {unit: int(total) for unit, total in conn.execute(_SUMS)}


def available_after(conn: Connection, account_ids: Iterable[int], seq: int) -> dict[int, int]:
    """What could be spent from guarded accounts just after transfer number ``seq``, by account: what a replay answers.

    Reckoned back from today, so that it reads only what was written since. Raises BrokenInvariant for an account that is not guarded.
    """
    wanted = sorted(set(account_ids))
    found = {row.id: int(row.left) for row in conn.execute(_AVAILABLE_AFTER, {"ids": wanted, "seq": seq})}
    if len(found) < len(wanted):
        raise BrokenInvariant(f"not guarded accounts: {[id for id in wanted if id not in found]}")
    return found


# -- the statements, built once ------------------------------------------------------------------------------------------------
_ACCOUNT: BindParameter[int] = bindparam("account")
_DAY: BindParameter[date] = bindparam("day")


def _sides(of: Any, *conditions: Any) -> list[Select[Any]]:
    """What posted transfers moved on the accounts that ``of`` picks. One side at a time, so that each uses its own index."""
    t = transfers.c
    return [
        select(side.label("account_id"), amount.label("move")).where(of(side), t.kind.in_(POSTED_KINDS), *conditions)
        for side, amount in ((t.credit_account_id, t.amount), (t.debit_account_id, -t.amount))
    ]


def _folded(totals: Any, *conditions: Any) -> Select[Any]:
    return select(totals.c.account_id, (totals.c.credits - totals.c.debits).label("move")).where(*conditions)


def _summed(*parts: Select[Any]) -> Any:
    moves = union_all(*parts).subquery("moves").c
    return select(cast(func.coalesce(func.sum(moves.move), 0), BigInteger)).scalar_subquery()


def _ours(side: Any) -> Any:
    return side == _ACCOUNT


def _above(upto: Any) -> Any:
    return and_(transfers.c.seq > upto, transfers.c.seq <= NEWEST)


def _balance() -> Select[Any]:
    shared = _summed(_folded(month_totals, _ours(month_totals.c.account_id)), *_sides(_ours, _above(UPTO)))
    return select(case((accounts.c.guarded, accounts.c.balance), else_=shared)).where(accounts.c.id == _ACCOUNT)


# Of a guarded account nothing is folded: all its transfers lie above.
_UNFOLDED = select(case((accounts.c.guarded, 0), else_=UPTO)).where(accounts.c.id == _ACCOUNT).scalar_subquery()


def _as_of() -> Select[Any]:
    m, d = month_totals.c, day_totals.c
    total = _summed(
        _folded(month_totals, _ours(m.account_id), m.month < bindparam("month")),
        _folded(day_totals, _ours(d.account_id), d.day >= bindparam("first_day"), d.day <= _DAY),
        *_sides(_ours, _above(_UNFOLDED), transfers.c.effective_on <= _DAY),
    )
    return select(total).where(accounts.c.id == _ACCOUNT)


def _together_as_of() -> Select[Any]:
    a, m, d = accounts.c, month_totals.c, day_totals.c
    shared = select(a.id).where(~a.guarded, a.code == bindparam("code"))

    def theirs(account_id: Any) -> Any:
        return account_id.in_(shared)

    total = _summed(
        _folded(month_totals, theirs(m.account_id), m.month < bindparam("month")),
        _folded(day_totals, theirs(d.account_id), d.day >= bindparam("first_day"), d.day <= _DAY),
        *_sides(theirs, _above(UPTO), transfers.c.effective_on <= _DAY),
    )
    return select(total)


def _first_day() -> Select[Any]:
    t, d = transfers.c, day_totals.c
    above = _above(_UNFOLDED), t.kind.in_(POSTED_KINDS)
    days = union_all(
        select(func.min(d.day).label("day")).where(_ours(d.account_id)),
        *(
            select(func.min(t.effective_on)).where(_ours(side), *above)
            for side in (t.credit_account_id, t.debit_account_id)
        ),
    ).subquery("days")
    return select(func.min(days.c.day))


def _as_known() -> Select[Any]:
    """Days that were all written before the moment count whole; of those that were only partly, the account's own transfers are read."""
    d, t = day_totals.c, transfers.c
    moment = type_coerce(bindparam("moment"), Instant)
    known = t.recorded_at < moment
    days = and_(_ours(d.account_id), d.day <= _DAY)
    partly = and_(days, d.first_recorded_at < moment, d.last_recorded_at >= moment)
    of_day = and_(t.seq >= d.first_seq, t.seq <= d.last_seq, t.effective_on == d.day)
    # Looked up day by day, for they are few: a join would be planned as if they were many, and read the account's whole life.
    credited, debited = (
        func.coalesce(
            select(func.sum(t.amount))
            .where(_ours(side), t.kind.in_(POSTED_KINDS), known, of_day)
            .correlate(day_totals)
            .scalar_subquery(),
            0,
        )
        for side in (t.credit_account_id, t.debit_account_id)
    )
    total = _summed(
        _folded(day_totals, days, d.last_recorded_at < moment),
        select(d.account_id, (credited - debited).label("move")).where(partly),
        *_sides(_ours, _above(_UNFOLDED), t.effective_on <= _DAY, known),
    )
    return select(total).where(accounts.c.id == _ACCOUNT)


def _together(by: Any, *which: Any) -> Select[Any]:
    """Balances now, summed by a column of the accounts."""
    a = accounts.c
    shared = select(a.id).where(~a.guarded, *which)
    folded = _folded(month_totals, month_totals.c.account_id.in_(shared))
    moves = union_all(folded, *_sides(lambda side: side.in_(shared), _above(UPTO))).subquery("moves").c
    moved = select(moves.account_id, func.sum(moves.move).label("move")).group_by(moves.account_id).subquery("moved")
    return (
        select(by, cast(func.sum(a.balance + func.coalesce(moved.c.move, 0)), BigInteger))
        .select_from(accounts.outerjoin(moved, moved.c.account_id == a.id))
        .where(*which)
        .group_by(by)
    )


def _available_after() -> Select[Any]:
    t, hold = transfers.c, transfers.alias("hold")
    ids: BindParameter[int] = bindparam("ids", expanding=True)
    since = t.seq > bindparam("seq")
    # A hold takes what is available when it is placed; posting it gives back what was not used, releasing it everything.
    freed = case(
        (t.kind.in_(("posted", "hold")), -t.amount), (t.kind == "post_hold", hold.c.amount - t.amount), else_=t.amount
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


_BALANCE = _balance()
_AS_OF = _as_of()
_TOGETHER_AS_OF = _together_as_of()
_AS_KNOWN = _as_known()
_FIRST_DAY = _first_day()
_BALANCES = _together(accounts.c.owner, accounts.c.code == bindparam("code"))
_SUMS = _together(accounts.c.unit)
_AVAILABLE_AFTER = _available_after()
