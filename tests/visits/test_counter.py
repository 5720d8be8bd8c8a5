"""Purchases at a counter: what may be bought there, by which consent, and what becomes of it. Figures in fen, worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from settlement.cards import dynamic_code, registry
from settlement.cards.tables import cards
from settlement.outcomes import Reason, Refused
from settlement.periods import Month
from settlement.providers import terminals
from settlement.providers.tables import caregivers
from settlement.visits import compliance, correcting, evidence, voiding
from settlement.visits.forms import Visit
from settlement.visits.integrity import check
from settlement.visits.shown import ChipAnswer, Shown
from settlement.visits.tables import counter_sales, debits, visit_lines, visits
from tests.cards.county import TOWN_CLERK
from tests.support import RING, acting, at, officer
from tests.visits.hatch import DAY_CARE, LUNCH, NOON, PIN, Hatch, hatch, sold, taken_back
from tests.visits.test_at_once import at_once
from tests.visits.world import CLEANING, DISTRICT, World, why

NEXT_DAY = "2026-07-04 09:00"


@pytest.fixture(autouse=True)
def _books_agree(world: World) -> Iterator[None]:
    """Whatever a test does, afterwards debits, visits, sales and the ledger tell the same story."""
    yield
    with acting(world.engine) as act:
        assert check(act.conn) == []


@pytest.fixture
def counter(world: World) -> Hatch:
    return hatch(world, latitude_e7=324_000_000, longitude_e7=1_195_000_000)


def rows(world: World, table: Any, **where: Any) -> list[Any]:
    with acting(world.engine) as act:
        query = select(table).where(*(table.c[name] == value for name, value in where.items()))
        return list(act.conn.execute(query))


def test_a_meal_at_the_hatch_is_a_visit_without_an_end_its_line_and_its_debit(world: World, counter: Hatch) -> None:
    someone = world.holder(subsidy=10_000)
    asked = counter.asked(counter.chip(someone, 2400), 2400, items={LUNCH: 2})
    debit = sold(counter.sell(asked))
    assert (debit.subsidy_fen, debit.personal_fen, debit.subsidy_left_fen) == (2400, 0, 7600)
    (visit,) = rows(world, visits, id=asked.id)
    assert (visit.status, visit.month, visit.in_method, visit.check_out_at) == ("served", "2026-07", "chip", None)
    assert (visit.provider_id, visit.in_latitude_e7, visit.in_distance_m) == (world.ours, 324_000_000, None)
    (line,) = rows(world, visit_lines, visit_id=asked.id)
    assert (line.item_code, line.quantity, line.amount_fen) == (LUNCH, 2, 2400)
    (kept,) = rows(world, debits, id=asked.id)
    assert (kept.status, kept.consent, kept.medium_id) == ("posted", "chip", someone.medium_id)
    assert world.left(someone) == (7600, 0)
    assert world.spent(someone) == 2400


def test_a_day_at_the_centre_takes_own_money_only_as_agreed(world: World, counter: Hatch) -> None:
    someone = world.holder(subsidy=3000, personal=2000)
    short = counter.asked(counter.chip(someone, 4000), 4000, items={DAY_CARE: 1}, personal_fen=500)
    declined = counter.sell(short)
    assert why(declined) is Reason.PERSONAL_NOT_CONFIRMED
    assert world.left(someone) == (3000, 2000)
    assert rows(world, visits, id=short.id) == rows(world, debits, id=short.id) == []
    (kept,) = rows(world, counter_sales, id=short.id)
    assert (kept.status, kept.decline_reason, kept.visit_id) == ("declined", "personal_not_confirmed", None)
    whole = counter.asked(counter.chip(someone, 4000), 4000, items={DAY_CARE: 1}, personal_fen=1000)
    debit = sold(counter.sell(whole))
    assert (debit.subsidy_fen, debit.personal_fen) == (3000, 1000)
    assert world.left(someone) == (0, 1000)


def test_what_is_not_for_a_counter(world: World, counter: Hatch) -> None:
    someone = world.holder(subsidy=10_000)
    at_home = counter.asked(counter.chip(someone, 4200), 4200, items={LUNCH: 1, CLEANING: 1})
    assert why(counter.sell(at_home)) is Reason.ITEM_NOT_AT_COUNTER
    unknown = counter.asked(counter.chip(someone, 1200), 1200, items={"tea": 1})
    assert why(counter.sell(unknown)) is Reason.ITEM_NOT_SOLD
    wrong = counter.asked(counter.chip(someone, 1100), 1100)
    assert why(counter.sell(wrong)) is Reason.TOTAL_DIFFERS
    stranger = counter.asked(counter.chip(someone, 1200), 1200, staff_no="nobody")
    assert why(counter.sell(stranger)) is Reason.CAREGIVER_UNKNOWN
    assert why(counter.sell(counter.asked(Shown(card_no="no such card", pin="1"), 1200))) is Reason.CODE_UNKNOWN
    assert world.left(someone) == (10_000, 0)


def test_who_may_buy_is_asked_as_at_a_door(world: World, counter: Hatch) -> None:
    someone = world.holder(subsidy=10_000)
    untrained = world.caregiver(trained_on=None)
    (staff_no,) = (row.staff_no for row in rows(world, caregivers, id=untrained))
    refused = counter.asked(counter.chip(someone, 1200), 1200, staff_no=staff_no)
    assert why(counter.sell(refused)) is Reason.CAREGIVER_UNTRAINED
    with acting(world.engine, "2026-07-03 08:00") as act:
        registry.report_lost(act, someone.card_id)
    assert why(counter.sell(counter.asked(counter.chip(someone, 1200), 1200))) is Reason.CODE_DEAD
    asked, stranger = counter.asked(counter.printed(someone), 1200), replace(counter, provider=world.theirs)
    with pytest.raises(Refused) as error:
        stranger.sell(asked)
    assert error.value.reason is Reason.NOT_ALLOWED


def test_each_consent_is_proved(world: World, counter: Hatch) -> None:
    someone = world.holder(subsidy=20_000)
    assert why(counter.sell(counter.asked(counter.typed(someone), 1200))) is Reason.CONSENT_NOT_PROVED
    assert why(counter.sell(counter.asked(counter.typed(someone, PIN), 1200))) is Reason.PIN_NOT_SET
    counter.set_pin(someone)
    wrong = counter.sell(counter.asked(counter.typed(someone, "000001"), 1200))
    assert why(wrong) is Reason.PIN_WRONG
    assert wrong.details == {"left": 4}  # type: ignore[union-attr]
    sold(counter.sell(counter.asked(counter.typed(someone, PIN), 1200)))
    sold(counter.sell(counter.asked(counter.printed(someone), 1200)))
    forged = Shown(card_no=counter.card_no(someone), chip=ChipAnswer(b"\0" * 4, 900, b"\0" * 8))
    assert why(counter.sell(counter.asked(forged, 1200))) is Reason.CHIP_WRONG
    chip = counter.chip(someone, 1200, 901)
    sold(counter.sell(counter.asked(chip, 1200)))
    assert why(counter.sell(counter.asked(chip, 1200))) is Reason.CHIP_REPLAYED
    assert world.left(someone) == (20_000 - 3 * 1200, 0)
    told = {(row.in_method, row.id) for row in rows(world, visits, card_id=someone.card_id)}
    assert sorted(method for method, _ in told) == ["card_qr", "chip", "typed"]


def test_five_wrong_pins_at_the_counter_lock_it(world: World, counter: Hatch) -> None:
    someone = world.holder(subsidy=20_000)
    counter.set_pin(someone)
    answers = [why(counter.sell(counter.asked(counter.typed(someone, f"11200{n}"), 1200))) for n in range(5)]
    assert answers == [Reason.PIN_WRONG] * 4 + [Reason.PIN_LOCKED]
    assert why(counter.sell(counter.asked(counter.typed(someone, PIN), 1200))) is Reason.PIN_LOCKED


def test_a_dynamic_code_is_used_up_by_the_sale_and_not_by_a_decline(world: World, counter: Hatch) -> None:
    someone = world.holder(subsidy=1000, personal=5000)
    with acting(world.engine, NOON) as act:
        made = dynamic_code.make(act, RING, someone.card_id, "debit", 1200)
        other = dynamic_code.make(act, RING, someone.card_id, "debit", 2400)
    assert why(counter.sell(counter.asked(Shown(code=made.code), 1200))) is Reason.PERSONAL_NOT_CONFIRMED
    debit = sold(counter.sell(counter.asked(Shown(code=made.code), 1200, personal_fen=200)))
    assert (debit.subsidy_fen, debit.personal_fen) == (1000, 200)
    again = counter.asked(Shown(code=made.code), 1200, personal_fen=1200)
    assert why(counter.sell(again)) is Reason.DYNAMIC_CODE_USED
    digits = Shown(card_no=counter.card_no(someone), code=other.digits)
    wrong_amount = counter.asked(digits, 1200, personal_fen=1200)
    assert why(counter.sell(wrong_amount)) is Reason.DYNAMIC_CODE_WRONG
    sold(counter.sell(counter.asked(digits, 2400, items={LUNCH: 2}, personal_fen=2400)))
    assert world.left(someone) == (0, 2400)


def test_the_same_sale_again_answers_the_first_result(world: World, counter: Hatch) -> None:
    someone = world.holder(subsidy=10_000)
    asked = counter.asked(counter.chip(someone, 1200), 1200)
    first = sold(counter.sell(asked))
    assert counter.sell(asked, NEXT_DAY) == first
    assert world.left(someone) == (8800, 0)
    poor = world.holder()
    refused = counter.asked(counter.chip(poor, 1200), 1200)
    assert why(counter.sell(refused)) is Reason.INSUFFICIENT_FUNDS
    with acting(world.engine, NOON) as act:
        world.pay_in(act, poor.subsidy, 5000)
    assert why(counter.sell(refused)) is Reason.INSUFFICIENT_FUNDS
    with pytest.raises(Refused) as error:
        counter.sell(counter.asked(counter.chip(someone, 2400), 2400, id=asked.id, items={LUNCH: 2}))
    assert error.value.reason is Reason.ID_REUSED


def test_without_a_line_the_meal_is_eaten_and_the_provider_bears_what_was_not_agreed(
    world: World, counter: Hatch
) -> None:
    """10.00 subsidy and 10.00 own money, of which the holder agreed to 1.00: the provider bears 1.00 of the lunch."""
    someone = world.holder(subsidy=1000, personal=1000)
    told = counter.asked(counter.chip(someone, 1200), 1200, personal_fen=100, offline=True)
    debit = sold(counter.sell(told))
    assert (debit.subsidy_fen, debit.personal_fen, debit.shortfall_fen) == (1000, 100, 100)
    assert world.left(someone) == (0, 900)


def test_an_advice_that_cannot_be_debited_leaves_its_visit_and_why(world: World, counter: Hatch) -> None:
    someone = world.holder(subsidy=100_000)
    many = counter.asked(counter.chip(someone, 24_000), 24_000, items={DAY_CARE: 6}, offline=True)
    assert why(counter.sell(many)) is Reason.OFFLINE_LIMIT
    (visit,) = rows(world, visits, id=many.id)
    (debit,) = rows(world, debits, visit_id=many.id)
    assert (visit.status, debit.status, debit.decline_reason) == ("served", "declined", "offline_limit")
    unknown = counter.asked(Shown(card_no="stranger", pin="1"), 1200, offline=True)
    assert why(counter.sell(unknown)) is Reason.CODE_UNKNOWN
    (kept,) = rows(world, counter_sales, id=unknown.id)
    assert (kept.status, kept.visit_id, kept.offline) == ("declined", None, True)
    assert world.left(someone) == (100_000, 0)


def test_a_sale_is_voided_on_its_day_and_refunded_later(world: World, counter: Hatch) -> None:
    someone = world.holder(subsidy=1000, personal=1000)
    asked = counter.asked(counter.chip(someone, 1200), 1200, personal_fen=200)
    sold(counter.sell(asked))
    assert why(counter.take_back(asked.id, "void", NEXT_DAY)) is Reason.SALE_NOT_TODAY
    assert why(counter.take_back(asked.id, "refund", NEXT_DAY, 1100)) is Reason.REFUND_NOT_WHOLE
    assert taken_back(counter.take_back(asked.id, "refund", NEXT_DAY, 1200)).card_id == someone.card_id
    assert why(counter.take_back(asked.id, "refund", NEXT_DAY, 1200)) is Reason.VISIT_VOID
    assert (world.left(someone), world.spent(someone)) == ((1000, 1000), 0)
    (visit,) = rows(world, visits, id=asked.id)
    assert (visit.status, visit.void_reason, visit.void_by) == ("void", "taken_back", f"terminal:{counter.id}")
    same_day = counter.asked(counter.chip(someone, 1200), 1200, personal_fen=200)
    sold(counter.sell(same_day))
    taken_back(counter.take_back(same_day.id, "void", "2026-07-03 23:59", 1200))
    assert world.left(someone) == (1000, 1000)
    assert why(counter.take_back("never", "refund")) is Reason.SALE_UNKNOWN
    theirs = hatch(world, provider=world.theirs)
    third = counter.asked(counter.chip(someone, 1200), 1200, personal_fen=200)
    sold(counter.sell(third))
    assert why(theirs.take_back(third.id, "refund")) is Reason.OTHER_PROVIDERS_ORDER


def test_what_the_town_voided_or_a_statement_holds_is_not_taken_back_at_the_counter(
    world: World, counter: Hatch
) -> None:
    someone = world.holder(subsidy=5000)
    one, two = (counter.asked(counter.chip(someone, 1200), 1200) for _ in range(2))
    sold(counter.sell(one))
    sold(counter.sell(two))
    with acting(world.engine, NEXT_DAY, TOWN_CLERK) as act:
        voiding.void(act, one.id, "fraud")
    assert why(counter.take_back(one.id, "refund", NEXT_DAY)) is Reason.VISIT_VOID
    with acting(world.engine, NEXT_DAY) as act:
        act.conn.execute(update(visits).where(visits.c.id == two.id).values(status="paid"))
    assert why(counter.take_back(two.id, "refund", NEXT_DAY)) is Reason.VISIT_ON_STATEMENT
    assert world.left(someone) == (3800, 0)


def test_a_revoked_terminal_sells_nothing(world: World, counter: Hatch) -> None:
    someone = world.holder(subsidy=5000)
    with acting(world.engine, "2026-07-02 09:00", DISTRICT) as act:
        terminals.revoke(act, counter.id, "stolen")
    assert why(counter.sell(counter.asked(counter.chip(someone, 1200), 1200))) is Reason.DEVICE_REVOKED
    assert world.left(someone) == (5000, 0)


def test_a_lunch_is_in_nobodys_way_and_no_visit_to_the_home(world: World, counter: Hatch) -> None:
    """The aged are owed one visit a month, the semi-disabled two: lunches do not count, nor do they keep a caregiver out."""
    someone = world.holder(subsidy=20_000)
    sold(counter.sell(counter.asked(counter.chip(someone, 1200), 1200, "2026-07-03 11:00")))
    visit = world.check_in(someone, world.caregiver(), "2026-07-03 11:30")
    assert isinstance(visit, Visit)
    world.check_out(visit, "2026-07-03 12:30")
    with acting(world.engine, "2026-08-03 09:00") as act:
        owed = compliance.frequency(act.conn, world.scheme, Month.of(date(2026, 7, 1)))
    assert [(each.required, each.done) for each in owed if each.senior_id == someone.senior_id] == [(2, 1)]


def test_what_a_purchase_proves_is_graded_by_how_it_was_agreed_to(world: World, counter: Hatch) -> None:
    someone = world.holder(subsidy=20_000)
    counter.set_pin(someone)
    asked = {
        "strong": [counter.asked(counter.chip(someone, 1200), 1200), counter.asked(counter.typed(someone, PIN), 1200)],
        "weak": [counter.asked(counter.printed(someone), 1200)],
    }
    for grade, sales in asked.items():
        for each in sales:
            sold(counter.sell(each))
            with acting(world.engine) as act:
                found = evidence.of(act.conn, each.id)
            assert (found.grade, found.flags, found.end) == (grade, (), None)


def test_a_purchase_has_no_times_to_correct(world: World, counter: Hatch) -> None:
    someone = world.holder(subsidy=5000)
    asked = counter.asked(counter.chip(someone, 1200), 1200)
    sold(counter.sell(asked))
    later = asked.occurred_at + timedelta(hours=1)
    proposal = correcting.Proposal(visit_id=asked.id, reason="forgot_out", note="seen by the cook", check_out_at=later)
    with pytest.raises(Refused) as error, acting(world.engine, NEXT_DAY, TOWN_CLERK) as act:
        correcting.propose(act, proposal)
    assert error.value.reason is Reason.CORRECTION_AT_COUNTER


def test_a_second_person_lets_an_offline_sale_count(world: World, counter: Hatch) -> None:
    """200.00 may be taken without a line. Six days of day care cost 240.00, 230.00 lie on the card: released, the provider bears 10.00."""
    someone = world.holder(subsidy=22_000, personal=5000)
    many = counter.asked(counter.chip(someone, 24_000), 24_000, items={DAY_CARE: 6}, offline=True, personal_fen=1000)
    assert why(counter.sell(many)) is Reason.OFFLINE_LIMIT
    debit = sold(counter.release(many.id, TOWN_CLERK, NEXT_DAY))
    assert (debit.subsidy_fen, debit.personal_fen, debit.shortfall_fen) == (22_000, 1000, 1000)
    assert world.left(someone) == (0, 4000)
    (kept,) = rows(world, counter_sales, id=many.id)
    assert (kept.status, kept.decline_reason) == ("sold", None)
    with pytest.raises(Refused) as error:
        counter.release(many.id, TOWN_CLERK, NEXT_DAY)
    assert error.value.reason is Reason.WRONG_STATE
    assert error.value.zh == "当前状态“已扣款”不能进行“认可”"
    back = taken_back(counter.take_back(many.id, "refund", NEXT_DAY, 24_000))
    assert (back.subsidy_fen, back.personal_fen) == (22_000, 1000)
    assert world.left(someone) == (22_000, 5000)


def test_an_advice_older_than_the_scheme_accepts_waits_for_a_second_person(world: World, counter: Hatch) -> None:
    someone = world.holder(subsidy=5000)
    old = counter.asked(counter.chip(someone, 1200), 1200, offline=True)
    assert why(counter.sell(old, "2026-08-03 11:31")) is Reason.EVENT_TOO_OLD
    assert (rows(world, visits, id=old.id)[0].status, rows(world, debits, visit_id=old.id)) == ("served", [])
    for who, reason in ((counter.actor, Reason.NOT_ALLOWED), (OTHER_TOWN, Reason.NOT_ALLOWED)):
        with pytest.raises(Refused) as error:
            counter.release(old.id, who, "2026-08-04 09:00")
        assert error.value.reason is reason
    assert sold(counter.release(old.id, TOWN_CLERK, "2026-08-04 09:00")).subsidy_fen == 1200
    refused = counter.asked(Shown(card_no="stranger", pin="1"), 1200, offline=True)
    counter.sell(refused)
    with pytest.raises(Refused) as error:
        counter.release(refused.id, TOWN_CLERK, NEXT_DAY)
    assert error.value.reason is Reason.WRONG_STATE


def test_a_released_sale_that_a_dynamic_code_confirmed_used_that_code_up(world: World, counter: Hatch) -> None:
    """The code was used for the sale, the debit is the release's; the books agree afterwards (``_books_agree``)."""
    someone = world.holder(subsidy=30_000)
    with acting(world.engine, NOON) as act:
        made = dynamic_code.make(act, RING, someone.card_id, "debit", 24_000)
    asked = counter.asked(Shown(code=made.code), 24_000, items={DAY_CARE: 6}, offline=True)
    assert why(counter.sell(asked)) is Reason.OFFLINE_LIMIT
    assert sold(counter.release(asked.id, TOWN_CLERK, NEXT_DAY)).subsidy_fen == 24_000


