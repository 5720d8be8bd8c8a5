"""Does the ledger agree with itself? Every balance recomputed from the rows, set-based; findings name each account and its records."""

from __future__ import annotations

from sqlalchemy import BigInteger, Connection, and_, cast, exists, func, or_, select, union_all

from settlement.findings import Finding
from settlement.ledger.balance import POSTED_KINDS
from settlement.ledger.tables import accounts, transfers


def check(conn: Connection) -> list[Finding]:
    return [*_balances(conn), *_folded(conn), *_holds(conn), *_units(conn), *_contra(conn)]


def _balances(conn: Connection) -> list[Finding]:
    """Guarded rows against the sum of their transfers, and what is held against the unresolved holds."""
    t, a = transfers.c, accounts.c
    posted = t.kind.in_(POSTED_KINDS)
    resolution = transfers.alias("resolution")
    pending = and_(t.kind == "hold", ~exists().where(resolution.c.hold_id == t.id))
    zero = cast(0, BigInteger)
    sides = union_all(
        select(t.credit_account_id.label("account_id"), t.amount.label("move"), zero.label("hold")).where(posted),
        select(t.debit_account_id, -t.amount, zero).where(posted),
        select(t.debit_account_id, zero, t.amount).where(pending),
    ).subquery("sides")
    summed = (
        select(
            sides.c.account_id,
            cast(func.sum(sides.c.move), BigInteger).label("balance"),
            cast(func.sum(sides.c.hold), BigInteger).label("held"),
        )
        .group_by(sides.c.account_id)
        .subquery("summed")
    )
    balance, held = func.coalesce(summed.c.balance, 0), func.coalesce(summed.c.held, 0)
    query = (
        select(a.id, a.code, a.owner, a.balance, a.held, balance.label("summed"), held.label("summed_held"))
        .select_from(accounts.outerjoin(summed, summed.c.account_id == a.id))
        .where(a.guarded, or_(a.balance != balance, a.held != held))
        .order_by(a.id)
    )
    return [
        Finding(
            "balance_differs",
            f"account:{row.id} {row.code} {row.owner}",
            f"账户余额{row.balance}分(冻结占用{row.held})，按流水应为{row.summed}分(占用{row.summed_held})",
            f"the account says {row.balance} fen (held {row.held}), its transfers say {row.summed} (held {row.summed_held})",
            _records(conn, row.id),
        )
        for row in conn.execute(query)
    ]


def _records(conn: Connection, account_id: int) -> tuple[str, ...]:
    """Every transfer of a guarded account, the newest first: a card has some hundreds in its life."""
    t = transfers.c
    query = (
        select(t.id)
        .where(or_(t.debit_account_id == account_id, t.credit_account_id == account_id))
        .order_by(t.seq.desc())
    )
    return tuple(f"transfer:{id}" for id in conn.execute(query).scalars())


def _folded(conn: Connection) -> list[Finding]:
    """An account that is folded from its transfers has nothing on its row that somebody could take for a balance."""
    a = accounts.c
    query = select(a.id, a.code, a.owner, a.balance, a.held).where(~a.guarded, or_(a.balance != 0, a.held != 0))
    return [
        Finding(
            "folded_balance",
            f"account:{row.id} {row.code} {row.owner}",
            f"此账户余额由流水合计，账户上却记有{row.balance}分(冻结占用{row.held})",
            f"this account's balance is the sum of its transfers, yet its row says {row.balance} fen (held {row.held})",
        )
        for row in conn.execute(query.order_by(a.id))
    ]


def _holds(conn: Connection) -> list[Finding]:
    """A resolution repeats its hold's accounts and never exceeds it; a void or expiry releases it whole."""
    hold, t = transfers.alias("hold"), transfers.c
    wrong = or_(
        t.debit_account_id != hold.c.debit_account_id,
        t.credit_account_id != hold.c.credit_account_id,
        t.amount > hold.c.amount,
        and_(t.kind != "post_hold", t.amount != hold.c.amount),
        hold.c.kind != "hold",
    )
    query = (
        select(t.id, hold.c.id.label("hold_id")).select_from(transfers.join(hold, hold.c.id == t.hold_id)).where(wrong)
    )
    return [
        Finding(
            "hold_differs",
            f"transfer:{row.id}",
            "处理结果与预授权不符",
            "a resolution does not fit its hold",
            (f"transfer:{row.id}", f"transfer:{row.hold_id}"),
        )
        for row in conn.execute(query)
    ]


def _units(conn: Connection) -> list[Finding]:
    debit, credit, t = accounts.alias("debit"), accounts.alias("credit"), transfers.c
    query = (
        select(t.id)
        .select_from(
            transfers.join(debit, debit.c.id == t.debit_account_id).join(credit, credit.c.id == t.credit_account_id)
        )
        .where(debit.c.unit != credit.c.unit)
    )
    return [
        Finding(
            "units_differ",
            f"transfer:{id}",
            "借贷账户计量单位不同",
            "debit and credit account have different units",
            (f"transfer:{id}",),
        )
        for id in conn.execute(query).scalars()
    ]


def _contra(conn: Connection) -> list[Finding]:
    """A contra mirrors what it takes back: same amount, accounts swapped."""
    first, t = transfers.alias("first"), transfers.c
    wrong = or_(
        t.amount != first.c.amount,
        t.debit_account_id != first.c.credit_account_id,
        t.credit_account_id != first.c.debit_account_id,
    )
    query = (
        select(t.id, first.c.id.label("first_id"))
        .select_from(transfers.join(first, first.c.id == t.reverses_id))
        .where(wrong)
    )
    return [
        Finding(
            "contra_differs",
            f"transfer:{row.id}",
            "冲正与原交易不符",
            "a contra does not mirror what it takes back",
            (f"transfer:{row.id}", f"transfer:{row.first_id}"),
        )
        for row in conn.execute(query)
    ]
