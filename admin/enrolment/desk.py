"""The desk all views of the enrolment belong to, and what they share: schemes in force, whose people, names of steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, select

from admin.frame import scope
from admin.frame.access import officer
from admin.frame.console import here
from admin.frame.desk import Desk
from settlement.outcomes import Reason, Refused
from settlement.people import enrolment
from settlement.people.tables import enrolments, seniors
from settlement.periods import Month
from settlement.policy import store
from settlement.policy.rules_people import Step
from settlement.policy.scheme import Scheme
from settlement.policy.tables import schemes as stored

desk = Desk("enrolment", __name__, "申请审批", "Enrolment")

ENDED = {enrolment.DONE: ("已办结", "done"), enrolment.REFUSED: ("未通过", "refused")}
LEVELS = ("能力完好 able", "轻度 mild", "中度 moderate", "重度 severe", "完全失能 complete")


def in_force(conn: Connection) -> list[Scheme]:
    """Every scheme that is in force this month."""
    month = Month.of(here().now())
    codes = select(stored.c.code).where(stored.c.valid_from <= str(month)).distinct().order_by(stored.c.code)
    return [store.in_force(conn, code, month) for code in conn.scalars(codes)]


def scheme_of(conn: Connection, code: str) -> Scheme:
    """Raises Refused(NOT_FOUND) for one that is not in force."""
    found = next((scheme for scheme in in_force(conn) if scheme.code == code), None)
    if found is None:
        raise Refused(Reason.NOT_FOUND, what="scheme")
    return found


def step_of(scheme: Scheme, code: str) -> Step:
    """Raises Refused(NOT_FOUND) for a step that the scheme does not have."""
    found = next((step for step in scheme.enrolment.steps if step.code == code), None)
    if found is None:
        raise Refused(Reason.NOT_FOUND, what="step")
    return found


def step_name(scheme: Scheme, code: str) -> tuple[str, str]:
    names = {step.code: (step.name_zh, step.name_en) for step in scheme.enrolment.steps} | ENDED
    return names.get(code, (code, code))


def theirs(*columns: Any) -> Select[Any]:
    """Enrolments with their seniors, narrowed to the officer's own people."""
    query = select(*columns).select_from(enrolments).join(seniors, seniors.c.id == enrolments.c.senior_id)
    return scope.people(query)


def require_taker(step: Step) -> None:
    """Raises Refused(NOT_FOUND) for a step that is another role's."""
    if officer().role != step.role:
        raise Refused(Reason.NOT_FOUND, what="step")


def options(pairs: Sequence[tuple[str, tuple[str, str]]]) -> list[tuple[str, str]]:
    """(code, (Chinese, English)) as a select shows them."""
    return [(code, f"{zh} {en}") for code, (zh, en) in pairs]
