"""Each signal finds exactly the visit that is wrong, and lets the one pass that lies on the right side of the threshold.

Figures are those of the shipped scheme unless the test sets its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine, update

from settlement.cards.tables import cards, media
from settlement.fraud.signals import SIGNALS
from settlement.ledger import chart, transfer
from settlement.ledger.accounts import account_id, open_account
from settlement.policy import rules_control
from settlement.policy.loader import builtin
from settlement.providers.tables import caregivers
from settlement.visits.tables import visit_lines
from tests.fraud.month import HOME, MonthByHand, month_by_hand
from tests.support import at


@pytest.fixture
def july(module_engine: Engine) -> Iterator[MonthByHand]:
    with month_by_hand(module_engine) as month:
        yield month


def north_of_home(metres: int) -> tuple[int, int]:
    """So many metres north, rounded up to the next metre of the grid (1 m = 89.83 ten-millionths of a degree)."""
    return (HOME[0] + metres * 100_000_000 // 1_113_195 + 1, HOME[1])


def standing_at(place: tuple[int, int] | None, ends: str = "in out", accuracy: int = 20) -> dict[str, int | None]:
    latitude, longitude = place or (None, None)
    values = {"latitude_e7": latitude, "longitude_e7": longitude, "accuracy_m": accuracy if place else None}
    return {f"{end}_{name}": value for end in ends.split() for name, value in values.items()}


def test_every_signal_a_scheme_can_name_exists_and_can_be_told() -> None:
    assert set(SIGNALS) == set(rules_control.SIGNALS)
    assert {signal.code for signal in builtin("jiangdu").fraud.signals} == set(SIGNALS)


def test_an_ordinary_month_is_clean(july: MonthByHand) -> None:
    anna, mei = july.caregiver(), july.caregiver()
    july.visit("2026-07-01 09:00", "2026-07-01 10:10", caregiver=anna)
    july.visit("2026-07-01 11:00", "2026-07-01 12:05", caregiver=anna)
    july.visit("2026-07-01 09:00", "2026-07-01 10:30", caregiver=mei, items="bathing")
    july.visit("2026-07-02 11:30", None, caregiver=mei, items="lunch", in_method="chip")

    assert july.findings() == []


# -- presence -----------------------------------------------------------------------------------------------------------------
def test_a_caregiver_in_two_places(july: MonthByHand) -> None:
    """More than 5 minutes of overlap; the long visit hides behind a short one that came between."""
    wang = july.caregiver()
    long = july.visit("2026-07-01 08:00", "2026-07-01 11:00", caregiver=wang)
    july.visit("2026-07-02 08:00", "2026-07-02 09:00", caregiver=wang)
    within = july.visit("2026-07-01 08:30", "2026-07-01 09:30", caregiver=wang)
    end = july.visit("2026-07-01 10:54:59", "2026-07-01 12:00", caregiver=wang, provider_id=july.other_provider)
    near_miss = july.visit("2026-07-01 11:55", "2026-07-01 13:00", caregiver=wang)

    assert july.found("caregiver_overlap") == {long, within, end}
    assert near_miss not in july.found("caregiver_overlap")
    finding = july.finding("caregiver_overlap", end)
    assert finding.measured == {"minutes": 6}  # 5:01, told as more than 5
    assert finding.threshold == {"over_minutes": 5}
    assert set(finding.rows) == {f"visit:{long}", f"visit:{end}", f"caregiver:{wang}"}
    assert (finding.source, finding.stop) == ("default", "open")
    assert "6" in finding.zh
    assert "5 allowed" in finding.en


def test_one_person_employed_by_two_providers(july: MonthByHand) -> None:
    """Two employments with the same telephone number are one caregiver."""
    here, there = july.caregiver(), july.caregiver(july.other_provider)
    for employment in (here, there):
        july.change(caregivers, employment, phone_index="same")
    one = july.visit("2026-07-01 09:00", "2026-07-01 10:00", caregiver=here)
    two = july.visit("2026-07-01 09:30", "2026-07-01 10:30", caregiver=there, provider_id=july.other_provider)

    assert july.found("caregiver_overlap") == {one, two}
    rows = {f"visit:{one}", f"visit:{two}", f"caregiver:{here}", f"caregiver:{there}"}
    assert set(july.finding("caregiver_overlap", two).rows) == rows


def test_an_overlap_across_midnight_of_the_last_day(july: MonthByHand) -> None:
    """The August visit is not judged in July, but it is what shows the July one to be impossible."""
    wang = july.caregiver()
    late = july.visit("2026-07-31 23:00", "2026-08-01 00:30", caregiver=wang)
    early = july.visit("2026-08-01 00:10", "2026-08-01 01:10", caregiver=wang)

    assert july.found("caregiver_overlap") == {late}
    assert july.found("caregiver_overlap", "2026-08") == {early}  # the other was found before, and is found once


def test_corrected_times_are_the_ones_that_count(july: MonthByHand) -> None:
    """Never checked out, the visit had no end to overlap with; by its correction it lasted until 10:30. The other's came apart."""
    wang, sun = july.caregiver(), july.caregiver()
    corrected = july.visit(
        "2026-07-01 09:00", None, caregiver=wang, corrected_out_at=at("2026-07-01 10:30"), seconds=5400
    )
    next_one = july.visit("2026-07-01 10:00", "2026-07-01 11:00", caregiver=wang)
    july.visit("2026-07-01 09:00", "2026-07-01 10:30", caregiver=sun, corrected_out_at=at("2026-07-01 10:05"))
    july.visit("2026-07-01 10:10", "2026-07-01 11:20", caregiver=sun)

    assert july.found("caregiver_overlap") == {corrected, next_one}
    assert corrected not in july.found("debit_without_visit")


