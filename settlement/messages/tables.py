"""The outbox: what is to be told, by which channel, and what became of it. Texts and telephones are encrypted."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint, text

from settlement.db import Instant, RowId, metadata

UNSENT = text("status IN ('waiting','sending')")
_PAPER = text("channel = 'paper'")

messages = Table(
    "messages",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("senior_id", RowId, ForeignKey("seniors.id"), nullable=False, comment="whom it is about"),
    Column("recipient", String(32), nullable=False, comment="senior, or agent:ID"),
    Column("kind", String(16), nullable=False, comment="code of messages.words.KINDS"),
    Column("subject", String(120), nullable=False, comment="what it tells of, e.g. debit:ID; nothing personal"),
    Column("channel", String(8), nullable=False, comment="sms | voice | paper (the village's monthly statement)"),
    Column("phone_cipher", Text, comment="as it was then; empty for paper"),
    Column("text_cipher", Text, comment="empty when it was a code and is no longer needed"),
    Column("status", String(12), nullable=False, comment="waiting | sending | sent | given_up | paper | printed"),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_attempt_at", Instant, comment="of those that wait"),
    Column("expires_at", Instant, comment="of no use afterwards, so not sent any more"),
    Column("lease_owner", String(40)),
    Column("lease_until", Instant, comment="of one being sent: whoever finds it over may take it"),
    Column("carrier_id", String(120), comment="the carrier's number for it"),
    Column("error", String(80), comment="what went wrong last; nothing personal"),
    Column("created_at", Instant, nullable=False),
    Column("ended_at", Instant, comment="sent, given up or printed"),
    UniqueConstraint("kind", "subject", "recipient"),
    CheckConstraint("channel IN ('sms','voice','paper')", name="channel"),
    CheckConstraint("status IN ('waiting','sending','sent','given_up','paper','printed')", name="status"),
    CheckConstraint("(channel = 'paper') = (phone_cipher IS NULL)", name="phone"),
    Index("ix_messages_unsent", "next_attempt_at", sqlite_where=UNSENT, postgresql_where=UNSENT),
    Index("ix_messages_senior", "senior_id", "created_at"),
    Index("ix_messages_paper", "status", "created_at", sqlite_where=_PAPER, postgresql_where=_PAPER),
)
