"""The card operator's daily file, compared with our books: nothing is booked, what differs is listed."""

from __future__ import annotations

from flask import g, render_template
from sqlalchemy import select

from admin.counter.card import desk
from admin.frame import forms
from admin.frame.acting import acting
from admin.frame.console import looking
from settlement.cards import operator_file
from settlement.cards.tables import operator_files
from settlement.outcomes import Reason, Refused

LARGEST = 10 * 1024 * 1024
DAYS = 31
"""Of those compared last, on the page."""


class OfDay(forms.Form):
    day = forms.Day()


@desk.page("/operator-file", may="card.top_up", menu=("核对日终文件", "The operator's daily file"))
def daily_file() -> str:
    f = operator_files.c
    with looking() as conn:
        days = conn.execute(select(operator_files).order_by(f.day.desc()).limit(DAYS)).all()
    return render_template("counter/operator.html", days=days, compared=g.get("compared"))


@desk.act("/operator-file", may="card.top_up", shows=daily_file)
def compare() -> str:
    given, file = forms.read(OfDay), forms.upload("file", LARGEST)
    if file is None:
        g.wrong = {"file": forms.MISSING}
        raise Refused(Reason.BAD_INPUT, detail="请选择文件 | choose a file")
    with acting() as act:
        g.compared = operator_file.reconcile(act, given["day"], file.stream.read())
    return str(daily_file())
