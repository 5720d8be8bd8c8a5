"""The overview's figures, reckoned by the scheduler every hour and kept, so that nobody waits for a million visits to be gone through.

What is kept is of every town; a town's figures are its rows. The present month and the last one are summed up anew every hour, of the months before
them one an hour in turn, for little changes there. Figures of a month that nobody keeps are reckoned when they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from settlement.act import Act
from settlement.overview import coverage, money
from settlement.overview.coverage import Covered
from settlement.overview.money import Moved
from settlement.overview.tables import overview_figures
from settlement.people.tables import entitlements
from settlement.periods import Month
from settlement.policy.scheme import Scheme
from settlement.supervision import callbacks
from settlement.supervision.callbacks import Satisfaction
from settlement.visits import compliance
from settlement.visits.compliance import InTown

ALWAYS, MONTHS = 2, 24
"""So many months are summed up at each run; so many are kept in all."""
LASTS, LONGEST = timedelta(hours=2), timedelta(hours=MONTHS - ALWAYS + 4)
"""So long kept figures are shown, and so long those of the months before: some runs of the job may fail before pages reckon by themselves."""

Rows = Sequence[Covered | Moved | InTown | Satisfaction]


def due(conn: Connection, present: Month) -> list[Month]:
    """The months to be summed up at a run: the newest ones, and of those before whatever nobody summed up yet, or else what is the oldest."""
    f = overview_figures.c
    begun = conn.execute(select(func.min(entitlements.c.from_month))).scalar_one_or_none() or str(present)
    months = [month for back in range(MONTHS) if str(month := present.plus(-back)) >= begun]
    earlier = months[ALWAYS:]
    query = select(f.month, func.min(f.at)).where(f.month.in_([str(month) for month in earlier])).group_by(f.month)
    known = {Month.parse(month): at for month, at in conn.execute(query)}
    missing = [month for month in earlier if month not in known]
    return months[:ALWAYS] + (missing or sorted(known, key=lambda month: known[month])[:1])


def lasts(month: Month, now: datetime) -> timedelta:
    return LASTS if month > Month.of(now).plus(-ALWAYS) else LONGEST


def reckon(conn: Connection, name: str, scheme: Scheme, month: Month, town: str | None) -> Rows:
    """A figure of :data:`NAMES` from the rows of this moment."""
    return _FIGURES[name](conn, scheme, month, town)


def everything(conn: Connection, scheme: Scheme, month: Month) -> dict[str, Rows]:
    """Every figure of a month, by name. It takes seconds: not inside a transaction that writes, for on SQLite debits wait for it."""
    return {name: reckon(conn, name, scheme, month, None) for name in NAMES}


def keep(act: Act, scheme: Scheme, month: Month, at: datetime, figures: dict[str, Rows]) -> None:
    """Keep what :func:`everything` found ``at`` a moment in the place of what was kept."""
    f = overview_figures.c
    key = {"scheme_code": scheme.code, "month": str(month)}
    found = {name: [_plain(row) for row in rows] for name, rows in figures.items()}
    act.conn.execute(delete(overview_figures).where(f.scheme_code == scheme.code, f.month == str(month)))
    kept = [key | {"name": name, "at": at, "rows": rows} for name, rows in found.items()]
    act.conn.execute(insert(overview_figures), kept)


def kept(
    conn: Connection, name: str, scheme: Scheme, month: Month, town: str | None, now: datetime
) -> tuple[Rows, datetime] | None:
    """A kept figure and of when it is; None when there is none or it is older than a figure of that month :func:`lasts`."""
    f = overview_figures.c
    key = (f.scheme_code == scheme.code, f.month == str(month), f.name == name, f.at > now - lasts(month, now))
    row = conn.execute(select(f.at, f.rows).where(*key)).one_or_none()
    if row is None:
        return None
    here = [each for each in row.rows if town is None or each["town"] == town]
    return _read(name, scheme, here), row.at


def _plain(row: Any) -> dict[str, Any]:
    """A row for JSON: a target by its code."""
    told = asdict(row)
    return told | {"target": row.target.code} if isinstance(row, Covered) else told


def _read(name: str, scheme: Scheme, rows: list[dict[str, Any]]) -> Rows:
    if name != "coverage":
        return [_KINDS[name](**row) for row in rows]
    targets = {target.code: target for target in scheme.targets}
    return [Covered(**row | {"target": targets[row["target"]]}) for row in rows if row["target"] in targets]


def _money(conn: Connection, scheme: Scheme, month: Month, town: str | None) -> list[Moved]:
    """Of the month and those before it."""
    return money.by_month(conn, scheme.code, months_to(month), town)


def months_to(month: Month) -> list[Month]:
    """A month and those before it that are shown beside it."""
    return [month.plus(back) for back in range(1 - money.MONTHS, 1)]


_FIGURES: dict[str, Callable[[Connection, Scheme, Month, str | None], Rows]] = {
    "coverage": coverage.coverage,
    "money": _money,
    "visits": compliance.by_town,
    "satisfaction": lambda conn, scheme, month, town: callbacks.satisfaction(conn, month, town=town),
}
NAMES = tuple(_FIGURES)
_KINDS: dict[str, Callable[..., Any]] = {"money": Moved, "visits": InTown, "satisfaction": Satisfaction}
