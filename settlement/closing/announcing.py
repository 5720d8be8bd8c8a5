"""Telling seniors of money that came back after the close: the debit stands as the old statement counted it, but the purse has it again."""

from __future__ import annotations

from datetime import timedelta

from settlement.act import Act
from settlement.closing.tables import adjustments
from settlement.keys import KeyRing
from settlement.messages.announce import BATCH, debits_found, leave_given_back
from settlement.officers import require
from settlement.visits.tables import debits

NEWS = timedelta(days=30)


def given_back(act: Act, ring: KeyRing, limit: int = BATCH) -> int:
    """Announce debits whose visit became void after its statement was drawn; how many were left in the outbox (0: none is owed)."""
    require(act, "message.put")
    a = adjustments.c
    query = debits_found().join(adjustments, a.visit_id == debits.c.visit_id)
    query = query.where(a.kind == "void_after_close", a.proposed_at >= act.now - NEWS, debits.c.status == "posted")
    return leave_given_back(act, ring, query, limit)
