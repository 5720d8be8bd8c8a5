"""Does the ledger agree with itself? Every balance recomputed from the rows, set-based; findings name each account and its records."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Select,
    and_,
    case,
    cast,
    distinct,
    exists,
    func,
    literal,
    or_,
    select,
    union_all,
)

from settlement.findings import Finding
from settlement.ledger import balance, folding
from settlement.ledger.balance import POSTED_KINDS
from settlement.ledger.tables import accounts, day_totals, month_totals, transfers


def check(conn: Connection) -> list[Finding]:
    return [
        *_strays(conn),
        *_balances(conn),
        *_folded(conn),
        *_day_totals(conn),
        *_month_totals(conn),
        *_sums(conn),
        *_holds(conn),
        *_units(conn),
        *_contra(conn),
    ]


def _strays(conn: Connection) -> list[Finding]:
    """Transfers that name an account, a hold or a transfer that is not there: no foreign key says so (``tables.py``)."""
    t, other = transfers.c, transfers.alias("other").c
    # The distinct accounts first, from the index alone; they are few beside the transfers.
    missing = [
        (select(t.id, literal("account:"), side).where(side.in_(select(side).except_(select(accounts.c.id)))))
        for side in (t.debit_account_id, t.credit_account_id)
    ] + [
        select(t.id, literal("transfer:"), name).where(name.is_not(None), ~exists().where(other.id == name))
        for name in (t.hold_id, t.reverses_id)
    ]
    return [
        Finding(
            "stray",
            f"transfer:{id}",
            f"流水所指的{kind}{name}不存在",
            f"a transfer names {kind}{name}, which does not exist",
            (f"transfer:{id}", f"{kind}{name}"),
        )
        for query in missing
        for id, kind, name in conn.execute(query.order_by(t.id))
    ]


def _sums(conn: Connection) -> list[Finding]:
    """What stands on rows and in sums, all accounts together: nothing comes from nowhere."""
    return [
        Finding(
            "sum_not_zero",
            f"unit:{unit}",
            f"全部账户余额合计应为0，实为{total}（{unit}）",
            f"all accounts together come to {total} {unit} instead of 0",
        )
        for unit, total in sorted(balance.sums(conn).items())
        if total
    ]


def _day_totals(conn: Connection) -> list[Finding]:
    """The folded days against the transfers they were folded from."""
    names = [column.name for column in day_totals.columns]
    recomputed = folding.by_day(0, balance.UPTO)
    return _compared(conn, recomputed, select(*(day_totals.c[name] for name in names)), "day")


def _month_totals(conn: Connection) -> list[Finding]:
    """The folded months against the folded days."""
    names = [column.name for column in month_totals.columns]
    return _compared(conn, folding.by_month(day_totals), select(*(month_totals.c[name] for name in names)), "month")


def _compared(conn: Connection, recomputed: Select[Any], stored: Select[Any], period: str) -> list[Finding]:
    """Each period of each account must be there twice, with the same figures; ``period``: the column that names it."""
    both = union_all(
        recomputed.add_columns(literal(1).label("ours")), stored.add_columns(literal(0).label("ours"))
    ).subquery("both")
    figures = [column for column in both.c if column.name not in ("account_id", period, "ours")]
    move = both.c.credits - both.c.debits
    right, said = (func.max(case((both.c.ours == ours, move))) for ours in (1, 0))
    query = (
        select(both.c.account_id, both.c[period].label("period"), right.label("right"), said.label("said"))
        .group_by(both.c.account_id, both.c[period])
        .having(or_(func.count() != 2, *(func.min(figure) != func.max(figure) for figure in figures)))
        .order_by(both.c.account_id, both.c[period])
    )
    return [
        Finding(
            f"{period}_total_differs",
            f"account:{row.account_id} {row.period}",
            f"汇总{'无' if row.said is None else row.said}，按流水应为{'无' if row.right is None else row.right}"
            + ("（笔数范围或记录时间不符）" if row.said == row.right else ""),
            f"the folded sum is {row.said}, recomputed it is {row.right}"
            + (" (which transfers, or when they were recorded, differs)" if row.said == row.right else ""),
            (f"account:{row.account_id}",),
        )
        for row in conn.execute(query)
    ]


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
        select(t.id, hold.c.id.label("hold_id"))
        .select_from(transfers.join(hold, hold.c.id == t.hold_id))
        .where(t.hold_id.is_not(None), wrong)
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
        # In a district that counts in fen alone there is nothing to look for.
        .where(select(func.count(distinct(accounts.c.unit))).scalar_subquery() > 1, debit.c.unit != credit.c.unit)
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
        .where(t.reverses_id.is_not(None), wrong)
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
