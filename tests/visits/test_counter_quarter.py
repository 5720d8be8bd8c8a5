"""A quarter of meals and day care bought at a counter: closed, shared and paid to the fen, explained, and verified. Amounts in fen."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from settlement.act import Actor
from settlement.cards import chip
from settlement.cards.tables import media
from settlement.closing import explain
from settlement.closing.tables import exclusions, payment_orders, settlement_shares, statement_lines
from settlement.db import reading
from settlement.outcomes import Reason
from settlement.providers import terminals
from settlement.visits import counter
from settlement.visits.counter import Sale
from settlement.visits.integrity_of_sales import check
from settlement.visits.shown import ChipAnswer, Shown
from settlement.visits.tables import counter_sales
from tests.stories.county import AFFAIRS, AUGUST, BATHING, JULY, SEPTEMBER, TOWN, County, Holder, found
from tests.support import RING, acting, at
from tests.visits.hatch import sold, taken_back
from tests.visits.world import why

TERMINAL, LUNCH, DAY_CARE = "H0000001", "ZC03", "ZL04"


@pytest.fixture
def county(engine: Engine) -> County:
    """One town, founded in January 2026, with a terminal at its provider's counter."""
    made = found(engine)
    with acting(engine, "2026-06-30 09:00", AFFAIRS) as act:
        terminals.register(act, RING, TERMINAL, "M00000000000001", made.provider)
    return made


def who(county: County) -> Actor:
    return Actor(f"terminal:{TERMINAL}", "device", provider_id=county.provider)


def buy(
    county: County, someone: Holder, when: str, total: int, items: dict[str, int], *, arrives: str = "", **facts: Any
) -> Any:
    """By the card's chip; what came of it."""
    number = next(county.numbers)
    with reading(county.engine) as conn:
        card_no = conn.execute(select(media.c.card_no).where(media.c.id == someone.medium_id)).scalar_one()
    answer = chip.cryptogram(chip.card_key(RING, someone.medium_id), total, b"abcd", number)
    asked = Sale(
        id=f"{TERMINAL}-{number}",
        terminal_id=TERMINAL,
        staff_no="1a",
        items=items,
        shown=Shown(card_no=card_no, chip=ChipAnswer(b"abcd", number, answer)),
        occurred_at=at(when),
        total_fen=total,
        offline=bool(arrives),
        **facts,
    )
    with acting(county.engine, arrives or when, who(county)) as act:
        return counter.sale(act, RING, asked)


def back(county: County, sale_id: str, how: counter.How, when: str) -> Any:
    with acting(county.engine, when, who(county)) as act:
        return counter.take_back(act, sale_id, how)


