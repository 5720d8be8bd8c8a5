"""Visits: the list, one with all that is behind it, voids with their reason and effect, corrections of times to propose."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response, redirect, render_template, request, url_for
from marshmallow.fields import String
from sqlalchemy import Connection, Row, Select, and_, select

from admin.frame import forms, listing, scope
from admin.frame.acting import acting, done, require_unchanged
from admin.frame.console import looking
from admin.frame.forms import Choice, Form, Many, Text
from admin.frame.listing import Column
from admin.provider.desk import chosen, desk, items, month_asked, said, settled, whose
from settlement.closing import adjusting, explain
from settlement.outcomes import Reason, Refused
from settlement.people.tables import seniors
from settlement.periods import SHANGHAI
from settlement.providers.tables import caregivers
from settlement.supervision.tables import callbacks
from settlement.visits import correcting
from settlement.visits.forms import Line
from settlement.visits.tables import debits, visit_corrections, visits
from settlement.visits.words import CORRECTION_REASONS, VISIT_STATUS, VOID_REASONS

OURS = (
    "too_short",
    "substandard",
    "not_as_agreed",
    "unfinished",
    "no_check_out",
    "duplicate",
    "wrong_person",
    "goods",
    "not_served",
)
"""Reasons for which a provider voids a visit itself; the others are an office's to find."""


class Void(Form):
    reason = Choice(*OURS)
    confirmed = Choice("yes")


class Proposed(Form):
    reason = Choice(*CORRECTION_REASONS)
    note = Text(most=300)
    began = Text(most=16, load_default=None)
    ended = Text(most=16, load_default=None)
    item = Many(String(), load_default=list)


@desk.page("/visits", may="provider_work.read", menu=("服务记录", "Visits"))
def served() -> Response | str:
    v, s, c, d = visits.c, seniors.c, caregivers.c, debits.c
    month, state = month_asked(), request.args.get("state", "")
    columns = (
        Column("id", "服务", "visit", v.id, hidden=True),
        Column(
            "check_in_at",
            "签到",
            "check-in",
            v.check_in_at,
            "moment",
            link=lambda row: url_for("provider.visit", visit_id=row.id),
        ),
        Column("name", "老人", "senior", s.name),
        Column("town", "镇街", "town", v.town),
        Column("staff_no", "工号", "staff no.", c.staff_no),
        Column("minutes", "分钟", "minutes", v.seconds, "number", words=lambda seconds: str(seconds // 60)),
        Column("subsidy_fen", "补贴", "subsidy", d.subsidy_fen, "yuan"),
        Column("personal_fen", "个人", "own money", d.personal_fen, "yuan"),
        Column("status", "状态", "state", said(v.status, VISIT_STATUS)),
        Column("void_reason", "废单原因", "void because", said(v.void_reason, VOID_REASONS)),
    )
    with looking() as conn:
        source = _visits(select()).where(v.provider_id == whose(conn), v.month == str(month))
        if state in VISIT_STATUS:
            source = source.where(v.status == state)
        found = listing.look(conn, source, columns, sort="-check_in_at", name=f"visits-{month}")
    shown: dict[str, Any] = {"found": found, "month": str(month), "state": state, "states": chosen(VISIT_STATUS)}
    return found.download or render_template("provider/visits.html", **shown)


@desk.page("/visits/<visit_id>", may="provider_work.read")
def visit(visit_id: str) -> str:
    with looking() as conn:
        row = _visit(conn, visit_id)
        node = explain.explain(conn, f"visit:{visit_id}")
        c, k = visit_corrections.c, callbacks.c
        asked = conn.execute(select(visit_corrections).where(c.visit_id == visit_id).order_by(c.id)).all()
        called = conn.execute(select(callbacks).where(k.visit_id == visit_id).order_by(k.id)).all()
        day = row.check_in_at.astimezone(SHANGHAI).date()
        shown: dict[str, Any] = {"row": row, "node": node, "corrections": asked, "called": called}
        shown["items"] = items(conn, row.provider_id, day) if row.check_out_at is None else []
    shown |= {"reasons": chosen(CORRECTION_REASONS), "states": VISIT_STATUS, "void_reasons": VOID_REASONS}
    shown["correction_reasons"] = CORRECTION_REASONS
    return render_template("provider/visit.html", **shown)


@desk.page("/visits/<visit_id>/void", may="provider_work.do")
def voiding(visit_id: str) -> str:
    """What a void takes back, before it is done."""
    with looking() as conn:
        row = _visit(conn, visit_id)
    shown = {"row": row, "reasons": [(code, VOID_REASONS[code]) for code in OURS], "states": VISIT_STATUS}
    return render_template("provider/void.html", **shown, facts_shown=_shown(row))


@desk.act("/visits/<visit_id>/void", may="provider_work.do", shows=voiding)
def void(visit_id: str) -> Response:
    given = forms.read(Void)
    with acting() as act:
        require_unchanged(*_shown(_visit(act.conn, visit_id)))
        settled(adjusting.void_visit(act, visit_id, given["reason"]))
    done(
        "已记为废单，钱已退回；需要重做的已生成工单",
        "Void; the money is back, and an order to serve again is made where due",
    )
    return redirect(url_for("provider.visit", visit_id=visit_id), 303)  # type: ignore[return-value]


@desk.act("/visits/<visit_id>/correct", may="provider_work.do", shows=visit)
def correct(visit_id: str) -> Response:
    given = forms.read(Proposed)
    with acting() as act:
        _visit(act.conn, visit_id)
        proposal = correcting.Proposal(
            visit_id=visit_id,
            reason=given["reason"],
            note=given["note"],
            check_in_at=_at(given["began"]),
            check_out_at=_at(given["ended"]),
            lines=tuple(Line(item=item) for item in given["item"]),
        )
        correcting.propose(act, proposal)
    done("更正已提出，由镇街或区民政局批准", "Proposed; the town or the district decides")
    return redirect(url_for("provider.visit", visit_id=visit_id), 303)  # type: ignore[return-value]


def _at(text: str | None) -> datetime | None:
    """A local moment as a browser's field writes it. Raises Refused(BAD_INPUT)."""
    if text is None:
        return None
    try:
        return datetime.strptime(text.replace(" ", "T")[:16], "%Y-%m-%dT%H:%M").replace(tzinfo=SHANGHAI)
    except ValueError:
        raise Refused(Reason.BAD_INPUT, detail="时间写作 2026-07-03 10:05 | such as 2026-07-03 10:05") from None


def _visits(query: Select[Any]) -> Select[Any]:
    joined = visits.join(seniors, seniors.c.id == visits.c.senior_id)
    joined = joined.join(caregivers, caregivers.c.id == visits.c.caregiver_id)
    joined = joined.outerjoin(debits, and_(debits.c.visit_id == visits.c.id, debits.c.status == "posted"))
    return scope.within(query.select_from(joined), town=visits.c.town, provider=visits.c.provider_id)


def _visit(conn: Connection, visit_id: str) -> Row[Any]:
    d = debits.c
    query = select(visits, seniors.c.name, seniors.c.village, caregivers.c.staff_no)
    query = query.add_columns(d.id.label("debit_id"), d.subsidy_fen, d.personal_fen, d.cash_fen)
    return scope.one(conn, _visits(query).where(visits.c.id == visit_id), "visit")


def _shown(row: Row[Any]) -> tuple[Any, ...]:
    """What the sender of a void was shown."""
    return row.id, row.status, row.debit_id, row.subsidy_fen, row.personal_fen
