"""The yearly cap: per card and calendar year, no more subsidy is settled than the sum of that year's monthly entitlements (notice 6.2).

``card_years.entitled`` is what was issued for months of the year, plus the last issued month's amount for each month still to come
(``docs/decisions/0005-yearly-cap.md``); it follows from the posted lines alone, so that anybody can recompute it. The year is that of the
check-in. Order of locks for whoever needs both: the card's year first, then its accounts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    ScalarSelect,
    Select,
    Subquery,
    bindparam,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    update,
)

from settlement.act import Act
from settlement.cards.tables import card_years, cards
from settlement.errors import BrokenInvariant
from settlement.together import Write
from settlement.vouchers.tables import issuance_drops, issuance_lines, issuance_returns, issuance_runs
from settlement.vouchers.upsert import insert_into

BATCH = 500

Which = Callable[[ColumnElement[int]], ColumnElement[bool]]
"""A condition on a card's id."""


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
        recompute(act, year, [card_id])
        row = act.conn.execute(query).one_or_none()
    return 0 if row is None else Year(row.entitled, row.spent).left


def spending(card_id: int, year: int, amount: int) -> Write:
    """Counts subsidy spent, of which :func:`room` or the like found enough while the year was locked."""
    return Write(_SPEND, {"spending_card": card_id, "spending_year": year, "spent_fen": amount})


_SPEND = (
    update(card_years)
    .where(card_years.c.card_id == bindparam("spending_card"), card_years.c.year == bindparam("spending_year"))
    .where(card_years.c.spent + bindparam("spent_fen") <= card_years.c.entitled)
    .values(spent=card_years.c.spent + bindparam("spent_fen"))
)


def give_back(act: Act, card_id: int, year: int, amount: int) -> None:
    """Uncount what a void gave back. Raises BrokenInvariant when so much was never spent."""
    y = card_years.c
    counted = update(card_years).where(_is(card_id, year), y.spent >= amount)
    if act.conn.execute(counted.values(spent=y.spent - amount)).rowcount != 1:
        raise BrokenInvariant(f"card {card_id} has not spent {amount} in {year}")


def recompute(act: Act, year: int, card_ids: Sequence[int]) -> None:
    """Set ``entitled`` of the year anew for these cards."""
    for start in range(0, len(card_ids), BATCH):
        _recompute_some(act, year, card_ids[start : start + BATCH])


def _recompute_some(act: Act, year: int, card_ids: Sequence[int]) -> None:
    # Whoever has no line left that stands is entitled to nothing.
    stored = update(card_years).where(card_years.c.year == year, card_years.c.card_id.in_(card_ids)).values(entitled=0)
    found = entitled(year, lambda card_id: card_id.in_(card_ids)).subquery()
    new = insert_into(act.conn, card_years).from_select(
        ["card_id", "year", "entitled", "spent"],
        # SQLite reads ON CONFLICT after a bare SELECT as a join; the condition keeps them apart.
        select(found.c.card_id, literal(year), found.c.entitled, literal(0)).where(found.c.card_id.is_not(None)),
        include_defaults=False,
    )
    if act.conn.execute(stored).rowcount < len(card_ids) and act.conn.dialect.name != "sqlite":
        # Somebody else may be opening a year just now: what is reckoned by a statement that waits for that is of before. So wait first.
        act.conn.execute(new.on_conflict_do_nothing())
        act.conn.execute(stored)
    act.conn.execute(
        new.on_conflict_do_update(index_elements=["card_id", "year"], set_={"entitled": new.excluded.entitled})
    )


def entitled(year: int, which: Which) -> Select[Any]:
    """(card_id, entitled) of a year by the posted lines, for those cards that fulfil ``which`` and have any."""
    newest = _newest_lines(year, which)
    d, x = issuance_drops.c, issuance_returns.c
    # Runs and drops are looked up row by row: as joins, PostgreSQL walks whole months of which it has no statistics yet.
    left_out = select(func.max(_posted_month(d.run_id))).where(d.senior_id == cards.c.senior_id)
    in_vain = select(func.max(x.month)).where(x.card_id == cards.c.id, x.undone_at.is_(None))
    over = or_(
        *(func.coalesce(month.correlate(cards).scalar_subquery(), "") > newest.c.month for month in (left_out, in_vain))
    )
    left = case(
        (newest.c.month < f"{year}-01", 12),
        (newest.c.month > f"{year}-12", 0),
        else_=12 - cast(func.substr(newest.c.month, 6, 2), Integer),
    )
    to_come = case((over, 0), else_=newest.c.amount * left)
    total = cast(newest.c.issued + to_come, BigInteger)
    return select(newest.c.card_id, total.label("entitled")).join(cards, cards.c.id == newest.c.card_id)


def _newest_lines(year: int, which: Which) -> Subquery:
    """By card: the newest posted line that did not come back, and ``issued``, the sum of all those of the year."""
    i, x = issuance_lines.c, issuance_returns.c
    same = (x.scheme_code == i.scheme_code, x.month == i.month, x.senior_id == i.senior_id)
    returned = select(x.month).where(*same, x.undone_at.is_(None))
    in_year = case((i.month.between(f"{year}-01", f"{year}-12"), i.amount), else_=0)
    ranked = (
        select(
            i.card_id,
            i.month,
            i.amount,
            func.sum(in_year).over(partition_by=i.card_id).label("issued"),
            func.row_number().over(partition_by=i.card_id, order_by=i.month.desc()).label("place"),
        )
        .where(
            which(i.card_id),
            _posted_month(i.run_id).is_not(None),
            returned.correlate(issuance_lines).scalar_subquery().is_(None),
        )
        .subquery("ranked")
    )
    return select(ranked).where(ranked.c.place == 1).subquery("newest")


def _posted_month(run_id: ColumnElement[str]) -> ScalarSelect[str]:
    """The run's month, nothing while it is not posted."""
    r = issuance_runs.c
    return select(r.month).where(r.id == run_id, r.status == "posted").correlate_except(issuance_runs).scalar_subquery()


def _is(card_id: int, year: int) -> ColumnElement[bool]:
    return (card_years.c.card_id == card_id) & (card_years.c.year == year)


def _row(conn: Connection, card_id: int, year: int) -> Year | None:
    row = conn.execute(select(card_years.c.entitled, card_years.c.spent).where(_is(card_id, year))).one_or_none()
    return None if row is None else Year(row.entitled, row.spent)


def _unopened(conn: Connection, card_id: int, year: int) -> Year:
    row = conn.execute(entitled(year, lambda id: id == card_id)).one_or_none()
    return Year(0 if row is None else int(row.entitled), 0)  # no such card: nothing to spend
