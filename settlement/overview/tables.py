"""The overview's figures as they were last reckoned."""

from __future__ import annotations

from sqlalchemy import Column, String, Table

from settlement.db import Instant, Json, metadata

# Nothing is decided by these rows and nothing is proved by them: whoever deletes them all makes pages slower until the next hour.
overview_figures = Table(
    "overview_figures",
    metadata,
    Column("scheme_code", String(40), primary_key=True),
    Column("month", String(7), primary_key=True),
    Column("name", String(20), primary_key=True, comment="a figure's name in settlement.overview.kept"),
    Column("at", Instant, nullable=False),
    Column("rows", Json, nullable=False, comment="of every town"),
)
