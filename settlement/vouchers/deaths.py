"""Deaths that came from a register: confirmed by another person than who brought the list in, and what was paid after the day."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Row, extract, func, select, type_coerce, update
from sqlalchemy import cast as sql_cast

from settlement.act import Act
from settlement.officers import require, require_other
from settlement.outcomes import Reason, Refused
from settlement.people.scope import require_person
from settlement.people.tables import register_deaths, seniors
from settlement.vouchers import life
from settlement.vouchers.life import Ended
from settlement.vouchers.tables import issuance_returns

MIDNIGHT = 8 * 60 * 60
"""Seconds by which a day begins earlier here than in UTC."""


def confirm(act: Act, death_id: int) -> Ended:
    """The person did die on that day: everything follows at once (``life.learn_of_death``).

    Raises Refused: NOT_ALLOWED, SAME_PERSON for who brought the list in, NOT_FOUND, WRONG_STATE when it is decided, and as ``life.learn_of_death``:
    a death on record with another day has to be put right first.
    """
    row = _waiting(act, death_id)
    require_other(act, row.imported_by)
    ended = life.learn_of_death(act, row.senior_id, row.died_on)
    _decide(act, row, "confirmed", None)
    return ended


def dismiss(act: Act, death_id: int, why: str) -> None:
    """The list is wrong about this person: nothing happens. Raises Refused as :func:`confirm`, and BAD_INPUT without a reason."""
    if not why.strip():
        raise Refused(Reason.BAD_INPUT, detail="理由 | reason")
    row = _waiting(act, death_id)
    require_other(act, row.imported_by)
    _decide(act, row, "dismissed", why)


def _waiting(act: Act, death_id: int) -> Row[Any]:
    require(act, "register.confirm")
    d = register_deaths.c
    row = act.conn.execute(select(register_deaths).where(d.id == death_id).with_for_update()).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what="death")
    require_person(act, row.senior_id)
    if row.status != "waiting":
        raise Refused(Reason.WRONG_STATE, state=row.status, event="confirm")
    return row


def _decide(act: Act, row: Row[Any], status: str, why: str | None) -> None:
    values = {"status": status, "decided_by": act.actor.id, "decided_at": act.now, "decided_why": why}
    act.conn.execute(update(register_deaths).where(register_deaths.c.id == row.id).values(values))
    after = {"died_on": row.died_on, "source": row.source, "status": status}
    act.audit(f"register.{status}", f"senior:{row.senior_id}", after=after, why=why)


def since_death(moment: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a moment lies on the day of death (of a row of ``seniors``) or later, local time; set-based, for lists."""
    midnight = (sql_cast(extract("epoch", seniors.c.died_on), BigInteger) - MIDNIGHT) * 1_000_000
    return type_coerce(moment, BigInteger) >= midnight


def owed() -> ColumnElement[int]:
    """What a person (of a row of ``seniors``) owes for months that fell away, as a column."""
    x = issuance_returns.c
    sums = select(sql_cast(func.coalesce(func.sum(x.receivable), 0), BigInteger)).where(
        x.senior_id == seniors.c.id, x.undone_at.is_(None)
    )
    return sums.correlate(seniors).scalar_subquery()


def taken_back() -> ColumnElement[int]:
    """What came back unspent of months that fell away, as a column."""
    x = issuance_returns.c
    sums = select(sql_cast(func.coalesce(func.sum(x.taken_back), 0), BigInteger)).where(
        x.senior_id == seniors.c.id, x.undone_at.is_(None)
    )
    return sums.correlate(seniors).scalar_subquery()
