"""All transfers behind a payment order: what the cards paid, what came back, what was settled, what was paid."""

from __future__ import annotations

from collections import Counter

import pytest
from sqlalchemy import Engine, select

from settlement.closing import behind, payment
from settlement.db import reading
from settlement.ledger.tables import transfers
from settlement.money import format_yuan
from settlement.outcomes import Reason, Refused
from tests.stories.county import CASHIER, FINANCE, SCHEME, TOWN, County, found
from tests.stories.lived import TOWNS, Lived
from tests.support import acting


@pytest.fixture(scope="module")
def paid(module_engine: Engine) -> County:
    """The quarter of ``Lived``, with July's own money and the quarter paid."""
    county = found(module_engine, TOWNS)
    quarter = Lived(county)
    quarter.july()
    quarter.until_september_is_closed()
    county.settle()
    for period, day in (("2026-07", "2026-10-24"), ("2026-Q3", "2026-10-25")):
        with acting(module_engine, f"{day} 09:00", FINANCE) as act:
            batch = payment.export(act, SCHEME, period)
            orders = [order for order in payment.listed(act.conn, SCHEME, period) if order.batch_id == batch.batch_id]
        lines = [f"D|{each.id}|{format_yuan(each.amount_fen).replace(',', '')}|成功|B|" for each in orders]
        answer = "\r\n".join([f"H|{batch.batch_id}|{len(orders)}", *lines, f"T|{len(orders)}"]) + "\r\n"
        with acting(module_engine, f"{day} 16:00", CASHIER) as act:
            payment.confirm(act, answer.encode("gb18030"))
    return county


def sums(county: County, order_id: str) -> dict[str, int]:
    """Of everything behind an order: the sum by code, fen."""
    with reading(county.engine) as conn:
        t = transfers.c
        rows = conn.execute(select(t.code, t.amount).where(t.reference.in_(behind.references(conn, order_id)))).all()
    total: Counter[str] = Counter()
    for row in rows:
        total[row.code] += row.amount
    return dict(total)


def order(county: County, kind: str, town: str | None = None, period: str = "2026-Q3") -> str:
    with reading(county.engine) as conn:
        (id,) = (each.id for each in payment.listed(conn, SCHEME, period) if each.kind == kind and each.town == town)
    return str(id)


def test_behind_the_payment_to_a_provider(paid: County) -> None:
    """7 baths of 60.00 and 30.00 of cooking and cleaning; one bath void after the close; a penalty of 20.00: 370.00 are paid."""
    behind_it = sums(paid, order(paid, "provider", TOWN))
    assert behind_it["debit_subsidy"] == 7 * 60_00 + 30_00
    assert behind_it["debit_personal"] == 35_00
    assert behind_it["void"] == 60_00
    assert behind_it["settle"] == 390_00
    assert behind_it["penalty"] == 20_00
    assert behind_it["pay"] == 370_00


def test_behind_the_districts_share(paid: County) -> None:
    """The district's share goes to the town in one order; behind it stands the settlement, not the visits."""
    behind_it = sums(paid, order(paid, "transfer", TOWN))
    assert (behind_it["settle"], behind_it["fund_transfer"]) == (390_00, 259_00)  # 7 of 10 parts of 370.00
    assert "debit_subsidy" not in behind_it


def test_behind_the_personal_part(paid: County) -> None:
    """July's own money: 35.00 of the one debit that took any."""
    behind_it = sums(paid, order(paid, "personal", period="2026-07"))
    assert (behind_it["debit_personal"], behind_it["personal_settle"]) == (35_00, 35_00)


def test_an_order_nobody_drew_up(paid: County) -> None:
    with reading(paid.engine) as conn, pytest.raises(Refused) as refusal:
        behind.references(conn, "order:nobody")
    assert refusal.value.reason is Reason.NOT_FOUND
