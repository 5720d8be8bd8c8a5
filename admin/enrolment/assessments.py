"""Assessment orders: the assessor's list and sheet, what it comes to before it is sent, and who takes a reassessment over."""

from __future__ import annotations

from typing import Any

from flask import Response, g, redirect, render_template, request, url_for
from sqlalchemy import Connection, Row, Select, case, select

from admin.enrolment.desk import LEVELS, desk, scheme_of
from admin.frame import forms, scope
from admin.frame.access import may, officer
from admin.frame.acting import acting, done, require_unchanged
from admin.frame.console import here, looking
from admin.frame.listing import Column, look
from settlement.outcomes import Reason, Refused
from settlement.people import ability, assessing, entitling
from settlement.people.assessing import Sheet
from settlement.people.tables import assessment_orders, entitlements, seniors
from settlement.periods import Month, local_date
from settlement.policy import store
from settlement.policy.eligibility import PersonFacts, age_on, reckoning_day
from settlement.policy.entitlement import Entitlement, entitlement
from settlement.policy.scheme import Scheme

STATES = {
    "asked": ("待下达", "asked for"),
    "ordered": ("待上门评估", "to be seen"),
    "found": ("待认定", "to be taken over"),
    "done": ("已完成", "done"),
    "withdrawn": ("已撤回", "withdrawn"),
}
REASONS = {
    "application": ("新申请", "application"),
    "due": ("到期复评", "due again"),
    "asked": ("申请复评", "asked for"),
}


class Filled(forms.Form):
    assessed_on = forms.Day()
    worse = forms.Many(forms.Choice(*(each.code for each in ability.WORSE)), load_default=[])


class Why(forms.Form):
    why = forms.Text(500)


def _theirs(*columns: Any) -> Select[Any]:
    """Orders with their seniors: an assessor's own, an office's own people's."""
    o = assessment_orders.c
    query = select(*columns).select_from(assessment_orders).join(seniors, seniors.c.id == o.senior_id)
    if officer().role == "assessor":
        return query.where(o.assessor == officer().id)
    return scope.people(query)


def _one(conn: Connection, order_id: int) -> Row[Any]:
    columns = (seniors.c.name, seniors.c.town, seniors.c.village, seniors.c.birth_date, seniors.c.sex)
    return scope.one(conn, _theirs(assessment_orders, *columns).where(assessment_orders.c.id == order_id), "assessment")


@desk.page("/assessments", may="assessment.read", menu=("评估任务", "Assessments"))
def assessments() -> str | Response:
    o, asked = assessment_orders.c, request.args
    state = asked.get("state", "found" if may("assessment.adopt") else "ordered")
    query = _theirs()
    if state in STATES:
        query = query.where(o.status == state)
    reason = case({code: zh for code, (zh, _) in REASONS.items()}, value=o.reason)
    status = case({code: zh for code, (zh, _) in STATES.items()}, value=o.status)
    columns = [
        Column("id", "任务编号", "order", o.id, "number", link=_to),
        Column("name", "姓名", "name", seniors.c.name),
        Column("town", "镇街", "town", seniors.c.town),
        Column("village", "村社区", "village", seniors.c.village),
        Column("reason", "原因", "why", reason),
        Column("ordered_at", "下达时间", "ordered", o.ordered_at, "moment"),
        Column("assessed_on", "评估日期", "assessed on", o.assessed_on, "day"),
        Column("total", "总分", "points", o.total, "number"),
        Column("status", "状态", "state", status),
    ]
    with looking() as conn:
        found = look(conn, query, columns, sort="id", name="assessments")
    states = [(code, f"{zh} {en}") for code, (zh, en) in STATES.items()]
    return found.download or render_template("enrolment/assessments.html", list=found, states=states, state=state)


@desk.page("/assessments/<int:order_id>", may="assessment.read")
def assessment(order_id: int) -> str:
    with looking() as conn:
        return _page(conn, order_id)


def _page(conn: Connection, order_id: int, address: dict[str, str | None] | None = None) -> str:
    row = _one(conn, order_id)
    scheme = scheme_of(conn, row.scheme_code)
    today = local_date(here().now(), scheme.time_zone)
    shown: dict[str, Any] = {"row": row, "scheme": scheme, "today": today, "age": age_on(row.birth_date, today)}
    shown |= {"parts": ability.PARTS, "worse": ability.WORSE, "total": ability.TOTAL, "levels": LEVELS}
    shown |= {"state": STATES[row.status], "reason": REASONS[row.reason], "address": address}
    shown |= {"mine": officer().role == "assessor" and row.status == "ordered"}
    if row.status in ("found", "done"):
        shown["sheet"] = assessing.sheet_of(here().ring, row)
    if row.status == "found" and row.enrolment_id is None:
        shown["change"] = _change(conn, scheme, row)
    return render_template("enrolment/assessment.html", **shown)


