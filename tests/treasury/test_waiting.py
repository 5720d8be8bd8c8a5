"""Orders that wait: for the provider's invoice, for the town's own share."""

from __future__ import annotations

import pytest

from settlement.closing import contributions, invoices, payment, waiting
from settlement.closing.tables import payment_orders
from settlement.db import reading
from settlement.outcomes import Reason, Refused
from tests.closing.county import (
    AUGUST,
    DINGHUO,
    FINANCE,
    FINANCE_2,
    JIANGDU,
    JULY,
    Q3,
    SCHEME,
    SEPTEMBER,
    TOWN_1,
    TOWN_2,
    XIANNV,
    County,
)
from tests.support import acting, at, officer

NOW = "2026-10-12 09:00"
P1, P2 = f"{SCHEME}-2026-Q3-P001", f"{SCHEME}-2026-Q3-P002"
NUMBER = "26322000000012345678"
DAY = at("2026-10-10").date()
INVOICE = '\n[funding.invoice]\nbefore_export = true\nsource = "default"\n'
SHARE = '\n[funding.town_share]\nbefore_export = true\nsource = "default"\n'


def ordered(county: County) -> County:
    """One town each: 1,000.00 in 仙女镇 by A, 10.01 in 丁伙镇 by B. Shares of the towns: 300.00, and of 10.01 at 7:3 (7.007 + 3.003) 3.00."""
    county.serve("v1", "A", XIANNV, subsidy=100_000)
    county.serve("v2", "B", DINGHUO, subsidy=1001)
    for month in (JULY, AUGUST, SEPTEMBER):
        county.close(month)
    assert county.settle() == "ordered"
    return county


@pytest.fixture
def plain(county: County) -> County:
    return ordered(county)


def of_town(county: County) -> dict[str, str]:
    return {row.town: row.id for row in county.rows(payment_orders, kind="provider")}


def register(county: County, order: str, number: str = NUMBER, fen: int = 100_000, **by: object) -> int:
    with acting(county.engine, NOW, by.get("by", FINANCE)) as act:  # type: ignore[arg-type]
        return invoices.register(act, order, number, DAY, fen)


def waits(county: County) -> dict[str, tuple[str, ...]]:
    with reading(county.engine) as conn:
        return waiting.reasons(conn, county.rows(payment_orders, status="drafted"))


def export(county: County) -> payment.Export:
    with acting(county.engine, NOW, FINANCE) as act:
        return payment.export(act, SCHEME, "2026-Q3")


def refused(reason: Reason) -> pytest.RaisesExc[Refused]:
    return pytest.RaisesExc(Refused, check=lambda error: error.reason is reason)


def test_nothing_waits_where_the_scheme_asks_for_nothing(plain: County) -> None:
    assert waits(plain) == {}
    assert export(plain).orders == 4


def test_orders_wait_for_invoices_that_come_to_their_amount(engine: object) -> None:
    county = ordered(County(engine).build(JIANGDU + INVOICE))  # type: ignore[arg-type]
    order = of_town(county)
    assert waits(county) == {order[XIANNV]: ("invoice",), order[DINGHUO]: ("invoice",)}
    register(county, order[XIANNV], fen=99_999)
    assert order[XIANNV] in waits(county)
    register(county, order[XIANNV], "12345678", fen=1)
    assert waits(county) == {order[DINGHUO]: ("invoice",)}
    # Transfers between payers have no invoice; what waits stays drafted.
    batch = export(county)
    assert (batch.orders, batch.total_fen) == (3, 100_000 + 70_000 + 701)
    assert [row.id for row in county.rows(payment_orders, status="drafted")] == [order[DINGHUO]]
    with refused(Reason.ORDERS_WAIT):
        export(county)


def test_a_towns_orders_wait_until_its_share_is_confirmed(engine: object) -> None:
    county = ordered(County(engine).build(JIANGDU + SHARE))  # type: ignore[arg-type]
    assert set(waits(county).values()) == {("town_share",)}
    assert len(waits(county)) == 4
    with reading(county.engine) as conn:
        shares = contributions.of_quarter(conn, SCHEME, "2026-Q3")
    assert [(s.town, s.due, s.missing) for s in shares] == [(DINGHUO, 300, 300), (XIANNV, 30_000, 30_000)]
    with acting(county.engine, NOW, TOWN_2) as act:
        id = contributions.record(act, SCHEME, Q3, DINGHUO, 300, DAY, "回单7")
    assert len(waits(county)) == 4
    with acting(county.engine, NOW, FINANCE) as act:
        contributions.confirm(act, id)
    still = {county.one(payment_orders, id=order).town for order in waits(county)}
    assert still == {XIANNV}