def test_a_senior_served_twice_at_once(july: MonthByHand) -> None:
    li, zhang = july.senior(), july.senior()
    one = july.visit("2026-07-03 09:00", "2026-07-03 10:00", senior=li)
    two = july.visit("2026-07-03 09:54:59", "2026-07-03 11:00", senior=li, provider_id=july.other_provider)
    july.visit("2026-07-03 09:00", "2026-07-03 10:00", senior=zhang)
    july.visit("2026-07-03 09:30", "2026-07-03 10:30", senior=zhang, items="company")  # sold as: beside another visit
    july.visit("2026-07-03 10:25", "2026-07-03 11:30", senior=zhang)  # 5:00

    assert july.found("senior_overlap") == {one, two}


def test_travel_that_no_car_manages(july: MonthByHand) -> None:
    """10 minutes at 60 km/h are 10,000 m; the phone's 20 m at either end count in the caregiver's favour."""
    fast, slow, near = july.caregiver(), july.caregiver(), july.caregiver()
    first = july.visit("2026-07-06 09:00", "2026-07-06 10:00", caregiver=fast)
    far = july.visit("2026-07-06 10:10", "2026-07-06 11:10", caregiver=fast, **standing_at(north_of_home(10_041)))
    july.visit("2026-07-06 09:00", "2026-07-06 10:00", caregiver=slow)
    july.visit("2026-07-06 10:10", "2026-07-06 11:10", caregiver=slow, **standing_at(north_of_home(10_039)))
    july.visit("2026-07-06 09:00", "2026-07-06 10:00", caregiver=near)
    july.visit(
        "2026-07-06 10:00", "2026-07-06 11:00", caregiver=near, **standing_at(north_of_home(998))
    )  # next village

    assert july.found("impossible_travel") == {first, far}
    assert july.finding("impossible_travel", far).measured == {"metres": 10_041, "seconds": 600, "accuracy_m": 40}


def test_travel_between_registered_addresses_where_the_phone_says_nothing(july: MonthByHand) -> None:
    """30 km east at 32.43 degrees north: 30,000 m / (111,319.5 m x 0.844) = 0.3193 degrees."""
    wang = july.caregiver()
    far_away = july.senior(home=(HOME[0], HOME[1] + 3_193_000))
    one = july.visit("2026-07-06 09:00", "2026-07-06 10:00", caregiver=wang)
    two = july.visit("2026-07-06 10:10", "2026-07-06 11:10", caregiver=wang, senior=far_away, **standing_at(None))

    assert july.found("impossible_travel") == {one, two}
    metres = july.finding("impossible_travel", two).measured["metres"]
    assert 29_970 <= metres <= 30_030


