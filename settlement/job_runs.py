"""A row per job and period decides what is due; a lease decides who does it."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Integer, String, Table, Text

from settlement.db import Instant, metadata

job_runs = Table(
    "job_runs",
    metadata,
    Column("job", String(40), primary_key=True),
    Column("period", String(16), primary_key=True, comment="month, quarter or day the run is for"),
    Column("status", String(16), nullable=False, comment="due | running | done | failed"),
    Column("attempts", Integer, nullable=False, default=0),
    Column("lease_owner", String(80)),
    Column("lease_until", Instant),
    Column("started_at", Instant),
    Column("finished_at", Instant),
    Column("result", Text),
    Column("error", Text),
    CheckConstraint("status IN ('due','running','done','failed')", name="status"),
)
