"""Checks of the books and of the seals that an officer asked for, with what they found: kept, so that a finding can be worked through later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text, insert

from settlement.act import Act
from settlement.db import Instant, Json, RowId, metadata
from settlement.findings import Finding
from settlement.officers import require

checks = Table(
    "book_checks",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("kind", String(10), nullable=False, comment="books | seals"),
    Column("asked_by", String(80), nullable=False),
    Column("begun_at", Instant, nullable=False),
    Column("ended_at", Instant, nullable=False),
    Column("findings", Integer, nullable=False, comment="how many there were; of more than MOST the first are kept"),
    Column("facts", Json, nullable=False, comment="what was looked at, as figures"),
    CheckConstraint("kind IN ('books','seals')", name="kind"),
)

check_findings = Table(
    "book_check_findings",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("check_id", RowId, ForeignKey("book_checks.id"), nullable=False),
    Column("code", String(60), nullable=False),
    Column("subject", Text, nullable=False),
    Column("zh", Text, nullable=False),
    Column("en", Text, nullable=False),
    Column("records", Json, nullable=False, comment="ids of what disagrees"),
    Index("ix_book_check_findings_check", "check_id", "code"),
)

MOST = 10_000
"""Findings kept of one check; one lost table would be a million."""


def keep(act: Act, kind: str, begun_at: datetime, found: Sequence[Finding], facts: Mapping[str, int]) -> int:
    """Keep what a check found; its number. Raises Refused(NOT_ALLOWED)."""
    require(act, "books.check")
    row = {"kind": kind, "asked_by": act.actor.id, "begun_at": begun_at, "ended_at": act.now, "findings": len(found)}
    id = int(act.conn.execute(insert(checks).values(**row, facts=dict(facts)).returning(checks.c.id)).scalar_one())
    if found:
        act.conn.execute(insert(check_findings), [_row(id, finding) for finding in found[:MOST]])
    act.audit(f"books.check_{kind}", f"check:{id}", after={"findings": len(found)})
    return id


def _row(check_id: int, finding: Finding) -> dict[str, Any]:
    words = {"code": finding.code, "subject": finding.subject, "zh": finding.zh, "en": finding.en}
    return words | {"check_id": check_id, "records": list(finding.records)}
