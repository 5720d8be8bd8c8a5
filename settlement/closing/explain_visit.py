"""The bottom of an explanation: visits with their items, debits, ledger transfers, door events and the clauses that apply. Read in bulk."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from settlement.ledger.tables import accounts, transfers
from settlement.money import format_yuan
from settlement.periods import Month
from settlement.policy import store
from settlement.policy.scheme import Scheme
from settlement.policy.tables import price_lists
from settlement.visits import confirming, evidence
from settlement.visits.tables import (
    counter_sales,
    debits,
    door_events,
    payment_stops,
    visit_corrections,
    visit_lines,
    visits,
)
from settlement.visits.words import CORRECTION_REASONS, EVIDENCE_FLAGS, VISIT_STATUS, VOID_REASONS

BATCH = 500


@dataclass(frozen=True)
class Node:
    """One thing in an explanation. ``facts``: what is said about it, by label; times are aware datetimes, amounts are written out."""

    kind: str
    id: str
    zh: str
    en: str
    facts: dict[str, Any] = field(default_factory=dict)
    children: tuple[Node, ...] = ()


def yuan(fen: int) -> str:
    return f"{format_yuan(fen)}元"


def cited(scheme: Scheme, *keys: str) -> list[str]:
    """The clauses behind rules, each once."""
    return list(dict.fromkeys(scheme.clause(key).zh for key in keys))


def nodes(conn: Connection, visit_ids: Sequence[str]) -> list[Node]:
    """A node per visit, in the order asked."""
    found: dict[str, Node] = {}
    for start in range(0, len(visit_ids), BATCH):
        batch = visit_ids[start : start + BATCH]
        rows = conn.execute(select(visits).where(visits.c.id.in_(batch))).all()
        below, proofs = _below(conn, batch), evidence.of_many(conn, batch)
        for row in rows:
            found[row.id] = _node(conn, row, proofs[row.id], tuple(below[row.id]))
    return [found[id] for id in visit_ids if id in found]


def _below(conn: Connection, ids: Sequence[str]) -> dict[str, list[Node]]:
    below: dict[str, list[Node]] = defaultdict(list)
    line, event, d, stop, prices = visit_lines.c, door_events.c, debits.c, payment_stops.c, price_lists.c
    correction = visit_corrections.c
    lines = select(visit_lines, prices.version).outerjoin(price_lists, prices.id == line.price_list_id)
    for row in conn.execute(lines.where(line.visit_id.in_(ids)).order_by(line.visit_id, line.no)):
        facts = {
            "数量 quantity": row.quantity,
            "单价 price": yuan(row.unit_price_fen),
            "小计 amount": yuan(row.amount_fen),
        }
        facts |= {"价目表 price list": row.version or row.price_list_id}
        if row.device_amount_fen is not None:
            facts["设备金额 device said"] = yuan(row.device_amount_fen)
        below[row.visit_id].append(Node("line", row.item_code, "项目", "item", facts))
    for row in conn.execute(select(debits).where(d.visit_id.in_(ids)).order_by(d.occurred_at, d.id)).all():
        below[row.visit_id].append(debit_node(conn, row))
    events: Select[Any] = select(door_events).where(event.visit_id.in_(ids))
    for row in conn.execute(events.order_by(event.device_id, event.counter)):
        facts = {"类型 kind": row.kind, "设备时间 occurred": row.occurred_at, "收到 received": row.received_at}
        facts |= {"设备 device": f"{row.device_id} #{row.counter}", "结果 result": _result(row)}
        below[row.visit_id].append(Node("event", row.id, "上门凭据", "signed event", facts))
    asked = select(visit_corrections).where(correction.visit_id.in_(ids)).order_by(correction.id)
    for row in conn.execute(asked):
        below[row.visit_id].append(_correction(row))
    sale = counter_sales.c
    for row in conn.execute(select(counter_sales).where(sale.visit_id.in_(ids)).order_by(sale.id)):
        facts = {"终端 terminal": row.terminal_id, "收到 received": row.recorded_at, "离线 offline": row.offline}
        if row.taken_back_how is not None:
            facts["退回 taken back"] = row.taken_back_how
        below[row.visit_id].append(Node("sale", row.id, "柜台消费", "counter sale", facts))
    for row in conn.execute(select(payment_stops).where(stop.visit_id.in_(ids)).order_by(stop.id)):
        facts = {
            "来源 source": row.source,
            "状态 status": row.status,
            "提出 placed": row.placed_by,
            "处理 decided": row.decided_by,
        }
        below[row.visit_id].append(
            Node("stop", str(row.id), "暂缓支付", "payment stop", facts | {"依据 detail": row.detail})
        )
    return below


def _told(proof: evidence.Evidence) -> str:
    """How each end was told, how far from the address and how exactly, and what that proves."""
    ends = []
    for end in (proof.begin, proof.end):
        if end is not None:
            place = "" if end.distance_m is None else f" {end.distance_m}±{end.accuracy_m or 0}米"
            ends.append(f"{end.zh}{place}")
    flags = "、".join(EVIDENCE_FLAGS[flag].zh for flag in proof.flags)
    grade = {"strong": "强 strong", "weak": "弱 weak"}[proof.grade]
    return f"{' → '.join(ends)}；{grade}" + (f"；{flags}" if flags else "")


def _result(row: Row[Any]) -> str:
    """A kept record's outcome; where it made a void visit, why."""
    reason = VOID_REASONS.get(row.reason)
    return row.reason or row.status if reason is None else f"{reason.zh} {reason.en}"


