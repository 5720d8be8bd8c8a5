"""The one-time code that a holder has made: for a visit, or for a debit of one amount. It lives 30 seconds and counts once.

It is shown as eight digits to be read out, and as a QR that holds a signed random id and nothing else. It proves that the holder (or the agent)
was there and had opened the card's page just then; a photograph of it is of no use a minute later.

It is judged by when it was presented, not by when we hear of it: a phone without signal hands its event in days later. Whoever guesses digits
has ``GUESSES`` tries for each code, now or later.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Row, and_, delete, insert, or_, select, update

from settlement.act import Act
from settlement.cards import token
from settlement.cards.tables import cards, dynamic_codes, media
from settlement.keys import KeyRing
from settlement.officers import require
from settlement.outcomes import Declined, Reason, Refused, declined
from settlement.people.scope import require_person

KIND = "SB1T"
LIVES = timedelta(seconds=30)
CLOCK_OFF = timedelta(seconds=60)
"""By so much may the clock of a phone that was without signal be wrong; what reaches us within the 30 seconds counts whatever its clock says."""
GUESSES = 5
KEPT = timedelta(days=400)
"""Codes that were never used: longer than any scheme lets an event wait."""

Purpose = Literal["visit", "debit"]


@dataclass(frozen=True)
class Made:
    """``digits``: eight, to be read out; ``code``: what the QR holds; ``expires_at``: by our clock."""

    digits: str
    code: str
    expires_at: datetime


@dataclass(frozen=True)
class Redeemed:
    """The card that the code was made for, and its medium at that moment."""

    card_id: int
    medium_id: int


def make(act: Act, ring: KeyRing, card_id: int, purpose: Purpose, amount_fen: int | None = None) -> Made:
    """A new code; those made before stay good for what is left of their 30 seconds. ``amount_fen``: of a debit, in all; none for a visit.

    Raises Refused: NOT_ALLOWED (a holder makes codes of the own card only); BAD_INPUT for a debit without an amount or a visit with one; NOT_FOUND; and where the card does not count now:
    CODE_DEAD (it was reported lost), CARD_CLOSED, CARD_NOT_ACTIVE, ACCOUNT_FROZEN.
    """
    if purpose not in ("visit", "debit") or (purpose == "debit") != (amount_fen is not None and amount_fen > 0):
        raise Refused(Reason.BAD_INPUT, detail="purpose, amount_fen")
    require(act, "card.dynamic_code")
    medium = _newest_medium(act, card_id)
    d = dynamic_codes.c
    act.conn.execute(
        delete(dynamic_codes).where(d.card_id == card_id, d.expires_at < act.now - KEPT, d.used_for.is_(None))
    )
    digits, id = f"{secrets.randbelow(10**8):08d}", secrets.token_hex(16)
    row: dict[str, Any] = {"id": id, "card_id": card_id, "medium_id": medium, "purpose": purpose, "wrong": 0}
    row |= {"amount_fen": amount_fen, "digits_index": _index(ring, card_id, digits)}
    row |= {"made_at": act.now, "expires_at": act.now + LIVES}
    act.conn.execute(insert(dynamic_codes), row)
    return Made(digits, ring.sign_token(f"{KIND}.{id}"), act.now + LIVES)


def redeem(
    act: Act,
    ring: KeyRing,
    presented: str,
    *,
    card_id: int | None,
    purpose: Purpose,
    amount_fen: int | None,
    at: datetime,
    used_for: str,
) -> Redeemed | Declined:
    """Judge a code that was presented ``at``, and use it up. The act is to be committed whatever the answer: a wrong guess counts.

    ``presented``: the eight digits (only together with ``card_id``), or what the QR held. ``card_id``: the card it must be of, None where the
    QR is to say so. ``used_for``: names what it counts for, at most 64 characters; the same again is a repeat and passes.

    Declined, in this order: DYNAMIC_CODE_WRONG (none of ours, another card's, for another purpose or amount, guessed at too often), CODE_DEAD,
    CARD_CLOSED and CARD_NOT_ACTIVE (the piece of card, at that moment), DYNAMIC_CODE_EXPIRED, DYNAMIC_CODE_USED.
    """
    id = opened(ring, presented)
    if id is None and card_id is None:
        return declined(Reason.DYNAMIC_CODE_WRONG)
    rows = _rows_of_id(act, id) if id is not None else _rows_of_digits(act, ring, presented, card_id, purpose, at)
    fitting = [row for row in rows if (row.purpose, row.amount_fen) == (purpose, amount_fen)]
    repeated = next((row for row in fitting if row.used_for == used_for), None)
    if repeated is not None and card_id in (None, repeated.card_id):
        return Redeemed(repeated.card_id, repeated.medium_id)
    fitting = [row for row in fitting if card_id in (None, row.card_id) and row.wrong < GUESSES]
    if not fitting:
        return declined(Reason.DYNAMIC_CODE_WRONG)
    # Of several with these digits (once in a hundred million) the one that is still good.
    row = min(fitting, key=lambda row: (not _in_time(row, at, act.now), row.used_for is not None, row.made_at))
    refusal = token.refused(row, at)
    if refusal is not None:
        return refusal
    if not _in_time(row, at, act.now):
        return declined(Reason.DYNAMIC_CODE_EXPIRED)
    return _use(act, row, used_for)


def is_code(text: str) -> bool:
    """Whether a scanned text means to be such a code; whether it is one, :func:`redeem` says."""
    return text.rpartition("#")[2].strip().startswith(KIND + ".")


def opened(ring: KeyRing, presented: str) -> str | None:
    """The id that a genuine QR names, else None."""
    payload = (ring.open_token(presented.rpartition("#")[2].strip()) or "").split(".")
    return payload[1] if len(payload) == 2 and payload[0] == KIND else None


def _newest_medium(act: Act, card_id: int) -> int:
    query = (
        select(media.c.id, media.c.card_id, media.c.dead_from, media.c.dead_reason, cards.c.senior_id)
        .add_columns(cards.c.closed_at, cards.c.activated_at, cards.c.frozen_from)
        .join(cards, cards.c.id == media.c.card_id)
        .where(cards.c.id == card_id)
        .order_by(media.c.issue.desc())
        .limit(1)
    )
    row = act.conn.execute(query).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what=f"card:{card_id}")
    require_person(act, row.senior_id)
    refusal = token.refused(row, act.now)
    if refusal is not None:
        raise Refused(refusal.reason, **refusal.details)
    if row.frozen_from is not None and row.frozen_from <= act.now:
        raise Refused(Reason.ACCOUNT_FROZEN, since=row.frozen_from.isoformat())
    return int(row.id)


_ROWS = (
    select(dynamic_codes)
    .add_columns(media.c.dead_from, media.c.dead_reason, cards.c.closed_at, cards.c.activated_at)
    .join(media, media.c.id == dynamic_codes.c.medium_id)
    .join(cards, cards.c.id == dynamic_codes.c.card_id)
)


def _rows_of_id(act: Act, id: str) -> Sequence[Row[Any]]:
    return act.conn.execute(_ROWS.where(dynamic_codes.c.id == id)).all()


def _rows_of_digits(
    act: Act, ring: KeyRing, digits: str, card_id: int | None, purpose: Purpose, at: datetime
) -> Sequence[Row[Any]]:
    """The card's codes with these digits. Where there is none, every code that could have been meant was guessed at once more."""
    d = dynamic_codes.c
    meant = and_(d.card_id == card_id, d.purpose == purpose)
    index = _index(ring, int(card_id or 0), digits.strip())
    matching = act.conn.execute(_ROWS.where(meant, d.digits_index == index)).all()
    if not matching:
        by_device = and_(d.made_at <= at + CLOCK_OFF, d.expires_at >= at - CLOCK_OFF)
        now = and_(d.made_at <= act.now, d.expires_at >= act.now)
        live = select(d.id).where(meant, or_(by_device, now), d.used_for.is_(None)).order_by(d.id).with_for_update()
        guessed = update(dynamic_codes).where(d.id.in_(act.conn.execute(live).scalars().all()))
        act.conn.execute(guessed.values(wrong=d.wrong + 1))
    return matching


def _in_time(row: Row[Any], at: datetime, now: datetime) -> bool:
    by_device = row.made_at <= at + CLOCK_OFF and at - CLOCK_OFF <= row.expires_at
    return bool(by_device or row.made_at <= now <= row.expires_at)


def _use(act: Act, row: Row[Any], used_for: str) -> Redeemed | Declined:
    d = dynamic_codes.c
    once = update(dynamic_codes).where(d.id == row.id, d.used_for.is_(None), d.wrong < GUESSES)
    if act.conn.execute(once.values(used_for=used_for, used_at=act.now)).rowcount == 1:
        return Redeemed(row.card_id, row.medium_id)
    wrong = act.conn.execute(select(d.wrong).where(d.id == row.id, d.used_for.is_(None))).scalar_one_or_none()
    return declined(Reason.DYNAMIC_CODE_USED if wrong is None else Reason.DYNAMIC_CODE_WRONG)


def _index(ring: KeyRing, card_id: int, digits: str) -> str:
    return ring.index(f"{card_id}|{digits}", "card_dynamic_codes.digits")