def test_more_hours_than_a_person_works(july: MonthByHand) -> None:
    """10 hours are allowed; a day is the local one: 00:30 in Jiangdu is still the day before in UTC."""
    wang, sun = july.caregiver(), july.caregiver()
    day = [
        july.visit("2026-07-07 00:30", "2026-07-07 05:30", caregiver=wang),
        july.visit("2026-07-07 08:00", "2026-07-07 13:00:01", caregiver=wang),
    ]
    july.visit("2026-07-08 07:00", "2026-07-08 12:00", caregiver=wang)
    july.visit("2026-07-08 13:00", "2026-07-08 18:00", caregiver=sun)
    july.visit("2026-07-08 19:00", "2026-07-09 00:00", caregiver=sun)  # exactly 10 hours

    assert july.found("long_day") == set(day)
    assert july.finding("long_day", day[0]).measured == {"minutes": 601}


# -- time ---------------------------------------------------------------------------------------------------------------------
def test_an_hour_is_an_hour(july: MonthByHand) -> None:
    short = july.visit("2026-07-01 09:00", "2026-07-01 09:59:59")
    july.visit("2026-07-01 09:00", "2026-07-01 10:00")
    bath = july.visit(
        "2026-07-01 09:00", "2026-07-01 10:29", items="cleaning bathing"
    )  # bathing alone needs 90 minutes
    july.visit("2026-07-01 12:00", None, items="lunch")  # a hatch has no duration

    assert july.found("under_minimum") == {short, bath}
    assert july.finding("under_minimum", short).measured == {"seconds": 3599}
    assert july.finding("under_minimum", bath).threshold == {"seconds": 5400}
    assert july.finding("under_minimum", bath).source == "五(三)2"  # the notice's, not ours


def test_just_an_hour_far_too_often(july: MonthByHand) -> None:
    """Three of five within two minutes of the hour are 60 %; two of four are 50 %; four visits are too few to tell."""
    july.threshold("just_over_minimum", "flag", within_minutes=2, percent=60, at_least_visits=5)
    wang, sun, few = july.caregiver(), july.caregiver(), july.caregiver()
    close = [july.visit(f"2026-07-0{day} 09:00", f"2026-07-0{day} 10:01:59", caregiver=wang) for day in (1, 2, 3)]
    for day in (4, 5):
        july.visit(f"2026-07-0{day} 09:00", f"2026-07-0{day} 10:02", caregiver=wang)
    for day, end in ((1, "10:00"), (2, "10:01"), (3, "10:30"), (4, "10:30"), (5, "10:30")):
        july.visit(f"2026-07-0{day} 09:00", f"2026-07-0{day} {end}", caregiver=sun)
    for day in (1, 2, 3, 4):
        july.visit(f"2026-07-0{day} 09:00", f"2026-07-0{day} 10:00", caregiver=few)

    assert july.found("just_over_minimum") == set(close)
    finding = july.finding("just_over_minimum", close[0])
    assert finding.measured == {"seconds": 3719, "visits": 5, "percent": 60}
    assert finding.stop is None  # a flag stops nothing


def test_many_late_uploads(july: MonthByHand) -> None:
    """Two of four later than 24 hours; exactly 24 hours is in time."""
    july.threshold("late_uploads", "flag", hours=24, percent=50, at_least_visits=4)
    wang, sun = july.caregiver(), july.caregiver()
    days = ["2026-07-01", "2026-07-02", "2026-07-03", "2026-07-04"]
    too_late, in_time = timedelta(hours=24, seconds=1), timedelta(hours=24)
    wangs = [
        july.visit(f"{day} 09:00", f"{day} 10:05", caregiver=wang, uploaded_after=delay)
        for day, delay in zip(days, (too_late, too_late, in_time, in_time), strict=True)
    ]
    for day, delay in zip(days, (too_late, in_time, in_time, in_time), strict=True):
        july.visit(f"{day} 09:00", f"{day} 10:05", caregiver=sun, uploaded_after=delay)

    assert july.found("late_uploads") == set(wangs[:2])
    assert july.finding("late_uploads", wangs[0]).measured == {"hours": 24, "visits": 4, "percent": 50}


