"""Bookings to answer: accepted, which plans an order, or declined with a listed reason."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, render_template, url_for
from marshmallow.fields import String
from sqlalchemy import Connection, Row, Select, and_, or_, select

from admin.frame import forms, listing, scope
from admin.frame.access import officer
from admin.frame.acting import acting, done
from admin.frame.console import looking
from admin.frame.forms import Choice, Day, Form, Many, Number, Text
from admin.frame.listing import Column
from admin.provider.desk import chosen, desk, items, moment, named, ours, said, staff, today, whose
from settlement.people.scope import SPEAKERS
from settlement.people.tables import seniors
from settlement.providers.tables import contracts
from settlement.visits import bookings
from settlement.visits.tables import bookings as rows
from settlement.visits.words import BOOKING_DECLINES, BOOKING_STATUS


class Accepted(Form):
    day = Day()
    time = Text(most=5)
    minutes = Number(least=1, most=1440)
    item = Many(String(), load_default=list)
    caregiver = Number(least=1, load_default=None)


class Declined(Form):
    reason = Choice(*BOOKING_DECLINES)


@desk.page("/bookings", may="provider_work.read", menu=("预约", "Bookings"))
def booked() -> Response | str:
    b, s = rows.c, seniors.c
    columns = (
        Column("id", "编号", "no.", b.id, "number", link=lambda row: url_for("provider.booking", booking_id=row.id)),
        Column("name", "老人", "senior", s.name),
        Column("town", "镇街", "town", b.town),
        Column("items", "项目", "items", b["items"], sorts=False, words="、".join),
        Column("words", "要求", "in words", b.words, sorts=False),
        Column("wished_on", "希望", "wished for", b.wished_on, "day"),
        Column("asked_at", "提出", "asked", b.asked_at, "moment"),
        Column("status", "状态", "state", said(b.status, BOOKING_STATUS)),
    )
    with looking() as conn:
        found = listing.look(conn, _seen(select()), columns, sort="-asked_at", name="bookings")
    return found.download or render_template("provider/bookings.html", found=found)


@desk.page("/bookings/<int:booking_id>", may="provider_work.read")
def booking(booking_id: int) -> str:
    with looking() as conn:
        row = _booking(conn, booking_id)
        mine = officer().provider_id or row.provider_id or whose(conn)
        sold = items(conn, mine, max(row.wished_on or today(), today()))
        shown: dict[str, Any] = {"row": row, "items": sold, "staff": staff(conn, mine)}
    shown |= {"wanted": named(row._mapping["items"], sold), "reasons": chosen(BOOKING_DECLINES)}
    shown |= {"states": BOOKING_STATUS, "speakers": SPEAKERS, "declines": BOOKING_DECLINES, "today": today()}
    return render_template("provider/booking.html", **shown)


@desk.act("/bookings/<int:booking_id>/accept", may="booking.accept", shows=booking)
def accept(booking_id: int) -> Response:
    given, mine = forms.read(Accepted), ours()
    start = moment(given["day"], given["time"])
    with acting() as act:
        _booking(act.conn, booking_id)
        more = {"items": given["item"], "caregiver_id": given["caregiver"]}
        order_id = bookings.accept(act, booking_id, mine, start, given["minutes"], **more)
    done("已接受，老人会收到答复", "Accepted; the senior is told")
    return redirect(url_for("provider.order", order_id=order_id), 303)  # type: ignore[return-value]


@desk.act("/bookings/<int:booking_id>/decline", may="booking.accept", shows=booking)
def decline(booking_id: int) -> Response:
    given = forms.read(Declined)
    with acting() as act:
        _booking(act.conn, booking_id)
        bookings.decline(act, booking_id, given["reason"])
    done("已谢绝，老人会收到答复", "Declined; the senior is told")
    return redirect(url_for("provider.booked"), 303)  # type: ignore[return-value]


def _seen(query: Select[Any]) -> Select[Any]:
    """Asked of the provider, or of nobody in particular in a town where it holds a contract."""
    b, c, mine = rows.c, contracts.c, officer().provider_id
    query = query.select_from(rows.join(seniors, seniors.c.id == b.senior_id))
    if mine is None:
        return scope.within(query, town=b.town, provider=b.provider_id)
    day = today()
    towns = select(c.town).where(c.provider_id == mine, c.from_day <= day, c.until_day > day)
    return query.where(or_(b.provider_id == mine, and_(b.provider_id.is_(None), b.town.in_(towns))))


def _booking(conn: Connection, booking_id: int) -> Row[Any]:
    query = _seen(select(rows, seniors.c.name, seniors.c.village)).where(rows.c.id == booking_id)
    return scope.one(conn, query, "booking")
