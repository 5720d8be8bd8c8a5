"""Signals of the register: service to somebody who had died, left, or whose card was frozen.

Offices learn of these late, often after the month was paid; so the visits of a year are looked at. A visit on a statement that is upheld as
false comes back as an adjustment.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from sqlalchemy import Column, Connection, func, select

from settlement.cards.tables import cards
from settlement.fraud.scope import Scope, us
from settlement.fraud.signal import Hit, Params
from settlement.people.tables import seniors
from settlement.periods import local_date
from settlement.visits.tables import visits


def after_death(conn: Connection, scope: Scope, params: Params) -> Iterator[Hit]:
    """Checked in on the day of death or later.

    The register knows the day only, and the card is frozen from its first moment; whether a visit of that morning came before the death is for
    a person to say.
    """
    return _from_the_day(conn, scope, seniors.c.died_on)


def after_leaving(conn: Connection, scope: Scope, params: Params) -> Iterator[Hit]:
    """Checked in on the first day the person was no longer to be served, or later."""
    return _from_the_day(conn, scope, seniors.c.left_on)


def _from_the_day(conn: Connection, scope: Scope, event: Column[Any]) -> Iterator[Hit]:
    # Those who have died or left are few, so that their visits are looked up, whatever the year's number; their local days are compared here.
    gone = select(seniors.c.id).where(event.is_not(None))
    query = (
        select(visits.c.id, visits.c.senior_id, visits.c.check_in_at, event.label("event"))
        .join(seniors, seniors.c.id == visits.c.senior_id)
        .where(scope.recent(visits), visits.c.senior_id.in_(gone))
        .order_by(visits.c.id)
    )
    for row in conn.execute(query):
        day: date = local_date(row.check_in_at, scope.scheme.time_zone)
        if day >= row.event:
            rows = (f"visit:{row.id}", f"senior:{row.senior_id}")
            yield Hit(
                row.id, rows, {"day": str(day), "days_after": (day - row.event).days}, {"from_day": str(row.event)}
            )


def after_freeze(conn: Connection, scope: Scope, params: Params) -> Iterator[Hit]:
    """Checked in at or after the moment from which the card is frozen; freezes for death and leaving have their own signals."""
    query = (
        select(visits.c.id, visits.c.card_id, visits.c.check_in_at, cards.c.frozen_from)
        .join(cards, cards.c.id == visits.c.card_id)
        .where(
            scope.recent(visits),
            us(visits.c.check_in_at) >= us(cards.c.frozen_from),
            func.coalesce(cards.c.freeze_reason, "").not_in(["died", "left"]),
        )
        .order_by(visits.c.id)
    )
    zone = scope.scheme.time_zone
    for row in conn.execute(query):
        measured = {"check_in": row.check_in_at.astimezone(zone).isoformat()}
        threshold = {"frozen_from": row.frozen_from.astimezone(zone).isoformat()}
        yield Hit(row.id, (f"visit:{row.id}", f"card:{row.card_id}"), measured, threshold)
