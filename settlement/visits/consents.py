"""What proves at the door that the senior was there and agreed: a dynamic code, or a PIN sealed to us.

A proof is asked for last, when the scheme accepts this way for the amount: a wrong guess counts, and a code is used up, only where it matters.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from sqlalchemy import Connection, select

from settlement.act import Act
from settlement.cards import dynamic_code, pin, sealed_pin, token
from settlement.cards.dynamic_code import Redeemed
from settlement.cards.pin import Attempt
from settlement.cards.tables import cards, media
from settlement.keys import KeyRing
from settlement.outcomes import Declined, Reason, Refused, declined
from settlement.visits import confirming
from settlement.visits.signed_event import SignedEvent
from settlement.visits.tables import debits, visits, work_orders

Proof = Callable[[int], Declined | None]
"""Asked with the card that is to be debited; None: proved."""


def tried_ahead(conn: Connection, ring: KeyRing, event: SignedEvent, visit_id: str | None) -> Attempt | None:
    """The slow half of checking a debit's PIN, to be done before rows are locked. None where it has to be done later: the visit is not known yet."""
    if event.kind != "debit" or event.body["consent"] != "pin":
        return None
    card_id = conn.execute(select(visits.c.card_id).where(visits.c.id == visit_id)).scalar_one_or_none()
    return None if card_id is None else _tried(conn, ring, event, card_id)


def proof_of(act: Act, ring: KeyRing, event: SignedEvent, tried: Attempt | None) -> Proof | None:
    """How this debit's consent is proved; None where the card that was read is all there is to it."""

    def by_pin(card_id: int) -> Declined | None:
        known = tried if tried is not None and tried.card_id == card_id else _tried(act.conn, ring, event, card_id)
        return declined(Reason.CONSENT_NOT_PROVED) if known is None else pin.count(act, known)

    def by_code(card_id: int) -> Declined | None:
        found = _redeemed(act, ring, event, card_id, "debit", event.body["total_fen"])
        return found if isinstance(found, Declined) else None

    return by_pin if event.body["consent"] == "pin" else by_code if event.body["consent"] == "dynamic" else None


def code_read(act: Act, ring: KeyRing, event: SignedEvent, visit_id: str | None) -> Redeemed | Declined:
    """The card whose dynamic code was shown at a check-in or check-out. Eight digits are looked up at the card that is expected: the visit's, that
    of the order's senior, or the one whose number was typed."""
    return _redeemed(act, ring, event, _expected(act.conn, event, visit_id), "visit", None)


def confirmed(act: Act, ring: KeyRing, event: SignedEvent, debit_id: str) -> Declined | None:
    """Record the holder's confirmation of a debit that an event brings, with the card or a dynamic code; an agent confirms by other means.

    Declined: NOT_FOUND for a debit that was not posted or declined, CONSENT_NOT_PROVED, OTHER_CARD, what is wrong with the code, and what :func:`confirming.confirm` refuses.
    """
    # The visit before the code, as a debit locks them.
    of_debit = select(debits.c.card_id, debits.c.agreed_fen).join(visits, visits.c.id == debits.c.visit_id)
    locked = of_debit.where(debits.c.id == debit_id).with_for_update(of=visits, key_share=True)
    debit = act.conn.execute(locked).one_or_none()
    if debit is None:
        return declined(Reason.NOT_FOUND, what="扣款 debit")
    body = event.body
    if body["consent"] == "dynamic":
        found = _redeemed(act, ring, event, debit.card_id, "debit", debit.agreed_fen)
        if isinstance(found, Declined):
            return found
    elif body["consent"] == "card_qr" and "token" in body:
        read = token.read(act.conn, ring, body["token"], event.occurred_at)
        if isinstance(read, Declined):
            return read
        if read.card_id != debit.card_id:
            return declined(Reason.OTHER_CARD)
    else:
        return declined(Reason.CONSENT_NOT_PROVED)
    try:
        confirming.confirm(act, debit_id, "holder", "yes", how=body["consent"], said_at=event.occurred_at)
    except Refused as refused:
        return declined(refused.reason, **refused.details)
    return None


def _tried(conn: Connection, ring: KeyRing, event: SignedEvent, card_id: int) -> Attempt | None:
    """None for what was not sealed to us for exactly this debit."""
    body = event.body
    said = json.loads(event.canonical)
    bound = sealed_pin.bound(body["visit"], body["total_fen"], body["personal_fen"], said["occurred_at"])
    typed = sealed_pin.open_(ring, body.get("pin_sealed", ""), bound)
    return None if typed is None else pin.attempt(conn, ring, card_id, typed, at=event.occurred_at)


def _redeemed(
    act: Act, ring: KeyRing, event: SignedEvent, card_id: int | None, purpose: dynamic_code.Purpose, fen: int | None
) -> Redeemed | Declined:
    shown = event.body.get("code") or event.body.get("token", "")
    return dynamic_code.redeem(
        act, ring, shown, card_id=card_id, purpose=purpose, amount_fen=fen, at=event.occurred_at, used_for=event.hash
    )


def _expected(conn: Connection, event: SignedEvent, visit_id: str | None) -> int | None:
    if event.kind != "check_in":
        return conn.execute(select(visits.c.card_id).where(visits.c.id == visit_id)).scalar_one_or_none()
    body = event.body
    if "order_id" in body:
        held = select(cards.c.id).join(work_orders, work_orders.c.senior_id == cards.c.senior_id)
        return conn.execute(held.where(work_orders.c.id == body["order_id"])).scalar_one_or_none()
    return conn.execute(select(media.c.card_id).where(media.c.card_no == body.get("card_no"))).scalar_one_or_none()
