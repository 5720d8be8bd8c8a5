"""The static codes: what a card's QR and a door plate say, and whether it still counts.

A card's payload is ``SB1.<token id>.<issue>``, a plate's ``SB1D.<token id>.<issue>``; ``KeyRing.sign_token`` adds the key id and an Ed25519
signature. Neither holds a card number or anything personal. In a URL the code stands behind ``#``: browsers do not send a fragment, so it
never lies in a web server's log.

A static code can be photographed. Whether one is enough for a given act is for the scheme and the visit's evidence to say, not for here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, bindparam, select

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
    parts = opened(ring, code)
    if parts is None:
        return declined(Reason.CODE_FORGED)
    row = conn.execute(_MEDIUM, {"token": parts[0], "issue": parts[1]}).one_or_none()
    if row is None:
        return declined(Reason.CODE_UNKNOWN)
    return refused(row, at) or Medium(*row[: len(Medium.__dataclass_fields__)])


_MEDIUM = (
    select(*(media.c[name] for name in ("id", "card_id", "card_no", "issue")))
    .add_columns(*(cards.c[name] for name in ("senior_id", "scheme_code", "status", "frozen_from")))
    .add_columns(cards.c.subsidy_account_id, cards.c.personal_account_id)
    .add_columns(media.c.dead_from, media.c.dead_reason, cards.c.closed_at, cards.c.activated_at)
    .join(cards, cards.c.id == media.c.card_id)
    .where(media.c.token_id == bindparam("token"), media.c.issue == bindparam("issue"))
)


def refused(medium: Any, at: datetime) -> Declined | None:
    """Why a medium did not count at a moment. ``medium``: card_id, dead_from and dead_reason, with closed_at and activated_at of its card."""
    closed = medium.closed_at is not None and medium.closed_at <= at
    dead = medium.dead_from is not None and medium.dead_from <= at
    if dead and not (closed and medium.dead_reason == "closed"):
        since = medium.dead_from.isoformat()
        return declined(Reason.CODE_DEAD, since=since, why=medium.dead_reason, card_id=medium.card_id)
    if closed:
        return declined(Reason.CARD_CLOSED, card_id=medium.card_id)
    if medium.activated_at is None or medium.activated_at > at:
        return declined(Reason.CARD_NOT_ACTIVE, card_id=medium.card_id)
    return None


def opened(ring: KeyRing, code: str) -> tuple[str, int] | None:
    """(token id, issue) that a card's genuine code names, else None."""
    return _open(ring, code, CARD)


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
    found = (_payload(tuple(ring.token_keys.items()), code.rpartition("#")[2].strip()) or "").split(".")
    if len(found) != 3 or found[0] != kind or not found[2].isdecimal():
        return None
    return found[1], int(found[2])


@lru_cache(maxsize=10_000)
def _payload(token_keys: tuple[tuple[str, bytes], ...], code: str) -> str | None:
    """What a code says if it is genuine. The same code is read at each end of a visit and for its debit, and it says the same for ever."""
    return KeyRing({}, dict(token_keys), b"").open_token(code)
