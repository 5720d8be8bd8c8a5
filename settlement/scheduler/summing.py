"""Jobs that sum up for whoever looks: nothing is decided by them."""

from __future__ import annotations

from sqlalchemy import select

from settlement.overview import kept
from settlement.periods import Month
from settlement.policy import store
from settlement.policy.tables import schemes
from settlement.scheduler.job import Done, Lease, Outcome


def keep_overview(lease: Lease, period: str) -> Outcome:
    """The overview's figures of every scheme, month by month, each in its own transaction."""
    with lease.reading() as conn:
        months = kept.due(conn, Month.of(lease.clock()))
    told: list[str] = []
    for month in months:
        with lease.reading() as conn:
            query = select(schemes.c.code).where(schemes.c.valid_from <= str(month)).distinct().order_by(schemes.c.code)
            found = [store.in_force(conn, code, month) for code in conn.execute(query).scalars()]
        for scheme in found:
            at = lease.clock()
            with lease.reading() as conn:
                figures = kept.everything(conn, scheme, month)
            with lease.begin() as act:
                kept.keep(act, scheme, month, at, figures)
            told.append(f"{scheme.code} {month}")
    return Done("已汇总 summed up: " + ", ".join(told) if told else "无需办理 nothing to do")
