"""A stopped visit waits for a second person: released, the next statement pays it; upheld, it is void and the money goes back."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, select, update

from settlement.act import SYSTEM, Actor
from settlement.closing import month
from settlement.closing.tables import adjustments, exclusions, statement_lines
from settlement.db import reading
from settlement.fraud import deciding
from settlement.fraud.scan import found, scan
from settlement.ledger import balance
from settlement.outcomes import Reason, Refused
from settlement.periods import Month
from settlement.policy import store
from settlement.visits.tables import debits, payment_stops, visits
from tests.closing.county import AFFAIRS, AUGUST, JULY, OTHER_TOWN_1, SCHEME, TOWN_1, TOWN_2, County, after
from tests.support import acting, officer

BOTH = ["caregiver_overlap", "senior_overlap"]


@pytest.fixture
def county(engine: Engine) -> County:
    """Two visits of one senior by one caregiver, half an hour of each at the same time, and an honest one."""
    county = County(engine).build()
    county.serve("one", when="2026-07-10 09:00", subsidy=1)
    county.serve("two", when="2026-07-10 09:30", subsidy=1)
    county.serve("fine", when="2026-07-20 09:00", subsidy=1)
    return county


def close(county: County, which: Month) -> None:
    """As the entry points close a month: the signals run as its checks."""
    for _ in range(3):
        with acting(county.engine, after(which), SYSTEM) as act:
            month.advance(act, SCHEME, which, scan)
    county.sign_month(which)


def decide(
    county: County, decision: str, visit: str, by: Actor = TOWN_1, why: str = "问过老人 asked the senior"
) -> list[str]:
    with acting(county.engine, "2026-08-12 09:00", by) as act:
        return deciding.release(act, visit, why) if decision == "release" else deciding.uphold(act, visit, why)


def refused(county: County, decision: str, visit: str, by: Actor = TOWN_1, why: str = "x") -> Reason:
    with pytest.raises(Refused) as refusal:
        decide(county, decision, visit, by, why)
    return refusal.value.reason


def paid_on(county: County) -> dict[str, str]:
    with reading(county.engine) as conn:
        rows = conn.execute(select(statement_lines.c.visit_id, statement_lines.c.statement_id))
        return {row.visit_id: row.statement_id.split("-")[1] + "-" + row.statement_id.split("-")[2] for row in rows}


def test_what_is_stopped_stays_out_is_listed_and_is_paid_once_released(county: County) -> None:
    close(county, JULY)
    assert paid_on(county) == {"fine": "2026-07"}
    with reading(county.engine) as conn:
        listed = conn.execute(select(exclusions.c.visit_id, exclusions.c.reason, exclusions.c.detail)).all()
    assert {(row.visit_id, row.reason) for row in listed} == {
        (visit, f"payment_stop:{signal}") for visit in ("one", "two") for signal in BOTH
    }
    detail = next(row.detail for row in listed if row.reason == "payment_stop:senior_overlap")
    assert detail == {
        "rows": ["visit:one", "visit:two", f"senior:{county.senior}"],
        "measured": {"minutes": 30},
        "threshold": {"over_minutes": 5},
        "source": "default",
    }

    assert decide(county, "release", "one") == BOTH
    assert decide(county, "uphold", "two") == BOTH
    close(county, AUGUST)

    assert paid_on(county) == {"fine": "2026-07", "one": "2026-08"}
    with reading(county.engine) as conn:
        states = {(each.visit_id, each.signal): each.stop for each in found(conn, SCHEME, JULY) if each.stop}
    assert states == {
        (visit, signal): state for visit, state in (("one", "released"), ("two", "upheld")) for signal in BOTH
    }


def test_upheld_the_money_goes_back_to_the_card(county: County) -> None:
    close(county, JULY)
    purse = 1
    with reading(county.engine) as conn:
        before = balance.balance(conn, purse)
    decide(county, "uphold", "two")

    with reading(county.engine) as conn:
        assert balance.balance(conn, purse) == before + 1
        visit = conn.execute(
            select(visits.c.status, visits.c.void_reason, visits.c.void_by).where(visits.c.id == "two")
        ).one()
        assert conn.execute(select(debits.c.status).where(debits.c.visit_id == "two")).scalar_one() == "reversed"
    assert tuple(visit) == ("void", "fraud", "wang")


def test_found_only_after_it_was_paid(county: County) -> None:
    """A rival visit arrives after July was closed, and shows that the paid one cannot be true; upheld, an adjustment takes the money back."""
    close(county, JULY)
    county.serve("late", when="2026-07-20 09:30", subsidy=1, learnt="2026-08-10 09:00")
    with acting(county.engine, "2026-08-11 09:00") as act:
        found_now = {each.visit_id for each in scan(act, store.in_force(act.conn, SCHEME, JULY), JULY) if each.stop}
    assert {"fine", "late"} <= found_now

    decide(county, "uphold", "fine")
    with reading(county.engine) as conn:
        booked = conn.execute(select(adjustments.c.visit_id, adjustments.c.kind, adjustments.c.amount_fen)).all()
        assert conn.execute(select(debits.c.status).where(debits.c.visit_id == "fine")).scalar_one() == "posted"
    assert [tuple(row) for row in booked] == [("fine", "void_after_close", -1)]


def test_who_may_decide(county: County) -> None:
    close(county, JULY)
    assert refused(county, "release", "one", TOWN_2) is Reason.NOT_ALLOWED  # another town's
    assert refused(county, "release", "one", officer("wu", "provider")) is Reason.NOT_ALLOWED
    assert refused(county, "uphold", "nowhere") is Reason.NOT_FOUND
    assert refused(county, "release", "fine") is Reason.WRONG_STATE  # nothing stops it
    assert refused(county, "release", "one", why=" ") is Reason.BAD_INPUT

    with acting(county.engine) as act:
        act.conn.execute(
            update(payment_stops).where(payment_stops.c.source == "senior_overlap").values(placed_by="wang")
        )
    assert refused(county, "release", "one") is Reason.SAME_PERSON  # who placed it
    assert decide(county, "release", "one", OTHER_TOWN_1) == BOTH
    assert refused(county, "uphold", "one", AFFAIRS) is Reason.WRONG_STATE  # decided already