def _correction(row: Row[Any]) -> Node:
    reason = CORRECTION_REASONS[row.reason]
    facts = {"原因 reason": f"{reason.zh} {reason.en}", "签到 in": row.check_in_at, "签退 out": row.check_out_at}
    facts |= {"状态 status": row.status, "提出 proposed": row.proposed_by, "处理 decided": row.decided_by}
    given = {name: value for name, value in facts.items() if value is not None}
    return Node("correction", str(row.id), "时间更正", "correction of times", given)


def _node(conn: Connection, row: Row[Any], proof: evidence.Evidence, below: tuple[Node, ...]) -> Node:
    scheme = store.in_force(conn, row.scheme_code, Month.parse(row.month))
    status = VISIT_STATUS[row.status]
    facts = {"月份 month": row.month, "镇街 town": row.town, "服务商 provider": f"provider:{row.provider_id}"}
    facts |= {"老人 senior": f"senior:{row.senior_id}", "服务人员 caregiver": f"caregiver:{row.caregiver_id}"}
    facts |= {"签到 in": row.check_in_at, "签退 out": row.check_out_at, "凭据 proof": _told(proof)}
    if row.seconds is not None:
        facts["时长 duration"] = f"{row.seconds // 60}分{row.seconds % 60}秒"
    facts["状态 status"] = f"{status.zh} {status.en}"
    if row.void_reason is not None:
        reason = VOID_REASONS[row.void_reason]
        facts["废单原因 void"] = f"{reason.zh} {reason.en}"
    rules = ["visits.duration", "purses.order", "purses.yearly_cap"]
    facts["依据 clause"] = cited(scheme, *(["visits.void", *rules] if row.status == "void" else rules))
    given = {name: value for name, value in facts.items() if value is not None}
    return Node("visit", row.id, "上门服务", "visit", given, below)


def debit_node(conn: Connection, row: Row[Any]) -> Node:
    """A debit with its split and the transfers that moved it, contra entries included."""
    facts = {"时间 at": row.occurred_at, "合计 total": yuan(row.total_fen), "补贴 subsidy": yuan(row.subsidy_fen)}
    facts |= {"个人 personal": yuan(row.personal_fen), "现金 cash": yuan(row.cash_fen), "状态 status": row.status}
    if row.shortfall_fen:
        facts["服务商承担 provider bears"] = yuan(row.shortfall_fen)
    if row.decline_reason:
        facts["拒绝原因 declined"] = row.decline_reason
    facts["同意方式 consent"] = row.consent
    said = [_answer(each) for each in confirming.said_of(conn, [row.id]).get(row.id, [])]
    return Node("debit", row.id, "扣款", "debit", facts, (*_transfers(conn, f"debit:{row.id}"), *said))


def _answer(row: Row[Any]) -> Node:
    who = {"holder": "本人 holder", "agent": "代理人 agent"}[row.by]
    facts = {"谁 who": who, "答复 answer": {"yes": "同意 yes", "no": "不同意 no"}[row.answer]}
    facts |= {"凭 by": row.how, "时间 at": row.said_at}
    return Node("answer", f"{row.debit_id}/{row.by}", "事后答复", "answer afterwards", facts)


def _transfers(conn: Connection, reference: str) -> list[Node]:
    t, source, target = transfers.c, accounts.alias("source"), accounts.alias("target")
    query = (
        select(
            t.id, t.code, t.amount, t.effective_on, source.c.code.label("from_code"), source.c.owner.label("from_owner")
        )
        .add_columns(target.c.code.label("to_code"), target.c.owner.label("to_owner"))
        .join(source, source.c.id == t.debit_account_id)
        .join(target, target.c.id == t.credit_account_id)
        .where(t.reference == reference)
        .order_by(t.seq)
    )
    return [
        Node(
            "transfer",
            row.id,
            "分录",
            "transfer",
            {
                "金额 amount": yuan(row.amount),
                "从 from": f"{row.from_code} {row.from_owner}",
                "到 to": f"{row.to_code} {row.to_owner}",
                "类型 code": row.code,
                "入账日 effective": str(row.effective_on),
            },
        )
        for row in conn.execute(query)
    ]
