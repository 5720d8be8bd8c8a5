"""Budgets, commitments, the journal and the end of a year, on one county whose figures are worked out by hand.

On the one card lie 100,000.00 yuan of 2025. In July 1,000.00 are spent in 仙女镇 and 10.01 in 丁伙镇; the card's holder lives in 仙女镇. Shares 7 : 3.
"""

from __future__ import annotations

import csv
import io
from datetime import date

import pytest
from openpyxl import load_workbook

from settlement.closing import adjusting, payment
from settlement.closing.tables import payment_orders
from settlement.db import reading
from settlement.outcomes import Reason, Refused
from settlement.periods import Month
from settlement.treasury import accounting, budgets, year_end
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
    TOWN_1,
    XIANNV,
    County,
)
from tests.support import acting, officer

X, D = f"town:{XIANNV}", f"town:{DINGHUO}"
NOW, TODAY = "2026-10-12 09:00", date(2026, 10, 12)
DAY = date(2026, 1, 5)
TOWN_FINANCE = officer("tf", "town_finance", town=XIANNV)


@pytest.fixture
def served(county: County) -> County:
    county.serve("v1", "A", XIANNV, subsidy=100_000)
    county.serve("v2", "B", DINGHUO, subsidy=1001)
    return county


def settle(county: County) -> None:
    for month in (JULY, AUGUST, SEPTEMBER):
        county.close(month)
    assert county.settle() == "ordered"


def positions(county: County, year: int = 2026, today: date = TODAY) -> dict[str, budgets.Position]:
    with reading(county.engine) as conn:
        return {at.payer: at for at in budgets.positions(conn, SCHEME, year, today)}


def grant(county: County, payer: str, fen: int, year: int = 2026, now: str = NOW) -> int:
    with acting(county.engine, now, FINANCE) as act:
        id = budgets.propose(act, SCHEME, year, payer, fen, "江财社〔2026〕1号", DAY)
    with acting(county.engine, now, FINANCE_2) as act:
        budgets.approve(act, id)
    return id


def refused(reason: Reason) -> pytest.RaisesExc[Refused]:
    return pytest.RaisesExc(Refused, check=lambda error: error.reason is reason)


def test_what_can_still_be_spent_and_what_was_spent_is_committed_before_it_is_settled(served: County) -> None:
    found = positions(served, today=date(2026, 7, 20))
    # 仙女镇: 98,989.99 on the card + 1,000.00 spent = 99,989.99 at 7:3 = 69,992.993 + 29,996.997; 丁伙镇: 10.01 = 7.007 + 3.003.
    assert {name: at.open for name, at in found.items()} == {"district": 6_999_299 + 701, X: 2_999_700, D: 300}
    assert all(at.settled == at.paid == 0 for at in found.values())
    assert list(found) == ["district", D, X]


def test_settled_and_paid_leave_what_is_open(served: County) -> None:
    settle(served)
    found = positions(served)
    # On the card 98,989.99 = 69,292.993 + 29,696.997.
    assert {name: (at.settled, at.open) for name, at in found.items()} == {
        "district": (70_000 + 701, 6_929_299),
        X: (30_000, 2_969_700),
        D: (300, 0),
    }
    with acting(served.engine, NOW, FINANCE) as act:
        payment.export(act, SCHEME, "2026-Q3")
    lines = [
        f"D|{row.id}|{row.amount_fen // 100}.{row.amount_fen % 100:02d}|成功|B1|" for row in served.rows(payment_orders)
    ]
    with acting(served.engine, NOW, FINANCE) as act:
        assert payment.confirm(act, "\r\n".join(lines).encode("gb18030")).paid == 4
    # The towns paid 1,000.00 and 10.01 and got 700.00 and 7.01 from the district.
    assert {name: at.paid for name, at in positions(served).items()} == {"district": 70_701, X: 30_000, D: 300}


def test_an_appropriation_counts_once_another_has_approved_it(served: County) -> None:
    with acting(served.engine, NOW, FINANCE) as act:
        id = budgets.propose(act, SCHEME, 2026, "district", 800_000_000, "江财社〔2026〕1号", DAY)
    at = positions(served)["district"]
    assert (at.appropriated, at.proposed) == (0, 800_000_000)
    with refused(Reason.SAME_PERSON), acting(served.engine, NOW, FINANCE) as act:
        budgets.approve(act, id)
    with acting(served.engine, NOW, FINANCE_2) as act:
        budgets.approve(act, id)
    at = positions(served)["district"]
    assert (at.appropriated, at.proposed, at.left) == (800_000_000, 0, 800_000_000 - 7_000_000)
    with refused(Reason.WRONG_STATE), acting(served.engine, NOW, FINANCE) as act:
        budgets.withdraw(act, id, "重复")