# -- the debit ----------------------------------------------------------------------------------------------------------------
def test_a_debit_without_its_visit(july: MonthByHand) -> None:
    never_left = july.visit("2026-07-01 09:00", status="open", debit_at="2026-07-01 10:00")
    july.visit("2026-07-01 09:00", status="open", debit=False)
    void = july.visit("2026-07-01 09:00", "2026-07-01 10:00", status="void", void_reason="cancelled")
    july.visit("2026-07-01 09:00", "2026-07-01 10:00", status="void", void_reason="cancelled", debit=False)
    july.visit("2026-07-01 12:00", None, items="lunch")

    assert july.found("debit_without_visit") == {never_left, void}


def test_a_debit_at_another_time(july: MonthByHand) -> None:
    """From the check-in to 30 minutes after the check-out."""
    before = july.visit("2026-07-01 09:00", "2026-07-01 10:00", debit_at="2026-07-01 08:59:59")
    after = july.visit("2026-07-01 09:00", "2026-07-01 10:00", debit_at="2026-07-01 10:30:01")
    july.visit("2026-07-01 09:00", "2026-07-01 10:00", debit_at="2026-07-01 09:00")
    july.visit("2026-07-01 09:00", "2026-07-01 10:00", debit_at="2026-07-01 10:30")

    assert july.found("debit_outside_window") == {before, after}
    assert july.finding("debit_outside_window", after).measured == {"minutes": 31, "side": "after"}
    assert july.finding("debit_outside_window", before).measured == {"minutes": 1, "side": "before"}


def test_a_debit_above_the_price_list(july: MonthByHand) -> None:
    """Cleaning 30.00 and company 20.00; lines that themselves lie about the price do not help."""
    over = july.visit("2026-07-01 09:00", "2026-07-01 10:30", items="cleaning company", fen=5001)
    july.visit("2026-07-01 09:00", "2026-07-01 10:30", items="cleaning company", fen=5000)
    lying = july.visit("2026-07-02 09:00", "2026-07-02 10:30", fen=3100)
    dear = {"unit_price_fen": 3100, "amount_fen": 3100}
    july.act.conn.execute(update(visit_lines).where(visit_lines.c.visit_id == lying).values(**dear))

    assert july.found("debit_above_lines") == {over, lying}
    assert july.finding("debit_above_lines", over).measured == {"fen": 5001, "lines_fen": 5000}


def test_a_replaced_card(july: MonthByHand) -> None:
    """The first medium was reported lost on 10 July at noon."""
    li = july.senior()
    july.change(media, li, dead_from=at("2026-07-10 12:00"))
    new = july.medium(900, li, issue=2)
    july.visit("2026-07-10 10:00", "2026-07-10 11:30", senior=li)
    at_the_door = july.visit("2026-07-12 10:00", "2026-07-12 11:00", senior=li, debit=False)
    at_the_debit = july.visit(
        "2026-07-13 10:00", "2026-07-13 11:00", senior=li, in_medium_id=new
    )  # debited by the old one
    fine = july.visit("2026-07-14 10:00", "2026-07-14 11:00", senior=li, in_medium_id=new, debit=False)
    july.debit(fine, li, 3000, at("2026-07-14 11:00"), medium=new)

    assert july.found("replaced_card") == {at_the_door, at_the_debit}


