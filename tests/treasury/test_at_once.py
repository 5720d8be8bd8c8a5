"""Two officers of the treasury at the same moment. PostgreSQL only: SQLite lets one writer in at a time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from settlement.closing import invoices
from settlement.closing.tables import invoices as invoice_table
from settlement.closing.tables import payment_orders
from settlement.outcomes import Reason, Refused
from settlement.periods import Month
from settlement.treasury import budgets, integrity, year_end
from settlement.treasury.tables import appropriations, year_closes
from tests.at_once import meanwhile
from tests.closing.county import FINANCE, FINANCE_2, SCHEME, XIANNV, County
from tests.support import acting, officer

DAY = date(2026, 1, 5)
FINANCE_3 = officer("fin3", "district_finance")
NEW_YEAR = "2026-01-12 09:00"
YEAR = 2025


@pytest.fixture
def county(databases: Any) -> Iterator[County]:
    engine = databases.create("postgresql")
    built = County(engine).build()
    for number in (10, 11, 12):
        built.close(Month(YEAR, number))
    yield built
    databases.drop(engine)


def refused(error: Exception | None) -> Reason:
    assert isinstance(error, Refused), error
    return error.reason


def prepare(act: Any) -> str:
    return year_end.prepare(act, SCHEME, YEAR)


def close(act: Any) -> None:
    year_end.close(act, SCHEME, YEAR)


def test_a_year_prepared_by_two_at_once_is_prepared_by_one(county: County) -> None:
    other = meanwhile(county.engine, NEW_YEAR, (FINANCE, prepare), (FINANCE_2, prepare))
    assert refused(other) is Reason.CHANGED_MEANWHILE
    assert county.one(year_closes).prepared_by == FINANCE.id
    with acting(county.engine, NEW_YEAR, FINANCE_2) as act:
        close(act)


def test_a_year_that_is_just_being_closed_is_not_prepared_anew(county: County) -> None:
    with acting(county.engine, NEW_YEAR, FINANCE) as act:
        prepare(act)
    other = meanwhile(county.engine, NEW_YEAR, (FINANCE_2, close), (FINANCE, prepare))
    assert refused(other) is Reason.YEAR_CLOSED
    assert county.one(year_closes).closed_by == FINANCE_2.id


def test_a_year_is_closed_once(county: County) -> None:
    with acting(county.engine, NEW_YEAR, FINANCE) as act:
        prepare(act)
    other = meanwhile(county.engine, NEW_YEAR, (FINANCE_2, close), (FINANCE_3, close))
    assert refused(other) is Reason.YEAR_CLOSED
    assert county.one(year_closes).closed_by == FINANCE_2.id


def test_two_reductions_at_once_do_not_take_a_budget_below_nothing(county: County) -> None:
    """100.00 granted; 60.00 and 60.00 taken back, both drawn up before either is approved."""
    with acting(county.engine, NEW_YEAR, FINANCE) as act:
        ids = [
            budgets.propose(act, SCHEME, 2026, "district", fen, f"江财社〔2026〕{fen}号", DAY)
            for fen in (100_00, -60_00, -60_00)
        ]
    with acting(county.engine, NEW_YEAR, FINANCE_2) as act:
        budgets.approve(act, ids[0])
    first, second = (lambda act, id=id: budgets.approve(act, id) for id in ids[1:])
    other = meanwhile(county.engine, NEW_YEAR, (FINANCE_2, first), (FINANCE_3, second))
    assert refused(other) is Reason.BUDGET_NEGATIVE
    assert [row.approved_at is not None for row in county.rows(appropriations)] == [True, True, False]
    with county.engine.connect() as conn:
        assert integrity.check(conn) == []


def test_an_invoice_is_withdrawn_once(county: County) -> None:
    county.serve("v1", "A", XIANNV, subsidy=100_000)
    for number in range(1, 10):
        county.close(Month(2026, number))
    county.settle()
    order = county.one(payment_orders, kind="provider").id
    with acting(county.engine, "2026-10-12 09:00", FINANCE) as act:
        id = invoices.register(act, order, "12345678", DAY, 100_000)

    def withdraw(act: Any) -> None:
        invoices.withdraw(act, id, "开错")

    other = meanwhile(county.engine, "2026-10-12 09:00", (FINANCE, withdraw), (FINANCE_2, withdraw))
    assert refused(other) is Reason.NOT_FOUND
    assert county.one(invoice_table).withdrawn_by == FINANCE.id
