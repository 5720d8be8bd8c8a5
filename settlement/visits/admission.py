"""May this visit begin? The facts are read once, then checked in one fixed order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    CompoundSelect,
    Row,
    and_,
    bindparam,
    exists,
    false,
    func,
    null,
    or_,
    select,
    true,
    union_all,
)

from settlement.act import Act
from settlement.cards.tables import cards, media
from settlement.outcomes import Declined, Reason, Refused, declined
from settlement.people.tables import entitlements, seniors
from settlement.periods import Month, local_date
from settlement.policy.scheme import Scheme
from settlement.policy.store import in_force
from settlement.policy.tariff import prices_in_force
from settlement.providers.rights import may_serve, work_refused
from settlement.providers.tables import caregivers, devices
from settlement.visits import rules
from settlement.visits.forms import CheckIn
from settlement.visits.orders import state_words
from settlement.visits.tables import visits, work_orders
from settlement.visits.words import METHODS, unlisted

A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Facts:
    """``who``: the caregiver's row beside the card's, its holder's and, where a card was read, the medium's. ``on``: the local day."""

    who: Any
    scheme: Scheme
    month: Month
    on: date


_CAREGIVER = [caregivers.c.id.label("caregiver_id"), caregivers.c.provider_id, caregivers.c.phone_index]
_CAREGIVER += [caregivers.c[name] for name in ("from_day", "until_day", "trained_on", "certificate_until")]
_HOLDER = [
    cards.c.id.label("card_id"),
    *(cards.c[n] for n in ("scheme_code", "frozen_from", "activated_at", "closed_at")),
]
_HOLDER += [seniors.c.id.label("senior_id"), seniors.c.town, seniors.c.latitude_e7, seniors.c.longitude_e7]
_HOLDER += [seniors.c.died_on, seniors.c.left_on]
_HELD = cards.join(seniors, seniors.c.id == cards.c.senior_id)
_THIS = caregivers.c.id == bindparam("caregiver", type_=BigInteger)
_OF_MEDIUM = (
    select(*_CAREGIVER, *_HOLDER, media.c.dead_from, media.c.dead_reason)
    .select_from(_HELD.join(media, media.c.card_id == cards.c.id).join(caregivers, _THIS))
    .where(media.c.id == bindparam("medium"))
)
_BY_MEDIUM = _OF_MEDIUM.with_for_update(of=[caregivers, cards], key_share=True)
# Whoever stands at a counter serves many at once.
_AT_COUNTER = _OF_MEDIUM.with_for_update(of=[cards], key_share=True)
_BY_SENIOR = (
    select(*_CAREGIVER, *_HOLDER, null().label("dead_from"), null().label("dead_reason"))
    .select_from(_HELD.join(caregivers, _THIS))
    .where(cards.c.senior_id == bindparam("senior"))
    .with_for_update(of=[caregivers, cards], key_share=True)
)


def gather(act: Act, request: CheckIn, *, at_counter: bool = False) -> Facts | Declined:
    """Read and lock who is concerned, caregiver (not ``at_counter``) and card, so that two check-ins at once take turns. Declined:
    CAREGIVER_UNKNOWN, CODE_UNKNOWN, EVENT_TOO_OLD (before every scheme)."""
    asked: dict[str, Any] = {"caregiver": request.caregiver_id}
    if request.medium_id is None:
        row = act.conn.execute(_BY_SENIOR, asked | {"senior": request.senior_id}).one_or_none()
    else:
        by_medium = _AT_COUNTER if at_counter else _BY_MEDIUM
        row = act.conn.execute(by_medium, asked | {"medium": request.medium_id}).one_or_none()
    if row is None:
        known = act.conn.execute(select(exists().where(caregivers.c.id == request.caregiver_id))).scalar_one()
        return declined(Reason.CODE_UNKNOWN if known else Reason.CAREGIVER_UNKNOWN)
    try:
        scheme = in_force(act.conn, row.scheme_code, Month.of(request.occurred_at))
    except Refused:  # a clock that fell back to 1970: before every scheme
        return declined(Reason.EVENT_TOO_OLD)
    month = Month.of(request.occurred_at, scheme.time_zone)
    return Facts(row, scheme, month, local_date(request.occurred_at, scheme.time_zone))


def admit(act: Act, request: CheckIn, facts: Facts) -> Declined | None:
    """The first reason against the visit, in this order, or None:

    method (known, accepted by the scheme) and device; clock, age of the record; the order (known, this provider's, this senior's, still planned, not taken); the card as
    it was then (CODE_DEAD, CARD_CLOSED, CARD_NOT_ACTIVE, ACCOUNT_FROZEN); the senior (SENIOR_DEAD, SENIOR_LEFT, NOT_ENTITLED); the provider
    (PROVIDER_BANNED, NO_CONTRACT); the caregiver (CAREGIVER_NOT_EMPLOYED, CAREGIVER_UNTRAINED, CERTIFICATE_EXPIRED); the caregiver
    elsewhere, at whichever provider; the senior being served.
    """
    return (
        method_refused(facts.scheme, request.method)
        or device_refused(act, request.device_id, request.caregiver_id, facts.who.provider_id)
        or clock_refused(act, facts.scheme, request.occurred_at, released=request.released)
        or _order_refused(act, request, facts)
        or people_refused(act, facts, request.occurred_at)
        or _collision(act, request, facts)
    )


def people_refused(act: Act, facts: Facts, at: datetime) -> Declined | None:
    """Whether card, senior, provider and caregiver counted at that moment: at a door and at a counter alike."""
    return card_refused(facts.who, at) or _senior_refused(act, facts) or _provider_refused(act, facts)


def method_refused(scheme: Scheme, method: str) -> Declined | None:
    refusal = unlisted(method, METHODS)
    if refusal is None and scheme.method(method).use == "refused":
        return declined(Reason.METHOD_NOT_ACCEPTED)
    return refusal


def device_refused(act: Act, device_id: str | None, caregiver_id: int, provider_id: int) -> Declined | None:
    """A device serves its own provider, and its own caregiver unless it is shared."""
    if device_id is None:
        return None
    query = select(devices.c.provider_id, devices.c.caregiver_id).where(devices.c.id == device_id)
    row = act.conn.execute(query).one_or_none()
    if row is None or row.provider_id != provider_id or row.caregiver_id not in (None, caregiver_id):
        return declined(Reason.DEVICE_OF_OTHER)
    return None


def clock_refused(act: Act, scheme: Scheme, occurred_at: datetime, *, released: bool) -> Declined | None:
    offline = scheme.door.offline
    if rules.ahead(scheme, occurred_at, act.now):
        return declined(Reason.CLOCK_AHEAD, minutes=offline.clock_off_minutes)
    if rules.too_old(scheme, occurred_at, act.now) and not released:
        return declined(Reason.EVENT_TOO_OLD, days=offline.oldest_days)
    return None


def _order_refused(act: Act, request: CheckIn, facts: Facts) -> Declined | None:
    if request.order_id is None:
        return None
    order = act.conn.execute(_ORDER, {"order": request.order_id}).one_or_none()
    if order is None:
        return declined(Reason.ORDER_UNKNOWN)
    if order.provider_id != facts.who.provider_id:
        return declined(Reason.OTHER_PROVIDERS_ORDER)
    if order.senior_id != facts.who.senior_id:
        return declined(Reason.ORDER_OF_OTHER_SENIOR)
    # A check-in made before the order was taken back counts, however late it arrives. That nobody could serve it before is a device's record as
    # this one is, and may reach us first or last: who checked in without signal could not be told.
    told = order.status == "cancelled" or rules.at_the_door(facts.scheme, request.occurred_at, act.now)
    if order.status in ("cancelled", "not_served") and told and order.status_at <= request.occurred_at:
        return declined(Reason.ORDER_NOT_PLANNED, **state_words(order.status))
    return declined(Reason.ORDER_TAKEN) if order.taken else None


_ORDER = select(
    work_orders.c.provider_id,
    work_orders.c.senior_id,
    work_orders.c.status,
    work_orders.c.status_at,
    exists().where(visits.c.order_id == work_orders.c.id, visits.c.status != "void").label("taken"),
).where(work_orders.c.id == bindparam("order"))


def card_refused(holder: Any, at: datetime) -> Declined | None:
    """Whether the piece of card that was read, and its card, counted at that moment; as ``cards.token.read`` does, and frozen besides."""
    dead_from = holder.dead_from
    closed = holder.closed_at is not None and holder.closed_at <= at
    if dead_from is not None and dead_from <= at and not (closed and holder.dead_reason == "closed"):
        return declined(Reason.CODE_DEAD, since=dead_from.isoformat(), why=holder.dead_reason)
    if closed:
        return declined(Reason.CARD_CLOSED)
    if holder.activated_at is None or holder.activated_at > at:
        return declined(Reason.CARD_NOT_ACTIVE)
    if holder.frozen_from is not None and holder.frozen_from <= at:
        return declined(Reason.ACCOUNT_FROZEN, since=holder.frozen_from.isoformat())
    return None


def _senior_refused(act: Act, facts: Facts) -> Declined | None:
    who, month = facts.who, str(facts.month)
    if who.died_on is not None and facts.on >= who.died_on:
        return declined(Reason.SENIOR_DEAD, died_on=str(who.died_on))
    if who.left_on is not None and facts.on >= who.left_on:
        return declined(Reason.SENIOR_LEFT, left_on=str(who.left_on))
    asked = {"senior": who.senior_id, "scheme": facts.scheme.code, "month": month}
    return None if act.conn.execute(_ENTITLED, asked).scalar_one() else declined(Reason.NOT_ENTITLED, month=month)


_ENTITLED = select(
    exists().where(
        entitlements.c.senior_id == bindparam("senior"),
        entitlements.c.scheme_code == bindparam("scheme"),
        entitlements.c.from_month <= bindparam("month"),
        or_(entitlements.c.to_month.is_(None), entitlements.c.to_month >= bindparam("month")),
    )
)


def _provider_refused(act: Act, facts: Facts) -> Declined | None:
    who = facts.who
    reason = may_serve(act.conn, who.provider_id, who.town, facts.scheme.code, facts.on) or work_refused(who, facts.on)
    return None if reason is None else declined(reason)


def _collision(act: Act, request: CheckIn, facts: Facts) -> Declined | None:
    if not rules.at_the_door(facts.scheme, request.occurred_at, act.now):
        return None  # see rules.in_the_way
    at, tolerance = request.occurred_at, rules.clock_tolerance(facts.scheme)
    # A visit that nobody ever checked out of is in the way for a day.
    span = {"first": at - A_DAY, "last": at + tolerance}
    who = {"caregiver": request.caregiver_id, "phone": facts.who.phone_index, "senior": facts.who.senior_id}
    rows = act.conn.execute(_NEARBY, who | span).all()

    def in_the_way(found: Iterable[Row[Any]]) -> str | None:
        others = [rules.Other(r.id, r.check_in_at, r.left_at, r.device_id == request.device_id) for r in found]
        return rules.in_the_way(facts.scheme, at, act.now, others)

    other = in_the_way(row for row in rows if row.same_caregiver)
    if other is not None:
        return declined(Reason.CAREGIVER_ELSEWHERE, visit=other)
    other = in_the_way(row for row in rows if row.senior_id == facts.who.senior_id)
    if other is not None and not _together(act, request, facts):
        return declined(Reason.SENIOR_BEING_SERVED, visit=other)
    return None


def _nearby() -> CompoundSelect[Any]:
    """Visits about that time of the same caregiver, at whichever provider (the same telephone is the same person), or the same senior."""
    v = visits.c
    # What was bought at a counter took no time and has no end.
    lasting = or_(v.status == "open", v.check_out_at.is_not(None))
    near = and_(v.check_in_at.between(bindparam("first"), bindparam("last")), v.status != "void", lasting)
    same = or_(caregivers.c.id == bindparam("caregiver"), caregivers.c.phone_index == bindparam("phone"))
    left_at = func.coalesce(v.corrected_out_at, v.check_out_at).label("left_at")
    columns = [v.id, v.check_in_at, left_at, v.device_id, v.senior_id]
    by_caregiver = select(*columns, true().label("same_caregiver")).where(
        near, v.caregiver_id.in_(select(caregivers.c.id).where(same))
    )
    # One side at a time, so that each uses its own index.
    by_senior = select(*columns, false()).where(near, v.senior_id == bindparam("senior"))
    return union_all(by_caregiver, by_senior).order_by("check_in_at", "id")


_NEARBY = _nearby()


def _together(act: Act, request: CheckIn, facts: Facts) -> bool:
    """Whether everything on the order may be given beside another visit; an urgent visit says nothing beforehand."""
    if request.order_id is None:
        return False
    items = act.conn.execute(select(work_orders.c["items"]).where(work_orders.c.id == request.order_id)).scalar_one()
    prices = prices_in_force(act.conn, facts.scheme.code, facts.who.provider_id, facts.on)
    return all(item in prices and prices[item].together for item in items)
