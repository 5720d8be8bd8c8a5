"""What an officer of the treasury confirms is what the page showed, also while somebody else changes it in that very moment. PostgreSQL only:
SQLite lets one writer in at a time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from settlement.closing import payment
from settlement.closing.tables import payment_orders
from settlement.periods import Month
from settlement.treasury import budgets, year_end
from settlement.treasury.tables import year_closes
from tests.admin.office import Answer, Office, Seat
from tests.at_once import meanwhile
from tests.closing.county import AUGUST, FINANCE, FINANCE_2, JULY, SCHEME, SEPTEMBER, XIANNV, County
from tests.support import acting, at

NOW, QUARTER, YEAR = "2026-10-12 09:00", "2026-Q3", 2025
P1 = f"{SCHEME}-{QUARTER}-P001"


@pytest.fixture
def county(databases: Any) -> Iterator[County]:
    engine = databases.create("postgresql")
    yield County(engine).build()
    databases.drop(engine)


def seen(page: Answer, action: str) -> str:
    (found,) = page.find(f"//form[contains(@action, '{action}')]//input[@name='seen']/@value")
    return str(found)


def beside(county: County, now: str, by: Any, does: Any, seat: Seat, path: str, **fields: Any) -> Answer:
    """The answer to a form that was sent while somebody else's act was done and not yet committed."""
    answers: list[Answer] = []
    send = (FINANCE, lambda act: answers.append(seat.post(path, **fields)))
    assert meanwhile(county.engine, now, (by, does), send) is None
    return answers[0]


@pytest.fixture
def returned(county: County) -> County:
    """The bank sent a payment back; 钱 proposed another account."""
    county.serve("v1", "A", XIANNV, subsidy=100_000)
    county.serve("v2", "B", XIANNV, subsidy=1001)
    for month in (JULY, AUGUST, SEPTEMBER):
        county.close(month)
    county.settle()
    with acting(county.engine, NOW, FINANCE) as act:
        payment.export(act, SCHEME, QUARTER)
        payment.confirm(act, f"H|x\r\nD|{P1}|1000.00|失败|B1|账号不存在\r\nT|x\r\n".encode("gb18030"))
        propose(act, "6228480000000001")
    return county


def propose(act: Any, account: str) -> None:
    payment.propose_account(act, P1, payee_name="安康养老服务中心", payee_account=account, payee_bank="江都农商行")


def desk(county: County, now: str = NOW) -> Seat:
    office = Office(county.engine)
    office.now = at(now)
    return office.seat("wu", "district_finance")


def test_an_account_that_is_just_being_exchanged_is_approved_by_nobody(returned: County) -> None:
    seat = desk(returned)
    mark = seen(seat.get(f"/treasury/orders/{P1}"), "/reissue")

    def another(act: Any) -> None:
        propose(act, "6228480000000002")

    answer = beside(returned, NOW, FINANCE_2, another, seat, f"/treasury/orders/{P1}/reissue", seen=mark)
    assert answer.status == 409
    assert returned.one(payment_orders, id=P1).status == "returned"


def test_an_order_that_is_just_being_repeated_leaves_with_no_file_that_was_shown_without_it(returned: County) -> None:
    with acting(returned.engine, NOW, FINANCE) as act:
        orders = [row.id for row in returned.rows(payment_orders, status="exported")]
        lines = "".join(f"D|{id}|{fen(returned, id)}|失败|B2|户名不符\r\n" for id in orders)
        payment.confirm(act, f"H|x\r\n{lines}T|x\r\n".encode("gb18030"))
        for id in orders:
            payment.propose_account(act, id, payee_name="某", payee_account="62284800003", payee_bank="江都农商行")
    with acting(returned.engine, NOW, FINANCE_2) as act:
        payment.reissue(act, orders[0])
    seat = desk(returned)
    mark = seen(seat.get("/treasury/export", period=QUARTER), "/export")

    def repeat(act: Any) -> None:
        payment.reissue(act, P1)

    fields = {"scheme": SCHEME, "period": QUARTER, "layout": "general", "seen": mark}
    answer = beside(returned, NOW, FINANCE_2, repeat, seat, "/treasury/export", **fields)
    assert answer.status == 409
    assert {row.status for row in returned.rows(payment_orders, attempt=2)} == {"drafted"}


def fen(county: County, order_id: str) -> str:
    return f"{county.one(payment_orders, id=order_id).amount_fen / 100:.2f}"


def test_a_year_that_is_just_being_prepared_anew_is_closed_by_nobody(county: County) -> None:
    """500.00 more were granted since the page was drawn."""
    then = "2026-01-12 09:00"
    for number in (10, 11, 12):
        county.close(Month(YEAR, number))

    def prepare(act: Any) -> None:
        year_end.prepare(act, SCHEME, YEAR)

    with acting(county.engine, then, FINANCE) as act:
        prepare(act)
    seat = desk(county, then)
    mark = seen(seat.get("/treasury/year", year=YEAR), "/year/close")
    with acting(county.engine, then, FINANCE) as act:
        grant = budgets.propose(act, SCHEME, YEAR, "district", 500_00, "江财社〔2026〕1号", date(2026, 1, 5))
    with acting(county.engine, then, FINANCE_2) as act:
        budgets.approve(act, grant)
    answer = beside(county, then, FINANCE, prepare, seat, "/treasury/year/close", year=YEAR, scheme=SCHEME, seen=mark)
    assert answer.status == 409
    assert county.one(year_closes).closed_at is None
