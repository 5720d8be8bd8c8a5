"""Payment orders of a posted quarter, by the scheme's route, and the stage that follows from what became of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, insert, select, update

from settlement.act import Act
from settlement.closing import payers
from settlement.closing.tables import payment_orders, quarter_closes, settlement_shares, settlements
from settlement.periods import Quarter
from settlement.policy import store


@dataclass(frozen=True)
class Due:
    """One payment to be ordered; ``settlement_id`` only for a payment to a provider."""

    kind: str
    payer: str
    payee: str
    amount_fen: int
    town: str
    settlement_id: str | None = None


def route(rule: str, settled: list[tuple[Row[Any], dict[str, int]]]) -> Iterator[Due]:
    """The payments of a quarter. ``settled``: each settlement with its shares, none below zero.

    ``town_pays`` and ``district_pays``: one payer pays the provider the whole net, the others transfer their shares to it, in one order per
    pair of payers; ``each_pays``: every payer pays its own share. Where a town's shares do not name that payer, the first listed pays.
    """
    transfers: dict[tuple[str, str, str], int] = {}
    for settlement, shares in settled:
        payee = f"provider:{settlement.provider_id}"
        if rule == "each_pays" and all(amount >= 0 for amount in shares.values()):
            for payer, amount in shares.items():
                name = payers.name_of(payer, settlement.town)
                yield Due("provider", name, payee, amount, settlement.town, settlement.id)
            continue
        wanted = payers.TOWN if rule == "town_pays" else "district"
        leading = payers.name_of(wanted if wanted in shares else next(iter(shares)), settlement.town)
        yield Due("provider", leading, payee, settlement.net_fen, settlement.town, settlement.id)
        for payer, amount in shares.items():
            name = payers.name_of(payer, settlement.town)
            if name != leading:
                key = (name, leading, settlement.town)
                transfers[key] = transfers.get(key, 0) + amount
    for (payer, payee, town), amount in transfers.items():
        # Below zero: so much came back of a period with another ratio that this payer is owed money.
        one, other = (payer, payee) if amount > 0 else (payee, payer)
        yield Due("transfer", one, other, abs(amount), town)


def draw_up(act: Act, scheme_code: str, quarter: Quarter) -> int:
    """Write the orders of a posted quarter; how many. A settlement below zero has none.

    At zero the provider is paid nothing, but parts at different ratios may leave one payer owing the other.
    """
    s, h = settlements.c, settlement_shares.c
    query = select(settlements).where(s.scheme_code == scheme_code, s.quarter == str(quarter), s.net_fen >= 0)
    settled: list[tuple[Row[Any], dict[str, int]]] = []
    for row in act.conn.execute(query.order_by(s.town, s.provider_id)).all():
        shares = select(h.payer, h.amount_fen).where(h.settlement_id == row.id).order_by(h.position)
        settled.append((row, {share.payer: share.amount_fen for share in act.conn.execute(shares)}))
    rule = store.in_force(act.conn, scheme_code, quarter.months[-1]).funding.route.rule
    rows = []
    numbers = {"provider": 0, "transfer": 0}
    for due in route(rule, settled):
        if (
            due.amount_fen <= 0
        ):  # a share of nothing, or owed the other way by a fen of rounding: settled with the provider's order
            continue
        numbers[due.kind] += 1
        # Short and plain ASCII: banks carry it through to their result file.
        id = f"{scheme_code}-{quarter}-{due.kind[0].upper()}{numbers[due.kind]:03d}"
        order: dict[str, Any] = {"id": id, "scheme_code": scheme_code, "period": str(quarter), "kind": due.kind}
        order |= {"town": due.town, "settlement_id": due.settlement_id, "payer": due.payer, "payee": due.payee}
        order |= payers.payer_details(act.conn, due.payer) | payers.payee_details(act.conn, due.payee)
        rows.append(order | {"amount_fen": due.amount_fen, "status": "drafted", "attempt": 1, "status_at": act.now})
    if rows:
        act.conn.execute(insert(payment_orders), rows)
    act.audit("quarter.orders", f"quarter:{scheme_code}/{quarter}", after=dict(numbers))
    return len(rows)


def follow(act: Act, scheme_code: str, period: str) -> str | None:
    """Let a quarter's stage say how far its orders are: ordered, exported or paid; None when the period is a month's personal part.

    A payment that the bank returns takes a paid quarter back: the fact counts, not the progress once made.
    """
    o, q = payment_orders.c, quarter_closes.c
    of_quarter = (q.scheme_code == scheme_code, q.quarter == period)
    # Held before the orders are looked at: of two officers with the last ones the second finds the first one's done.
    stage = act.conn.execute(select(q.stage).where(*of_quarter).with_for_update()).scalar_one_or_none()
    if stage not in ("ordered", "exported", "paid"):
        return None
    statuses = set(
        act.conn.execute(
            select(o.status).where(o.scheme_code == scheme_code, o.period == period, o.kind != "personal")
        ).scalars()
    ) - {"reissued"}
    reached = "paid" if statuses <= {"paid"} else "ordered" if "drafted" in statuses else "exported"
    if reached != stage:
        act.conn.execute(update(quarter_closes).where(*of_quarter).values(stage=reached))
        act.audit(f"quarter.{reached}", f"quarter:{scheme_code}/{period}")
    return reached
