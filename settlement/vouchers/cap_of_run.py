"""The yearly caps after a run is posted, for a whole town at once.

Most people get what they got the month before, and then their cap of the year is what it was: issued and still to come only change places.
It is reckoned anew (:func:`settlement.vouchers.cap.recompute`) for the others alone. What makes this right whatever else goes on: a run waits
for the earlier ones that are being posted (``runs.lock_to_post``), and news of a death or leaving waits for the runs that hold the person.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Integer, exists, false, func, literal, select

from settlement.act import Act
from settlement.cards.tables import card_years, cards
from settlement.periods import Month
from settlement.vouchers import cap, runs
from settlement.vouchers.runs import Run
from settlement.vouchers.tables import issuance_drops, issuance_lines, issuance_returns
from settlement.vouchers.upsert import insert_into

i = issuance_lines.c


def set_anew(act: Act, run: Run, months: Sequence[Month]) -> None:
    """Bring the caps of everybody in the run, or dropped by it, to what is issued now. ``months``: of its lines. It is marked as posted already."""
    own = Month.parse(run.month)
    d = issuance_drops.c
    dropped = select(cards.c.id).join(issuance_drops, d.senior_id == cards.c.senior_id).where(d.run_id == run.id)
    left_out = set(act.conn.execute(dropped).scalars())
    for year in sorted({month.year for month in months} | {own.year}):
        lines = select(i.card_id).where(i.run_id == run.id, i.month.between(f"{year}-01", f"{year}-12"))
        if year == own.year and run.months == 1:
            lines = lines.where(~_settled(act, run, own))
        cap.recompute(act, year, sorted(left_out | set(act.conn.execute(lines).scalars())))


def _settled(act: Act, run: Run, own: Month) -> ColumnElement[bool]:
    """Whose cap of the year is right without being reckoned anew: with the month's line alone, nothing that ever came back, and no later month."""
    every = runs.of_scheme(act.conn, run.scheme_code)
    posted = [other for other in every if other.status == "posted"]
    if any(other.period[-1] > own for other in posted):
        return false()
    several = select(i.card_id).where(i.run_id == run.id, i.month != str(own))
    alone = i.card_id.not_in(several) & i.card_id.not_in(select(issuance_returns.c.card_id))
    if not any(Month(own.year, 1) <= other.period[-1] < own for other in posted):
        _begin_year(act, run, own, alone)
        return alone
    return alone & _as_before(own, every)


def _begin_year(act: Act, run: Run, own: Month, alone: ColumnElement[bool]) -> None:
    """Nothing is issued yet for the year but this month: each card's line, as often as there are months left."""
    to_year_end = i.amount * literal(13 - own.number, Integer)
    rows = select(i.card_id, literal(own.year), to_year_end, literal(0)).where(i.run_id == run.id, alone)
    columns = ["card_id", "year", "entitled", "spent"]
    new = insert_into(act.conn, card_years).from_select(columns, rows.order_by(i.card_id), include_defaults=False)
    changed = card_years.c.entitled != new.excluded.entitled
    act.conn.execute(
        new.on_conflict_do_update(
            index_elements=["card_id", "year"], set_={"entitled": new.excluded.entitled}, where=changed
        )
    )


def _as_before(own: Month, every: Sequence[Run]) -> ColumnElement[bool]:
    """Whose posted line of the month before, of the same year, has the same amount, and whom no run of this month left out.

    ``every``: the scheme's runs. One of this month that is not posted may just be: we would not see it, nor it our lines. Whom both name
    is reckoned anew by both, one after the other at the card's year.
    """
    d, y, line = issuance_drops.c, card_years.c, issuance_lines.alias("before")
    left_out = select(d.senior_id).where(d.run_id.in_([other.id for other in every if other.month == str(own)]))
    # Arrears of the month before may wait in a later run.
    waiting = [other.id for other in every if other.status != "posted" and other.period[-1] >= own.previous()]
    # Looked up person by person: of a month just written PostgreSQL has no statistics, and a join may walk all of it for each.
    before = (
        select(line.c.amount)
        .where(
            line.c.scheme_code == i.scheme_code, line.c.month == str(own.previous()), line.c.senior_id == i.senior_id
        )
        .where(line.c.run_id.not_in(waiting))
        .correlate(issuance_lines)
        .scalar_subquery()
    )
    opened = exists().where(y.card_id == i.card_id, y.year == own.year).correlate(issuance_lines)
    return (func.coalesce(before, 0) == i.amount) & opened & i.senior_id.not_in(left_out)
