"""Telling seniors what became of what they said: complaints decided, bookings answered; and whenever somebody became their agent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, String, cast, exists, literal, or_, select

from settlement.act import Act
from settlement.keys import KeyRing
from settlement.messages import recipients
from settlement.messages.announce import BATCH, leave, leave_with
from settlement.messages.tables import messages
from settlement.officers import require
from settlement.people.agents import BEGAN, COUNTS, RELATIONS
from settlement.people.tables import agents
from settlement.periods import SHANGHAI
from settlement.providers.tables import providers
from settlement.supervision.complaints import KINDS, REMEDIES, STATUS
from settlement.supervision.tables import complaints
from settlement.visits.tables import bookings, work_orders
from settlement.visits.words import BOOKING_DECLINES

NEWS = timedelta(days=30)
"""What was answered longer ago is not told any more."""


def complaints_decided(act: Act, ring: KeyRing, limit: int = BATCH) -> int:
    """Tell what was decided on complaints, except those taken back by who made them; how many were left in the outbox."""
    require(act, "message.put")
    c = complaints.c
    query = select(c.id, c.senior_id, c.kind, c.status, c.remedy, c.opened_at)
    query = query.where(c.status.in_(("upheld", "rejected")), c.decided_at >= act.now - NEWS, ~_told("complaint", c.id))
    rows = act.conn.execute(query.order_by(c.decided_at, c.id).limit(limit)).all()
    return leave(act, ring, "complaint", [(r.senior_id, f"complaint:{r.id}", _decided_text(r)) for r in rows])


def bookings_answered(act: Act, ring: KeyRing, limit: int = BATCH) -> int:
    """Tell who asked for service when it comes, or why it does not; how many were left in the outbox."""
    require(act, "message.put")
    b, o, p = bookings.c, work_orders.c, providers.c
    query = (
        select(b.id, b.senior_id, b.status, b.decline_reason, o.planned_start, o.planned_minutes, p.name)
        .outerjoin(work_orders, o.id == b.order_id)
        .outerjoin(providers, p.id == b.provider_id)
        .where(b.status.in_(("accepted", "declined")), b.answered_at >= act.now - NEWS, ~_told("booking", b.id))
    )
    rows = act.conn.execute(query.order_by(b.answered_at, b.id).limit(limit)).all()
    return leave(act, ring, "booking", [(r.senior_id, f"booking:{r.id}", _answered_text(r)) for r in rows])


def agents_appointed(act: Act, ring: KeyRing, limit: int = BATCH) -> int:
    """Tell the senior, and nobody else, that somebody became their agent; how many were left in the outbox."""
    require(act, "message.put")
    a = agents.c
    query = select(a.id, a.senior_id, a.name, a.relation, BEGAN.label("began"))
    since = act.now - NEWS
    lately = or_(a.appointed_at >= since, a.confirmed_at >= since)
    query = query.where(COUNTS, lately, ~_told("agent", a.id))
    rows = act.conn.execute(query.order_by(BEGAN, a.id).limit(limit)).all()
    whom = recipients.seniors_only(act.conn, ring, [row.senior_id for row in rows])
    told = [(whom[r.senior_id], r.senior_id, f"agent:{r.id}", _appointed_text(r)) for r in rows]
    return leave_with(act, ring, "agent", told)


def _told(kind: str, id: ColumnElement[int]) -> ColumnElement[bool]:
    subject = literal(f"{kind}:") + cast(id, String)
    return exists().where(messages.c.kind == kind, messages.c.subject == subject)


def _decided_text(row: Any) -> str:
    said = row.opened_at.astimezone(SHANGHAI)
    remedy = REMEDIES[row.remedy][0]
    text = f"【养老服务卡】您{said.month}月{said.day}日反映的“{KINDS[row.kind].zh}”已核实：{STATUS[row.status][0]}"
    return text + (f"，{remedy}。" if remedy else "。")


def _answered_text(row: Any) -> str:
    if row.status == "declined":
        return f"【养老服务卡】您预约的服务不能安排：{BOOKING_DECLINES[row.decline_reason].zh}。请与村(社区)联系。"
    comes = row.planned_start.astimezone(SHANGHAI)
    day = f"{comes.month}月{comes.day}日{comes:%H:%M}"
    return f"【养老服务卡】您预约的服务已安排：{row.name}{day}上门，约{row.planned_minutes}分钟。请备好服务卡。"


def _appointed_text(row: Any) -> str:
    day = row.began.astimezone(SHANGHAI)
    who = f"{row.name}（{RELATIONS[row.relation][0]}）"
    text = f"【养老服务卡】{day.month}月{day.day}日起，{who}是您的代理人，可以查余额、预约服务、确认扣款。"
    return text + "您没有同意的，请马上告诉村(社区)。"
