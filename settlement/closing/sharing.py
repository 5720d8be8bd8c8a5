"""Who bears what of a settlement: split once per provider, town and quarter, into whole fen that always sum.

What comes from one period is split at that period's ratio; amounts whose ratio is the same are added before they are split. A negative
net is the mirror image: nothing is paid, and each payer is owed its part.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Connection, cast, func, select, union_all

from settlement.closing.tables import adjustments, statement_lines, statements
from settlement.money import split
from settlement.periods import Month, Quarter
from settlement.policy import store
from settlement.policy.duties import shares_for

Weights = tuple[tuple[str, int], ...]
"""Payers and weights in the order that breaks ties of the last fen."""


@dataclass(frozen=True)
class Group:
    """What of a settlement is split at one ratio. ``origin_month``: the latest month it comes from."""

    weights: Weights
    origin_month: Month
    amount_fen: int

    def parts(self) -> dict[str, int]:
        return parts(self.amount_fen, self.weights)


def parts(amount_fen: int, weights: Weights) -> dict[str, int]:
    shares = split(amount_fen, [weight for _, weight in weights])
    return {payer: share for (payer, _), share in zip(weights, shares, strict=True)}


def summed(several: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """By payer, in the order they first appear."""
    total: dict[str, int] = {}
    for one in several:
        for payer, amount in one.items():
            total[payer] = total.get(payer, 0) + amount
    return total


def weights_in(conn: Connection, scheme_code: str, month: Month, town: str) -> Weights:
    """Raises Refused(NO_SCHEME_IN_FORCE) for a month before the first version."""
    return shares_for(store.in_force(conn, scheme_code, month), town)


def grouped(conn: Connection, scheme_code: str, town: str, by_month: Mapping[Month, int]) -> list[Group]:
    """Amounts by origin month, added up where the ratio is the same; the ratio of the latest month first."""
    amounts: dict[Weights, int] = {}
    latest: dict[Weights, Month] = {}
    for month in sorted(by_month, reverse=True):
        weights = weights_in(conn, scheme_code, month, town)
        amounts[weights] = amounts.get(weights, 0) + by_month[month]
        latest.setdefault(weights, month)
    return [Group(weights, latest[weights], amount) for weights, amount in amounts.items()]


def by_origin_month(conn: Connection, scheme_code: str, quarter: Quarter) -> dict[tuple[int, str], dict[Month, int]]:
    """Per provider and town: what a quarter's statements and adjustments bring, by the month it comes from (fen, signed)."""
    s, line, a = statements.c, statement_lines.c, adjustments.c
    of_quarter = (s.scheme_code == scheme_code, s.quarter == str(quarter))
    taken_up = (a.scheme_code == scheme_code, a.quarter == str(quarter))
    rows = union_all(
        select(s.provider_id, s.town, line.service_month.label("month"), line.subsidy_fen.label("amount_fen"))
        .join(statement_lines, line.statement_id == s.id)
        .where(*of_quarter),
        select(a.provider_id, a.town, a.origin_month, a.amount_fen).where(*taken_up),
    ).subquery("rows")
    r = rows.c
    query = select(r.provider_id, r.town, r.month, cast(func.sum(r.amount_fen), BigInteger).label("amount_fen"))
    found: dict[tuple[int, str], dict[Month, int]] = defaultdict(dict)
    for row in conn.execute(query.group_by(r.provider_id, r.town, r.month)):
        found[row.provider_id, row.town][Month.parse(row.month)] = int(row.amount_fen)
    return dict(found)


def share_rows(settlement_id: str, groups: list[Group]) -> list[dict[str, Any]]:
    """Rows of ``settlement_shares``: every payer of any group; the weight shown is that of the first group that has it."""
    weight = {payer: weight for group in reversed(groups) for payer, weight in group.weights}
    total = summed(group.parts() for group in groups)
    return [
        {
            "settlement_id": settlement_id,
            "payer": payer,
            "position": position,
            "weight": weight[payer],
            "amount_fen": amount,
        }
        for position, (payer, amount) in enumerate(total.items(), 1)
    ]
