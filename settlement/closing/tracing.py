"""Any number somebody holds in hand, to what stands behind it: documents (:mod:`explain`), transfers, records of devices, work orders, issuance runs,
cards, people. Seniors and caregivers appear by number only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Row, Table, func, or_, select

from settlement.cards.tables import cards, media
from settlement.closing import explain_visit
from settlement.closing.explain import DEFAULT_LIMIT, explain
from settlement.closing.explain_visit import Node, yuan
from settlement.closing.tables import adjustments, payment_orders, settlements, statements
from settlement.keys import KeyRing
from settlement.ledger.tables import accounts, transfers
from settlement.outcomes import Reason, Refused
from settlement.people.register import ID_NO
from settlement.people.tables import entitlements, seniors
from settlement.visits.tables import debits, door_events, visits, work_orders
from settlement.vouchers.tables import issuance_drops, issuance_lines, issuance_runs

DOCUMENTS: dict[str, Table] = {
    "order": payment_orders,
    "settlement": settlements,
    "statement": statements,
    "debit": debits,
    "visit": visits,
    "adjustment": adjustments,
}
OTHERS: dict[str, Table] = {
    "transfer": transfers,
    "event": door_events,
    "work_order": work_orders,
    "run": issuance_runs,
    "card": cards,
    "senior": seniors,
}
NUMBERED = ("card", "senior")
"""Whose ids are plain numbers, which mean nothing without the kind before them."""


def find(conn: Connection, ring: KeyRing, text: str) -> str:
    """What somebody typed, as ``kind:id``: an id with or without its kind, a card's printed number, an identity number. Raises Refused(NOT_FOUND)."""
    text = text.strip()
    kind, _, rest = text.partition(":")
    if kind in DOCUMENTS or kind in OTHERS:
        if _row(conn, kind, rest) is not None:
            return text
    else:
        for known in (*DOCUMENTS, *OTHERS):
            if known not in NUMBERED and _row(conn, known, text) is not None:
                return f"{known}:{text}"
        person = select(seniors.c.id).where(seniors.c.id_no_index == _index(ring, text))
        card = select(media.c.card_id).where(media.c.card_no == text)
        for named, query in (("card", card), ("senior", person)):
            found = conn.execute(query).scalar_one_or_none()
            if found is not None:
                return f"{named}:{found}"
    raise Refused(Reason.NOT_FOUND, what="")


def trace(conn: Connection, what: str, limit: int = DEFAULT_LIMIT) -> Node:
    """What stands behind ``kind:id``. Raises Refused(NOT_FOUND)."""
    kind, _, id = what.partition(":")
    if kind in DOCUMENTS:
        return explain(conn, what, limit)
    row = _row(conn, kind, id) if kind in OTHERS else None
    if row is None:
        raise Refused(Reason.NOT_FOUND, what="")
    tell: dict[str, Callable[[Connection, Row[Any], int], Node]] = {
        "transfer": _transfer,
        "event": _event,
        "work_order": _work_order,
        "run": _run,
        "card": _card,
        "senior": _senior,
    }
    return tell[kind](conn, row, limit)


def _row(conn: Connection, kind: str, id: str) -> Row[Any] | None:
    table = (DOCUMENTS | OTHERS)[kind]
    if kind in NUMBERED:
        if not id.isdecimal() or len(id) > 15:
            return None
        return conn.execute(select(table).where(table.c.id == int(id))).one_or_none()
    return conn.execute(select(table).where(table.c.id == id)).one_or_none()


def _index(ring: KeyRing, text: str) -> str:
    return ring.index(text.upper(), ID_NO) if len(text) == 18 else ""


def _transfer(conn: Connection, row: Row[Any], limit: int) -> Node:
    sides = (row.debit_account_id, row.credit_account_id)
    both = select(accounts.c.id, accounts.c.code, accounts.c.owner).where(accounts.c.id.in_(sides))
    names = {each.id: f"{each.code} {each.owner}" for each in conn.execute(both)}
    facts = {"金额 amount": yuan(row.amount), "从 from": names[row.debit_account_id]}
    facts |= {"到 to": names[row.credit_account_id], "类型 code": row.code, "单据 document": row.reference}
    facts |= {
        "发生 occurred": row.occurred_at,
        "入账日 effective": str(row.effective_on),
        "记录 recorded": row.recorded_at,
    }
    if row.reverses_id:
        facts["冲正 takes back"] = row.reverses_id
    kind = row.reference.partition(":")[0]
    behind = _behind(conn, row.reference, limit) if kind in DOCUMENTS else ()
    return Node("transfer", row.id, "分录", "transfer", facts, behind)


def _behind(conn: Connection, reference: str, limit: int) -> tuple[Node, ...]:
    try:
        return (explain(conn, reference, limit),)
    except Refused:
        return ()


def _event(conn: Connection, row: Row[Any], limit: int) -> Node:
    facts = {"类型 kind": row.kind, "设备时间 occurred": row.occurred_at, "收到 received": row.received_at}
    facts |= {"设备 device": f"{row.device_id} #{row.counter}", "结果 result": row.reason or row.status}
    if row.decided_by:
        facts |= {"核定 decided": row.decided_by, "时间 at": row.decided_at}
    below = tuple(explain_visit.nodes(conn, [row.visit_id])) if row.visit_id else ()
    return Node("event", row.id, "上门凭据", "signed event", facts, below)


