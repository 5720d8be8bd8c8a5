"""What is learnt too late: a death in the middle of a month, and a visit that does not count after its month was closed."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select

from settlement.closing import adjusting
from settlement.closing.tables import adjustments, exclusions, settlement_shares
from settlement.db import reading
from settlement.ledger import chart
from settlement.outcomes import Declined, Reason
from settlement.visits.forms import Debit
from settlement.visits.tables import debits, visits, work_orders
from settlement.vouchers import cap, life
from tests.stories.county import (
    AUGUST,
    BATHING,
    BEDDING,
    CLEANING,
    COOKING,
    JULY,
    SCHEME,
    SEPTEMBER,
    TOWN,
    County,
    Holder,
    checker,
    head,
)
from tests.support import acting, at


def test_a_death_on_the_15th(county: County) -> None:
    """150.00 a month; dies on 15 August, which the offices learn on 8 September.

    ============  ==============================================  ========
    1 July        issued 150.00, a bath of 60.00 on the 10th         90.00
    1 August      issued 150.00, four baths on the 5th, 240.00        0.00
    1 September   issued 150.00                                     150.00
    3 September   somebody scans the card twice, 60.00 each          30.00
    8 September   learnt                                              0.00
    ============  ==============================================  ========

    The month of the death stays issued. Of September's 150.00 the 30.00 still there is taken back, and 120.00 was spent and is owed: 84.00 to
    the district, 36.00 to the town. The visits of 3 September stay off the statement; once they are void, their money is back and settles
    what is owed.
    """
    zhang = county.somebody("1941-11-11", level=1)
    county.issue(JULY)
    county.visit(zhang, "2026-07-10 09:00", BATHING)
    county.issue(AUGUST)
    county.visit(zhang, "2026-08-05 09:00", BATHING, quantity=4)
    county.issue(SEPTEMBER)
    county.close(JULY)
    august = county.close(AUGUST)[TOWN]
    assert (august.visits, august.subsidy_fen) == (1, 240_00)
    ghosts = [county.visit(zhang, f"2026-09-03 {hour}:00", BATHING) for hour in ("09", "15")]
    assert [debit.subsidy_left_fen for _, debit in ghosts if isinstance(debit, Debit)] == [90_00, 30_00]

    with acting(county.engine, "2026-09-08 09:00", head()) as act:
        ended = life.learn_of_death(act, zhang.senior_id, date(2026, 8, 15))
    assert ended.months_back == (life.MonthBack("2026-09", issued=150_00, taken_back=30_00, receivable=120_00),)
    assert (ended.frozen_from, ended.spent_since_subsidy) == (at("2026-08-15 00:00"), 120_00)
    assert county.entitled(zhang.senior_id) == [("needy", 150_00, "2026-07", "2026-08")]
    assert county.left(zhang) == (0, 0)
    assert _owed(county, zhang) == (120_00, 84_00, 36_00)
    with acting(county.engine) as act:
        assert cap.year_view(act.conn, zhang.card_id, 2026).entitled == 300_00

    later = county.check_in(zhang, "2026-09-10 09:00")
    assert isinstance(later, Declined)
    assert later.reason is Reason.ACCOUNT_FROZEN
    assert county.close(SEPTEMBER) == {}
    with reading(county.engine) as conn:
        stopped = exclusions.c.reason == "payment_stop:after_death"
        assert conn.execute(select(exclusions.c.subsidy_fen).where(stopped)).scalars().all() == [60_00, 60_00]

    with acting(county.engine, "2026-10-05 09:00", head()) as act:
        for ghost, _ in ghosts:
            assert not isinstance(adjusting.void_visit(act, ghost, "dead"), Declined)
    assert county.left(zhang) == (0, 0)
    assert _owed(county, zhang) == (0, 0, 0)
    settled = county.settle()[TOWN]
    assert settled.net_fen == 300_00  # July's 60.00 and August's 240.00
    assert county.claim() == 0
    assert county.findings() == []


def _owed(county: County, someone: Holder) -> tuple[int, int, int]:
    """(by the heirs, to the district, to the town). The payers' accounts are looked at before the quarter is posted."""
    owing = -county.balance(chart.RECEIVABLE, f"senior:{someone.senior_id}")
    return owing, county.balance(chart.PAYER, "payer:district"), county.balance(chart.PAYER, f"payer:town/{TOWN}")


