"""What a run of issuance comes to, before anybody approves it: by reason of change, by benefit, and beside the month before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, Select, case, cast, func, literal, select, union_all

from settlement.people.tables import entitlements
from settlement.vouchers.tables import issuance_drops, issuance_lines

CHANGES = {
    "same": ("不变", "same"),
    "new": ("新增", "new"),
    "raised": ("提高", "raised"),
    "lowered": ("降低", "lowered"),
    "resumed": ("恢复", "resumed"),
    "arrears": ("补发", "arrears"),
    "died": ("去世", "died"),
    "left": ("迁出或退出", "left"),
    "card_closed": ("已销户", "card closed"),
    "frozen": ("已冻结", "frozen"),
    "category_changed": ("不再属于所列类别", "category lost"),
    "level_changed": ("能力等级变化", "ability level changed"),
    "age_band": ("到龄调整", "reached an age"),
    "not_entitled": ("不再享受", "no longer entitled"),
}
"""Why somebody's amount is what it is, as lines and drops have it."""


def words(change: str) -> tuple[str, str]:
    """A change in Chinese and English; the reason of an entitlement's end that has no words stays as it is."""
    return CHANGES.get(change, (change, change))


@dataclass(frozen=True)
class Part:
    """The people of a run with the same change. ``amount``, ``before``: in the scheme's unit; a drop has amount 0."""

    change: str
    people: int
    amount: int
    before: int


def by_change(conn: Connection, run_ids: Sequence[str]) -> dict[str, list[Part]]:
    """By run: what stays and what changed, in the order of :data:`CHANGES`; people without a line any more come with their reason."""
    i, d = issuance_lines.c, issuance_drops.c
    people = func.count(func.distinct(i.senior_id))
    lines = select(i.run_id, i.change, people, _sum(i.amount), _sum(_before()))
    drops = select(d.run_id, d.reason, func.count(), literal(0, BigInteger), _sum(d.previous_amount))
    both = union_all(
        lines.where(i.run_id.in_(run_ids)).group_by(i.run_id, i.change),
        drops.where(d.run_id.in_(run_ids)).group_by(d.run_id, d.reason),
    )
    found: dict[str, list[Part]] = {run_id: [] for run_id in run_ids}
    for run_id, change, count, amount, before in conn.execute(both):
        found[run_id].append(Part(change, count, int(amount), int(before)))
    order = list(CHANGES)
    for parts in found.values():
        parts.sort(key=lambda part: (order.index(part.change) if part.change in CHANGES else len(order), part.change))
    return found


def _before() -> Any:
    """Arrears are of a month that had nothing: the month before it is no measure."""
    i = issuance_lines.c
    return case((i.change == "arrears", 0), else_=i.previous_amount)


def by_benefit(conn: Connection, run_ids: Sequence[str]) -> list[Row[Any]]:
    """benefit, level, people, amount over several runs."""
    i, e = issuance_lines.c, entitlements.c
    query: Select[Any] = (
        select(
            e.benefit, e.level, func.count(func.distinct(i.senior_id)).label("people"), _sum(i.amount).label("amount")
        )
        .join(entitlements, e.id == i.entitlement_id)
        .where(i.run_id.in_(run_ids))
        .group_by(e.benefit, e.level)
        .order_by(e.benefit, e.level)
    )
    return list(conn.execute(query))


def _sum(column: Any) -> Any:
    return cast(func.coalesce(func.sum(column), 0), BigInteger)
