"""Tables of issuance: a run per scheme, period and town; a line per person and month."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    text,
)

from settlement.db import Instant, RowId, metadata

issuance_runs = Table(
    "issuance_runs",
    metadata,
    Column("id", String(100), primary_key=True, comment="scheme/month/town"),
    Column("scheme_code", String(40), nullable=False),
    Column("scheme_version", String(20), nullable=False),
    Column("month", String(7), nullable=False, comment="first month of the period"),
    Column("months", Integer, nullable=False, comment="months in the period: 1 monthly, 6 half-yearly"),
    Column("town", String(40), nullable=False),
    Column("status", String(16), nullable=False, comment="drafted | approved | posted"),
    Column("people", Integer, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("drafted_by", String(80), nullable=False),
    Column("drafted_at", Instant, nullable=False),
    Column("approved_by", String(80)),
    Column("approved_at", Instant),
    Column("posted_at", Instant),
    UniqueConstraint("scheme_code", "month", "town"),
    CheckConstraint("status IN ('drafted','approved','posted')", name="status"),
)

issuance_lines = Table(
    "issuance_lines",
    metadata,
    Column("run_id", String(100), ForeignKey("issuance_runs.id"), nullable=False),
    Column("scheme_code", String(40), nullable=False, primary_key=True),
    Column("month", String(7), nullable=False, primary_key=True),
    Column("senior_id", RowId, ForeignKey("seniors.id"), nullable=False, primary_key=True),
    Column("card_id", RowId, ForeignKey("cards.id"), nullable=False),
    Column("entitlement_id", RowId, ForeignKey("entitlements.id"), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("previous_amount", BigInteger, nullable=False, comment="last month's, 0 if none"),
    Column("change", String(40), nullable=False, comment="same | new | raised | lowered | resumed | arrears"),
    CheckConstraint("amount > 0", name="amount_positive"),
    Index("ix_issuance_lines_run", "run_id"),
    Index("ix_issuance_lines_card", "card_id"),
    Index("ix_issuance_lines_senior", "senior_id", "month"),
)

# People paid last month and not this one: shown beside the draft with the reason.
issuance_drops = Table(
    "issuance_drops",
    metadata,
    Column("run_id", String(100), ForeignKey("issuance_runs.id"), primary_key=True),
    Column("senior_id", RowId, ForeignKey("seniors.id"), primary_key=True),
    Column("previous_amount", BigInteger, nullable=False),
    Column("reason", String(40), nullable=False),
    Index("ix_issuance_drops_senior", "senior_id"),
)

# A month that was issued and then fell away (death or move learnt late): what came back, and what had been spent already. When the news was
# a mistake the row is undone and keeps its figures; another news of the same person is another occurrence.
issuance_returns = Table(
    "issuance_returns",
    metadata,
    Column("scheme_code", String(40), primary_key=True),
    Column("month", String(7), primary_key=True),
    Column("senior_id", RowId, ForeignKey("seniors.id"), primary_key=True),
    Column(
        "occurrence", Integer, primary_key=True, autoincrement=False, comment="counts the person's take-backs from 1"
    ),
    Column("card_id", RowId, ForeignKey("cards.id"), nullable=False),
    Column("taken_back", BigInteger, nullable=False),
    Column("receivable", BigInteger, nullable=False, comment="spent already: the person or the heirs owe it"),
    Column("reason", String(40), nullable=False, comment="died | left"),
    Column("recorded_at", Instant, nullable=False),
    Column("undone_at", Instant, comment="the news was a mistake: the month counts as issued again"),
    Column("undone_by", String(80)),
    CheckConstraint("taken_back >= 0 AND receivable >= 0 AND taken_back + receivable > 0", name="amounts"),
    CheckConstraint("(undone_at IS NULL) = (undone_by IS NULL)", name="undone"),
    Index("ix_issuance_returns_card", "card_id"),
    Index("ix_issuance_returns_senior", "senior_id"),
    # A month comes back once, unless that was undone.
    Index(
        "uq_issuance_returns_standing",
        "scheme_code",
        "month",
        "senior_id",
        unique=True,
        sqlite_where=text("undone_at IS NULL"),
        postgresql_where=text("undone_at IS NULL"),
    ),
)
