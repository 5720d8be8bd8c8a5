"""Three towns owe one, three and seven fen: every fen has one payer."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Engine, select

from settlement.closing.tables import payment_orders, settlement_shares
from settlement.db import reading
from settlement.policy.tariff import PriceItem
from tests.stories.county import AUGUST, BATHING, CLEANING, COOKING, JULY, SEPTEMBER, TOWN, found

FEN = {CLEANING: 1, BATHING: 3, COOKING: 7}
TOWNS = {TOWN: CLEANING, "丁伙镇": BATHING, "大桥镇": COOKING}


def in_single_fen(item: PriceItem) -> PriceItem:
    return replace(item, price_fen=FEN.get(item.item_code, item.price_fen))


def test_one_three_and_seven_fen(engine: Engine) -> None:
    """7 : 3 by largest remainder, split once per provider and town:

    ====  ============  =================  =========
    fen   7 : 3 is      rounded down       district, town
    ====  ============  =================  =========
    1     0.7 : 0.3     0 : 0, one left    1, 0
    3     2.1 : 0.9     2 : 0, one left    2, 1
    7     4.9 : 2.1     4 : 2, one left    5, 2
    ====  ============  =================  =========

    11 fen in all: 8 and 3. The ratio of the whole would be 7.7 and 3.3.
    """
    county = found(engine, tuple(TOWNS), prices=in_single_fen)
    for town, item in TOWNS.items():
        someone = county.somebody(town=town)
        county.issue(JULY, town)
        county.visit(someone, "2026-07-15 09:00", item, town=town)
        assert county.left(someone) == (150_00 - FEN[item], 0)
    for month in (JULY, AUGUST, SEPTEMBER):
        county.close(month)
    settled = county.settle()
    assert {town: row.net_fen for town, row in settled.items()} == {town: FEN[item] for town, item in TOWNS.items()}

    o = payment_orders.c
    with reading(engine) as conn:
        shares = {(row.settlement_id, row.payer): row.amount_fen for row in conn.execute(select(settlement_shares))}
        orders = conn.execute(select(o.kind, o.town, o.amount_fen)).all()
    split = {town: (shares[row.id, "district"], shares[row.id, "town"]) for town, row in settled.items()}
    assert split == {TOWN: (1, 0), "丁伙镇": (2, 1), "大桥镇": (5, 2)}
    assert {(town, fen) for kind, town, fen in orders if kind == "provider"} == {
        (TOWN, 1),
        ("丁伙镇", 3),
        ("大桥镇", 7),
    }
    assert {(town, fen) for kind, town, fen in orders if kind == "transfer"} == {
        (TOWN, 1),
        ("丁伙镇", 2),
        ("大桥镇", 5),
    }
    assert county.findings() == []
