"""A quarter: what three months bring, who bears it, who signs, what is paid and what is owed back."""

from __future__ import annotations

import pytest

from settlement.act import Actor
from settlement.closing import adjusting, approving, integrity, quarter
from settlement.closing.tables import adjustments, payment_orders, quarter_approvals, settlement_shares, settlements
from settlement.db import reading
from settlement.ledger import chart
from settlement.ledger.tables import transfers
from settlement.outcomes import Reason, Refused
from settlement.periods import Month, Quarter
from settlement.policy import store
from tests.closing.county import (
    AFFAIRS,
    AFFAIRS_2,
    AUGUST,
    DINGHUO,
    FINANCE,
    JIANGDU,
    JULY,
    Q3,
    Q4,
    SCHEME,
    SEPTEMBER,
    TOWN_1,
    TOWN_2,
    XIANNV,
    County,
    after,
)
from tests.support import acting, officer


def close_all(county: County, *months: Month) -> None:
    for which in months or (JULY, AUGUST, SEPTEMBER):
        county.close(which)


def shares(county: County, settlement: str) -> dict[str, int]:
    return {row.payer: row.amount_fen for row in county.rows(settlement_shares, settlement_id=settlement)}


def settlement_id(county: County, provider: str = "A", town: str = XIANNV, which: object = Q3) -> str:
    return f"{SCHEME}-{which}-{county.providers[provider]}-{town}"


def penalty(county: County, amount: int, kind: str = "penalty", month: Month = JULY, town: str = XIANNV) -> str:
    with acting(county.engine, "2026-09-20 09:00", AFFAIRS) as act:
        id = adjusting.propose(
            act,
            kind,
            scheme_code=SCHEME,
            provider_id=county.providers["A"],
            town=town,
            origin_month=month,
            amount_fen=amount,
            reason="满意度低于80%",
        )
    with acting(county.engine, "2026-09-21 09:00", AFFAIRS_2) as act:
        adjusting.approve(act, id)
    return id


def refused(reason: Reason, county: County, who: Actor, step: str, town: str = "", total: int | None = None) -> None:
    with pytest.raises(Refused) as refusal:
        county.sign(who, step, town, total)
    assert refusal.value.reason is reason


def proved(county: County) -> None:
    with reading(county.engine) as conn:
        assert integrity.check(conn) == []


@pytest.mark.parametrize(("net", "district", "town"), [(1, 1, 0), (3, 2, 1), (7, 5, 2)])
def test_a_split_of_a_few_fen(county: County, net: int, district: int, town: int) -> None:
    county.serve("v1", subsidy=net)
    close_all(county)
    county.settle()
    assert shares(county, settlement_id(county)) == {"district": district, "town": town}
    proved(county)


def test_a_quarter_is_split_once_per_provider_and_town_and_paid_by_the_town(county: County) -> None:
    # 3 x 335 fen: split month by month the district would bear 3 x 235 = 705, split once 1005 -> 704 (703.5; the tie goes to the first payer).
    for number, month in enumerate(("07", "08", "09")):
        county.serve(f"v{number}", "A", XIANNV, f"2026-{month}-10 09:00", subsidy=335)
    county.serve("w", "B", XIANNV, "2026-08-10 09:00", subsidy=1000)
    county.serve("x", "A", DINGHUO, "2026-08-11 09:00", subsidy=10)
    close_all(county)

    assert county.settle() == "ordered"

    assert shares(county, settlement_id(county)) == {"district": 704, "town": 301}
    assert shares(county, settlement_id(county, "B")) == {"district": 700, "town": 300}
    assert shares(county, settlement_id(county, "A", DINGHUO)) == {"district": 7, "town": 3}
    a, b = (f"provider:{county.providers[code]}" for code in "AB")
    orders = {(row.kind, row.payer, row.payee, row.amount_fen) for row in county.rows(payment_orders)}
    assert orders == {
        ("provider", f"town:{XIANNV}", a, 1005),
        ("provider", f"town:{XIANNV}", b, 1000),
        ("provider", f"town:{DINGHUO}", a, 10),
        ("transfer", "district", f"town:{XIANNV}", 1404),
        ("transfer", "district", f"town:{DINGHUO}", 7),
    }
    assert county.balance(chart.PROVIDER_CLAIM, f"{a}/{XIANNV}") == 0
    assert county.balance(chart.PAYABLE, a) == 1015
    assert county.balance(chart.PAYER, "payer:district") == -1411
    assert county.balance(chart.PAYER, f"payer:town/{XIANNV}") == -601
    proved(county)


