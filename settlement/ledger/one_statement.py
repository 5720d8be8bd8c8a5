"""A business act posted in one statement, on PostgreSQL: locked, checked, written and moved in one round trip.

It answers only where nothing stands against the act. Whatever it cannot accept at a glance (a repeat, a freeze, too little money, a contra)
it leaves untouched for :func:`transfer.post_batch`, which finds out what the answer is.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from settlement.act import Act
from settlement.db import micros
from settlement.errors import BrokenInvariant
from settlement.ledger import books
from settlement.periods import local_date
from settlement.prepared import send

if TYPE_CHECKING:
    from settlement.ledger.transfer import Group, Transfer

MOST = 6
"""Transfers in an act. A debit has one for each lot it takes from and one for the senior's own money."""


def fits(conn: Connection, group: Sequence[Transfer]) -> bool:
    return (
        conn.dialect.name == "postgresql"
        and 0 < len(group) <= MOST
        and all(t.amount > 0 and t.debit != t.credit and t.reverses is None for t in group)
        and len({t.id for t in group}) == len(group)
    )


def post(act: Act, group: Group) -> dict[int, int] | None:
    """The available balances of the guarded accounts after the act; None when nothing was done."""
    asked = group.transfers
    parameters: dict[str, Any] = {"group": group.id, "now": micros(act.now)}
    for number, t in enumerate(asked):
        values = (t.id, t.debit, t.credit, t.amount, t.spending, t.code, t.reference, micros(t.occurred_at))
        parameters |= {f"{name}{number}": value for name, value in zip(_NAMES, values, strict=True)}
        parameters[f"day{number}"] = local_date(t.occurred_at, books.ZONE)
    if len(asked) == 1:
        statement = _DEBIT if asked[0].spending else _OF_ONE
    else:
        touched = sorted({id for t in asked for id in (t.debit, t.credit)})
        parameters |= {f"touched{number}": id for number, id in enumerate(touched)} | {"touched": len(touched)}
        statement = _of_several(len(asked), len(touched))
    rows = send(act.conn, statement, parameters)
    written = rows[0][0] if rows else 0
    if written == 0:
        return None
    if written < len(asked):
        raise BrokenInvariant(f"{group.id}: another act was just writing some of its transfers")
    return {id: available for _, id, available in rows if id is not None}


_NAMES = ("id", "debit", "credit", "amount", "spending", "code", "reference", "occurred")


# Every part of a statement reads the state before it, but FOR UPDATE and UPDATE read each locked row as it is now, and a row written by an act
# that commits meanwhile is met by ON CONFLICT. The lock comes before the number is drawn, because what is written depends on it.
# All purses are locked or none: one that were left out for its little money would be locked by post_batch out of order.
# The new balance is reckoned from the locked row (purses): PostgreSQL first tries an UPDATE's check constraint on the row as it was before the
# statement, and would refuse money that came, or was set free, while we waited for the lock.
_WRITTEN = """
        INSERT INTO ledger_transfers (id, group_id, kind, debit_account_id, credit_account_id, amount, code, reference,
                                      occurred_at, effective_on, recorded_at)
        SELECT %(id0)s::varchar, %(group)s::varchar, 'posted', %(debit0)s::bigint, %(credit0)s::bigint, %(amount0)s::bigint,
               %(code0)s::varchar, %(reference0)s::varchar, %(occurred0)s::bigint,
               greatest(%(day0)s::date, (SELECT open_from FROM ledger_books)), %(now)s::bigint"""

# What nearly every act is: money spent from one purse to a shared account. A third of the work of the statement for any one transfer.
_DEBIT = f"""
    WITH purse AS MATERIALIZED (
        SELECT p.id, p.balance, p.held, p.frozen_from FROM ledger_accounts p JOIN ledger_accounts c ON c.unit = p.unit
        WHERE p.id = %(debit0)s::bigint AND p.guarded AND c.id = %(credit0)s::bigint AND NOT c.guarded FOR UPDATE OF p
    ),
    written AS ({_WRITTEN}
        FROM purse WHERE balance - held >= %(amount0)s::bigint AND (frozen_from > %(occurred0)s::bigint OR frozen_from IS NULL)
          AND NOT EXISTS (SELECT FROM ledger_transfers WHERE group_id = %(group)s::varchar)
        ON CONFLICT DO NOTHING
        RETURNING amount
    )
    UPDATE ledger_accounts a SET balance = p.balance - w.amount, held = p.held FROM written w, purse p WHERE a.id = p.id
    RETURNING 1, a.id, a.balance - a.held
"""

