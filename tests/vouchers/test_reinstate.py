"""A death or leaving recorded by mistake: afterwards everything is as if the news had never come.

Needy and able, 80.00 a month. July to September issued, 240.00; 100.00 spent on 10 August, so 20.00 of August's; 140.00 is left. A death
or leaving in July is learnt on 8 September: September's 80.00 comes back whole, of August's there are 60.00, and 20.00 is owed, 14.00 to
the district and 6.00 to the town.
"""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Engine, select, update

from settlement import verify
from settlement.act import Act
from settlement.cards import book, money, registry
from settlement.ledger import accounts as account_book
from settlement.ledger import balance, books, chart, transfer
from settlement.ledger.tables import transfers
from settlement.ledger.transfer import Posted, Transfer
from settlement.outcomes import Reason, Refused
from settlement.people import changes, entitling
from settlement.people.changes import Assessment
from settlement.periods import Month
from settlement.vouchers import cap, integrity, issuance, life
from settlement.vouchers.returns import MonthBack
from settlement.vouchers.tables import issuance_returns
from tests.cards.county import COUNTER, DISTRICT, SCHEME, TOWN, TOWN_CLERK, TOWN_HEAD, card
from tests.people.people import SCHEME as JIANGDU
from tests.people.people import person, settle
from tests.support import RING, acting, at
from tests.vouchers.town import AUGUST, JULY, SEPTEMBER, issue, subsidy

OCTOBER, NOVEMBER = Month(2026, 10), Month(2026, 11)
OWED = (20_00, 14_00, 6_00)
NOTHING = (0, 0, 0)


def _enrolled(engine: Engine, first: Month = JULY) -> tuple[int, int]:
    settle(engine)
    with acting(engine, "2026-06-24 09:00") as act:
        someone = person(act, "1950-03-07", level=0)
        entitling.decide(act, JIANGDU, [someone], first, "enrolled")
        return someone, card(act, someone)


def _until_september(engine: Engine) -> tuple[int, int]:
    someone, card_id = _enrolled(engine)
    issue(engine, JULY, "2026-07-01 09:00")
    issue(engine, AUGUST, "2026-08-01 09:00")
    with acting(engine, "2026-08-10 18:00") as act:
        purse = book.get(act.conn, card_id).subsidy_account_id
        # Not a visit's debit: how it is with visits is told in tests/stories.
        shop = account_book.open_account(act, "shop", "one")
        spent = Transfer("v1", purse, shop, 100_00, "spent", "shop:v1", at("2026-08-10 10:00"), spending=True)
        assert isinstance(transfer.post(act, "v1", [spent]), Posted)
    issue(engine, SEPTEMBER, "2026-09-01 09:00")
    assert subsidy(engine, card_id) == 140_00
    return someone, card_id


def _owed(act: Act, senior_id: int) -> tuple[int, int, int]:
    """(by the person, to the district, to the town)."""

    def of(code: str, owner: str) -> int:
        account = account_book.account_id(act.conn, code, owner)
        return 0 if account is None else balance.balance(act.conn, account)

    payers = of(chart.PAYER, chart.payer("district")), of(chart.PAYER, chart.payer("town", TOWN))
    return -of(chart.RECEIVABLE, f"senior:{senior_id}"), *payers


def _stands(engine: Engine, someone: int, card_id: int, left: int, owed: tuple[int, int, int], entitled: int) -> None:
    """What is on the card, what is owed, the year's cap; and everything proves itself."""
    with acting(engine) as act:
        assert balance.balance(act.conn, book.get(act.conn, card_id).subsidy_account_id) == left
        assert _owed(act, someone) == owed
        assert cap.year_view(act.conn, card_id, 2026).entitled == entitled
        assert verify.run(act.conn) == []


