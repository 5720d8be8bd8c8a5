"""Assessments at home: ordered by the district, found by the assessor it was given to and by nobody else.

An applicant's level counts with the application (:mod:`enrolment`). Of somebody entitled it changes the money: another officer takes it over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Row, Select, exists, insert, select, update
from sqlalchemy.exc import IntegrityError

from settlement.act import Act
from settlement.keys import KeyRing
from settlement.officers import officers, require, require_other
from settlement.outcomes import Reason, Refused
from settlement.people import ability, changes, enrolment, entitling, register
from settlement.people.register import chunks
from settlement.people.scope import require_person, require_theirs
from settlement.people.tables import assessment_orders, assessments, entitlements, seniors
from settlement.periods import Month, local_date
from settlement.policy import store
from settlement.policy.eligibility import months_after
from settlement.policy.scheme import Scheme

SHEET = "assessment_orders.sheet"
UNDER_WAY = ("asked", "ordered", "found")


@dataclass(frozen=True)
class Sheet:
    """What the assessor filled in. ``points`` by item, ``worse``: codes of ``ability.WORSE`` that hold."""

    points: Mapping[str, int]
    worse: tuple[str, ...]
    assessed_on: date


def order_applicants(act: Act, scheme: Scheme, enrolment_ids: Sequence[int], assessor: str) -> int:
    """Ask an assessor to see applicants whose assessment is due; how many. Those with an order under way are passed over.

    Raises Refused: STEP_NOT_DUE, NOT_FOUND for an assessor who is none.
    """
    require(act, "assessment.order")
    _require_assessor(act, assessor)
    due = enrolment.due_rows(act, scheme, enrolment_ids, enrolment.ASSESS)
    people = {row.senior_id: row.id for row in due}
    return _order(act, scheme, people, "application", assessor)


def order_again(act: Act, scheme: Scheme, senior_ids: Sequence[int], assessor: str) -> int:
    """Ask an assessor to see entitled people again whose assessment is old; how many.

    Raises Refused: NOT_FOUND for people who are not entitled, or an assessor who is none.
    """
    require(act, "assessment.order")
    _require_assessor(act, assessor)
    _require_entitled(act, scheme, senior_ids)
    return _order(act, scheme, dict.fromkeys(senior_ids), "due", assessor)


def ask(act: Act, scheme: Scheme, senior_id: int, why: str) -> int:
    """Write down that an entitled senior or the family asks for a reassessment; the district then gives it to an assessor. The order's id.

    Raises Refused: NOT_FOUND, NOT_ALLOWED for another office's person, BAD_INPUT without a reason, NEWS_KNOWN when one is under way.
    """
    require(act, "assessment.ask")
    require_person(act, senior_id)
    if not why.strip():
        raise Refused(Reason.BAD_INPUT, detail="理由 | reason")
    _require_entitled(act, scheme, [senior_id])
    if not _order(act, scheme, {senior_id: None}, "asked", None, why):
        raise Refused(Reason.NEWS_KNOWN, known="评估任务 an order")
    o = assessment_orders.c
    mine = (o.senior_id == senior_id) & (o.scheme_code == scheme.code) & (o.status == "asked")
    return int(act.conn.execute(select(o.id).where(mine)).scalar_one())


def assign(act: Act, order_ids: Sequence[int], assessor: str) -> int:
    """Give requests to an assessor; how many. Raises Refused: NOT_FOUND for one that is none (any more), or an assessor who is none."""
    require(act, "assessment.order")
    _require_assessor(act, assessor)
    o = assessment_orders.c
    values = {"assessor": assessor, "status": "ordered", "ordered_by": act.actor.id, "ordered_at": act.now}
    wanted = set(order_ids)
    asked = (o.status == "asked") & o.id.in_(wanted)
    if not wanted or act.conn.execute(update(assessment_orders).where(asked).values(values)).rowcount != len(wanted):
        raise Refused(Reason.NOT_FOUND, what="assessment")
    act.audit("assessment.assign", "assessments", after={"orders": sorted(wanted)})
    return len(wanted)


def overdue(scheme: Scheme, today: date) -> Select[Any]:
    """People (``seniors``) who are entitled and whose newest assessment is older than the scheme lets one stand, without an order under way. No columns."""
    since = months_after(today, -scheme.enrolment.reassessment.months)
    a, o, e = assessments.c, assessment_orders.c, entitlements.c
    newer = exists().where(a.senior_id == seniors.c.id, a.assessed_on > since)
    ordered = exists().where(o.senior_id == seniors.c.id, o.scheme_code == scheme.code, o.status.in_(UNDER_WAY))
    running = (e.scheme_code == scheme.code) & e.to_month.is_(None)
    return (
        select().select_from(seniors).join(entitlements, e.senior_id == seniors.c.id).where(running, ~newer, ~ordered)
    )


def where_to_go(act: Act, ring: KeyRing, order_id: int) -> dict[str, str | None]:
    """Address and telephone of somebody the assessor was asked to see, on record, while the order is open.

    Raises Refused: NOT_FOUND for another assessor's order, WRONG_STATE.
    """
    require(act, "assessment.find")
    order = _mine(act, order_id)
    senior = act.conn.execute(select(seniors).where(seniors.c.id == order.senior_id)).one()
    shown = {}
    for field, context in (("address", register.ADDRESS), ("phone", register.PHONE)):
        cipher = getattr(senior, f"{field}_cipher")
        shown[field] = ring.decrypt(cipher, context) if cipher else None
        why = f"上门评估 assessment:{order_id}"
        act.audit("senior.reveal", f"senior:{senior.id}", after={"field": field}, why=why)
    return shown


def find(act: Act, ring: KeyRing, order_id: int, sheet: Sheet) -> ability.Judged:
    """The assessor's result. An application goes on with it; a reassessment waits for :func:`adopt`.

    Raises Refused: NOT_FOUND for another assessor's order, WRONG_STATE, BAD_INPUT for an incomplete sheet, DAY_IN_FUTURE, and what
    :func:`changes.add_assessments` and :func:`enrolment.assess` raise.
    """
    require(act, "assessment.find")
    order = _mine(act, order_id)
    judged = ability.judge(sheet.points, sheet.worse)
    scheme = store.in_force(act.conn, order.scheme_code, Month.of(act.now))
    if sheet.assessed_on > local_date(act.now, scheme.time_zone):
        raise Refused(Reason.DAY_IN_FUTURE, day=sheet.assessed_on)
    filled = json.dumps({"points": dict(sheet.points), "worse": list(sheet.worse)})
    values = {"assessed_on": sheet.assessed_on, "total": judged.total, "level": judged.level, "found_at": act.now}
    values |= {"sheet_cipher": ring.encrypt(filled, SHEET), "status": "found"}
    if order.enrolment_id is not None:
        values["status"] = "done"
        result = enrolment.Result(judged.level, sheet.assessed_on)
        enrolment.assess(act, scheme, {order.enrolment_id: result}, act.actor.id)
    _write(act, order_id, values)
    act.audit("assessment.find", f"assessment:{order_id}", after={"level": judged.level, "status": values["status"]})
    return judged


def adopt(act: Act, order_id: int) -> entitling.Decided:
    """Let a reassessment count, from the next month, by another person than the assessor. Raises Refused: NOT_FOUND, NOT_ALLOWED, WRONG_STATE, SAME_PERSON."""
    require(act, "assessment.adopt")
    order = _locked(act, order_id)
    require_theirs(act, [order])
    _require_state(order, "found")
    require_other(act, order.assessor)
    scheme = store.in_force(act.conn, order.scheme_code, Month.of(act.now).next())  # as it is when it counts
    news = changes.Assessment(order.senior_id, order.level, order.assessed_on, order.assessor)
    decided = changes.reassess(act, scheme, [news])
    _write(act, order_id, {"status": "done", "decided_by": act.actor.id, "decided_at": act.now})
    act.audit("assessment.adopt", f"assessment:{order_id}", after={"level": order.level})
    return decided


def withdraw(act: Act, order_id: int, why: str) -> None:
    """Take an order back that nobody needs any more. Raises Refused: NOT_FOUND, WRONG_STATE when it is done, BAD_INPUT without a reason."""
    require(act, "assessment.order")
    order = _locked(act, order_id)
    require_theirs(act, [order])
    _require_state(order, *UNDER_WAY)
    if not why.strip():
        raise Refused(Reason.BAD_INPUT, detail="理由 | reason")
    values = {"status": "withdrawn", "decided_by": act.actor.id, "decided_at": act.now, "decided_why": why}
    _write(act, order_id, values)
    act.audit("assessment.withdraw", f"assessment:{order_id}", why=why)


def sheet_of(ring: KeyRing, order: Row[Any]) -> Sheet | None:
    """What was filled in, for somebody who may see it."""
    if order.sheet_cipher is None:
        return None
    filled = json.loads(ring.decrypt(order.sheet_cipher, SHEET))
    return Sheet(filled["points"], tuple(filled["worse"]), order.assessed_on)


def _order(
    act: Act,
    scheme: Scheme,
    people: Mapping[int, int | None],
    reason: str,
    assessor: str | None,
    why: str | None = None,
) -> int:
    o = assessment_orders.c
    busy: set[int] = set()
    for part in chunks(people):
        under_way = select(o.senior_id).where(
            o.senior_id.in_(part), o.scheme_code == scheme.code, o.status.in_(UNDER_WAY)
        )
        busy |= set(act.conn.scalars(under_way))
    shared: dict[str, Any] = {
        "scheme_code": scheme.code,
        "reason": reason,
        "why": why,
        "assessor": assessor,
        "status": "ordered" if assessor else "asked",
    }
    shared |= {"ordered_by": act.actor.id, "ordered_at": act.now}
    rows = [
        shared | {"senior_id": who, "enrolment_id": enrolment_id}
        for who, enrolment_id in people.items()
        if who not in busy
    ]
    if rows:
        try:
            act.conn.execute(insert(assessment_orders), rows)
        except IntegrityError as both:  # another office ordered the same in this moment
            raise Refused(Reason.NEWS_KNOWN, known="评估任务 an order") from both
        act.audit("assessment.order", f"scheme:{scheme.code}", after={"people": len(rows), "reason": reason})
    return len(rows)


def _require_entitled(act: Act, scheme: Scheme, senior_ids: Sequence[int]) -> None:
    e = entitlements.c
    entitled: set[int] = set()
    for part in chunks(senior_ids):
        running = select(e.senior_id).where(e.senior_id.in_(part), e.scheme_code == scheme.code, e.to_month.is_(None))
        entitled |= set(act.conn.scalars(running))
    if not senior_ids or set(senior_ids) - entitled:
        raise Refused(Reason.NOT_FOUND, what="senior")


def _require_assessor(act: Act, assessor: str) -> None:
    known = select(officers.c.id).where(officers.c.id == assessor, officers.c.role == "assessor", officers.c.active)
    if act.conn.scalar(known) is None:
        raise Refused(Reason.NOT_FOUND, what="officer")


def _mine(act: Act, order_id: int) -> Row[Any]:
    """An open order of the acting assessor's."""
    order = _locked(act, order_id)
    if order.assessor != act.actor.id:
        raise Refused(Reason.NOT_FOUND, what="assessment")
    _require_state(order, "ordered")
    return order


def _locked(act: Act, order_id: int) -> Row[Any]:
    query = (
        select(assessment_orders, seniors.c.town, seniors.c.village)
        .join(seniors, seniors.c.id == assessment_orders.c.senior_id)
        .where(assessment_orders.c.id == order_id)
        .with_for_update(of=assessment_orders)
    )
    found = act.conn.execute(query).one_or_none()
    if found is None:
        raise Refused(Reason.NOT_FOUND, what="assessment")
    return found


def _require_state(order: Row[Any], *states: str) -> None:
    if order.status not in states:
        raise Refused(Reason.WRONG_STATE, state=order.status, event="assess")


def _write(act: Act, order_id: int, values: dict[str, Any]) -> None:
    act.conn.execute(update(assessment_orders).where(assessment_orders.c.id == order_id).values(values))