def test_a_release_that_was_declined_may_be_tried_again(world: World, counter: Hatch) -> None:
    """The card was frozen by mistake when the town looked at the advice first."""
    someone = world.holder(subsidy=30_000)
    many = counter.asked(counter.chip(someone, 24_000), 24_000, items={DAY_CARE: 6}, offline=True)
    counter.sell(many)
    for frozen_from in (at("2026-07-01 09:00"), None):
        with acting(world.engine) as act:
            act.conn.execute(update(cards).where(cards.c.id == someone.card_id).values(frozen_from=frozen_from))
        answer = counter.release(many.id, TOWN_CLERK, NEXT_DAY)
        assert why(answer) is (Reason.ACCOUNT_FROZEN if frozen_from else None)
    assert world.left(someone) == (6000, 0)


OTHER_TOWN = officer("elsewhere", "town", town="丁伙镇")


def test_one_sale_told_on_two_lines_at_once_is_one_sale(world: World, counter: Hatch) -> None:
    someone = world.holder(subsidy=5000)
    asked = counter.asked(counter.chip(someone, 1200), 1200)
    answers = at_once([lambda: counter.sell(asked)] * 3)
    assert answers[0] == answers[1] == answers[2]
    assert world.left(someone) == (3800, 0)


def test_a_sale_taken_back_at_two_counters_at_once_goes_back_once(world: World, counter: Hatch) -> None:
    someone, other = world.holder(subsidy=5000), hatch(world)
    asked = counter.asked(counter.chip(someone, 1200), 1200)
    sold(counter.sell(asked))
    answers = at_once([lambda each=each: each.take_back(asked.id, "refund", NEXT_DAY) for each in (counter, other)])
    assert {why(answer) for answer in answers} == {None, Reason.VISIT_VOID}
    assert world.left(someone) == (5000, 0)


def test_a_days_limit_without_a_line_counts_advices_however_soon_they_come(world: World, counter: Hatch) -> None:
    """400.00 a card and day: two advices of 160.00 at once are taken, a third goes beyond."""
    someone = world.holder(subsidy=60_000)
    asked = [
        counter.asked(
            counter.chip(someone, 16_000), 16_000, items={DAY_CARE: 4}, offline=True, id=f"day-{counter.id}-{n}"
        )
        for n in range(3)
    ]
    answers = [why(counter.sell(each)) for each in asked]
    assert answers == [None, None, Reason.OFFLINE_DAY_LIMIT]
    assert world.left(someone) == (28_000, 0)