def test_a_death_that_was_a_mistake(engine: Engine) -> None:
    """140.00 again, nothing owed, the cap six months again. October: 220.00. The contra takes effect in the open period."""
    someone, card_id = _until_september(engine)
    with acting(engine, "2026-09-08 09:00", TOWN_CLERK) as act:
        ended = life.learn_of_death(act, someone, date(2026, 7, 15))
    assert (ended.taken_back, ended.receivable) == (140_00, 20_00)
    _stands(engine, someone, card_id, 0, OWED, 80_00)
    with acting(engine) as act:
        books.close_before(act, date(2026, 10, 1))
    with acting(engine, "2026-09-10 09:00", TOWN_HEAD) as act:
        done = life.reinstate(act, SCHEME, someone, "同名误登")
    assert (done.first_month, done.given_back, done.no_longer_owed) == ("2026-08", 140_00, 20_00)
    assert done.months_again == (MonthBack("2026-08", 80_00, 60_00, 20_00), MonthBack("2026-09", 80_00, 80_00, 0))
    assert (done.months_back, done.card_status) == ((), "active")
    _stands(engine, someone, card_id, 140_00, NOTHING, 480_00)
    with engine.connect() as conn:
        contra = select(transfers.c.effective_on).where(transfers.c.reverses_id.is_not(None)).distinct()
        assert conn.execute(contra).scalars().all() == [date(2026, 10, 1)]
        assert book.get(conn, card_id).frozen_from is None
    assert issue(engine, OCTOBER, "2026-10-01 09:00").amount == 80_00
    _stands(engine, someone, card_id, 220_00, NOTHING, 480_00)


def test_twice_in_a_row(engine: Engine) -> None:
    """The second time the visit of 10 August is void before the mistake is found: 100.00 comes back and settles the 20.00, 80.00 stays.
    Found out, 160.00 comes on top: nothing was ever spent, 240.00."""
    someone, card_id = _until_september(engine)
    for day, reported, found in ((15, "08", "10"), (20, "12", "14")):
        with acting(engine, f"2026-09-{reported} 09:00", TOWN_CLERK) as act:
            assert life.learn_of_death(act, someone, date(2026, 7, day)).receivable == 20_00
        _stands(engine, someone, card_id, 0, OWED, 80_00)
        if day == 20:
            with acting(engine, "2026-09-13 09:00") as act:
                assert isinstance(transfer.reverse_group(act, "v1", "void/v1", "visit:v1", act.now), Posted)
                assert life.recover(act, someone) == 20_00
            _stands(engine, someone, card_id, 80_00, NOTHING, 80_00)
        with acting(engine, f"2026-09-{found} 09:00", TOWN_HEAD) as act:
            life.reinstate(act, SCHEME, someone, "同名误登")
            assert life.recover(act, someone) == 0
        _stands(engine, someone, card_id, 140_00 if day == 15 else 240_00, NOTHING, 480_00)
    with acting(engine, "2026-09-15 09:00", TOWN_HEAD) as act, pytest.raises(Refused) as refused:
        life.reinstate(act, SCHEME, someone, "同名误登")
    assert refused.value.reason is Reason.NEWS_KNOWN
    assert issue(engine, OCTOBER, "2026-10-01 09:00").amount == 80_00
    _stands(engine, someone, card_id, 320_00, NOTHING, 480_00)


def test_a_leaving_that_never_was(engine: Engine) -> None:
    someone, card_id = _until_september(engine)
    with acting(engine, "2026-09-08 09:00", TOWN_CLERK) as act:
        life.learn_of_leaving(act, someone, date(2026, 7, 25))
    _stands(engine, someone, card_id, 0, OWED, 80_00)
    with acting(engine, "2026-09-10 09:00", TOWN_CLERK) as act:
        assert life.reinstate(act, SCHEME, someone, "登记错人", AUGUST).given_back == 140_00
    _stands(engine, someone, card_id, 140_00, NOTHING, 480_00)


