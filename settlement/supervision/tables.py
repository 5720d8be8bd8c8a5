"""Tables of supervision."""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text, text

from settlement.db import Instant, Json, RowId, metadata

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

# What a senior said when the provider telephoned after a service (notice 5(3)1). Every try is a row; one answer is enough.
callbacks = Table(
    "visit_callbacks",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("visit_id", String(40), ForeignKey("visits.id"), nullable=False),
    Column("called_by", String(80), nullable=False),
    Column("called_at", Instant, nullable=False),
    Column("reached", Boolean, nullable=False, comment="false: nobody answered"),
    Column("rating", String(16), comment="satisfied | fair | dissatisfied; of who was reached"),
    Column("as_recorded", Boolean, comment="items and duration were as recorded; of who was reached"),
    Column("words", Text, nullable=False, comment="what was said besides; may be empty"),
    CheckConstraint("rating IN ('satisfied','fair','dissatisfied')", name="rating"),
    CheckConstraint("reached = (rating IS NOT NULL)", name="answered"),
    CheckConstraint("reached = (as_recorded IS NOT NULL)", name="answered_whole"),
    Index("ix_visit_callbacks_visit", "visit_id"),
    # A visit is answered for once, whoever telephones at the same time.
    Index(
        "uq_visit_callbacks_reached",
        "visit_id",
        unique=True,
        sqlite_where=text("reached"),
        postgresql_where=text("reached"),
    ),
)

# A telephone call: who was asked what, how often an answer was wrong, whether the caller is known. Neither answers nor names.
hotline_calls = Table(
    "hotline_calls",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("senior_id", RowId, ForeignKey("seniors.id"), nullable=False, comment="whom it is about"),
    Column("caller", String(16), nullable=False, comment="senior | agent: who says they call"),
    Column("agent_id", RowId, ForeignKey("senior_agents.id"), comment="the agent who was identified"),
    Column("questions", Json, nullable=False, comment="codes of supervision.knowing.QUESTIONS"),
    Column("wrong", Integer, nullable=False, default=0, comment="tries in which an answer did not fit"),
    Column("status", String(16), nullable=False, comment="asking | identified | failed | ended"),
    Column("taken_by", String(80), nullable=False),
    Column("begun_at", Instant, nullable=False),
    Column("tried_at", Instant, comment="the last try"),
    Column("identified_at", Instant),
    Column("ended_at", Instant),
    CheckConstraint("caller IN ('senior','agent')", name="caller"),
    CheckConstraint("status IN ('asking','identified','failed','ended')", name="status"),
    Index("ix_hotline_calls_senior", "senior_id", "begun_at"),
    Index("ix_hotline_calls_begun", "begun_at"),
)
