"""What somebody changed behind the domain's back is found."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text, update

from settlement.closing import contributions, invoices
from settlement.closing.tables import invoices as invoice_table
from settlement.closing.tables import payment_orders, share_payments
from settlement.db import reading
from settlement.treasury import budgets, dedicated, integrity, year_end
from settlement.treasury.tables import account_lines, appropriations
from tests.closing.county import AUGUST, FINANCE, FINANCE_2, JULY, Q3, SCHEME, SEPTEMBER, XIANNV, County
from tests.support import acting, at

DAY = at("2026-10-10").date()


@pytest.fixture
def kept(county: County) -> County:
    """A year with a budget, a share, an invoice, a matched movement and figures that were prepared and closed."""
    county.serve("v1", "A", XIANNV, subsidy=100_000)
    for month in (JULY, AUGUST, SEPTEMBER):
        county.close(month)
    county.settle()
    for number in (10, 11, 12):
        county.close(JULY.plus(number - 7))
    order = county.one(payment_orders, kind="provider").id
    with acting(county.engine, "2027-01-20 09:00", FINANCE) as act:
        grant = budgets.propose(act, SCHEME, 2026, "district", 10_000_000, "x", DAY)
        share = contributions.record(act, SCHEME, Q3, XIANNV, 30_000, DAY, "回单")
        invoices.register(act, order, "12345678", DAY, 100_000)
        lines = ["日期,收入,支出,余额,摘要", "2026-10-10,300.00,,300.00,到位", *["2026-10-11,,0.50,,手续费"] * 2]
        assert dedicated.take_in(act, f"town:{XIANNV}", "\n".join(lines).encode(), "a.csv").matched == 1
    with acting(county.engine, "2027-01-20 09:00", FINANCE_2) as act:
        budgets.approve(act, grant)
        contributions.confirm(act, share)
        year_end.prepare(act, SCHEME, 2026)
    with acting(county.engine, "2027-01-20 09:00", FINANCE) as act:
        year_end.close(act, SCHEME, 2026)
    with reading(county.engine) as conn:
        assert integrity.check(conn) == []
    return county


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        ("UPDATE appropriations SET approved_by = proposed_by", "treasury_four_eyes"),
        ("UPDATE appropriations SET amount_fen = -1", "treasury_amount_differs budget_negative"),
        ("UPDATE share_payments SET recorded_by = confirmed_by", "treasury_four_eyes"),
        ("UPDATE invoices SET amount_fen = amount_fen + 1", "treasury_amount_differs order_overbilled"),
        ("UPDATE account_lines SET in_fen = in_fen + 1 WHERE in_fen > 0", "movement_changed movement_differs"),
        ("UPDATE account_lines SET matched = 'order:nobody' WHERE in_fen > 0", "movement_differs"),
        ("UPDATE year_closes SET figures = '{}'", "year_differs"),
        ("UPDATE year_closes SET closed_by = prepared_by", "treasury_four_eyes"),
        ("UPDATE year_closes SET closed_at = prepared_at - 1", "budget_of_closed_year"),
    ],
)
def test_what_was_changed_is_named(kept: County, change: str, codes: str) -> None:
    with kept.engine.begin() as conn:
        conn.execute(text(change))
    with reading(kept.engine) as conn:
        assert [finding.code for finding in integrity.check(conn)] == codes.split()


def test_one_fen_changed_in_any_row_is_named(kept: County) -> None:
    """Also where nothing else adds up to it: a budget, a share that is not there whole, an invoice of a part, a fee, a balance."""
    columns = {
        appropriations.c.amount_fen: "appropriation",
        share_payments.c.amount_fen: "share",
        invoice_table.c.amount_fen: "invoice",
        account_lines.c.in_fen: "movement",
        account_lines.c.out_fen: "movement",
        account_lines.c.balance_fen: "movement",
    }
    tried = 0
    with kept.engine.connect() as conn:
        for column, kind in columns.items():
            for id in conn.execute(select(column.table.c.id).where(column > 0)).scalars().all():
                for fen in (1, -1):
                    before = conn.begin_nested()
                    conn.execute(update(column.table).where(column.table.c.id == id).values({column: column + fen}))
                    assert f"{kind}:{id}" in {finding.subject for finding in integrity.check(conn)}
                    before.rollback()
                    tried += 1
    assert tried == 2 * 7