def test_a_burst_on_an_idle_balance(july: MonthByHand) -> None:
    """150.00 lay there for 60 days; 120.00 of it go within three days: 80 %. The same with a day less of rest, or 1 fen less, passes."""

    def card(issued: str, *visits: str, last_fen: int, before: str | None = None) -> list[str]:
        senior = july.senior()
        control = open_account(july.act, chart.VOUCHER_CONTROL, "scheme:jiangdu")
        purse = account_id(july.act.conn, chart.CARD_SUBSIDY, f"card:{senior}")
        assert purse is not None
        load = transfer.Transfer(f"issue/{senior}", control, purse, 15000, "issue", "issuance:x", at(issued))
        transfer.post(july.act, load.id, [load])
        if before is not None:
            july.visit(f"{before} 09:00", f"{before} 10:40", senior=senior, status="paid")
        amounts = [6000] * (len(visits) - 1) + [last_fen]
        return [
            july.visit(f"{day} 09:00", f"{day} 10:40", senior=senior, items="bathing", fen=fen)
            for day, fen in zip(visits, amounts, strict=True)
        ]

    never_used = card("2026-05-21 09:00", "2026-07-20", "2026-07-23", last_fen=6000)
    long_ago = card("2026-01-01 09:00", "2026-07-20", "2026-07-23", last_fen=6000, before="2026-02-01")
    sixty_days = card("2026-01-01 09:00", "2026-07-20", "2026-07-23", last_fen=6000, before="2026-05-21")
    card("2026-01-01 09:00", "2026-07-20", "2026-07-23", last_fen=6000, before="2026-05-22")
    card("2026-05-22 11:00", "2026-07-20", "2026-07-23", last_fen=6000)
    card("2026-05-01 09:00", "2026-07-20", "2026-07-23", last_fen=5999)
    card("2026-05-01 09:00", "2026-07-20", "2026-07-24", last_fen=6000)
    card("2026-05-01 09:00", "2026-07-20", last_fen=15000)  # one debit is no burst

    assert july.found("idle_burst") == {*never_used, *long_ago, *sixty_days}
    expected = {"idle_days": 60, "fen": 12000, "available_fen": 15000, "percent": 80}
    assert july.finding("idle_burst", never_used[0]).measured == expected
    assert july.finding("idle_burst", long_ago[0]).measured["idle_days"] == 169  # 1 February to 20 July


# -- the register -------------------------------------------------------------------------------------------------------------
def test_service_after_death(july: MonthByHand) -> None:
    """Died on 15 July: the card is frozen from that midnight, local time."""
    li = july.senior(died_on=date(2026, 7, 15))
    july.visit("2026-07-14 22:00", "2026-07-14 23:00", senior=li)
    that_day = july.visit("2026-07-15 00:00", "2026-07-15 01:00", senior=li)
    later = july.visit("2026-07-20 09:00", "2026-07-20 10:00", senior=li)

    assert july.found("after_death") == {that_day, later}
    assert july.finding("after_death", later).measured == {"day": "2026-07-20", "days_after": 5}
    assert july.found("after_leaving") == set()


def test_a_death_learnt_after_the_visit_was_paid(july: MonthByHand) -> None:
    """The register hears of the death only now: July's scan finds the paid visits of May, but none of more than a year ago."""
    li = july.senior(died_on=date(2025, 5, 10))
    paid = july.visit("2026-05-20 09:00", "2026-05-20 10:00", senior=li, status="paid")
    july.visit("2025-05-09 09:00", "2025-05-09 10:00", senior=li, status="paid")
    july.visit("2025-06-20 09:00", "2025-06-20 10:00", senior=li, status="paid")

    assert july.found("after_death") == {paid}
    assert july.finding("after_death", paid).month == "2026-07"  # where it is listed, and decided


def test_service_after_moving_away(july: MonthByHand) -> None:
    li = july.senior(left_on=date(2026, 7, 10))
    july.visit("2026-07-09 09:00", "2026-07-09 10:00", senior=li)
    moved = july.visit("2026-07-10 09:00", "2026-07-10 10:00", senior=li)

    assert july.found("after_leaving") == {moved}


def test_service_after_a_freeze(july: MonthByHand) -> None:
    li, dead = july.senior(), july.senior(died_on=date(2026, 7, 1))
    july.change(cards, li, frozen_from=at("2026-07-10 09:00"), freeze_reason="order", status="frozen")
    july.change(cards, dead, frozen_from=at("2026-07-01 00:00"), freeze_reason="died", status="frozen")
    july.visit("2026-07-10 08:59:59", "2026-07-10 10:00", senior=li)
    frozen = july.visit("2026-07-10 09:00", "2026-07-10 10:00", senior=li)
    after_death = july.visit("2026-07-10 09:00", "2026-07-10 10:00", senior=dead)

    assert july.found("after_freeze") == {frozen}
    assert july.found("after_death") == {after_death}  # told once, by its own signal


# -- the place ----------------------------------------------------------------------------------------------------------------
def test_far_from_the_address(july: MonthByHand) -> None:
    """Beyond 500 m and the phone's own 20 m, at either end."""
    at_in = july.visit("2026-07-01 09:00", "2026-07-01 10:00", in_distance_m=521)
    at_out = july.visit("2026-07-01 09:00", "2026-07-01 10:00", out_distance_m=2000, out_accuracy_m=100)
    july.visit("2026-07-01 09:00", "2026-07-01 10:00", in_distance_m=520)
    july.visit("2026-07-01 09:00", "2026-07-01 10:00", in_distance_m=None, out_distance_m=None)

    assert july.found("far_from_address") == {at_in, at_out}


