"""What terminals said and what they were answered: so that a repeat gets the first answer, and a reversal what it reverses.

A message is known by its terminal, its MTI as first sent, its trace number and the moment it was sent. Everything here happens while the terminal's
row is locked, so that of two equal messages at once the second finds the first.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, exists, insert, select, update

from pos_gateway.iso8583.elements import Original, moment
from pos_gateway.iso8583.spec import ADVICES, MAC_FIELDS, PURCHASE, Message, first_sent
from pos_gateway.iso8583.tables import messages
from settlement.act import Act
from settlement.keys import KeyRing
from settlement.periods import SHANGHAI
from settlement.visits.tables import counter_sales

APPROVED = "00"
ABOUT_MONEY = ("0200", "0220")
PIN_BLOCK = 126
_CONTENT = "terminal_messages.content"
m = messages.c


@dataclass(frozen=True)
class Key:
    """Which message. ``mti``: as first sent."""

    terminal_id: str
    mti: str
    trace: str
    sent_at: datetime

    @property
    def sale_id(self) -> str:
        """Of the counter sale it makes. Without the MTI: a purchase and an advice of the same make one sale."""
        return f"{self.terminal_id}-{self.sent_at.astimezone(SHANGHAI):%Y%m%d%H%M%S}-{self.trace}"


def key_of(terminal_id: str, message: Message, now: datetime) -> Key:
    """Raises ValueError where trace number (11) or moment sent (7) is absent or none."""
    return _key(terminal_id, first_sent(message.mti), message.text(11), message.text(7), now)


def key_of_original(terminal_id: str, original: Original, now: datetime) -> Key:
    """What a reversal or an upload means by its field 90. Raises ValueError."""
    return _key(terminal_id, first_sent(original.mti), original.trace, original.sent, now)


def _key(terminal_id: str, mti: str, trace: str, sent: str, now: datetime) -> Key:
    if len(trace) != 6 or len(sent) != 10:
        raise ValueError("fields 7 and 11")
    return Key(terminal_id, mti, trace, moment(Message(mti, {13: sent[:4], 12: sent[4:]}), now))


def content_of(ring: KeyRing, message: Message) -> str:
    """A keyed digest of all fields but the MAC and the PIN block, which are made anew each time a message is sent."""
    left = {n: value for n, value in message.fields.items() if n not in (*MAC_FIELDS, PIN_BLOCK)}
    return ring.index(json.dumps(_plain(Message(first_sent(message.mti), left)), sort_keys=True), _CONTENT)


def find(conn: Connection, key: Key) -> Row[Any] | None:
    return conn.execute(select(messages).where(*_is(key))).one_or_none()


def by_reference(act: Act, reference: str) -> Row[Any] | None:
    """What we gave a reference (field 37) to."""
    if not reference.isdecimal():
        return None
    return act.conn.execute(select(messages).where(m.id == int(reference))).one_or_none()


def begin(act: Act, key: Key, message: Message, content: str, blocked: Row[Any] | None = None) -> int:
    """A row for a message that is being worked off; its number is our reference. ``blocked``: the row that a reversal left for it."""
    amount = message.text(4)
    row = {
        "kind": message.text(70 if key.mti == "0800" else 3)[:6] or None,
        "content": content,
        "batch": message.text(60) or None,
        "amount_fen": int(amount) if amount.isdecimal() else None,
        "status": "answered",
        "recorded_at": act.now,
    }
    if blocked is not None:
        act.conn.execute(update(messages).where(m.id == blocked.id).values(row))
        return int(blocked.id)
    return _insert(act, key, row)


def block(act: Act, key: Key, reversal: int) -> None:
    """Remember a reversal of what never came: should it come, it is refused."""
    _insert(act, key, {"status": "blocked", "reversed_by": reversal, "recorded_at": act.now})


def _insert(act: Act, key: Key, row: dict[str, Any]) -> int:
    who = {"terminal_id": key.terminal_id, "mti": key.mti, "trace": key.trace, "sent_at": key.sent_at}
    return int(act.conn.execute(insert(messages).returning(m.id), who | row).scalar_one())


def end(act: Act, id: int, answer: Message, reason: str | None, sale_id: str | None) -> None:
    """Keep the answer."""
    kept = {"code": answer.text(39), "reason": reason, "sale_id": sale_id, "answer": _plain(answer)}
    act.conn.execute(update(messages).where(m.id == id).values(kept))


def made_a_sale(row: Row[Any]) -> bool:
    """Whether it is a purchase, or the advice of one, that got as far as the counter: sold or declined there."""
    return row.mti in ABOUT_MONEY and row.kind == PURCHASE and row.sale_id is not None


def mark_reversed(act: Act, id: int, reversal: int) -> None:
    act.conn.execute(update(messages).where(m.id == id).values(reversed_by=reversal))


def answer_of(row: Row[Any]) -> Message:
    """The first answer, as it was given."""
    fields = {int(n): bytes.fromhex(v["hex"]) if isinstance(v, dict) else v for n, v in row.answer["fields"].items()}
    return Message(row.answer["mti"], fields)


def approved(conn: Connection, terminal_id: str, batch: str) -> list[Row[Any]]:
    """The purchases, voids and refunds of a batch that stand: approved, and not undone by a reversal. (key, kind, amount), oldest first."""
    query = (
        select(m.id, m.mti, m.trace, m.sent_at, m.kind, m.amount_fen)
        .where(m.terminal_id == terminal_id, m.batch == batch, m.mti.in_(ABOUT_MONEY))
        .where(m.code == APPROVED, m.reversed_by.is_(None))
        .order_by(m.id)
    )
    return list(conn.execute(query))


def not_carried_out(conn: Connection, terminal_ids: Sequence[str]) -> list[Row[Any]]:
    """Advices that were recorded, could not be done as told, and were neither reversed nor released since: for a person to decide. Oldest first."""
    released = exists().where(counter_sales.c.id == m.sale_id, counter_sales.c.status == "sold", m.mti == "0220")
    query = (
        select(m.id, m.terminal_id, m.mti, m.trace, m.sent_at, m.amount_fen, m.sale_id, m.recorded_at, m.reason)
        .where(m.terminal_id.in_(terminal_ids), m.mti.in_(ADVICES), m.code != APPROVED, m.reversed_by.is_(None))
        .where(~released)
        .order_by(m.id)
    )
    return list(conn.execute(query))


def _is(key: Key) -> tuple[Any, ...]:
    return m.terminal_id == key.terminal_id, m.mti == key.mti, m.trace == key.trace, m.sent_at == key.sent_at


def _plain(message: Message) -> dict[str, Any]:
    fields = {str(n): v if isinstance(v, str) else {"hex": v.hex()} for n, v in sorted(message.fields.items())}
    return {"mti": message.mti, "fields": fields}
