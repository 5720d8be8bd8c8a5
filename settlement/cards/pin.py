"""The card's PIN: six digits that only the holder knows, set at the counter, tried five times.

What is stored is Argon2id over a digest keyed by the key ring: six digits are guessed in no time from any plain hash, so a copy of the database
alone must be of no use. A PIN counts for what happened while it was set: a debit that was confirmed without signal before the PIN was changed
is judged by the old one. Tries are counted for each PIN by itself, and a right one sets its count back.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from itertools import pairwise

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import Connection, and_, func, insert, or_, select, update

from settlement.act import Act
from settlement.cards import book, lifecycle
from settlement.cards.tables import card_pins, cards
from settlement.keys import KeyRing
from settlement.officers import require
from settlement.outcomes import Declined, Reason, Refused, declined
from settlement.people.tables import seniors

TRIES = 5
"""Wrong in a row; then it is locked until the counter unlocks it or sets another."""

_SIX = re.compile(r"[0-9]{6}")
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)  # about 25 ms, 19 MiB


def set_pin(act: Act, ring: KeyRing, card_id: int, pin: str) -> None:
    """Set or replace the PIN; a lock of the one before is gone with it. Raises Refused: NOT_ALLOWED, PIN_TOO_SIMPLE, CARD_STATE for a frozen
    or closed card."""
    require(act, "card.counter")
    born = select(seniors.c.birth_date).join(cards, cards.c.senior_id == seniors.c.id).where(cards.c.id == card_id)
    if too_simple(pin, act.conn.execute(born).scalar_one_or_none()):
        raise Refused(Reason.PIN_TOO_SIMPLE)
    hashed = _HASHER.hash(_keyed(ring, card_id, pin))
    card = book.get(act.conn, card_id, lock=True)
    require(act, "card.counter", town=card.town)
    if card.status in (lifecycle.FROZEN, lifecycle.CLOSED):
        zh, en = lifecycle.WORDS[card.status]
        raise Refused(Reason.CARD_STATE, state_zh=zh, state_en=en, event_zh="设密码", event_en="set PIN")
    p = card_pins.c
    before = act.conn.execute(
        update(card_pins).where(p.card_id == card_id, p.dead_from.is_(None)).values(dead_from=act.now)
    ).rowcount
    row = {"card_id": card_id, "hash": hashed, "set_at": act.now, "set_by": act.actor.id, "wrong": 0}
    act.conn.execute(insert(card_pins), row)
    act.audit("card.set_pin", f"card:{card_id}", before={"pin": bool(before)}, after={"pin": True})


def unlock(act: Act, card_id: int, *, why: str) -> None:
    """The holder, known in person, may try again with the same PIN. Raises Refused: NOT_ALLOWED, PIN_NOT_SET."""
    card = book.get(act.conn, card_id, lock=True)
    require(act, "card.counter", town=card.town)
    p = card_pins.c
    live = and_(p.card_id == card_id, p.dead_from.is_(None))
    wrong = act.conn.execute(select(p.wrong).where(live).with_for_update()).scalar_one_or_none()
    if wrong is None:
        raise Refused(Reason.PIN_NOT_SET)
    act.conn.execute(update(card_pins).where(live).values(wrong=0))
    act.audit("card.unlock_pin", f"card:{card_id}", before={"wrong": wrong}, after={"wrong": 0}, why=why)


def check(act: Act, ring: KeyRing, card_id: int, pin: str, *, at: datetime | None = None) -> Declined | None:
    """Whether this is the card's PIN, as it stood ``at`` (now when left out). The act is to be committed whatever the answer: a wrong try counts.

    Declined: PIN_NOT_SET; PIN_WRONG (``left``: how many tries remain); PIN_LOCKED, also for the right one, from the fifth wrong try on.
    """
    return count(act, attempt(act.conn, ring, card_id, pin, at=at or act.now))


@dataclass(frozen=True)
class Attempt:
    """What hashing said about a PIN that was tried. It says nothing to the one who tried until :func:`count` has counted it."""

    card_id: int
    pin_id: int | None
    right: bool


def attempt(conn: Connection, ring: KeyRing, card_id: int, pin: str, *, at: datetime) -> Attempt:
    """The slow half of :func:`check`, which locks and writes nothing: it may run before the act begins."""
    p = card_pins.c
    stood = and_(p.set_at <= at, or_(p.dead_from.is_(None), p.dead_from > at))
    row = conn.execute(select(p.id, p.hash).where(p.card_id == card_id, stood)).one_or_none()
    if row is None:
        return Attempt(card_id, None, False)
    try:
        return Attempt(card_id, row.id, _HASHER.verify(row.hash, _keyed(ring, card_id, pin)))
    except VerifyMismatchError:
        return Attempt(card_id, row.id, False)


def count(act: Act, tried: Attempt) -> Declined | None:
    """The other half of :func:`check`. Many tries at once take turns here: whichever comes after the fifth wrong one finds the PIN locked, even
    if it was right."""
    if tried.pin_id is None:
        return declined(Reason.PIN_NOT_SET)
    p = card_pins.c
    free = update(card_pins).where(p.id == tried.pin_id, p.wrong < TRIES)
    counted = free.values(wrong=0 if tried.right else p.wrong + 1).returning(p.wrong)
    wrong = act.conn.execute(counted).scalar_one_or_none()
    if wrong is None:
        return declined(Reason.PIN_LOCKED)
    if tried.right:
        return None
    if wrong == TRIES:
        act.audit("card.lock_pin", f"card:{tried.card_id}", after={"wrong": wrong})
        return declined(Reason.PIN_LOCKED)
    return declined(Reason.PIN_WRONG, left=TRIES - wrong)


def is_set(conn: Connection, card_id: int) -> bool:
    p = card_pins.c
    live = select(func.count()).where(p.card_id == card_id, p.dead_from.is_(None))
    return bool(conn.execute(live).scalar_one())


def too_simple(pin: str, born: date | None) -> bool:
    """Not six digits, or what a thief tries first: one digit or a run of two or three repeated, a row up or down, the holder's birthday."""
    if not _SIX.fullmatch(pin):
        return True
    if len({pin[i : i + 2] for i in (0, 2, 4)}) == 1 or pin[:3] == pin[3:]:
        return True
    steps = {(int(after) - int(before)) % 10 for before, after in pairwise(pin)}
    if steps in ({1}, {9}):
        return True
    days = ("%y%m%d", "%Y%m", "%d%m%y", "%m%d%y", "%m%Y")
    return born is not None and pin in {born.strftime(day) for day in days}


def _keyed(ring: KeyRing, card_id: int, pin: str) -> str:
    """A digest with the card's id in it: one holder's row moved to another card does not fit there."""
    return hmac.new(ring.derive("pin pepper"), f"{card_id}|{pin}".encode(), sha256).hexdigest()