def test_a_quarter_at_the_counter_is_paid_to_the_fen(county: County) -> None:
    """
    ==========  ===============================================================  =======  ========
    month       bought                                                           subsidy  own money
    ==========  ===============================================================  =======  ========
    July        two lunches 24.00; bathing at home 60.00; 12.00 voided,              84.00
                40.00 refunded
    August      a lunch without a line, told three days later 12.00                  12.00
    September   ten days of day care 400.00: 150.00 - 84.00 + 150.00 - 12.00        354.00     46.00
                + 150.00 are there
    ==========  ===============================================================  =======  ========

    450.00 from subsidy: 315.00 from the district, 135.00 from the town; 46.00 of own money from the card's operator.
    """
    wang = county.somebody(categories="低保", level=2)
    county.issue(JULY)
    county.top_up(wang, 100_00)
    lunch = sold(buy(county, wang, "2026-07-08 11:30", 24_00, {LUNCH: 2}))
    wrong = sold(buy(county, wang, "2026-07-08 11:40", 12_00, {LUNCH: 1}))
    taken_back(back(county, wrong.id, "void", "2026-07-08 11:45"))
    day = sold(buy(county, wang, "2026-07-09 08:30", 40_00, {DAY_CARE: 1}))
    county.visit(wang, "2026-07-10 09:00", BATHING)
    taken_back(back(county, day.id, "refund", "2026-07-20 09:00"))
    assert county.left(wang) == (66_00, 100_00)

    county.issue(AUGUST)
    july = county.close(JULY)[TOWN]
    assert (july.visits, july.subsidy_fen, july.personal_fen) == (2, 84_00, 0)
    assert why(back(county, lunch.id, "refund", "2026-08-04 09:00")) is Reason.VISIT_ON_STATEMENT
    sold(buy(county, wang, "2026-08-05 11:30", 12_00, {LUNCH: 1}, arrives="2026-08-08 07:00"))

    county.issue(SEPTEMBER)
    august = county.close(AUGUST)[TOWN]
    assert (august.visits, august.subsidy_fen) == (1, 12_00)
    last = sold(buy(county, wang, "2026-09-10 08:30", 400_00, {DAY_CARE: 10}, personal_fen=46_00))
    assert (last.subsidy_fen, last.personal_fen) == (354_00, 46_00)
    september = county.close(SEPTEMBER)[TOWN]
    assert (september.visits, september.subsidy_fen, september.personal_fen) == (1, 354_00, 46_00)
    assert (county.left(wang), county.claim()) == ((0, 54_00), 450_00)

    settled = county.settle()[TOWN]
    assert settled.net_fen == 450_00
    o, h = payment_orders.c, settlement_shares.c
    with reading(county.engine) as conn:
        shares = dict(tuple(row) for row in conn.execute(select(h.payer, h.amount_fen)))
        orders = {tuple(row) for row in conn.execute(select(o.payer, o.payee, o.amount_fen))}
        left_out = conn.execute(select(exclusions.c.reason).order_by(exclusions.c.reason)).scalars().all()
        lines = conn.execute(select(statement_lines.c.debit_id)).scalars().all()
        told = explain.explain(conn, f"visit:{lunch.id}")
    assert shares == {"district": 315_00, "town": 135_00}
    provider = f"provider:{county.provider}"
    assert {(f"town:{TOWN}", provider, 450_00), ("district", f"town:{TOWN}", 315_00)} <= orders
    assert set(left_out) == {"void"}
    assert {lunch.id, last.id} < set(lines)
    assert {child.kind for child in told.children} >= {"line", "debit", "sale"}
    assert county.findings() == []


def test_sales_that_contradict_their_debits_are_found(county: County) -> None:
    wang = county.somebody(categories="低保", level=2)
    county.issue(JULY)
    one = sold(buy(county, wang, "2026-07-08 11:30", 24_00, {LUNCH: 2}))
    declined = buy(county, wang, "2026-07-08 11:31", 400_00, {DAY_CARE: 10})
    assert why(declined) is Reason.INSUFFICIENT_FUNDS
    s = counter_sales.c
    sales = select(s.id).where(s.status == "declined")

    def findings() -> list[str]:
        with reading(county.engine) as conn:
            return [finding.subject for finding in check(conn)]

    assert findings() == []
    for change in (
        {"agreed_fen": 25_00},
        {"agreed_personal_fen": 1},
        {"consent": "pin"},
        {"visit_id": None},
        {"status": "declined", "decline_reason": "insufficient_funds"},
        {"taken_back_at": at("2026-07-08 12:00"), "taken_back_how": "void"},
    ):
        with acting(county.engine) as act:
            before = act.conn.execute(select(counter_sales).where(s.id == one.id)).mappings().one()
            act.conn.execute(update(counter_sales).where(s.id == one.id).values(change))
        assert findings() == [f"sale:{one.id}"], change
        with acting(county.engine) as act:
            act.conn.execute(update(counter_sales).where(s.id == one.id).values({key: before[key] for key in change}))
    with acting(county.engine) as act:
        id = act.conn.execute(sales).scalar_one()
        act.conn.execute(update(counter_sales).where(s.id == id).values(status="sold", decline_reason=None))
    assert findings() == [f"sale:{id}"]
