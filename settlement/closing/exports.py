"""The books as CSV files that a stranger can recompute: statements from visits and debits, settlements from statements, shares from nets.

Amounts are whole fen, times ISO 8601 with offset; the columns are described in ``docs/outputs.md``. Rows are streamed, whatever their number.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Select, func, select, union

from settlement.cards.tables import media
from settlement.closing.sharing import weights_in
from settlement.closing.tables import (
    adjustments,
    exclusions,
    settlement_shares,
    settlements,
    statement_lines,
    statements,
)
from settlement.people.workbook import harmless
from settlement.periods import SHANGHAI, Month
from settlement.policy import store
from settlement.visits.tables import debits, visit_lines, visits

BATCH = 5000

COLUMNS = {
    "visits": "visit_id senior_id caregiver_id provider_id town items check_in check_out minutes status reason statement_id",
    "debits": "debit_id visit_id card_no occurred_at total_fen subsidy_fen personal_fen cash_fen status",
    "adjustments": "adjustment_id kind statement_id provider_id town quarter origin_month visit_id amount_fen reason",
    "shares": "scheme version town payer weight",
    "statements": "statement_id provider_id town month visits subsidy_fen personal_fen adjustments_fen net_fen",
    "settlement": "provider_id town quarter gross_fen adjustments_fen net_fen district_fen town_fen receivable_fen",
}


def write(conn: Connection, folder: Path, scheme_code: str, zone: ZoneInfo = SHANGHAI) -> dict[str, int]:
    """Write every file of a scheme into a folder (made when it is missing); the number of rows by file name."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: dict[str, Iterable[Iterable[Any]]] = {
        "visits": _visits(conn, scheme_code, zone),
        "debits": _debits(conn, scheme_code, zone),
        "adjustments": _adjustments(conn, scheme_code),
        "shares": _shares(conn, scheme_code),
        "statements": _statements(conn, scheme_code),
        "settlement": _settlement(conn, scheme_code),
    }
    counts = {}
    for name, found in rows.items():
        # A byte-order mark would become part of the first column's name for most readers; the files are plain UTF-8.
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS[name].split())
            counts[f"{name}.csv"] = _copied(writer, found)
    return counts


def _copied(writer: Any, rows: Iterable[Iterable[Any]]) -> int:
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007  # the number of the last row is the answer
        writer.writerow(row)
    return count


def _streamed(conn: Connection, query: Select[Any]) -> Iterator[Any]:
    return iter(conn.execution_options(yield_per=BATCH).execute(query))


def _said(moment: datetime | None, zone: ZoneInfo) -> str:
    return "" if moment is None else moment.astimezone(zone).isoformat()


def _visits(conn: Connection, scheme_code: str, zone: ZoneInfo) -> Iterator[tuple[Any, ...]]:
    """``reason``: why it is void or, for one that no statement has taken, what kept it out of the latest close that looked at it."""
    v, line, s = visits.c, visit_lines.c, statement_lines.c
    query = (
        select(v.id, v.senior_id, v.caregiver_id, v.provider_id, v.town, v.check_in_at, v.check_out_at, v.seconds)
        .add_columns(v.status, v.void_reason, s.statement_id, line.item_code)
        .select_from(visits)
        .outerjoin(visit_lines, line.visit_id == v.id)
        .outerjoin(statement_lines, s.visit_id == v.id)
        .where(v.scheme_code == scheme_code)
        .order_by(v.id, line.no)
    )
    kept_out = _kept_out(conn, scheme_code)
    for _, group in groupby(_streamed(conn, query), key=lambda row: row.id):
        rows = list(group)
        first = rows[0]
        items = ";".join(row.item_code for row in rows if row.item_code is not None)
        minutes = "" if first.seconds is None else first.seconds // 60
        reason = first.void_reason or ("" if first.statement_id else kept_out.get(first.id, ""))
        yield (
            *(first.id, first.senior_id, first.caregiver_id, first.provider_id, first.town, items),
            *(_said(first.check_in_at, zone), _said(first.check_out_at, zone), minutes),
            *(first.status, reason, first.statement_id or ""),
        )


