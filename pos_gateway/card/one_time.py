"""The one-time code to a telephone on record: six digits, ten minutes, five tries, one use, only in the session that asked for it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from pos_gateway.card.sessions import Visitor
from pos_gateway.card.tables import one_time_codes
from settlement.act import Act
from settlement.cards import book
from settlement.keys import KeyRing
from settlement.messages import outbox, recipients
from settlement.messages.outbox import Queued
from settlement.outcomes import Declined, Reason, Refused, declined
from settlement.people import agents
from settlement.people.agents import RELATIONS
from settlement.people.identity import mask_phone

LIVES = timedelta(minutes=10)
TRIES = 5
MOST_A_DAY = 8
"""Codes for one card in a day: more would only trouble the one whose telephone rings."""

c = one_time_codes.c


@dataclass(frozen=True)
class Phone:
    """A telephone that may get the code. ``agent_id``: None for the senior's own; ``ending``: masked but for its last four digits."""

    agent_id: int | None
    zh: str
    en: str
    ending: str


def phones(conn: Connection, ring: KeyRing, senior_id: int) -> list[Phone]:
    """The senior's own first. No names: who scanned the card has proved nothing yet."""
    found = []
    own = recipients.the_senior(conn, ring, senior_id)
    if own.phone is not None:
        found.append(Phone(None, "本人电话", "your own phone", mask_phone(own.phone)))
    for agent in agents.of(conn, ring, senior_id):
        reached = recipients.the_agent(conn, ring, senior_id, agent.id)
        if reached is not None and reached.phone is not None:
            zh, en = RELATIONS[agent.relation]
            found.append(Phone(agent.id, f"代理人（{zh}）电话", f"agent's phone ({en})", mask_phone(reached.phone)))
    return found


def send(act: Act, ring: KeyRing, to: Visitor, agent_id: int | None) -> Queued:
    """Make a code and leave it in the outbox; the one before it counts no longer. Raises Refused: NO_PHONE, TOO_MANY_ATTEMPTS, NOT_FOUND."""
    book.get(act.conn, to.card_id, lock=True)  # those who ask at the same moment are counted one after the other
    a_day = act.now - timedelta(days=1)
    act.conn.execute(delete(one_time_codes).where(c.card_id == to.card_id, c.made_at <= a_day))
    made = select(func.count()).where(c.card_id == to.card_id)
    if act.conn.execute(made).scalar_one() >= MOST_A_DAY:
        raise Refused(Reason.TOO_MANY_ATTEMPTS, minutes=24 * 60)
    act.conn.execute(update(one_time_codes).where(c.session_digest == to.digest).values(expires_at=act.now))
    code = f"{secrets.randbelow(10**6):06d}"
    row = {"session_digest": to.digest, "card_id": to.card_id, "agent_id": agent_id, "tries": 0}
    row |= {"code_index": _index(ring, to, code), "made_at": act.now, "expires_at": act.now + LIVES}
    act.conn.execute(insert(one_time_codes), row)
    minutes = LIVES // timedelta(minutes=1)
    queued = outbox.put(
        act,
        ring,
        senior_id=to.senior_id,
        to="senior" if agent_id is None else "agent",
        agent_id=agent_id,
        kind="code",
        zh=f"【松柏】验证码{code}，{minutes}分钟内用于打开养老服务卡页面。不要告诉任何人，服务人员也不需要它。",
        subject=f"code:{secrets.token_hex(8)}",  # not the row's id: once forgotten, it is given to another code
        lives=LIVES,
    )
    if queued.phone is None:
        raise Refused(Reason.NO_PHONE)
    return queued


def sent(conn: Connection, to: Visitor, now: datetime) -> Row[Any] | None:
    """The code that counts in this session: whose telephone it went to. None when there is none."""
    live = c.session_digest == to.digest, c.used_at.is_(None), c.expires_at > now, c.tries < TRIES
    query = select(c.agent_id).where(*live).order_by(c.id.desc()).limit(1)
    return conn.execute(query).one_or_none()


def check(act: Act, ring: KeyRing, of: Visitor, code: str) -> int | Declined | None:
    """Whose telephone the right code went to: an agent's id, None for the senior's own. The act is to be committed whatever the answer.

    Declined: ONE_TIME_CODE_OVER (none was sent, too late, too often, used); ONE_TIME_CODE_WRONG with the tries that are ``left``.
    """
    newest = select(func.max(c.id)).where(c.session_digest == of.digest).scalar_subquery()
    # The try is counted before it is judged: many at once are as many tries.
    live = update(one_time_codes).where(c.id == newest, c.tries < TRIES, c.used_at.is_(None), c.expires_at > act.now)
    tried = live.values(tries=c.tries + 1).returning(c.id, c.tries, c.agent_id, c.code_index)
    row = act.conn.execute(tried).one_or_none()
    if row is None:
        return declined(Reason.ONE_TIME_CODE_OVER)
    if not secrets.compare_digest(row.code_index, _index(ring, of, code)):
        left = TRIES - row.tries
        return declined(Reason.ONE_TIME_CODE_WRONG, left=left) if left else declined(Reason.ONE_TIME_CODE_OVER)
    act.conn.execute(update(one_time_codes).where(c.id == row.id).values(used_at=act.now))
    agent_id: int | None = row.agent_id
    return agent_id


def _index(ring: KeyRing, of: Visitor, code: str) -> str:
    return ring.index(f"{of.digest}|{code}", "card_one_time_codes.code")
