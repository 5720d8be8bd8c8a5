"""A month from its visits to closed statements."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from settlement.act import Act
from settlement.closing import adjusting, integrity, month
from settlement.closing.tables import (
    adjustments,
    exclusions,
    month_closes,
    payment_orders,
    personal_settlements,
    statement_lines,
    statements,
)
from settlement.db import reading
from settlement.ledger import books, chart
from settlement.outcomes import Reason, Refused
from settlement.visits.tables import visits
from tests.closing.county import (
    AFFAIRS,
    AUGUST,
    DINGHUO,
    JULY,
    OTHER_TOWN_1,
    SCHEME,
    SEPTEMBER,
    TOWN_1,
    TOWN_2,
    XIANNV,
    County,
    after,
    no_checks,
    statement_id,
)
from tests.support import acting, officer


def figures(county: County, which: object) -> dict[tuple[int, str], tuple[int, int, int, int, int]]:
    return {
        (row.provider_id, row.town): (row.visits, row.subsidy_fen, row.personal_fen, row.adjustments_fen, row.net_fen)
        for row in county.rows(statements, month=str(which))
    }


def test_a_month_pays_what_was_served_and_lists_what_was_not(county: County) -> None:
    a, b = county.providers["A"], county.providers["B"]
    county.serve("v1", "A", XIANNV, "2026-07-02 09:00", subsidy=4500)
    county.serve("v2", "A", XIANNV, "2026-07-20 09:00", subsidy=3000, personal=1500)
    county.serve("v3", "A", DINGHUO, "2026-07-21 09:00", subsidy=2001)
    county.serve("v4", "B", XIANNV, "2026-07-22 09:00", subsidy=999)
    county.serve("short", "B", XIANNV, "2026-07-23 09:00", seconds=3599)
    county.serve("open", "B", XIANNV, "2026-07-24 09:00", seconds=None, debited=False)
    county.serve("unpaid", "B", XIANNV, "2026-07-25 09:00", debited=False)
    county.serve("stopped", "B", XIANNV, "2026-07-26 09:00", subsidy=700)
    county.stop("stopped")
    county.serve("voided", "B", XIANNV, "2026-07-27 09:00")
    with acting(county.engine, "2026-07-28 09:00", TOWN_1) as act:
        adjusting.void_visit(act, "voided", "substandard")
    county.serve("august", "B", XIANNV, "2026-08-01 09:00")

    county.close(JULY)

    assert figures(county, JULY) == {
        (a, XIANNV): (2, 7500, 1500, 0, 7500),
        (a, DINGHUO): (1, 2001, 0, 0, 2001),
        (b, XIANNV): (1, 999, 0, 0, 999),
    }
    assert {(row.visit_id, row.reason, row.subsidy_fen) for row in county.rows(exclusions)} == {
        ("short", "below_minimum", 1000),
        ("open", "no_check_out", 0),
        ("unpaid", "no_debit", 0),
        ("stopped", "payment_stop:caregiver_overlap", 700),
        ("voided", "void", 0),
    }
    stop = county.one(exclusions, visit_id="stopped")
    assert stop.detail == {"rows": ["x"], "threshold": {"over_minutes": 5}}
    assert county.one(exclusions, visit_id="short").detail == {"minutes": 60, "clause": "五(三)2"}
    paid = {row.id for row in county.rows(visits, status="paid")}
    assert paid == {"v1", "v2", "v3", "v4"}
    with reading(county.engine) as conn:
        assert str(books.open_from(conn)) == "2026-08-01"
        assert integrity.check(conn) == []


def test_the_seniors_own_money_is_settled_monthly_in_an_order_of_its_own(county: County) -> None:
    a = county.providers["A"]
    county.serve("v1", "A", XIANNV, subsidy=1000, personal=300)
    county.serve("v2", "A", DINGHUO, subsidy=0, personal=200)
    county.serve("v3", "B", XIANNV, subsidy=1000)
    county.close(JULY)

    order = county.one(payment_orders)
    assert (order.kind, order.payer, order.payee, order.amount_fen) == (
        "personal",
        "card_operator",
        f"provider:{a}",
        500,
    )
    assert county.one(personal_settlements).order_id == order.id


def test_what_a_stop_kept_out_comes_onto_the_next_statement_once_released(county: County) -> None:
    county.serve("v1", subsidy=1000)
    county.serve("v2", subsidy=2000)
    county.stop("v1")
    county.close(JULY)
    county.release("v1")
    county.close(AUGUST)

    a = county.providers["A"]
    assert figures(county, JULY) == {(a, XIANNV): (1, 2000, 0, 0, 2000)}
    assert figures(county, AUGUST) == {(a, XIANNV): (1, 1000, 0, 0, 1000)}
    assert [row.reason for row in county.rows(exclusions)] == ["payment_stop:caregiver_overlap"]


def test_a_stopped_provider_is_paid_nothing_until_decided(county: County) -> None:
    county.serve("v1", "A", subsidy=1000)
    county.serve("v2", "B", subsidy=1000)
    county.stop(provider="B", source="inspection")
    county.close(JULY)

    assert set(figures(county, JULY)) == {(county.providers["A"], XIANNV)}
    reasons = {row.reason for row in county.rows(exclusions, visit_id="v2")}
    assert reasons == {"provider_stop"}


def test_a_late_visit_is_on_the_next_statement_with_its_service_month(county: County) -> None:
    county.serve("v1", when="2026-07-10 09:00")
    county.draw(JULY)
    # Checked in on 30 July without signal, sent on 5 August: July's cut was on 3 August.
    county.serve("late", when="2026-07-30 09:00", subsidy=800, learnt="2026-08-05 10:00")
    county.sign_month(JULY)
    county.serve("v2", when="2026-08-10 09:00", subsidy=100)
    county.close(AUGUST)

    assert [
        row.visit_id for row in county.rows(statement_lines, statement_id=statement_id(JULY, county.providers["A"]))
    ] == ["v1"]
    august = county.rows(statement_lines, statement_id=statement_id(AUGUST, county.providers["A"]))
    assert {row.visit_id: row.service_month for row in august} == {"late": "2026-07", "v2": "2026-08"}
    assert county.rows(exclusions) == []


def test_a_debit_that_came_after_the_cut_waits(county: County) -> None:
    county.serve("v1", when="2026-07-10 09:00")
    county.advance(JULY, "2026-08-03 09:00")
    county.serve("v2", when="2026-07-11 09:00", learnt="2026-08-03 10:00")
    county.advance(JULY, "2026-08-03 11:00")
    county.advance(JULY, "2026-08-03 11:00")
    assert [row.visit_id for row in county.rows(statement_lines)] == ["v1"]


def test_a_slow_clock_brings_no_visit_past_the_checks(county: County) -> None:
    """Collected at nine, checked at ten. What comes in after that is not paid, though the gateway's clock still says eight."""
    county.serve("v1", when="2026-07-10 09:00")
    county.advance(JULY, "2026-08-03 09:00")
    county.advance(JULY, "2026-08-03 10:00")
    county.serve("unseen", when="2026-07-11 09:00", learnt="2026-08-03 08:00")
    county.advance(JULY, "2026-08-03 11:00")
    assert [row.visit_id for row in county.rows(statement_lines)] == ["v1"]
    assert [(row.visit_id, row.reason) for row in county.rows(exclusions)] == [("unseen", "after_cut")]


