"""Up to where the books are decided: every number up to there is a row that stands, or none that ever will.

Numbers are drawn before their transaction commits, so the highest one visible says nothing about those below it. A *cut* notes the highest
numbers and, after them, the first transaction that had not begun; once every older transaction is over, all numbers up to the cut are
decided. A row's number is drawn only by a transaction that is already counted (migration 0002), so none can slip in below. On SQLite one
writes at a time, and a cut is decided when it is taken. Folds and seals go up to a decided cut, never to a number or a time.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, func, insert, or_, select, text

from settlement.act import SYSTEM, Act, begin
from settlement.audit import audit_rows
from settlement.db import reading
from settlement.ledger.tables import cuts, transfers

PATIENCE = 10.0
"""Seconds to wait for the transactions that are open when a cut is taken; a slower one is in the next fold or seal."""


@dataclass(frozen=True)
class Horizon:
    """``transfers``: of ``ledger_transfers.seq``; ``audit``: of ``audit_rows.id``."""

    transfers: int
    audit: int


NOTHING = Horizon(0, 0)


def take(act: Act) -> int:
    """Note a cut here and now; its id. Older cuts that are decided are forgotten, but for the newest."""
    newest = _newest_decided(act.conn)
    if newest is not None:
        act.conn.execute(delete(cuts).where(cuts.c.id < newest.id))
    highest = [act.conn.execute(select(func.coalesce(func.max(c), 0))).scalar_one() for c in _NUMBERS]
    # The numbers first: what is drawn between the two statements lies above them.
    row = dict(zip(("transfers_upto", "audit_upto"), highest, strict=True)) | {"taken_at": act.now}
    row["server"], row["next_transaction"] = _transaction(act.conn, "xmax")
    return int(act.conn.execute(insert(cuts).returning(cuts.c.id), row).scalar_one())


_NUMBERS = (transfers.c.seq, audit_rows.c.id)


def decided(conn: Connection) -> Horizon:
    """The newest decided cut; nothing before the first."""
    row = _newest_decided(conn)
    return NOTHING if row is None else Horizon(row.transfers_upto, row.audit_upto)


def reach(engine: Engine, now: datetime, patience: float = PATIENCE) -> Horizon:
    """Take a cut and wait, ``patience`` seconds at most, until it is decided; what is decided then."""
    with begin(engine, SYSTEM, now) as act:
        cut = take(act)
    until = time.monotonic() + patience
    while True:
        with reading(engine) as conn:
            row = _newest_decided(conn)
        if (row is not None and row.id >= cut) or time.monotonic() >= until:
            return NOTHING if row is None else Horizon(row.transfers_upto, row.audit_upto)
        time.sleep(0.02)


def _newest_decided(conn: Connection) -> Row[Any] | None:
    server, oldest = _transaction(conn, "xmin")
    # Where the rows came from another server, nothing that was open there can still be written here.
    settled = or_(cuts.c.server != server, cuts.c.next_transaction <= oldest)
    return conn.execute(select(cuts).where(settled).order_by(cuts.c.id.desc()).limit(1)).one_or_none()


def _transaction(conn: Connection, end: str) -> tuple[str, int]:
    if conn.dialect.name == "sqlite":
        return "", 0
    row = conn.execute(text(_OF_SERVER.format(end=end))).one()
    return str(row.server), int(row.number)


_OF_SERVER = """
SELECT system_identifier AS server, pg_snapshot_{end}(pg_current_snapshot())::text::bigint AS number FROM pg_control_system()
"""