def test_a_penalty_lowers_the_net_and_comes_back_to_the_payers(county: County) -> None:
    county.serve("v1", subsidy=1000)
    close_all(county, JULY, AUGUST, SEPTEMBER)
    penalty(county, -101)
    penalty(county, -50, "clawback")
    penalty(county, 20, "correction")
    county.settle()

    row = county.one(settlements)
    assert (row.gross_fen, row.adjustments_fen, row.net_fen, row.receivable_fen) == (1000, -131, 869, 0)
    # 869 x 7/10 = 608.3
    assert shares(county, row.id) == {"district": 608, "town": 261}
    provider = f"provider:{county.providers['A']}"
    assert county.balance(chart.PAYABLE, provider) == 869
    assert county.balance(chart.RECEIVABLE, provider) == 0
    assert county.balance(chart.PAYER, "payer:district") == -608
    # The vouchers redeemed are worth the whole 1,000; 10,000,000 were issued.
    assert county.balance(chart.VOUCHER_CONTROL, f"scheme:{SCHEME}") == -10_000_000 + 1000
    proved(county)


def test_only_what_two_people_approved_is_settled(county: County) -> None:
    county.serve("v1", subsidy=1000)
    close_all(county)
    with acting(county.engine, "2026-09-20 09:00", AFFAIRS) as act:
        id = adjusting.propose(
            act,
            "penalty",
            scheme_code=SCHEME,
            provider_id=county.providers["A"],
            town=XIANNV,
            origin_month=JULY,
            amount_fen=-100,
            reason="x",
        )
    with pytest.raises(Refused, match="different people"), acting(county.engine, "2026-09-20 10:00", AFFAIRS) as act:
        adjusting.approve(act, id)
    county.settle()
    assert county.one(settlements).net_fen == 1000
    assert county.one(adjustments).quarter is None


def test_no_adjustment_for_a_town_where_the_provider_is_unknown(county: County) -> None:
    county.serve("v1", subsidy=1000)
    with pytest.raises(Refused) as refusal, acting(county.engine, "2026-09-20 09:00", AFFAIRS) as act:
        adjusting.propose(
            act,
            "penalty",
            scheme_code=SCHEME,
            provider_id=county.providers["A"],
            town="仙女縝",
            origin_month=JULY,
            amount_fen=-100,
            reason="x",
        )
    assert refusal.value.reason is Reason.NOT_FOUND


