"""The audit trail: one row for every change, written in the change's own transaction; the seal job chains the rows later."""

from __future__ import annotations

from sqlalchemy import Column, Index, String, Table, Text

from settlement.db import Instant, Json, RowId, metadata

audit_rows = Table(
    "audit_rows",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("actor", String(80), nullable=False),
    Column("role", String(40), nullable=False),
    Column("act", String(80), nullable=False, comment="what was done, e.g. card.freeze"),
    Column("subject", String(120), nullable=False, comment="on what, e.g. card:12; never a name or an identity number"),
    Column("before", Json),
    Column("after", Json),
    Column("why", Text),
    Index("ix_audit_rows_subject", "subject"),
    # How an auditor looks: what somebody did, who did something, what was done on a day.
    Index("ix_audit_rows_actor", "actor", "id"),
    Index("ix_audit_rows_act", "act", "id"),
    Index("ix_audit_rows_at", "at"),
)
