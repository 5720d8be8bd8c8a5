"""A needy, semi-disabled senior's quarter: 150.00 a month, visits, what is left, and who pays for it."""

from __future__ import annotations

from sqlalchemy import select

from settlement.closing.tables import payment_orders, settlement_shares
from settlement.db import reading
from settlement.visits.forms import Debit
from tests.stories.county import AUGUST, BATHING, BEDDING, CLEANING, COOKING, JULY, SEPTEMBER, TOWN, County


def test_a_semi_disabled_seniors_quarter(county: County) -> None:
    """
    ==========  =======  ==========================================  =======  =======
    month       issued   visits                                      spent    left
    ==========  =======  ==========================================  =======  =======
    July        150.00   bathing 60.00; cooking and cleaning 65.00   125.00    25.00
    August      150.00   bedding 40.00; bathing 60.00                100.00    75.00
    September   150.00   bathing 60.00 twice; 65.00                  185.00    40.00
    ==========  =======  ==========================================  =======  =======

    410.00 in all: 287.00 from the district, 123.00 from the town. Of the year (July to December, 6 x 150.00) 490.00 may still be spent.
    """
    wang = county.somebody(categories="低保", level=2)
    assert county.entitled(wang.senior_id) == [("needy", 150_00, "2026-07", None)]

    run = county.issue(JULY)
    assert (run.people, run.amount) == (1, 150_00)
    _, first = county.visit(wang, "2026-07-08 09:00", BATHING)
    assert isinstance(first, Debit)
    assert (first.subsidy_fen, first.personal_fen, first.subsidy_left_fen, first.year_left_fen) == (
        60_00,
        0,
        90_00,
        840_00,
    )
    county.visit(wang, "2026-07-22 09:00", COOKING, CLEANING, carer=1)
    assert county.left(wang) == (25_00, 0)

    county.issue(AUGUST)
    july = county.close(JULY)[TOWN]
    assert (july.visits, july.subsidy_fen, july.personal_fen, july.net_fen, july.status) == (
        2,
        125_00,
        0,
        125_00,
        "closed",
    )
    county.visit(wang, "2026-08-06 09:00", BEDDING)
    county.visit(wang, "2026-08-20 09:00", BATHING)
    assert county.left(wang) == (75_00, 0)

    county.issue(SEPTEMBER)
    county.close(AUGUST)
    county.visit(wang, "2026-09-03 09:00", BATHING)
    county.visit(wang, "2026-09-10 09:00", BATHING)
    county.visit(wang, "2026-09-24 09:00", COOKING, CLEANING)
    county.close(SEPTEMBER)
    assert (county.left(wang), county.year_left(wang)) == ((40_00, 0), 490_00)
    assert county.claim() == 410_00

    settled = county.settle()[TOWN]
    assert (settled.gross_fen, settled.adjustments_fen, settled.net_fen) == (410_00, 0, 410_00)
    o, h = payment_orders.c, settlement_shares.c
    with reading(county.engine) as conn:
        shares = dict(tuple(row) for row in conn.execute(select(h.payer, h.amount_fen)))
        orders = {tuple(row) for row in conn.execute(select(o.payer, o.payee, o.amount_fen))}
    assert shares == {"district": 287_00, "town": 123_00}
    assert orders == {(f"town:{TOWN}", f"provider:{county.provider}", 410_00), ("district", f"town:{TOWN}", 287_00)}
    assert county.claim() == 0
    assert county.findings() == []
