"""Do a quarter's documents agree with the months' they were made of? Set-based; findings name each document and every record that disagrees.

Settlements from statements and adjustments; shares from the split; orders from the settlements; the personal parts' orders; what was carried.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, and_, case, exists, or_, select

from settlement.closing import ordering, sharing
from settlement.closing.recounting import records, total
from settlement.closing.tables import (
    adjustments,
    month_closes,
    payment_orders,
    personal_settlements,
    quarter_closes,
    settlement_shares,
    settlements,
    statements,
)
from settlement.findings import Finding
from settlement.outcomes import Refused
from settlement.periods import Month, Quarter
from settlement.policy import store

s, a = statements.c, adjustments.c
settled, share, order = settlements.c, settlement_shares.c, payment_orders.c


def check(conn: Connection) -> list[Finding]:
    return [
        *_settlements(conn),
        *_shares(conn),
        *_orders(conn),
        *_repeated(conn),
        *_personal(conn),
        *_carried(conn),
    ]


def _settlements(conn: Connection) -> list[Finding]:
    """Gross from the statements, the rest from the quarter's own adjustments; what a negative net leaves; no statement left behind."""
    same_s = and_(
        s.scheme_code == settled.scheme_code,
        s.quarter == settled.quarter,
        s.provider_id == settled.provider_id,
        s.town == settled.town,
    )
    same_a = and_(
        a.scheme_code == settled.scheme_code,
        a.quarter == settled.quarter,
        a.provider_id == settled.provider_id,
        a.town == settled.town,
        a.statement_id.is_(None),
    )
    gross = select(total(s.net_fen)).where(same_s).correlate(settlements).scalar_subquery()
    own = select(total(a.amount_fen)).where(same_a).correlate(settlements).scalar_subquery()
    receivable = case((settled.net_fen < 0, -settled.net_fen), else_=0)
    wrong = or_(
        settled.gross_fen != gross,
        settled.adjustments_fen != own,
        settled.net_fen != settled.gross_fen + settled.adjustments_fen,
        settled.receivable_fen != receivable,
    )
    query = select(settlements, gross.label("gross"), own.label("own")).where(wrong).order_by(settled.id)
    findings = [
        Finding(
            "settlement_differs",
            f"settlement:{row.id}",
            f"季度结算记月结{row.gross_fen}分、调整{row.adjustments_fen}分、净额{row.net_fen}分、应收{row.receivable_fen}分；"
            f"月结算单合计{row.gross}分、调整合计{row.own}分",
            f"the settlement says gross {row.gross_fen}, adjustments {row.adjustments_fen}, net {row.net_fen}, receivable "
            f"{row.receivable_fen} fen; its statements come to {row.gross}, its adjustments to {row.own}",
            _of_place(conn, row),
        )
        for row in conn.execute(query).all()
    ]
    gathered = exists().where(quarter_closes.c.scheme_code == s.scheme_code, quarter_closes.c.quarter == s.quarter)
    left = select(s.id, s.quarter).where(gathered, ~exists().where(same_s)).order_by(s.id)
    return findings + [
        Finding(
            "statement_not_settled",
            f"statement:{row.id}",
            f"未计入{row.quarter}的季度结算",
            f"left out of the settlements of {row.quarter}",
        )
        for row in conn.execute(left)
    ]


def _of_place(conn: Connection, row: Row[Any]) -> tuple[str, ...]:
    of_s = and_(
        s.scheme_code == row.scheme_code,
        s.quarter == row.quarter,
        s.provider_id == row.provider_id,
        s.town == row.town,
    )
    of_a = and_(
        a.scheme_code == row.scheme_code,
        a.quarter == row.quarter,
        a.provider_id == row.provider_id,
        a.town == row.town,
        a.statement_id.is_(None),
    )
    return records(conn, s.id, of_s, "statement") + records(conn, a.id, of_a, "adjustment")


def _by_settlement(conn: Connection) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for row in conn.execute(select(settlement_shares).order_by(share.settlement_id, share.position)):
        found[row.settlement_id][row.payer] = row.amount_fen
    return found


