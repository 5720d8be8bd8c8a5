"""Ages and categories: eighty in mid-quarter, and needy at eighty."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from settlement.outcomes import Reason, Refused
from settlement.people import changes, enrolment
from settlement.people.tables import entitlements
from settlement.periods import Month
from settlement.vouchers import cap, issuance
from tests.stories.county import AUGUST, JULY, SCHEME, SECOND, SEPTEMBER, TOWN, County, clerk
from tests.support import acting


def test_eighty_in_august_is_paid_from_january(county: County) -> None:
    """Born on 10 August 1946, not needy: 79 when the summer intake closes, 80 in the middle of the third quarter.

    Nothing is issued in that quarter, nobody may apply between the intakes, and the winter one (30 November to 31 December) leads to 60.00 a
    month from January 2027: its publicity ends in December, and the first month is the one after.
    """
    li = county.register("1946-08-10", level=0)
    with acting(county.engine, "2026-06-02 09:00", clerk()) as act:
        tried = act.conn.begin_nested()
        applied = enrolment.apply_many(act, county.scheme, [li], date(2026, 6, 2))
        with pytest.raises(Refused) as early:
            enrolment.pass_step(act, county.scheme, applied, "village_check")
        tried.rollback()
    assert early.value.reason is Reason.NOT_ELIGIBLE

    for due in (JULY, AUGUST, SEPTEMBER):
        with acting(county.engine, f"{due.first_day} 01:00") as act:
            assert issuance.draft(act, SCHEME, due) == []
    with pytest.raises(Refused) as between, acting(county.engine, "2026-08-11 09:00", SECOND) as act:
        enrolment.apply_many(act, county.scheme, [li], date(2026, 8, 11))
    assert between.value.reason is Reason.OUTSIDE_INTAKE
    assert between.value.details["next"] == date(2026, 11, 30)

    county.enrol(li, applied=date(2026, 12, 1), apply=True)
    assert county.entitled(li) == [("aged", 60_00, "2027-01", None)]
    with acting(county.engine, "2026-12-28 09:00") as act:
        assert issuance.draft(act, SCHEME, Month(2026, 12)) == []
    run = county.issue(Month(2027, 1))
    assert (run.people, run.amount) == (1, 60_00)
    assert county.left(county.holder(li)) == (60_00, 0)


def test_needy_at_eighty_gets_one_benefit_the_higher(county: County) -> None:
    """82 years old and of a low-income family, able: 80.00 as needy beats 60.00 as aged, and they are never added.

    On 20 August the family is no longer on low income: from September it is 60.00. So the year gives 2 x 80.00 + 4 x 60.00 = 400.00.
    """
    chen = county.somebody("1944-02-02", categories="低保", level=0)
    assert county.entitled(chen.senior_id) == [("needy", 80_00, "2026-07", None)]
    with acting(county.engine) as act:
        told = act.conn.execute(select(entitlements.c.explanation, entitlements.c.clause)).one()
    assert [each["benefit"] for each in told.explanation["against"]] == ["aged"]
    assert told.clause == "三(一)1"

    assert county.issue(JULY).amount == 80_00
    assert county.issue(AUGUST).amount == 80_00
    with acting(county.engine, "2026-08-21 09:00", SECOND) as act:
        changes.lose_category(act, county.scheme, chen.senior_id, "low_income", date(2026, 8, 20))
    assert county.entitled(chen.senior_id) == [("needy", 80_00, "2026-07", "2026-08"), ("aged", 60_00, "2026-09", None)]
    assert county.issue(SEPTEMBER).amount == 60_00
    assert county.left(chen) == (220_00, 0)
    with acting(county.engine) as act:
        assert cap.year_view(act.conn, chen.card_id, 2026).entitled == 400_00
    assert county.close(JULY) == {}
    assert county.statements(JULY).get(TOWN) is None
    assert county.findings() == []