def test_a_negative_net_pays_nothing_and_is_carried_with_its_payers(county: County) -> None:
    a = f"provider:{county.providers['A']}"
    county.serve("v1", when="2026-07-10 09:00", subsidy=100)
    close_all(county)
    penalty(county, -103)
    county.settle()

    row = county.one(settlements)
    assert (row.net_fen, row.receivable_fen) == (-3, 3)
    # The mirror image of 3 fen: 2 to the district, 1 to the town.
    assert shares(county, row.id) == {"district": -2, "town": -1}
    assert county.rows(payment_orders) == []
    carried = county.one(adjustments, kind="carried")
    assert (carried.amount_fen, carried.origin_month, carried.source_id) == (-3, "2026-07", row.id)
    assert county.balance(chart.RECEIVABLE, a) == -3
    assert county.balance(chart.PAYABLE, a) == 0
    assert county.balance(chart.PAYER, "payer:district") == 2
    proved(county)

    county.serve("v2", when="2026-10-10 09:00", subsidy=10)
    for text in ("2026-10", "2026-11", "2026-12"):
        county.close(Month.parse(text))
    county.quarter(Q4, "2027-01-08 09:00")
    county.quarter(Q4, "2027-01-08 09:00")
    county.sign_quarter(Q4)
    county.quarter(Q4, "2027-01-09 09:00")
    county.quarter(Q4, "2027-01-09 09:00")

    after = county.one(settlements, quarter="2026-Q4")
    assert (after.gross_fen, after.adjustments_fen, after.net_fen) == (10, -3, 7)
    assert shares(county, after.id) == {"district": 5, "town": 2}
    # Over both quarters every payer has borne exactly what is now to be paid.
    assert county.balance(chart.PAYER, "payer:district") == -5
    assert county.balance(chart.PAYER, f"payer:town/{XIANNV}") == -2
    assert county.balance(chart.RECEIVABLE, a) == 0
    assert county.balance(chart.PAYABLE, a) == 7
    proved(county)


def test_what_comes_from_a_period_with_another_ratio_is_split_at_that_ratio(county: County) -> None:
    # From August on the town bears half.
    text = JIANGDU.replace('version = "2025.2"', 'version = "2026.8"').replace(
        'valid_from = "2025-01"', 'valid_from = "2026-08"'
    )
    text = text.replace("weight = 7", "weight = 5").replace("weight = 3", "weight = 5")
    with acting(county.engine, "2026-06-01 09:00") as act:
        store.store(act, text)
    county.serve("v1", when="2026-07-10 09:00", subsidy=100)
    county.serve("late", when="2026-07-30 09:00", subsidy=10, learnt="2026-08-09 09:00")
    county.serve("v2", when="2026-08-10 09:00", subsidy=1000)
    close_all(county)
    penalty(county, -20, month=AUGUST)
    county.settle()
    # July's 110 at 7:3 = 77 + 33; August's 980 at 5:5 = 490 + 490.
    assert shares(county, settlement_id(county)) == {"district": 567, "town": 523}
    proved(county)


def test_a_net_of_zero_from_two_ratios_leaves_one_payer_owing_the_other(county: County) -> None:
    # July's 1000 at 7:3 = 700 + 300; from August's 5:5 comes a penalty of 1000 = 500 + 500.
    text = JIANGDU.replace('version = "2025.2"', 'version = "2026.8"').replace(
        'valid_from = "2025-01"', 'valid_from = "2026-08"'
    )
    text = text.replace("weight = 7", "weight = 5").replace("weight = 3", "weight = 5")
    with acting(county.engine, "2026-06-01 09:00") as act:
        store.store(act, text)
    county.serve("v1", when="2026-07-10 09:00", subsidy=1000)
    close_all(county)
    penalty(county, -1000, month=AUGUST)
    assert county.settle() == "ordered"
    assert county.one(settlements).net_fen == 0
    assert [(o.kind, o.payer, o.payee, o.amount_fen) for o in county.rows(payment_orders)] == [
        ("transfer", "district", f"town:{XIANNV}", 200)
    ]
    proved(county)


