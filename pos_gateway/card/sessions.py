"""Who looks at a card's page: a session that the card's code began and a second thing opened.

The browser holds a random token in a signed cookie that scripts cannot read; the table holds its digest. A session ends by itself when nobody
touches the page for ten minutes, at the latest after four hours; at once when its piece of card is reported lost or replaced, when its card is
closed, when its agent's right is withdrawn, and when the holder has another PIN set. What was scanned and what was proved never share a token, so that a token planted in
somebody's browser opens nothing.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from flask import Response, g, redirect, session, url_for
from sqlalchemy import Connection, Engine, delete, exists, insert, select, update

from pos_gateway.api.gateway import here
from pos_gateway.card.tables import sessions
from settlement.act import Act, Actor
from settlement.cards import token as card_token
from settlement.cards.tables import card_pins, cards, media
from settlement.cards.token import Medium
from settlement.db import reading
from settlement.outcomes import Reason, Refused
from settlement.people.scope import holder
from settlement.people.tables import agents

IDLE = timedelta(minutes=10)
LONGEST = timedelta(hours=4)
TO_PROVE = timedelta(minutes=20)
"""Between scanning the card and the second thing: time to fetch a telephone from the other room, and to ask for another code."""
SMALLEST_MOVE = timedelta(seconds=30)
"""A use that would move the end by less is not written down."""

_COOKIE = "card"


@dataclass(frozen=True)
class Visitor:
    """``agent_id``: None for the senior. ``stage``: scanned or open."""

    digest: str
    card_id: int
    medium_id: int
    senior_id: int
    agent_id: int | None
    stage: str
    begun_at: datetime
    expires_at: datetime
    scheme_code: str

    @property
    def actor(self) -> Actor:
        return holder(self.senior_id, self.agent_id)


def visitor() -> Visitor:
    """Who sent the present request; only in views whose rule asks for one."""
    found: Visitor = g.visitor
    return found


def admit(*, proved: bool) -> Response | None:
    """Let the holder of a session pass, everybody else go and scan a card. ``proved``: only with the second thing."""
    gateway, now = here(), here().now()
    with reading(gateway.engine) as conn:
        found = _find(conn, session.get(_COOKIE), now)
    if found is None or found.stage != ("open" if proved else "scanned"):
        if found is None:
            session.clear()
        return redirect(url_for("card.arrive", over="1"), 303)  # type: ignore[return-value]
    g.visitor = _moved_on(gateway.engine, found, now) if proved else found
    return None


def begin_scanned(act: Act, medium: Medium) -> str:
    """A session for a card that was just read; what the browser is to hold (:func:`hold`). Sessions that are over are forgotten on the way."""
    act.conn.execute(delete(sessions).where(sessions.c.expires_at <= act.now))
    row = {"card_id": medium.card_id, "medium_id": medium.id, "senior_id": medium.senior_id, "agent_id": None}
    return _begin(act, row | {"stage": "scanned", "expires_at": act.now + TO_PROVE})


def open_page(act: Act, scanned: Visitor, agent_id: int | None, proof: str) -> str:
    """The second thing was proved: another session, with another token, takes the place of the scanned one. Raises Refused(SESSION_OVER)
    when that was used up meanwhile."""
    if act.conn.execute(delete(sessions).where(sessions.c.digest == scanned.digest)).rowcount != 1:
        raise Refused(Reason.SESSION_OVER)
    row: dict[str, Any] = {"card_id": scanned.card_id, "medium_id": scanned.medium_id, "senior_id": scanned.senior_id}
    row |= {"agent_id": agent_id, "stage": "open", "expires_at": act.now + IDLE}
    who = "senior" if agent_id is None else f"agent:{agent_id}"
    act.audit("card.open_page", f"card:{scanned.card_id}", after={"who": who, "proof": proof})
    return _begin(act, row)


def hold(token: str) -> None:
    """Give the browser a new token, and nothing of what it held before."""
    session.clear()
    g.pop("csrf_token", None)
    session[_COOKIE] = token


def leave() -> None:
    """End the present session, here and in the browser."""
    with here().engine.begin() as conn:
        conn.execute(delete(sessions).where(sessions.c.digest == _digest(session.get(_COOKIE, ""))))
    session.clear()


def _begin(act: Act, row: dict[str, Any]) -> str:
    token = secrets.token_urlsafe(32)
    act.conn.execute(insert(sessions), row | {"digest": _digest(token), "begun_at": act.now})
    return token


def _find(conn: Connection, token: str | None, now: datetime) -> Visitor | None:
    """The session of a token, if it still counts."""
    if token is None:
        return None
    s = sessions.c
    query = (
        select(*(s[name] for name in Visitor.__dataclass_fields__ if name != "scheme_code"), cards.c.scheme_code)
        .add_columns(media.c.dead_from, media.c.dead_reason, cards.c.closed_at, cards.c.activated_at)
        .add_columns(agents.c.withdrawn_at, _another_pin)
        .join(media, media.c.id == s.medium_id)
        .join(cards, cards.c.id == s.card_id)
        .outerjoin(agents, agents.c.id == s.agent_id)
        .where(s.digest == _digest(token), s.expires_at > now)
    )
    row = conn.execute(query).one_or_none()
    if row is None or row.withdrawn_at is not None or row.another_pin or card_token.refused(row, now) is not None:
        return None
    return Visitor(*row[: len(Visitor.__dataclass_fields__)])


_another_pin = (
    exists()
    .where(
        sessions.c.agent_id.is_(None),
        card_pins.c.card_id == sessions.c.card_id,
        card_pins.c.dead_from.is_(None),
        card_pins.c.set_at > sessions.c.begun_at,
    )
    .label("another_pin")
)
"""The holder's session, when a PIN was set since: perhaps because somebody else knew the one before."""


def _moved_on(engine: Engine, found: Visitor, now: datetime) -> Visitor:
    until = min(now + IDLE, found.begun_at + LONGEST)
    if until - found.expires_at < SMALLEST_MOVE:
        return found
    with engine.begin() as conn:
        # Never back to life: somebody may have left the page in this moment.
        alive = update(sessions).where(sessions.c.digest == found.digest)
        conn.execute(alive.values(expires_at=until))
    return replace(found, expires_at=until)


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()
