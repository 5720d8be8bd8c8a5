"""How a provider reaches a senior it works for: telephone number or address in full, each look on record (design: every unmasking is logged)."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import select

from settlement.act import Act
from settlement.keys import KeyRing
from settlement.officers import require
from settlement.outcomes import Reason, Refused
from settlement.people import register
from settlement.people.tables import seniors
from settlement.visits.orders import state_words
from settlement.visits.tables import visits, work_orders

CONTEXTS = {"phone": register.PHONE, "address": register.ADDRESS}


def of_order(act: Act, ring: KeyRing, order_id: str, what: Literal["phone", "address"], why: str) -> str | None:
    """For arranging a planned order; None where nothing is on record. Raises Refused: NOT_FOUND, NOT_ALLOWED, BAD_INPUT without a reason,
    ORDER_NOT_PLANNED when there is nothing left to arrange."""
    o = work_orders.c
    query = select(o.provider_id, o.senior_id, o.status).where(o.id == order_id)
    row = act.conn.execute(query).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what="work order")
    if row.status != "planned":
        raise Refused(Reason.ORDER_NOT_PLANNED, **state_words(row.status))
    return _shown(act, ring, row.provider_id, row.senior_id, what, why)


def of_visit(act: Act, ring: KeyRing, visit_id: str, why: str) -> str | None:
    """The telephone number, for calling back after a visit. Raises Refused: NOT_FOUND, NOT_ALLOWED, BAD_INPUT."""
    v = visits.c
    row = act.conn.execute(select(v.provider_id, v.senior_id).where(v.id == visit_id)).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what="visit")
    return _shown(act, ring, row.provider_id, row.senior_id, "phone", why)


def _shown(act: Act, ring: KeyRing, provider_id: int, senior_id: int, what: str, why: str) -> str | None:
    require(act, "senior.reach", provider_id=provider_id)
    if not why.strip() or what not in CONTEXTS:
        raise Refused(Reason.BAD_INPUT, detail="理由 | reason")
    cipher = act.conn.execute(select(seniors.c[f"{what}_cipher"]).where(seniors.c.id == senior_id)).scalar_one()
    act.audit("senior.reveal", f"senior:{senior_id}", after={"field": what}, why=why.strip())
    return ring.decrypt(cipher, CONTEXTS[what]) if cipher else None
