"""Work orders: the list of the coming days, planning one, giving several to a caregiver, taking some back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Response, redirect, render_template, request, url_for
from marshmallow.fields import String
from sqlalchemy import Connection, Row, Select, select

from admin.frame import forms, listing, scope
from admin.frame.acting import acting, done
from admin.frame.console import here, looking
from admin.frame.forms import Choice, Day, Form, Many, Number, Text
from admin.frame.listing import Column
from admin.provider.desk import (
    chosen,
    day_asked,
    desk,
    items,
    moment,
    named,
    ours,
    said,
    scheme,
    settled,
    staff,
    today,
    whose,
)
from settlement.keys import KeyRing
from settlement.outcomes import Reason, Refused
from settlement.people import register
from settlement.people.identity import mask_phone
from settlement.people.tables import seniors
from settlement.periods import SHANGHAI
from settlement.providers.tables import caregivers
from settlement.visits import orders, planning, reaching
from settlement.visits.tables import visits, work_orders
from settlement.visits.words import ORDER_CANCEL_REASONS, ORDER_STATUS, VISIT_STATUS

WEEK = timedelta(days=7)
ORIGINS = {
    "planned": ("计划", "planned"),
    "booked": ("预约", "booked"),
    "urgent": ("急需", "urgent"),
    "make_up": ("补做", "make-up"),
    "again": ("废单重做", "again after a void"),
}


class NewOrder(Form):
    senior = Number(least=1)
    day = Day()
    time = Text(most=5)
    minutes = Number(least=1, most=1440)
    item = Many(String())
    caregiver = Number(least=1, load_default=None)
    origin = Choice("planned", "urgent", "make_up")


class Assigned(Form):
    order = Many(String())
    caregiver = Number(least=1, load_default=None)


class Cancelled(Form):
    order = Many(String())
    reason = Choice(*ORDER_CANCEL_REASONS)


class Shown(Form):
    what = Choice("phone", "address")
    why = Text(most=100)


@desk.page("/orders", may="provider_work.read", menu=("工单", "Work orders"))
def everything() -> Response | str:
    o, s, c = work_orders.c, seniors.c, caregivers.c
    first = day_asked("from", today())
    last = day_asked("until", first + WEEK)
    state = request.args.get("state", "planned")
    columns = (
        Column("id", "工单", "order", o.id, hidden=True),
        Column("planned_start", "上门时间", "when", o.planned_start, "moment"),
        Column("name", "老人", "senior", s.name, link=lambda row: url_for("provider.order", order_id=row.id)),
        Column("village", "村社区", "village", s.village),
        Column("planned_minutes", "分钟", "minutes", o.planned_minutes, "number"),
        Column("staff_no", "工号", "staff no.", c.staff_no),
        Column("caregiver", "服务人员", "caregiver", c.name),
        Column("origin", "来源", "origin", said(o.origin, ORIGINS)),
        Column("state", "状态", "state", said(o.status, ORDER_STATUS)),
        Column("status", "状态", "state", o.status, hidden=True),
    )
    with looking() as conn:
        provider_id = whose(conn)
        source = _orders(select()).where(o.provider_id == provider_id)
        source = source.where(o.planned_start >= _start(first), o.planned_start < _start(last + timedelta(days=1)))
        if state in ORDER_STATUS:
            source = source.where(o.status == state)
        caregiver = request.args.get("caregiver", "")
        if caregiver == "none":
            source = source.where(o.caregiver_id.is_(None))
        elif caregiver:
            source = source.where(o.caregiver_id == forms.id_asked("caregiver"))
        found = listing.look(conn, source, columns, sort="planned_start", name="orders")
        shown: dict[str, Any] = {
            "found": found,
            "staff": staff(conn, provider_id),
            "items": items(conn, provider_id, today()),
        }
    shown |= {"first": first, "last": last, "state": state, "states": chosen(ORDER_STATUS), "caregiver": caregiver}
    shown |= {"reasons": chosen(ORDER_CANCEL_REASONS), "today": today()}
    return found.download or render_template("provider/orders.html", **shown)


@desk.act("/orders", may="order.plan", shows=everything)
def plan_one() -> Response:
    given, mine = forms.read(NewOrder), ours()
    start = moment(given["day"], given["time"])
    order = orders.Plan(
        id=planning.order_id(mine, given["senior"], start),
        provider_id=mine,
        senior_id=given["senior"],
        planned_start=start,
        planned_minutes=given["minutes"],
        items=tuple(given["item"]),
        caregiver_id=given["caregiver"],
        origin=given["origin"],
    )
    with acting() as act:
        planning.plan(act, scheme(act.conn, mine, given["day"]), mine, [order])
    done("工单已派，设备上随即看到", "Planned; the devices see it at once")
    return redirect(url_for("provider.order", order_id=order.id), 303)  # type: ignore[return-value]


@desk.act("/orders/assign", may="order.plan", shows=everything)
def assign() -> Response:
    given = forms.read(Assigned)
    with acting() as act:
        _require_ours(act.conn, given["order"])
        count = orders.assign(act, given["order"], given["caregiver"])
    done(f"已指派{count}张工单", f"{count} orders given")
    return _back()


@desk.act("/orders/cancel", may="order.plan", shows=everything)
def cancel() -> Response:
    given = forms.read(Cancelled)
    with acting() as act:
        _require_ours(act.conn, given["order"])
        for order_id in sorted(set(given["order"])):
            settled(orders.cancel(act, order_id, given["reason"]))
    done(f"已取消{len(set(given['order']))}张工单", "The orders are taken back")
    return _back()


@desk.page("/orders/<order_id>", may="provider_work.read")
def order(order_id: str, revealed: tuple[str, str | None] | None = None) -> str:
    with looking() as conn:
        row = _order(conn, order_id)
        served = select(visits.c.id, visits.c.status, visits.c.check_in_at).where(visits.c.order_id == order_id)
        made = conn.execute(served.order_by(visits.c.check_in_at)).all()
        start = row.planned_start.astimezone(SHANGHAI).date()
        shown: dict[str, Any] = {"row": row, "visits": made, "staff": staff(conn, row.provider_id)}
        shown["wanted"] = named(row._mapping["items"], items(conn, row.provider_id, start))
    shown |= {"phone": _masked(here().ring, row.phone_cipher), "revealed": revealed, "origins": ORIGINS}
    shown |= {"states": ORDER_STATUS, "visit_states": VISIT_STATUS, "reasons": chosen(ORDER_CANCEL_REASONS)}
    return render_template("provider/order.html", **shown)


@desk.act("/orders/<order_id>/show", may="senior.reach", shows=order)
def reveal(order_id: str) -> str:
    """A telephone number or address in full, for arranging the service; on record with the reason."""
    given = forms.read(Shown)
    with acting() as act:
        _order(act.conn, order_id)
        value = reaching.of_order(act, here().ring, order_id, given["what"], given["why"])
    return order(order_id, (given["what"], value))


def _orders(query: Select[Any]) -> Select[Any]:
    joined = work_orders.join(seniors, seniors.c.id == work_orders.c.senior_id)
    joined = joined.outerjoin(caregivers, caregivers.c.id == work_orders.c.caregiver_id)
    return scope.within(query.select_from(joined), provider=work_orders.c.provider_id)


def _order(conn: Connection, order_id: str) -> Row[Any]:
    s = seniors.c
    query = select(work_orders, s.name, s.village, s.phone_cipher, caregivers.c.staff_no)
    query = query.add_columns(caregivers.c.name.label("caregiver"))
    return scope.one(conn, _orders(query).where(work_orders.c.id == order_id), "work order")


def _require_ours(conn: Connection, ids: list[str]) -> None:
    """Raise Refused(NOT_FOUND) for another provider's order as for none."""
    query = _orders(select(work_orders.c.id)).where(work_orders.c.id.in_(ids))
    if len(set(conn.execute(query).scalars())) != len(set(ids)):
        raise Refused(Reason.NOT_FOUND, what="work order")


def _start(day: Any) -> Any:
    return moment(day, "0:00")


def _masked(ring: KeyRing, cipher: str | None) -> str | None:
    return mask_phone(ring.decrypt(cipher, register.PHONE)) if cipher else None


def _back() -> Response:
    kept: dict[str, Any] = {name: request.form[name] for name in ("from", "until", "state") if request.form.get(name)}
    return redirect(url_for("provider.everything", **kept), 303)  # type: ignore[return-value]
