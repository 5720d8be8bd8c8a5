"""Accounts: opened once per (code, owner, unit, lot), frozen from a moment, never deleted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from itertools import islice
from typing import Any, NamedTuple
from zlib import crc32

from sqlalchemy import Connection, Select, func, select, update

from settlement.act import Act
from settlement.db import among, insert_if_absent, listed
from settlement.errors import BrokenInvariant
from settlement.ledger.tables import accounts

BATCH = 500


def open_account(act: Act, code: str, owner: str, *, unit: str = "fen", lot: str = "", guarded: bool = False) -> int:
    """The account's id; opened when it is not there yet.

    ``guarded``: keeps its balance on the row and never goes below zero (a card's purse). Other accounts are folded from their transfers.
    Raises BrokenInvariant when it exists with the other kind of keeping.
    """
    return open_accounts(act, code, [owner], unit=unit, lot=lot, guarded=guarded)[owner]


def open_accounts(
    act: Act, code: str, owners: Iterable[str], *, unit: str = "fen", lot: str = "", guarded: bool = False
) -> dict[str, int]:
    """Open many accounts of one kind; the ids by owner, those that existed included."""
    wanted = list(dict.fromkeys(owners))
    found = _find(act.conn, code, wanted, unit, lot, guarded)
    missing = [owner for owner in wanted if owner not in found]
    if missing:
        same = {
            "code": code,
            "unit": unit,
            "lot": lot,
            "guarded": guarded,
            "balance": 0,
            "held": 0,
            "opened_at": act.now,
        }
        # Two debits may open the same provider's account at the same moment; the loser takes the winner's row.
        act.conn.execute(insert_if_absent(act.conn, accounts), [same | {"owner": owner} for owner in missing])
        found |= _find(act.conn, code, missing, unit, lot, guarded)
    return found


def _find(conn: Connection, code: str, owners: Sequence[str], unit: str, lot: str, guarded: bool) -> dict[str, int]:
    found: dict[str, int] = {}
    rest = iter(owners)
    while batch := list(islice(rest, BATCH)):
        query = select(accounts.c.id, accounts.c.owner, accounts.c.guarded).where(
            accounts.c.code == code, accounts.c.owner.in_(batch), accounts.c.unit == unit, accounts.c.lot == lot
        )
        for row in conn.execute(query):
            if row.guarded != guarded:
                raise BrokenInvariant(f"account {code} {row.owner} is kept in the other way")
            found[row.owner] = row.id
    return found


def account_id(conn: Connection, code: str, owner: str, *, unit: str = "fen", lot: str = "") -> int | None:
    """The id of an account, or None while nobody opened it."""
    return conn.execute(
        select(accounts.c.id).where(
            accounts.c.code == code, accounts.c.owner == owner, accounts.c.unit == unit, accounts.c.lot == lot
        )
    ).scalar_one_or_none()


def freeze(act: Act, account_id: int, since: datetime) -> None:
    """Decline spending that occurred at or after ``since``; an earlier freeze stays."""
    frozen_from = _frozen_from(act, account_id)
    if frozen_from is None or since < frozen_from:
        _set_freeze(act, account_id, frozen_from, since)


def unfreeze(act: Act, account_id: int) -> None:
    frozen_from = _frozen_from(act, account_id)
    if frozen_from is not None:
        _set_freeze(act, account_id, frozen_from, None)


def _frozen_from(act: Act, account_id: int) -> datetime | None:
    # Locked: of two freezes at once the later would else overwrite the earlier.
    query = select(accounts.c.frozen_from).where(accounts.c.id == account_id).with_for_update()
    found: datetime | None = act.conn.execute(query).scalar_one()
    return found


def _set_freeze(act: Act, account_id: int, before: datetime | None, after: datetime | None) -> None:
    act.conn.execute(update(accounts).where(accounts.c.id == account_id).values(frozen_from=after))
    act.audit("account.freeze", f"account:{account_id}", before={"frozen_from": before}, after={"frozen_from": after})


class Account(NamedTuple):
    id: int
    code: str
    owner: str
    unit: str
    guarded: bool
    balance: int
    held: int
    frozen_from: datetime | None


def queue(conn: Connection, names: Iterable[str]) -> None:
    """Wait for every act that queued for one of these names, until it is over; PostgreSQL only, on SQLite one writes at a time.

    Names share a few places, so that any number of them takes few locks; places are taken in one order.
    """
    wanted = sorted({crc32(name.encode()) % _PLACES for name in names})
    if wanted and conn.dialect.name == "postgresql":
        for place in wanted:
            conn.execute(select(func.pg_advisory_xact_lock(_QUEUE, place)))


_QUEUE, _PLACES = 7011, 64


def lock(conn: Connection, ids: Iterable[int]) -> dict[int, Account]:
    """Read accounts; the guarded ones are locked, in id order, until the transaction ends.

    Shared accounts (payers, providers, controls) are only read: nothing on their rows changes, so nobody queues behind them.
    """
    guarded, shared = _queries(conn.dialect.name)
    wanted = set(ids)
    found = {row[0]: Account._make(row) for row in conn.execute(guarded, {"ids": listed(sorted(wanted))})}
    rest = wanted - found.keys()
    return found | {row[0]: Account._make(row) for row in conn.execute(shared, {"ids": listed(sorted(rest))})}


@cache
def _queries(dialect: str) -> tuple[Select[Any], Select[Any]]:
    """The guarded and the shared of some accounts. Built once: they run with every debit."""
    found = select(*(accounts.c[name] for name in Account._fields)).where(among(dialect, accounts.c.id, "ids"))
    return found.where(accounts.c.guarded).order_by(accounts.c.id).with_for_update(of=accounts), found.where(
        ~accounts.c.guarded
    )
