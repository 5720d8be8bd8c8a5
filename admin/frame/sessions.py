"""Sessions of officers. The browser holds a random token in a signed cookie that scripts cannot read; the table holds its digest.

A session ends by itself when nobody used it for half an hour, at the latest after twelve; at once when the officer leaves, is no longer active, has
the password reset, or ends it from another browser. Every step of signing in makes a new token: one that was planted opens nothing.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any

from flask import g, request, session
from sqlalchemy import Row, delete, insert, select, update

from admin.frame.console import here
from admin.tables import forms_sent, passwords, sessions
from settlement.act import Act, Actor
from settlement.db import reading
from settlement.officers import officers
from settlement.outcomes import Reason, Refused

SMALLEST_MOVE = timedelta(seconds=30)
"""A use that would move the end by less is not written down."""
REMEMBERED = timedelta(days=1)
"""So long it is known whose a session was, for a form that came too late."""
HALF_WAY = timedelta(minutes=10)
"""Between password and code."""
_COOKIE = "desk"


@dataclass(frozen=True)
class Officer:
    """Who is signed in, or on the way in (``stage`` password). ``digest``: of the session; ``how``: by what it was proved who it is."""

    id: str
    name: str
    role: str
    town: str | None
    village: str | None
    provider_id: int | None
    digest: str
    stage: str
    how: str

    @property
    def actor(self) -> Actor:
        return Actor(self.id, self.role, self.town, self.provider_id)


def find(stage: str) -> Officer | None:
    """Whose session the browser holds, if it still counts and has come to this stage (password, open)."""
    console = here()
    now = console.now()
    row = _row()
    if row is None or row.stage != stage or row.expires_at <= now or not row.active:
        return None
    if row.password_set_at is not None and row.password_set_at > row.begun_at:
        return None
    until = min(now + console.config.idle, row.begun_at + console.config.longest)
    if stage == "open" and until - row.expires_at >= SMALLEST_MOVE:
        s = sessions.c
        with console.engine.begin() as conn:
            # Never back to life: it may have been ended in this moment.
            conn.execute(update(sessions).where(s.digest == row.digest).values(expires_at=until, seen_at=now))
    scope = (row.town, row.village, row.provider_id)
    return Officer(row.officer_id, row.name, row.role, *scope, row.digest, row.stage, row.how)


def lately() -> str | None:
    """Whose session the browser holds that has ended by itself."""
    row = _row()
    return row.officer_id if row is not None and row.active else None


def begin(act: Act, officer_id: str, stage: str, how: str) -> str:
    """A new session; what the browser is to :func:`hold`. Sessions that ended long ago, and the forms sent in them, are forgotten on the way."""
    s = sessions.c
    act.conn.execute(delete(sessions).where(s.expires_at <= act.now - REMEMBERED))
    act.conn.execute(delete(forms_sent).where(forms_sent.c.sent_at <= act.now - REMEMBERED))  # no session is as old
    token = secrets.token_urlsafe(32)
    idle = here().config.idle if stage == "open" else HALF_WAY
    row: dict[str, Any] = {"digest": _digest(token), "officer_id": officer_id, "stage": stage, "how": how}
    row |= {"begun_at": act.now, "seen_at": act.now, "expires_at": act.now + idle, "browser": _browser()}
    act.conn.execute(insert(sessions), row)
    return token


def hold(token: str) -> None:
    """Give the browser a new token, and nothing of what it held before."""
    session.clear()
    g.pop("csrf_token", None)  # a form drawn in this request would carry the one of before
    session[_COOKIE] = token


def password_held(act: Act, officer_id: str) -> str | None:
    """The hash that counts, held until the act ends: who resets the password meanwhile waits, and ends what the act began."""
    p = passwords.c
    return act.conn.execute(select(p.hash).where(p.officer_id == officer_id).with_for_update()).scalar_one_or_none()


def require_still(act: Act, who: Officer) -> None:
    """Raise Refused(NOT_ALLOWED) when the session was ended while its request was at work: the password reset, the officer put out."""
    password_held(act, who.id)
    if act.conn.execute(select(sessions.c.digest).where(sessions.c.digest == who.digest)).one_or_none() is None:
        raise Refused(Reason.NOT_ALLOWED)


def end(act: Act, digest: str) -> None:
    act.conn.execute(delete(sessions).where(sessions.c.digest == digest))


def end_all(act: Act, officer_id: str, *, but: str | None = None) -> int:
    """How many were ended."""
    s = sessions.c
    return act.conn.execute(delete(sessions).where(s.officer_id == officer_id, s.digest != (but or ""))).rowcount


def _row() -> Row[Any] | None:
    token = session.get(_COOKIE)
    if token is None:
        return None
    s, o = sessions.c, officers.c
    query = (
        select(s.digest, s.officer_id, s.stage, s.how, s.begun_at, s.expires_at)
        .add_columns(o.name, o.role, o.town, o.village, o.provider_id, o.active)
        .add_columns(passwords.c.set_at.label("password_set_at"))
        .join(officers, o.id == s.officer_id)
        .outerjoin(passwords, passwords.c.officer_id == s.officer_id)
        .where(s.digest == _digest(token))
    )
    with reading(here().engine) as conn:
        return conn.execute(query).one_or_none()


def _browser() -> str:
    return str(request.user_agent)[:200]


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()
