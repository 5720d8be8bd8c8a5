"""When is a provider paid? For each town and quarter: what its statements come to, how far the quarter is, and whose turn it is now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from settlement.closing import approving, month
from settlement.closing.tables import payment_orders, quarter_closes, settlements, statements
from settlement.periods import Quarter

STEPS = ("months", "gathered", "approved", "ordered", "exported", "paid")
"""What happens to a quarter, in order. The first that is not done is the one it waits at."""
_DONE = {
    None: (),
    "gathered": ("months", "gathered"),
    "shared": ("months", "gathered"),
    "approved": ("months", "gathered", "approved"),
    "posted": ("months", "gathered", "approved"),
    "ordered": ("months", "gathered", "approved", "ordered"),
    "exported": ("months", "gathered", "approved", "ordered", "exported"),
    "paid": STEPS,
}


@dataclass(frozen=True)
class Awaited:
    """A provider's quarter in one town. ``net_fen``: of the settlement, or of the statements there are so far; ``done``: of :data:`STEPS`;
    ``waiting_for``: whose turn it is (``town:仙女镇``, ``civil_affairs``, ``finance``, ``system``, ``bank``), empty when it is paid;
    ``orders``: to this provider, first attempts and repeats."""

    scheme_code: str
    quarter: str
    town: str
    net_fen: int
    settled: bool
    done: tuple[str, ...]
    waiting_for: tuple[str, ...]
    orders: tuple[Row[Any], ...]

    @property
    def paid_fen(self) -> int:
        return sum(order.amount_fen for order in self.orders if order.status == "paid")


def of(conn: Connection, provider_id: int, *, quarters: int = 8) -> list[Awaited]:
    """The latest quarters of a provider, newest first, each town by itself."""
    m, s, o, q = statements.c, settlements.c, payment_orders.c, quarter_closes.c
    mine = conn.execute(select(statements).where(m.provider_id == provider_id)).all()
    settled = {
        (row.scheme_code, row.quarter, row.town): row
        for row in conn.execute(select(settlements).where(s.provider_id == provider_id))
    }
    latest = sorted({row.quarter for row in mine} | {key[1] for key in settled}, reverse=True)[:quarters]
    keys = {(row.scheme_code, row.quarter, row.town) for row in mine} | set(settled)
    stages = {
        (row.scheme_code, row.quarter): str(row.stage)
        for row in conn.execute(select(quarter_closes).where(q.quarter.in_(latest)))
    }
    found = []
    for code, quarter, town in sorted((key for key in keys if key[1] in latest), key=lambda key: (key[1], key[2])):
        own, stage = settled.get((code, quarter, town)), stages.get((code, quarter))
        orders: tuple[Row[Any], ...] = ()
        if own is not None:
            paid_by = select(payment_orders).where(o.settlement_id == own.id, o.kind == "provider")
            orders = tuple(conn.execute(paid_by.order_by(o.attempt, o.id)))
        so_far = sum(row.net_fen for row in mine if (row.scheme_code, row.quarter, row.town) == (code, quarter, town))
        done = _done(stage, orders)
        waiting = () if done == STEPS else _turn(conn, code, Quarter.parse(quarter), town, stage, orders)
        net = so_far if own is None else own.net_fen
        found.append(Awaited(code, quarter, town, net, own is not None, done, waiting, orders))
    return found[::-1]


def _done(stage: str | None, orders: tuple[Row[Any], ...]) -> tuple[str, ...]:
    """The provider's own orders may be further than the quarter, which waits for all; or back, when one was returned."""
    standing = [order.status for order in orders if order.status != "reissued"]
    if standing and all(status == "paid" for status in standing):
        return STEPS
    if standing and all(status in ("exported", "paid") for status in standing):
        return STEPS[:-1]
    done = _DONE[stage]
    return done[: STEPS.index("ordered") + 1] if standing else done


def _turn(
    conn: Connection, code: str, quarter: Quarter, town: str, stage: str | None, orders: tuple[Row[Any], ...]
) -> tuple[str, ...]:
    if stage is None:
        for one in quarter.months:
            progress = month.progress(conn, code, one)
            if progress.stage != "closed":
                return tuple(
                    who for who in progress.waiting_for if not who.startswith("town:") or who == f"town:{town}"
                ) or ("months",)
        return ("system",)
    if stage in ("gathered", "shared") and approving.needed(conn, code, quarter):
        return approving.due(conn, code, quarter)
    standing = [order for order in orders if order.status != "reissued"]
    if not standing:
        return ("system",)
    drafted = [order.payer for order in standing if order.status in ("drafted", "returned")]
    return tuple(dict.fromkeys(drafted)) or ("bank",)
