"""Which days are open. Nothing is ever posted into a closed period: what comes late takes effect on the first open day."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, insert, select, text, update
from sqlalchemy.exc import OperationalError

from settlement.act import Act
from settlement.ledger.tables import books
from settlement.outcomes import Reason, Refused
from settlement.periods import SHANGHAI, local_date

ZONE = SHANGHAI
"""Whose days the books count."""


def open_from(conn: Connection) -> date | None:
    """The first open day, or None while no period was ever closed."""
    return conn.execute(_OPEN_FROM).scalar_one_or_none()


_OPEN_FROM = select(books.c.open_from)


def close_before(act: Act, day: date) -> None:
    """Close everything before ``day``. Moving backwards is ignored: what is closed stays closed.

    Waits for every act that has looked at the first open day, and whoever looks from now on waits for this act: so nothing can arrive in the
    closed period afterwards.
    """
    lock(act)
    current = open_from(act.conn)
    if current is None:
        act.conn.execute(insert(books), {"id": 1, "open_from": day})
    elif day > current:
        act.conn.execute(update(books).values(open_from=day))
    else:
        return
    act.audit("books.close_before", "books", before={"open_from": current}, after={"open_from": day})


PATIENCE_MS = 2_000
"""So long a closing waits for acts that looked at the first open day before; who debits meanwhile waits behind it."""


def lock(act: Act) -> None:
    """Nobody learns the first open day until this act is over. To be called first by an act that posts and then closes: an act that has
    looked itself and then waits for others could stand in the way of another one that does the same.

    Raises Refused(BOOKS_BUSY) when somebody who has looked is not done in time (an issuance, a backup): debits must not queue up behind it.
    """
    if act.conn.dialect.name == "sqlite":  # there one writes at a time
        return
    act.conn.execute(text(f"SET LOCAL lock_timeout = {PATIENCE_MS}"))
    try:
        act.conn.execute(text("LOCK TABLE ledger_books IN ACCESS EXCLUSIVE MODE"))
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) == "55P03":
            raise Refused(Reason.BOOKS_BUSY) from error
        raise
    act.conn.execute(text("SET LOCAL lock_timeout = DEFAULT"))


def effective_on(conn: Connection, occurred_at: datetime, zone: ZoneInfo = ZONE) -> date:
    """The later of the local day of the occurrence and the first open day."""
    happened = local_date(occurred_at, zone)
    first_open = open_from(conn)
    return happened if first_open is None else max(happened, first_open)
