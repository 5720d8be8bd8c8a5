"""The month's plan: whom something is still owed, planned as last month or from a sheet."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, render_template, request, url_for

from admin.frame import forms, listing, words
from admin.frame.acting import acting, done
from admin.frame.console import looking
from admin.frame.forms import Form, Many, MonthField, Number
from admin.frame.listing import Column
from admin.provider.desk import desk, month_asked, month_of, ours, scheme, today, whose
from settlement.outcomes import Reason, Refused
from settlement.people.faults import Fault
from settlement.people.tables import seniors
from settlement.periods import Month
from settlement.visits import plan_sheet, planning

LARGEST = 10 * 1024 * 1024
GROUPS = {
    "aged": "高龄 aged",
    "needy_able": "困难自理 needy, able",
    "needy_semi": "困难半失能 needy, semi-disabled",
    "needy_disabled": "困难失能 needy, disabled",
}


class Ticked(Form):
    month = MonthField()
    senior = Many(Number(least=1, most=forms.LARGEST_ID))


class OfMonth(Form):
    month = MonthField()


@desk.page("/plan", may="provider_work.read", menu=("月计划", "Month's plan"))
def plan(faults: tuple[Fault, ...] | list[Fault] = ()) -> Response | str:
    month, s = month_asked(), seniors.c
    if request.method == "POST":
        month = _month_sent()
    with looking() as conn:
        provider_id = whose(conn)
        people = planning.people(conn, scheme(conn, provider_id), provider_id, month, today())
        source = people.source
        if request.args.get("show", "missing") == "missing":
            source = source.where(people.missing > 0)
        columns = (
            Column("id", "编号", "no.", s.id, "number"),
            Column("name", "老人", "senior", s.name),
            Column("town", "镇街", "town", s.town),
            Column("village", "村社区", "village", s.village),
            Column("group", "类别", "group", people.group_code, words=lambda code: GROUPS.get(code, code)),
            Column("required", "应有", "owed", people.required, "number"),
            Column("served", "已服务", "served", people.done, "number"),
            Column("planned", "已派单", "planned", people.planned, "number"),
            Column("missing", "还缺", "missing", people.missing, "number"),
        )
        found = listing.look(conn, source, columns, sort="-missing", name=f"plan-{month}", together=True)
    shown: dict[str, Any] = {"found": found, "month": str(month), "faults": faults}
    return found.download or render_template("provider/plan.html", **shown, show=request.args.get("show", "missing"))


@desk.page("/plan/sheet", may="provider_work.read")
def sheet() -> Response:
    """The sheet to fill in: a row for each visit that is missing."""
    month = month_asked()
    with looking() as conn:
        provider_id = whose(conn)
        people = planning.people(conn, scheme(conn, provider_id), provider_id, month, today())
        content = plan_sheet.written(conn, people)
    listing.record(f"plan-{month}")
    return listing.attachment(content, f"plan-{month}.xlsx", words.XLSX)


@desk.act("/plan/repeat", may="order.plan", shows=plan)
def repeat() -> Response:
    given, mine = forms.read(Ticked), ours()
    with acting() as act:
        made = planning.repeat(act, scheme(act.conn, mine), mine, given["month"], sorted(set(given["senior"])))
    zh = f"已按上月派{made.planned}张工单"
    en = f"{made.planned} orders planned as last month"
    if made.left:
        zh += f"；{len(made.left)}位老人还没有派齐（上月没有可照的工单，或日期已过），请单独派单"
        en += f"; {len(made.left)} seniors still lack some: plan those by hand"
    done(zh, en)
    return redirect(url_for("provider.plan", month=str(given["month"])), 303)  # type: ignore[return-value]


@desk.act("/plan/sheet", may="order.plan", shows=plan)
def take_sheet() -> Response:
    given, mine, file = forms.read(OfMonth), ours(), forms.upload("file", LARGEST)
    if file is None:
        raise Refused(Reason.BAD_INPUT, detail="请选择文件 | choose a file")
    content = file.read()
    with acting() as act:
        read = plan_sheet.read(act.conn, mine, given["month"], content, file.filename or "")
        if not read.faults and read.plans:
            count = planning.plan(act, scheme(act.conn, mine), mine, read.plans)
    if read.faults:
        return Response(plan(read.faults), 422, mimetype="text/html")
    if not read.plans:
        raise Refused(Reason.BAD_INPUT, detail="表中没有填写日期的行 | no row has a day")
    done(f"已派{count}张工单（表中{read.rows}行）", f"{count} orders planned, of {read.rows} rows")
    return redirect(url_for("provider.plan", month=str(given["month"])), 303)  # type: ignore[return-value]


def _month_sent() -> Month:
    try:
        return month_of(request.form.get("month", ""))
    except ValueError:
        return month_asked()