def test_a_death_that_was_a_mistake(county: County) -> None:
    """80.00 a month. July to September issued, a bath and bedding, 100.00, on 10 August; 40.00 on 3 September: 100.00 left.
    A death on 15 July, learnt on 8 September: 100.00 comes back and 60.00 is owed, 42.00 and 18.00. Found to be wrong on the 10th: 100.00 is
    there again, nothing is owed, the card works at the door, and of the cap of 480.00 there are 340.00 left. The checks of the month had
    stopped both visits; the stops are for people to lift.
    """
    wang = county.somebody("1950-09-09", level=0)
    county.issue(JULY)
    county.issue(AUGUST)
    county.visit(wang, "2026-08-10 09:00", BATHING, BEDDING)
    county.issue(SEPTEMBER)
    county.visit(wang, "2026-09-03 09:00", BEDDING)
    assert county.left(wang) == (100_00, 0)
    with acting(county.engine, "2026-09-08 09:00", head()) as act:
        ended = life.learn_of_death(act, wang.senior_id, date(2026, 7, 15))
    assert (ended.taken_back, ended.receivable, ended.spent_since_subsidy) == (100_00, 60_00, 140_00)
    assert _owed(county, wang) == (60_00, 42_00, 18_00)
    county.close(JULY)
    assert county.close(AUGUST) == {}  # stopped: after the death

    with acting(county.engine, "2026-09-10 09:00", head()) as act:
        done = life.reinstate(act, SCHEME, wang.senior_id, "同名误登")
    assert (done.first_month, done.given_back, done.no_longer_owed) == ("2026-08", 100_00, 60_00)
    assert county.left(wang) == (100_00, 0)
    assert _owed(county, wang) == (0, 0, 0)
    assert county.year_left(wang) == 340_00
    county.visit(wang, "2026-09-12 09:00", BATHING)
    assert county.left(wang) == (40_00, 0)
    assert county.findings() == []


def test_a_void_after_the_month_is_closed(county: County) -> None:
    """
    =========  ==============================================================  ========  ===========  ======
    statement  visits                                                          subsidy   adjustments  net
    =========  ==============================================================  ========  ===========  ======
    July       60.00 and 65.00                                                 125.00          0.00   125.00
    August     on the 12th July's 60.00 is void; given again on the 20th        60.00        -60.00     0.00
    September  40.00                                                            40.00          0.00    40.00
    =========  ==============================================================  ========  ===========  ======

    July's statement and its debit stay as they are. The quarter nets to 165.00: 115.50 and 49.50. The card gets its 60.00 back at once, and
    so does the year's cap: 6 x 150.00 less 65.00, 60.00 and 40.00 is 735.00.
    """
    sun = county.somebody("1950-09-09", level=1)
    county.issue(JULY)
    poor, _ = county.visit(sun, "2026-07-09 09:00", BATHING)
    county.visit(sun, "2026-07-23 09:00", COOKING, CLEANING)
    county.issue(AUGUST)
    before = county.close(JULY)[TOWN]
    assert county.left(sun) == (175_00, 0)

    with acting(county.engine, "2026-08-12 09:00", checker()) as act:
        voided = adjusting.void_visit(act, poor, "substandard")
    assert isinstance(voided, adjusting.VoidedAfterClose)
    assert county.left(sun) == (235_00, 0)
    with reading(county.engine) as conn:
        again = conn.execute(select(work_orders).where(work_orders.c.again_for_visit_id == poor)).one()
        assert (again.origin, again.items, again.id) == ("again", [BATHING], voided.again_order_id)
        assert conn.execute(select(visits.c.status).where(visits.c.id == poor)).scalar_one() == "void"
        assert conn.execute(select(debits.c.status).where(debits.c.visit_id == poor)).scalar_one() == "posted"

    county.visit(sun, "2026-08-20 09:00", BATHING)
    county.issue(SEPTEMBER)
    august = county.close(AUGUST)[TOWN]
    assert (august.visits, august.subsidy_fen, august.adjustments_fen, august.net_fen) == (1, 60_00, -60_00, 0)
    county.visit(sun, "2026-09-15 09:00", BEDDING)
    september = county.close(SEPTEMBER)[TOWN]
    assert (september.subsidy_fen, september.adjustments_fen, september.net_fen) == (40_00, 0, 40_00)
    assert county.statements(JULY)[TOWN] == before
    assert county.year_left(sun) == 735_00

    settled = county.settle()[TOWN]
    assert (settled.gross_fen, settled.adjustments_fen, settled.net_fen) == (165_00, 0, 165_00)
    a, h = adjustments.c, settlement_shares.c
    with reading(county.engine) as conn:
        carried = conn.execute(select(a.statement_id, a.amount_fen, a.origin_month).where(a.visit_id == poor)).one()
        shares = dict(tuple(row) for row in conn.execute(select(h.payer, h.amount_fen)))
    assert tuple(carried) == (august.id, -60_00, "2026-07")
    assert shares == {"district": 115_50, "town": 49_50}
    assert county.findings() == []
