"""The provider's invoice, registered against its order with its paper; a wrong registration withdrawn."""

from __future__ import annotations

from flask import Response, redirect, url_for
from sqlalchemy import select

from admin.frame import forms, scope
from admin.frame.acting import acting, done
from admin.frame.console import here
from admin.treasury.desk import desk
from admin.treasury.orders import order, seen
from settlement import papers
from settlement.closing import invoices
from settlement.closing import tables as closing


class InvoiceForm(forms.Form):
    number = forms.Text(30)
    issued_on = forms.Day()
    amount = forms.Yuan()


@desk.act("/orders/<order_id>/invoice", may="invoice.register", shows=order)
def register_invoice(order_id: str) -> Response:
    given = forms.read(InvoiceForm)
    paper = forms.upload("paper", papers.LARGEST)
    with acting() as act:
        seen(act.conn, order_id)
        invoices.register(act, order_id, given["number"], given["issued_on"], given["amount"])
        if paper is not None:
            papers.put(act, here().ring, f"order:{order_id}", "invoice", paper.filename or "", paper.stream.read())
    done("发票已登记", "The invoice is registered")
    return redirect(url_for("treasury.order", order_id=order_id), 303)  # type: ignore[return-value]


class WhyForm(forms.Form):
    why = forms.Text(200)


@desk.act("/invoices/<int:invoice_id>/withdraw", may="invoice.register")
def withdraw_invoice(invoice_id: int) -> Response:
    with acting() as act:
        i, o = closing.invoices.c, closing.payment_orders.c
        query = select(i.order_id).join(closing.payment_orders, o.id == i.order_id).where(i.id == invoice_id)
        order_id = scope.one(act.conn, scope.within(query, town=o.town), "invoice").order_id
        given = forms.read(WhyForm)
        invoices.withdraw(act, invoice_id, given["why"])
    done("发票登记已作废", "The registration is withdrawn")
    return redirect(url_for("treasury.order", order_id=order_id), 303)  # type: ignore[return-value]
