"""Folding: what shared accounts moved, summed up by effective day and month, so that nobody has to read every transfer again.

Sums only ever grow by transfers that were not in them: one that takes effect on an earlier day is added to that day, and nothing later is
rewritten. ``ledger_folds.upto`` says up to which number they are complete; whoever reads adds the transfers above it, in the same statement.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Select,
    String,
    Table,
    cast,
    exists,
    func,
    literal,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from settlement.act import Act
from settlement.db import insert_if_absent
from settlement.ledger import horizon
from settlement.ledger.balance import POSTED_KINDS
from settlement.ledger.tables import accounts, day_totals, folds, month_totals, transfers

AT_MOST = 200_000
"""Transfers in one fold: on SQLite debits wait for it, about half a second."""


def fold(act: Act, at_most: int = AT_MOST) -> int:
    """Add the next transfers to the sums, ``at_most`` of them and only up to the decided horizon; how many, 0 when all are in.

    Two folders queue at the one row of ``ledger_folds``, so that nothing is added twice. Nobody else waits.
    """
    after = _locked_upto(act.conn)
    decided = horizon.decided(act.conn).transfers
    t = transfers.c
    new = select(t.seq).where(t.seq > after, t.seq <= decided).order_by(t.seq).limit(at_most).subquery()
    count, last = act.conn.execute(select(func.count(), func.max(new.c.seq))).one()
    if count:
        days = by_day(after, last)
        act.conn.execute(_added(act.conn, day_totals, days))
        act.conn.execute(_added(act.conn, month_totals, by_month(days.subquery("days"))))
        act.conn.execute(update(folds).values(upto=last))
    return int(count)


def _locked_upto(conn: Connection) -> int:
    conn.execute(insert_if_absent(conn, folds), {"id": 1, "upto": 0})
    return int(conn.execute(select(folds.c.upto).with_for_update()).scalar_one())


def by_day(after: Any, upto: Any) -> Select[Any]:
    """Rows as ``ledger_day_totals`` has them, from the transfers of shared accounts with ``after`` < seq <= ``upto``."""
    t, none = transfers.c, literal(0, BigInteger)

    def side(account: Any, debits: Any, credits: Any) -> Select[Any]:
        # Each side looks at its own accounts: most rows have a card's purse on the other, and that one is not folded. Not a join: SQLite would
        # go through all cards first to find few new transfers.
        return (
            select(account.label("account_id"), t.effective_on, t.recorded_at, t.seq)
            .add_columns(debits.label("debits"), credits.label("credits"))
            .where(t.seq > after, t.seq <= upto, t.kind.in_(POSTED_KINDS))
            .where(exists().where(accounts.c.id == account, ~accounts.c.guarded))
        )

    s = union_all(side(t.debit_account_id, t.amount, none), side(t.credit_account_id, none, t.amount)).subquery("s").c
    return select(
        s.account_id,
        s.effective_on.label("day"),
        _sum(s.debits).label("debits"),
        _sum(s.credits).label("credits"),
        func.min(s.recorded_at).label("first_recorded_at"),
        func.max(s.recorded_at).label("last_recorded_at"),
        func.min(s.seq).label("first_seq"),
        func.max(s.seq).label("last_seq"),
    ).group_by(s.account_id, s.effective_on)


def by_month(days: Any) -> Select[Any]:
    """Rows as ``ledger_month_totals`` has them, from rows of :func:`by_day`."""
    month = func.substr(cast(days.c.day, String), 1, 7)
    sums = _sum(days.c.debits).label("debits"), _sum(days.c.credits).label("credits")
    return select(days.c.account_id, month.label("month"), *sums).group_by(days.c.account_id, month)


def _sum(column: Any) -> Any:
    return cast(func.sum(column), BigInteger)


def _added(conn: Connection, table: Table, rows: Select[Any]) -> Any:
    """An INSERT that adds to the rows that are there already."""
    into = postgresql.insert(table) if conn.dialect.name == "postgresql" else sqlite.insert(table)
    statement = into.from_select([column.name for column in rows.selected_columns], rows)
    new = statement.excluded
    smaller, larger = ("least", "greatest") if conn.dialect.name == "postgresql" else ("min", "max")
    grown = {
        column.name: table.c[column.name] + new[column.name]
        if column.name in ("debits", "credits")
        else getattr(func, smaller if column.name.startswith("first") else larger)(
            table.c[column.name], new[column.name]
        )
        for column in table.columns
        if not column.primary_key
    }
    return statement.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=grown)