def _quarters(conn: Connection) -> Iterable[tuple[Row[Any], Quarter, list[Row[Any]]]]:
    for close in conn.execute(select(quarter_closes).order_by(quarter_closes.c.quarter)).all():
        of_quarter = (settled.scheme_code == close.scheme_code, settled.quarter == close.quarter)
        rows = conn.execute(select(settlements).where(*of_quarter).order_by(settled.id)).all()
        yield close, Quarter.parse(close.quarter), list(rows)


def _shares(conn: Connection) -> list[Finding]:
    """Every split done again, at the ratio of each period that something comes from."""
    findings: list[Finding] = []
    stored = _by_settlement(conn)
    for close, quarter, rows in _quarters(conn):
        if close.stage == "gathered":
            continue
        origins = sharing.by_origin_month(conn, close.scheme_code, quarter)
        for row in rows:
            try:
                groups = sharing.grouped(conn, row.scheme_code, row.town, origins.get((row.provider_id, row.town), {}))
            except Refused as refusal:
                findings.append(Finding("shares_differ", f"settlement:{row.id}", refusal.zh, refusal.en))
                continue
            right = sharing.summed(group.parts() for group in groups)
            found = stored.get(row.id, {})
            if right != found or sum(found.values()) != row.net_fen:
                findings.append(
                    Finding(
                        "shares_differ",
                        f"settlement:{row.id}",
                        f"净额{row.net_fen}分，分担{found}，应为{right}",
                        f"net {row.net_fen} fen, shares {found}, should be {right}",
                        tuple(f"share:{row.id}/{payer}" for payer in found if found[payer] != right.get(payer)),
                    )
                )
    return findings


def _orders(conn: Connection) -> list[Finding]:
    """The orders of a quarter, drawn up again from its settlements, against those that stand (of a repeated one, the last)."""
    findings: list[Finding] = []
    stored = _by_settlement(conn)
    for close, quarter, rows in _quarters(conn):
        if close.stage not in ("ordered", "exported", "paid"):
            continue
        rule = store.in_force(conn, close.scheme_code, quarter.months[-1]).funding.route.rule
        above = [(row, stored.get(row.id, {})) for row in rows if row.net_fen >= 0 and stored.get(row.id)]
        right = {
            (due.kind, due.settlement_id or "", due.payer, due.payee): due.amount_fen
            for due in ordering.route(rule, above)
            if due.amount_fen
        }
        of_quarter = (order.scheme_code == close.scheme_code, order.period == close.quarter)
        query = select(payment_orders).where(*of_quarter, order.kind != "personal", order.status != "reissued")
        standing: dict[tuple[str, str, str, str], list[Row[Any]]] = defaultdict(list)
        for found in conn.execute(query.order_by(order.id)):
            standing[found.kind, found.settlement_id or "", found.payer, found.payee].append(found)
        for key in sorted({*right, *standing}):
            ordered = sum(found.amount_fen for found in standing.get(key, []))
            if ordered != right.get(key, 0) or len(standing.get(key, [])) > 1:
                findings.append(_order_finding(close.quarter, key, right.get(key, 0), standing.get(key, [])))
    return findings


def _order_finding(quarter: str, key: tuple[str, str, str, str], due: int, found: list[Row[Any]]) -> Finding:
    _, settlement_id, payer, payee = key
    subject = (
        f"order:{found[0].id}" if found else f"settlement:{settlement_id}" if settlement_id else f"quarter:{quarter}"
    )
    amount = sum(row.amount_fen for row in found)
    records = tuple(f"order:{row.id}" for row in found) + ((f"settlement:{settlement_id}",) if settlement_id else ())
    return Finding(
        "order_differs",
        subject,
        f"{payer}→{payee}付款单{amount}分，应为{due}分",
        f"orders {payer} -> {payee} come to {amount} fen, should be {due}",
        records,
    )


def _repeated(conn: Connection) -> list[Finding]:
    """An order that repeats a returned one pays the same for the same."""
    first = payment_orders.alias("first")
    kept = ("kind", "settlement_id", "payer", "payee", "period", "amount_fen")
    differs = or_(*(order[name].is_distinct_from(first.c[name]) for name in kept))
    query = (
        select(order.id, order.amount_fen, first.c.id.label("first_id"), first.c.amount_fen.label("first_fen"))
        .join(first, first.c.id == order.replaces_id)
        .where(differs)
        .order_by(order.id)
    )
    return [
        Finding(
            "order_repeated_differs",
            f"order:{row.id}",
            f"重发的付款单{row.amount_fen}分，原单{row.first_fen}分",
            f"the repeated order is {row.amount_fen} fen, the returned one {row.first_fen}",
            (f"order:{row.first_id}",),
        )
        for row in conn.execute(query)
    ]


