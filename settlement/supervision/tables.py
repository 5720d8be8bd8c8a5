"""Tables of supervision."""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Index, String, Table, Text, text

from settlement.db import Instant, RowId, metadata

_OPEN = text("status = 'open'")

complaints = Table(
    "complaints",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("senior_id", RowId, ForeignKey("seniors.id"), nullable=False),
    Column("town", String(40), nullable=False, comment="the senior's on the day: its office decides"),
    Column("subject", String(80), nullable=False, comment="debit:ID, visit:ID or service"),
    Column("visit_id", String(40), ForeignKey("visits.id")),
    Column("debit_id", String(64), ForeignKey("debits.id")),
    Column("provider_id", RowId, ForeignKey("providers.id"), comment="whom it concerns, when known"),
    Column("kind", String(16), nullable=False, comment="code of complaints.KINDS"),
    Column("words", Text, nullable=False, comment="what was said; may be empty"),
    Column("said_by", String(16), nullable=False, comment="senior | agent | office: who complains"),
    Column("opened_by", String(80), nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("in_time", Boolean, comment="within the scheme's days for objecting to a debit; empty without a debit"),
    Column("status", String(16), nullable=False, comment="open | upheld | rejected | withdrawn"),
    Column("remedy", String(16), comment="voided | taken_back | adjust | none"),
    Column("decided_by", String(80)),
    Column("decided_at", Instant),
    Column("decided_why", Text),
    CheckConstraint("status IN ('open','upheld','rejected','withdrawn')", name="status"),
    CheckConstraint("(status = 'open') = (decided_at IS NULL)", name="decided"),
    Index("ix_complaints_senior", "senior_id", "opened_at"),
    Index("ix_complaints_town", "town", "status"),
    Index("ix_complaints_decided", "decided_at"),
    # The same complaint is open once, however often the button is pressed.
    Index(
        "uq_complaints_open", "senior_id", "subject", "kind", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN
    ),
)
