"""What is posted in the villages: the postings, each as a page and as a PDF to be printed, and the objections that wait."""

from __future__ import annotations

from datetime import date, timedelta

from flask import Response, render_template, request, url_for
from sqlalchemy import Row, case, func, select

from admin.enrolment import printing
from admin.enrolment.desk import desk, scheme_of, theirs
from admin.frame import listing
from admin.frame.console import here, looking
from admin.frame.listing import Column, look
from settlement.outcomes import Reason, Refused
from settlement.people import notice as notices
from settlement.people.enrolment import PUBLICISE
from settlement.people.objections import OUTCOMES
from settlement.people.tables import enrolments, objections, seniors
from settlement.periods import local_date

SHOWN = timedelta(days=366)
"""Postings as old as that are listed; the notice of an older one is found by its day."""


@desk.page("/postings", may="enrolment.read", menu=("公示", "Publicity"))
def postings() -> str | Response:
    e, s = enrolments.c, seniors.c
    grouped = (
        theirs(e.scheme_code, s.town, s.village, e.publicity_from, e.publicity_until, func.count().label("people"))
        .where(e.publicity_from >= local_date(here().now()) - SHOWN)
        .group_by(e.scheme_code, s.town, s.village, e.publicity_from, e.publicity_until)
        .subquery()
    )
    g = grouped.c
    columns = [
        Column("publicity_from", "张榜日期", "posted on", g.publicity_from, "day", link=_to),
        Column("publicity_until", "公示至", "until", g.publicity_until, "day"),
        Column("town", "镇街", "town", g.town),
        Column("village", "村社区", "village", g.village),
        Column("people", "人数", "people", g.people, "number"),
        Column("scheme_code", "", "", g.scheme_code, hidden=True),
    ]
    with looking() as conn:
        found = look(conn, select().select_from(grouped), columns, sort="-publicity_from", name="postings")
    return found.download or render_template("enrolment/postings.html", list=found)


@desk.page("/notice", may="enrolment.read")
def notice() -> str | Response:
    """One village's posting of a day (``scheme``, ``town``, ``village``, ``day``; ``format=pdf`` to print). Another office's is not found."""
    asked = request.args
    try:
        day = date.fromisoformat(asked.get("day", ""))
    except ValueError as wrong:
        raise Refused(Reason.NOT_FOUND, what="notice") from wrong
    with looking() as conn:
        scheme = scheme_of(conn, asked.get("scheme", ""))
        town, village = asked.get("town", ""), asked.get("village", "")
        mine = theirs(func.count()).where(seniors.c.town == town, seniors.c.village == village)
        posted = notices.of_posting(conn, scheme, town, village, day) if conn.scalar(mine) else None
    if posted is None:
        raise Refused(Reason.NOT_FOUND, what="notice")
    if asked.get("format") == "pdf":
        content = printing.notice(scheme, posted, here().now())
        return listing.attachment(content, f"公示-{village}-{day}.pdf", "application/pdf")
    return render_template("enrolment/notice.html", scheme=scheme, notice=posted, sexes=printing.SEXES)


@desk.page("/objections", may="enrolment.read", menu=("公示异议", "Objections"))
def objections_open() -> str | Response:
    o, e = objections.c, enrolments.c
    query = theirs().join(objections, o.enrolment_id == e.id)
    if request.args.get("all") != "1":
        query = query.where(o.outcome.is_(None), e.step == PUBLICISE)
    outcome = case({code: zh for code, (zh, _) in OUTCOMES.items()}, value=o.outcome)
    columns = [
        Column("id", "异议编号", "objection", o.id, "number"),
        Column("enrolment_id", "申请编号", "application", o.enrolment_id, "number", link=_to_one),
        Column("name", "姓名", "name", seniors.c.name),
        Column("village", "村社区", "village", seniors.c.village),
        Column("recorded_at", "登记时间", "taken down", o.recorded_at, "moment"),
        Column("publicity_until", "公示至", "posted until", e.publicity_until, "day"),
        Column("outcome", "结论", "outcome", outcome),
    ]
    with looking() as conn:
        found = look(conn, query, columns, sort="-id", name="objections")
    return found.download or render_template("enrolment/objections.html", list=found)


def _to(row: Row[tuple[date]]) -> str:
    facts = row._mapping
    asked = {"scheme": facts["scheme_code"], "town": facts["town"], "village": facts["village"]}
    return url_for("enrolment.notice", **asked, day=facts["publicity_from"].isoformat())


def _to_one(row: Row[tuple[int]]) -> str:
    return url_for("enrolment.one", enrolment_id=row._mapping["enrolment_id"])
