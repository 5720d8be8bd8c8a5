"""May this visit begin? The facts are read once, then checked in one fixed order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, exists, or_, select

from settlement.act import Act
from settlement.cards.tables import cards, media
from settlement.outcomes import Declined, Reason, declined
from settlement.people.tables import entitlements, seniors
from settlement.periods import Month, local_date
from settlement.policy.scheme import Scheme
from settlement.policy.store import in_force
from settlement.policy.tariff import prices_in_force
from settlement.providers.rights import caregiver_may_work, may_serve
from settlement.providers.tables import caregivers, devices
from settlement.visits import rules
from settlement.visits.forms import CheckIn
from settlement.visits.orders import state_words
from settlement.visits.tables import visits, work_orders
from settlement.visits.words import METHODS, unlisted

A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Facts:
    """``holder``: card, its holder and, where a card was read, the medium. ``on``: the local day."""

    caregiver: Row[Any]
    holder: Row[Any]
    scheme: Scheme
    month: Month
    on: date


def gather(act: Act, request: CheckIn) -> Facts | Declined:
    """Read and lock who is concerned (caregiver, then card, in this order everywhere), so that two check-ins at once queue."""
    caregiver = act.conn.execute(
        select(caregivers).where(caregivers.c.id == request.caregiver_id).with_for_update(key_share=True)
    ).one_or_none()
    if caregiver is None:
        return declined(Reason.CAREGIVER_UNKNOWN)
    holder = act.conn.execute(_holder(request)).one_or_none()
    if holder is None:
        return declined(Reason.CODE_UNKNOWN)
    # Every version of a scheme has the place's time zone; the month's own version says it for sure.
    month = Month.of(request.occurred_at)
    scheme = in_force(act.conn, holder.scheme_code, month)
    month = Month.of(request.occurred_at, scheme.time_zone)
    return Facts(caregiver, holder, scheme, month, local_date(request.occurred_at, scheme.time_zone))


def _holder(request: CheckIn) -> Any:
    c, s = cards.c, seniors.c
    columns = [c.id.label("card_id"), c.scheme_code, c.frozen_from, c.activated_at, c.closed_at, c.senior_id]
    columns += [s.town, s.latitude_e7, s.longitude_e7, s.died_on, s.left_on]
    holder = cards.join(seniors, s.id == c.senior_id)
    if request.medium_id is None:
        query = select(*columns).select_from(holder).where(c.senior_id == request.senior_id)
    else:
        query = (
            select(*columns, media.c.dead_from, media.c.dead_reason)
            .select_from(holder.join(media, media.c.card_id == c.id))
            .where(media.c.id == request.medium_id)
        )
    return query.with_for_update(of=cards, key_share=True)


def admit(act: Act, request: CheckIn, facts: Facts) -> Declined | None:
    """The first reason against the visit, in this order, or None:

    method and device; clock, age of the record; the order (known, this provider's, this senior's, still planned, not taken); the card as
    it was then (CODE_DEAD, CARD_CLOSED, CARD_NOT_ACTIVE, ACCOUNT_FROZEN); the senior (SENIOR_DEAD, SENIOR_LEFT, NOT_ENTITLED); the provider
    (PROVIDER_BANNED, NO_CONTRACT); the caregiver (CAREGIVER_NOT_EMPLOYED, CAREGIVER_UNTRAINED, CERTIFICATE_EXPIRED); the caregiver
    elsewhere, at whichever provider; the senior being served.
    """
    return (
        unlisted(request.method, METHODS)
        or device_refused(act, request.device_id, request.caregiver_id, facts.caregiver.provider_id)
        or clock_refused(act, facts.scheme, request.occurred_at, released=request.released)
        or _order_refused(act, request, facts)
        or card_refused(facts.holder, request.occurred_at)
        or _senior_refused(act, facts)
        or _provider_refused(act, facts)
        or _collision(act, request, facts)
    )


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
    order = act.conn.execute(select(work_orders).where(work_orders.c.id == request.order_id)).one_or_none()
    if order is None:
        return declined(Reason.ORDER_UNKNOWN)
    if order.provider_id != facts.caregiver.provider_id:
        return declined(Reason.OTHER_PROVIDERS_ORDER)
    if order.senior_id != facts.holder.senior_id:
        return declined(Reason.ORDER_OF_OTHER_SENIOR)
    # A check-in made before the order was taken back counts, however late it arrives.
    if order.status in ("cancelled", "not_served") and order.status_at <= request.occurred_at:
        return declined(Reason.ORDER_NOT_PLANNED, **state_words(order.status))
    taken = select(exists().where(visits.c.order_id == order.id, visits.c.status != "void"))
    return declined(Reason.ORDER_TAKEN) if act.conn.execute(taken).scalar_one() else None


def card_refused(holder: Any, at: datetime) -> Declined | None:
    """Whether the piece of card that was read, and its card, counted at that moment; as ``cards.token.read`` does, and frozen besides."""
    dead_from = getattr(holder, "dead_from", None)
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
    holder = facts.holder
    if holder.died_on is not None and facts.on >= holder.died_on:
        return declined(Reason.SENIOR_DEAD, died_on=str(holder.died_on))
    if holder.left_on is not None and facts.on >= holder.left_on:
        return declined(Reason.SENIOR_LEFT, left_on=str(holder.left_on))
    e, month = entitlements.c, str(facts.month)
    running = exists().where(
        e.senior_id == holder.senior_id,
        e.scheme_code == facts.scheme.code,
        e.from_month <= month,
        or_(e.to_month.is_(None), e.to_month >= month),
    )
    return None if act.conn.execute(select(running)).scalar_one() else declined(Reason.NOT_ENTITLED, month=month)


def _provider_refused(act: Act, facts: Facts) -> Declined | None:
    provider_id = facts.caregiver.provider_id
    reason = may_serve(act.conn, provider_id, facts.holder.town, facts.scheme.code, facts.on)
    reason = reason or caregiver_may_work(act.conn, facts.caregiver.id, facts.on)
    return None if reason is None else declined(reason)


def _collision(act: Act, request: CheckIn, facts: Facts) -> Declined | None:
    if not rules.at_the_door(facts.scheme, request.occurred_at, act.now):
        return None  # see rules.in_the_way
    caregiver = facts.caregiver
    same_person: ColumnElement[bool] = visits.c.caregiver_id == caregiver.id
    if caregiver.phone_index is not None:  # employed by several providers
        people = select(caregivers.c.id).where(caregivers.c.phone_index == caregiver.phone_index)
        same_person = visits.c.caregiver_id.in_(people)
    other = _in_the_way(act, request, facts, same_person)
    if other is not None:
        return declined(Reason.CAREGIVER_ELSEWHERE, visit=other)
    other = _in_the_way(act, request, facts, visits.c.senior_id == facts.holder.senior_id)
    if other is not None and not _together(act, request, facts):
        return declined(Reason.SENIOR_BEING_SERVED, visit=other)
    return None


def _in_the_way(act: Act, request: CheckIn, facts: Facts, who: ColumnElement[bool]) -> str | None:
    v, at = visits.c, request.occurred_at
    # A visit that nobody ever checked out of is in the way for a day.
    near = v.check_in_at.between(at - A_DAY, at + rules.clock_tolerance(facts.scheme))
    query = select(v.id, v.check_in_at, v.check_out_at, v.device_id).where(who, near, v.status != "void")
    others = [
        rules.Other(row.id, row.check_in_at, row.check_out_at, row.device_id == request.device_id)
        for row in act.conn.execute(query.order_by(v.check_in_at, v.id))
    ]
    return rules.in_the_way(facts.scheme, at, act.now, others)


def _together(act: Act, request: CheckIn, facts: Facts) -> bool:
    """Whether everything on the order may be given beside another visit; an urgent visit says nothing beforehand."""
    if request.order_id is None:
        return False
    items = act.conn.execute(select(work_orders.c["items"]).where(work_orders.c.id == request.order_id)).scalar_one()
    prices = prices_in_force(act.conn, facts.scheme.code, facts.caregiver.provider_id, facts.on)
    return all(item in prices and prices[item].together for item in items)