def _personal(conn: Connection) -> list[Finding]:
    """Personal settlements from the statements and the voids these carry; their orders."""
    p = personal_settlements.c
    same = and_(s.scheme_code == p.scheme_code, s.month == p.month, s.provider_id == p.provider_id)
    earned = select(total(s.personal_fen)).where(same).correlate(personal_settlements).scalar_subquery()
    voided = (
        select(total(a.personal_fen))
        .join(statements, s.id == a.statement_id)
        .where(same)
        .correlate(personal_settlements)
        .scalar_subquery()
    )
    wrong = or_(
        p.personal_fen != earned,
        p.voided_fen != voided,
        p.amount_fen != p.personal_fen + p.voided_fen + p.carried_fen,
        and_(p.amount_fen > 0, or_(order.id.is_(None), order.amount_fen != p.amount_fen)),
    )
    query = (
        select(personal_settlements, earned.label("earned"), voided.label("voided"), order.amount_fen.label("ordered"))
        .select_from(personal_settlements)
        .outerjoin(payment_orders, order.id == p.order_id)
        .where(wrong)
        .order_by(p.month, p.provider_id)
    )
    return [
        Finding(
            "personal_settlement_differs",
            f"personal:{row.scheme_code}/{row.month}/provider:{row.provider_id}",
            f"个人账户结算{row.personal_fen}{row.voided_fen:+}{row.carried_fen:+}={row.amount_fen}分，结算单为{row.earned}{row.voided:+}分，"
            f"付款单{row.ordered or 0}分",
            f"personal part {row.personal_fen}{row.voided_fen:+}{row.carried_fen:+}={row.amount_fen} fen; the statements say "
            f"{row.earned}{row.voided:+}, the order {row.ordered or 0}",
            (f"order:{row.order_id}",) if row.order_id else (),
        )
        for row in conn.execute(query)
    ]


def _carried(conn: Connection) -> list[Finding]:
    """What a month's personal settlement leaves below zero stands in the next month's; a closed month has one for each provider with own
    money on its statements, and no order of own money stands without one."""
    p, m = personal_settlements.c, month_closes.c
    kept = {(row.scheme_code, row.month, row.provider_id): row for row in conn.execute(select(personal_settlements))}
    closed = {tuple(row) for row in conn.execute(select(m.scheme_code, m.month).where(m.stage == "closed"))}
    due: dict[tuple[str, str, int], int] = {}
    for scheme_code, month, provider_id in conn.execute(
        select(s.scheme_code, s.month, s.provider_id).where(s.personal_fen != 0)
    ):
        due[scheme_code, month, provider_id] = 0
    for row in kept.values():
        if row.amount_fen < 0:
            due[row.scheme_code, str(Month.parse(row.month).next()), row.provider_id] = row.amount_fen
    findings = []
    for key in sorted({*kept, *(key for key in due if key[:2] in closed)}):
        carried, right = kept[key].carried_fen if key in kept else None, due.get(key, 0)
        if carried != right:
            findings.append(
                Finding(
                    "personal_settlement_differs",
                    f"personal:{key[0]}/{key[1]}/provider:{key[2]}",
                    f"个人账户结算{'缺失' if carried is None else f'结转{carried}分'}，应结转{right}分",
                    f"the personal settlement {'is missing' if carried is None else f'carries {carried} fen'}, it should carry {right}",
                )
            )
    backed = exists().where(p.order_id == order.id)
    unbacked = select(order.id).where(order.kind == "personal", order.replaces_id.is_(None), ~backed)
    return findings + [
        Finding(
            "order_without_settlement",
            f"order:{id}",
            "付款单没有对应的个人账户结算",
            "no personal settlement stands behind the order",
        )
        for id in conn.execute(unbacked.order_by(order.id)).scalars()
    ]
