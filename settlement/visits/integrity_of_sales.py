"""Do the counters' sales say what their visits and debits say? One statement; part of ``integrity``."""

from __future__ import annotations

from sqlalchemy import Connection, and_, or_, select

from settlement.findings import Finding
from settlement.providers.tables import terminals
from settlement.visits.tables import counter_sales, debits, visits

s, d, v, t = counter_sales.c, debits.c, visits.c, terminals.c


def check(conn: Connection) -> list[Finding]:
    """Sold: a debit that stood, of its visit, as agreed to, for the terminal's provider. Declined: none that stood. Taken back: the visit is void."""
    sold = and_(
        d.agreed_fen == s.agreed_fen,
        d.agreed_personal_fen == s.agreed_personal_fen,
        d.consent == s.consent,
        d.provider_id == t.provider_id,
    )
    wrong = or_(
        and_(s.status == "sold", s.visit_id.is_(None)),
        and_(s.status == "sold", or_(d.id.is_(None), ~sold)),
        and_(s.status == "declined", d.id.is_not(None)),
        and_(s.taken_back_at.is_not(None), v.status != "void"),
    )
    query = (
        select(
            s.id, s.terminal_id, s.status, s.agreed_fen, s.visit_id, d.status.label("debit"), v.status.label("visit")
        )
        .select_from(
            counter_sales.join(terminals, t.id == s.terminal_id)
            .outerjoin(debits, and_(d.visit_id == s.id, d.status != "declined"))
            .outerjoin(visits, v.id == s.visit_id)
        )
        .where(wrong)
        .order_by(s.id)
    )
    return [
        Finding(
            "sale_differs",
            f"sale:{row.id}",
            f"柜台消费({row.status})同意{row.agreed_fen}分，与扣款({row.debit or '无'})或服务({row.visit or '无'})不符",
            f"the sale ({row.status}), agreed to {row.agreed_fen} fen, does not fit its debit ({row.debit or 'none'}) or visit "
            f"({row.visit or 'none'})",
            (f"terminal:{row.terminal_id}", f"debit:{row.id}", f"visit:{row.visit_id or row.id}"),
        )
        for row in conn.execute(query)
    ]
