"""Corrections of a visit's times: proposed by one person, decided by another, what was told and what shall count side by side."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, render_template, url_for
from sqlalchemy import Connection, Row, select

from admin.frame import forms, listing, scope
from admin.frame.acting import acting, done
from admin.frame.console import here, looking
from admin.frame.forms import Choice, Form, Text
from admin.frame.listing import Column
from admin.review.parts import asked, behind, desk, own
from settlement.providers.tables import providers
from settlement.visits import correcting
from settlement.visits.tables import visit_corrections, visits
from settlement.visits.words import CORRECTION_REASONS, VISIT_STATUS

STATES = (("proposed", "待批准 proposed"), ("approved", "已批准 approved"), ("rejected", "已驳回 rejected"))
STATE_WORDS = dict(STATES)


class Decision(Form):
    """``why`` may be empty for an approval only, as the domain sees to."""

    decision = Choice("approve", "reject")
    why = Text(most=500, load_default="")


def _reason(code: str) -> str:
    known = CORRECTION_REASONS[code]
    return f"{known.zh} {known.en}"


@desk.page("/corrections", may="review.read", menu=("时间更正", "Corrections of times"))
def corrections() -> Response | str:
    state = asked("state", "proposed")
    c, v = visit_corrections.c, visits.c
    found = own(select().select_from(visit_corrections).join(visits, v.id == c.visit_id))
    found = found.join(providers, providers.c.id == v.provider_id)
    found = found.where(c.status == state) if state else found
    columns = (
        Column("id", "编号", "number", c.id, link=_address),
        Column("visit_id", "服务", "visit", c.visit_id),
        Column("town", "镇街", "town", v.town),
        Column("provider", "服务商", "provider", providers.c.name),
        Column("reason", "原因", "reason", c.reason, words=_reason),
        Column("told_in", "记录签到", "told in", v.check_in_at, kind="moment"),
        Column("check_in_at", "更正签到", "corrected in", c.check_in_at, kind="moment"),
        Column("told_out", "记录签退", "told out", v.check_out_at, kind="moment"),
        Column("check_out_at", "更正签退", "corrected out", c.check_out_at, kind="moment"),
        Column("proposed_at", "提出于", "proposed", c.proposed_at, kind="moment"),
        Column("status", "状态", "state", c.status, words=lambda value: STATE_WORDS[value]),
    )
    with looking() as conn:
        listed = listing.look(conn, found, columns, sort="proposed_at", name="corrections")
    return listed.download or render_template("review/corrections.html", listed=listed, state=state, states=STATES)


@desk.page("/corrections/<int:correction_id>", may="review.read")
def correction(correction_id: int) -> str:
    with looking() as conn:
        found = _one(conn, correction_id)
        tree = behind(conn, found.visit_id)
    shown: dict[str, Any] = {"row": found, "tree_of": tree, "reason": _reason(found.reason)}
    shown |= {"state": STATE_WORDS[found.status], "visit_status": VISIT_STATUS}
    return render_template("review/correction.html", **shown)


@desk.act("/corrections/<int:correction_id>/decide", may="visit.correct_decide", shows=correction)
def decide_correction(correction_id: int) -> Response:
    asked = forms.read(Decision)
    with acting() as act:
        _one(act.conn, correction_id)
        if asked["decision"] == "approve":
            stands = correcting.approve(act, here().ring, correction_id, asked["why"])
            words, minutes = VISIT_STATUS[stands.status], stands.seconds // 60
            said = (f"已批准：{words.zh}，{minutes}分钟", f"Approved: {words.en}, {minutes} minutes")
        else:
            correcting.reject(act, correction_id, asked["why"])
            said = ("已驳回，服务记录不变", "Rejected: the visit stays as it is")
    done(*said)
    return redirect(url_for("review.correction", correction_id=correction_id), 303)  # type: ignore[return-value]


def _one(conn: Connection, correction_id: int) -> Row[Any]:
    c, v = visit_corrections.c, visits.c
    told = (v.town, v.check_in_at.label("told_in"), v.check_out_at.label("told_out"))
    now = (v.status.label("visit_status"), v.seconds, v.corrected_in_at, v.corrected_out_at, providers.c.name)
    query = select(visit_corrections, *told, *now).join(visits, v.id == c.visit_id)
    query = query.join(providers, providers.c.id == v.provider_id)
    return scope.one(conn, own(query).where(c.id == correction_id), "correction")


def _address(row: Row[Any]) -> str:
    return url_for("review.correction", correction_id=row.id)
