"""Tables of fraud checks."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, String, Table, UniqueConstraint

from settlement.db import Instant, Json, RowId, metadata

findings = Table(
    "fraud_findings",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("scheme_code", String(40), nullable=False),
    Column("month", String(7), nullable=False),
    Column("signal", String(40), nullable=False),
    Column("visit_id", String(40), ForeignKey("visits.id"), nullable=False),
    Column("action", String(8), nullable=False, comment="flag | stop, as the scheme said at the time"),
    Column("rows", Json, nullable=False, comment="ids of the records that show it"),
    Column("measured", Json, nullable=False),
    Column("threshold", Json, nullable=False),
    Column("source", String(80), nullable=False, comment="clause of the notice, or 'default'"),
    Column("found_at", Instant, nullable=False),
    UniqueConstraint("signal", "visit_id"),
    Index("ix_fraud_findings_month", "month", "signal"),
)
