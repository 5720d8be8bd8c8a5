"""What a holder showed at a terminal: which card it is, by what it was read, whether it proves that the holder agreed; and what is left on it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, select

from settlement.act import Act
from settlement.cards import chip, dynamic_code, inquiry, pin, token
from settlement.cards.pin import Attempt
from settlement.cards.tables import cards, dynamic_codes, media
from settlement.keys import KeyRing
from settlement.outcomes import Declined, Reason, declined
from settlement.periods import Month
from settlement.policy.store import in_force
from settlement.vouchers import cap


class ChipAnswer(NamedTuple):
    """``unpredictable``: the terminal's number, 4 bytes; ``counter``: the chip's own; ``cryptogram``: 8 bytes (``cards.chip``)."""

    unpredictable: bytes
    counter: int
    cryptogram: bytes


@dataclass(frozen=True, kw_only=True)
class Shown:
    """``card_no``: the printed number, read from the chip or typed; ``code``: the text of a QR, the card's own or a dynamic one, or the eight digits of a
    dynamic code; ``pin``: six digits, or what hashing them said (:func:`tried`). The strongest of them is the consent."""

    card_no: str | None = None
    code: str | None = None
    chip: ChipAnswer | None = None
    pin: str | Attempt | None = None

    @property
    def dynamic(self) -> bool:
        return self.code is not None and (dynamic_code.is_code(self.code) or self.code.strip().isdecimal())

    @property
    def consent(self) -> str:
        """Of ``words.CONSENTS``; ``none`` where nothing proves anything."""
        if self.chip is not None:
            return "chip"
        if self.dynamic:
            return "dynamic"
        if self.pin is not None:
            return "pin"
        return "card_qr" if self.code is not None else "none"

    @property
    def method(self) -> str:
        """Of ``words.METHODS``."""
        if self.chip is not None:
            return "chip"
        if self.dynamic:
            return "dynamic"
        return "card_qr" if self.code is not None else "typed"


class Read(NamedTuple):
    medium_id: int
    card_id: int


def read(conn: Connection, ring: KeyRing, what: Shown) -> Read | Declined:
    """Whose card it is; whether it counts is asked elsewhere. Declined: CODE_FORGED, DYNAMIC_CODE_WRONG, CODE_UNKNOWN, OTHER_CARD (number and code
    are of two cards)."""
    m, d = media.c, dynamic_codes.c
    query = select(m.id, m.card_id)
    by_number = None
    if what.card_no is not None:
        by_number = conn.execute(query.where(m.card_no == what.card_no)).one_or_none()
        if by_number is None:
            return declined(Reason.CODE_UNKNOWN)
        if what.code is None or what.code.strip().isdecimal():
            return Read(*by_number)
    if what.code is None:
        return declined(Reason.CODE_UNKNOWN)
    if what.dynamic:
        id = dynamic_code.opened(ring, what.code)
        found = conn.execute(select(d.medium_id, d.card_id).where(d.id == id)).one_or_none()
        missing = Reason.DYNAMIC_CODE_WRONG
    else:
        parts = token.opened(ring, what.code)
        if parts is None:
            return declined(Reason.CODE_FORGED)
        found = conn.execute(query.where(m.token_id == parts[0], m.issue == parts[1])).one_or_none()
        missing = Reason.CODE_UNKNOWN
    if found is None:
        return declined(missing)
    if by_number is not None and by_number.card_id != found.card_id:
        return declined(Reason.OTHER_CARD)
    return Read(*found)


def tried(conn: Connection, ring: KeyRing, what: Shown, at: datetime) -> Shown:
    """The same, its PIN hashed: this takes long, so it is done before anything is locked. Of a card that is not known the PIN stays as it is."""
    card = read(conn, ring, what)
    if isinstance(card, Declined) or not isinstance(what.pin, str):
        return what
    return replace(what, pin=pin.attempt(conn, ring, card.card_id, what.pin, at=at))


def proved(
    act: Act, ring: KeyRing, what: Shown, card: Read, amount_fen: int, at: datetime, *, late: bool = False
) -> Declined | None:
    """Whether chip and PIN are right, for this amount. The act is to be committed whatever the answer: counters and wrong tries count. A dynamic code is
    for :func:`redeemed`. ``late``: told afterwards.

    Declined: CONSENT_NOT_PROVED where nothing was shown but a number; CHIP_WRONG, CHIP_REPLAYED; PIN_NOT_SET, PIN_WRONG, PIN_LOCKED.
    """
    if what.consent == "none":
        return declined(Reason.CONSENT_NOT_PROVED)
    if what.chip is not None:
        answer = what.chip
        refusal = chip.verify(
            act,
            ring,
            card.medium_id,
            amount_fen,
            answer.unpredictable,
            answer.counter,
            answer.cryptogram,
            late=late,
        )
        if refusal is not None:
            return refusal
    if what.pin is None or isinstance(what.pin, str):
        return None if what.pin is None else pin.check(act, ring, card.card_id, what.pin, at=at)
    return pin.count(act, what.pin) if what.pin.card_id == card.card_id else declined(Reason.OTHER_CARD)


def redeemed(
    act: Act, ring: KeyRing, what: Shown, card: Read, amount_fen: int | None, at: datetime, used_for: str
) -> Declined | None:
    """Use up a dynamic code, where one was shown. ``amount_fen``: of a debit, in all; None: not for a debit. Declined as ``dynamic_code.redeem``."""
    if not what.dynamic or what.code is None:
        return None
    answer = dynamic_code.redeem(
        act,
        ring,
        what.code,
        card_id=card.card_id,
        purpose="visit" if amount_fen is None else "debit",
        amount_fen=amount_fen,
        at=at,
        used_for=used_for,
    )
    return answer if isinstance(answer, Declined) else None


@dataclass(frozen=True)
class Left:
    """What can be spent now, in fen. ``year_fen``: from subsidy this year, None where no yearly cap applies."""

    subsidy_fen: int
    personal_fen: int
    year_fen: int | None


def ask(act: Act, ring: KeyRing, what: Shown, at: datetime, used_for: str, about: str = "balance") -> Left | Declined:
    """How much is left, told to whoever shows the card; a number alone is not enough. Who asked, and about what, is put down. The act is to be committed whatever the
    answer. Declined as :func:`read`, by the card (CODE_DEAD, CARD_CLOSED, CARD_NOT_ACTIVE), as :func:`proved` and :func:`redeemed`."""
    card = read(act.conn, ring, what)
    if isinstance(card, Declined):
        return card
    counts = (
        select(media.c.card_id, media.c.dead_from, media.c.dead_reason, cards.c.closed_at, cards.c.activated_at)
        .join(cards, cards.c.id == media.c.card_id)
        .where(media.c.id == card.medium_id)
    )
    refusal = (
        token.refused(act.conn.execute(counts).one(), at)
        or proved(act, ring, what, card, 0, at)
        or redeemed(act, ring, what, card, None, at, used_for)
    )
    if refusal is not None:
        return refusal
    act.audit(f"card.ask_{about}", f"card:{card.card_id}")
    return left(act, card.card_id)


def left(act: Act, card_id: int) -> Left:
    purses = inquiry.purses(act.conn, card_id)
    code = act.conn.execute(select(cards.c.scheme_code).where(cards.c.id == card_id)).scalar_one()
    scheme = in_force(act.conn, code, Month.of(act.now))
    year = act.now.astimezone(scheme.time_zone).year
    capped = scheme.purses.yearly_cap.applies
    return Left(purses.subsidy, purses.personal, cap.remaining(act.conn, card_id, year) if capped else None)