def test_signatures_come_in_their_order_and_never_twice_from_one_person(county: County) -> None:
    county.serve("v1", "A", XIANNV, subsidy=1000)
    county.serve("v2", "A", DINGHUO, subsidy=2000)
    close_all(county)
    county.quarter(by=AFFAIRS_2)
    refused(Reason.OUT_OF_TURN, county, TOWN_1, "town", XIANNV)
    county.quarter(by=AFFAIRS_2)
    assert county.quarter() == "shared"

    refused(Reason.OUT_OF_TURN, county, AFFAIRS, "civil_affairs")
    refused(Reason.OUT_OF_TURN, county, FINANCE, "finance")
    refused(Reason.NOT_ALLOWED, county, TOWN_1, "town", DINGHUO)
    refused(Reason.NOT_ALLOWED, county, FINANCE, "civil_affairs")
    refused(Reason.TOTAL_CHANGED, county, TOWN_1, "town", XIANNV, total=999)
    everywhere = officer("wu", "town")
    county.sign(everywhere, "town", XIANNV)
    refused(Reason.SAME_PERSON, county, everywhere, "town", DINGHUO)
    refused(Reason.OUT_OF_TURN, county, AFFAIRS, "civil_affairs")
    county.sign(TOWN_2, "town", DINGHUO)
    refused(Reason.SAME_PERSON, county, AFFAIRS_2, "civil_affairs")  # drew it up
    refused(Reason.OUT_OF_TURN, county, FINANCE, "finance")
    assert county.sign(AFFAIRS, "civil_affairs") == "shared"
    assert county.sign(AFFAIRS, "civil_affairs") == "shared"  # again: no change
    refused(Reason.SAME_PERSON, county, officer("zhao", "district_finance"), "finance")
    assert county.sign(FINANCE, "finance") == "approved"
    assert [(row.step, row.town, row.total_fen) for row in county.rows(quarter_approvals)] == [
        ("civil_affairs", "", 3000),
        ("finance", "", 3000),
        ("town", DINGHUO, 2000),
        ("town", XIANNV, 1000),
    ]
    refused(Reason.WRONG_STATE, county, officer("other", "district_finance"), "finance")


def test_a_changed_total_makes_signatures_void(county: County) -> None:
    county.serve("v1", "A", XIANNV, subsidy=1000)
    county.serve("v2", "A", DINGHUO, subsidy=2000)
    close_all(county)
    county.quarter()
    county.quarter()
    county.sign_quarter()
    penalty(county, -100, town=XIANNV)
    with acting(county.engine, "2026-10-10 09:00") as act:
        quarter.redraw(act, SCHEME, Q3)
    county.quarter()
    assert county.quarter() == "shared"

    with reading(county.engine) as conn:
        # Dinghuo's figures are what Dinghuo signed; everybody else signs anew.
        assert approving.due(conn, SCHEME, Q3) == (f"town:{XIANNV}",)
    county.sign(TOWN_1, "town", XIANNV)
    county.sign(AFFAIRS, "civil_affairs")
    county.sign(FINANCE, "finance")
    assert county.quarter() == "posted"
    assert county.one(settlements, town=XIANNV).net_fen == 900
    proved(county)


def test_drawn_up_anew_without_a_change_what_was_signed_stands(county: County) -> None:
    county.serve("v1", subsidy=1000)
    close_all(county)
    county.quarter()
    county.quarter()
    county.sign_quarter()
    with acting(county.engine, "2026-10-10 09:00") as act:
        quarter.redraw(act, SCHEME, Q3)
    assert [county.quarter() for _ in range(4)] == ["gathered", "shared", "approved", "posted"]
    proved(county)


def test_who_draws_up_anew_what_they_had_signed_needs_another_to_sign(county: County) -> None:
    county.serve("v1", subsidy=1000)
    close_all(county)
    county.quarter()
    county.quarter()
    county.sign_quarter()
    with acting(county.engine, "2026-10-10 09:00", AFFAIRS) as act:
        quarter.redraw(act, SCHEME, Q3)
    assert [county.quarter(by=AFFAIRS) for _ in range(3)] == ["gathered", "shared", "shared"]
    refused(Reason.SAME_PERSON, county, AFFAIRS, "civil_affairs")
    assert county.sign(AFFAIRS_2, "civil_affairs") == "approved"
    assert county.quarter() == "posted"


def test_what_was_altered_after_signing_is_not_posted(county: County) -> None:
    county.serve("v1", subsidy=1000)
    close_all(county)
    county.quarter()
    county.quarter()
    county.sign_quarter()
    with county.engine.begin() as conn:
        conn.execute(settlement_shares.update().where(settlement_shares.c.payer == "town").values(amount_fen=299))
    with pytest.raises(Refused) as refusal:
        county.quarter()
    assert refusal.value.reason is Reason.TOTAL_CHANGED


