"""Statements on paper, and the check of what somebody brings along."""

from __future__ import annotations

from flask import Response, render_template

from admin.frame import forms
from admin.frame.access import officer
from admin.frame.console import here, looking
from admin.frame.listing import attachment
from admin.months.desk import desk, statement_of
from settlement.closing import printed
from settlement.outcomes import Reason, Refused


class Signed(forms.Form):
    text = forms.Text(most=4000)


@desk.page("/statement/<statement_id>/paper", may="months.read")
def paper(statement_id: str) -> Response:
    with looking() as conn:
        row = statement_of(conn, statement_id)
        content = printed.pdf(conn, here().ring, row.id)
    return attachment(content, f"{row.id}.pdf", "application/pdf")


@desk.page("/check", may="months.read", menu=("核对签名", "Check a signature"))
def check_paper() -> str:
    return render_template("months/check.html", checked=None)


@desk.act("/check", may="months.read", shows=check_paper)
def checked_paper() -> str:
    """Nothing is written: the same text may be looked at as often as somebody likes."""
    text = forms.read(Signed)["text"]
    with looking() as conn:
        checked = printed.check(conn, here().ring, text)
    if officer().town not in (None, checked.fields["town"]):
        raise Refused(Reason.NOT_FOUND, what=f"statement {checked.statement_id}")
    return render_template("months/check.html", checked=checked)
