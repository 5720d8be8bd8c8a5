"""One person's application, as a village takes it at its desk: judged like a row of a roster, then registered and applied for in one act."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy import Connection, insert, or_, select
from sqlalchemy.exc import IntegrityError

from settlement.act import Act
from settlement.keys import KeyRing
from settlement.officers import require
from settlement.outcomes import Reason, Refused
from settlement.people import enrolment, places, register
from settlement.people.faults import Problem
from settlement.people.register import Entry
from settlement.people.roster import Judge, Rules
from settlement.people.scope import require_person
from settlement.people.tables import categories
from settlement.periods import local_date
from settlement.policy.scheme import Scheme


def judge(
    conn: Connection, scheme: Scheme, today: date, values: Mapping[str, str], *, town: str | None, village: str | None
) -> tuple[Entry | None, dict[str, Problem]]:
    """What a form says, by the keys of ``columns.COLUMNS``: the entry where its identity can be read, and what is wrong with which key.

    ``town`` and ``village``: the scope of who fills it in, None for the whole district.
    """
    rules = Rules(scheme, places.load(conn), today, town, village)
    entry, wrong = Judge(rules).row("", 0, values)
    return entry, dict(reversed(wrong))


def apply_new(act: Act, ring: KeyRing, scheme: Scheme, entry: Entry) -> int:
    """Register somebody and take the application; the enrolment's id. The entry comes from :func:`judge` without anything wrong.

    Raises Refused: REGISTERED_ALREADY, and what :func:`enrolment.apply_many` raises.
    """
    require(act, "enrolment.apply")
    if register.find_many(act.conn, ring, [entry.identity.number]):
        raise Refused(Reason.REGISTERED_ALREADY)
    try:
        [senior_id] = register.add_many(act, ring, [entry])
    except IntegrityError as both:  # another office registered the same person in this moment
        raise Refused(Reason.REGISTERED_ALREADY) from both
    act.audit("senior.register", f"senior:{senior_id}", after={"town": entry.town, "village": entry.village})
    return _apply(act, scheme, senior_id, entry.applied_on)


def apply_known(act: Act, scheme: Scheme, senior_id: int, applied_on: date, declared: Sequence[str] = ()) -> int:
    """Take the application of somebody on the register, with the categories declared that are not on record yet; the enrolment's id.

    Raises Refused: NOT_FOUND, NOT_ALLOWED for another office's person, BAD_INPUT for a category that the scheme does not have, DAY_IN_FUTURE.
    """
    require(act, "enrolment.apply")
    require_person(act, senior_id)
    unknown = set(declared) - {category.code for category in scheme.categories}
    if unknown:
        raise Refused(Reason.BAD_INPUT, detail="类别 | categories")
    c = categories.c
    held = select(c.category).where(
        c.senior_id == senior_id, c.valid_from <= applied_on, or_(c.valid_to.is_(None), c.valid_to > applied_on)
    )
    new = [code for code in dict.fromkeys(declared) if code not in set(act.conn.scalars(held))]
    enrolment_id = _apply(act, scheme, senior_id, applied_on)
    if new:
        rows = [{"senior_id": senior_id, "category": code, "valid_from": applied_on} for code in new]
        act.conn.execute(insert(categories), rows)
        act.audit("senior.declare", f"senior:{senior_id}", after={"categories": new})
    return enrolment_id


def _apply(act: Act, scheme: Scheme, senior_id: int, applied_on: date | None) -> int:
    on = applied_on or local_date(act.now, scheme.time_zone)
    [enrolment_id] = enrolment.apply_many(act, scheme, [senior_id], on)
    act.audit("enrolment.apply", f"enrolment:{enrolment_id}", after={"senior": senior_id, "applied_on": on})
    return enrolment_id
