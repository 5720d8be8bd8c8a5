"""A caregiver's badge and staff PIN: with both, a shared phone knows who works with it.

The badge's code is a signed random id, nothing personal; a new badge ends the one before. The PIN is kept as Argon2id over a digest keyed by the key
ring, as a card's is, for six digits are guessed in no time from any plain hash.
"""

from __future__ import annotations

import hmac
import re
import secrets
from hashlib import sha256
from itertools import pairwise
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import Connection, Row, insert, select, update

from settlement.act import Act
from settlement.keys import KeyRing
from settlement.officers import require
from settlement.outcomes import Declined, Reason, Refused, declined
from settlement.providers.tables import badges, caregivers, staff_pins

KIND = "SB1B"
TRIES = 5
"""Wrong in a row; then it is locked until the office sets another."""

_DIGITS = re.compile(r"[0-9]{6,12}")
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)  # about 25 ms, 19 MiB


def make(act: Act, ring: KeyRing, caregiver_id: int) -> str:
    """The code of a new badge; the one before counts no longer. Raises Refused: NOT_FOUND, NOT_ALLOWED."""
    caregiver = _own(act, caregiver_id)
    b = badges.c
    act.conn.execute(
        update(badges).where(b.caregiver_id == caregiver.id, b.dead_from.is_(None)).values(dead_from=act.now)
    )
    row = {"token_id": secrets.token_hex(16), "caregiver_id": caregiver.id}
    act.conn.execute(insert(badges), row | {"made_at": act.now, "made_by": act.actor.id})
    act.audit("caregiver.badge", f"caregiver:{caregiver.id}")
    return ring.sign_token(f"{KIND}.{row['token_id']}")


def read(conn: Connection, ring: KeyRing, code: str, provider_id: int) -> int | None:
    """Whose badge it is; None unless it is genuine, counts now and belongs to this provider's staff."""
    kind, _, token_id = (ring.open_token(code.rpartition("#")[2].strip()) or "").partition(".")
    if kind != KIND:
        return None
    query = (
        select(badges.c.caregiver_id)
        .join(caregivers, caregivers.c.id == badges.c.caregiver_id)
        .where(badges.c.token_id == token_id, badges.c.dead_from.is_(None), caregivers.c.provider_id == provider_id)
    )
    return conn.execute(query).scalar_one_or_none()


def set_pin(act: Act, ring: KeyRing, caregiver_id: int, pin: str) -> None:
    """Set or replace the staff PIN, which unlocks it. Raises Refused: NOT_FOUND, NOT_ALLOWED, STAFF_PIN_TOO_SIMPLE."""
    caregiver = _own(act, caregiver_id)
    steps = {int(after) - int(before) for before, after in pairwise(pin)} if _DIGITS.fullmatch(pin) else {0}
    if steps in ({0}, {1}, {-1}):
        raise Refused(Reason.STAFF_PIN_TOO_SIMPLE)
    row = {"hash": _HASHER.hash(_keyed(ring, caregiver.id, pin)), "set_at": act.now, "set_by": act.actor.id, "wrong": 0}
    p = staff_pins.c
    if not act.conn.execute(update(staff_pins).where(p.caregiver_id == caregiver.id).values(row)).rowcount:
        act.conn.execute(insert(staff_pins), row | {"caregiver_id": caregiver.id})
    act.audit("caregiver.set_pin", f"caregiver:{caregiver.id}")


def check_pin(act: Act, ring: KeyRing, caregiver_id: int, pin: str) -> Declined | None:
    """Whether this is the caregiver's PIN. The act is to be committed whatever the answer: a wrong try counts.

    Declined: STAFF_PIN_NOT_SET; STAFF_PIN_WRONG (``left``); STAFF_PIN_LOCKED, also for the right one, from the fifth wrong try on. Many tries at
    once take turns where they are counted.
    """
    p = staff_pins.c
    stored = act.conn.execute(select(p.hash).where(p.caregiver_id == caregiver_id)).scalar_one_or_none()
    if stored is None:
        return declined(Reason.STAFF_PIN_NOT_SET)
    right = _fits(stored, _keyed(ring, caregiver_id, pin))
    free = update(staff_pins).where(p.caregiver_id == caregiver_id, p.hash == stored, p.wrong < TRIES)
    counted = free.values(wrong=0 if right else p.wrong + 1).returning(p.wrong)
    wrong = act.conn.execute(counted).scalar_one_or_none()
    if wrong is None or wrong == TRIES:
        return declined(Reason.STAFF_PIN_LOCKED)
    return None if right else declined(Reason.STAFF_PIN_WRONG, left=TRIES - wrong)


def _fits(stored: str, keyed: str) -> bool:
    try:
        return _HASHER.verify(stored, keyed)
    except VerifyMismatchError:
        return False


def _own(act: Act, caregiver_id: int) -> Row[Any]:
    row = act.conn.execute(select(caregivers).where(caregivers.c.id == caregiver_id)).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what=f"caregiver {caregiver_id}")
    require(act, "caregiver.manage", provider_id=row.provider_id)
    return row


def _keyed(ring: KeyRing, caregiver_id: int, pin: str) -> str:
    """A digest with the caregiver in it: one row moved to another does not fit there."""
    return hmac.new(ring.derive("staff pin pepper"), f"{caregiver_id}|{pin}".encode(), sha256).hexdigest()
