"""Tables of the treasury."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from settlement.db import Instant, Json, RowId, metadata

# What a payer's budget grants for a scheme and year; a reduction is below zero. It counts once a second person has approved it.
appropriations = Table(
    "appropriations",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("scheme_code", String(40), nullable=False),
    Column("year", Integer, nullable=False),
    Column("payer", String(80), nullable=False, comment="as orders name it: district, town:仙女镇"),
    Column("amount_fen", BigInteger, nullable=False),
    Column("document", String(120), nullable=False, comment="the budget's document and number"),
    Column("granted_on", Date, nullable=False),
    Column("proposed_by", String(80), nullable=False),
    Column("proposed_at", Instant, nullable=False),
    Column("approved_by", String(80)),
    Column("approved_at", Instant),
    Column("withdrawn_by", String(80)),
    Column("withdrawn_at", Instant),
    CheckConstraint("amount_fen <> 0", name="not_zero"),
    Index("ix_appropriations_year", "scheme_code", "year", "payer"),
)

account_statements = Table(
    "account_statements",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("payer", String(80), nullable=False, comment="whose dedicated account it is of"),
    Column("sha256", String(64), nullable=False, comment="of the file"),
    Column("first_day", Date, nullable=False),
    Column("last_day", Date, nullable=False),
    Column("lines", Integer, nullable=False),
    Column("known", Integer, nullable=False, comment="lines that an earlier file had brought already"),
    Column("imported_by", String(80), nullable=False),
    Column("imported_at", Instant, nullable=False),
    UniqueConstraint("payer", "sha256"),
)

# A movement on a dedicated account as the bank states it, and what of ours it is.
account_lines = Table(
    "account_lines",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("statement_id", RowId, ForeignKey("account_statements.id"), nullable=False),
    Column("payer", String(80), nullable=False),
    Column("no", Integer, nullable=False, comment="row of the file"),
    Column("day", Date, nullable=False),
    Column("in_fen", BigInteger, nullable=False),
    Column("out_fen", BigInteger, nullable=False),
    Column("balance_fen", BigInteger, comment="after it, where the bank says so"),
    Column("counterparty", String(120)),
    Column("reference", String(80)),
    Column("words", String(200)),
    Column("fingerprint", String(64), nullable=False, comment="the same movement in two files is one"),
    Column("matched", String(100), comment="order:… | return:… | share:…"),
    Column("matched_how", String(20), comment="number | reference | amount | person"),
    Column("explanation", Text),
    Column("explained_by", String(80)),
    Column("explained_at", Instant),
    UniqueConstraint("payer", "fingerprint"),
    CheckConstraint("in_fen >= 0 AND out_fen >= 0 AND (in_fen = 0) <> (out_fen = 0)", name="one_direction"),
    CheckConstraint("(matched IS NULL) = (matched_how IS NULL)", name="matched"),
    Index("ix_account_lines_day", "payer", "day"),
    Index("ix_account_lines_matched", "matched"),
)

# The year's figures as they stood when it was closed; prepared by one person, closed by another.
year_closes = Table(
    "year_closes",
    metadata,
    Column("scheme_code", String(40), primary_key=True),
    Column("year", Integer, primary_key=True, autoincrement=False),
    Column("prepared_by", String(80), nullable=False),
    Column("prepared_at", Instant, nullable=False),
    Column("figures", Json, nullable=False),
    Column("digest", String(64), nullable=False, comment="SHA-256 of the figures: who closes signs for exactly these"),
    Column("closed_by", String(80)),
    Column("closed_at", Instant),
)
