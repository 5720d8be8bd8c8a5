"""What a database holds, in figures: read in the snapshot that is copied and again in the copy, where they must be the same."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import BigInteger, Connection, String, case, cast, column, func, inspect, select, table, type_coerce

from settlement.db import from_micros
from settlement.ledger.balance import POSTED_KINDS
from settlement.ledger.tables import accounts, seals, transfers

Figures = dict[str, Any]


def read(conn: Connection) -> Figures:
    """Rows of every table; of each unit the accounts, what the purses hold and what was ever moved; the last transfer and seal.

    Amounts in the unit (fen). Works on any revision of the tables; nothing in it is personal.
    """
    names = sorted(inspect(conn).get_table_names())
    rows = {name: conn.execute(select(func.count()).select_from(table(name))).scalar_one() for name in names}
    return {
        "revision": conn.execute(select(column("version_num")).select_from(table("alembic_version"))).scalar_one(),
        "rows": rows,
        "units": _units(conn),
        "last_transfer": _last_transfer(conn),
        "last_seal": _last_seal(conn) if "ledger_seals" in rows else None,
    }


def _units(conn: Connection) -> dict[str, dict[str, int]]:
    a, t = accounts.c, transfers.c
    held = (
        select(a.unit, func.count().label("accounts"), _sum(a.balance).label("purses"), _sum(a.held).label("held"))
        .group_by(a.unit)
        .order_by(a.unit)
    )
    moved = (
        select(a.unit, _sum(case((t.kind.in_(POSTED_KINDS), t.amount), else_=0)).label("moved"))
        .select_from(transfers.join(accounts, a.id == t.debit_account_id))
        .group_by(a.unit)
    )
    moved_by_unit = {row.unit: int(row.moved) for row in conn.execute(moved)}
    return {
        row.unit: {
            "accounts": row.accounts,
            "purses": row.purses,
            "held": row.held,
            "moved": moved_by_unit.get(row.unit, 0),
        }
        for row in conn.execute(held)
    }


def _sum(values: Any) -> Any:
    return cast(func.coalesce(func.sum(values), 0), BigInteger)


def _last_transfer(conn: Connection) -> dict[str, Any] | None:
    t = transfers.c
    recorded = type_coerce(t.recorded_at, BigInteger).label("recorded_at")
    row = conn.execute(select(t.seq, t.id, recorded).order_by(t.seq.desc()).limit(1)).one_or_none()
    return None if row is None else {"seq": row.seq, "id": row.id, "recorded_at": _moment(row.recorded_at)}


def _moment(stored: Any) -> str:
    """As stored where that is no moment: books that contradict themselves are backed up too."""
    try:
        return from_micros(stored).isoformat()
    except (TypeError, OverflowError):
        return str(stored)


def _last_seal(conn: Connection) -> dict[str, Any] | None:
    s = seals.c
    day = type_coerce(s.day, String).label("day")  # as stored
    row = conn.execute(select(s.number, day).order_by(s.number.desc()).limit(1)).one_or_none()
    return None if row is None else {"number": row.number, "day": str(row.day)}


def differences(was: Figures, now: Figures) -> list[str]:
    """Where two readings differ, as texts of names and figures; empty when they agree."""
    flat_was, flat_now = dict(_flat("", was)), dict(_flat("", now))
    return [
        f"{name}: {flat_was.get(name)} / {flat_now.get(name)}"
        for name in sorted(flat_was.keys() | flat_now.keys())
        if flat_was.get(name) != flat_now.get(name)
    ]


def _flat(prefix: str, value: Any) -> list[tuple[str, Any]]:
    if not isinstance(value, dict):
        return [(prefix, value)]
    return [pair for key, each in value.items() for pair in _flat(f"{prefix}.{key}".lstrip("."), each)]


def written(facts: dict[str, Any]) -> bytes:
    return json.dumps(facts, ensure_ascii=False, sort_keys=True).encode()
