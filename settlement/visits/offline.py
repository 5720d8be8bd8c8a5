"""Limits of debits taken without signal. The device keeps to them; what goes beyond them all the same is left to a second person."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from sqlalchemy import BigInteger, Integer, bindparam, cast, exists, func, or_, select, type_coerce

from settlement.act import Act
from settlement.db import Instant
from settlement.outcomes import Declined, Reason, declined
from settlement.periods import local_date
from settlement.policy.scheme import Scheme
from settlement.visits.forms import DebitRequest
from settlement.visits.rules import clock_tolerance
from settlement.visits.tables import counter_sales, debits, door_events

LIMITS = frozenset({Reason.OFFLINE_LIMIT, Reason.OFFLINE_DAY_LIMIT, Reason.OFFLINE_QUEUE_LIMIT})


def beyond(act: Act, scheme: Scheme, card_id: int, request: DebitRequest, total_fen: int) -> Declined | None:
    """The first limit that a debit without signal goes beyond: for one debit; for its card on that local day, with what is on record; for what
    waited on its device when it was made. The card is locked already."""
    limit = scheme.door.offline
    if total_fen > limit.up_to_fen:
        return declined(Reason.OFFLINE_LIMIT, up_to_fen=limit.up_to_fen)
    if limit.card_day_fen is not None:
        day = local_date(request.occurred_at, scheme.time_zone)
        first, after = (datetime.combine(each, time.min, scheme.time_zone) for each in (day, day + timedelta(days=1)))
        tolerance = clock_tolerance(scheme) // timedelta(microseconds=1)
        asked = {"card": card_id, "first": first, "after": after, "tolerance": tolerance}
        if act.conn.execute(_OF_DAY, asked).scalar_one() + total_fen > limit.card_day_fen:
            return declined(Reason.OFFLINE_DAY_LIMIT, up_to_fen=limit.card_day_fen)
    if limit.queued_debits is not None and request.device_id is not None:
        sent_by = {"device": request.device_id, "counter": request.counter, "ahead": limit.queued_debits - 1}
        reached_us = act.conn.execute(_NTH_BEFORE, sent_by).scalar_one_or_none()
        if reached_us is not None and reached_us > request.occurred_at:
            return declined(Reason.OFFLINE_QUEUE_LIMIT, debits=limit.queued_debits)
    return None


d, e = debits.c, door_events.c

_OF_DAY = select(cast(func.coalesce(func.sum(d.total_fen), 0), BigInteger)).where(
    d.card_id == bindparam("card"),
    d.status == "posted",
    d.occurred_at >= bindparam("first", type_=Instant),
    d.occurred_at < bindparam("after", type_=Instant),
    or_(
        # Told so much later that nobody at the door heard our answer; or a terminal's advice, however soon it came.
        type_coerce(d.recorded_at, BigInteger) - type_coerce(d.occurred_at, BigInteger)
        > bindparam("tolerance", type_=BigInteger),
        exists().where(counter_sales.c.visit_id == d.visit_id, counter_sales.c.offline),
    ),
)
# A device's events reach us in its order: if this one had not reached us by then, none after it had. Few rows are read, however old the device.
_NTH_BEFORE = (
    select(e.received_at)
    .where(e.device_id == bindparam("device"), e.kind == "debit", e.counter < bindparam("counter"))
    .order_by(e.counter.desc())
    .offset(bindparam("ahead", type_=Integer))
    .limit(1)
)
