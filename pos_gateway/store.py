"""What the gateway remembers of requests: nonces, and the first answer to each idempotent one.

Both are looked up before the act and written with or after it, so that a request that was refused leaves nothing
behind. Two equal requests at the same moment may both run the act; the domain takes an event once by its hash, and
the answer stored first stands.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, select

from pos_gateway.http_signatures import Verified
from pos_gateway.tables import answers, nonces
from settlement.db import insert_if_absent
from settlement.outcomes import Reason, Refused

ANSWERS_KEPT = timedelta(days=60)
"""Longer than a phone stays without signal. An event sent again after that is still known by its own hash."""


@dataclass(frozen=True)
class Answer:
    status: int
    media_type: str
    body: str


def content_digest(method: str, target: str, body: bytes, idempotency_key: str = "") -> str:
    """What makes two requests the same: method, address with its query, and body; for a nonce, the idempotency key
    too."""
    return hashlib.sha256(f"{method} {target}\n{idempotency_key}\n".encode() + body).hexdigest()


def check_nonce(conn: Connection, signed: Verified, content: str) -> None:
    """Raise Refused(NONCE_REUSED) when the nonce was used for something else; the same content is a retry and may
    pass."""
    used = select(nonces.c.content).where(nonces.c.key_id == signed.key_id, nonces.c.nonce == signed.nonce)
    first = conn.execute(used).scalar_one_or_none()
    if first is not None and first != content:
        raise Refused(Reason.NONCE_REUSED)


def keep_nonce(conn: Connection, signed: Verified, content: str, window: timedelta) -> None:
    """Remember the nonce, and forget those whose requests are refused as stale by now whatever their nonce."""
    row = {"key_id": signed.key_id, "nonce": signed.nonce, "content": content, "created_at": signed.created}
    conn.execute(insert_if_absent(conn, nonces), row)  # an equal request may have been quicker
    conn.execute(delete(nonces).where(nonces.c.created_at < signed.created - 4 * window))


def find_answer(conn: Connection, key_id: str, idempotency_key: str, content: str) -> Answer | None:
    """The first answer to this request, if it was answered before. Raises Refused(IDEMPOTENCY_KEY_REUSED) for other
    content."""
    found = conn.execute(
        select(answers).where(answers.c.key_id == key_id, answers.c.idempotency_key == idempotency_key)
    ).one_or_none()
    if found is None:
        return None
    if found.content != content:
        raise Refused(Reason.IDEMPOTENCY_KEY_REUSED)
    return Answer(found.status, found.media_type, found.body)


def keep_answer(
    conn: Connection, key_id: str, idempotency_key: str, content: str, answer: Answer, now: datetime
) -> None:
    row: dict[str, Any] = {"key_id": key_id, "idempotency_key": idempotency_key, "content": content, "answered_at": now}
    conn.execute(delete(answers).where(answers.c.answered_at < now - ANSWERS_KEPT))
    row |= {"status": answer.status, "media_type": answer.media_type, "body": answer.body}
    conn.execute(insert_if_absent(conn, answers), row)
