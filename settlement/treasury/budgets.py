"""Budgets: what a payer may spend on a scheme in a year, what of it is committed, paid and left.

Committed is what has been settled for the quarters of the year and, for the year that runs, what can still become due: subsidy that was issued and
can be spent, and what was spent and is not settled yet. An appropriation counts once a second person has approved it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, cast, func, insert, select, update

from settlement import officers
from settlement.act import Act
from settlement.closing import payers
from settlement.money import format_yuan
from settlement.outcomes import Reason, Refused
from settlement.periods import Month, local_date
from settlement.policy import store
from settlement.treasury import commitments
from settlement.treasury.tables import appropriations, year_closes

a = appropriations.c


@dataclass(frozen=True)
class Position:
    """One payer in one year, in fen. ``proposed``: appropriations that nobody has approved yet; they do not count."""

    payer: str
    appropriated: int
    proposed: int
    settled: int
    open: int
    paid: int

    @property
    def committed(self) -> int:
        return self.settled + self.open

    @property
    def left(self) -> int:
        """Below zero: more is committed than was granted."""
        return self.appropriated - self.committed


def positions(conn: Connection, scheme_code: str, year: int, today: date) -> list[Position]:
    """Every payer of the scheme with a budget or a commitment in the year: the district's first, then towns by name."""
    total = cast(func.sum(a.amount_fen), BigInteger)
    query = select(a.payer, a.approved_at.is_not(None), total).where(*_standing(scheme_code, year))
    granted = {
        (payer, bool(sure)): int(fen)
        for payer, sure, fen in conn.execute(query.group_by(a.payer, a.approved_at.is_not(None)))
    }
    settled = commitments.settled(conn, scheme_code, year)
    due = commitments.open_by_payer(conn, scheme_code, year, today)
    paid = commitments.paid(conn, scheme_code, year)
    names = {payer for payer, _ in granted} | settled.keys() | due.keys() | paid.keys()
    return [
        Position(
            name,
            granted.get((name, True), 0),
            granted.get((name, False), 0),
            settled.get(name, 0),
            due.get(name, 0),
            paid.get(name, 0),
        )
        for name in sorted(names, key=lambda name: (name.startswith(payers.TOWN), name))
    ]


@dataclass(frozen=True)
class Short:
    """A payer whose budget would not do: ``left`` fen after the act, below zero."""

    payer: str
    left: int


def short_after(
    conn: Connection, scheme_code: str, month: Month, by_town: Mapping[str, int], today: date
) -> list[Short]:
    """Who will have committed more than was granted once so much more is issued in these towns (fen): to be shown before it is approved.

    Only payers with a budget are named: a district that keeps none here is not warned every month.
    """
    granted = select(a.id).where(*_standing(scheme_code, month.year), a.approved_at.is_not(None)).limit(1)
    if conn.execute(granted).first() is None:
        return []
    more = commitments.at_ratio(conn, scheme_code, month, by_town)
    return [
        Short(at.payer, at.left - more.get(at.payer, 0))
        for at in positions(conn, scheme_code, month.year, today)
        if at.appropriated and at.left < more.get(at.payer, 0)
    ]


def propose(act: Act, scheme_code: str, year: int, payer: str, amount_fen: int, document: str, granted_on: date) -> int:
    """Record an appropriation, or below zero a reduction; its id. Raises Refused: NOT_FOUND for who is no payer of the scheme, BAD_INPUT, YEAR_CLOSED."""
    officers.require(act, "budget.propose", town=_town_of(payer))
    _require_payer(act, scheme_code, year, payer)
    require_open(act.conn, scheme_code, year)
    if not amount_fen or not document:
        raise Refused(Reason.BAD_INPUT, detail="金额、依据文件 | amount, document")
    row: dict[str, Any] = {"scheme_code": scheme_code, "year": year, "payer": payer, "amount_fen": amount_fen}
    row |= {"document": document, "granted_on": granted_on, "proposed_by": act.actor.id, "proposed_at": act.now}
    id: int = act.conn.execute(insert(appropriations).values(row).returning(a.id)).scalar_one()
    after = {"appropriation": id, "payer": payer, "amount_fen": amount_fen, "document": document}
    act.audit("budget.propose", f"budget:{scheme_code}/{year}", after=after)
    return id


