"""Entries for the accounting system: the ledger of some months as a journal, two lines per entry, summing to zero."""

from __future__ import annotations

from flask import Response, render_template, request

from admin.frame import listing, words
from admin.frame.access import actor
from admin.frame.console import here, looking
from admin.treasury.desk import desk, period, today
from settlement.act import begin
from settlement.periods import Month, Quarter
from settlement.treasury import accounting


@desk.page("/journal", may="accounting.read", menu=("会计分录", "Accounting entries"))
def journal() -> str | Response:
    wanted = period(request.args.get("period") or str(Month.of(today())))
    span = Quarter.parse(wanted) if "Q" in wanted else Month.parse(wanted)
    form = request.args.get("export", "")
    with looking() as conn:
        found = accounting.entries(conn, span.first_day, span.end_day)
        if form in ("csv", "xlsx"):
            _record(wanted)
            csv = form == "csv"
            content = accounting.as_csv(found) if csv else accounting.as_workbook(found)
            return listing.attachment(content, f"journal-{wanted}.{form}", "text/csv" if csv else words.XLSX)
        totals = accounting.totals(found) if "period" in request.args else None
    sums = (sum(one.debit for one in totals or ()), sum(one.credit for one in totals or ()))
    return render_template("treasury/journal.html", period=wanted, totals=totals, sums=sums, names=accounting.NAMES)


def _record(wanted: str) -> None:
    console = here()
    with begin(console.engine, actor(), console.now()) as act:
        act.audit("list.export", "list:journal", after={"period": wanted})
