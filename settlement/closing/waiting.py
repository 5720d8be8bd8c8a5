"""Why an order does not leave for the bank yet: the scheme asks for an invoice, or for the town's own share, first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row

from settlement.closing import contributions, invoices
from settlement.outcomes import Reason, Refused
from settlement.periods import Quarter
from settlement.policy import store
from settlement.policy.rules_money import Funding

WORDS = {
    "invoice": ("发票未登记足额", "the invoices do not come to its amount"),
    "town_share": ("镇级分担资金未到位", "the town's own share has not arrived"),
}


def reasons(conn: Connection, orders: Sequence[Row[Any]]) -> dict[str, tuple[str, ...]]:
    """By order that waits: codes of :data:`WORDS`. The personal part of a month never waits."""
    found: dict[str, list[str]] = {}
    for scheme_code, period in sorted(
        {(order.scheme_code, order.period) for order in orders if order.kind != "personal"}
    ):
        of_quarter = [
            o for o in orders if (o.scheme_code, o.period, o.kind == "personal") == (scheme_code, period, False)
        ]
        funding = store.in_force(conn, scheme_code, Quarter.parse(period).months[-1]).funding
        for order_id, why in _of_quarter(conn, funding, of_quarter):
            found.setdefault(order_id, []).append(why)
    return {order_id: tuple(why) for order_id, why in found.items()}


def _of_quarter(conn: Connection, funding: Funding, orders: Sequence[Row[Any]]) -> list[tuple[str, str]]:
    waits: list[tuple[str, str]] = []
    if funding.invoice is not None and funding.invoice.before_export:
        to_providers = [order for order in orders if order.kind == "provider"]
        billed = invoices.standing(conn, [order.id for order in to_providers])
        waits += [(order.id, "invoice") for order in to_providers if billed[order.id] < order.amount_fen]
    if funding.town_share is not None and funding.town_share.before_export and orders:
        shares = contributions.of_quarter(conn, orders[0].scheme_code, orders[0].period)
        missing = {share.town for share in shares if share.missing}
        waits += [(order.id, "town_share") for order in orders if order.town in missing]
    return waits


def ready(conn: Connection, drafted: Sequence[Row[Any]]) -> list[Row[Any]]:
    """Those that may leave. Raises Refused(ORDERS_WAIT) when all of them wait."""
    why = reasons(conn, drafted)
    free = [order for order in drafted if order.id not in why]
    if drafted and not free:
        codes = list(dict.fromkeys(code for codes in why.values() for code in codes))
        zh, en = "、".join(WORDS[code][0] for code in codes), "; ".join(WORDS[code][1] for code in codes)
        raise Refused(Reason.ORDERS_WAIT, why_zh=zh, why_en=en)
    return free
