"""The outbox: what is to be told is written in the transaction of what it tells, and delivered afterwards, by whoever claims it.

A claim is a lease: of two deliverers one has the message, and when it dies the other may try again, under the same reference. So a message
goes out once, unless the carrier took it and we died before we wrote that down; then the carrier sees the reference a second time.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Engine, Row, and_, or_, select, update

from settlement.act import Act
from settlement.clock import Clock
from settlement.db import insert_if_absent
from settlement.errors import BrokenInvariant
from settlement.keys import KeyRing
from settlement.messages import recipients
from settlement.messages.carrier import Answer, Failed, Message, Rejected, Sender, Sent
from settlement.messages.recipients import Recipient
from settlement.messages.tables import UNSENT, messages
from settlement.messages.words import KINDS
from settlement.officers import require
from settlement.outcomes import Reason, Refused
from settlement.people.identity import mask_phone
from settlement.people.scope import require_person
from settlement.people.tables import agents
from settlement.periods import SHANGHAI

PHONE = "messages.phone"
TEXT = "messages.text"

DAY_BEGINS, DAY_ENDS = time(8), time(21)

LEASE = timedelta(seconds=60)
"""Longer than one attempt may take (``carrier.TIMEOUT``)."""
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 720))
"""Before the second, third … attempt; after the last one it is given up, and listed."""
LIMIT = len(PAUSES) + 1
IN_A_ROW = 3
"""After so many failures one after the other the carrier is taken to be down, and the rest waits for the next run."""

m = messages.c


@dataclass(frozen=True)
class Queued:
    """``channel``: sms, voice, paper. ``phone``: masked, None for paper: no message will come before the monthly statement does."""

    id: int
    channel: str
    phone: str | None


@dataclass(frozen=True)
class Delivered:
    """What one run did. ``waiting``: failed for now, tried again later."""

    sent: int = 0
    waiting: int = 0
    given_up: int = 0


def put(
    act: Act,
    ring: KeyRing,
    *,
    senior_id: int,
    to: Literal["senior", "agent"],
    kind: str,
    zh: str,
    subject: str,
    agent_id: int | None = None,
    lives: timedelta | None = None,
) -> Queued:
    """Leave a message to be sent. The same kind, subject and recipient again is the first one.

    ``kind``: of ``words.KINDS``; ``zh``: the text; ``subject``: what it is about, nothing personal (``debit:ID``; for a code something that is
    new each time). ``to`` agent: the one named, else who was appointed first. ``lives``: of no use afterwards; never sent late. Without a telephone on record, or
    where that is a caregiver's, the channel is paper. Raises Refused: NOT_ALLOWED, NOT_FOUND (also when there is no such agent), BAD_INPUT.
    """
    require(act, "message.put")
    require_person(act, senior_id)
    if kind not in KINDS or not zh.strip() or not subject:
        raise Refused(Reason.BAD_INPUT, detail=f"kind: {', '.join(KINDS)}; zh; subject")
    if to == "senior":
        whom = recipients.the_senior(act.conn, ring, senior_id)
    else:
        found = recipients.the_agent(act.conn, ring, senior_id, agent_id)
        if found is None:
            raise Refused(Reason.NOT_FOUND, what="agent")
        whom = found
    row = row_of(ring, act.now, senior_id, whom, kind, subject, zh, lives)
    added = insert_if_absent(act.conn, messages).values(row).returning(m.id)
    id = act.conn.execute(added).scalar_one_or_none()
    if id is None:
        same = (m.kind == kind) & (m.subject == subject) & (m.recipient == whom.name)
        id = act.conn.execute(select(m.id).where(same)).scalar_one()
    return Queued(int(id), whom.channel, None if whom.phone is None else mask_phone(whom.phone))


def row_of(
    ring: KeyRing,
    now: datetime,
    senior_id: int,
    whom: Recipient,
    kind: str,
    subject: str,
    text: str,
    lives: timedelta | None = None,
) -> dict[str, Any]:
    """A message as it is stored."""
    paper = whom.phone is None
    return {
        "senior_id": senior_id,
        "recipient": whom.name,
        "kind": kind,
        "subject": subject,
        "channel": whom.channel,
        "phone_cipher": None if whom.phone is None else ring.encrypt(whom.phone, PHONE),
        "text_cipher": ring.encrypt(text, TEXT),
        "status": "paper" if paper else "waiting",
        "attempts": 0,
        "next_attempt_at": None if paper else now if kind == "code" else by_day(now),
        "expires_at": None if lives is None else now + lives,
        "created_at": now,
    }


def by_day(moment: datetime) -> datetime:
    """The moment itself, or the morning after it: nobody's telephone rings at night, unless they wait for it."""
    local = moment.astimezone(SHANGHAI)
    if DAY_BEGINS <= local.time() < DAY_ENDS:
        return moment
    morning = local.date() + timedelta(days=local.time() >= DAY_ENDS)
    return datetime.combine(morning, DAY_BEGINS, tzinfo=SHANGHAI)


