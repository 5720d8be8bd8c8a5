"""Bookings: service that a senior or agent asks for. A provider accepts it, which plans a work order, or declines it with a listed reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select, update

from settlement.act import Act
from settlement.cards import book
from settlement.officers import require
from settlement.outcomes import Reason, Refused
from settlement.people.changes import require_here
from settlement.people.scope import require_person, speaker
from settlement.people.tables import seniors
from settlement.periods import Month, local_date
from settlement.policy import store, tariff
from settlement.providers import rights
from settlement.visits import orders
from settlement.visits.tables import bookings
from settlement.visits.words import BOOKING_DECLINES

MOST_OPEN = 5
MOST_ITEMS = 10
LONGEST = 200
AHEAD = timedelta(days=92)
"""Nobody plans further ahead."""


@dataclass(frozen=True)
class Booking:
    """``items``: codes of the price list. ``provider_id``: whom the senior wants (None: anybody), then who accepted. ``decline_reason``: of
    ``words.BOOKING_DECLINES``; ``order_id``: what came of it."""

    id: int
    senior_id: int
    town: str
    provider_id: int | None
    items: list[str]
    words: str
    wished_on: date | None
    said_by: str
    asked_at: datetime
    status: str
    decline_reason: str | None
    order_id: str | None
    answered_at: datetime | None


def ask(
    act: Act,
    senior_id: int,
    items: Sequence[str],
    words: str = "",
    wished_on: date | None = None,
    by: str = "senior",
    *,
    provider_id: int | None = None,
) -> int:
    """Ask for service; the booking's number. The same again, while nobody has answered, is the same booking.

    ``items``: codes of the price list; none where ``words`` say what is wanted (at most 200 characters). ``wished_on``: a local day from today on,
    within three months; None: any. ``by``: who asks (``people.scope.SPEAKERS``); a holder's session knows that itself. ``provider_id``: only
    this provider. Raises Refused: NOT_ALLOWED, NOT_FOUND, SENIOR_DEAD, SENIOR_LEFT, BAD_INPUT, DAY_PAST, ITEM_NOT_SOLD, TOO_MANY_OPEN.
    """
    require(act, "booking.ask", provider_id=provider_id)
    senior = require_person(act, senior_id)
    require_here(senior)
    said_by, words = speaker(act, by), words.strip()
    wanted = list(dict.fromkeys(items))
    if not (wanted or words) or len(wanted) > MOST_ITEMS or len(words) > LONGEST:
        raise Refused(Reason.BAD_INPUT, detail=f"1–{MOST_ITEMS} items, or words <= {LONGEST}")
    today = local_date(act.now)
    day = wished_on or today
    if day < today:
        raise Refused(Reason.DAY_PAST, day=day)
    if day > today + AHEAD:
        raise Refused(Reason.BAD_INPUT, detail=f"wished_on <= {today + AHEAD}")
    # Without a provider the scheme's own list is asked; what one provider sells besides can be booked with that provider.
    _require_sold(act, senior_id, wanted, provider_id or 0, day)
    # Locked: a button pressed twice at the same moment asks once.
    act.conn.execute(select(seniors.c.id).where(seniors.c.id == senior_id).with_for_update(key_share=True))
    open_ones = _open_of(act, senior_id)
    same = (wanted, words, wished_on, provider_id)
    for row in open_ones:
        if (row.items, row.words, row.wished_on, row.provider_id) == same:
            return int(row.id)
    if len(open_ones) >= MOST_OPEN:
        raise Refused(Reason.TOO_MANY_OPEN, most=MOST_OPEN)
    row = {"senior_id": senior_id, "town": senior.town, "provider_id": provider_id, "items": wanted, "words": words}
    row |= {"wished_on": wished_on, "said_by": said_by, "asked_by": act.actor.id, "asked_at": act.now}
    added = insert(bookings).values(row | {"status": "asked"}).returning(bookings.c.id)
    booking_id = int(act.conn.execute(added).scalar_one())
    after = {"senior": senior_id, "items": wanted, "wished_on": wished_on, "said_by": said_by}
    act.audit("booking.ask", f"booking:{booking_id}", after=after)
    return booking_id


def accept(
    act: Act,
    booking_id: int,
    provider_id: int,
    planned_start: datetime,
    planned_minutes: int,
    *,
    items: Sequence[str] = (),
    caregiver_id: int | None = None,
) -> str:
    """Plan what was asked for; the work order's id (origin ``booked``). The same again answers the first order.

    ``items``: what was agreed on, default what was asked for. Raises Refused: NOT_FOUND, NOT_ALLOWED (also when another provider is wanted),
    WRONG_STATE, SENIOR_DEAD, SENIOR_LEFT, PROVIDER_BANNED, NO_CONTRACT, ITEM_NOT_SOLD, DAY_PAST, BAD_INPUT without items or minutes, and of the
    caregiver as ``orders.assign``.
    """
    row = _locked(act, booking_id)
    require(act, "booking.accept", provider_id=provider_id)
    if row.provider_id not in (None, provider_id):
        raise Refused(Reason.NOT_ALLOWED)
    if row.status == "accepted" and row.provider_id == provider_id:
        return str(row.order_id)
    _require_asked(row, "accepted")
    require_here(act.conn.execute(select(seniors).where(seniors.c.id == row.senior_id)).one())
    agreed, day = list(items) or row.items, local_date(planned_start)
    if not agreed or not 1 <= planned_minutes <= 1440:
        raise Refused(Reason.BAD_INPUT, detail="items, planned_minutes")
    if planned_start < act.now:
        raise Refused(Reason.DAY_PAST, day=day)
    scheme_code = _scheme(act, row.senior_id)
    refusal = rights.may_serve(act.conn, provider_id, row.town, scheme_code, day)
    if refusal is not None:
        raise Refused(refusal)
    _require_sold(act, row.senior_id, agreed, provider_id, day)
    order_id = f"booked-{booking_id}"
    orders.plan(
        act,
        orders.Plan(
            id=order_id,
            provider_id=provider_id,
            senior_id=row.senior_id,
            planned_start=planned_start,
            planned_minutes=planned_minutes,
            items=tuple(agreed),
            origin="booked",
        ),
    )
    if caregiver_id is not None:
        orders.assign(act, [order_id], caregiver_id)
    _answer(act, row, "accepted", {"provider_id": provider_id, "order_id": order_id})
    return order_id


def decline(act: Act, booking_id: int, reason: str) -> None:
    """Decline a booking. ``reason``: of ``words.BOOKING_DECLINES``. The same again changes nothing. A provider declines only what is asked of it
    alone; what anybody may accept, the town declines. Raises Refused."""
    row = _locked(act, booking_id)
    if act.actor.provider_id is not None and row.provider_id is None:
        raise Refused(Reason.NOT_ALLOWED)
    require(act, "booking.decline", town=row.town, provider_id=row.provider_id)
    if reason not in BOOKING_DECLINES:
        raise Refused(Reason.BAD_INPUT, detail=f"reason: {', '.join(BOOKING_DECLINES)}")
    if (row.status, row.decline_reason) == ("declined", reason):
        return
    _require_asked(row, "declined")
    _answer(act, row, "declined", {"decline_reason": reason})


def withdraw(act: Act, booking_id: int) -> None:
    """Who asked no longer wants it. Again changes nothing; one that is planned is cancelled as a work order. Raises Refused."""
    row = _locked(act, booking_id)
    require(act, "booking.ask")
    require_person(act, row.senior_id)
    if row.status == "withdrawn":
        return
    _require_asked(row, "withdrawn")
    _answer(act, row, "withdrawn", {})


def listing(
    conn: Connection,
    *,
    town: str | None = None,
    senior_id: int | None = None,
    provider_id: int | None = None,
    status: str | None = "asked",
) -> list[Booking]:
    """Bookings, oldest first. ``provider_id``: those asked of this provider and those anybody may accept; ``status`` None: all."""
    b = bookings.c
    wanted = {b.town: town, b.senior_id: senior_id, b.status: status}
    query = _COLUMNS.where(*(column == value for column, value in wanted.items() if value is not None))
    if provider_id is not None:
        query = query.where(or_(b.provider_id == provider_id, b.provider_id.is_(None)))
    return [Booking(*row) for row in conn.execute(query.order_by(b.asked_at, b.id))]


_COLUMNS = select(*(bookings.c[name] for name in Booking.__dataclass_fields__))


def _locked(act: Act, booking_id: int) -> Any:
    row = act.conn.execute(select(bookings).where(bookings.c.id == booking_id).with_for_update()).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what=f"booking {booking_id}")
    return row


def _require_asked(row: Row[Any], event: str) -> None:
    if row.status != "asked":
        raise Refused(Reason.WRONG_STATE, state=row.status, event=event)


def _answer(act: Act, row: Row[Any], status: str, more: dict[str, Any]) -> None:
    change = {"status": status, "answered_by": act.actor.id, "answered_at": act.now} | more
    act.conn.execute(update(bookings).where(bookings.c.id == row.id).values(change))
    act.audit(f"booking.{status}", f"booking:{row.id}", before={"status": "asked"}, after={"status": status} | more)


def _open_of(act: Act, senior_id: int) -> Sequence[Any]:
    return act.conn.execute(
        select(bookings).where(bookings.c.senior_id == senior_id, bookings.c.status == "asked")
    ).all()


def _scheme(act: Act, senior_id: int) -> str:
    card = book.of_senior(act.conn, senior_id)
    if card is None:
        raise Refused(Reason.NOT_FOUND, what="card")
    return card.scheme_code


def _require_sold(act: Act, senior_id: int, items: Sequence[str], provider_id: int, day: date) -> None:
    if not items:
        return
    scheme_code = _scheme(act, senior_id)
    store.in_force(act.conn, scheme_code, Month.of(day))
    sold = tariff.prices_in_force(act.conn, scheme_code, provider_id, day)
    unsold = [item for item in items if item not in sold]
    if unsold:
        raise Refused(Reason.ITEM_NOT_SOLD, items=", ".join(unsold)[:80])