def test_a_clock_that_was_ahead_does_not_keep_a_visit_from_being_paid(county: County) -> None:
    """Received while the server believed it was next year: it lies there, so this month's close pays it."""
    county.serve("v1", when="2026-07-10 09:00", learnt="2027-01-01 00:00")
    county.close(JULY)
    assert [row.visit_id for row in county.rows(statement_lines)] == ["v1"]


def test_void_after_the_close_is_taken_back_on_the_next_statement_and_the_old_one_stands(county: County) -> None:
    a = county.providers["A"]
    county.serve("v1", subsidy=4500, personal=500)
    county.serve("v2", subsidy=3000)
    county.close(JULY)
    before = county.one(statements)
    purse = county.balance(chart.CARD_SUBSIDY, "card:1")

    with acting(county.engine, "2026-08-12 09:00", TOWN_1) as act:
        booked = adjusting.void_visit(act, "v1", "substandard")
    with acting(county.engine, "2026-08-12 10:00", TOWN_1) as act:
        again = adjusting.void_visit(act, "v1", "substandard")
    assert isinstance(booked, adjusting.VoidedAfterClose)
    assert isinstance(again, adjusting.VoidedAfterClose)
    assert (booked.replayed, again.replayed) == (False, True)
    assert county.balance(chart.CARD_SUBSIDY, "card:1") == purse + 4500
    assert county.one(visits, id="v1").status == "void"

    county.serve("v3", when="2026-08-20 09:00", subsidy=1000, personal=800)
    county.close(AUGUST)

    assert county.one(statements, month="2026-07") == before
    assert figures(county, AUGUST) == {(a, XIANNV): (1, 1000, 800, -4500, -3500)}
    adjustment = county.one(adjustments)
    assert (adjustment.kind, adjustment.origin_month, adjustment.quarter) == ("void_after_close", "2026-07", "2026-Q3")
    # The senior's 500 of own money are netted from August's 800.
    assert county.one(personal_settlements, month="2026-08").amount_fen == 300
    with reading(county.engine) as conn:
        assert integrity.check(conn) == []


