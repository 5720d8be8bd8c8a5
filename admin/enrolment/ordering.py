"""Asking an assessor to go: for applicants at that step, for people whose assessment is old, and for one who asked."""

from __future__ import annotations

from typing import Any

from flask import Response, g, redirect, render_template, request, url_for
from sqlalchemy import Connection, exists, select

from admin.enrolment.desk import desk, in_force, scheme_of, theirs
from admin.frame import forms, scope
from admin.frame.acting import acting, done
from admin.frame.console import here, looking
from admin.frame.listing import Column, look
from settlement.officers import officers
from settlement.outcomes import Reason, Refused
from settlement.people import assessing, enrolment, register
from settlement.people.identity import IdentityFault, check
from settlement.people.tables import assessment_orders, assessments, enrolments, seniors
from settlement.periods import local_date
from settlement.policy.scheme import Scheme

ASKED = 200
"""Requests shown at once; the others follow when these are ordered."""


class Ordering(forms.Form):
    scheme = forms.Text(40)
    assessor = forms.Text(80)
    ids = forms.Many(forms.Number(), load_default=[])


class Assigning(forms.Form):
    assessor = forms.Text(80)
    ids = forms.Many(forms.Number(), load_default=[])


class Asking(forms.Form):
    scheme = forms.Text(40)
    id_no = forms.Text(40)
    why = forms.Text(500)


@desk.page("/order", may="assessment.order", menu=("下达评估", "Order assessments"))
def to_order() -> str | Response:
    """Applicants whose assessment is due and nobody was asked to see yet."""
    with looking() as conn:
        scheme, schemes = _chosen(conn)
        if scheme is None:
            return render_template("enrolment/order.html", scheme=None)
        e, o = enrolments.c, assessment_orders.c
        asked = exists().where(o.enrolment_id == e.id, o.status.in_(assessing.UNDER_WAY))
        query = theirs().where(e.scheme_code == scheme.code, e.step == enrolment.ASSESS, ~asked)
        columns = [
            Column("id", "申请编号", "application", e.id, "number"),
            Column("name", "姓名", "name", seniors.c.name),
            Column("town", "镇街", "town", seniors.c.town),
            Column("village", "村社区", "village", seniors.c.village),
            Column("birth_date", "出生日期", "born", seniors.c.birth_date, "day"),
            Column("due_on", "办理期限", "due by", e.due_on, "day"),
        ]
        found = look(conn, query, columns, sort="id", name="to-assess")
        shown: dict[str, Any] = {"scheme": scheme, "schemes": schemes, "list": found, "assessors": _assessors(conn)}
    return found.download or render_template("enrolment/order.html", **shown)


@desk.act("/order", may="assessment.order", shows=to_order)
def order_applicants() -> Response:
    given = forms.read(Ordering)
    _require_some(given["ids"])
    with acting() as act:
        scheme = scheme_of(act.conn, given["scheme"])
        count = assessing.order_applicants(act, scheme, given["ids"], given["assessor"])
    return _ordered(count, "enrolment.to_order", scheme)


@desk.page("/reassess", may="assessment.order", menu=("到期复评", "Reassessments due"))
def to_reassess() -> str | Response:
    """Entitled people whose newest assessment is older than the scheme lets one stand, and a form for one who asked."""
    with looking() as conn:
        scheme, schemes = _chosen(conn)
        if scheme is None:
            return render_template("enrolment/reassess.html", scheme=None)
        a = assessments.c
        newest = select(a.assessed_on).where(a.senior_id == seniors.c.id).order_by(a.assessed_on.desc()).limit(1)
        columns = [
            Column("id", "老人编号", "number", seniors.c.id, "number"),
            Column("name", "姓名", "name", seniors.c.name),
            Column("town", "镇街", "town", seniors.c.town),
            Column("village", "村社区", "village", seniors.c.village),
            Column("assessed_on", "上次评估", "assessed last", newest.scalar_subquery(), "day", sorts=False),
        ]
        today = local_date(here().now(), scheme.time_zone)
        query = scope.people(assessing.overdue(scheme, today))
        asked = _asked(conn)
        found = look(conn, query, columns, sort="id", name="to-reassess")
        shown: dict[str, Any] = {"scheme": scheme, "schemes": schemes, "list": found, "assessors": _assessors(conn)}
    return found.download or render_template("enrolment/reassess.html", **shown, asked=asked)