def test_back_from_a_later_month_only(engine: Engine) -> None:
    """Away in August in truth, back in September: 80.00 of the 140.00 is August's and stays away, none of it owed. 60.00; the cap is July
    and September to December, 400.00. A death of 20 August by mistake afterwards takes 60.00 of September; August stays as it is."""
    someone, card_id = _until_september(engine)
    with acting(engine, "2026-09-08 09:00", TOWN_CLERK) as act:
        life.learn_of_leaving(act, someone, date(2026, 7, 25))
    with acting(engine, "2026-09-10 09:00", TOWN_CLERK) as act:
        done = life.reinstate(act, SCHEME, someone, "九月迁回", SEPTEMBER)
    assert done.months_again == (MonthBack("2026-09", 80_00, 80_00, 0),)
    assert done.months_back == (MonthBack("2026-08", 80_00, 80_00, 0),)
    assert (done.given_back, done.no_longer_owed) == (60_00, 20_00)
    _stands(engine, someone, card_id, 60_00, NOTHING, 400_00)
    with acting(engine, "2026-09-15 09:00", TOWN_CLERK) as act:
        assert life.learn_of_death(act, someone, date(2026, 8, 20)).receivable == 20_00
    _stands(engine, someone, card_id, 0, OWED, 80_00)
    with acting(engine, "2026-09-16 09:00", TOWN_HEAD) as act:
        assert life.reinstate(act, SCHEME, someone, "同名误登").first_month == "2026-09"
    _stands(engine, someone, card_id, 60_00, NOTHING, 400_00)
    assert issue(engine, OCTOBER, "2026-10-01 09:00").amount == 80_00
    _stands(engine, someone, card_id, 140_00, NOTHING, 400_00)


def test_who_comes_back_next_month_keeps_nothing_of_the_months_away(engine: Engine) -> None:
    """Reinstated in September from October on, as it is without a month: 20.00 was spent of what stays away and is owed on."""
    someone, card_id = _until_september(engine)
    with acting(engine, "2026-09-08 09:00", TOWN_CLERK) as act:
        life.learn_of_leaving(act, someone, date(2026, 7, 25))
    with acting(engine, "2026-09-10 09:00", TOWN_CLERK) as act:
        done = life.reinstate(act, SCHEME, someone, "迁回")
    assert (done.first_month, done.given_back, done.no_longer_owed, done.card_status) == ("2026-10", 0, 0, "active")
    _stands(engine, someone, card_id, 0, OWED, 80_00)
    issue(engine, OCTOBER, "2026-10-01 09:00")
    _stands(engine, someone, card_id, 80_00, OWED, 320_00)  # July, October to December


def test_who_was_struck_off_gets_the_month_as_arrears(engine: Engine) -> None:
    """August is approved with the person and loaded without. Reinstated on 3 August: September's run brings both months."""
    someone, card_id = _enrolled(engine)
    issue(engine, JULY, "2026-07-01 09:00")
    with acting(engine, "2026-07-28 09:00", TOWN_CLERK) as act:
        (august,) = issuance.draft(act, SCHEME, AUGUST, TOWN)
    with acting(engine, "2026-07-29 09:00", TOWN_HEAD) as act:
        issuance.approve(act, august.id)
    with acting(engine, "2026-07-30 09:00", TOWN_CLERK) as act:
        assert life.learn_of_death(act, someone, date(2026, 7, 25)).struck == 1
    with acting(engine, "2026-08-01 09:00") as act:
        assert issuance.post(act, august.id).amount == 0
    with acting(engine, "2026-08-03 09:00", TOWN_HEAD) as act:
        done = life.reinstate(act, SCHEME, someone, "同名误登")
    assert (done.first_month, done.given_back) == ("2026-08", 0)
    assert issue(engine, SEPTEMBER, "2026-09-01 09:00").amount == 160_00
    _stands(engine, someone, card_id, 240_00, NOTHING, 480_00)


def test_a_raise_that_had_begun_meanwhile_counts_again(engine: Engine) -> None:
    """Semi-disabled, 150.00, from September on: 80 + 80 + 150 = 310.00; the cap 2 x 80 and 4 x 150, 760.00. October brings 150.00."""
    someone, card_id = _enrolled(engine)
    issue(engine, JULY, "2026-07-01 09:00")
    issue(engine, AUGUST, "2026-08-01 09:00")
    with acting(engine, "2026-08-20 09:00", TOWN_CLERK) as act:
        changes.reassess(act, JIANGDU, [Assessment(someone, 1, date(2026, 8, 19), "评估中心")])
    issue(engine, SEPTEMBER, "2026-09-01 09:00")
    with acting(engine, "2026-09-08 09:00", TOWN_CLERK) as act:
        life.learn_of_death(act, someone, date(2026, 7, 15))
    with acting(engine, "2026-09-10 09:00", TOWN_HEAD) as act:
        life.reinstate(act, SCHEME, someone, "同名误登")
    _stands(engine, someone, card_id, 310_00, NOTHING, 760_00)
    assert issue(engine, OCTOBER, "2026-10-01 09:00").amount == 150_00


