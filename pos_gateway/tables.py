"""Tables of the transport: nonces, first answers to idempotent requests, the security log. Nothing of the domain is
kept here."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, Integer, String, Table, Text

from settlement.db import Instant, metadata

nonces = Table(
    "gateway_nonces",
    metadata,
    Column("key_id", String(64), primary_key=True),
    Column("nonce", String(64), primary_key=True),
    Column("content", String(64), nullable=False, comment="sha256 of the request it was first used for"),
    Column("created_at", Instant, nullable=False, comment="signed; after twice the window the nonce may be forgotten"),
    Index("ix_gateway_nonces_created_at", "created_at"),
)

# The answer is kept only when the act it answers was: a refused request leaves no row and is judged anew when it
# comes again.
answers = Table(
    "gateway_answers",
    metadata,
    Column("key_id", String(64), primary_key=True),
    Column("idempotency_key", String(64), primary_key=True),
    Column("content", String(64), nullable=False, comment="sha256 of method, address and body"),
    Column("status", Integer, nullable=False),
    Column("media_type", String(40), nullable=False),
    Column("body", Text, nullable=False),
    Column("answered_at", Instant, nullable=False),
    Index("ix_gateway_answers_answered_at", "answered_at"),
)

# One row per minute, source and reason, with a count: a flood costs one row a minute, and no refusal goes uncounted.
security_log = Table(
    "gateway_security_log",
    metadata,
    Column("minute", Instant, primary_key=True, comment="start of the minute"),
    Column("source", String(32), primary_key=True, comment="keyed digest of the network address, or 'others'"),
    Column("reason", String(40), primary_key=True, comment="code of outcomes.Reason"),
    Column(
        "route", String(80), nullable=False, comment="the rule of the address first tried, never the address itself"
    ),
    Column("device_id", String(40), comment="of the first, when its key is known; not proven to be the sender"),
    Column("detail", String(120), comment="of the first, for an operator; nothing personal"),
    Column("times", Integer, nullable=False),
    Column("last_at", Instant, nullable=False),
    CheckConstraint("times > 0", name="times"),
)
