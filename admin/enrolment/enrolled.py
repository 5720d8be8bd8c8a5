"""One application: how far it is, what it gives, its papers, what was objected, and what this office can do about it now."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, render_template, url_for
from sqlalchemy import Connection, Row, select

from admin.enrolment import printing
from admin.enrolment.applying import PAPER_WORDS, PAPERS, put_paper
from admin.enrolment.desk import ENDED, LEVELS, desk, scheme_of, step_name, theirs
from admin.frame import forms, listing, scope
from admin.frame.access import actor, officer
from admin.frame.acting import acting, done
from admin.frame.console import here, looking
from settlement import papers
from settlement.act import begin
from settlement.officers import ROLES, officers
from settlement.outcomes import Reason, Refused
from settlement.people import deadlines, enrolment, entitling, objections, prospects, register
from settlement.people.tables import assessment_orders, enrolment_steps, enrolments, entitlements, seniors
from settlement.people.tables import objections as objected
from settlement.periods import local_date
from settlement.policy import months
from settlement.policy.eligibility import reckoning_day
from settlement.policy.scheme import Scheme

OUTCOMES = {
    "passed": ("通过", "passed"),
    "refused": ("不予通过", "refused"),
    "objected": ("有人提出异议", "objected to"),
    "returned": ("退回审核", "sent back"),
}


class Adding(forms.Form):
    kind = forms.Choice(*PAPER_WORDS)


class Why(forms.Form):
    why = forms.Text(500)


class Objecting(forms.Form):
    words = forms.Text(1000)


class Deciding(forms.Form):
    outcome = forms.Choice(*objections.OUTCOMES)
    why = forms.Text(500)


def of_theirs(conn: Connection, enrolment_id: int) -> Row[Any]:
    """Raises Refused(NOT_FOUND), for another office's as for none."""
    columns = (seniors.c.name, seniors.c.town, seniors.c.village, seniors.c.birth_date, seniors.c.sex)
    return scope.one(conn, theirs(enrolments, *columns).where(enrolments.c.id == enrolment_id), "enrolment")


@desk.page("/<int:enrolment_id>", may="enrolment.read")
def one(enrolment_id: int) -> str:
    with looking() as conn:
        row = of_theirs(conn, enrolment_id)
        scheme = scheme_of(conn, row.scheme_code)
        today = local_date(here().now(), scheme.time_zone)
        shown: dict[str, Any] = {
            "row": row,
            "scheme": scheme,
            "masked": register.masked(conn, here().ring, row.senior_id),
        }
        shown |= {"steps": _progress(conn, scheme, row), "history": _history(conn, scheme, row)}
        shown |= {"papers": papers.of(conn, f"enrolment:{enrolment_id}"), "objections": _objections(conn, enrolment_id)}
        shown |= {"prospects": _prospects(conn, scheme, row), "orders": _orders(conn, enrolment_id)}
        shown |= {"state": deadlines.near(conn, scheme, today).state(row.due_on), "entitled": _entitled(conn, row)}
    rule = next((step for step in scheme.enrolment.steps if step.code == row.step), None)
    shown |= {
        "rule": rule,
        "step": step_name(scheme, row.step),
        "intake": deadlines.intake_name(scheme, row.intake),
        "mine": rule is not None and rule.role == officer().role,
    }
    posted = row.publicity_from is not None and row.publicity_from <= today <= row.publicity_until
    shown |= {
        "posted": posted and row.step == enrolment.PUBLICISE,
        "over": row.publicity_until and today > row.publicity_until,
    }
    words: dict[str, Any] = {"paper_words": PAPER_WORDS, "kinds": [(code, f"{zh} {en}") for code, zh, en in PAPERS]}
    words |= {"outcomes": objections.OUTCOMES, "levels": LEVELS}
    return render_template("enrolment/one.html", **shown, **words)


def _progress(conn: Connection, scheme: Scheme, row: Row[Any]) -> list[dict[str, Any]]:
    """The scheme's steps in their order: taken, due now, or still to come."""
    codes = [step.code for step in scheme.enrolment.steps]
    at = len(codes) if row.step == enrolment.DONE else codes.index(row.step) if row.step in codes else -1
    if at < 0:
        s = enrolment_steps.c
        refused = select(s.step).where(s.enrolment_id == row.id, s.outcome == "refused").order_by(s.id.desc()).limit(1)
        code = conn.scalar(refused)
        at = codes.index(code) if code in codes else 0
    return [
        {
            "rule": step,
            "days": deadlines.limit(scheme, step),
            "state": "taken"
            if number < at
            else "to_come"
            if number > at
            else "refused"
            if row.step in ENDED
            else "due",
        }
        for number, step in enumerate(scheme.enrolment.steps)
    ]


def _history(conn: Connection, scheme: Scheme, row: Row[Any]) -> list[dict[str, Any]]:
    s = enrolment_steps.c
    query = select(s.step, s.outcome, s.at, s.reason, s.actor, officers.c.name, officers.c.role)
    query = query.outerjoin(officers, officers.c.id == s.actor).where(s.enrolment_id == row.id).order_by(s.id)
    return [
        {
            "step": step_name(scheme, each.step),
            "outcome": OUTCOMES.get(each.outcome, (each.outcome, each.outcome)),
            "at": each.at,
            "who": f"{each.name}（{ROLES[each.role][0]}）" if each.name else each.actor,
            "reason": each.reason,
        }
        for each in conn.execute(query)
    ]


def _objections(conn: Connection, enrolment_id: int) -> list[Any]:
    return list(conn.execute(select(objected).where(objected.c.enrolment_id == enrolment_id).order_by(objected.c.id)))