def _work_order(conn: Connection, row: Row[Any], limit: int) -> Node:
    facts = {
        "镇街 town": row.town,
        "服务商 provider": f"provider:{row.provider_id}",
        "老人 senior": f"senior:{row.senior_id}",
    }
    facts |= {"计划 planned": row.planned_start, "分钟 minutes": row.planned_minutes, "项目 items": row.items}
    facts |= {"来由 origin": row.origin, "状态 status": row.status}
    v = visits.c
    ids = conn.execute(select(v.id).where(v.order_id == row.id).order_by(v.check_in_at).limit(limit)).scalars().all()
    return Node("work_order", row.id, "工单", "work order", facts, tuple(explain_visit.nodes(conn, ids)))


def _run(conn: Connection, row: Row[Any], limit: int) -> Node:
    facts = {"镇街 town": row.town, "月份 month": row.month, "人数 people": row.people, "金额 amount": yuan(row.amount)}
    facts |= {"状态 status": row.status, "起草 drafted": f"{row.drafted_by}", "批准 approved": row.approved_by}
    facts |= {"入账 posted": row.posted_at, "方案 scheme": f"{row.scheme_code} {row.scheme_version}"}
    line, e = issuance_lines.c, entitlements.c
    number, total = func.count(), func.sum(line.amount)
    groups = (
        select(e.benefit, e.level, e.clause, line.change, number.label("people"), total.label("fen"))
        .join(entitlements, e.id == line.entitlement_id)
        .where(line.run_id == row.id)
        .group_by(e.benefit, e.level, e.clause, line.change)
        .order_by(e.benefit, e.level, line.change)
    )
    children = [
        Node(
            "group",
            f"{each.benefit} {'' if each.level is None else each.level}".strip(),
            "发放",
            "issued",
            {
                "人数 people": each.people,
                "金额 amount": yuan(int(each.fen)),
                "变化 change": each.change,
                "依据 clause": each.clause,
            },
        )
        for each in conn.execute(groups)
    ]
    x = issuance_drops.c
    dropped = select(x.reason, func.count().label("people")).where(x.run_id == row.id).group_by(x.reason)
    children += [
        Node("drop", each.reason, "不再发放", "no longer paid", {"人数 people": each.people})
        for each in conn.execute(dropped.order_by(x.reason))
    ]
    given = {name: value for name, value in facts.items() if value is not None}
    return Node("run", row.id, "发放单", "issuance run", given, tuple(children))


def _card(conn: Connection, row: Row[Any], limit: int) -> Node:
    facts: dict[str, Any] = {
        "老人 senior": f"senior:{row.senior_id}",
        "状态 status": row.status,
        "启用 activated": row.activated_at,
    }
    if row.frozen_from:
        facts |= {"冻结于 frozen": row.frozen_from, "原因 reason": row.freeze_reason}
    a = accounts.c
    purses = select(a.code, a.lot, a.balance).where(or_(a.owner == f"card:{row.id}", a.id == row.subsidy_account_id))
    children = [
        Node("purse", f"{each.code} {each.lot}".strip(), "账户", "purse", {"余额 balance": yuan(each.balance)})
        for each in conn.execute(purses.order_by(a.code, a.lot))
    ]
    d = debits.c
    latest = select(debits).where(d.card_id == row.id).order_by(d.occurred_at.desc(), d.id).limit(limit)
    for each in conn.execute(latest).all():
        what = {"时间 at": each.occurred_at, "合计 total": yuan(each.total_fen), "补贴 subsidy": yuan(each.subsidy_fen)}
        children.append(Node("debit", each.id, "扣款", "debit", what | {"状态 status": each.status}))
    return Node("card", str(row.id), "卡片", "card", facts, tuple(children))


def _senior(conn: Connection, row: Row[Any], limit: int) -> Node:
    facts: dict[str, Any] = {"镇街 town": row.town, "村社区 village": row.village, "状态 status": row.status}
    if row.died_on or row.left_on:
        facts["自 since"] = str(row.died_on or row.left_on)
    e, line = entitlements.c, issuance_lines.c
    children = []
    for each in conn.execute(select(entitlements).where(e.senior_id == row.id).order_by(e.from_month, e.id)):
        what = {"每月 a month": yuan(each.amount), "自 from": each.from_month, "至 to": each.to_month or "—"}
        what |= {"能力等级 level": each.level, "来由 reason": each.reason, "依据 clause": each.clause}
        children.append(
            Node("entitlement", each.benefit, "补贴标准", "entitlement", what | {"说明 why": each.explanation})
        )
    paid = select(issuance_lines).where(line.senior_id == row.id).order_by(line.month.desc()).limit(limit)
    for each in conn.execute(paid):
        what = {"金额 amount": yuan(each.amount), "变化 change": each.change}
        children.append(Node("run", each.run_id, "发放单", "issuance run", what | {"月份 month": each.month}))
    card = conn.execute(select(cards).where(cards.c.senior_id == row.id)).one_or_none()
    if card is not None:
        children.append(_card(conn, card, limit))
    return Node("senior", str(row.id), "老人", "senior", facts, tuple(children))