def test_a_share_is_recorded_and_confirmed_by_two_people(plain: County) -> None:
    with refused(Reason.NOT_ALLOWED), acting(plain.engine, NOW, TOWN_1) as act:
        contributions.record(act, SCHEME, Q3, DINGHUO, 300, DAY, "回单7")
    with acting(plain.engine, NOW, FINANCE) as act:
        id = contributions.record(act, SCHEME, Q3, DINGHUO, 200, DAY, "回单7")
    with refused(Reason.SAME_PERSON), acting(plain.engine, NOW, FINANCE) as act:
        contributions.confirm(act, id)
    with acting(plain.engine, NOW, FINANCE_2) as act:
        contributions.confirm(act, id)
    with refused(Reason.WRONG_STATE), acting(plain.engine, NOW, FINANCE) as act:
        contributions.withdraw(act, id, "记错")
    with reading(plain.engine) as conn:
        (share,) = contributions.of_quarter(conn, SCHEME, "2026-Q3", [DINGHUO])
    assert (share.arrived, share.recorded, share.missing) == (200, 0, 100)


def test_one_voucher_is_recorded_once_however_often_it_is_entered(plain: County) -> None:
    """By the town and by the district's finance; taken back, it may be entered anew."""
    with acting(plain.engine, NOW, TOWN_2) as act:
        id = contributions.record(act, SCHEME, Q3, DINGHUO, 300, DAY, "回单7")
    with refused(Reason.NEWS_KNOWN), acting(plain.engine, NOW, FINANCE) as act:
        contributions.record(act, SCHEME, Q3, DINGHUO, 300, DAY, "回单7")
    with acting(plain.engine, NOW, TOWN_2) as act:
        contributions.withdraw(act, id, "金额记错")
        contributions.record(act, SCHEME, Q3, DINGHUO, 200, DAY, "回单7")
        contributions.record(act, SCHEME, Q3, DINGHUO, 100, DAY, "回单8")
    with reading(plain.engine) as conn:
        (share,) = contributions.of_quarter(conn, SCHEME, "2026-Q3", [DINGHUO])
    assert share.recorded == 300


def test_a_record_taken_back_no_longer_counts(plain: County) -> None:
    with acting(plain.engine, NOW, TOWN_2) as act:
        id = contributions.record(act, SCHEME, Q3, DINGHUO, 300, DAY, "回单7")
        contributions.withdraw(act, id, "记错")
    with refused(Reason.NOT_FOUND), acting(plain.engine, NOW, FINANCE) as act:
        contributions.confirm(act, id)
    with reading(plain.engine) as conn:
        assert [s.recorded for s in contributions.of_quarter(conn, SCHEME, "2026-Q3", [DINGHUO])] == [0]


@pytest.mark.parametrize(
    ("number", "fen", "reason"),
    [
        ("1234567", 1, Reason.BAD_INPUT),
        ("=1+1", 1, Reason.BAD_INPUT),
        ("123456789012345678901", 1, Reason.BAD_INPUT),
        (NUMBER, 100_001, Reason.INVOICE_EXCEEDS),
        (NUMBER, 0, Reason.AMOUNT_NOT_POSITIVE),
        (NUMBER, -1, Reason.AMOUNT_NOT_POSITIVE),
    ],
)
def test_an_invoice_that_cannot_be(plain: County, number: str, fen: int, reason: Reason) -> None:
    with refused(reason):
        register(plain, of_town(plain)[XIANNV], number, fen)


def test_an_invoice_counts_once_and_may_be_withdrawn_before_the_order_leaves(plain: County) -> None:
    order = of_town(plain)
    id = register(plain, order[XIANNV], fen=50_000)
    with refused(Reason.INVOICE_TAKEN):
        register(plain, order[DINGHUO], fen=1)
    with acting(plain.engine, NOW, FINANCE) as act:
        invoices.withdraw(act, id, "号码写错")
    last = register(plain, order[DINGHUO], fen=1)
    export(plain)
    with refused(Reason.WRONG_STATE), acting(plain.engine, NOW, FINANCE) as act:
        invoices.withdraw(act, last, "号码写错")


def test_a_town_registers_only_for_its_own_orders_and_none_for_a_transfer(plain: County) -> None:
    with refused(Reason.NOT_ALLOWED):
        register(plain, of_town(plain)[XIANNV], by=officer("li", "town", town=DINGHUO))
    transfer = plain.rows(payment_orders, kind="transfer")[0].id
    with refused(Reason.WRONG_STATE):
        register(plain, transfer, fen=1)


def test_a_reissued_order_is_billed_by_the_invoice_of_the_first(engine: object) -> None:
    county = ordered(County(engine).build(JIANGDU + INVOICE))  # type: ignore[arg-type]
    order = of_town(county)
    register(county, order[XIANNV])
    register(county, order[DINGHUO], "12345678", 1001)
    export(county)
    answer = f"D|{order[XIANNV]}|1000.00|退票|B9|户名不符\r\n".encode("gb18030")
    with acting(county.engine, NOW, FINANCE) as act:
        assert payment.confirm(act, answer).returned == 1
        payment.propose_account(act, order[XIANNV], payee_name="安康", payee_account="6228999", payee_bank="工行")
    with acting(county.engine, NOW, FINANCE_2) as act:
        again = payment.reissue(act, order[XIANNV])
    assert waits(county) == {}
    with refused(Reason.INVOICE_EXCEEDS):
        register(county, again, "87654321", 1)
    assert export(county).orders == 1