def _orders(conn: Connection, enrolment_id: int) -> list[Any]:
    o = assessment_orders.c
    columns = (o.id, o.status, o.ordered_at, o.assessed_on, o.total, o.level)
    return list(conn.execute(select(*columns).where(o.enrolment_id == enrolment_id).order_by(o.id)))


def _prospects(conn: Connection, scheme: Scheme, row: Row[Any]) -> list[prospects.Prospect]:
    """As it stands; once posted, as the decision will reckon it."""
    on = local_date(here().now(), scheme.time_zone)
    if row.publicity_until is not None:
        on = reckoning_day(months.first_month(scheme, row.publicity_until))
    facts = entitling.facts_of(conn, [row.senior_id], on)[row.senior_id]
    return prospects.of_facts(scheme, facts, on)


def _entitled(conn: Connection, row: Row[Any]) -> Row[Any] | None:
    e = entitlements.c
    running = (e.senior_id == row.senior_id) & (e.scheme_code == row.scheme_code) & e.to_month.is_(None)
    found: Any = conn.execute(select(e.amount, e.from_month, e.clause).where(running)).one_or_none()
    return found


# -- papers -----------------------------------------------------------------------------------------------------------------


@desk.act("/<int:enrolment_id>/papers", may="enrolment.paper", shows=one)
def add_paper(enrolment_id: int) -> Response:
    given = forms.read(Adding)
    file = forms.upload("file", papers.LARGEST)
    if file is None:
        raise Refused(Reason.BAD_INPUT, detail="请选择文件 | choose a file")
    with acting() as act:
        of_theirs(act.conn, enrolment_id)
        put_paper(act, enrolment_id, given["kind"], file)
    done("材料已保存", "the paper is kept")
    return _to(enrolment_id)


@desk.page("/<int:enrolment_id>/papers/<int:paper_id>", may="enrolment.read")
def paper(enrolment_id: int, paper_id: int) -> Response:
    console = here()
    with begin(console.engine, actor(), console.now()) as act:  # its reading is recorded
        of_theirs(act.conn, enrolment_id)
        found = papers.get(act, console.ring, paper_id, f"enrolment:{enrolment_id}")
    return listing.attachment(found.content, found.name, found.media_type)


@desk.act(
    "/<int:enrolment_id>/papers/<int:paper_id>/remove",
    may="enrolment.paper",
    shows=lambda **at: one(at["enrolment_id"]),
)
def remove_paper(enrolment_id: int, paper_id: int) -> Response:
    given = forms.read(Why)
    with acting() as act:
        of_theirs(act.conn, enrolment_id)
        if paper_id not in [each.id for each in papers.of(act.conn, f"enrolment:{enrolment_id}")]:
            raise Refused(Reason.NOT_FOUND, what="paper")
        papers.remove(act, paper_id, given["why"])
    done("材料已移除", "the paper is removed")
    return _to(enrolment_id)


# -- objections -------------------------------------------------------------------------------------------------------------


@desk.act("/<int:enrolment_id>/object", may="enrolment.object", shows=one)
def object_to(enrolment_id: int) -> Response:
    given = forms.read(Objecting)
    with acting() as act:
        row = of_theirs(act.conn, enrolment_id)
        scheme = scheme_of(act.conn, row.scheme_code)
        objections.raise_objection(act, scheme, enrolment_id, given["words"])
    done("已登记异议，由镇街另一人处理", "the objection is on record; somebody else in the town decides it")
    return _to(enrolment_id)


@desk.act(
    "/<int:enrolment_id>/objections/<int:objection_id>",
    may="enrolment.objection_decide",
    shows=lambda **at: one(at["enrolment_id"]),
)
def decide_objection(enrolment_id: int, objection_id: int) -> Response:
    given = forms.read(Deciding)
    with acting() as act:
        row = of_theirs(act.conn, enrolment_id)
        if objection_id not in [each.id for each in _objections(act.conn, enrolment_id)]:
            raise Refused(Reason.NOT_FOUND, what="objection")
        scheme = scheme_of(act.conn, row.scheme_code)
        objections.decide(act, scheme, objection_id, given["outcome"], given["why"])
    zh, en = objections.OUTCOMES[given["outcome"]]
    done(f"异议已处理：{zh}", f"the objection is decided: {en}")
    return _to(enrolment_id)


# -- the letter -------------------------------------------------------------------------------------------------------------


@desk.page("/<int:enrolment_id>/letter", may="enrolment.read")
def letter(enrolment_id: int) -> Response:
    """Why somebody was refused, to be printed and handed over. Raises Refused(NOT_FOUND) for who was not."""
    console = here()
    with begin(console.engine, actor(), console.now()) as act:  # it holds a name: its printing is recorded
        row = of_theirs(act.conn, enrolment_id)
        scheme = scheme_of(act.conn, row.scheme_code)
        s = enrolment_steps.c
        query = select(s.step, s.reason, s.at).where(s.enrolment_id == enrolment_id, s.outcome == "refused")
        refused = act.conn.execute(query.order_by(s.id.desc()).limit(1)).one_or_none()
        if row.step != enrolment.REFUSED or refused is None:
            raise Refused(Reason.NOT_FOUND, what="letter")
        act.audit("enrolment.letter", f"enrolment:{enrolment_id}")
    content = printing.letter(scheme, row, step_name(scheme, refused.step), refused, console.now())
    return listing.attachment(content, f"告知书-{enrolment_id}.pdf", "application/pdf")


def _to(enrolment_id: int) -> Response:
    address = url_for("enrolment.one", enrolment_id=enrolment_id)
    return redirect(address, 303)  # type: ignore[return-value]