def test_who_is_only_enrolled_from_later_on_is_not_entitled_any_earlier(engine: Engine) -> None:
    someone, card_id = _enrolled(engine, OCTOBER)
    with acting(engine, "2026-09-08 09:00", TOWN_CLERK) as act:
        life.learn_of_death(act, someone, date(2026, 7, 15))
    with acting(engine, "2026-09-10 09:00", TOWN_HEAD) as act:
        assert life.reinstate(act, SCHEME, someone, "同名误登").first_month == "2026-10"
    assert issue(engine, OCTOBER, "2026-10-01 09:00").amount == 80_00
    _stands(engine, someone, card_id, 80_00, NOTHING, 240_00)


def test_a_card_closed_because_of_the_mistake(engine: Engine) -> None:
    """July's 80.00 went back to the funds when the account was closed: it is there again once the card is issued anew."""
    someone, card_id = _enrolled(engine)
    issue(engine, JULY, "2026-07-01 09:00")
    with acting(engine, "2026-07-16 09:00", TOWN_CLERK) as act:
        life.learn_of_death(act, someone, date(2026, 7, 15))
    with acting(engine, "2026-07-20 09:00", COUNTER) as act:
        assert money.close(act, card_id, payee="agent", why="去世").returned == 80_00
    with acting(engine, "2026-07-22 09:00", TOWN_HEAD) as act:
        done = life.reinstate(act, SCHEME, someone, "同名误登")
    assert (done.reopened, done.card_status) == (80_00, "closed")
    with acting(engine, "2026-07-23 09:00", COUNTER) as act:
        assert registry.issue(act, RING, SCHEME, someone) == card_id
    assert issue(engine, AUGUST, "2026-08-01 09:00").amount == 80_00
    _stands(engine, someone, card_id, 160_00, NOTHING, 480_00)


def test_a_card_frozen_by_order_before_stays_frozen(engine: Engine) -> None:
    someone, card_id = _enrolled(engine)
    with acting(engine, "2026-07-20 09:00", DISTRICT) as act:
        registry.freeze(act, card_id, since=at("2026-07-20 00:00"), reason="order")
    with acting(engine, "2026-07-22 09:00", TOWN_CLERK) as act:
        life.learn_of_death(act, someone, date(2026, 7, 15))
    with acting(engine, "2026-07-24 09:00", TOWN_HEAD) as act:
        assert life.reinstate(act, SCHEME, someone, "同名误登").card_status == "frozen"
        ordered = book.get(act.conn, card_id)
        assert (ordered.frozen_from, ordered.freeze_reason) == (at("2026-07-20 00:00"), "order")


def test_what_was_undone_in_the_rows_alone_is_found(engine: Engine) -> None:
    """The rows say undone and the ledger does not; or the entitlement runs in a month that was taken back."""
    someone, _ = _until_september(engine)
    with acting(engine, "2026-09-08 09:00", TOWN_CLERK) as act:
        life.learn_of_death(act, someone, date(2026, 7, 15))
    x = issuance_returns.c
    with acting(engine) as act:
        act.conn.execute(update(issuance_returns).where(x.month == "2026-08").values(undone_at=act.now, undone_by="x"))
        found = [each for each in integrity.check(act.conn) if each.code == "issuance_return_booked"]
        assert [each.subject for each in found] == [f"return:jiangdu/{someone}/1"]
        assert "收回记录比账务多 -6000，应收记录比账务多 -2000" in found[0].zh
    with acting(engine, "2026-09-10 09:00", TOWN_HEAD) as act:
        changes.reinstate(act, JIANGDU, someone, "同名误登", SEPTEMBER)
        lost = [each.records[0] for each in integrity.check(act.conn) if each.code == "issuance_return_entitled"]
        assert lost == [f"issuance_line:2026-09/{someone}"]
