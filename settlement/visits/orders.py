"""Work orders: planned services, one visit each. What becomes of one: done, cancelled, not served (with a listed reason)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Row, insert, select, update

from settlement.act import Act
from settlement.db import insert_if_absent
from settlement.officers import require
from settlement.outcomes import Declined, Reason, Refused, declined
from settlement.people.tables import seniors
from settlement.periods import local_date
from settlement.providers import rights
from settlement.providers.tables import caregivers
from settlement.visits.tables import visit_lines, visits, work_orders
from settlement.visits.words import NOT_SERVED_REASONS, ORDER_CANCEL_REASONS, ORDER_STATUS, unlisted

BATCH = 500
Origin = Literal["planned", "booked", "urgent", "make_up"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One service for one senior. ``items``: codes of the price list, explained to the senior beforehand (notice 5(1)2)."""

    id: str
    provider_id: int
    senior_id: int
    planned_start: datetime
    planned_minutes: int
    items: tuple[str, ...]
    caregiver_id: int | None = None
    origin: Origin = "planned"


def plan(act: Act, order: Plan) -> None:
    """Plan one service; the same again changes nothing. Raises Refused(ID_REUSED) for other content under the same id."""
    plan_many(act, [order])


def plan_many(act: Act, orders: Sequence[Plan]) -> int:
    """Plan many services; the number newly planned. The town is the senior's today.

    Raises Refused: NOT_FOUND for an unknown senior, CAREGIVER_UNKNOWN for another provider's, ID_REUSED, BAD_INPUT for a plan without items or time;
    nothing is planned then.
    """
    for provider_id in sorted({order.provider_id for order in orders}):
        require(act, "order.plan", provider_id=provider_id)
    faulty = next((o for o in orders if not o.items or o.planned_minutes <= 0), None)
    if faulty is not None:
        raise Refused(Reason.BAD_INPUT, detail=f"{faulty.id}: items, planned_minutes")
    planned = 0
    for start in range(0, len(orders), BATCH):
        planned += _plan_batch(act, orders[start : start + BATCH])
    if planned:
        subject = f"order:{orders[0].id}" if len(orders) == 1 else "orders"
        act.audit("order.plan", subject, after={"orders": planned, "first": orders[0].id})
    return planned


def _plan_batch(act: Act, orders: Sequence[Plan]) -> int:
    wanted = {order.id: _row(order) for order in orders}
    columns = [work_orders.c[name] for name in _PLANNED]
    known = act.conn.execute(select(*columns).where(work_orders.c.id.in_(wanted))).mappings()
    for stored in known:
        if dict(stored) != wanted.pop(stored["id"]):
            raise Refused(Reason.ID_REUSED, id=stored["id"])
    people = select(seniors.c.id, seniors.c.town).where(seniors.c.id.in_({r["senior_id"] for r in wanted.values()}))
    towns = {row.id: row.town for row in act.conn.execute(people)}
    for row in wanted.values():
        if row["senior_id"] not in towns:
            raise Refused(Reason.NOT_FOUND, what=f"senior {row['senior_id']}")
    _require_own_staff(act, wanted.values())
    if wanted:
        same = {"status": "planned", "created_at": act.now}
        rows = [row | same | {"town": towns[row["senior_id"]]} for row in wanted.values()]
        act.conn.execute(insert(work_orders), rows)
    return len(wanted)


def _require_own_staff(act: Act, rows: Iterable[dict[str, Any]]) -> None:
    given = {(row["caregiver_id"], row["provider_id"]) for row in rows if row["caregiver_id"] is not None}
    c = caregivers.c
    staff = act.conn.execute(select(c.id, c.provider_id).where(c.id.in_({id for id, _ in given}))) if given else ()
    if not given <= {(row.id, row.provider_id) for row in staff}:
        raise Refused(Reason.CAREGIVER_UNKNOWN)


_PLANNED = ("id", "provider_id", "senior_id", "caregiver_id", "planned_start", "planned_minutes", "items", "origin")


def _row(order: Plan) -> dict[str, Any]:
    return {name: getattr(order, name) for name in _PLANNED} | {"items": list(order.items)}


