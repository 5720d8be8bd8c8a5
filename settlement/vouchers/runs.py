"""The runs of issuance and their rows: reading and locking."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select, update

from settlement.act import Act
from settlement.outcomes import Reason, Refused
from settlement.periods import Month
from settlement.vouchers.tables import issuance_drops, issuance_lines, issuance_runs

STATUS_WORDS = {"drafted": ("已起草", "drafted"), "approved": ("已审批", "approved"), "posted": ("已入账", "posted")}


@dataclass(frozen=True)
class Run:
    """``month``: the first of the period; ``amount``: in the scheme's unit; ``people`` counts persons, not lines."""

    id: str
    scheme_code: str
    scheme_version: str
    month: str
    months: int
    town: str
    status: str
    people: int
    amount: int
    drafted_by: str
    drafted_at: datetime
    approved_by: str | None
    approved_at: datetime | None
    posted_at: datetime | None

    @property
    def period(self) -> list[Month]:
        first = Month.parse(self.month)
        return [first.plus(i) for i in range(self.months)]


@dataclass(frozen=True)
class Change:
    """One person's difference to the month before. ``amount`` 0: nothing any more, and ``change`` says why."""

    senior_id: int
    month: str
    previous_amount: int
    amount: int
    change: str


def get(conn: Connection, run_id: str, *, lock: bool = False) -> Run:
    """A run by id (``scheme/month/town``). ``lock``: until the act ends nobody else works on it. Raises Refused(NOT_FOUND)."""
    query = select(issuance_runs).where(issuance_runs.c.id == run_id)
    row = conn.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what=run_id)
    return Run(**row._mapping)


def lock_to_post(conn: Connection, run_id: str) -> Run:
    """The run, locked as by :func:`get`, with the scheme's earlier runs that are not posted held as they are: one that is just being posted is waited for.

    What a month does to a card's year depends on the months before. In the order of ids, as whoever locks several runs. Raises Refused(NOT_FOUND).
    """
    run, r = get(conn, run_id), issuance_runs.c
    earlier = select(r.id).where(r.scheme_code == run.scheme_code, r.month < run.month, r.status != "posted")
    conn.execute(earlier.order_by(r.id).with_for_update(read=True)).all()
    return get(conn, run_id, lock=True)


def of_scheme(conn: Connection, scheme_code: str) -> list[Run]:
    """Every run of a scheme, by month and town."""
    r = issuance_runs.c
    query = select(issuance_runs).where(r.scheme_code == scheme_code).order_by(r.month, r.town)
    return [Run(**row._mapping) for row in conn.execute(query)]


def of_period(conn: Connection, scheme_code: str, month: Month, town: str | None = None) -> list[Run]:
    """The runs of a period by its first month, by town."""
    r = issuance_runs.c
    query = select(issuance_runs).where(r.scheme_code == scheme_code, r.month == str(month)).order_by(r.town)
    rows = conn.execute(query if town is None else query.where(r.town == town))
    return [Run(**row._mapping) for row in rows]


def changes(conn: Connection, run_id: str) -> list[Change]:
    """What differs from the month before, and why: everything but the lines that stay the same."""
    i, d, r = issuance_lines.c, issuance_drops.c, issuance_runs.c
    lines = select(i.senior_id, i.month, i.previous_amount, i.amount, i.change)
    lines = lines.where(i.run_id == run_id, i.change != "same").order_by(i.change, i.month, i.senior_id)
    drops = select(d.senior_id, r.month, d.previous_amount, d.reason).join(issuance_runs, r.id == d.run_id)
    drops = drops.where(d.run_id == run_id).order_by(d.reason, d.senior_id)
    found = [Change(*row) for row in conn.execute(lines)]
    return found + [Change(id, month, before, 0, why) for id, month, before, why in conn.execute(drops)]


def retotal(act: Act, run_id: str) -> None:
    """Write the run's head from its lines."""
    i = issuance_lines.c
    totals = select(func.count(func.distinct(i.senior_id)), func.coalesce(func.sum(i.amount), 0)).where(
        i.run_id == run_id
    )
    people, amount = act.conn.execute(totals).one()
    head = update(issuance_runs).where(issuance_runs.c.id == run_id)
    act.conn.execute(head.values(people=int(people), amount=int(amount)))
