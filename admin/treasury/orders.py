"""Payment orders: the list, one order with all that belongs to it, and a returned one put right by two people."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, render_template, request, url_for
from sqlalchemy import Connection, Row, select

from admin.frame import forms, listing, scope
from admin.frame.access import officer
from admin.frame.acting import acting, done, require_unchanged
from admin.frame.console import here, looking
from admin.frame.listing import Column
from admin.treasury.desk import desk, periods, scheme
from settlement import papers
from settlement.act import begin
from settlement.audit import audit_rows
from settlement.closing import invoices, payment, waiting
from settlement.closing.tables import order_corrections, payment_orders, settlement_shares
from settlement.officers import officers
from settlement.spoken import chinese

o = payment_orders.c
STATES = ("drafted", "exported", "paid", "returned", "reissued")
KINDS = {
    "provider": "付服务商 to a provider",
    "transfer": "划拨分担 transfer of a share",
    "personal": "个人部分 own money",
}
ACTS = {
    "payment.exported": "导出 exported",
    "payment.paid": "已付 paid",
    "payment.returned": "银行退回 returned by the bank",
    "payment.reissued": "已重发 issued again",
    "payment.propose_account": "提出更正账户 another account proposed",
    "invoice.register": "登记发票 invoice registered",
    "invoice.withdraw": "作废发票登记 invoice withdrawn",
    "paper.put": "上传文件 file added",
    "paper.read": "查看文件 file read",
}
COLUMNS = (
    Column("id", "付款单", "order", o.id, link=lambda row: url_for("treasury.order", order_id=row.id)),
    Column("period", "期间", "period", o.period),
    Column("town", "镇街", "town", o.town),
    Column("payer", "付款人", "payer", o.payer, "code"),
    Column("payee_name", "收款人", "payee", o.payee_name),
    Column("amount_fen", "金额", "amount", o.amount_fen, "yuan"),
    Column("status", "状态", "state", o.status, "code"),
    Column("status_at", "状态时间", "since", o.status_at, "moment"),
    Column("batch_id", "批次", "batch", o.batch_id),
)


@desk.page("/orders", may="treasury.read", menu=("付款单", "Payment orders"))
def orders() -> str | Response:
    with looking() as conn:
        code = scheme(conn)
        source = scope.within(select().select_from(payment_orders).where(o.scheme_code == code), town=o.town)
        for name, column in (("period", o.period), ("status", o.status), ("kind", o.kind)):
            if request.args.get(name):
                source = source.where(column == request.args[name])
        found = listing.look(conn, source, COLUMNS, sort="-status_at", name="payment-orders")
        if found.download is not None:
            return found.download
        drafted = scope.within(select(payment_orders).where(o.scheme_code == code, o.status == "drafted"), town=o.town)
        waits = waiting.reasons(conn, conn.execute(drafted).all())
        choices = periods(conn, code)
    states = [(state, chinese(state)) for state in STATES]
    return render_template(
        "treasury/orders.html",
        list=found,
        periods=choices,
        states=states,
        kinds=KINDS.items(),
        waits=waits,
        words=waiting.WORDS,
    )


def seen(conn: Connection, order_id: str) -> Row[Any]:
    """An order that the officer sees. Raises Refused(NOT_FOUND)."""
    query = scope.within(select(payment_orders).where(o.id == order_id), town=o.town)
    return scope.one(conn, query, f"order {order_id}")


@desk.page("/orders/<order_id>", may="treasury.read")
def order(order_id: str) -> str:
    with looking() as conn:
        row = seen(conn, order_id)
        h, c = settlement_shares.c, order_corrections.c
        shares = conn.execute(
            select(h.payer, h.weight, h.amount_fen).where(h.settlement_id == row.settlement_id).order_by(h.position)
        ).all()
        correction = conn.execute(select(order_corrections).where(c.order_id == order_id)).one_or_none()
        before, after = (
            row.replaces_id,
            conn.execute(select(o.id).where(o.replaces_id == order_id)).scalar_one_or_none(),
        )
        shown = {
            "order": row,
            "shares": shares,
            "correction": correction,
            "before": before,
            "after": after,
            "invoices": invoices.of(conn, order_id),
            "papers": papers.of(conn, f"order:{order_id}"),
            "waits": waiting.reasons(conn, [row]).get(order_id, ()) if row.status == "drafted" else (),
            "history": _history(conn, order_id),
        }
    return render_template(
        "treasury/order.html",
        **shown,
        words=waiting.WORDS,
        kinds=KINDS,
        acts=ACTS,
        marks=_facts(row, correction),
        me=officer().id,
    )


def _history(conn: Connection, order_id: str) -> list[Row[Any]]:
    a = audit_rows.c
    query = select(a.at, officers.c.name, a.act, a.why).outerjoin(officers, officers.c.id == a.actor)
    return list(conn.execute(query.where(a.subject == f"order:{order_id}").order_by(a.id.desc()).limit(30)))


def _facts(order: Any, correction: Any) -> tuple[Any, ...]:
    """What a correction or its approval must not have changed under somebody's hands."""
    proposed: tuple[Any, ...] = ()
    if correction is not None:
        proposed = (correction.payee_name, correction.payee_account, correction.payee_bank, correction.proposed_by)
    return (order.status, *proposed)


class AccountForm(forms.Form):
    payee_name = forms.Text(120)
    payee_account = forms.Text(40)
    payee_bank = forms.Text(120)


@desk.act("/orders/<order_id>/account", may="payment.correct", shows=order)
def propose_account(order_id: str) -> Response:
    given = forms.read(AccountForm)
    with acting() as act:
        _unchanged(act.conn, order_id)
        payment.propose_account(act, order_id, **given)
    done("已提出更正，请由另一人核对后重发", "Proposed; another person checks and re-issues it")
    return redirect(url_for("treasury.order", order_id=order_id), 303)  # type: ignore[return-value]


@desk.act("/orders/<order_id>/reissue", may="payment.correct", shows=order)
def reissue(order_id: str) -> Response:
    with acting() as act:
        _unchanged(act.conn, order_id)
        new = payment.reissue(act, order_id)
    done(f"已重发为付款单 {new}，待导出", f"Issued again as {new}; export it next")
    return redirect(url_for("treasury.order", order_id=new), 303)  # type: ignore[return-value]


def _unchanged(conn: Connection, order_id: str) -> None:
    """Whoever approves an account approves the one they were shown: the order is held before anything is read."""
    conn.execute(select(o.id).where(o.id == order_id).with_for_update()).all()
    row = seen(conn, order_id)
    c = order_corrections.c
    correction = conn.execute(select(order_corrections).where(c.order_id == order_id)).one_or_none()
    require_unchanged(*_facts(row, correction))


@desk.page("/orders/<order_id>/papers/<int:paper_id>", may="treasury.read")
def paper(order_id: str, paper_id: int) -> Response:
    with looking() as conn:
        seen(conn, order_id)
    console = here()
    with begin(console.engine, officer().actor, console.now()) as act:
        found = papers.get(act, console.ring, paper_id, f"order:{order_id}")
    return listing.attachment(found.content, found.name, found.media_type)