def _kept_out(conn: Connection, scheme_code: str) -> dict[str, str]:
    """Reasons of the latest close by visit, for visits still unpaid: few, however many visits there are."""
    x = exclusions.c
    latest = select(x.visit_id, func.max(x.month).label("month")).where(x.scheme_code == scheme_code)
    last = latest.group_by(x.visit_id).subquery("latest")
    query = (
        select(x.visit_id, x.reason)
        .join(last, (last.c.visit_id == x.visit_id) & (last.c.month == x.month))
        .join(visits, visits.c.id == x.visit_id)
        .where(x.scheme_code == scheme_code, visits.c.status.in_(("served", "open")))
        .order_by(x.visit_id, x.reason)
    )
    return {
        visit_id: ";".join(row.reason for row in rows)
        for visit_id, rows in groupby(conn.execute(query), key=lambda row: row.visit_id)
    }


def _debits(conn: Connection, scheme_code: str, zone: ZoneInfo) -> Iterator[tuple[Any, ...]]:
    """Those that moved money: posted and reversed, not declined. The total is what was paid: a provider's own share of a late debit is not."""
    d = debits.c
    # Where nothing was read (the agent agreed afterwards) the number is that of the card's latest piece.
    latest = select(media.c.card_no).where(media.c.card_id == d.card_id).order_by(media.c.issue.desc()).limit(1)
    card_no = func.coalesce(media.c.card_no, latest.correlate(debits).scalar_subquery())
    query = (
        select(
            d.id,
            d.visit_id,
            card_no,
            d.occurred_at,
            d.total_fen - d.shortfall_fen,
            d.subsidy_fen,
            d.personal_fen,
            d.cash_fen,
        )
        .add_columns(d.status)
        .select_from(debits)
        .outerjoin(media, media.c.id == d.medium_id)
        .join(visits, visits.c.id == d.visit_id)
        .where(visits.c.scheme_code == scheme_code, d.status != "declined")
        .order_by(d.occurred_at, d.id)
    )
    for row in _streamed(conn, query):
        yield (*row[:3], _said(row.occurred_at, zone), *row[4:])


def _adjustments(conn: Connection, scheme_code: str) -> Iterator[Any]:
    a = adjustments.c
    columns = (a.id, a.kind, a.statement_id, a.provider_id, a.town, a.quarter, a.origin_month, a.visit_id, a.amount_fen)
    query = select(*columns, a.reason).where(a.scheme_code == scheme_code).order_by(a.proposed_at, a.id)
    for row in _streamed(conn, query):
        yield (*row[:-1], harmless(row.reason))  # the one column that people write freely


def _shares(conn: Connection, scheme_code: str) -> Iterator[tuple[Any, ...]]:
    """Payers and weights of every version and town that something was settled under, in the order that breaks ties of the last fen."""
    s, a, line = statements.c, adjustments.c, statement_lines.c
    lines = select(line.service_month, s.town).join(statements, s.id == line.statement_id)
    used = union(
        select(s.month.label("month"), s.town.label("town")).where(s.scheme_code == scheme_code),
        lines.where(s.scheme_code == scheme_code),
        select(a.origin_month, a.town).where(a.scheme_code == scheme_code),
    )
    seen = set()
    for month_text, town in sorted(tuple(row) for row in conn.execute(used)):
        month = Month.parse(month_text)
        version = store.in_force(conn, scheme_code, month).version
        if (version, town) not in seen:
            seen.add((version, town))
            for payer, weight in weights_in(conn, scheme_code, month, town):
                yield scheme_code, version, town, payer, weight


def _statements(conn: Connection, scheme_code: str) -> Iterator[Any]:
    s = statements.c
    columns = (
        s.id,
        s.provider_id,
        s.town,
        s.month,
        s.visits,
        s.subsidy_fen,
        s.personal_fen,
        s.adjustments_fen,
        s.net_fen,
    )
    return _streamed(
        conn, select(*columns).where(s.scheme_code == scheme_code).order_by(s.month, s.town, s.provider_id)
    )


def _settlement(conn: Connection, scheme_code: str) -> Iterator[Any]:
    s, h = settlements.c, settlement_shares.c

    def share(payer: str) -> Any:
        query = select(h.amount_fen).where(h.settlement_id == s.id, h.payer == payer).correlate(settlements)
        return func.coalesce(query.scalar_subquery(), 0)

    columns = (s.provider_id, s.town, s.quarter, s.gross_fen, s.adjustments_fen, s.net_fen)
    query = select(*columns, share("district"), share("town"), s.receivable_fen).where(s.scheme_code == scheme_code)
    return _streamed(conn, query.order_by(s.quarter, s.town, s.provider_id))
