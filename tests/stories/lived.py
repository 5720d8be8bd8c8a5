"""A quarter of two towns in which everything happens once: for tests that need books rather than a story."""

from __future__ import annotations

from settlement.closing import adjusting
from settlement.outcomes import Declined
from settlement.visits.forms import Visit
from tests.stories.county import (
    AUGUST,
    BATHING,
    BEDDING,
    CLEANING,
    COOKING,
    JULY,
    SECOND,
    SEPTEMBER,
    TOWN,
    County,
    Holder,
    checker,
)
from tests.support import acting

OTHER_TOWN = "丁伙镇"
TOWNS = (TOWN, OTHER_TOWN)


class Lived:
    """In each town somebody semi-disabled (150.00 a month) and somebody disabled (260.00).

    ===========  ======================================  ==========================
    subsidy      first town                              second town
    ===========  ======================================  ==========================
    July         3 x 60.00; 30.00 of 65.00               40.00
    August       2 x 60.00; less 60.00 void after close  65.00
    September    2 x 60.00
    penalty      -20.00
    the quarter  370.00                                  105.00
    ===========  ======================================  ==========================
    """

    def __init__(self, county: County) -> None:
        self.county = county
        self.semi, self.disabled = county.somebody(level=1), county.somebody(level=3)
        self.others: tuple[Holder, Holder] = (
            county.somebody(level=1, town=OTHER_TOWN),
            county.somebody(level=3, town=OTHER_TOWN),
        )
        self._to_be_void = ""

    def july(self) -> None:
        """Besides: own money, a debit declined for want of it, a visit void at once, one without a debit, one that nobody ended."""
        county = self.county
        for town in TOWNS:
            county.issue(JULY, town)
        county.top_up(self.semi, 100_00)
        for day in ("2026-07-02", "2026-07-06"):
            county.visit(self.semi, f"{day} 09:00", BATHING)
        self._to_be_void, _ = county.visit(self.disabled, "2026-07-08 09:00", BATHING, carer=1)
        visit = county.check_in(self.semi, "2026-07-09 09:00")
        assert isinstance(visit, Visit)
        out = county.check_out(self.semi, visit, COOKING, CLEANING)
        assert isinstance(county.debit(self.semi, out), Declined)
        county.debit(self.semi, out, own=35_00, attempt=2)
        county.visit(self.others[0], "2026-07-10 09:00", BEDDING, town=OTHER_TOWN)
        void, _ = county.visit(self.others[1], "2026-07-13 09:00", BEDDING, town=OTHER_TOWN)
        with acting(county.engine, "2026-07-14 09:00", checker(OTHER_TOWN)) as act:
            adjusting.void_visit(act, void, "substandard")
        undebited = county.check_in(self.disabled, "2026-07-15 09:00")
        assert isinstance(undebited, Visit)
        county.check_out(self.disabled, undebited, BATHING)
        assert isinstance(county.check_in(self.disabled, "2026-07-16 09:00"), Visit)

    def until_september_is_closed(self) -> None:
        """A void after July is closed, two months more, a penalty that stands on no statement."""
        county = self.county
        county.close(JULY)
        with acting(county.engine, "2026-08-12 09:00", checker()) as act:
            adjusting.void_visit(act, self._to_be_void, "substandard")
        for month in (AUGUST, SEPTEMBER):
            for town in TOWNS:
                county.issue(month, town)
            for carer, person in enumerate((self.semi, self.disabled)):
                county.visit(person, f"{month}-09 09:00", BATHING, carer=carer)
            if month is AUGUST:
                county.visit(self.others[1], "2026-08-20 09:00", COOKING, CLEANING, town=OTHER_TOWN)
            county.close(month)
        about = {"scheme_code": "jiangdu", "provider_id": county.provider, "town": TOWN, "origin_month": AUGUST}
        with acting(county.engine, "2026-09-20 09:00", checker()) as act:
            penalty = adjusting.propose(act, "penalty", amount_fen=-20_00, reason="回访率未达100%", **about)
        with acting(county.engine, "2026-09-21 09:00", SECOND) as act:
            adjusting.approve(act, penalty)