def assign(act: Act, order_ids: Sequence[str], caregiver_id: int | None) -> int:
    """Give planned orders to a caregiver, or to nobody (None); how many changed. All or none.

    Raises Refused: ORDER_UNKNOWN, NOT_ALLOWED, CAREGIVER_UNKNOWN for another provider's, ORDER_NOT_PLANNED, and why the caregiver may not work on one
    of the days (CAREGIVER_NOT_EMPLOYED, CAREGIVER_UNTRAINED, CERTIFICATE_EXPIRED).
    """
    o, wanted = work_orders.c, sorted(set(order_ids))
    query = select(o.id, o.provider_id, o.caregiver_id, o.planned_start, o.status).where(o.id.in_(wanted))
    rows = act.conn.execute(query.order_by(o.id).with_for_update()).all()
    if not wanted or len(rows) != len(wanted):
        raise Refused(Reason.ORDER_UNKNOWN)
    for provider_id in {row.provider_id for row in rows}:
        require(act, "order.plan", provider_id=provider_id)
    whose = {row.provider_id for row in rows}
    caregiver = None
    if caregiver_id is not None:
        caregiver = act.conn.execute(select(caregivers).where(caregivers.c.id == caregiver_id)).one_or_none()
        if caregiver is None or whose != {caregiver.provider_id}:
            raise Refused(Reason.CAREGIVER_UNKNOWN)
    for row in rows:
        if row.status != "planned":
            raise Refused(Reason.ORDER_NOT_PLANNED, **state_words(row.status))
        refusal = None if caregiver is None else rights.work_refused(caregiver, local_date(row.planned_start))
        if refusal is not None:
            raise Refused(refusal)
    changed = [row for row in rows if row.caregiver_id != caregiver_id]
    act.conn.execute(update(work_orders).where(o.id.in_([row.id for row in changed])).values(caregiver_id=caregiver_id))
    for row in changed:
        before, after = {"caregiver": row.caregiver_id}, {"caregiver": caregiver_id}
        act.audit("order.assign", f"order:{row.id}", before=before, after=after)
    return len(changed)


def cancel(act: Act, order_id: str, reason: str) -> Declined | None:
    """Take back a planned order. ``reason``: of ``words.ORDER_CANCEL_REASONS``. The same again changes nothing."""
    return unlisted(reason, ORDER_CANCEL_REASONS) or _end(act, order_id, "cancelled", reason, act.now)


def not_served(act: Act, order_id: str, reason: str, occurred_at: datetime) -> Declined | None:
    """The caregiver went and could not serve. ``reason``: of ``words.NOT_SERVED_REASONS``; the office follows it up."""
    return unlisted(reason, NOT_SERVED_REASONS) or _end(act, order_id, "not_served", reason, occurred_at)


def _end(act: Act, order_id: str, status: str, reason: str, at: datetime) -> Declined | None:
    row = act.conn.execute(select(work_orders).where(work_orders.c.id == order_id).with_for_update()).one_or_none()
    if row is None:
        return declined(Reason.ORDER_UNKNOWN)
    if act.actor.provider_id not in (None, row.provider_id):
        return declined(Reason.OTHER_PROVIDERS_ORDER)
    require(act, "visit.record" if status == "not_served" else "order.plan", provider_id=row.provider_id)
    if (row.status, row.status_reason) == (status, reason):
        return None
    if row.status != "planned":
        return declined(Reason.ORDER_NOT_PLANNED, **state_words(row.status))
    taken = select(visits.c.id).where(visits.c.order_id == order_id, visits.c.status != "void")
    if act.conn.execute(taken).first() is not None:
        return declined(Reason.ORDER_TAKEN)
    change = {"status": status, "status_reason": reason, "status_at": at}
    act.conn.execute(update(work_orders).where(work_orders.c.id == order_id).values(change))
    act.audit(
        f"order.{status}", f"order:{order_id}", before={"status": row.status}, after={"status": status}, why=reason
    )
    return None


def state_words(status: str) -> dict[str, str]:
    return {"state_zh": ORDER_STATUS[status].zh, "state_en": ORDER_STATUS[status].en}


def again(act: Act, visit: Row[Any], planned_minutes: int) -> str:
    """The order to serve a void visit again (notice 5(3)1): due from now, same items, no caregiver yet. One per visit; its id."""
    order_id = f"again-{visit.id}"
    lines = select(visit_lines.c.item_code).where(visit_lines.c.visit_id == visit.id).order_by(visit_lines.c.no)
    items = list(act.conn.execute(lines).scalars())
    if not items and visit.order_id is not None:
        items = act.conn.execute(select(work_orders.c["items"]).where(work_orders.c.id == visit.order_id)).scalar_one()
    row = {
        "id": order_id,
        "provider_id": visit.provider_id,
        "senior_id": visit.senior_id,
        "town": visit.town,
        "planned_start": act.now,
        "planned_minutes": planned_minutes,
        "items": items,
        "origin": "again",
        "again_for_visit_id": visit.id,
        "status": "planned",
        "created_at": act.now,
    }
    act.conn.execute(insert_if_absent(act.conn, work_orders), row)
    return order_id
