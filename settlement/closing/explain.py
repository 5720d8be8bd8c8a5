"""Why this amount: from a payment order, settlement, statement, debit or visit down to debits, visits, evidence and clauses, and back up.

The answer is a tree of plain data for screens and programs alike; :func:`as_tree` prints it. Seniors and caregivers appear by number only.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from rich.markup import escape
from rich.tree import Tree
from sqlalchemy import Connection, Row, Table, func, select

from settlement.closing import explain_visit
from settlement.closing.adjusting import KINDS
from settlement.closing.explain_visit import Node, cited, yuan
from settlement.closing.tables import (
    adjustments,
    exclusions,
    payment_orders,
    quarter_approvals,
    settlement_shares,
    settlements,
    statement_lines,
    statements,
)
from settlement.outcomes import Reason, Refused
from settlement.periods import SHANGHAI
from settlement.policy import store
from settlement.visits.tables import debits, visits

DEFAULT_LIMIT = 20
"""Visits shown per statement; the rest is counted."""


def explain(conn: Connection, id: str, limit: int = DEFAULT_LIMIT) -> Node:
    """What stands behind a document, by its id (``order:…``, ``visit:…`` or the bare id). Raises Refused(NOT_FOUND)."""
    kind, _, rest = id.partition(":")
    known: dict[str, tuple[Table, Callable[[Connection, Row[Any], int], Node]]] = {
        "order": (payment_orders, _order),
        "settlement": (settlements, _settlement),
        "statement": (statements, _statement),
        "debit": (debits, _debit),
        "visit": (visits, _visit),
        "adjustment": (adjustments, lambda conn, row, limit: _adjustment(row)),
    }
    asked = {kind: known[kind]} if kind in known else known
    bare = rest if kind in known else id
    for table, tell in asked.values():
        row = conn.execute(select(table).where(table.c.id == bare)).one_or_none()
        if row is not None:
            return tell(conn, row, limit)
    raise Refused(Reason.NOT_FOUND, what=id)


def as_tree(node: Node, into: Tree | None = None) -> Tree:
    """The tree as text for a terminal."""
    facts = "  ".join(f"[dim]{escape(name)}[/dim] {escape(_said(value))}" for name, value in node.facts.items())
    label = f"[bold]{escape(node.zh)}[/bold] [dim]{escape(node.en)}[/dim] {escape(node.id)}\n{facts}".strip()
    tree = Tree(label) if into is None else into.add(label)
    for child in node.children:
        as_tree(child, tree)
    return tree


def _said(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(SHANGHAI).isoformat(timespec="seconds")
    if isinstance(value, list | tuple):
        return "；".join(str(one) for one in value)
    return "" if value is None else str(value)


def _order(conn: Connection, row: Row[Any], limit: int) -> Node:
    words = {
        "provider": ("付款单（给服务商）", "payment order to a provider"),
        "transfer": ("付款单（分担资金）", "transfer between payers"),
        "personal": ("付款单（个人账户）", "personal part"),
    }
    zh, en = words[row.kind]
    facts: dict[str, Any] = {"付款人 payer": row.payer, "收款人 payee": row.payee, "金额 amount": yuan(row.amount_fen)}
    facts |= {"状态 status": row.status, "批次 batch": row.batch_id, "银行流水 reference": row.bank_reference}
    facts |= {"退回原因 returned": row.return_reason, "重发自 repeats": row.replaces_id}
    o = payment_orders.c
    facts["重发为 repeated as"] = conn.execute(select(o.id).where(o.replaces_id == row.id)).scalar_one_or_none()
    given = {name: value for name, value in facts.items() if value is not None}
    return Node("order", row.id, zh, en, given, tuple(_behind_order(conn, row, limit)))


def _behind_order(conn: Connection, row: Row[Any], limit: int) -> list[Node]:
    s, m = settlements.c, statements.c
    if row.settlement_id is not None:
        behind = select(settlements).where(s.id == row.settlement_id)
        return [_settlement(conn, found, limit) for found in conn.execute(behind).all()]
    if row.kind == "transfer":
        behind = select(settlements).where(
            s.scheme_code == row.scheme_code, s.quarter == row.period, s.town == row.town, s.net_fen > 0
        )
        # The provider's visits are explained under the order to the provider; here the shares are what counts.
        return [_settlement(conn, found, 0) for found in conn.execute(behind.order_by(s.provider_id)).all()]
    provider_id = int(row.payee.partition(":")[2])
    monthly = select(statements).where(
        m.scheme_code == row.scheme_code, m.month == row.period, m.provider_id == provider_id
    )
    return [_statement(conn, found, limit) for found in conn.execute(monthly.order_by(m.id)).all()]


def _settlement(conn: Connection, row: Row[Any], limit: int) -> Node:
    m, a, h, q = statements.c, adjustments.c, settlement_shares.c, quarter_approvals.c
    scheme = store.get(conn, row.scheme_code, row.scheme_version)
    facts = {"镇街 town": row.town, "服务商 provider": f"provider:{row.provider_id}"}
    facts |= {"月结合计 gross": yuan(row.gross_fen), "调整 adjustments": yuan(row.adjustments_fen)}
    facts |= {"净额 net": yuan(row.net_fen), "方案 scheme": f"{row.scheme_code} {row.scheme_version}"}
    if row.receivable_fen:
        facts["结转应收 carried"] = yuan(row.receivable_fen)
    shares = conn.execute(select(settlement_shares).where(h.settlement_id == row.id).order_by(h.position)).all()
    parts = {f"{share.payer} ({share.weight})": yuan(share.amount_fen) for share in shares}
    own_ratio = any(entry.town == row.town for entry in scheme.funding.towns)
    rule = f"towns.{row.town}" if own_ratio else f"shares.{scheme.funding.shares[0].payer}"
    basis = cited(scheme, f"funding.{rule}", "funding.route")
    children = [Node("shares", row.id, "分担", "shares", parts | {"依据 clause": basis})]
    own = select(adjustments).where(
        a.quarter == row.quarter, a.provider_id == row.provider_id, a.town == row.town, a.statement_id.is_(None)
    )
    children += [
        _adjustment(found) for found in conn.execute(own.where(a.scheme_code == row.scheme_code).order_by(a.id))
    ]
    monthly = select(statements).where(
        m.scheme_code == row.scheme_code, m.quarter == row.quarter, m.provider_id == row.provider_id, m.town == row.town
    )
    children += [_statement(conn, found, limit) for found in conn.execute(monthly.order_by(m.month)).all()]
    signed = select(quarter_approvals).where(
        q.scheme_code == row.scheme_code, q.quarter == row.quarter, q.town.in_((row.town, ""))
    )
    for found in conn.execute(signed.order_by(q.at)).all():
        what = {"签批人 officer": found.officer, "时间 at": found.at, "金额 total": yuan(found.total_fen)}
        children.append(Node("approval", found.step, "签批", "approval", what))
    return Node("settlement", row.id, "季度资金结算", "fund settlement", facts, tuple(children))


def _statement(conn: Connection, row: Row[Any], limit: int) -> Node:
    line, a, x = statement_lines.c, adjustments.c, exclusions.c
    scheme = store.get(conn, row.scheme_code, row.scheme_version)
    facts: dict[str, Any] = {"月份 month": row.month, "服务 visits": row.visits, "补贴 subsidy": yuan(row.subsidy_fen)}
    facts |= {"个人 personal": yuan(row.personal_fen), "调整 adjustments": yuan(row.adjustments_fen)}
    facts |= {"净额 net": yuan(row.net_fen), "状态 status": row.status}
    if row.verified_by:
        facts["核实 verified"] = f"{row.verified_by} {_said(row.verified_at)}"
    if row.confirmed_by:
        facts["确认 confirmed"] = f"{row.confirmed_by} {_said(row.confirmed_at)}"
    facts["依据 clause"] = cited(scheme, "cycles.settle")
    children = [
        _adjustment(found) for found in conn.execute(select(adjustments).where(a.statement_id == row.id).order_by(a.id))
    ]
    ids = select(line.visit_id).where(line.statement_id == row.id).order_by(line.visit_id).limit(limit)
    shown = list(conn.execute(ids).scalars())
    children += explain_visit.nodes(conn, shown)
    if row.visits > len(shown):
        more = {"补贴 subsidy": yuan(row.subsidy_fen)}
        rest = row.visits - len(shown)
        children.append(Node("more", row.id, f"另有{rest}次服务", f"{rest} more visits", more if not shown else {}))
    kept_out = (
        select(x.reason, func.count().label("visits"), func.sum(x.subsidy_fen).label("fen"))
        .join(visits, visits.c.id == x.visit_id)
        .where(x.scheme_code == row.scheme_code, x.month == row.month)
        .where(visits.c.provider_id == row.provider_id, visits.c.town == row.town)
        .group_by(x.reason)
        .order_by(x.reason)
    )
    for found in conn.execute(kept_out):
        what = {"服务 visits": found.visits, "补贴 subsidy": yuan(int(found.fen))}
        children.append(Node("kept_out", found.reason, "未列入", "kept out", what))
    return Node("statement", row.id, "月结算单", "statement", facts, tuple(children))


def _adjustment(row: Row[Any]) -> Node:
    zh, en = KINDS[row.kind]
    facts = {"金额 amount": yuan(row.amount_fen), "来自 origin": row.origin_month, "原因 reason": row.reason}
    facts |= {"服务 visit": row.visit_id, "提出 proposed": row.proposed_by, "批准 approved": row.approved_by}
    return Node("adjustment", row.id, zh, en, {name: value for name, value in facts.items() if value is not None})


def _debit(conn: Connection, row: Row[Any], limit: int) -> Node:
    (visit,) = explain_visit.nodes(conn, [row.visit_id])
    own = explain_visit.debit_node(conn, row)
    return Node(own.kind, own.id, own.zh, own.en, own.facts, (*own.children, visit, *_up(conn, row.visit_id)))


def _visit(conn: Connection, row: Row[Any], limit: int) -> Node:
    (node,) = explain_visit.nodes(conn, [row.id])
    return Node(node.kind, node.id, node.zh, node.en, node.facts, (*node.children, *_up(conn, row.id)))


def _up(conn: Connection, visit_id: str) -> list[Node]:
    """The way up: the statement that pays the visit, its settlement, the orders; and what took it back or kept it out."""
    line, m, s, o, a, x = (
        table.c for table in (statement_lines, statements, settlements, payment_orders, adjustments, exclusions)
    )
    nodes: list[Node] = []
    for found in conn.execute(select(exclusions).where(x.visit_id == visit_id).order_by(x.month, x.reason)).all():
        nodes.append(Node("kept_out", found.reason, f"{found.month}未列入", f"kept out of {found.month}", found.detail))
    nodes += [_adjustment(found) for found in conn.execute(select(adjustments).where(a.visit_id == visit_id))]
    query = select(statements).join(statement_lines, line.statement_id == m.id).where(line.visit_id == visit_id)
    statement = conn.execute(query).one_or_none()
    if statement is None:
        return nodes
    settled = conn.execute(
        select(settlements).where(
            s.scheme_code == statement.scheme_code,
            s.quarter == statement.quarter,
            s.provider_id == statement.provider_id,
            s.town == statement.town,
        )
    ).one_or_none()
    above: tuple[Node, ...] = ()
    if settled is not None:
        paid = conn.execute(select(payment_orders).where(o.settlement_id == settled.id).order_by(o.id)).all()
        orders = tuple(
            Node(
                "order",
                found.id,
                "付款单",
                "payment order",
                {"金额 amount": yuan(found.amount_fen), "付款人 payer": found.payer, "状态 status": found.status},
            )
            for found in paid
        )
        net = {"净额 net": yuan(settled.net_fen)}
        above = (Node("settlement", settled.id, "季度资金结算", "fund settlement", net, orders),)
    paid_by = {"月份 month": statement.month, "净额 net": yuan(statement.net_fen), "状态 status": statement.status}
    return [*nodes, Node("statement", statement.id, "列入月结算单", "paid by statement", paid_by, above)]
