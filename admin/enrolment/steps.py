"""A step for many people at once: who is due, ticked, looked at once more with what it gives, then passed or refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response, redirect, render_template, request, url_for
from sqlalchemy import Connection, Row
from sqlalchemy import select as select_

from admin.enrolment.desk import desk, require_taker, scheme_of, step_of, theirs
from admin.frame import forms
from admin.frame.access import officer
from admin.frame.acting import acting, done, require_unchanged, stamp
from admin.frame.console import here, looking
from admin.frame.listing import Column, look
from settlement.outcomes import Reason, Refused
from settlement.people import deadlines, enrolment, prospects
from settlement.people.register import chunks
from settlement.people.tables import enrolments, objections, seniors
from settlement.periods import local_date
from settlement.policy.eligibility import age_on
from settlement.policy.entitlement import Entitlement
from settlement.policy.rules_people import Step
from settlement.policy.scheme import Scheme

SHOWN = 200
"""People shown on the page that confirms; more are counted and summed up."""


class Chosen(forms.Form):
    ids = forms.Many(forms.Number(), load_default=[])
    all = forms.Choice("1", load_default="")
    posted = forms.Choice("0", "1", load_default="")


class Refusing(Chosen):
    reason = forms.Text(500)


@dataclass(frozen=True)
class Person:
    """Somebody on the page that confirms. ``amount``: fen per month, None while it is open."""

    row: Row[Any]
    age: int
    gives: Entitlement


@desk.page("/due/<scheme_code>/<step>", may="enrolment.step")
def due(scheme_code: str, step: str) -> str:
    posted = request.values.get("posted") or "0"
    with looking() as conn:
        scheme = scheme_of(conn, scheme_code)
        rule = step_of(scheme, step)
        require_taker(rule)
        today = local_date(here().now(), scheme.time_zone)
        e = enrolments.c
        query = theirs().where(e.scheme_code == scheme.code, e.step == step)
        if step == enrolment.PUBLICISE:
            query = query.where(e.publicity_until.is_not(None) if posted == "1" else e.publicity_until.is_(None))
        columns = [
            Column("id", "编号", "number", e.id, "number", link=_to if officer().role != "card_counter" else None),
            Column("name", "姓名", "name", seniors.c.name),
            Column("village", "村社区", "village", seniors.c.village),
            Column("birth_date", "出生日期", "born", seniors.c.birth_date, "day"),
            Column("applied_on", "申请日期", "applied on", e.applied_on, "day"),
            Column("publicity_until", "公示至", "posted until", e.publicity_until, "day"),
            Column("due_on", "办理期限", "due by", e.due_on, "day"),
            Column("senior_id", "", "", e.senior_id, hidden=True),
        ]
        found = look(conn, query, columns, sort="due_on", name="due")
        near = deadlines.near(conn, scheme, today)
        against = _objected(conn, [row.id for row in found.rows])
    if found.download is not None:
        return found.download  # type: ignore[return-value]
    shown: dict[str, Any] = {"list": found, "scheme": scheme, "step": rule, "near": near, "today": today}
    return render_template("enrolment/due.html", **shown, posted=posted, against=against)


def _look_once_more(scheme_code: str, step: str) -> str:
    given = forms.read(Chosen)
    with looking() as conn:
        scheme = scheme_of(conn, scheme_code)
        rule = step_of(scheme, step)
        require_taker(rule)
        ids = _ids(conn, scheme, step, given)
        if not ids:
            raise Refused(Reason.BAD_INPUT, detail="没有选人 | nobody is ticked")
        return _confirm(conn, scheme, rule, ids, given)


def _again(scheme_code: str, step: str) -> str:
    """The page that confirms, while its people are still the same; else the list."""
    try:
        return _look_once_more(scheme_code, step)
    except Refused:
        return str(due(scheme_code, step))


@desk.act("/due/<scheme_code>/<step>/chosen", may="enrolment.step", shows=due)
def chosen(scheme_code: str, step: str) -> str:
    """Nothing is done here: who was ticked is shown once more, with what the step gives them."""
    return _look_once_more(scheme_code, step)


def _confirm(conn: Connection, scheme: Scheme, rule: Step, ids: list[int], given: dict[str, Any]) -> str:
    people = _people(conn, scheme, ids)
    shown: dict[str, Any] = {"scheme": scheme, "step": rule, "people": people[:SHOWN], "count": len(people)}
    shown |= {"total": sum(person.gives.amount_fen for person in people), "decides": _decides(scheme, rule)}
    shown |= {
        "given": given,
        "ids": ids if not given["all"] else [],
        "seen_stamp": stamp(*_facts(scheme, rule, people)),
    }
    posting = rule.code == enrolment.PUBLICISE and given["posted"] != "1"
    return render_template("enrolment/chosen.html", **shown, posting=posting)


def _people(conn: Connection, scheme: Scheme, ids: list[int]) -> list[Person]:
    today = local_date(here().now(), scheme.time_zone)
    rows: list[Any] = []
    for part in chunks(ids):
        columns = (seniors.c.name, seniors.c.village, seniors.c.birth_date)
        rows += conn.execute(theirs(enrolments, *columns).where(enrolments.c.id.in_(part)).order_by(enrolments.c.id))
    people: list[Person] = []
    for until in {row.publicity_until or today for row in rows}:
        of_it = [row for row in rows if (row.publicity_until or today) == until]
        gives = prospects.decided(conn, scheme, [row.senior_id for row in of_it], until)
        people += [Person(row, age_on(row.birth_date, today), gives[row.senior_id]) for row in of_it]
    return sorted(people, key=lambda person: person.row.id)


def _facts(scheme: Scheme, rule: Step, people: list[Person]) -> list[object]:
    """What the page that confirms shows: who, and where money follows how much."""
    decides = _decides(scheme, rule)
    return [(person.row.id, person.gives.amount_fen if decides else None) for person in people]


@desk.act("/due/<scheme_code>/<step>/pass", may="enrolment.step", shows=_again)
def pass_step(scheme_code: str, step: str) -> Response:
    given = forms.read(Chosen)
    with acting() as act:
        scheme = scheme_of(act.conn, scheme_code)
        ids = _unchanged(act.conn, scheme, step, given)
        rule = step_of(scheme, step)
        require_unchanged(*_facts(scheme, rule, _people(act.conn, scheme, ids)))
        passed = len(enrolment.pass_step(act, scheme, ids, step))
    failed = len(ids) - passed
    done(f"已通过{passed}人，未通过{failed}人", f"{passed} passed, {failed} refused")
    return _back(scheme_code, step, given)


@desk.act("/due/<scheme_code>/<step>/refuse", may="enrolment.step", shows=_again)
def refuse(scheme_code: str, step: str) -> Response:
    given = forms.read(Refusing)
    with acting() as act:
        scheme = scheme_of(act.conn, scheme_code)
        ids = _unchanged(act.conn, scheme, step, given)
        enrolment.refuse(act, scheme, ids, step, given["reason"])
    done(f"{len(ids)}人未通过，请打印告知书", f"{len(ids)} refused; print their letters")
    return _back(scheme_code, step, given)


@desk.act("/due/<scheme_code>/<step>/post", may="enrolment.step", shows=_again)
def post_names(scheme_code: str, step: str) -> Response:
    given = forms.read(Chosen)
    with acting() as act:
        scheme = scheme_of(act.conn, scheme_code)
        ids = _unchanged(act.conn, scheme, enrolment.PUBLICISE, given)
        until = enrolment.publicise(act, scheme, ids)
    done(f"{len(ids)}人公示至{until}，请打印公示张贴", f"{len(ids)} names posted until {until}: print the notice")
    return redirect(url_for("enrolment.postings"), 303)  # type: ignore[return-value]


def _ids(conn: Connection, scheme: Scheme, step: str, given: dict[str, Any]) -> list[int]:
    """Those ticked, or all that are due here. Raises Refused: NOT_FOUND for another office's as for nobody's, CHANGED_MEANWHILE when a step was taken."""
    e = enrolments.c
    query = theirs(e.id, e.step).where(e.scheme_code == scheme.code).order_by(e.id)
    if not given["all"]:
        wanted = set(given["ids"])
        found = [row for part in chunks(wanted) for row in conn.execute(query.where(e.id.in_(part)))]
        if len(found) != len(wanted):
            raise Refused(Reason.NOT_FOUND, what="enrolment")
        if any(row.step != step for row in found):
            raise Refused(Reason.CHANGED_MEANWHILE)
        return sorted(row.id for row in found)
    query = query.where(e.step == step)
    if step == enrolment.PUBLICISE:
        today = local_date(here().now(), scheme.time_zone)
        query = query.where(e.publicity_until < today if given["posted"] == "1" else e.publicity_until.is_(None))
    return list(conn.scalars(query))


def _unchanged(conn: Connection, scheme: Scheme, step: str, given: dict[str, Any]) -> list[int]:
    """The people of the page that confirmed. Raises Refused: CHANGED_MEANWHILE when they are others by now, NOT_FOUND."""
    rule = step_of(scheme, step)
    require_taker(rule)
    ids = _ids(conn, scheme, step, given)
    if given["all"]:
        require_unchanged(*_facts(scheme, rule, _people(conn, scheme, ids)))
    if not ids:
        raise Refused(Reason.BAD_INPUT, detail="没有选人 | nobody is ticked")
    return ids


def _objected(conn: Connection, ids: Sequence[int]) -> set[int]:
    o = objections.c
    return set(conn.scalars(select_(o.enrolment_id).where(o.enrolment_id.in_(ids), o.outcome.is_(None))))


def _decides(scheme: Scheme, rule: Step) -> bool:
    """Whether entitlements begin with this step."""
    codes = [step.code for step in scheme.enrolment.steps]
    after = codes[codes.index(rule.code) + 1 :]
    return rule.code not in enrolment.AFTER_DECISION and set(after) <= enrolment.AFTER_DECISION


def _back(scheme_code: str, step: str, given: dict[str, Any]) -> Response:
    address = url_for("enrolment.due", scheme_code=scheme_code, step=step, posted=given["posted"] or None)
    return redirect(address, 303)  # type: ignore[return-value]


def _to(row: Row[Any]) -> str:
    return url_for("enrolment.one", enrolment_id=row._mapping["id"])
