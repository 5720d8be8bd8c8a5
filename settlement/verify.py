"""Recompute everything from the rows: balances from transfers, debits from their transfers, statements from visits, settlements from statements, splits.

Each part checks itself (``<part>/integrity.py``); this puts the findings together. It only reads.
"""

from __future__ import annotations

from sqlalchemy import Connection

from settlement.cards import integrity as cards
from settlement.closing import integrity as closing
from settlement.findings import Finding
from settlement.ledger import integrity as ledger
from settlement.people import integrity as people
from settlement.treasury import integrity as treasury
from settlement.visits import integrity as visits
from settlement.vouchers import integrity as vouchers

PARTS = {
    "ledger": ledger.check,
    "people": people.check,
    "cards": cards.check,
    "vouchers": vouchers.check,
    "visits": visits.check,
    "closing": closing.check,
    "treasury": treasury.check,
}


def run(conn: Connection) -> list[Finding]:
    """Every difference, part by part; an empty list means that the books prove themselves."""
    return [finding for check in PARTS.values() for finding in check(conn)]
