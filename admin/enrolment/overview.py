"""What waits at each step, which intake is open, and the list of all applications."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from flask import Response, render_template, request, url_for
from sqlalchemy import ColumnElement, Connection, Row, case, func, true

from admin.enrolment.desk import ENDED, desk, in_force, options, theirs
from admin.frame import scope
from admin.frame.access import may, officer
from admin.frame.console import here, looking
from admin.frame.listing import Column, look
from settlement.people import deadlines, enrolment
from settlement.people.tables import enrolments, seniors
from settlement.periods import local_date
from settlement.policy import months
from settlement.policy.rules_people import Step, Window
from settlement.policy.scheme import Scheme


@dataclass(frozen=True)
class Waiting:
    """How many of the officer's people a step is due for. ``link``: where they are listed, None where this office has no business."""

    step: Step
    days: int
    people: int
    near: int
    late: int
    link: str | None


@dataclass(frozen=True)
class Intake:
    """An intake window as it stands today: open until a day, or opening on one."""

    window: Window
    opened: bool


@desk.page("/", may="enrolment.look", menu=("待办", "What is due"))
def start() -> str:
    with looking() as conn:
        shown = [_of_scheme(conn, scheme) for scheme in in_force(conn)]
    return render_template("enrolment/start.html", schemes=shown, mine=officer().role)


def _of_scheme(conn: Connection, scheme: Scheme) -> dict[str, object]:
    today = local_date(here().now(), scheme.time_zone)
    now_open = months.open_window(scheme, today)
    intakes = [Intake(window, window is now_open) for window in scheme.enrolment.windows]
    return {
        "scheme": scheme,
        "intakes": intakes,
        "opens_on": None if now_open else months.next_opening(scheme, today),
        "waiting": _waiting(conn, scheme, today),
    }


def _waiting(conn: Connection, scheme: Scheme, today: date) -> list[Waiting]:
    e, near = enrolments.c, deadlines.near(conn, scheme, today)
    late = func.sum(case((e.due_on < near.today, 1), else_=0)).label("late")
    soon = func.sum(case((e.due_on.between(near.today, near.until), 1), else_=0)).label("near")
    counted = theirs(e.step, func.count().label("people"), soon, late)
    counted = counted.where(
        e.scheme_code == scheme.code, e.step.in_([step.code for step in scheme.enrolment.steps])
    ).group_by(e.step)
    found = {row.step: row for row in conn.execute(counted)}
    waiting = []
    for step in scheme.enrolment.steps[1:]:
        row = found.get(step.code)
        people, soon_due, too_late = (row.people, row.near, row.late) if row is not None else (0, 0, 0)
        days, link = deadlines.limit(scheme, step), _link(scheme, step)
        waiting.append(Waiting(step, days, people, soon_due, too_late, link))
    return waiting


def _link(scheme: Scheme, step: Step) -> str | None:
    if step.role == officer().role:
        return url_for("enrolment.due", scheme_code=scheme.code, step=step.code)
    if step.code == enrolment.ASSESS and may("assessment.order"):
        return url_for("enrolment.to_order", scheme=scheme.code)
    return url_for("enrolment.applications", step=step.code) if may("enrolment.read") else None


@desk.page("/applications", may="enrolment.read", menu=("申请列表", "Applications"))
def applications() -> str | Response:
    e, asked = enrolments.c, request.args
    with looking() as conn:
        schemes = in_force(conn)
        names: dict[str, tuple[str, str]] = {}
        for scheme in schemes:
            names |= {step.code: (step.name_zh, step.name_en) for step in scheme.enrolment.steps[1:]}
        names |= ENDED
        query = theirs().where(_asked_for(conn, schemes))
        step = case({code: zh for code, (zh, _) in names.items()}, value=e.step, else_=e.step)
        columns = [
            Column("id", "编号", "number", e.id, "number", link=_to),
            Column("name", "姓名", "name", seniors.c.name),
            Column("town", "镇街", "town", seniors.c.town),
            Column("village", "村社区", "village", seniors.c.village),
            Column("step", "应办步骤", "step due", step),
            Column("due_on", "办理期限", "due by", e.due_on, "day"),
            Column("intake", "批次", "intake", e.intake, words=lambda code: _intake(schemes, code)),
            Column("applied_on", "申请日期", "applied on", e.applied_on, "day"),
        ]
        found = look(conn, query, columns, sort="-id", name="applications")
        towns = scope.towns(conn)
    if found.download is not None:
        return found.download
    chosen = {key: asked.get(key, "") for key in ("step", "state", "town")}
    return render_template(
        "enrolment/applications.html", list=found, steps=options(list(names.items())), towns=towns, chosen=chosen
    )


def _intake(schemes: list[Scheme], code: str) -> str:
    """By the first scheme that has such a window."""
    return next((name for scheme in schemes if (name := deadlines.intake_name(scheme, code)) != code), code)


def _asked_for(conn: Connection, schemes: list[Scheme]) -> ColumnElement[bool]:
    e, asked = enrolments.c, request.args
    wanted: ColumnElement[bool] = true()
    if asked.get("step"):
        wanted &= e.step == asked["step"]
    if asked.get("town"):
        wanted &= seniors.c.town == asked["town"]
    state = asked.get("state")
    if state in ("late", "near") and schemes:
        near = deadlines.near(conn, schemes[0], local_date(here().now(), schemes[0].time_zone))
        wanted &= e.due_on < near.today if state == "late" else e.due_on.between(near.today, near.until)
    return wanted


def _to(row: Row[tuple[int]]) -> str:
    return url_for("enrolment.one", enrolment_id=row._mapping["id"])
