"""The static codes: what a card's QR and a door plate say, and whether it still counts.

A card's payload is ``SB1.<token id>.<issue>``, a plate's ``SB1D.<token id>.<issue>``; ``KeyRing.sign_token`` adds the key id and an Ed25519
signature. Neither holds a card number or anything personal. In a URL the code stands behind ``#``: browsers do not send a fragment, so it
never lies in a web server's log.

A static code can be photographed. Whether one is enough for a given act is for the scheme and the visit's evidence to say, not for here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from settlement.cards.tables import cards, door_plates, media
from settlement.keys import KeyRing
from settlement.outcomes import Declined, Reason, declined

CARD = "SB1"
PLATE = "SB1D"


@dataclass(frozen=True)
class Medium:
    """The piece of card a code belongs to, with its card. A freeze is not looked at here: the ledger declines by the moment of spending."""

    id: int
    card_id: int
    card_no: str
    issue: int
    senior_id: int
    scheme_code: str
    status: str
    frozen_from: datetime | None
    subsidy_account_id: int
    personal_account_id: int


@dataclass(frozen=True)
class Plate:
    id: int
    senior_id: int
    issue: int


def medium_token_id(ring: KeyRing, card_id: int, issue: int) -> str:
    """Unguessable without the ring, and the same again for the same ring: no second secret to keep."""
    return ring.index(f"{card_id}.{issue}", "card_media.token_id")


def plate_token_id(ring: KeyRing, senior_id: int, issue: int) -> str:
    return ring.index(f"{senior_id}.{issue}", "door_plates.token_id")


def make(ring: KeyRing, token_id: str, issue: int) -> str:
    """The signed code of a medium."""
    return ring.sign_token(f"{CARD}.{token_id}.{issue}")


def make_plate(ring: KeyRing, token_id: str, issue: int) -> str:
    return ring.sign_token(f"{PLATE}.{token_id}.{issue}")


def url(host: str, code: str) -> str:
    """What the QR holds. ``host``: such as ``https://songbai.example``."""
    return f"{host.rstrip('/')}/{'door' if code.startswith(PLATE + '.') else 'card'}#{code}"


def read(conn: Connection, ring: KeyRing, code: str, at: datetime) -> Medium | Declined:
    """The medium of a scanned card (bare code or URL) as it counted at ``at``, the moment of the scan.

    Declined, in this order: CODE_FORGED, CODE_UNKNOWN, CODE_DEAD (lost or replaced at or before ``at``), CARD_CLOSED, CARD_NOT_ACTIVE.
    """
    parts = _open(ring, code, CARD)
    if parts is None:
        return declined(Reason.CODE_FORGED)
    token_id, issue = parts
    c, m = cards.c, media.c
    columns = [m.id, m.card_id, m.card_no, m.issue, c.senior_id, c.scheme_code, c.status, c.frozen_from]
    columns += [c.subsidy_account_id, c.personal_account_id]
    query = select(*columns, m.dead_from, m.dead_reason, c.closed_at, c.activated_at).join(cards, c.id == m.card_id)
    row = conn.execute(query.where(m.token_id == token_id, m.issue == issue)).one_or_none()
    if row is None:
        return declined(Reason.CODE_UNKNOWN)
    closed = row.closed_at is not None and row.closed_at <= at
    if row.dead_from is not None and row.dead_from <= at and not (closed and row.dead_reason == "closed"):
        return declined(Reason.CODE_DEAD, since=row.dead_from.isoformat(), why=row.dead_reason, card_id=row.card_id)
    if closed:
        return declined(Reason.CARD_CLOSED, card_id=row.card_id)
    if row.activated_at is None or row.activated_at > at:
        return declined(Reason.CARD_NOT_ACTIVE, card_id=row.card_id)
    return Medium(*row[: len(columns)])


def read_plate(conn: Connection, ring: KeyRing, code: str, at: datetime) -> Plate | Declined:
    """Whose door a scanned plate hangs at. Declined: CODE_FORGED, CODE_UNKNOWN, CODE_DEAD."""
    parts = _open(ring, code, PLATE)
    if parts is None:
        return declined(Reason.CODE_FORGED)
    p = door_plates.c
    row = conn.execute(select(door_plates).where(p.token_id == parts[0], p.issue == parts[1])).one_or_none()
    if row is None:
        return declined(Reason.CODE_UNKNOWN)
    if row.dead_from is not None and row.dead_from <= at:
        return declined(Reason.CODE_DEAD, since=row.dead_from.isoformat(), why="replaced", senior_id=row.senior_id)
    return Plate(row.id, row.senior_id, row.issue)


def _open(ring: KeyRing, code: str, kind: str) -> tuple[str, int] | None:
    payload = ring.open_token(code.rpartition("#")[2].strip())
    found = (payload or "").split(".")
    if len(found) != 3 or found[0] != kind or not found[2].isdecimal():
        return None
    return found[1], int(found[2])
