"""Sense-free enrolment: who became eligible is asked by a message, and "yes" is the application."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from settlement.act import Act
from settlement.keys import KeyRing
from settlement.messages import announce
from settlement.officers import require
from settlement.outcomes import Reason, Refused
from settlement.people import becoming, enrolment
from settlement.people.register import chunks
from settlement.people.scope import among_theirs, require_person
from settlement.people.tables import enrolments, invitations, seniors
from settlement.periods import Month, local_date
from settlement.policy import months, store
from settlement.policy.scheme import Scheme

NOT_AGAIN = timedelta(days=180)
"""Who said no is not asked again for so long."""
KIND = "invitation"
HOW: Mapping[str, tuple[str, str]] = {
    "sms": ("短信回复", "by SMS"),
    "telephone": ("电话", "by telephone"),
    "in_person": ("当面", "in person"),
}


@dataclass(frozen=True)
class Invited:
    """``ids``: the invitations. ``left_out``: people who are not on the list any more, or are another office's."""

    ids: list[int]
    left_out: int


def invite(act: Act, ring: KeyRing, scheme: Scheme, senior_ids: Sequence[int]) -> Invited:
    """Ask people of the list (``people.becoming``) whether they want what they may have; one message each. Raises Refused(NOT_ALLOWED)."""
    require(act, "invitation.send")
    today = local_date(act.now, scheme.time_zone)
    s = seniors.c
    on_list = becoming.eligible(scheme, today, but_asked_since=today - NOT_AGAIN)
    columns = [becoming.fulfils(scheme, benefit, today).label(benefit.code) for benefit in scheme.benefits]
    found: list[Row[Any]] = []
    for part in chunks(dict.fromkeys(senior_ids)):
        # Held, and only then looked at: another office may be asking the same people in this moment.
        act.conn.execute(select(s.id).where(s.id.in_(part)).order_by(s.id).with_for_update()).all()
        query = on_list.add_columns(s.id, s.town, s.village, *columns).where(s.id.in_(part)).order_by(s.id)
        found += among_theirs(act, act.conn.execute(query).all())
    rows = [
        {"senior_id": row.id, "scheme_code": scheme.code, "benefits": _benefits(scheme, row)}
        | {"invited_by": act.actor.id, "invited_at": act.now}
        for row in found
    ]
    ids: list[int] = []
    for some in chunks(rows):
        added = act.conn.execute(insert(invitations).returning(invitations.c.id, sort_by_parameter_order=True), some)
        ids += [row.id for row in added]
    told = [
        (row["senior_id"], f"{KIND}:{id}", _text(scheme, row["benefits"], today))
        for id, row in zip(ids, rows, strict=True)
    ]
    announce.leave(act, ring, KIND, told)
    if ids:
        after = {"people": len(ids), "first": ids[0], "last": ids[-1]}
        act.audit("invitation.send", f"scheme:{scheme.code}", after=after)
    return Invited(ids, len(set(senior_ids)) - len(ids))


def _benefits(scheme: Scheme, row: Row[Any]) -> list[str]:
    return [benefit.code for benefit in scheme.benefits if row._mapping[benefit.code]]


def _text(scheme: Scheme, benefits: Iterable[str], today: date) -> str:
    names = "、".join(benefit.name_zh for benefit in scheme.benefits if benefit.code in benefits)
    opens = months.next_opening(scheme, today)
    when = "" if opens == today else f"（{opens.month}月{opens.day}日起受理）"
    return f"【养老服务卡】您可能符合{names}的条件。愿意申请请回复“是”，不申请请回复“否”{when}；也可到村(社区)办理。"


def answer(act: Act, invitation_id: int, wants: bool, how: str, said_on: date) -> int | None:
    """Write down what somebody answered. "Yes" is the application of that day: the enrolment's number, or None while no intake is open; then
    :func:`take_up` makes it when one is. ``how``: of HOW.

    Raises Refused: NOT_ALLOWED, NOT_FOUND, WRONG_STATE when it is answered, BAD_INPUT, DAY_IN_FUTURE, DAY_PAST for a day before they were asked,
    and as ``enrolment.apply_many``.
    """
    require(act, "invitation.answer")
    v = invitations.c
    row = act.conn.execute(select(invitations).where(v.id == invitation_id).with_for_update()).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what="invitation")
    require_person(act, row.senior_id)
    if row.answer is not None:
        raise Refused(Reason.WRONG_STATE, state=row.answer, event="answer")
    if how not in HOW:
        raise Refused(Reason.BAD_INPUT, detail=f"方式 how: {', '.join(HOW)}")
    if said_on > local_date(act.now):
        raise Refused(Reason.DAY_IN_FUTURE, day=said_on)
    if said_on < local_date(row.invited_at):
        raise Refused(Reason.DAY_PAST, day=said_on)
    said = {"answer": "yes" if wants else "no", "answered_how": how, "answered_on": said_on}
    said |= {"answered_by": act.actor.id, "answered_at": act.now}
    act.conn.execute(update(invitations).where(v.id == invitation_id).values(said))
    act.audit(
        "invitation.answer", f"senior:{row.senior_id}", after={"answer": said["answer"], "how": how, "on": said_on}
    )
    if not wants:
        return None
    scheme = store.in_force(act.conn, row.scheme_code, Month.of(act.now))
    return _apply(act, scheme, row.id, row.senior_id, said_on)


def take_up(act: Act, scheme: Scheme) -> list[int]:
    """Make applications of the "yes" that came while no intake was open; the enrolments. Of the actor's own people.

    They count from today. Raises Refused(OUTSIDE_INTAKE) while none is open still.
    """
    require(act, "invitation.answer")
    today = local_date(act.now, scheme.time_zone)
    enrolment.intake_of(scheme, today)
    v, s = invitations.c, seniors.c
    query = select(v.id, v.senior_id, s.town, s.village).join(seniors, s.id == v.senior_id)
    waits = (
        v.scheme_code == scheme.code,
        v.answer == "yes",
        v.enrolment_id.is_(None),
        s.died_on.is_(None),
        s.left_on.is_(None),
    )
    rows = among_theirs(act, act.conn.execute(query.where(*waits).order_by(v.id).with_for_update(of=invitations)).all())
    made = [_apply(act, scheme, row.id, row.senior_id, today) for row in rows]
    return [id for id in made if id is not None]


def _apply(act: Act, scheme: Scheme, invitation_id: int, senior_id: int, on: date) -> int | None:
    if months.open_window(scheme, on) is None:
        return None
    try:
        with act.conn.begin_nested():
            (id,) = enrolment.apply_many(act, scheme, [senior_id], on)
    except Refused as refused:
        if refused.reason is not Reason.ALREADY_APPLIED:
            raise
        # They came to the village meanwhile: that is the application they said yes to, and no reason to stop the others'.
        e = enrolments.c
        newest = select(func.max(e.id)).where(e.senior_id == senior_id, e.scheme_code == scheme.code)
        id = act.conn.scalar(newest)
    act.conn.execute(update(invitations).where(invitations.c.id == invitation_id).values(enrolment_id=id))
    return id
