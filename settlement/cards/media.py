"""Media: the pieces a card is issued on, their printed numbers, and door plates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from settlement.act import Act
from settlement.cards import token
from settlement.cards.tables import door_plates, media
from settlement.keys import KeyRing
from settlement.officers import require
from settlement.outcomes import Reason, Refused
from settlement.people.tables import seniors

BATCH = 500


def row(act: Act, ring: KeyRing, card_id: int, issue: int, card_no: str) -> dict[str, Any]:
    """A medium ready to insert."""
    named = {"card_id": card_id, "issue": issue, "card_no": card_no, "issued_at": act.now}
    return named | {"token_id": token.medium_token_id(ring, card_id, issue)}


def add_next(act: Act, ring: KeyRing, card_id: int, card_no: str | None) -> int:
    """Write the next medium and kill the one before it; the new issue counter. Raises Refused(CARD_NUMBER_TAKEN)."""
    last = act.conn.execute(select(func.max(media.c.issue)).where(media.c.card_id == card_id)).scalar_one()
    issue = int(last) + 1
    printed = card_no or own_number(card_id, issue)
    refuse_taken(act.conn, [printed])
    kill(act, card_id, act.now, "replaced")
    act.conn.execute(insert(media), row(act, ring, card_id, issue, printed))
    return issue


def kill(act: Act, card_id: int, since: datetime, reason: str) -> None:
    """The code counts no longer from ``since``; one that was dead already keeps its moment."""
    dead = update(media).where(media.c.card_id == card_id, media.c.dead_from.is_(None))
    act.conn.execute(dead.values(dead_from=since, dead_reason=reason))


def own_number(card_id: int, issue: int) -> str:
    """A printed number where the operator gave none: 8812, card, issue, Luhn check digit; 16 digits."""
    body = f"8812{card_id:09d}{issue % 100:02d}"
    total = 0
    for place, digit in enumerate(reversed(body)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return f"{body}{-total % 10}"


def masked(card_no: str) -> str:
    """A printed number as others may see it: its last four."""
    return f"**** {card_no[-4:]}"


def refuse_taken(conn: Connection, numbers: Sequence[str]) -> None:
    """Raise Refused(CARD_NUMBER_TAKEN) when a number is used already, or twice here."""
    taken = len(set(numbers)) < len(numbers)
    for start in range(0, len(numbers), BATCH):
        query = select(media.c.id).where(media.c.card_no.in_(numbers[start : start + BATCH])).limit(1)
        taken = taken or conn.execute(query).one_or_none() is not None
    if taken:
        raise Refused(Reason.CARD_NUMBER_TAKEN)


# -- door plates --------------------------------------------------------------------------------------------------------------


def ensure_plates(act: Act, ring: KeyRing, senior_ids: Sequence[int]) -> int:
    """A door plate for everybody who has no live one; how many were made."""
    made = 0
    p = door_plates.c
    for start in range(0, len(senior_ids), BATCH):
        part = list(senior_ids[start : start + BATCH])
        for town in act.conn.execute(select(seniors.c.town).where(seniors.c.id.in_(part)).distinct()).scalars().all():
            require(act, "card.issue", town=town)
        live = set(act.conn.execute(select(p.senior_id).where(p.senior_id.in_(part), p.dead_from.is_(None))).scalars())
        newest = (
            select(p.senior_id, func.max(p.issue).label("newest")).where(p.senior_id.in_(part)).group_by(p.senior_id)
        )
        last = {row.senior_id: row.newest for row in act.conn.execute(newest)}
        rows = [_plate(act, ring, id, last.get(id, 0) + 1) for id in part if id not in live]
        if rows:
            act.conn.execute(insert(door_plates), rows)
            made += len(rows)
    if made:
        act.audit("plate.issue", "plates", after={"plates": made})
    return made


def retire_plate(act: Act, senior_id: int, why: str) -> None:
    """The plate counts no longer: damaged, photographed, or the person moved house."""
    town = act.conn.execute(select(seniors.c.town).where(seniors.c.id == senior_id)).scalar_one_or_none()
    require(act, "card.issue", town=town)
    end_plate(act, senior_id, why)


def end_plate(act: Act, senior_id: int, why: str) -> None:
    """As :func:`retire_plate`, for a caller that has checked who may."""
    dead = update(door_plates).where(door_plates.c.senior_id == senior_id, door_plates.c.dead_from.is_(None))
    act.conn.execute(dead.values(dead_from=act.now))
    act.audit("plate.retire", f"senior:{senior_id}", why=why)


def _plate(act: Act, ring: KeyRing, senior_id: int, issue: int) -> dict[str, Any]:
    named = {"senior_id": senior_id, "issue": issue, "issued_at": act.now}
    return named | {"token_id": token.plate_token_id(ring, senior_id, issue)}