def approve(act: Act, appropriation_id: int) -> None:
    """Raises Refused: NOT_FOUND, WRONG_STATE, SAME_PERSON, YEAR_CLOSED, BUDGET_NEGATIVE for a reduction below nothing."""
    row = _locked(act, appropriation_id, "approve")
    officers.require(act, "budget.approve", town=_town_of(row.payer))
    officers.require_other(act, row.proposed_by)
    require_open(act.conn, row.scheme_code, row.year)
    of_payer = (*_standing(row.scheme_code, row.year), a.payer == row.payer, a.approved_at.is_not(None))
    # Held, and only then summed: of two reductions at once each would else find the other not yet made.
    act.conn.execute(select(a.id).where(*of_payer).order_by(a.id).with_for_update()).all()
    standing = select(func.coalesce(func.sum(a.amount_fen), 0)).where(*of_payer)
    left = int(act.conn.execute(standing).scalar_one()) + row.amount_fen
    if left < 0:
        raise Refused(Reason.BUDGET_NEGATIVE, left=format_yuan(left))
    act.conn.execute(update(appropriations).where(a.id == row.id).values(approved_by=act.actor.id, approved_at=act.now))
    after = {"appropriation": row.id, "payer": row.payer, "amount_fen": row.amount_fen}
    act.audit("budget.approve", f"budget:{row.scheme_code}/{row.year}", after=after)


def withdraw(act: Act, appropriation_id: int, why: str) -> None:
    """Take back a proposal that nobody has approved. Raises Refused: NOT_FOUND, WRONG_STATE."""
    row = _locked(act, appropriation_id, "withdraw")
    officers.require(act, "budget.propose", town=_town_of(row.payer))
    act.conn.execute(
        update(appropriations).where(a.id == row.id).values(withdrawn_by=act.actor.id, withdrawn_at=act.now)
    )
    before = {"appropriation": row.id, "payer": row.payer, "amount_fen": row.amount_fen}
    act.audit("budget.withdraw", f"budget:{row.scheme_code}/{row.year}", before=before, why=why)


def require_open(conn: Connection, scheme_code: str, year: int) -> None:
    """Raises Refused(YEAR_CLOSED). A year that is prepared is held: who closes it waits for what was begun before, and the other way round."""
    y = year_closes.c
    query = select(y.closed_at).where(y.scheme_code == scheme_code, y.year == year).with_for_update()
    if conn.execute(query).scalar_one_or_none() is not None:
        raise Refused(Reason.YEAR_CLOSED, year=year)


def _standing(scheme_code: str, year: int) -> tuple[Any, ...]:
    return a.scheme_code == scheme_code, a.year == year, a.withdrawn_at.is_(None)


def _locked(act: Act, appropriation_id: int, event: str) -> Row[Any]:
    query = select(appropriations).where(a.id == appropriation_id, a.withdrawn_at.is_(None)).with_for_update()
    row = act.conn.execute(query).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what="appropriation")
    if row.approved_at is not None:
        raise Refused(Reason.WRONG_STATE, state="approved", event=event)
    return row


def _town_of(payer: str) -> str | None:
    """The scope of an act on a payer's money: an officer of a town has no say in the district's."""
    kind, _, town = payer.partition(":")
    return town if kind == payers.TOWN else ""


def _require_payer(act: Act, scheme_code: str, year: int, payer: str) -> None:
    scheme = store.in_force(act.conn, scheme_code, Month(max(year, local_date(act.now).year), 12))
    kind, _, town = payer.partition(":")
    if kind not in {known.code for known in scheme.funding.payers} or (kind == payers.TOWN) != bool(town):
        raise Refused(Reason.NOT_FOUND, what=f"payer {payer}")
