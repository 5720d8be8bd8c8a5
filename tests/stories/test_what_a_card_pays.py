"""What a card pays: a balance that runs out in the middle of a debit, and last year's money under this year's cap."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Engine, select

from settlement.closing.tables import payment_orders
from settlement.db import reading
from settlement.outcomes import Declined, Reason
from settlement.periods import Month
from settlement.visits.forms import Debit, Visit
from tests.stories.county import BATHING, BEDDING, CLEANING, COOKING, JULY, TOWN, County, found


def parts(answer: object) -> tuple[int, int, int]:
    """(subsidy, personal, cash) of a debit that went through."""
    assert isinstance(answer, Debit), answer
    return answer.subsidy_fen, answer.personal_fen, answer.cash_fen


def declined(answer: object) -> tuple[Reason, int]:
    """Why, and how much was missing."""
    assert isinstance(answer, Declined), answer
    return answer.reason, int(answer.details.get("missing_fen", answer.details.get("missing", 0)))


def test_a_balance_runs_out_in_the_middle_of_a_debit(county: County) -> None:
    """150.00 of July; two baths of 60.00 leave 30.00, and a third costs 60.00.

    1. At the door, with no own money on the card: declined, nothing is taken. With 30.00 in cash against a receipt it goes through: 30.00
       subsidy, 30.00 cash.
    2. 100.00 of own money is loaded. A visit of 65.00 that the senior did not agree to pay is declined; agreed, it is 65.00 of own money.
    3. Bedding for 40.00, queued without signal and sent the next day; 20.00 of own money was agreed to, 35.00 are there: 20.00 is taken,
       and the provider, who served without asking, bears 20.00.

    July's statement: 5 visits, subsidy 150.00, own money 85.00, which is paid by an order of its own. Cash and what the provider bears
    are on no order.
    """
    wang = county.somebody()
    county.issue(JULY)
    county.visit(wang, "2026-07-02 09:00", BATHING)
    county.visit(wang, "2026-07-06 09:00", BATHING)
    assert county.left(wang) == (30_00, 0)

    third = county.check_in(wang, "2026-07-09 09:00")
    assert isinstance(third, Visit)
    out = county.check_out(wang, third, BATHING)
    assert declined(county.debit(wang, out)) == (Reason.INSUFFICIENT_FUNDS, 30_00)
    assert county.left(wang) == (30_00, 0)
    assert parts(county.debit(wang, out, cash=30_00, attempt=2)) == (30_00, 0, 30_00)
    assert county.left(wang) == (0, 0)

    county.top_up(wang, 100_00, "2026-07-13 10:00")
    fourth = county.check_in(wang, "2026-07-14 09:00")
    assert isinstance(fourth, Visit)
    out = county.check_out(wang, fourth, COOKING, CLEANING)
    assert declined(county.debit(wang, out)) == (Reason.PERSONAL_NOT_CONFIRMED, 65_00)
    assert parts(county.debit(wang, out, own=65_00, attempt=2)) == (0, 65_00, 0)

    tomorrow = "2026-07-21 08:00"
    queued = county.check_in(wang, "2026-07-20 09:00", arrives=tomorrow)
    assert isinstance(queued, Visit)
    out = county.check_out(wang, queued, BEDDING, arrives=tomorrow)
    last = county.debit(wang, out, own=20_00, arrives=tomorrow)
    assert parts(last) == (0, 20_00, 0)
    assert isinstance(last, Debit)
    assert last.shortfall_fen == 20_00
    assert county.left(wang) == (0, 15_00)

    july = county.close(JULY)[TOWN]
    assert (july.visits, july.subsidy_fen, july.personal_fen, july.net_fen) == (5, 150_00, 85_00, 150_00)
    with reading(county.engine) as conn:
        order = conn.execute(select(payment_orders)).one()
    assert (order.kind, order.payer, order.amount_fen) == ("personal", "card_operator", 85_00)
    assert county.findings() == []


def test_last_years_money_runs_into_this_years_cap_in_november(engine: Engine) -> None:
    """150.00 a month since July 2025. The six months of 2025 (900.00) are not touched and carry over.

    =====================================  ===========  ==================================
    2026                                   on the card  may still be spent this year
    =====================================  ===========  ==================================
    1 January, with January's 150.00          1,050.00  12 x 150.00 =            1,800.00
    end of October: 5 x 300.00, 5 x 40.00       700.00  1,800.00 - 1,700.00 =      100.00
    1 November, with November's 150.00          850.00                             100.00
    18 November: 3 baths for 180.00             750.00                               0.00
    =====================================  ===========  ==================================

    Of the 180.00 only 100.00 is subsidy: 80.00 is the senior's own. In December nothing can be spent although 900.00 lies there; in
    January 2027 a new year begins.
    """
    since, until = date(2025, 1, 6), date(2027, 1, 6)
    county = found(engine, founded="2025-01-06", contract=(since, until))
    zhao = county.somebody("1948-05-05", level=2, applied=date(2025, 6, 2))
    for number in range(16):
        county.issue(Month(2025, 7).plus(number))
        if number == 6:  # January 2026
            assert (county.left(zhao), county.year_left(zhao)) == ((1_050_00, 0), 1_800_00)
    for month in (3, 4, 5, 6, 7):
        _, big = county.visit(zhao, f"2026-{month:02d}-10 09:00", BATHING, quantity=5)
        _, small = county.visit(zhao, f"2026-{month:02d}-20 09:00", BEDDING)
        assert (parts(big), parts(small)) == ((300_00, 0, 0), (40_00, 0, 0))
    assert (county.left(zhao), county.year_left(zhao)) == ((700_00, 0), 100_00)
    county.issue(Month(2026, 11))
    assert (county.left(zhao), county.year_left(zhao)) == ((850_00, 0), 100_00)

    visit = county.check_in(zhao, "2026-11-18 09:00")
    assert isinstance(visit, Visit)
    out = county.check_out(zhao, visit, BATHING, quantity=3)
    assert declined(county.debit(zhao, out)) == (Reason.INSUFFICIENT_FUNDS, 80_00)
    county.top_up(zhao, 100_00, "2026-11-18 10:10")
    assert parts(county.debit(zhao, out, own=80_00, attempt=2)) == (100_00, 80_00, 0)
    assert (county.left(zhao), county.year_left(zhao)) == ((750_00, 20_00), 0)

    county.issue(Month(2026, 12))
    _, december = county.visit(zhao, "2026-12-08 09:00", BATHING, own=20_00)
    assert declined(december) == (Reason.INSUFFICIENT_FUNDS, 40_00)
    county.issue(Month(2027, 1))
    _, january = county.visit(zhao, "2027-01-04 09:00", BATHING)
    assert parts(january) == (60_00, 0, 0)
    assert (county.left(zhao), county.year_left(zhao, 2027)) == ((990_00, 20_00), 1_740_00)
    assert county.findings() == []