@desk.act("/reassess", may="assessment.order", shows=to_reassess)
def order_due() -> Response:
    given = forms.read(Ordering)
    _require_some(given["ids"])
    with acting() as act:
        scheme = scheme_of(act.conn, given["scheme"])
        count = assessing.order_again(act, scheme, given["ids"], given["assessor"])
    return _ordered(count, "enrolment.to_reassess", scheme)


@desk.act("/reassess/assign", may="assessment.order", shows=to_reassess)
def assign() -> Response:
    """Give what villages and towns asked for to an assessor."""
    given = forms.read(Assigning)
    _require_some(given["ids"])
    with acting() as act:
        count = assessing.assign(act, given["ids"], given["assessor"])
    done(f"已下达{count}份评估任务", f"{count} assessments ordered")
    return redirect(url_for("enrolment.to_reassess"), 303)  # type: ignore[return-value]


@desk.page("/ask", may="assessment.ask", menu=("申请复评", "Ask for a reassessment"))
def ask() -> str:
    with looking() as conn:
        schemes = [(each.code, f"{each.name_zh} {each.name_en}") for each in in_force(conn)]
    return render_template("enrolment/ask.html", schemes=schemes)


@desk.act("/ask", may="assessment.ask", shows=ask)
def ask_for() -> Response:
    """For somebody who asks for it, or whose family does; found by identity number."""
    given = forms.read(Asking)
    with acting() as act:
        scheme = scheme_of(act.conn, given["scheme"])
        order_id = assessing.ask(act, scheme, _found(act.conn, given["id_no"]), given["why"])
    done("已登记，由区里下达评估", "on record; the district gives it to an assessor")
    return redirect(url_for("enrolment.assessment", order_id=order_id), 303)  # type: ignore[return-value]


def _found(conn: Connection, id_no: str) -> int:
    """The senior's id. Raises Refused: BAD_INPUT, NOT_FOUND for another office's as for nobody."""
    who = check(id_no, local_date(here().now()))
    if isinstance(who, IdentityFault):
        g.wrong = {"id_no": f"{who.zh}，{who.mend_zh} {who.en}"}
        raise Refused(Reason.BAD_INPUT, detail="身份证号 | identity number")
    known = register.find_many(conn, here().ring, [who.number]).get(who.number)
    query = scope.people(select(seniors.c.id)).where(seniors.c.id == (known.id if known is not None else -1))
    return int(scope.one(conn, query, "senior").id)


def _asked(conn: Connection) -> list[Any]:
    """What waits for an assessor, the oldest first."""
    o = assessment_orders.c
    query = select(o.id, o.why, o.ordered_at, seniors.c.name, seniors.c.town, seniors.c.village)
    query = scope.people(query.join(seniors, seniors.c.id == o.senior_id)).where(o.status == "asked")
    return list(conn.execute(query.order_by(o.id).limit(ASKED)))


def _chosen(conn: Connection) -> tuple[Scheme | None, list[tuple[str, str]]]:
    """The scheme the address asks for, else the first one in force."""
    schemes = in_force(conn)
    asked = request.values.get("scheme")
    names = [(each.code, f"{each.name_zh} {each.name_en}") for each in schemes]
    return next((each for each in schemes if asked in (None, "", each.code)), None), names


def _assessors(conn: Connection) -> list[tuple[str, str]]:
    o = officers.c
    rows = conn.execute(select(o.id, o.name).where(o.role == "assessor", o.active).order_by(o.name, o.id))
    return [(row.id, f"{row.name}（{row.id}）") for row in rows]


def _require_some(ids: list[int]) -> None:
    if not ids:
        raise Refused(Reason.BAD_INPUT, detail="没有选人 | nobody is ticked")


def _ordered(count: int, page: str, scheme: Scheme) -> Response:
    if count:
        done(f"已下达{count}份评估任务", f"{count} assessments ordered")
    else:
        done("所选人员都已有评估任务", "all of them have an order under way")
    return redirect(url_for(page, scheme=scheme.code), 303)  # type: ignore[return-value]
