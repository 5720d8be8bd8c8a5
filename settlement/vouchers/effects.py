"""What a change would do to one person's money, before anybody confirms it: the very act is tried and taken back, and the difference is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, exists, func, select

from settlement.act import Act
from settlement.cards import book, inquiry
from settlement.people.tables import entitlements, seniors
from settlement.periods import Month
from settlement.vouchers.tables import issuance_lines, issuance_returns, issuance_runs

BACK, AHEAD = 24, 2
"""Months that are compared, before this one and after it."""


class Given(NamedTuple):
    """What a month gives, in the scheme's unit. ``group``: the entitlement's group."""

    amount: int
    group: str
    clause: str


class Line(NamedTuple):
    """A month's line of an issuance run that is not posted yet."""

    run_id: str
    amount: int


class Back(NamedTuple):
    """Of an issued month that fell away: what came back unspent, and what was spent and is owed."""

    taken_back: int
    receivable: int


@dataclass(frozen=True)
class Standing:
    """One person as they stand, amounts in the scheme's unit, by month (``2026-07``). ``issued``: what was loaded and did not come back; ``card``: its
    state, None without one."""

    status: str
    town: str
    village: str
    given: dict[str, Given]
    waiting: dict[str, Line]
    issued: dict[str, int]
    back: dict[str, Back]
    card: str | None
    frozen_from: datetime | None
    subsidy: int
    personal: int

    @property
    def owed(self) -> int:
        return sum(each.receivable for each in self.back.values())


class Difference(NamedTuple):
    """Of one month; None: nothing."""

    month: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Effect:
    """``answer``: what the act itself answered."""

    before: Standing
    after: Standing
    answer: Any

    @property
    def given(self) -> list[Difference]:
        """Months that would give something else."""
        return _differences(self.before.given, self.after.given)

    @property
    def waiting(self) -> list[Difference]:
        """Lines that would leave runs not yet posted."""
        return _differences(self.before.waiting, self.after.waiting)

    @property
    def kept(self) -> dict[str, tuple[int, bool]]:
        """Months that would give something else and stay as they are: what they bring all the same, and whether it is loaded. A month is issued once;
        what is only drawn up changes when it is drawn up anew."""
        lines = {month: (line.amount, False) for month, line in self.after.waiting.items()}
        lines |= {month: (amount, True) for month, amount in self.after.issued.items()}
        due = {month: 0 if after is None else after.amount for month, _, after in self.given}
        return {month: lines[month] for month in due if month in lines and lines[month][0] != due[month]}

    @property
    def back(self) -> list[Difference]:
        """Issued months that would come back, or would be given back."""
        return _differences(self.before.back, self.after.back)

    @property
    def nothing(self) -> bool:
        """Whether money, card and place stay as they are."""
        return self.before == self.after


def tried(act: Act, senior_id: int, do: Callable[[Act], Any]) -> Effect:
    """Do it inside a savepoint, look, and take it back: nothing of it stays. Raises what the act itself refuses."""
    before = standing(act.conn, senior_id, act.now)
    trial = act.conn.begin_nested()
    try:
        answer = do(act)
        after = standing(act.conn, senior_id, act.now)
    finally:
        trial.rollback()
    return Effect(before, after, answer)


def standing(conn: Connection, senior_id: int, now: datetime) -> Standing:
    """How a person stands. The caller has made sure that there is such a person."""
    s = seniors.c
    who = conn.execute(select(s.status, s.town, s.village).where(s.id == senior_id)).one()
    card = book.of_senior(conn, senior_id)
    purses = None if card is None else inquiry.purses(conn, card.id)
    return Standing(
        status=who.status,
        town=who.town,
        village=who.village,
        given=_given(conn, senior_id, now),
        waiting=_waiting(conn, senior_id),
        issued=_issued(conn, senior_id),
        back=_back(conn, senior_id),
        card=None if card is None else card.status,
        frozen_from=None if card is None else card.frozen_from,
        subsidy=0 if purses is None else purses.subsidy,
        personal=0 if purses is None else purses.personal,
    )


def _given(conn: Connection, senior_id: int, now: datetime) -> dict[str, Given]:
    this = Month.of(now)
    e = entitlements.c
    query = select(e.amount, e.group_code, e.clause, e.from_month, e.to_month).where(e.senior_id == senior_id)
    rows = conn.execute(query.order_by(e.id)).all()
    return {
        month: Given(row.amount, row.group_code, row.clause)
        for month in (str(this.plus(by)) for by in range(-BACK, AHEAD + 1))
        for row in rows
        if row.from_month <= month and (row.to_month is None or row.to_month >= month)
    }


def _waiting(conn: Connection, senior_id: int) -> dict[str, Line]:
    i, r = issuance_lines.c, issuance_runs.c
    query = select(i.month, i.run_id, i.amount).join(issuance_runs, r.id == i.run_id)
    rows = conn.execute(query.where(i.senior_id == senior_id, r.status != "posted"))
    return {row.month: Line(row.run_id, row.amount) for row in rows}


def _issued(conn: Connection, senior_id: int) -> dict[str, int]:
    i, r, x = issuance_lines.c, issuance_runs.c, issuance_returns.c
    gone = exists().where(
        x.scheme_code == i.scheme_code, x.month == i.month, x.senior_id == i.senior_id, x.undone_at.is_(None)
    )
    query = select(i.month, i.amount).join(issuance_runs, r.id == i.run_id)
    rows = conn.execute(query.where(i.senior_id == senior_id, r.status == "posted", ~gone))
    return {row.month: row.amount for row in rows}


def _back(conn: Connection, senior_id: int) -> dict[str, Back]:
    x = issuance_returns.c
    sums = select(x.month, func.sum(x.taken_back), func.sum(x.receivable)).where(
        x.senior_id == senior_id, x.undone_at.is_(None)
    )
    return {month: Back(int(taken), int(owed)) for month, taken, owed in conn.execute(sums.group_by(x.month))}


def _differences(before: dict[str, Any], after: dict[str, Any]) -> list[Difference]:
    months = sorted(before.keys() | after.keys())
    found = (Difference(month, before.get(month), after.get(month)) for month in months)
    return [each for each in found if each.before != each.after]
