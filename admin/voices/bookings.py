"""Bookings: what is asked for and waits; what nobody can do is declined with a listed reason. Providers answer at their own desk."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, render_template, request, url_for
from sqlalchemy import Connection, Row, select

from admin.frame import forms, listing, scope
from admin.frame.acting import acting, done
from admin.frame.console import looking
from admin.frame.listing import Column
from admin.voices.complaints import desk
from settlement.people.scope import SPEAKERS
from settlement.people.tables import seniors
from settlement.policy.tables import price_items
from settlement.providers.tables import providers
from settlement.visits import bookings
from settlement.visits.tables import bookings as booking_rows
from settlement.visits.tables import work_orders
from settlement.visits.words import BOOKING_DECLINES, BOOKING_STATUS, ORDER_STATUS


class Decline(forms.Form):
    reason = forms.Choice(*BOOKING_DECLINES)


@desk.page("/bookings", may="voices.read", menu=("预约", "Bookings"))
def booked() -> object:
    """``?status`` (asked unless asked otherwise), ``?town``."""
    asked = {"status": request.args.get("status", "asked"), "town": request.args.get("town", "")}
    b, s, p = booking_rows.c, seniors.c, providers.c
    columns = [
        Column("no", "编号", "no.", b.id, "number", link=lambda row: url_for("voices.booking", booking_id=row.no)),
        Column("asked_at", "提出", "asked", b.asked_at, "moment"),
        Column("name", "姓名", "name", s.name),
        Column("town", "镇街", "town", b.town),
        Column("village", "村社区", "village", s.village),
        Column("wished_on", "希望哪天", "wished for", b.wished_on, "day"),
        Column("provider", "服务商", "provider", p.name),
        Column("status", "状态", "state", b.status, words=lambda code: " ".join(BOOKING_STATUS[code])),
        Column("answered_at", "答复", "answered", b.answered_at, "moment"),
    ]
    query = (
        select()
        .select_from(booking_rows)
        .join(seniors, s.id == b.senior_id)
        .outerjoin(providers, p.id == b.provider_id)
    )
    query = scope.within(query, town=b.town, village=s.village)
    wanted = {b.status: asked["status"], b.town: asked["town"]}
    query = query.where(*(column == value for column, value in wanted.items() if value))
    with looking() as conn:
        found = listing.look(conn, query, columns, sort="asked_at", name="bookings")
        towns = [(town, town) for town in scope.towns(conn)]
    if found.download is not None:
        return found.download
    states = [(code, " ".join(words)) for code, words in BOOKING_STATUS.items()]
    return render_template("voices/bookings.html", found=found, asked=asked, towns=towns, states=states)


@desk.page("/bookings/<int:booking_id>", may="voices.read")
def booking(booking_id: int) -> str:
    with looking() as conn:
        row = _mine(conn, booking_id)
        items: list[str] = row._mapping["items"]
        i, o = price_items.c, work_orders.c
        named = select(i.item_code, i.name_zh).where(i.item_code.in_(items)).order_by(i.list_id)
        names = {each.item_code: each.name_zh for each in conn.execute(named)}
        order = conn.execute(
            select(o.planned_start, o.planned_minutes, o.status).where(o.id == row.order_id)
        ).one_or_none()
    words = {"declines": BOOKING_DECLINES, "states": BOOKING_STATUS, "orders": ORDER_STATUS, "speakers": SPEAKERS}
    listed = [names.get(code, code) for code in items]
    return render_template("voices/booking.html", row=row, listed=listed, order=order, **words)


def _mine(conn: Connection, booking_id: int) -> Row[Any]:
    b, s = booking_rows.c, seniors.c
    query = select(booking_rows, s.name, s.village, providers.c.name.label("provider"))
    query = query.join(seniors, s.id == b.senior_id).outerjoin(providers, providers.c.id == b.provider_id)
    return scope.one(conn, scope.within(query.where(b.id == booking_id), town=b.town, village=s.village), "booking")


@desk.act("/bookings/<int:booking_id>/decline", may="voices.decline", shows=booking)
def decline(booking_id: int) -> Response:
    reason = forms.read(Decline)["reason"]
    with acting() as act:
        _mine(act.conn, booking_id)
        bookings.decline(act, booking_id, reason)
    done("已答复不能安排，会告知老人", "Declined; the senior is told")
    return redirect(url_for("voices.booking", booking_id=booking_id), 303)  # type: ignore[return-value]


@desk.act("/bookings/<int:booking_id>/withdraw", may="voices.take", shows=booking)
def withdraw_booking(booking_id: int) -> Response:
    with acting() as act:
        _mine(act.conn, booking_id)
        bookings.withdraw(act, booking_id)
    done("已撤回", "Taken back")
    return redirect(url_for("voices.booking", booking_id=booking_id), 303)  # type: ignore[return-value]