# -- delivering ---------------------------------------------------------------------------------------------------------------
def deliver(
    engine: Engine, ring: KeyRing, sender: Sender, clock: Clock, limit: int = 500, *, only: int | None = None
) -> Delivered:
    """Send what is due, oldest first, at most ``limit``; ``only``: just this message, when it is due.

    Several processes may do this at once. Nothing is locked while a carrier is asked.
    """
    owner, done, failures = secrets.token_hex(8), {"sent": 0, "waiting": 0, "given_up": 0}, 0
    for _ in range(limit):
        with engine.begin() as conn:
            row = _claim(conn, owner, clock(), only)
            ended = row is not None and _ended(conn, row.recipient)
        if row is None:
            break
        answer = Rejected("agent ended") if ended else _try(ring, sender, row, clock())
        with engine.begin() as conn:
            done[_settle(conn, row, owner, answer, clock())] += 1
        failures = failures + 1 if isinstance(answer, Failed) else 0
        if failures == IN_A_ROW:
            break
    return Delivered(**done)


def _claim(conn: Connection, owner: str, now: datetime, only: int | None) -> Row[Any] | None:
    due = or_(
        and_(m.status == "waiting", m.next_attempt_at <= now),
        and_(m.status == "sending", m.next_attempt_at <= now, m.lease_until <= now),
    )
    next_one = (
        select(m.id).where(UNSENT, due).order_by(m.next_attempt_at, m.id).limit(1).with_for_update(skip_locked=True)
    )
    if only is not None:
        next_one = next_one.where(m.id == only)
    id = conn.execute(next_one).scalar_one_or_none()
    if id is None:
        return None
    taken = {"status": "sending", "lease_owner": owner, "lease_until": now + LEASE, "attempts": m.attempts + 1}
    return conn.execute(update(messages).where(m.id == id).values(taken).returning(*m)).one()


def _ended(conn: Connection, recipient: str) -> bool:
    """Whether it was for an agent whose right has ended since: what is the senior's own is no longer theirs."""
    kind, _, id = recipient.partition(":")
    if kind != "agent":
        return False
    return conn.execute(select(agents.c.withdrawn_at).where(agents.c.id == int(id))).scalar_one_or_none() is not None


def _try(ring: KeyRing, sender: Sender, row: Row[Any], now: datetime) -> Answer:
    if row.expires_at is not None and row.expires_at <= now:
        return Rejected("expired")
    if row.attempts > LIMIT:
        return Rejected("interrupted")  # whoever tried died each time
    try:
        phone, text = ring.decrypt(row.phone_cipher, PHONE), ring.decrypt(row.text_cipher, TEXT)
    except BrokenInvariant:
        return Rejected("unreadable")
    return sender.send(Message(f"songbai-{row.id}", row.channel, phone, text))


def _settle(conn: Connection, row: Row[Any], owner: str, answer: Answer, now: datetime) -> str:
    """Write down what became of it, and say what: ``sent``, ``waiting`` or ``given_up``."""
    change: dict[str, Any] = {"lease_owner": None, "lease_until": None}
    if isinstance(answer, Sent):
        status = "sent"
        change |= {"carrier_id": answer.carrier_id or None, "error": None}
    elif isinstance(answer, Failed) and row.attempts < LIMIT:
        status = "waiting"
        again = now + max(PAUSES[row.attempts - 1], answer.after or timedelta())
        change |= {"next_attempt_at": again if row.kind == "code" else by_day(again), "error": answer.error[:80]}
    else:
        status = "given_up"
        change |= {"error": answer.error[:80]}
    change["status"] = status
    if status != "waiting":
        change |= {"ended_at": now, "next_attempt_at": None}
        if row.kind == "code":
            change["text_cipher"] = None
    mine = (m.id == row.id) & (m.lease_owner == owner) & (m.status == "sending")
    conn.execute(update(messages).where(mine).values(change))
    return status


def retry(act: Act, message_id: int) -> None:
    """Try again what was given up, from the first attempt on. Raises Refused: NOT_ALLOWED, NOT_FOUND, WRONG_STATE for any other message, and for a
    code: it is of no use any more."""
    require(act, "message.retry")
    row = act.conn.execute(select(messages).where(m.id == message_id).with_for_update()).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what=f"message {message_id}")
    if row.status != "given_up" or row.text_cipher is None:
        raise Refused(Reason.WRONG_STATE, state=row.status, event="retry")
    again = {"status": "waiting", "attempts": 0, "next_attempt_at": act.now, "ended_at": None, "error": None}
    act.conn.execute(update(messages).where(m.id == message_id).values(again))
    act.audit("message.retry", f"message:{message_id}", before={"status": "given_up"}, after={"status": "waiting"})


@dataclass(frozen=True)
class Standing:
    """One message without its text and telephone."""

    id: int
    senior_id: int
    recipient: str
    kind: str
    subject: str
    channel: str
    status: str
    attempts: int
    next_attempt_at: datetime | None
    error: str | None
    created_at: datetime
    ended_at: datetime | None


def listing(
    conn: Connection, *, status: str | None = None, senior_id: int | None = None, limit: int = 200
) -> list[Standing]:
    """Messages, the newest first."""
    wanted = {m.status: status, m.senior_id: senior_id}
    query = select(*(m[name] for name in Standing.__dataclass_fields__))
    query = query.where(*(column == value for column, value in wanted.items() if value is not None))
    return [Standing(*row) for row in conn.execute(query.order_by(m.created_at.desc(), m.id.desc()).limit(limit))]