def test_a_quarter_needs_its_months_and_its_predecessor(county: County) -> None:
    county.serve("v1", when="2026-07-10 09:00")
    county.close(JULY)
    with pytest.raises(Refused, match="2026-08, 2026-09"):
        county.quarter()
    close_all(county, AUGUST, SEPTEMBER)
    county.serve("v2", when="2026-10-10 09:00")
    for text in ("2026-10", "2026-11", "2026-12"):
        county.close(Month.parse(text))
    with pytest.raises(Refused, match="2026-Q3 must be closed first"):
        county.quarter(Q4, "2027-01-08 09:00")


def test_a_scheme_that_begins_in_the_middle_of_a_quarter(county: County) -> None:
    """First visit and first close in August: July, in which there was nothing, need not and can no longer be closed."""
    county.serve("v1", when="2026-08-10 09:00", subsidy=1000)
    close_all(county, AUGUST)
    with pytest.raises(Refused, match="2026-09") as refusal:
        county.quarter()
    assert "2026-07" not in str(refusal.value)
    close_all(county, SEPTEMBER)
    assert county.settle() == "ordered"
    with pytest.raises(Refused, match="2026-04, 2026-05, 2026-06"):
        county.quarter(Quarter.parse("2026-Q2"))


@pytest.mark.parametrize("stage", ["gathered", "shared", "posted", "ordered"])
def test_killed_in_any_stage_it_resumes_to_the_same_end_and_again_changes_nothing(county: County, stage: str) -> None:
    county.serve("v1", subsidy=100)
    county.serve("v2", "B", subsidy=7)
    close_all(county)
    penalty(county, -103)

    def killed_when(reached: str) -> None:
        with acting(county.engine, "2026-10-08 09:00") as act:
            assert quarter.advance(act, SCHEME, Q3) == reached
            raise KeyboardInterrupt

    for reached in ("gathered", "shared", "posted", "ordered"):
        if reached == "posted":
            county.sign_quarter()
        if reached == stage:
            with pytest.raises(KeyboardInterrupt):
                killed_when(reached)
        assert county.quarter() == reached

    tables = (settlements, settlement_shares, payment_orders, adjustments, transfers)
    end = [county.rows(table) for table in tables]
    assert {row.net_fen for row in end[0]} == {-3, 7}
    assert [row.amount_fen for row in end[2]] == [7, 5]
    proved(county)

    assert county.quarter(now="2026-10-20 09:00") == "ordered"
    assert [county.rows(table) for table in tables] == end


@pytest.mark.parametrize(
    ("route", "orders"),
    [
        ("district_pays", {("provider", "district", 1000), ("transfer", f"town:{XIANNV}", 300)}),
        ("each_pays", {("provider", "district", 700), ("provider", f"town:{XIANNV}", 300)}),
    ],
)
def test_other_routes(county: County, route: str, orders: set[tuple[str, str, int]]) -> None:
    text = JIANGDU.replace('version = "2025.2"', 'version = "2026.8"').replace(
        'valid_from = "2025-01"', 'valid_from = "2026-08"'
    )
    with acting(county.engine, "2026-06-01 09:00") as act:
        store.store(act, text.replace('rule = "town_pays"', f'rule = "{route}"'))
    county.serve("v1", subsidy=1000)
    close_all(county)
    county.settle()
    assert {(row.kind, row.payer, row.amount_fen) for row in county.rows(payment_orders)} == orders
    proved(county)


def test_a_quarter_of_voids_alone_owes(county: County) -> None:
    county.serve("v1", when="2026-07-10 09:00", subsidy=50)
    close_all(county)
    county.settle()
    with acting(county.engine, "2026-10-12 09:00", TOWN_1) as act:
        adjusting.void_visit(act, "v1", "fraud")
    for text in ("2026-10", "2026-11", "2026-12"):
        county.close(Month.parse(text), after(Month.parse(text)))
    county.settle(Q4, "2027-01-08 09:00")
    row = county.one(settlements, quarter="2026-Q4")
    assert (row.gross_fen, row.net_fen, row.receivable_fen) == (-50, -50, 50)
    assert shares(county, row.id) == {"district": -35, "town": -15}
    assert [order.period for order in county.rows(payment_orders)] == ["2026-Q3", "2026-Q3"]
    proved(county)


