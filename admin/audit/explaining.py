"""Explain anything: from any number somebody holds in hand to what stands behind it, and what was done to it."""

from __future__ import annotations

from flask import Response, redirect, render_template, url_for
from sqlalchemy import select

from admin.audit.parts import asked, desk
from admin.audit.words import act_words
from admin.frame import forms
from admin.frame.access import may
from admin.frame.console import here, looking
from admin.frame.forms import Form, Text
from settlement.audit import audit_rows
from settlement.closing import tracing

CHANGES = 50
"""Audit rows beside an explanation, the newest."""
LIMITS = (20, 200, 2000)


class Number(Form):
    number = Text(most=120)


@desk.page("/explain", may="books.read", menu=("说明来龙去脉", "Explain"))
def explain() -> str:
    of = asked("of")
    if not of:
        return render_template("audit/explain.html", node=None, of="", rows=())
    limit = next((each for each in LIMITS if asked("limit") == str(each)), LIMITS[0])
    a = audit_rows.c
    with looking() as conn:
        node = tracing.trace(conn, of, limit)
        changes = select(audit_rows).where(a.subject == f"{node.kind}:{node.id}").order_by(a.id.desc()).limit(CHANGES)
        rows = conn.execute(changes).all() if may("audit.read") else ()
    shown = {"node": node, "of": f"{node.kind}:{node.id}", "rows": rows, "limit": limit, "limits": LIMITS}
    return render_template("audit/explain.html", **shown, act_words=act_words)


@desk.act("/explain", may="books.read", shows=explain)
def find() -> Response:
    """A form of its own that is posted: a card's or a person's number never stands in an address."""
    number = forms.read(Number)["number"]
    with looking() as conn:
        of = tracing.find(conn, here().ring, number)
    return redirect(url_for("audit.explain", of=of), 303)  # type: ignore[return-value]
