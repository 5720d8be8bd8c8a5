"""Payment files: what would leave for the bank is shown first, then exported as one batch, whose files can be fetched again."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, render_template, request, url_for
from sqlalchemy import Connection, Row, exists, select

from admin.frame import forms, listing, scope, words
from admin.frame.access import actor, officer
from admin.frame.acting import acting, done, require_unchanged
from admin.frame.console import here, looking
from admin.frame.listing import Column
from admin.treasury.desk import desk, own_payer, period, periods, scheme
from settlement.act import begin
from settlement.closing import bankfile, payment, waiting
from settlement.closing.tables import bank_batches, payment_orders
from settlement.outcomes import Reason, Refused

o, b = payment_orders.c, bank_batches.c
COLUMNS = (
    Column("id", "批次", "batch", b.id, link=lambda row: url_for("treasury.batch", batch_id=row.id)),
    Column("period", "期间", "period", b.period),
    Column("orders", "付款单数", "orders", b.orders, "number"),
    Column("total_fen", "金额", "total", b.total_fen, "yuan"),
    Column("layout", "格式", "layout", b.layout),
    Column("exported_at", "导出时间", "exported", b.exported_at, "moment"),
)


def _drafted(
    conn: Connection, code: str, wanted: str, *, lock: bool = False
) -> tuple[list[Row[Any]], dict[str, tuple[str, ...]]]:
    """What the officer's export would take, and which of it waits for what. ``lock``: it stays so until the act ends."""
    if lock:
        payment.hold(conn, code, wanted)
    query = select(payment_orders).where(o.scheme_code == code, o.period == wanted, o.status == "drafted")
    if own_payer() is not None:
        query = query.where(o.payer == own_payer())
    query = query.order_by(o.id)
    rows = list(conn.execute(query.with_for_update() if lock else query))
    return rows, waiting.reasons(conn, rows)


def _marks(rows: list[Row[Any]], waits: dict[str, tuple[str, ...]]) -> list[Any]:
    return [(row.id, row.amount_fen, row.payee_account) for row in rows if row.id not in waits]


@desk.page("/export", may="treasury.read", menu=("付款文件", "Files for the bank"))
def export() -> str | Response:
    with looking() as conn:
        code = scheme(conn)
        choices = periods(conn, code)
        wanted = request.values.get("period") or next(iter(choices), "")
        rows, waits = _drafted(conn, code, period(wanted)) if wanted else ([], {})
        source = select().select_from(bank_batches).where(b.scheme_code == code)
        if own_payer() is not None:
            source = source.where(exists().where(o.batch_id == b.id, o.payer == own_payer()))
        batches = listing.look(conn, source, COLUMNS, sort="-exported_at", name="payment-batches")
    if batches.download is not None:
        return batches.download
    going = [row for row in rows if row.id not in waits]
    layouts = [(name, f"{(form := bankfile.load(name)).name_zh} {form.name_en}") for name in bankfile.names()]
    shown = {"period": wanted, "periods": choices, "orders": rows, "waits": waits, "going": going, "layouts": layouts}
    total = sum(row.amount_fen for row in going)
    return render_template(
        "treasury/export.html",
        **shown,
        total=total,
        batches=batches,
        words=waiting.WORDS,
        scheme=code,
        marks=_marks(rows, waits),
    )


class ExportForm(forms.Form):
    scheme = forms.Text(40)
    period = forms.Text(7)
    layout = forms.Text(40)


@desk.act("/export", may="payment.export", shows=export)
def export_now() -> Response:
    given = forms.read(ExportForm)
    wanted = period(given["period"])
    with acting() as act:
        require_unchanged(*_marks(*_drafted(act.conn, given["scheme"], wanted, lock=True)))
        made = payment.export(act, given["scheme"], wanted, layout=given["layout"])
    said = f"{made.orders}张付款单，合计{words.yuan(made.total_fen)}元"
    done(f"已导出：{said}。请下载文件并送交银行。", f"Exported {made.orders} orders; take the file to the bank.")
    return redirect(url_for("treasury.batch", batch_id=made.batch_id), 303)  # type: ignore[return-value]


@desk.page("/batches/<batch_id>", may="treasury.read")
def batch(batch_id: str) -> str:
    with looking() as conn:
        row = scope.one(conn, select(bank_batches).where(b.id == batch_id), f"batch {batch_id}")
        query = scope.within(select(payment_orders).where(o.batch_id == batch_id), town=o.town).order_by(o.id)
        orders = conn.execute(query).all()
        if officer().town is not None and not orders:
            scope.one(conn, query, f"batch {batch_id}")
    whole = own_payer() is None or (all(order.payer == own_payer() for order in orders) and len(orders) == row.orders)
    return render_template(
        "treasury/batch.html", batch=row, orders=orders, whole=whole, layout=bankfile.load(row.layout)
    )


@desk.page("/batches/<batch_id>/<which>", may="payment.export")
def batch_file(batch_id: str, which: str) -> Response:
    if which not in ("file", "book"):
        raise Refused(Reason.NOT_FOUND, what=which[:20])
    console = here()
    with begin(console.engine, actor(), console.now()) as act:
        found = payment.batch(act, batch_id)
    if which == "book":
        return listing.attachment(found.workbook, f"{batch_id}.xlsx", words.XLSX)
    return listing.attachment(found.bank_file, found.bank_file_name, "application/octet-stream")
