"""A budget that would not do, said where money is about to be committed."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from admin.treasury.desk import own_payer, today
from settlement.closing import payers
from settlement.periods import Month
from settlement.treasury import budgets
from settlement.vouchers.runs import Run


def short(conn: Connection, scheme: str, month: Month, runs: Iterable[Run] = ()) -> list[budgets.Short]:
    """Whose budget would be exceeded once these runs, as far as they are not loaded, are; a town's officer is told of no other town's."""
    by_town: dict[str, int] = {}
    for run in runs:
        if run.status != "posted":
            by_town[run.town] = by_town.get(run.town, 0) + run.amount
    found = budgets.short_after(conn, scheme, month, by_town, today())
    own = own_payer()
    return [one for one in found if own in (None, one.payer) or not one.payer.startswith(f"{payers.TOWN}:")]
