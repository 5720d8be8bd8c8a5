"""Two officers with the payments of one quarter at the same moment. PostgreSQL only: SQLite lets one writer in at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from settlement.closing import payers, payment
from settlement.closing.tables import bank_batches, payer_accounts, payment_orders, quarter_closes
from settlement.ledger import accounts, chart
from tests.at_once import meanwhile
from tests.closing.county import (
    AFFAIRS,
    AFFAIRS_2,
    AUGUST,
    DINGHUO,
    FINANCE,
    FINANCE_2,
    JULY,
    SCHEME,
    SEPTEMBER,
    XIANNV,
    County,
)
from tests.support import acting, officer

NOW, QUARTER = "2026-10-12 09:00", "2026-Q3"
P1, P2, T1, T2 = (f"{SCHEME}-{QUARTER}-{number}" for number in ("P001", "P002", "T001", "T002"))
XIANNV_MONEY = officer("jin", "town_finance", town=XIANNV)
DINGHUO_MONEY = officer("mei", "town_finance", town=DINGHUO)


@pytest.fixture
def county(databases: Any) -> Iterator[County]:
    """Two towns, each with an order to a provider and one that brings the district's share to it."""
    engine = databases.create("postgresql")
    built = County(engine).build()
    built.serve("v1", "A", XIANNV, subsidy=100_000)
    built.serve("v2", "B", DINGHUO, subsidy=1001)
    for month in (JULY, AUGUST, SEPTEMBER):
        built.close(month)
    built.settle()
    yield built
    databases.drop(engine)


def export(act: Any, payer: str | None = None) -> None:
    payment.export(act, SCHEME, QUARTER, payer=payer)


def test_two_towns_export_at_once_and_each_has_a_batch_of_its_own(county: County) -> None:
    assert meanwhile(county.engine, NOW, (XIANNV_MONEY, export), (DINGHUO_MONEY, export)) is None
    assert [(row.id, row.orders) for row in county.rows(bank_batches)] == [
        (f"{SCHEME}-{QUARTER}-001", 1),
        (f"{SCHEME}-{QUARTER}-002", 1),
    ]


def test_the_last_orders_exported_at_once_by_two_are_all_out(county: County) -> None:
    def districts(act: Any) -> None:
        export(act, "district")

    def towns(act: Any) -> None:
        for town in (XIANNV, DINGHUO):
            export(act, f"town:{town}")

    assert meanwhile(county.engine, NOW, (FINANCE, districts), (FINANCE_2, towns)) is None
    assert county.one(quarter_closes).stage == "exported"


def test_the_banks_last_answers_taken_in_at_once_by_two_make_the_quarter_paid(county: County) -> None:
    """The second would find the first one's payments without an answer; and nothing follows that would look again."""
    orders = {row.id: row for row in county.rows(payment_orders, period=QUARTER)}
    with acting(county.engine, NOW, FINANCE) as act:
        export(act)
        # As in a year that runs: nobody waits for an account that is only just being opened.
        for name in {order.payer for order in orders.values()}:
            accounts.open_account(act, chart.PAYER_BANK, payers.ledger_owner(name))

    def answered(*ids: str) -> Any:
        lines = "".join(f"D|{id}|{orders[id].amount_fen / 100:.2f}|成功|B-{id}|\r\n" for id in ids)
        return lambda act: payment.confirm(act, f"H|x\r\n{lines}T|x\r\n".encode("gb18030"))

    assert meanwhile(county.engine, NOW, (FINANCE, answered(P1, T1)), (FINANCE_2, answered(P2, T2))) is None
    assert {row.status for row in county.rows(payment_orders, period=QUARTER)} == {"paid"}
    assert county.one(quarter_closes).stage == "paid"


def test_one_account_is_recorded_by_two_at_once(county: County) -> None:
    def record(account: str) -> Any:
        return lambda act: payers.register_account(act, "town:大桥镇", "大桥镇财政专户", account, "江都农商行")

    assert meanwhile(county.engine, NOW, (AFFAIRS, record("3205004")), (AFFAIRS_2, record("3205005"))) is None
    assert county.one(payer_accounts, payer="town:大桥镇").account == "3205005"
