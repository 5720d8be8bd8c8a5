"""The card payment: which purse pays what, and what becomes of a visit that does not count. Figures in fen, worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from settlement.cards import registry
from settlement.ledger.tables import transfers
from settlement.outcomes import Reason, Refused
from settlement.visits import voiding
from settlement.visits.forms import Debit, Line
from settlement.visits.integrity import check
from settlement.visits.tables import debits, visits, work_orders
from settlement.visits.voiding import Voided
from tests.cards.county import TOWN_CLERK
from tests.support import acting, at
from tests.visits.world import CLEANING, DEEP_CLEANING, REPAIR, World, why


def posted(answer: object) -> Debit:
    assert isinstance(answer, Debit), answer
    return answer


def parts(debit: Debit) -> tuple[int, int, int, int]:
    return debit.subsidy_fen, debit.personal_fen, debit.cash_fen, debit.shortfall_fen


@pytest.fixture(autouse=True)
def _books_agree(world: World) -> Iterator[None]:
    """Whatever a test does, afterwards debits, visits and the ledger tell the same story."""
    yield
    with acting(world.engine) as act:
        assert check(act.conn) == []


def test_subsidy_first_then_own_money(world: World) -> None:
    someone = world.holder(subsidy=3000, personal=2000)
    visit = world.served(someone, REPAIR)
    debit = posted(world.debit(visit, 4500, confirm_personal_fen=1500))
    assert parts(debit) == (3000, 1500, 0, 0)
    assert (debit.subsidy_left_fen, debit.personal_left_fen, debit.year_left_fen) == (0, 500, 177_000)
    assert world.left(someone) == (0, 500)
    assert world.spent(someone) == 3000


def test_a_late_record_of_more_cash_than_was_agreed_to_in_all_counts_nowhere(world: World) -> None:
    """10.00 were agreed to for work of 30.00; 20.00 in cash cannot be a part of them."""
    someone = world.holder(subsidy=3000)
    visit, late = world.served(someone), at("2026-07-05 09:00")
    assert why(world.debit(visit, 1000, cash_fen=2000, receipt_no="7", arrives=late)) is Reason.CASH_NOT_ACCEPTED
    whole = world.debit(visit, 1000, cash_fen=1000, receipt_no="7", arrives=late)
    assert isinstance(whole, Debit) and (whole.cash_fen, whole.subsidy_fen, whole.shortfall_fen) == (1000, 0, 2000)
    with acting(world.engine) as act:
        assert check(act.conn) == []


def test_a_balance_that_does_not_suffice_takes_nothing(world: World) -> None:
    someone = world.holder(subsidy=3000, personal=1000)
    visit = world.served(someone, REPAIR)
    assert why(world.debit(visit, 4500, confirm_personal_fen=1500, id="short")) is Reason.INSUFFICIENT_FUNDS
    assert world.left(someone) == (3000, 1000)
    with acting(world.engine) as act:
        row = act.conn.execute(select(debits).where(debits.c.id == "short")).one()
        assert (row.status, row.decline_reason, row.total_fen) == ("declined", "insufficient_funds", 4500)
        moved = select(transfers.c.id).where(transfers.c.group_id == "debit/short")
        assert act.conn.execute(moved).first() is None
    # 5.00 in cash against a receipt makes it up.
    cash = {"cash_fen": 500, "confirm_personal_fen": 1000}
    assert why(world.debit(visit, 4500, **cash)) is Reason.CASH_NOT_ACCEPTED
    assert parts(posted(world.debit(visit, 4500, receipt_no="S-1", **cash))) == (3000, 1000, 500, 0)


def test_own_money_is_taken_only_as_far_as_the_senior_agreed(world: World) -> None:
    visit = world.served(world.holder(subsidy=3000, personal=2000), REPAIR)
    declined = world.debit(visit, 4500, confirm_personal_fen=1000)
    assert why(declined) is Reason.PERSONAL_NOT_CONFIRMED
    assert declined.details == {"missing_fen": 500}  # type: ignore[union-attr]


def test_what_the_subsidy_may_not_buy_is_own_money(world: World) -> None:
    someone = world.holder(subsidy=10_000, personal=5000)
    visit = world.served(someone, CLEANING, DEEP_CLEANING)
    assert parts(posted(world.debit(visit, 7500, confirm_personal_fen=4500))) == (3000, 4500, 0, 0)


def test_last_years_money_meets_this_years_cap_in_november(world: World) -> None:
    """150 a month entitle to 1,800 in 2026; 300 were carried over from 2025. Nine debits of 180 and one of 160 by October make 1,780."""
    someone = world.holder(subsidy=30_000, personal=10_000, year=180_000)
    for month in range(1, 12):
        with acting(world.engine, f"2026-{month:02d}-03 08:00") as act:
            world.pay_in(act, someone.subsidy, 15_000)
        visit = world.check_in(someone, world.caregiver(), f"2026-{month:02d}-03 09:00")
        lines = (Line(item=CLEANING, quantity=6), Line(item="DB01", quantity=16), Line(item=REPAIR))
        line = lines[0] if month < 10 else lines[1] if month == 10 else lines[2]
        out = world.check_out(visit, f"2026-{month:02d}-03 10:00", lines=(line,))  # type: ignore[arg-type]
        assert out.total_fen == {10: 16_000, 11: 4500}.get(month, 18_000)  # type: ignore[union-attr]
        debit = posted(world.debit(out.visit, out.total_fen, confirm_personal_fen=2500))  # type: ignore[union-attr]
        if month == 10:
            assert (parts(debit), debit.year_left_fen) == ((16_000, 0, 0, 0), 2000)
    # In November 170.00 lie on the card, and 20.00 may still be spent this year.
    assert (parts(debit), debit.year_left_fen, debit.subsidy_left_fen) == ((2000, 2500, 0, 0), 0, 15_000)


def test_a_void_gives_the_money_back_to_purse_and_cap(world: World) -> None:
    someone = world.holder(subsidy=3000, personal=2000)
    order = world.order(someone, items=(REPAIR,))
    visit = world.served(someone, REPAIR, order_id=order)
    debit = posted(world.debit(visit, 4500, confirm_personal_fen=1500))
    with acting(world.engine, "2026-07-05 09:00", TOWN_CLERK) as act:
        voided = voiding.void(act, visit.id, "substandard")
        assert isinstance(voided, Voided)
        assert voided.debit_id == debit.id
        again = act.conn.execute(select(work_orders).where(work_orders.c.id == voided.again_order_id)).one()
        assert (again.origin, again.items) == ("again", [REPAIR])
        assert act.conn.execute(select(debits.c.status).where(debits.c.id == debit.id)).scalar_one() == "reversed"
    assert world.left(someone) == (3000, 2000)
    assert world.spent(someone) == 0
    with acting(world.engine, "2026-07-06 09:00", TOWN_CLERK) as act:
        repeated = voiding.void(act, visit.id, "substandard")
        assert isinstance(repeated, Voided)
        assert (repeated.replayed, repeated.again_order_id) == (True, voided.again_order_id)
        assert why(voiding.void(act, visit.id, "fraud")) is Reason.VISIT_VOID
        assert why(voiding.void(act, visit.id, "because")) is Reason.BAD_INPUT
    assert world.left(someone) == (3000, 2000)


def test_fraud_is_not_served_again_and_a_statement_is_not_undone_here(world: World) -> None:
    visit = world.served(world.holder(subsidy=3000))
    paid = world.served(world.holder(subsidy=3000))
    posted(world.debit(paid, 3000))
    with acting(world.engine, "2026-07-05 09:00", TOWN_CLERK) as act:
        voided = voiding.void(act, visit.id, "fraud")
        assert isinstance(voided, Voided)
        assert (voided.debit_id, voided.again_order_id) == (None, None)
        act.conn.execute(update(visits).where(visits.c.id == paid.id).values(status="paid"))
        assert why(voiding.void(act, paid.id, "substandard")) is Reason.VISIT_ON_STATEMENT


def test_a_visit_is_debited_once_and_a_retry_answers_the_first_result(world: World) -> None:
    someone = world.holder(subsidy=10_000)
    visit = world.served(someone)
    first = posted(world.debit(visit, 3000, id="once"))
    assert world.debit(visit, 3000, id="once") == first
    assert why(world.debit(visit, 3000, id="twice")) is Reason.ALREADY_DEBITED
    with pytest.raises(Refused) as refused:
        world.debit(visit, 3000, id="once", confirm_personal_fen=1)
    assert refused.value.reason is Reason.ID_REUSED
    assert world.left(someone) == (7000, 0)


def test_a_debit_taken_back_may_be_made_anew(world: World) -> None:
    someone = world.holder(subsidy=10_000)
    visit = world.served(someone)
    posted(world.debit(visit, 3000, id="wrong"))
    with acting(world.engine, "2026-07-03 10:05") as act:
        assert voiding.take_back_debit(act, "wrong", "senior_disagrees") is None
        assert voiding.take_back_debit(act, "wrong", "senior_disagrees") is None
    assert world.left(someone) == (10_000, 0)
    posted(world.debit(visit, 3000, id="right", occurred_at=at("2026-07-03 10:10")))
    assert (world.left(someone), world.spent(someone)) == ((7000, 0), 3000)


def test_without_signal_the_provider_bears_what_was_not_agreed(world: World) -> None:
    someone = world.holder(subsidy=3000, personal=2000)
    evening = at("2026-07-03 20:00")
    visit = world.served(someone, REPAIR)
    assert parts(posted(world.debit(visit, 4500, confirm_personal_fen=500, arrives=evening))) == (3000, 500, 0, 1000)
    assert world.left(someone) == (0, 1500)
    # An old price list on the device: the senior agreed to 40.00 for what costs 45.00.
    other = world.holder(subsidy=10_000)
    visit = world.served(other, REPAIR)
    assert parts(posted(world.debit(visit, 4000, arrives=evening))) == (4000, 0, 0, 500)
    visit = world.served(world.holder(subsidy=30_000), REPAIR, CLEANING, "ZL03", "ZI01", "ZJ03")
    assert why(world.debit(visit, 20_000, arrives=evening)) is Reason.OFFLINE_LIMIT  # 225.00


def test_consents_and_their_limits(world: World) -> None:
    visit = world.served(world.holder(subsidy=40_000), REPAIR, CLEANING, "ZL03", "ZI01", "ZJ03")
    limit = world.debit(visit, 22_500)
    assert why(limit) is Reason.CONSENT_NOT_ENOUGH
    assert limit.details == {"up_to_fen": 20_000}  # type: ignore[union-attr]
    assert why(world.debit(visit, 22_500, consent="shouting")) is Reason.BAD_INPUT
    assert why(world.debit(visit, 22_500, consent="chip", medium_id=None)) is Reason.CONSENT_NOT_PROVED
    assert why(world.debit(visit, 22_400, consent="chip")) is Reason.TOTAL_DIFFERS
    stranger = world.holder()
    assert why(world.debit(visit, 22_500, consent="chip", medium_id=stranger.medium_id)) is Reason.OTHER_CARD
    posted(world.debit(visit, 22_500, consent="chip"))


def test_a_debit_belongs_to_its_visit_in_time(world: World) -> None:
    someone = world.holder(subsidy=10_000)
    visit = world.check_in(someone, world.caregiver(), "2026-07-03 09:00")
    assert why(world.debit(visit, 3000)) is Reason.VISIT_NOT_OUT  # type: ignore[arg-type]
    out = world.check_out(visit, "2026-07-03 10:00").visit  # type: ignore[arg-type, union-attr]
    assert why(world.debit(out, 3000, occurred_at=at("2026-07-03 08:00"))) is Reason.DEBIT_OUTSIDE_WINDOW
    assert why(world.debit(out, 3000, occurred_at=at("2026-08-04 10:00"))) is Reason.DEBIT_OUTSIDE_WINDOW
    posted(world.debit(out, 3000, occurred_at=at("2026-08-03 09:59")))


def test_a_freeze_stops_spending_from_its_moment_on(world: World) -> None:
    before, after = world.holder(subsidy=10_000), world.holder(subsidy=10_000)
    visits_ = [world.served(before), world.served(after)]
    for someone in (before, after):
        with acting(world.engine, "2026-07-04 09:00") as act:
            registry.freeze(act, someone.card_id, since=at("2026-07-03 10:30"), reason="order")
    late = {"arrives": at("2026-07-04 10:00")}
    posted(world.debit(visits_[0], 3000, occurred_at=at("2026-07-03 10:29"), **late))
    assert why(world.debit(visits_[1], 3000, occurred_at=at("2026-07-03 10:30"), **late)) is Reason.ACCOUNT_FROZEN
    assert (world.left(before), world.left(after)) == ((7000, 0), (10_000, 0))
    with acting(world.engine, "2026-07-05 09:00", TOWN_CLERK) as act:  # money back does not ask about a freeze
        voiding.void(act, visits_[0].id, "dead")
    assert world.left(before) == (10_000, 0)


def test_an_old_record_is_left_undecided(world: World) -> None:
    visit = world.served(world.holder(subsidy=10_000))
    late = {"arrives": at("2026-07-03 10:02") + timedelta(days=31, minutes=1)}
    assert why(world.debit(visit, 3000, id="old", **late)) is Reason.EVENT_TOO_OLD
    posted(world.debit(visit, 3000, id="old", released=True, **late))
