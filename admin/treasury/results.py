"""The bank's answers: a result file taken in as a whole, or every fault of it shown."""

from __future__ import annotations

from flask import Response, make_response, redirect, render_template, url_for
from sqlalchemy import select

from admin.frame import forms, listing
from admin.frame.access import officer
from admin.frame.acting import acting, done
from admin.frame.console import looking
from admin.frame.listing import Column
from admin.treasury.desk import desk
from settlement.closing import bankfile, payment
from settlement.closing.tables import bank_results
from settlement.findings import Finding
from settlement.officers import officers
from settlement.outcomes import Reason, Refused

LARGEST = 20 * 1024 * 1024
r = bank_results.c
COLUMNS = (
    Column("confirmed_at", "登记时间", "registered", r.confirmed_at, "moment"),
    Column("layout", "格式", "layout", r.layout),
    Column("paid", "已付笔数", "paid", r.paid, "number"),
    Column("returned", "退回笔数", "returned", r.returned, "number"),
    Column("name", "经办人", "by", officers.c.name),
)


@desk.page("/results", may="treasury.read", menu=("银行回盘", "The bank's answers"))
def results(findings: tuple[Finding, ...] = ()) -> str | Response:
    with looking() as conn:
        source = select().select_from(bank_results).outerjoin(officers, officers.c.id == r.confirmed_by)
        if officer().town is not None:
            source = source.where(officers.c.town == officer().town)
        found = listing.look(conn, source, COLUMNS, sort="-confirmed_at", name="bank-results")
    if found.download is not None:
        return found.download
    layouts = [(name, f"{(form := bankfile.load(name)).name_zh} {form.name_en}") for name in bankfile.names()]
    return render_template("treasury/results.html", list=found, findings=findings, layouts=layouts)


class ResultForm(forms.Form):
    layout = forms.Text(40)


@desk.act("/results", may="payment.confirm", shows=results)
def take_results() -> Response:
    given = forms.read(ResultForm)
    file = forms.upload("file", LARGEST)
    if file is None:
        raise Refused(Reason.BAD_INPUT, detail="请选择文件 | choose a file")
    content = file.stream.read()
    with acting() as act:
        found = payment.confirm(act, content, layout=given["layout"])
    if found.findings:
        return make_response(results(found.findings), 422)
    if found.again:
        done("此文件此前已登记，没有改变任何内容", "This file was taken in before; nothing has changed")
    else:
        said = (f"已付{found.paid}笔，退回{found.returned}笔", f"{found.paid} paid, {found.returned} returned")
        done(*said)
    return redirect(url_for("treasury.results"), 303)  # type: ignore[return-value]