def proposal(county: County) -> str:
    with acting(county.engine, "2026-09-20 09:00", AFFAIRS) as act:
        return adjusting.propose(
            act,
            "penalty",
            scheme_code=SCHEME,
            provider_id=county.providers["A"],
            town=XIANNV,
            origin_month=JULY,
            amount_fen=-500,
            reason="回访不实",
        )


def test_a_proposal_that_was_withdrawn_is_neither_approved_nor_settled(county: County) -> None:
    """10.00 served; a penalty of 5.00 was proposed by mistake."""
    county.serve("v1", subsidy=1000)
    id = proposal(county)
    with acting(county.engine, "2026-09-21 09:00", TOWN_1) as act:
        adjusting.withdraw(act, id, "录入错误")
        adjusting.withdraw(act, id, "录入错误")
    with pytest.raises(Refused) as refusal, acting(county.engine, "2026-09-22 09:00", AFFAIRS_2) as act:
        adjusting.approve(act, id)
    assert refusal.value.reason is Reason.WRONG_STATE
    for which in (JULY, AUGUST, SEPTEMBER):
        county.close(which)
    county.settle()
    assert [row.net_fen for row in county.rows(settlements)] == [1000]


@pytest.mark.parametrize(
    ("who", "why", "reason"),
    [(TOWN_2, "不属实", Reason.NOT_ALLOWED), (FINANCE, "不属实", Reason.NOT_ALLOWED), (TOWN_1, " ", Reason.BAD_INPUT)],
)
def test_only_its_town_or_the_district_withdraws_and_says_why(
    county: County, who: Actor, why: str, reason: Reason
) -> None:
    county.serve("v1", subsidy=1000)
    id = proposal(county)
    with pytest.raises(Refused) as refusal, acting(county.engine, "2026-09-21 09:00", who) as act:
        adjusting.withdraw(act, id, why)
    assert refusal.value.reason is reason
    assert county.one(adjustments).withdrawn_by is None


def test_what_is_approved_is_not_withdrawn(county: County) -> None:
    county.serve("v1", subsidy=1000)
    id = proposal(county)
    with acting(county.engine, "2026-09-21 09:00", AFFAIRS_2) as act:
        adjusting.approve(act, id)
    with pytest.raises(Refused) as refusal, acting(county.engine, "2026-09-22 09:00", AFFAIRS) as act:
        adjusting.withdraw(act, id, "不属实")
    assert refusal.value.reason is Reason.WRONG_STATE


@pytest.mark.parametrize("visit", ["nobody", "other_provider", "other_town"])
def test_an_adjustment_names_a_visit_of_the_provider_in_the_town_or_none(county: County, visit: str) -> None:
    county.serve("v1", "A", XIANNV)
    county.serve("other_provider", "B", XIANNV)
    county.serve("other_town", "A", DINGHUO)
    facts = {"scheme_code": SCHEME, "provider_id": county.providers["A"], "town": XIANNV, "origin_month": JULY}
    with acting(county.engine, "2026-09-20 09:00", AFFAIRS) as act:
        adjusting.propose(act, "penalty", **facts, amount_fen=-500, reason="不实", visit_id="v1")  # type: ignore[arg-type]
    with pytest.raises(Refused) as refusal, acting(county.engine, "2026-09-20 09:00", AFFAIRS) as act:
        adjusting.propose(act, "penalty", **facts, amount_fen=-500, reason="不实", visit_id=visit)  # type: ignore[arg-type]
    assert refusal.value.reason is Reason.NOT_FOUND
