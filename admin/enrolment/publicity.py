"""What is posted in the villages: the postings, each as a page and as a PDF to be printed, and the objections that wait."""

from __future__ import annotations

from datetime import date

from flask import Response, render_template, request, url_for
from sqlalchemy import Row, case, select

from admin.enrolment import printing
from admin.enrolment.desk import desk, scheme_of, theirs
from admin.frame import listing, scope
from admin.frame.access import officer
from admin.frame.console import here, looking
from admin.frame.listing import Column, look
from settlement.outcomes import Reason, Refused
from settlement.people import notice as notices
from settlement.people.enrolment import PUBLICISE
from settlement.people.objections import OUTCOMES
from settlement.people.tables import enrolments, objections, seniors
from settlement.people.tables import postings as posted

NAMES = 200
"""Of one posting on one page; the sheet to be printed has them all."""


@desk.page("/postings", may="enrolment.read", menu=("公示", "Publicity"))
def postings() -> str | Response:
    p = posted.c
    columns = [
        Column("village", "村社区", "village", p.village),
        Column("posted_on", "张榜日期", "posted on", p.posted_on, "day", link=_to),
        Column("until", "公示至", "until", p.until, "day"),
        Column("town", "镇街", "town", p.town),
        Column("people", "人数", "people", p.people, "number"),
        Column("scheme_code", "", "", p.scheme_code, hidden=True),
    ]
    with looking() as conn:
        query = scope.within(select().select_from(posted), town=p.town, village=p.village)
        found = look(conn, query, columns, sort="-posted_on", name="postings")
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
        who = officer()
        theirs_too = who.town in (None, town) and who.village in (None, village)
        pdf, number = asked.get("format") == "pdf", listing.page_asked()
        part = {} if pdf else {"after": (number - 1) * NAMES, "most": NAMES}
        shown = notices.of_posting(conn, scheme, town, village, day, **part) if theirs_too else None
    if shown is None:
        raise Refused(Reason.NOT_FOUND, what="notice")
    if pdf:
        content = printing.notice(scheme, shown, here().now())
        return listing.attachment(content, f"公示-{village}-{day}.pdf", "application/pdf")
    pages = listing.Listed((), (), number, number * NAMES < shown.people, shown.people, "")
    return render_template("enrolment/notice.html", scheme=scheme, notice=shown, sexes=printing.SEXES, pages=pages)


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
    return url_for("enrolment.notice", **asked, day=facts["posted_on"].isoformat())


def _to_one(row: Row[tuple[int]]) -> str:
    return url_for("enrolment.one", enrolment_id=row._mapping["enrolment_id"])
