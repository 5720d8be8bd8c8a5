"""Check-in and check-out: what is a visit, and what is declined and why."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import insert, select, update

from settlement.cards import registry
from settlement.outcomes import Reason, Refused
from settlement.people.tables import entitlements, seniors
from settlement.providers.tables import bans
from settlement.visits import orders, service
from settlement.visits.forms import CheckedOut, Line, Visit
from settlement.visits.places import Place
from settlement.visits.tables import visit_lines, visits, work_orders
from tests.cards.county import COUNTER
from tests.support import RING, acting, at
from tests.visits.world import CLEANING, REPAIR, VISITING, World, why


def opened(answer: object) -> Visit:
    assert isinstance(answer, Visit), answer
    return answer


def ended(answer: object) -> CheckedOut:
    assert isinstance(answer, CheckedOut), answer
    return answer


def test_a_visit_is_priced_by_the_server(world: World) -> None:
    someone, order = world.holder(), None
    order = world.order(someone)
    visit = opened(world.check_in(someone, world.caregiver(), "2026-07-31 23:30", order_id=order))
    assert (visit.month, visit.status, visit.provider_id) == ("2026-07", "open", world.ours)
    lines = (Line(item=CLEANING, amount_fen=3500), Line(item=VISITING, quantity=2, amount_fen=3000))
    out = ended(world.check_out(visit, "2026-08-01 00:30", lines=lines))
    # The month is the check-in's; 30.00 + 2 x 15.00; the device's 35.00 for cleaning is kept, its right figure is not.
    assert (out.visit.month, out.visit.status, out.visit.seconds, out.total_fen) == ("2026-07", "served", 3600, 6000)
    assert [line.device_amount_fen for line in out.lines] == [3500, None]
    with acting(world.engine) as act:
        assert act.conn.execute(select(work_orders.c.status).where(work_orders.c.id == order)).scalar_one() == "done"


@pytest.mark.parametrize(
    ("mono_ms", "seconds", "status"),
    [(3_599_999, 3599, "void"), (3_600_000, 3600, "served")],
    ids=["59:59.999 is not 60 minutes", "60:00"],
)
def test_the_minimum_is_counted_in_whole_seconds(world: World, mono_ms: int, seconds: int, status: str) -> None:
    someone = world.holder()
    visit = opened(world.check_in(someone, world.caregiver(), "2026-07-03 09:00", boot="b", mono_ms=5_000))
    # The clock on the wall was put forward two hours; the monotonic clock cannot be.
    out = ended(world.check_out(visit, "2026-07-03 12:00", boot="b", mono_ms=5_000 + mono_ms))
    assert (out.visit.seconds, out.visit.duration_source, out.visit.status) == (seconds, "monotonic", status)
    if status == "void":
        assert out.visit.void_reason == "too_short"
        with acting(world.engine) as act:
            again = act.conn.execute(select(work_orders).where(work_orders.c.id == out.again_order_id)).one()
        assert (again.origin, again.items, again.status) == ("again", [CLEANING], "planned")
        assert (again.provider_id, again.senior_id) == (world.ours, someone.senior_id)
        assert why(world.debit(out.visit, 3000)) is Reason.VISIT_VOID


def test_after_a_restart_the_times_count_and_are_flagged(world: World) -> None:
    visit = opened(world.check_in(world.holder(), world.caregiver(), "2026-07-03 09:00", boot="b", mono_ms=9_000_000))
    out = ended(world.check_out(visit, "2026-07-03 10:00", boot="after restart", mono_ms=60_000))
    assert (out.visit.seconds, out.visit.duration_source, out.visit.status) == (3600, "clock", "served")


def test_the_same_again_answers_the_same(world: World) -> None:
    someone, caregiver = world.holder(), world.caregiver()
    first = opened(world.check_in(someone, caregiver, "2026-07-03 09:00", visit_id="same"))
    assert world.check_in(someone, caregiver, "2026-07-03 09:00", visit_id="same") == first
    with pytest.raises(Refused) as refused:
        world.check_in(someone, caregiver, "2026-07-03 09:01", visit_id="same")
    assert refused.value.reason is Reason.ID_REUSED
    out = ended(world.check_out(first, "2026-07-03 10:00"))
    assert world.check_out(first, "2026-07-03 10:00") == out
    assert why(world.check_out(first, "2026-07-03 10:01")) is Reason.VISIT_NOT_OPEN


def test_orders_of_others_are_declined_each_with_its_own_code(world: World) -> None:
    someone, caregiver = world.holder(), world.caregiver()
    theirs = world.order(someone, provider=world.theirs)
    anothers = world.order(world.holder())
    when = "2026-07-03 09:00"
    assert why(world.check_in(someone, caregiver, when, order_id=theirs)) is Reason.OTHER_PROVIDERS_ORDER
    assert why(world.check_in(someone, caregiver, when, order_id=anothers)) is Reason.ORDER_OF_OTHER_SENIOR
    assert why(world.check_in(someone, caregiver, when, order_id="none")) is Reason.ORDER_UNKNOWN
    with acting(world.engine) as act:
        assert act.conn.execute(select(visits).where(visits.c.senior_id == someone.senior_id)).first() is None


def test_an_order_is_served_once_and_a_cancelled_visit_frees_it(world: World) -> None:
    someone, caregiver = world.holder(), world.caregiver()
    order = world.order(someone)
    first = opened(world.check_in(someone, caregiver, "2026-07-03 09:00", order_id=order))
    second = world.caregiver()
    assert why(world.check_in(someone, second, "2026-07-03 09:10", order_id=order)) is Reason.ORDER_TAKEN
    with acting(world.engine, "2026-07-03 09:10") as act:
        assert opened(service.cancel(act, first.id, "wrong_card")).void_reason == "cancelled"
        assert opened(service.cancel(act, first.id, "wrong_card")).status == "void"
    opened(world.check_in(someone, second, "2026-07-03 09:15", order_id=order))


def test_an_order_taken_back_stops_only_later_visits(world: World) -> None:
    someone = world.holder()
    order = world.order(someone)
    with acting(world.engine, "2026-07-03 10:00") as act:
        assert orders.not_served(act, order, "nobody_home", at("2026-07-03 10:00")) is None
        assert why(orders.not_served(act, order, "asleep", at("2026-07-03 10:00"))) is Reason.BAD_INPUT
    later = world.check_in(someone, world.caregiver(), "2026-07-03 11:00", order_id=order)
    assert why(later) is Reason.ORDER_NOT_PLANNED
    # She had come at nine, without signal: her check-in arrives at noon and counts.
    arrives = at("2026-07-03 12:00")
    opened(world.check_in(someone, world.caregiver(), "2026-07-03 09:00", order_id=order, arrives=arrives))


def test_a_lost_or_replaced_card_is_declined_from_then_on(world: World) -> None:
    someone = world.holder()
    with acting(world.engine, "2026-07-10 12:00") as act:
        registry.report_lost(act, someone.card_id)
    late = {"arrives": at("2026-07-12 09:00")}
    opened(world.check_in(someone, world.caregiver(), "2026-07-10 11:59", **late))
    assert why(world.check_in(someone, world.caregiver(), "2026-07-10 12:00", **late)) is Reason.CODE_DEAD
    with acting(world.engine, "2026-07-12 12:00", COUNTER) as act:
        registry.replace(act, RING, someone.card_id)
    assert why(world.check_in(someone, world.caregiver(), "2026-07-13 09:00")) is Reason.CODE_DEAD


def test_a_frozen_card_and_a_dead_senior(world: World) -> None:
    someone = world.holder()
    with acting(world.engine, "2026-07-20 12:00") as act:
        registry.freeze(act, someone.card_id, since=at("2026-07-15 00:00"), reason="died")
    assert why(world.check_in(someone, world.caregiver(), "2026-07-20 13:00")) is Reason.ACCOUNT_FROZEN
    other = world.holder()
    with acting(world.engine, "2026-07-20 12:00") as act:
        act.conn.execute(update(seniors).where(seniors.c.id == other.senior_id).values(died_on=date(2026, 7, 15)))
    assert why(world.check_in(other, world.caregiver(), "2026-07-15 08:00")) is Reason.SENIOR_DEAD
    opened(world.check_in(other, world.caregiver(), "2026-07-14 08:00"))
    with acting(world.engine) as act:
        e = entitlements.c
        act.conn.execute(update(entitlements).where(e.senior_id == other.senior_id).values(to_month="2026-06"))
    assert why(world.check_in(other, world.caregiver(), "2026-07-14 12:00")) is Reason.NOT_ENTITLED


def test_who_may_not_serve(world: World) -> None:
    someone, when = world.holder(), "2026-07-03 09:00"
    untrained = world.caregiver(trained_on=None)
    expired = world.caregiver(certificate_until=date(2026, 7, 3))
    gone = world.caregiver(from_day=date(2026, 7, 4))
    assert why(world.check_in(someone, untrained, when)) is Reason.CAREGIVER_UNTRAINED
    assert why(world.check_in(someone, expired, when)) is Reason.CERTIFICATE_EXPIRED
    assert why(world.check_in(someone, gone, when)) is Reason.CAREGIVER_NOT_EMPLOYED
    theirs = world.caregiver(world.theirs)
    assert why(world.check_in(someone, theirs, "2027-01-04 09:00")) is Reason.NO_CONTRACT
    with acting(world.engine, "2026-11-01 09:00") as act:
        three_years = {"from_day": date(2026, 11, 1), "until_day": date(2029, 11, 1)}
        ban = {"provider_id": world.theirs, "ground": "goods", "decided_by": "district", "reason": "x"}
        act.conn.execute(insert(bans).values(**ban, **three_years))
    assert why(world.check_in(someone, theirs, "2026-11-03 09:00")) is Reason.PROVIDER_BANNED


def test_a_caregiver_is_in_one_place_at_a_time_across_providers(world: World) -> None:
    one, other = world.holder(), world.holder()
    caregiver = world.caregiver(phone="13800000001")
    elsewhere = world.caregiver(world.theirs, phone="13800000001")
    first = opened(world.check_in(one, caregiver, "2026-07-03 09:00"))
    assert why(world.check_in(other, caregiver, "2026-07-03 09:30")) is Reason.CAREGIVER_ELSEWHERE
    assert why(world.check_in(other, elsewhere, "2026-07-03 09:30")) is Reason.CAREGIVER_ELSEWHERE
    ended(world.check_out(first, "2026-07-03 10:00"))
    # Told at once that she was elsewhere until ten; clocks may differ by five minutes.
    assert why(world.check_in(other, elsewhere, "2026-07-03 09:54")) is Reason.CAREGIVER_ELSEWHERE
    opened(world.check_in(other, elsewhere, "2026-07-03 09:56"))


def test_overlapping_records_that_arrive_late_are_left_to_the_checks_before_payment(world: World) -> None:
    caregiver = world.caregiver()
    evening = {"arrives": at("2026-07-03 20:00")}
    first = opened(world.check_in(world.holder(), caregiver, "2026-07-03 09:00", **evening))
    ended(world.check_out(first, "2026-07-03 10:00", **evening))
    opened(world.check_in(world.holder(), caregiver, "2026-07-03 09:30", **evening))


def test_a_senior_is_served_by_one_visit_unless_the_items_allow(world: World) -> None:
    someone = world.holder()
    opened(world.check_in(someone, world.caregiver(), "2026-07-03 09:00"))
    cleaning, repair = world.order(someone), world.order(someone, items=(REPAIR,))
    when = "2026-07-03 09:20"
    assert why(world.check_in(someone, world.caregiver(), when)) is Reason.SENIOR_BEING_SERVED
    assert why(world.check_in(someone, world.caregiver(), when, order_id=cleaning)) is Reason.SENIOR_BEING_SERVED
    opened(world.check_in(someone, world.caregiver(), when, order_id=repair))


def test_clocks_ahead_and_records_too_old(world: World) -> None:
    someone, caregiver, when = world.holder(), world.caregiver(), "2026-07-03 09:06"
    ahead = {"arrives": at("2026-07-03 09:00")}
    assert why(world.check_in(someone, caregiver, when, **ahead)) is Reason.CLOCK_AHEAD
    opened(world.check_in(someone, caregiver, "2026-07-03 09:05", **ahead))
    old = {"arrives": at("2026-08-03 09:01")}
    other = world.caregiver()
    assert why(world.check_in(world.holder(), other, "2026-07-03 09:00", **old)) is Reason.EVENT_TOO_OLD
    opened(world.check_in(world.holder(), other, "2026-07-03 09:00", released=True, **old))


def test_check_out_elsewhere_needs_a_reason(world: World) -> None:
    visit = opened(world.check_in(world.holder(), world.caregiver(), "2026-07-03 09:00"))
    ten = "2026-07-03 10:00"
    stranger = world.holder()
    assert why(world.check_out(visit, ten, medium_id=stranger.medium_id)) is Reason.OTHER_CARD
    assert why(world.check_out(visit, ten, method="typed", medium_id=None)) is Reason.OUT_REASON_MISSING
    assert why(world.check_out(visit, ten, medium_id=None, reason="because")) is Reason.OUT_REASON_MISSING
    assert why(world.check_out(visit, ten, caregiver_id=world.caregiver())) is Reason.OTHER_CAREGIVER
    assert why(world.check_out(visit, "2026-07-03 08:00")) is Reason.OUT_BEFORE_IN
    assert why(world.check_out(visit, ten, "ZZ99")) is Reason.ITEM_NOT_SOLD
    out = ended(world.check_out(visit, ten, method="typed", medium_id=None, reason="card_missing"))
    assert out.visit.status == "served"
    with acting(world.engine) as act:
        rows = act.conn.execute(select(visit_lines).where(visit_lines.c.visit_id == visit.id)).all()
    assert [(row.item_code, row.amount_fen) for row in rows] == [(CLEANING, 3000)]


def test_the_distance_from_the_registered_address_is_kept(world: World) -> None:
    someone = world.holder()
    with acting(world.engine) as act:
        home = {"latitude_e7": 324_300_000, "longitude_e7": 1_195_500_000}
        act.conn.execute(update(seniors).where(seniors.c.id == someone.senior_id).values(home))
    place = Place(324_310_000, 1_195_500_000, 12)
    visit = opened(world.check_in(someone, world.caregiver(), "2026-07-03 09:00", place=place))
    with acting(world.engine) as act:
        row = act.conn.execute(select(visits).where(visits.c.id == visit.id)).one()
    assert (row.in_distance_m, row.in_accuracy_m) == (111, 12)  # a thousandth of a degree of latitude
    assert row.received_at - row.check_in_at == timedelta(0)