def test_a_provider_with_nothing_but_an_adjustment_gets_a_statement(county: County) -> None:
    county.serve("v1", subsidy=4500, personal=500)
    county.close(JULY)
    with acting(county.engine, "2026-08-12 09:00", TOWN_1) as act:
        adjusting.void_visit(act, "v1", "fraud")
    county.close(AUGUST)
    county.close(SEPTEMBER)

    assert figures(county, AUGUST) == {(county.providers["A"], XIANNV): (0, 0, 0, -4500, -4500)}
    owed = county.one(personal_settlements, month="2026-08")
    assert (owed.amount_fen, owed.order_id) == (-500, None)
    assert county.one(personal_settlements, month="2026-09").carried_fen == -500


def test_closing_twice_changes_nothing(county: County) -> None:
    county.serve("v1", personal=100)
    county.serve("out", debited=False)
    county.close(JULY)
    tables = (statements, statement_lines, exclusions, month_closes, payment_orders, personal_settlements)
    before = [county.rows(table) for table in tables]

    assert county.advance(JULY, "2026-08-09 09:00") == "closed"
    with acting(county.engine, "2026-08-09 09:00", TOWN_1) as act:
        assert month.verify_town(act, SCHEME, JULY, XIANNV) == 0
    with acting(county.engine, "2026-08-09 09:00", AFFAIRS) as act:
        assert month.confirm(act, SCHEME, JULY) == "closed"

    assert [county.rows(table) for table in tables] == before


def test_months_close_in_order_and_not_before_they_are_over(county: County) -> None:
    county.serve("v1", when="2026-07-10 09:00")
    county.serve("v2", when="2026-08-10 09:00")
    with pytest.raises(Refused, match="2026-07 is not over yet"):
        county.advance(JULY, "2026-07-31 23:59")
    with pytest.raises(Refused, match="2026-07 must be closed first"):
        county.advance(AUGUST)
    county.draw(JULY)
    with pytest.raises(Refused, match="2026-07 must be closed first"):
        county.advance(AUGUST)


