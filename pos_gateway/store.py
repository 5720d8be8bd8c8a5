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

from sqlalchemy import Connection, Row, and_, bindparam, delete, literal_column, select

from pos_gateway.http_signatures import Verified
from pos_gateway.tables import answers, nonces
from settlement.outcomes import Reason, Refused
from settlement.prepared import Prepared
from settlement.providers.tables import devices
from settlement.together import Write, inserting, row

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


@dataclass(frozen=True)
class Seen:
    """What is on record about a request before it is believed: the device of its key, what its nonce was first used for, the row of its
    first answer."""

    device: Row[Any] | None
    nonce_content: str | None
    answer: Row[Any] | None

    def check_nonce(self, content: str) -> None:
        """Raise Refused(NONCE_REUSED) when the nonce was used for something else; the same content is a retry and may pass."""
        if self.nonce_content is not None and self.nonce_content != content:
            raise Refused(Reason.NONCE_REUSED)

    def first_answer(self, content: str) -> Answer | None:
        """The first answer to this request, if it was answered before. Raises Refused(IDEMPOTENCY_KEY_REUSED) for other content."""
        if self.answer is None:
            return None
        if self.answer.content != content:
            raise Refused(Reason.IDEMPOTENCY_KEY_REUSED)
        return Answer(self.answer.status, self.answer.media_type, self.answer.body)


def look_up(conn: Connection, key_id: str, nonce: str, idempotency_key: str | None) -> Seen:
    """All in one statement, for every request begins with it."""
    found = _SEEN.one_or_none(conn, {"key": key_id, "nonce": nonce, "idempotency_key": idempotency_key})
    return Seen(
        found if found.id is not None else None, found.nonce_content, found if found.content is not None else None
    )


_one = select(literal_column("1").label("always")).subquery("one")
_SEEN = Prepared(
    select(
        *(
            devices.c[name]
            for name in ("id", "provider_id", "caregiver_id", "kind", "algorithm", "public_key", "revoked_at")
        )
    )
    .add_columns(nonces.c.content.label("nonce_content"))
    .add_columns(answers.c.content, answers.c.status, answers.c.media_type, answers.c.body)
    .select_from(_one)
    .outerjoin(devices, devices.c.key_id == bindparam("key"))
    .outerjoin(nonces, and_(nonces.c.key_id == bindparam("key"), nonces.c.nonce == bindparam("nonce")))
    .outerjoin(
        answers, and_(answers.c.key_id == bindparam("key"), answers.c.idempotency_key == bindparam("idempotency_key"))
    )
)

_NONCE = inserting(
    nonces, "key_id", "nonce", "content", "created_at", once=True
)  # an equal request may have been quicker
_ANSWER = inserting(answers, *(column.name for column in answers.c), once=True)


def nonce(signed: Verified, content: str) -> Write:
    """Remembers a nonce."""
    kept = {"key_id": signed.key_id, "nonce": signed.nonce, "content": content, "created_at": signed.created}
    return Write(_NONCE, row(nonces, kept))


def answered(key_id: str, idempotency_key: str, content: str, answer: Answer, now: datetime) -> Write:
    """Remembers the first answer to a request."""
    kept = {"key_id": key_id, "idempotency_key": idempotency_key, "content": content, "answered_at": now}
    kept |= {"status": answer.status, "media_type": answer.media_type, "body": answer.body}
    return Write(_ANSWER, row(answers, kept))


def forget(conn: Connection, now: datetime, window: timedelta) -> None:
    """Remove answers that are no longer kept, and nonces whose requests are refused as stale by now whatever their nonce."""
    conn.execute(delete(nonces).where(nonces.c.created_at < now - 4 * window))
    conn.execute(delete(answers).where(answers.c.answered_at < now - ANSWERS_KEPT))