def test_no_usable_location(july: MonthByHand) -> None:
    """A printed code may be photographed, so it needs a place at both ends; a chip does not."""
    nowhere = july.visit("2026-07-01 09:00", "2026-07-01 10:00", **standing_at(None))
    vague = july.visit("2026-07-01 09:00", "2026-07-01 10:00", **standing_at(HOME, "out", accuracy=1001))
    july.visit("2026-07-01 09:00", "2026-07-01 10:00", **standing_at(HOME, accuracy=1000))
    july.visit("2026-07-01 09:00", "2026-07-01 10:00", in_method="chip", out_method="dynamic", **standing_at(None))

    assert july.found("no_location") == {nowhere, vague}
    assert july.finding("no_location", vague).measured == {
        "ends": "out",
        "out": {"method": "card_qr", "accuracy_m": 1001},
    }


@pytest.mark.parametrize("start", [0, 25, 45])
def test_three_cards_at_one_place(july: MonthByHand, start: int) -> None:
    """Three cards within 10 minutes and 50 m, whoever holds the phone; ``start`` moves the scene across the grid of places."""
    here, near, beyond = (north_of_home(metres) for metres in (start, start + 49, start - 52))
    trio = {
        july.visit("2026-07-01 09:00", "2026-07-01 10:00", **standing_at(here)),
        july.visit("2026-07-01 09:02", "2026-07-01 10:05", **standing_at(near)),
        july.visit("2026-07-01 09:03", "2026-07-01 10:10", **standing_at(here)),
    }
    july.visit("2026-07-01 09:04", "2026-07-01 10:10", **standing_at(beyond))

    assert july.found("cards_at_one_place") == trio


def test_cards_at_one_place_near_misses(july: MonthByHand) -> None:
    couple = july.senior(), july.senior()
    for senior in couple:
        july.visit("2026-07-01 09:00", "2026-07-01 10:00", senior=senior)
    july.visit("2026-07-02 09:00", "2026-07-02 10:00", debit_at="2026-07-02 10:00")
    july.visit("2026-07-02 09:00", "2026-07-02 10:00", debit_at="2026-07-02 10:05")
    july.visit("2026-07-02 09:00", "2026-07-02 10:00", debit_at="2026-07-02 10:10:01")
    for minute in (0, 1, 2, 3):
        july.visit(f"2026-07-03 12:0{minute}", None, items="lunch")  # a queue at the hatch

    assert july.found("cards_at_one_place") == set()


# -- the proof ----------------------------------------------------------------------------------------------------------------
def test_too_many_visits_with_weak_proof(july: MonthByHand) -> None:
    """Two of five are 40 %; one of five is 20 %; four visits are too few to tell. A printed code with a place at both ends is strong."""
    july.threshold("weak_methods", "flag", percent=40, at_least_visits=5)
    wang, sun, few = july.caregiver(), july.caregiver(), july.caregiver()
    typed = july.visit("2026-07-01 09:00", "2026-07-01 10:05", caregiver=wang, in_method="typed")
    nowhere = july.visit("2026-07-02 09:00", "2026-07-02 10:05", caregiver=wang, **standing_at(None, "out"))
    july.visit("2026-07-01 09:00", "2026-07-01 10:05", caregiver=sun, out_scanned=False)
    for caregiver, days in ((wang, (3, 4, 5)), (sun, (2, 3, 4, 5))):
        for day in days:
            july.visit(f"2026-07-0{day} 09:00", f"2026-07-0{day} 10:05", caregiver=caregiver)
    for day in (1, 2, 3, 4):
        july.visit(f"2026-07-0{day} 09:00", f"2026-07-0{day} 10:05", caregiver=few, in_method="typed")

    assert july.found("weak_methods") == {typed, nowhere}
    finding = july.finding("weak_methods", typed)
    assert finding.measured == {"methods": "typed+card_qr", "visits": 5, "percent": 40}
    assert (finding.stop, "40%" in finding.zh) == (None, True)
