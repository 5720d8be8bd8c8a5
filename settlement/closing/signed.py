"""Did the right people sign what stands, and did what they signed leave the house unchanged? Four eyes proved from the rows."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from hashlib import sha256

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from settlement.closing import approving, bankfile
from settlement.closing.adjusting import PROPOSED
from settlement.closing.tables import (
    adjustments,
    bank_batches,
    payment_orders,
    quarter_approvals,
    quarter_closes,
    statement_questions,
    statements,
)
from settlement.findings import Finding
from settlement.periods import Quarter

SIGNED_STAGES = ("approved", "posted", "ordered", "exported", "paid")


def check(conn: Connection) -> list[Finding]:
    return [*_quarters(conn), *_statements(conn), *_questions(conn), *_adjustments(conn), *_batches(conn)]


def _quarters(conn: Connection) -> list[Finding]:
    """An approved quarter carries every signature for exactly what stands, each of another person, none of who drew it up."""
    found: list[Finding] = []
    q, a = quarter_closes.c, quarter_approvals.c
    for close in conn.execute(select(quarter_closes).where(q.stage.in_(SIGNED_STAGES)).order_by(q.quarter)).all():
        quarter = Quarter.parse(close.quarter)
        signatures = conn.execute(
            select(quarter_approvals).where(a.scheme_code == close.scheme_code, a.quarter == close.quarter)
        ).all()
        wrong = []
        if approving.needed(conn, close.scheme_code, quarter):
            wrong += [f"signature:{step}" for step in approving.due(conn, close.scheme_code, quarter)]
        several = Counter(row.officer for row in signatures)
        for row in signatures:
            total, digest = approving.content(conn, close.scheme_code, quarter, row.town)
            if several[row.officer] > 1 or (row.digest == digest and row.total_fen != total):
                wrong.append(f"signature:{row.step}{':' if row.town else ''}{row.town}")
        if wrong:
            found.append(
                Finding(
                    "quarter_not_signed",
                    f"quarter:{close.scheme_code}/{close.quarter}",
                    f"季度已{close.stage}，但审批签字缺失、重复或与现有数字不符",
                    f"the quarter is {close.stage}, but signatures are missing, twice of one person, or for other figures",
                    tuple(dict.fromkeys(wrong)),
                )
            )
    return found


def _statements(conn: Connection) -> list[Finding]:
    s = statements.c
    unsigned = or_(
        s.verified_by.is_(None),
        s.confirmed_by.is_(None),
        s.verified_by == s.drawn_by,
        s.confirmed_by == s.drawn_by,
        s.confirmed_by == s.verified_by,
    )
    query = select(s.id).where(s.status.in_(("confirmed", "closed")), unsigned).order_by(s.id)
    return [
        Finding(
            "statement_not_signed",
            f"statement:{id}",
            "结算单缺少由不同人员作出的镇街核实或区级确认",
            "the statement lacks the town's or the district's signature, or one person signed twice",
        )
        for id in conn.execute(query).scalars()
    ]


def _questions(conn: Connection) -> list[Finding]:
    """No office signed a statement while its own question stood."""
    s, q = statements.c, statement_questions.c

    def under(signed_at: ColumnElement[datetime | None]) -> ColumnElement[bool]:
        return and_(q.asked_at < signed_at, or_(q.closed_at.is_(None), q.closed_at > signed_at))

    town = and_(q.asked_role == "town", under(s.verified_at))
    district = and_(q.asked_role == "civil_affairs", under(s.confirmed_at))
    query = select(s.id, q.id.label("question")).join(statement_questions, q.statement_id == s.id)
    return [
        Finding(
            "signed_under_a_question",
            f"statement:{row.id}",
            "签字时，该单位提出的疑问还未了结",
            "an office signed the statement while a question of its own was open",
            (f"question:{row.question}",),
        )
        for row in conn.execute(query.where(or_(town, district)).order_by(s.id, q.id))
    ]


def _adjustments(conn: Connection) -> list[Finding]:
    a = adjustments.c
    unsigned = or_(a.approved_by.is_(None), a.approved_by == a.proposed_by, a.withdrawn_by.is_not(None))
    query = select(a.id).where(a.kind.in_(PROPOSED), a.quarter.is_not(None), unsigned).order_by(a.id)
    return [
        Finding(
            "adjustment_not_approved",
            f"adjustment:{id}",
            "已计入季度的调整没有第二人批准，或已撤回",
            "a quarter settles the adjustment, but no second person approved it, or it was withdrawn",
        )
        for id in conn.execute(query).scalars()
    ]


def _batches(conn: Connection) -> list[Finding]:
    """The orders of a batch still make the very file that went to the bank."""
    found: list[Finding] = []
    o = payment_orders.c
    for batch in conn.execute(select(bank_batches).order_by(bank_batches.c.id)).all():
        orders = conn.execute(select(payment_orders).where(o.batch_id == batch.id).order_by(o.id)).all()
        figures = (len(orders), sum(order.amount_fen for order in orders))
        data = bankfile.render(bankfile.load(batch.layout), batch, orders)
        if figures != (batch.orders, batch.total_fen) or sha256(data).hexdigest() != batch.sha256:
            found.append(
                Finding(
                    "batch_differs",
                    f"batch:{batch.id}",
                    "付款单与已导出的银行文件不符",
                    "its orders are no longer those of the file that was exported",
                    tuple(f"order:{order.id}" for order in orders),
                )
            )
    return found
