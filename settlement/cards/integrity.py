"""Own money proved from the rows: each transaction of the card operator has exactly its transfer, and the other way round."""

from __future__ import annotations

from sqlalchemy import Connection, String, and_, case, cast, literal, or_, select

from settlement.cards.tables import top_ups
from settlement.findings import Finding
from settlement.ledger import chart
from settlement.ledger.tables import accounts, transfers

x, t = top_ups.c, transfers.c

_ITS_TRANSFER = and_(t.reference == literal("topup:") + x.id, t.code == x.kind)


def check(conn: Connection) -> list[Finding]:
    """Every difference; an empty list means that own money proves itself. Only reads."""
    purse, trust = accounts.alias("purse"), accounts.alias("trust")
    in_ = x.kind == "top_up"
    wrong = or_(
        t.id.is_(None),
        t.amount != x.amount_fen,
        purse.c.code != chart.CARD_PERSONAL,
        purse.c.owner != literal("card:") + cast(x.card_id, String),
        trust.c.code != chart.OPERATOR_TRUST,
    )
    query = (
        select(x.id, x.kind, x.card_id, x.amount_fen, t.amount, t.id.label("transfer"))
        .select_from(top_ups)
        .outerjoin(transfers, _ITS_TRANSFER)
        .outerjoin(purse, purse.c.id == case((in_, t.credit_account_id), else_=t.debit_account_id))
        .outerjoin(trust, trust.c.id == case((in_, t.debit_account_id), else_=t.credit_account_id))
        .where(wrong)
        .order_by(x.id)
    )
    differs = [
        Finding(
            "top_up_differs",
            f"card:{row.card_id}",
            f"市民卡流水{row.id}（{row.kind}）{row.amount_fen}分，账上为{row.amount}分",
            f"the operator's transaction {row.id} ({row.kind}) is {row.amount_fen} fen, the ledger moved {row.amount}",
            (f"top_up:{row.id}", f"transfer:{row.transfer or 'missing'}"),
        )
        for row in conn.execute(query)
    ]
    return differs + _strays(conn)


def _strays(conn: Connection) -> list[Finding]:
    """Own money moved in the ledger without a transaction of the operator."""
    stray = select(t.id, t.amount).outerjoin(top_ups, _ITS_TRANSFER)
    query = stray.where(t.code.in_(("top_up", "refund")), x.id.is_(None)).order_by(t.id)
    return [
        Finding(
            "top_up_stray",
            f"transfer:{row.id}",
            f"账上有个人账户{row.amount}分的收付，没有对应的市民卡流水",
            f"the ledger moved {row.amount} fen of own money without a transaction of the card operator",
            (f"transfer:{row.id}",),
        )
        for row in conn.execute(query)
    ]
