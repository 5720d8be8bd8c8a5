"""Moving house inside the district: another village, town or address. Moving away is a leaving (``vouchers.life``)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import exists, select, update

from settlement.act import Act
from settlement.cards import media
from settlement.cards.tables import door_plates
from settlement.keys import KeyRing
from settlement.officers import require
from settlement.outcomes import Reason, Refused
from settlement.people import changes, register
from settlement.people.scope import require_person
from settlement.people.tables import places, seniors


def move(act: Act, ring: KeyRing, senior_id: int, town: str, village: str, address: str | None = None) -> None:
    """Record where somebody lives now; it counts from this moment. Recorded by the office they leave.

    Card, balance and entitlement go with the person. What was served and issued before stays with the town it was served and issued in; a month that the
    old town left out and the new one had drafted already comes as arrears with the new town's next run. The door plate of the old house counts
    no longer, and its position on the map is forgotten. Raises Refused: NOT_ALLOWED, NOT_FOUND, SENIOR_DEAD, SENIOR_LEFT, BAD_INPUT for a place that the
    district does not have, NEWS_KNOWN when the person lives there already.
    """
    require(act, "senior.change")
    senior = require_person(act, senior_id, lock=True)
    changes.require_here(senior)
    known = select(exists().where(places.c.town == town, places.c.village == village))
    if not act.conn.execute(known).scalar_one():
        raise Refused(Reason.BAD_INPUT, detail=f"没有这个村社区：{town}{village} | no such village: {town}{village}")
    elsewhere = (town, village) != (senior.town, senior.village)
    if not elsewhere and not address:
        raise Refused(Reason.NEWS_KNOWN, known=f"{town}{village}")
    values: dict[str, Any] = {"town": town, "village": village, "latitude_e7": None, "longitude_e7": None}
    values["surname_village_index"] = register.surname_village(ring, senior.name, village)
    values["address_cipher"] = ring.encrypt(address, register.ADDRESS) if address else None
    if town != senior.town:
        values["moved_at"] = act.now
    p = door_plates.c
    if act.conn.execute(select(exists().where(p.senior_id == senior_id, p.dead_from.is_(None)))).scalar_one():
        media.end_plate(act, senior_id, "moved")
    act.conn.execute(update(seniors).where(seniors.c.id == senior_id).values(**values))
    before, after = {"town": senior.town, "village": senior.village}, {"town": town, "village": village}
    act.audit("senior.move", f"senior:{senior_id}", before=before, after=after | {"address": bool(address)})
