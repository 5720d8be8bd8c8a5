"""Tables of the terminals' dialogue: every message with its answer, batches, and what was uploaded of them. No card number and no PIN is kept."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, String, Table, UniqueConstraint

from settlement.db import Instant, Json, RowId, metadata

# A row for each message, told apart by terminal, MTI, trace number and moment sent. A reversal that comes before what it reverses leaves a row for
# that: ``blocked``, without an answer yet.
messages = Table(
    "terminal_messages",
    metadata,
    Column("id", RowId, primary_key=True, comment="our reference, field 37"),
    Column("terminal_id", String(8), ForeignKey("terminals.id"), nullable=False),
    Column("mti", String(4), nullable=False, comment="as first sent"),
    Column("trace", String(6), nullable=False, comment="field 11"),
    Column("sent_at", Instant, nullable=False, comment="field 7, in the year nearest to when it came"),
    Column("kind", String(6), comment="field 3, or 70 of an 0800"),
    Column("content", String(32), comment="keyed digest of its fields: a repeat has the same"),
    Column("batch", String(6), comment="field 60"),
    Column("amount_fen", BigInteger),
    Column("sale_id", String(40), comment="counter_sales: made, or taken back, by it"),
    Column("recorded_at", Instant, nullable=False),
    Column("status", String(16), nullable=False, comment="answered | blocked"),
    Column("code", String(2), comment="field 39 of the answer"),
    Column("reason", String(40), comment="code of outcomes.Reason, where it was not approved"),
    Column(
        "reversed_by", RowId, ForeignKey("terminal_messages.id"), comment="the reversal that undid or forestalled it"
    ),
    Column("answer", Json, comment="given again, byte for byte, to a repeat"),
    UniqueConstraint("terminal_id", "mti", "trace", "sent_at"),
    CheckConstraint("status IN ('answered','blocked')", name="status"),
    Index("ix_terminal_messages_batch", "terminal_id", "batch"),
    Index("ix_terminal_messages_recorded", "recorded_at"),
)

batches = Table(
    "terminal_batches",
    metadata,
    Column("terminal_id", String(8), ForeignKey("terminals.id"), primary_key=True),
    Column("batch", String(6), primary_key=True),
    Column("opened_at", Instant, nullable=False),
    Column("settled_at", Instant, comment="empty: open"),
    Column("theirs", Json, comment="totals as the terminal had them"),
    Column("ours", Json),
    Column(
        "differences",
        Json,
        comment="what only one side has, or both in different amounts, or came too late; empty list: none",
    ),
)

# One transaction of a batch as the terminal has it, told because the totals differed.
uploads = Table(
    "terminal_uploads",
    metadata,
    Column("terminal_id", String(8), ForeignKey("terminals.id"), primary_key=True),
    Column("batch", String(6), primary_key=True),
    Column("mti", String(4), primary_key=True, comment="of the transaction, from field 90; so the next two"),
    Column("trace", String(6), primary_key=True),
    Column("sent_at", Instant, primary_key=True),
    Column("kind", String(6), nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("recorded_at", Instant, nullable=False),
)
