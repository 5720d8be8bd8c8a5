"""Callbacks to make after every service, what was said, and how satisfied people are."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, render_template, url_for
from sqlalchemy import Connection, Row, Select, select

from admin.frame import forms, listing, scope
from admin.frame.acting import acting, done
from admin.frame.console import here, looking
from admin.frame.forms import Choice, Form, Text
from admin.frame.listing import Column
from admin.provider.desk import desk, month_asked, said, today, whose
from settlement.people.tables import seniors
from settlement.periods import SHANGHAI
from settlement.providers.tables import caregivers
from settlement.supervision import callbacks
from settlement.supervision.tables import callbacks as rows
from settlement.visits import reaching
from settlement.visits.tables import visit_lines, visits

WHY = "回访 callback"
NOBODY = "nobody"


class Call(Form):
    rating = Choice(*callbacks.RATINGS, NOBODY)
    as_recorded = Choice("yes", "no", load_default=None)
    words = Text(most=callbacks.LONGEST, load_default="")


@desk.page("/callbacks", may="provider_work.read", menu=("回访", "Callbacks"))
def to_call() -> Response | str:
    v, s, c = visits.c, seniors.c, caregivers.c
    columns = (
        Column("id", "服务", "visit", v.id, hidden=True),
        Column("check_out_at", "服务结束", "ended", v.check_out_at, "moment"),
        Column("name", "老人", "senior", s.name, link=lambda row: url_for("provider.call", visit_id=row.id)),
        Column("town", "镇街", "town", v.town),
        Column("village", "村社区", "village", s.village),
        Column("staff_no", "工号", "staff no.", c.staff_no),
        Column("tries", "已拨", "tries", callbacks.tries(), "number", sorts=False),
    )
    with looking() as conn:
        provider_id = whose(conn)
        source = _visits(select()).where(v.provider_id == provider_id, callbacks.to_make(here().now()))
        found = listing.look(conn, source, columns, sort="check_out_at", name="callbacks")
        counted = callbacks.satisfaction(conn, month_asked(), provider_id=provider_id)
    shown: dict[str, Any] = {"found": found, "counted": counted, "month": str(month_asked())}
    return found.download or render_template("provider/callbacks.html", **shown)


@desk.page("/callbacks/made", may="provider_work.read")
def made() -> Response | str:
    v, s, r = visits.c, seniors.c, rows.c
    month = month_asked()
    yes_no = {True: "相符 yes", False: "不符 no"}
    columns = (
        Column("id", "编号", "no.", r.id, "number"),
        Column("called_at", "拨打", "called", r.called_at, "moment"),
        Column("visit_id", "服务", "visit", v.id, link=lambda row: url_for("provider.visit", visit_id=row.visit_id)),
        Column("name", "老人", "senior", s.name),
        Column("town", "镇街", "town", v.town),
        Column("rating", "评价", "rating", said(r.rating, callbacks.RATINGS)),
        Column("as_recorded", "与记录", "as recorded", r.as_recorded, words=lambda value: yes_no[bool(value)]),
        Column("words", "所说", "words", r.words, sorts=False),
        Column("called_by", "回访人", "by", r.called_by),
    )
    with looking() as conn:
        provider_id = whose(conn)
        source = _visits(select(), with_calls=True).where(v.provider_id == provider_id, v.month == str(month))
        found = listing.look(conn, source, columns, sort="-called_at", name=f"callbacks-{month}")
    return found.download or render_template("provider/called.html", found=found, month=str(month))


@desk.page("/callbacks/<visit_id>", may="provider_work.read")
def call(visit_id: str, phone: tuple[str | None] | None = None) -> str:
    with looking() as conn:
        row = _visit(conn, visit_id)
        lines = conn.execute(select(visit_lines).where(visit_lines.c.visit_id == visit_id)).all()
        tried = conn.execute(select(rows).where(rows.c.visit_id == visit_id).order_by(rows.c.id)).all()
    shown: dict[str, Any] = {"row": row, "lines": lines, "tried": tried, "phone": phone}
    shown |= {"ratings": callbacks.RATINGS, "tries": callbacks.TRIES, "nobody": NOBODY}
    late = row.check_out_at is not None and row.check_out_at.astimezone(SHANGHAI).date() < today()
    return render_template("provider/call.html", **shown, late=late)


@desk.act("/callbacks/<visit_id>/number", may="senior.reach", shows=call)
def show_number(visit_id: str) -> str:
    """The senior's telephone number, to call it; on record."""
    with acting() as act:
        _visit(act.conn, visit_id)
        phone = reaching.of_visit(act, here().ring, visit_id, WHY)
    return call(visit_id, (phone,))


@desk.act("/callbacks/<visit_id>", may="callback.record", shows=call)
def record(visit_id: str) -> Response:
    given = forms.read(Call)
    reached = given["rating"] != NOBODY
    as_recorded = None if given["as_recorded"] is None or not reached else given["as_recorded"] == "yes"
    with acting() as act:
        _visit(act.conn, visit_id)
        rating = given["rating"] if reached else None
        callbacks.record(act, visit_id, rating=rating, as_recorded=as_recorded, words=given["words"])
    if as_recorded is False:
        done("已记录。与记录不符的，核实后报废单或提出更正", "Kept. Once verified, void the visit or correct it")
        return redirect(url_for("provider.visit", visit_id=visit_id), 303)  # type: ignore[return-value]
    done("回访已记录", "The callback is kept")
    return redirect(url_for("provider.to_call"), 303)  # type: ignore[return-value]


def _visits(query: Select[Any], *, with_calls: bool = False) -> Select[Any]:
    joined = visits.join(seniors, seniors.c.id == visits.c.senior_id)
    joined = joined.join(caregivers, caregivers.c.id == visits.c.caregiver_id)
    if with_calls:
        joined = joined.join(rows, rows.c.visit_id == visits.c.id)
    return scope.within(query.select_from(joined), provider=visits.c.provider_id)


def _visit(conn: Connection, visit_id: str) -> Row[Any]:
    query = select(visits, seniors.c.name, seniors.c.village, caregivers.c.staff_no)
    query = query.add_columns(caregivers.c.name.label("caregiver"))
    return scope.one(conn, _visits(query).where(visits.c.id == visit_id), "visit")