def test_people_sign_in_their_turn_for_their_own_town_and_never_twice(county: County) -> None:
    county.serve("v1", "A", XIANNV)
    county.serve("v2", "A", DINGHUO)
    july = after(JULY)
    drawer = officer("drawer", "town", town=XIANNV)
    for _ in range(3):
        county.advance(JULY, by=drawer)
    xiannv = statement_id(JULY, county.providers["A"], XIANNV)

    def refused(reason: Reason, who: object, call: object, *args: object) -> None:
        with pytest.raises(Refused) as refusal, acting(county.engine, july, who) as act:  # type: ignore[arg-type]
            call(act, *args)  # type: ignore[operator]
        assert refusal.value.reason is reason

    refused(Reason.OUT_OF_TURN, AFFAIRS, month.confirm, SCHEME, JULY)
    refused(Reason.NOT_ALLOWED, TOWN_2, month.verify_statement, xiannv)
    refused(Reason.SAME_PERSON, drawer, month.verify_statement, xiannv)
    with acting(county.engine, july, TOWN_1) as act:
        month.verify_statement(act, xiannv)
    refused(Reason.OUT_OF_TURN, AFFAIRS, month.confirm, SCHEME, JULY)
    with reading(county.engine) as conn:
        assert month.progress(conn, SCHEME, JULY).waiting_for == (f"town:{DINGHUO}",)
    assert county.advance(JULY) == "drawn"
    with acting(county.engine, july, TOWN_2) as act:
        month.verify_town(act, SCHEME, JULY, DINGHUO)
    refused(Reason.SAME_PERSON, officer("wang", "civil_affairs"), month.confirm, SCHEME, JULY)
    refused(Reason.NOT_ALLOWED, OTHER_TOWN_1, month.confirm, SCHEME, JULY)
    with acting(county.engine, july, AFFAIRS) as act:
        assert month.confirm(act, SCHEME, JULY) == "confirmed"


@pytest.mark.parametrize("stage", ["collected", "checked", "drawn", "closed"])
def test_killed_in_any_stage_it_resumes_to_the_same_end(county: County, stage: str) -> None:
    county.serve("v1", personal=100)
    county.serve("v2", "B", DINGHUO)
    county.serve("out", debited=False)

    def killed_when(reached: str) -> None:
        with acting(county.engine, after(JULY)) as act:
            assert month.advance(act, SCHEME, JULY, no_checks) == reached
            raise KeyboardInterrupt

    for reached in ("collected", "checked", "drawn", "closed"):
        if reached == "closed":
            for who in (TOWN_1, TOWN_2):
                with acting(county.engine, after(JULY), who) as act:
                    month.verify_town(act, SCHEME, JULY, str(who.town))
            with acting(county.engine, after(JULY), AFFAIRS) as act:
                month.confirm(act, SCHEME, JULY)
        if reached == stage:
            with pytest.raises(KeyboardInterrupt):
                killed_when(reached)
        assert county.advance(JULY) == reached

    assert {row.visit_id for row in county.rows(statement_lines)} == {"v1", "v2"}
    assert [row.reason for row in county.rows(exclusions)] == ["no_debit"]
    assert {row.status for row in county.rows(statements)} == {"closed"}
    assert len(county.rows(payment_orders)) == 1


def test_the_checks_run_once_over_the_month_before_anything_is_drawn(county: County) -> None:
    county.serve("v1")
    seen: list[tuple[str, str, int]] = []

    def checks(act: Act, scheme: object, which: object) -> None:
        drawn = len(act.conn.execute(select(statements)).all())
        seen.append((scheme.code, str(which), drawn))  # type: ignore[attr-defined]

    for _ in range(4):
        with acting(county.engine, after(JULY)) as act:
            month.advance(act, SCHEME, JULY, checks)
    assert seen == [("jiangdu", "2026-07", 0)]


def test_a_month_in_which_nothing_was_served_needs_nobody(county: County) -> None:
    for _ in range(6):
        stage = county.advance(JULY)
    assert stage == "closed"