_OF_ONE = f"""
    WITH purses AS MATERIALIZED (
        SELECT id, unit, balance, held, frozen_from FROM ledger_accounts
        WHERE id IN (%(debit0)s::bigint, %(credit0)s::bigint) AND guarded ORDER BY id FOR UPDATE
    ),
    touched AS (
        SELECT unit FROM purses UNION ALL
        SELECT unit FROM ledger_accounts WHERE id IN (%(debit0)s::bigint, %(credit0)s::bigint) AND NOT guarded
    ),
    written AS ({_WRITTEN}
        WHERE (SELECT count(*) = 2 AND min(unit) = max(unit) FROM touched)
          AND NOT EXISTS (SELECT FROM ledger_transfers WHERE group_id = %(group)s::varchar)
          AND NOT EXISTS (
              SELECT FROM purses WHERE id = %(debit0)s::bigint
              AND balance - held < %(amount0)s::bigint
          )
        ON CONFLICT DO NOTHING
        RETURNING debit_account_id, amount
    ),
    moved AS (
        UPDATE ledger_accounts a
        SET balance = p.balance + CASE WHEN p.id = w.debit_account_id THEN -w.amount ELSE w.amount END, held = p.held
        FROM written w, purses p WHERE a.id = p.id
        RETURNING a.id, a.balance - a.held AS available
    )
    SELECT w.count AS written, moved.id, moved.available FROM (SELECT count(*) FROM written) w LEFT JOIN moved ON true
"""


@cache
def _of_several(count: int, accounts: int) -> str:
    asked = ", ".join(
        f"(%(id{n})s::varchar, %(debit{n})s::bigint, %(credit{n})s::bigint, %(amount{n})s::bigint, %(spending{n})s::boolean,"
        f" %(code{n})s::varchar, %(reference{n})s::varchar, %(occurred{n})s::bigint, %(day{n})s::date, {n})"
        for n in range(count)
    )
    touched = ", ".join(f"%(touched{n})s::bigint" for n in range(accounts))
    ids = ", ".join(f"%(id{n})s::varchar" for n in range(count))
    return f"""
        WITH asked (id, debit, credit, amount, spending, code, reference, occurred_at, day, place) AS (VALUES {asked}),
        purses AS MATERIALIZED (
            SELECT id, unit, balance, held, balance - held AS available, frozen_from FROM ledger_accounts
            WHERE id IN ({touched}) AND guarded ORDER BY id FOR UPDATE
        ),
        touched AS MATERIALIZED (
            SELECT id, unit FROM purses UNION ALL
            SELECT id, unit FROM ledger_accounts WHERE id IN ({touched}) AND NOT guarded
        ),
        written AS (
            INSERT INTO ledger_transfers (id, group_id, kind, debit_account_id, credit_account_id, amount, code, reference,
                                          occurred_at, effective_on, recorded_at)
            SELECT t.id, %(group)s::varchar, 'posted', t.debit, t.credit, t.amount, t.code, t.reference, t.occurred_at,
                   greatest(t.day, (SELECT open_from FROM ledger_books)), %(now)s::bigint
            FROM asked t
            WHERE (SELECT count(*) = %(touched)s::bigint AND min(unit) = max(unit) FROM touched)
              AND NOT EXISTS (SELECT FROM ledger_transfers WHERE group_id = %(group)s::varchar OR id IN ({ids}))
              AND NOT EXISTS (
                  SELECT FROM purses p JOIN asked d ON d.debit = p.id GROUP BY p.id, p.available, p.frozen_from
                  HAVING sum(d.amount) > p.available OR bool_or(d.spending AND p.frozen_from <= d.occurred_at)
              )
            ORDER BY t.place
            ON CONFLICT DO NOTHING
            RETURNING debit_account_id, credit_account_id, amount
        ),
        moves AS (
            SELECT id, sum(move)::bigint AS move FROM (
                SELECT debit_account_id AS id, -amount AS move FROM written UNION ALL
                SELECT credit_account_id, amount FROM written
            ) AS sides GROUP BY id
        ),
        moved AS (
            UPDATE ledger_accounts a SET balance = p.balance + m.move, held = p.held FROM moves m JOIN purses p ON p.id = m.id
            WHERE a.id = p.id RETURNING a.id, a.balance - a.held AS available
        )
        SELECT (SELECT count(*) FROM written) AS written, moved.id, moved.available
        FROM (VALUES (1)) AS always LEFT JOIN moved ON true
    """
