"""Objections to names that are posted: taken down while they hang, decided by somebody else, and until then nothing goes on.

Upheld, the application is refused with the reason; dismissed, it goes on; or it goes back to the check after the application.
"""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy import insert, select, update

from settlement.act import Act
from settlement.officers import require, require_other
from settlement.outcomes import Reason, Refused
from settlement.people import enrolment
from settlement.people.scope import require_theirs
from settlement.people.tables import enrolments, objections, seniors
from settlement.periods import local_date
from settlement.policy.scheme import Scheme

Outcome = Literal["dismissed", "upheld", "recheck"]
OUTCOMES: dict[Outcome, tuple[str, str]] = {
    "dismissed": ("不成立，继续办理", "dismissed: goes on"),
    "upheld": ("成立，不予通过", "upheld: refused"),
    "recheck": ("退回重新审核", "checked again"),
}


def raise_objection(act: Act, scheme: Scheme, enrolment_id: int, words: str) -> int:
    """Take down an objection to a name that is posted today; its id. Raises Refused: PUBLICITY_NOT_RUNNING before and after, BAD_INPUT without words."""
    require(act, "enrolment.object")
    row = enrolment.one(act, scheme, enrolment_id)
    today = local_date(act.now, scheme.time_zone)
    posted = row.publicity_from is not None and row.publicity_from <= today <= row.publicity_until
    if row.step != enrolment.PUBLICISE or not posted:
        raise Refused(Reason.PUBLICITY_NOT_RUNNING)
    if not words.strip():
        raise Refused(Reason.BAD_INPUT, detail="理由 | reason")
    values = {"enrolment_id": enrolment_id, "words": words, "recorded_by": act.actor.id, "recorded_at": act.now}
    id: int = act.conn.execute(insert(objections).values(values).returning(objections.c.id)).scalar_one()
    enrolment.record(act, [enrolment_id], enrolment.PUBLICISE, "objected")
    act.audit("enrolment.object", f"enrolment:{enrolment_id}", after={"objection": id})
    return id


def decide(act: Act, scheme: Scheme, objection_id: int, outcome: str, why: str) -> None:
    """Decide an open objection, by another person than who took it down; upheld or to be checked again, the others about that name are settled as well.

    Raises Refused: NOT_FOUND, WRONG_STATE when it is decided, SAME_PERSON, BAD_INPUT for an unknown outcome or without a reason.
    """
    require(act, "enrolment.objection_decide")
    found = _open(act, objection_id)
    if outcome not in OUTCOMES or not why.strip():
        raise Refused(Reason.BAD_INPUT, detail="结论和理由 | outcome and reason")
    require_other(act, found.recorded_by)
    values = {"outcome": outcome, "decided_by": act.actor.id, "decided_at": act.now, "decided_why": why}
    o = objections.c
    settled = o.id == objection_id
    if outcome != "dismissed":
        settled = (o.enrolment_id == found.enrolment_id) & o.outcome.is_(None)
    act.conn.execute(update(objections).where(settled).values(values))
    if outcome == "upheld":
        enrolment.close_refused(act, scheme, found.enrolment_id, enrolment.PUBLICISE, why)
    elif outcome == "recheck":
        enrolment.send_back(act, scheme, found.enrolment_id, why)
    after = {"objection": objection_id, "outcome": outcome}
    act.audit("enrolment.objection_decide", f"enrolment:{found.enrolment_id}", after=after, why=why)


def _open(act: Act, objection_id: int) -> Any:
    o = objections.c
    # The application first, whichever objection to it: of two decided at once each would else wait for the other.
    against = select(o.enrolment_id).where(o.id == objection_id).scalar_subquery()
    act.conn.execute(select(enrolments.c.id).where(enrolments.c.id == against).with_for_update()).all()
    query = (
        select(o.enrolment_id, o.recorded_by, o.outcome, enrolments.c.step, seniors.c.town, seniors.c.village)
        .join(enrolments, enrolments.c.id == o.enrolment_id)
        .join(seniors, seniors.c.id == enrolments.c.senior_id)
        .where(o.id == objection_id)
        .with_for_update(of=objections)
    )
    found: Any = act.conn.execute(query).one_or_none()
    if found is None:
        raise Refused(Reason.NOT_FOUND, what="objection")
    require_theirs(act, [found])
    if found.outcome is not None or found.step != enrolment.PUBLICISE:
        raise Refused(Reason.WRONG_STATE, state=found.outcome or found.step, event="decide")
    return found
