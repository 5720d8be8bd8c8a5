"""What the console keeps for itself: passwords, sessions, forms sent, forms kept, tasks in the background."""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from settlement.db import Instant, Json, RowId, metadata

passwords = Table(
    "console_passwords",
    metadata,
    Column("officer_id", String(80), ForeignKey("officers.id"), primary_key=True),
    Column("hash", Text, nullable=False, comment="Argon2id"),
    Column("set_at", Instant, nullable=False),
    Column("set_by", String(80), nullable=False),
    Column("must_change", Boolean, nullable=False, comment="set by somebody else: good for one sign-in only"),
    Column(
        "totp_cipher", Text, comment="secret of the authenticator (RFC 6238), from the first code of it that was right"
    ),
    Column("totp_set_at", Instant),
    Column("totp_last_step", Integer, comment="30-second step of the last code taken: none counts twice"),
)

tries = Table(
    "console_tries",
    metadata,
    Column("name", String(32), primary_key=True, comment="keyed digest of a sign-in name, also of one that nobody has"),
    Column("wrong", Integer, nullable=False, comment="tries since the last one that succeeded"),
    Column("last_at", Instant, nullable=False),
)

sessions = Table(
    "console_sessions",
    metadata,
    Column("digest", String(64), primary_key=True, comment="SHA-256 of what the browser holds"),
    Column("officer_id", String(80), ForeignKey("officers.id"), nullable=False),
    Column("stage", String(16), nullable=False, comment="password | open"),
    Column("begun_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("browser", String(200), nullable=False, comment="what the browser calls itself"),
    Column("how", String(16), nullable=False, comment="password | totp | oidc | oidc+totp"),
    CheckConstraint("stage IN ('password','open')", name="stage"),
    Index("ix_console_sessions_officer_id", "officer_id"),
)

refusals = Table(
    "console_refusals",
    metadata,
    Column("minute", Instant, primary_key=True),
    Column("source", String(40), primary_key=True, comment="keyed digest of the address"),
    Column("times", Integer, nullable=False),
)

forms_sent = Table(
    "console_forms_sent",
    metadata,
    Column("form_id", String(32), primary_key=True, comment="made when the page was drawn"),
    Column("officer_id", String(80), nullable=False),
    Column("sent_at", Instant, nullable=False),
    Column("location", Text, comment="where the browser was sent afterwards"),
)

forms_kept = Table(
    "console_forms_kept",
    metadata,
    Column("id", String(43), primary_key=True),
    Column("officer_id", String(80), nullable=False),
    Column("path", Text, nullable=False),
    Column("fields_cipher", Text, nullable=False),
    Column("kept_at", Instant, nullable=False),
)

tasks = Table(
    "console_tasks",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("arguments", Json, nullable=False, comment="nothing personal"),
    Column("officer_id", String(80), nullable=False),
    Column("status", String(16), nullable=False),
    Column("done", Integer, nullable=False, default=0),
    Column("total", Integer, comment="NULL: not known"),
    Column("result", Json, comment="facts for the words of the page, and where to go on"),
    Column("refusal", Json, comment="code and details of a refusal"),
    Column("asked_at", Instant, nullable=False),
    Column(
        "alive_at", Instant, nullable=False, comment="last sign of life; long ago and still running: it was cut off"
    ),
    Column("ended_at", Instant),
    CheckConstraint("status IN ('running','done','refused','failed')", name="status"),
    Index("ix_console_tasks_officer_id", "officer_id", "asked_at"),
)

rosters = Table(
    "console_rosters",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("officer_id", String(80), nullable=False, comment="who handed it in, and alone may have it back"),
    Column("scheme_code", String(40), nullable=False),
    Column("put_at", Instant, nullable=False, comment="deleted two days later"),
    Column("name_cipher", Text, nullable=False),
    Column("body_cipher", LargeBinary, nullable=False),
    Column("rows", Integer),
    Column("registered", Integer),
    Column("applied", Integer),
    Column("faults", Integer),
    Column("answer_cipher", Text, comment="the faults, as JSON"),
    Column("copy_cipher", LargeBinary, comment="the workbook with the faults marked"),
    Index("ix_console_rosters_officer_id", "officer_id", "put_at"),
)