def test_a_budget_is_reduced_but_not_below_nothing(served: County) -> None:
    grant(served, X, 5000)
    grant(served, X, -2000)
    assert positions(served)[X].appropriated == 3000
    with refused(Reason.BUDGET_NEGATIVE):
        grant(served, X, -3001)
    assert positions(served)[X].appropriated == 3000


@pytest.mark.parametrize("payer", ["district:x", "town", "card_operator", "province", ""])
def test_who_is_no_payer_of_the_scheme_has_no_budget(served: County, payer: str) -> None:
    with refused(Reason.NOT_FOUND):
        grant(served, payer, 1)


def test_a_towns_finance_has_a_say_in_its_own_budget_only(served: County) -> None:
    for payer in ("district", D):
        with refused(Reason.NOT_ALLOWED), acting(served.engine, NOW, TOWN_FINANCE) as act:
            budgets.propose(act, SCHEME, 2026, payer, 1, "x", DAY)
    with acting(served.engine, NOW, TOWN_FINANCE) as act:
        assert budgets.propose(act, SCHEME, 2026, X, 1, "仙财〔2026〕3号", DAY)
    with refused(Reason.NOT_ALLOWED), acting(served.engine, NOW, TOWN_1) as act:
        budgets.propose(act, SCHEME, 2026, X, 1, "x", DAY)


def test_an_issuance_beyond_the_budget_is_warned_of_before(served: County) -> None:
    grant(served, "district", 7_100_000)  # 1,000.00 more than the 70,000.00 it is bound to
    with reading(served.engine) as conn:
        month = Month(2026, 10)
        # 2,000.00 at 7:3: the district bears 1,400.00. The town has no budget on record and is not named.
        assert budgets.short_after(conn, SCHEME, month, {XIANNV: 200_000}, TODAY) == [
            budgets.Short("district", -40_000)
        ]
        assert (
            budgets.short_after(conn, SCHEME, month, {XIANNV: 142_857}, TODAY) == []
        )  # 1,428.57: the district's part is 1,000.00


# -- entries ------------------------------------------------------------------------------------------------------------------
def test_the_journal_of_the_quarter_sums_to_zero_and_names_no_card(served: County) -> None:
    settle(served)
    with reading(served.engine) as conn:
        july = accounting.as_csv(accounting.entries(conn, date(2026, 7, 1), date(2026, 8, 1))).decode("utf-8-sig")
        october = accounting.totals(accounting.entries(conn, date(2026, 10, 1), date(2027, 1, 1)))
        book = accounting.as_workbook(accounting.entries(conn, date(2026, 7, 1), date(2026, 8, 1)))
    rows = list(csv.reader(io.StringIO(july)))
    assert tuple(rows[0]) == accounting.COLUMNS
    found = {(row[1], row[3]): (row[4], row[5]) for row in rows[1:] if row[1] == "provider_claim"}
    assert found == {
        ("provider_claim", f"provider:{served.providers['A']}/{XIANNV}"): ("", "1000.00"),
        ("provider_claim", f"provider:{served.providers['B']}/{DINGHUO}"): ("", "10.01"),
    }
    assert sorted((row[3], row[4]) for row in rows[1:] if row[1] == "card_subsidy") == [("", "10.01"), ("", "1000.00")]
    assert "card:" not in july
    sums = {one.code: (one.debit, one.credit) for one in october}
    assert sums["provider_claim"] == (101_001, 0)
    assert sums["payer"] == (101_001, 0)
    assert sum(debit for debit, _ in sums.values()) == sum(credit for _, credit in sums.values())
    last = [cell.value for cell in list(load_workbook(io.BytesIO(book)).active.rows)[-1]]
    assert last[4:6] == [1010.01, 1010.01]


@pytest.mark.parametrize(("kind", "fen"), [("penalty", -5_000), ("clawback", -5_000), ("correction", 5_003)])
def test_every_entry_of_the_journal_has_words(served: County, kind: str, fen: int) -> None:
    facts = {"scheme_code": SCHEME, "provider_id": served.providers["A"], "town": XIANNV, "origin_month": JULY}
    with acting(served.engine, "2026-09-20 09:00", AFFAIRS) as act:
        id = adjusting.propose(act, kind, **facts, amount_fen=fen, reason="x")
    with acting(served.engine, "2026-09-21 09:00", AFFAIRS_2) as act:
        adjusting.approve(act, id)
    settle(served)
    with reading(served.engine) as conn:
        rows = list(accounting.rows(accounting.entries(conn, date(2026, 7, 1), date(2027, 1, 1))))
    assert sum(row[4] for row in rows) == sum(row[5] for row in rows)
    assert {row[8] for row in rows if row[8].isascii()} == set()
    assert sum(row[4] for row in rows if row[8] == accounting.WORDS[kind]) == abs(fen)


