"""The subsidy by month and town: issued, spent, come back. Every figure is the sum of rows that :func:`issued`, :func:`spent` and :func:`returned` list.

Spent: of a month with a statement what is on its lines, of another what was debited for its visits so far. Come back: what was taken back after
a death or move learnt late, and lots that lapsed, in the month in which they did. In fen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, String, and_, exists, func, literal, select, union_all
from sqlalchemy import cast as sql_cast

from settlement.cards.tables import cards
from settlement.closing.tables import statement_lines, statements
from settlement.ledger.tables import accounts, transfers
from settlement.people.tables import seniors
from settlement.periods import Month
from settlement.visits.tables import debits, visits
from settlement.vouchers.tables import issuance_returns, issuance_runs

MONTHS = 6
"""Shown at a time."""


@dataclass(frozen=True)
class Moved:
    """A town's month, in fen. ``stated``: whether ``spent`` is from statements."""

    month: str
    town: str
    issued: int
    spent: int
    returned: int
    stated: bool


def by_month(conn: Connection, scheme_code: str, months: Sequence[Month], town: str | None = None) -> list[Moved]:
    """Every month and town in which anything moved, in order."""
    sums: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: {"issued": 0, "spent": 0, "returned": 0})
    for name, rows in (("issued", issued), ("spent", spent), ("returned", returned)):
        for month in months:
            each = rows(scheme_code, month, town).subquery()
            query = select(each.c.town, func.sum(each.c.fen)).group_by(each.c.town)
            for where, total in conn.execute(query):
                sums[str(month), where][name] = int(total)
    s = statements.c
    of_months = and_(s.scheme_code == scheme_code, s.month.in_([str(month) for month in months]))
    stated = {(row.month, row.town) for row in conn.execute(select(s.month, s.town).where(of_months).distinct())}
    return [
        Moved(month, where, each["issued"], each["spent"], each["returned"], (month, where) in stated)
        for (month, where), each in sorted(sums.items())
    ]


def issued(scheme_code: str, month: Month, town: str | None = None) -> Select[Any]:
    """(id, town, people, fen, posted_at) of the runs that were posted for a month."""
    r = issuance_runs.c
    query = select(r.id, r.town, r.people, r.amount.label("fen"), r.posted_at)
    query = query.where(r.scheme_code == scheme_code, r.month == str(month), r.status == "posted")
    return query if town is None else query.where(r.town == town)


def spent(scheme_code: str, month: Month, town: str | None = None) -> Select[Any]:
    """(visit_id, town, provider_id, senior_id, check_in_at, fen, personal, statement_id) of each visit that spent something of the month."""
    v, d, s, line = visits.c, debits.c, statements.c, statement_lines.c
    about = (v.id.label("visit_id"), v.town, v.provider_id, v.senior_id, v.check_in_at)
    on_statement = (
        select(*about, line.subsidy_fen.label("fen"), line.personal_fen.label("personal"), s.id.label("statement_id"))
        .join(statement_lines, line.visit_id == v.id)
        .join(statements, s.id == line.statement_id)
        .where(s.scheme_code == scheme_code, s.month == str(month))
    )
    none = sql_cast(literal(None), String(80))
    drawn = exists().where(s.scheme_code == scheme_code, s.month == str(month), s.town == v.town)
    running = (
        select(*about, d.subsidy_fen.label("fen"), d.personal_fen.label("personal"), none.label("statement_id"))
        .join(debits, and_(d.visit_id == v.id, d.status == "posted"))
        .where(v.scheme_code == scheme_code, v.month == str(month), v.status == "served", ~drawn)
    )
    if town is not None:
        on_statement, running = on_statement.where(s.town == town), running.where(v.town == town)
    both = union_all(on_statement, running).subquery("both")
    return select(both)


def returned(scheme_code: str, month: Month, town: str | None = None) -> Select[Any]:
    """(senior_id, town, why, at, fen) of what came back to the funds in a month: taken back (died, left) or lapsed."""
    r, t, a, c, p = issuance_returns.c, transfers.c, accounts.c, cards.c, seniors.c
    begin, end = month.start(), month.end()
    taken = (
        select(
            p.id.label("senior_id"), p.town, r.reason.label("why"), r.recorded_at.label("at"), r.taken_back.label("fen")
        )
        .join(seniors, p.id == r.senior_id)
        .where(r.scheme_code == scheme_code, r.undone_at.is_(None), r.taken_back > 0)
        .where(r.recorded_at >= begin, r.recorded_at < end)
    )
    lapsed = (
        select(p.id, p.town, literal("lapsed").label("why"), t.recorded_at, t.amount)
        .select_from(transfers)
        .join(accounts, a.id == t.debit_account_id)
        .join(cards, a.owner == "card:" + sql_cast(c.id, String))
        .join(seniors, p.id == c.senior_id)
        .where(t.code == "lapse", t.reference == f"scheme:{scheme_code}", t.recorded_at >= begin, t.recorded_at < end)
    )
    if town is not None:
        taken, lapsed = taken.where(p.town == town), lapsed.where(p.town == town)
    both = union_all(taken, lapsed).subquery("both")
    return select(both)
