"""A row per job and period decides what is due; a lease decides who does it (``settlement.scheduler``)."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Integer, String, Table, Text

from settlement.db import Instant, metadata

job_runs = Table(
    "job_runs",
    metadata,
    Column("job", String(40), primary_key=True),
    Column("period", String(16), primary_key=True, comment="month, quarter, day or hour the run is for"),
    Column("status", String(16), nullable=False, comment="due | running | done | failed"),
    Column("attempts", Integer, nullable=False, default=0, comment="since it last went well or waited for people"),
    Column(
        "next_attempt_at", Instant, comment="due again only from then: after a failure, or while people's turn lasts"
    ),
    Column("lease_owner", String(80)),
    Column("lease_until", Instant, comment="whoever finds it over may take the run"),
    Column("started_at", Instant),
    Column("finished_at", Instant),
    Column("result", Text),
    Column("error", Text, comment="what went wrong last; nothing personal"),
    CheckConstraint("status IN ('due','running','done','failed')", name="status"),
)
