"""The yearly cap: per card and calendar year, no more subsidy is settled than the sum of that year's monthly entitlements (notice 6.2).

``card_years.entitled`` is what was issued for months of the year, plus the last issued month's amount for each month still to come
(``docs/decisions/0005-yearly-cap.md``); it follows from the posted lines alone, so that anybody can recompute it. The year is that of the
check-in. Order of locks for whoever needs both: the card's year first, then its accounts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    Select,
    Subquery,
    case,
    cast,
    func,
    literal,
    select,
    union_all,
    update,
)

from settlement.act import Act
from settlement.cards.tables import card_years, cards
from settlement.errors import BrokenInvariant
from settlement.vouchers.tables import issuance_drops, issuance_lines, issuance_returns, issuance_runs
from settlement.vouchers.upsert import insert_into


@dataclass(frozen=True)
class Year:
    """In the scheme's unit. ``left``: can still be spent this year, whatever the balance."""

    entitled: int
    spent: int

    @property
    def left(self) -> int:
        # A lowered entitlement may lie below what was spent already.
        return max(0, self.entitled - self.spent)


def year_view(conn: Connection, card_id: int, year: int) -> Year:
    """What a card may spend in a year and has spent; reckoned from the last issued month while the year was not begun."""
    return _row(conn, card_id, year) or _unopened(conn, card_id, year)


def remaining(conn: Connection, card_id: int, year: int) -> int:
    """What may still be spent from subsidy in a year; only to be asked where the scheme's cap applies."""
    return year_view(conn, card_id, year).left


def room(act: Act, card_id: int, year: int) -> int:
    """As :func:`remaining`, and until the act ends nobody else spends from the card's year. Opens the year when it is not yet."""
    query = select(card_years.c.entitled, card_years.c.spent).where(_is(card_id, year)).with_for_update()
    row = act.conn.execute(query).one_or_none()
    if row is None:
        recompute(act, year, cards.c.id == card_id)
        row = act.conn.execute(query).one_or_none()
    return 0 if row is None else Year(row.entitled, row.spent).left


def spend(act: Act, card_id: int, year: int, amount: int) -> bool:
    """Count subsidy spent; False, and nothing is counted, when it would go beyond the cap."""
    y = card_years.c
    enough = update(card_years).where(_is(card_id, year), y.spent + amount <= y.entitled)
    return act.conn.execute(enough.values(spent=y.spent + amount)).rowcount == 1


def give_back(act: Act, card_id: int, year: int, amount: int) -> None:
    """Uncount what a void gave back. Raises BrokenInvariant when so much was never spent."""
    y = card_years.c
    counted = update(card_years).where(_is(card_id, year), y.spent >= amount)
    if act.conn.execute(counted.values(spent=y.spent - amount)).rowcount != 1:
        raise BrokenInvariant(f"card {card_id} has not spent {amount} in {year}")


def recompute(act: Act, year: int, which: ColumnElement[bool]) -> None:
    """Set ``entitled`` of the year anew for the cards that ``which`` (a condition on ``cards``) names."""
    found = entitled(year, which).subquery()
    new = insert_into(act.conn, card_years).from_select(
        ["card_id", "year", "entitled", "spent"],
        # SQLite reads ON CONFLICT after a bare SELECT as a join; the condition keeps them apart.
        select(found.c.card_id, literal(year), found.c.entitled, literal(0)).where(found.c.card_id.is_not(None)),
        include_defaults=False,
    )
    act.conn.execute(
        new.on_conflict_do_update(index_elements=["card_id", "year"], set_={"entitled": new.excluded.entitled})
    )


def entitled(year: int, which: ColumnElement[bool]) -> Select[Any]:
    """(card_id, entitled) of a year by the posted lines, for the cards that ``which`` names."""
    scope = select(cards.c.id).where(which)
    lines = _standing_lines("standing", scope)
    last = select(lines.c.card_id, func.max(lines.c.month).label("month")).group_by(lines.c.card_id).subquery("last")
    in_year = lines.c.month.between(f"{year}-01", f"{year}-12")
    issued = select(lines.c.card_id, func.sum(lines.c.amount).label("amount")).where(in_year)
    sums = issued.group_by(lines.c.card_id).subquery("sums")
    newest = _standing_lines("newest", scope)
    ended = _ended(scope)
    left = case(
        (last.c.month < f"{year}-01", 12),
        (last.c.month > f"{year}-12", 0),
        else_=12 - cast(func.substr(last.c.month, 6, 2), Integer),
    )
    to_come = case((func.coalesce(ended.c.month, "") > last.c.month, 0), else_=newest.c.amount * left)
    total = cast(func.coalesce(sums.c.amount, 0), BigInteger) + func.coalesce(to_come, 0)
    return (
        select(cards.c.id.label("card_id"), total.label("entitled"))
        .outerjoin(last, last.c.card_id == cards.c.id)
        .outerjoin(newest, (newest.c.card_id == last.c.card_id) & (newest.c.month == last.c.month))
        .outerjoin(sums, sums.c.card_id == cards.c.id)
        .outerjoin(ended, ended.c.card_id == cards.c.id)
        .where(which)
    )


def _standing_lines(name: str, scope: Select[Any]) -> Subquery:
    """Posted lines that were not taken back."""
    i, x = issuance_lines.c, issuance_returns.c
    back = (x.scheme_code == i.scheme_code) & (x.month == i.month) & (x.senior_id == i.senior_id)
    return (
        select(i.card_id, i.month, i.amount)
        .join(issuance_runs, issuance_runs.c.id == i.run_id)
        .outerjoin(issuance_returns, back)
        .where(issuance_runs.c.status == "posted", x.senior_id.is_(None), i.card_id.in_(scope))
        .subquery(name)
    )


def _ended(scope: Select[Any]) -> Subquery:
    """The last month, by card, in which somebody was left out of a posted run or issued in vain."""
    d, x = issuance_drops.c, issuance_returns.c
    left_out = (
        select(cards.c.id.label("card_id"), issuance_runs.c.month)
        .join(issuance_drops, d.senior_id == cards.c.senior_id)
        .join(issuance_runs, issuance_runs.c.id == d.run_id)
        .where(issuance_runs.c.status == "posted", cards.c.id.in_(scope))
    )
    both = union_all(left_out, select(x.card_id, x.month).where(x.card_id.in_(scope))).subquery("ends")
    return select(both.c.card_id, func.max(both.c.month).label("month")).group_by(both.c.card_id).subquery("ended")


def _is(card_id: int, year: int) -> ColumnElement[bool]:
    return (card_years.c.card_id == card_id) & (card_years.c.year == year)


def _row(conn: Connection, card_id: int, year: int) -> Year | None:
    row = conn.execute(select(card_years.c.entitled, card_years.c.spent).where(_is(card_id, year))).one_or_none()
    return None if row is None else Year(row.entitled, row.spent)


def _unopened(conn: Connection, card_id: int, year: int) -> Year:
    row = conn.execute(entitled(year, cards.c.id == card_id)).one_or_none()
    return Year(0 if row is None else int(row.entitled), 0)  # no such card: nothing to spend