def _change(conn: Connection, scheme: Scheme, row: Row[Any]) -> dict[str, Any]:
    """What taking it over changes: from which month, what it is now and what it will be."""
    first = Month.of(here().now(), scheme.time_zone).next()
    on = reckoning_day(first)
    facts = entitling.facts_of(conn, [row.senior_id], on)[row.senior_id]
    known = {name: getattr(facts, name) for name in PersonFacts.__slots__}
    found = PersonFacts(**known | {"ability_level": row.level, "assessed_on": row.assessed_on})
    e = entitlements.c
    running = (e.senior_id == row.senior_id) & (e.scheme_code == row.scheme_code) & e.to_month.is_(None)
    now = conn.execute(select(e.amount, e.level, e.clause).where(running)).one_or_none()
    will: Entitlement = entitlement(store.in_force(conn, scheme.code, first), found, on)
    facts_shown = (first, now.amount if now is not None else None, will.amount_fen, row.level)
    return {"first": first, "now": now, "will": will, "facts": facts_shown}


@desk.act("/assessments/<int:order_id>/look", may="assessment.find", shows=assessment)
def look_at_sheet(order_id: int) -> str:
    """What the sheet comes to; nothing is done here."""
    filled = _filled()
    judged = ability.judge(filled.points, filled.worse)
    with looking() as conn:
        row = _one(conn, order_id)
    kept = [(name, value) for name in (*ability.ITEMS, "assessed_on", "worse") for value in request.form.getlist(name)]
    chosen: dict[str, Any] = {"worse": [each for each in ability.WORSE if each.code in filled.worse], "filled": filled}
    shown: dict[str, Any] = {"row": row, "judged": judged, "kept": kept, "levels": LEVELS, "parts": ability.PARTS}
    return render_template("enrolment/sheet.html", **shown, **chosen)


@desk.act("/assessments/<int:order_id>/change", may="assessment.find", shows=assessment)
def change_sheet(order_id: int) -> str:
    """Back from what it comes to; nothing is done here."""
    return str(assessment(order_id))


@desk.act("/assessments/<int:order_id>/find", may="assessment.find", shows=assessment)
def find_level(order_id: int) -> Response:
    filled = _filled()
    with acting() as act:
        _one(act.conn, order_id)
        judged = assessing.find(act, here().ring, order_id, filled)
    zh, en = ability.LEVELS[judged.level]
    done(f"已提交：{judged.total}分，{zh}", f"sent: {judged.total} points, {en}")
    return redirect(url_for("enrolment.assessments"), 303)  # type: ignore[return-value]


def _filled() -> Sheet:
    """Raises Refused(BAD_INPUT) with what is missing beside each item."""
    points: dict[str, int] = {}
    missing: dict[str, str] = {}
    for code in ability.ITEMS:
        value = request.form.get(code, "")
        if value.isdecimal() and int(value) <= ability.ITEMS[code].most:
            points[code] = int(value)
        else:
            missing[code] = forms.MISSING
    try:
        given = forms.read(Filled)
    except Refused:
        g.wrong |= missing
        raise
    if missing:
        g.wrong = missing
        raise Refused(Reason.BAD_INPUT, detail=f"还有{len(missing)}项没有评分 | {len(missing)} items are empty")
    return Sheet(points, tuple(given["worse"]), given["assessed_on"])


@desk.act("/assessments/<int:order_id>/address", may="assessment.find", shows=assessment)
def address(order_id: int) -> str:
    """Where to go: address and telephone of somebody one was asked to see; on record."""
    with acting() as act:
        _one(act.conn, order_id)
        found = assessing.where_to_go(act, here().ring, order_id)
    with looking() as conn:
        return _page(conn, order_id, found)


@desk.act("/assessments/<int:order_id>/adopt", may="assessment.adopt", shows=assessment)
def adopt(order_id: int) -> Response:
    with acting() as act:
        row = _one(act.conn, order_id)
        if row.status == "found":
            scheme = scheme_of(act.conn, row.scheme_code)
            require_unchanged(*_change(act.conn, scheme, row)["facts"])
        assessing.adopt(act, order_id)
    done("已认定，从次月起按新等级发放", "taken over; it counts from the next month")
    return redirect(url_for("enrolment.assessment", order_id=order_id), 303)  # type: ignore[return-value]


@desk.act("/assessments/<int:order_id>/withdraw", may="assessment.order", shows=assessment)
def withdraw(order_id: int) -> Response:
    given = forms.read(Why)
    with acting() as act:
        _one(act.conn, order_id)
        assessing.withdraw(act, order_id, given["why"])
    done("已撤回", "the order is withdrawn")
    return redirect(url_for("enrolment.assessment", order_id=order_id), 303)  # type: ignore[return-value]


def _to(row: Row[tuple[int]]) -> str:
    return url_for("enrolment.assessment", order_id=row._mapping["id"])