# -- the end of the year ------------------------------------------------------------------------------------------------------
NEW_YEAR, JANUARY = "2027-01-15 09:00", date(2027, 1, 15)


def blockers(county: County, today: date = JANUARY) -> list[str]:
    with reading(county.engine) as conn:
        return [en for _, en in year_end.blockers(conn, SCHEME, 2026, today)]


def test_a_year_is_closed_by_two_people_for_the_figures_that_stand(served: County) -> None:
    for month in (JULY, AUGUST, SEPTEMBER):
        served.close(month)
    assert blockers(served) == ["2026-10, 2026-11, 2026-12 not closed", "2026-Q3 is not posted"]
    with refused(Reason.YEAR_NOT_READY), acting(served.engine, NEW_YEAR, FINANCE) as act:
        year_end.prepare(act, SCHEME, 2026)
    served.settle()
    for number in (10, 11, 12):
        served.close(Month(2026, number))
    assert blockers(served) == []
    assert blockers(served, date(2026, 12, 31)) == ["2026 is not over"]

    with reading(served.engine) as conn:
        found = year_end.figures(conn, SCHEME, 2026, JANUARY)
    assert {row["payer"]: (row["settled"], row["open"]) for row in found["payers"]} == {
        "district": (70_701, 0),
        X: (30_000, 0),
        D: (300, 0),
    }
    assert found["subsidy"] == {
        "outstanding_before": 10_000_000,
        "issued": 0,
        "taken_back": 0,
        "lapsed": 0,
        "outstanding_after": 9_898_999,
        "claimed": 0,
        "on_cards": 9_898_999,
    }
    assert (found["rule"], found["cap"]) == ("carries", {"cards": 1, "entitled": 10_000_000, "spent": 101_001})
    assert found["quarters"] == [{"quarter": "2026-Q3", "settlements": 2, "net": 101_001, "receivable": 0}]

    with acting(served.engine, NEW_YEAR, FINANCE) as act:
        year_end.prepare(act, SCHEME, 2026)
    with refused(Reason.SAME_PERSON), acting(served.engine, NEW_YEAR, FINANCE) as act:
        year_end.close(act, SCHEME, 2026)
    # A grant of the old year after it was prepared: the figures are no longer those.
    grant(served, X, 50_000, now=NEW_YEAR)
    with refused(Reason.CHANGED_MEANWHILE), acting(served.engine, NEW_YEAR, FINANCE_2) as act:
        year_end.close(act, SCHEME, 2026)
    with acting(served.engine, NEW_YEAR, FINANCE) as act:
        year_end.prepare(act, SCHEME, 2026)
    with acting(served.engine, NEW_YEAR, FINANCE_2) as act:
        year_end.close(act, SCHEME, 2026)
    with refused(Reason.YEAR_CLOSED):
        grant(served, X, 1, now=NEW_YEAR)
    with refused(Reason.YEAR_CLOSED), acting(served.engine, NEW_YEAR, FINANCE) as act:
        year_end.prepare(act, SCHEME, 2026)
    # What lies on cards is the new year's.
    assert {name: at.open for name, at in positions(served, 2027, JANUARY).items()} == {
        "district": 6_929_299,
        X: 2_969_700,
    }


def test_what_was_spent_in_december_is_still_the_old_years(served: County) -> None:
    settle(served)
    served.serve("v3", "A", XIANNV, "2026-12-20 09:00", subsidy=50_000)
    old, new = positions(served, 2026, JANUARY), positions(served, 2027, JANUARY)
    assert {name: at.open for name, at in old.items()} == {"district": 35_000, X: 15_000, D: 0}
    # On the card 98,489.99 = 68,942.993 + 29,546.997.
    assert {name: at.open for name, at in new.items()} == {"district": 6_894_299, X: 2_954_700}


def test_nobody_closes_what_nobody_has_prepared(county: County) -> None:
    with refused(Reason.OUT_OF_TURN), acting(county.engine, NEW_YEAR, FINANCE) as act:
        year_end.close(act, SCHEME, 2026)
