"""The subsidy by month and town: issued, spent, come back. Every figure is the sum of rows that :func:`issued`, :func:`spent` and :func:`returned` list.

Spent: of a month with statements what is on their lines, of another what was debited for its visits so far. Come back: what was taken back after
a death or move learnt late, and lots that lapsed, in the month in which they did. In fen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, String, and_, func, literal, select, union_all
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
    """A town's month, in fen. ``stated``: whether the month has statements, which ``spent`` is from then."""

    month: str
    town: str
    issued: int
    spent: int
    returned: int
    stated: bool


def by_month(conn: Connection, scheme_code: str, months: Sequence[Month], town: str | None = None) -> list[Moved]:
    """Every month and town in which anything moved, in order. A month that has statements is summed by them, line by line proved by ``verify``."""
    sums: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: {"issued": 0, "spent": 0, "returned": 0})
    with_statements = {month for month in months if stated(conn, scheme_code, month)}
    for month in months:
        used = _statements(scheme_code, month, town) if month in with_statements else _debited(scheme_code, month, town)
        rows = {
            "issued": issued(scheme_code, month, town),
            "spent": used,
            "returned": returned(scheme_code, month, town),
        }
        for name, query in rows.items():
            each = query.subquery()
            for where, total in conn.execute(select(each.c.town, func.sum(each.c.fen)).group_by(each.c.town)):
                sums[str(month), where][name] = int(total)
    known = {str(month) for month in with_statements}
    return [
        Moved(month, where, each["issued"], each["spent"], each["returned"], month in known)
        for (month, where), each in sorted(sums.items())
    ]


def stated(conn: Connection, scheme_code: str, month: Month) -> bool:
    """Whether statements were drawn up for a month."""
    s = statements.c
    query = select(s.id).where(s.scheme_code == scheme_code, s.month == str(month)).limit(1)
    return conn.execute(query).first() is not None


def issued(scheme_code: str, month: Month, town: str | None = None) -> Select[Any]:
    """(id, town, people, fen, posted_at) of the runs that were posted for a month."""
    r = issuance_runs.c
    query = select(r.id, r.town, r.people, r.amount.label("fen"), r.posted_at)
    query = query.where(r.scheme_code == scheme_code, r.month == str(month), r.status == "posted")
    return query if town is None else query.where(r.town == town)


def spent(conn: Connection, scheme_code: str, month: Month, town: str | None = None) -> Select[Any]:
    """(visit_id, town, provider_id, senior_id, check_in_at, fen, personal, statement_id) of each visit that spent something of the month."""
    if stated(conn, scheme_code, month):
        v, s, line = visits.c, statements.c, statement_lines.c
        about = (line.visit_id, s.town, s.provider_id, v.senior_id, v.check_in_at)
        query = select(*about, line.subsidy_fen.label("fen"), line.personal_fen.label("personal"), line.statement_id)
        query = query.select_from(statement_lines).join(statements, s.id == line.statement_id)
        query = query.join(visits, v.id == line.visit_id)
        query = query.where(s.scheme_code == scheme_code, s.month == str(month))
        return query if town is None else query.where(s.town == town)
    return _debited(scheme_code, month, town)


def _statements(scheme_code: str, month: Month, town: str | None) -> Select[Any]:
    s = statements.c
    query = select(s.town, s.subsidy_fen.label("fen")).where(s.scheme_code == scheme_code, s.month == str(month))
    return query if town is None else query.where(s.town == town)


def _debited(scheme_code: str, month: Month, town: str | None) -> Select[Any]:
    """What was debited for the visits of a month that has no statement yet."""
    v, d = visits.c, debits.c
    about = (v.id.label("visit_id"), v.town, v.provider_id, v.senior_id, v.check_in_at)
    none = sql_cast(literal(None), String(80)).label("statement_id")
    query = select(*about, d.subsidy_fen.label("fen"), d.personal_fen.label("personal"), none)
    query = query.join(debits, and_(d.visit_id == v.id, d.status == "posted"))
    query = query.where(v.scheme_code == scheme_code, v.month == str(month), v.status == "served")
    return query if town is None else query.where(v.town == town)


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
