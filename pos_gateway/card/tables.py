"""Tables of the senior's page: who has it open, and one-time codes that were sent. Nothing of the domain is kept here."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, String, Table

from settlement.db import Instant, RowId, metadata

# A copy of this table opens nobody's page: what the browser holds is only here as a digest.
sessions = Table(
    "card_sessions",
    metadata,
    Column("digest", String(64), primary_key=True, comment="sha256 of what the browser holds"),
    Column("card_id", RowId, ForeignKey("cards.id"), nullable=False),
    Column("medium_id", RowId, ForeignKey("card_media.id"), nullable=False, comment="the piece of card that was read"),
    Column("senior_id", RowId, ForeignKey("seniors.id"), nullable=False),
    Column("agent_id", RowId, ForeignKey("senior_agents.id"), comment="an agent looks; empty: the senior"),
    Column("stage", String(8), nullable=False, comment="scanned: the second thing is still to come | open"),
    Column("begun_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False, comment="moved on with each use"),
    CheckConstraint("stage IN ('scanned','open')", name="stage"),
    Index("ix_card_sessions_expires_at", "expires_at"),
)

# One row per code that was sent to a telephone; kept for a day, because a card's codes are counted.
one_time_codes = Table(
    "card_one_time_codes",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("session_digest", String(64), nullable=False, comment="the only session in which it counts"),
    Column("card_id", RowId, ForeignKey("cards.id"), nullable=False),
    Column("agent_id", RowId, ForeignKey("senior_agents.id"), comment="went to this agent; empty: to the senior"),
    Column("code_index", String(32), nullable=False, comment="keyed digest of session and code"),
    Column("tries", Integer, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
    CheckConstraint("tries >= 0", name="tries"),
    Index("ix_card_one_time_codes_session", "session_digest"),
    Index("ix_card_one_time_codes_card", "card_id", "made_at"),
)
