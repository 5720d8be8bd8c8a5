"""Deaths and moves that are learnt late: the card stops, later months come back, what was spent of them is owed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Event
from time import sleep
from typing import Any

import pytest
from sqlalchemy import Engine, select

from settlement.act import Act
from settlement.cards import book, money
from settlement.cards.tables import cards
from settlement.ledger import accounts as account_book
from settlement.ledger import balance, chart, transfer
from settlement.ledger import integrity as ledger_integrity
from settlement.ledger.transfer import Posted, Transfer
from settlement.outcomes import Declined, Reason
from settlement.vouchers import cap, issuance, life, runs
from tests.cards.county import COUNTER, DISTRICT, SCHEME, TOWN, TOWN_CLERK, TOWN_HEAD, carded
from tests.support import acting, at
from tests.vouchers.town import AUGUST, JIANGDU, JULY, SEPTEMBER, clean, issue, store_scheme, subsidy


def _spend(act: Act, card_id: int, id: str, yuan: int, moment: str) -> Posted | Declined:
    """A visit paid from the subsidy at provider 1."""
    purse = book.get(act.conn, card_id).subsidy_account_id
    claim = account_book.open_account(act, chart.PROVIDER_CLAIM, chart.provider_in_town(1, TOWN))
    one = Transfer(f"debit/{id}", purse, claim, yuan * 100, "debit_subsidy", f"debit:{id}", at(moment), spending=True)
    return transfer.post(act, f"debit/{id}", [one])


def _owes(act: Act, senior_id: int) -> int:
    """A receivable grows by debits: its balance as the ledger folds it, with the sign turned."""
    account = account_book.account_id(act.conn, chart.RECEIVABLE, f"senior:{senior_id}")
    return 0 if account is None else -balance.balance(act.conn, account)


def _payers(act: Act) -> tuple[int, int]:
    found = [
        account_book.account_id(act.conn, chart.PAYER, owner)
        for owner in (chart.payer("district"), chart.payer("town", TOWN))
    ]
    return tuple(0 if id is None else balance.balance(act.conn, id) for id in found)  # type: ignore[return-value]


def test_a_death_on_the_15th_learnt_after_the_next_month_was_issued(engine: Engine) -> None:
    """Needy, semi-disabled, 150.00 a month. July and August issued (300.00), 240.00 spent by 10 August. Dies on 15 August.
    September is issued on the 1st: 60 + 150 = 210.00. A visit of 100.00 on 3 September is debited: 110.00 left.
    Learnt on 8 September: August stays issued; of September's 150.00 there are 110.00 left to take back; 40.00 was spent and is owed,
    28.00 to the district and 12.00 to the town. The cap falls back to July and August."""
    with acting(engine, "2026-06-28 09:00") as act:
        store_scheme(act)
        someone, card_id = carded(act, 150, "2026-07")
    issue(engine, JULY, "2026-07-01 09:00")
    issue(engine, AUGUST, "2026-08-01 09:00")
    with acting(engine, "2026-08-10 18:00") as act:
        assert isinstance(_spend(act, card_id, "v1", 240, "2026-08-10 10:00"), Posted)
    issue(engine, SEPTEMBER, "2026-09-01 09:00")
    with acting(engine, "2026-09-03 18:00") as act:
        assert isinstance(_spend(act, card_id, "v2", 100, "2026-09-03 10:00"), Posted)
    with acting(engine, "2026-09-08 09:00", TOWN_CLERK) as act:
        ended = life.learn_of_death(act, someone, date(2026, 8, 15))
    assert ended.months_back == (life.MonthBack("2026-09", 150_00, 110_00, 40_00),)
    assert (ended.taken_back, ended.receivable, ended.spent_since_subsidy) == (110_00, 40_00, 100_00)
    assert (ended.last_month, ended.frozen_from) == ("2026-08", at("2026-08-15 00:00"))
    assert subsidy(engine, card_id) == 0
    with acting(engine, "2026-09-09 09:00") as act:
        assert _owes(act, someone) == 40_00
        assert _payers(act) == (28_00, 12_00)
        assert cap.year_view(act.conn, card_id, 2026).entitled == 300_00
        late = _spend(act, card_id, "v3", 1, "2026-08-15 00:00")
        assert isinstance(late, Declined)
        assert late.reason is Reason.ACCOUNT_FROZEN
        assert ledger_integrity.check(act.conn) == []
    clean(engine)

    # The visit of 3 September is voided: 100.00 comes back, settles the 40.00, and 60.00 returns when the card is closed.
    with acting(engine, "2026-09-20 09:00") as act:
        assert isinstance(transfer.reverse_group(act, "debit/v2", "void/v2", "visit:v2", act.now), Posted)
        assert life.recover(act, someone) == 40_00
        assert life.recover(act, someone) == 0
        assert (_owes(act, someone), _payers(act)) == (0, (0, 0))
    with acting(engine, "2026-10-05 09:00", COUNTER) as act:
        assert money.close(act, card_id, payee="agent", why="去世").returned == 60_00
    with acting(engine, "2026-09-30 09:00", TOWN_CLERK) as act:
        (october,) = issuance.draft(act, SCHEME, SEPTEMBER.next(), TOWN)
        assert [(c.senior_id, c.change) for c in runs.changes(act.conn, october.id)] == [(someone, "died")]
    clean(engine)


@pytest.mark.parametrize(("spent", "returned", "taken", "owed"), [(100, 140, 140, 20), (10, 230, 160, 0)])
def test_an_account_closed_before_the_death_was_known(
    engine: Engine, spent: int, returned: int, taken: int, owed: int
) -> None:
    """80.00 a month, July to September: 240.00, of which some is spent in August. The account is closed on 10 September and the rest goes back to
    the funds. On the 12th a death of 15 July is learnt: August and September, 160.00, fall away. What the closing returned is not owed again."""
    with acting(engine, "2026-06-28 09:00") as act:
        store_scheme(act)
        someone, card_id = carded(act, 80, "2026-07")
    for month, day in ((JULY, "2026-07-01"), (AUGUST, "2026-08-01"), (SEPTEMBER, "2026-09-01")):
        issue(engine, month, f"{day} 09:00")
        if month == AUGUST:
            with acting(engine, "2026-08-10 18:00") as act:
                assert isinstance(_spend(act, card_id, "v1", spent, "2026-08-10 10:00"), Posted)
    with acting(engine, "2026-09-10 09:00", COUNTER) as act:
        assert money.close(act, card_id, payee="agent", why="去世").returned == returned * 100
    with acting(engine, "2026-09-12 09:00", TOWN_CLERK) as act:
        ended = life.learn_of_death(act, someone, date(2026, 7, 15))
    assert (ended.taken_back, ended.receivable) == (taken * 100, owed * 100)
    assert subsidy(engine, card_id) == 0
    with acting(engine, "2026-09-13 09:00") as act:
        assert _owes(act, someone) == owed * 100
        assert balance.balances(act.conn, chart.VOUCHER_CONTROL) == {f"scheme:{SCHEME}": -spent * 100}
        assert ledger_integrity.check(act.conn) == []
    clean(engine)


def test_a_death_known_at_once_leaves_the_month_alone(engine: Engine) -> None:
    with acting(engine, "2026-06-28 09:00") as act:
        store_scheme(act)
        someone, card_id = carded(act, 80, "2026-07")
    issue(engine, JULY, "2026-07-01 09:00")
    with acting(engine, "2026-07-16 09:00", TOWN_CLERK) as act:
        ended = life.learn_of_death(act, someone, date(2026, 7, 15))
        assert (ended.months_back, ended.last_month) == ((), "2026-07")
        (august,) = issuance.draft(act, SCHEME, AUGUST, TOWN)
        assert (august.people, august.amount) == (0, 0)
    assert subsidy(engine, card_id) == 80_00  # unspent: goes back when the card is closed
    clean(engine)


def test_who_leaves_between_approval_and_posting_is_struck_off(engine: Engine) -> None:
    with acting(engine, "2026-06-28 09:00") as act:
        store_scheme(act)
        gone, card_id = carded(act, 80, "2026-07")
        carded(act, 60, "2026-07")
    issue(engine, JULY, "2026-07-01 09:00")
    with acting(engine, "2026-07-28 09:00", TOWN_CLERK) as act:
        (august,) = issuance.draft(act, SCHEME, AUGUST, TOWN)
    with acting(engine, "2026-07-29 09:00", TOWN_HEAD) as act:
        assert issuance.approve(act, august.id).amount == 140_00
    with acting(engine, "2026-07-30 09:00", DISTRICT) as act:
        ended = life.learn_of_leaving(act, gone, date(2026, 7, 25))
        assert (ended.struck, ended.last_month) == (1, "2026-07")
    with acting(engine, "2026-08-01 09:00") as act:
        assert issuance.post(act, august.id).amount == 60_00
        assert act.conn.execute(select(cards.c.freeze_reason).where(cards.c.id == card_id)).scalar_one() == "left"
    clean(engine)


def test_news_of_a_death_while_the_month_is_being_loaded(databases: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run is taken up first: the news waits until it is loaded, and takes the month back. PostgreSQL only, SQLite has one writer."""
    engine = databases.create("postgresql")
    with acting(engine, "2026-06-28 09:00") as act:
        store_scheme(act)
        gone, card_id = carded(act, 80, "2026-07")
    issue(engine, JULY, "2026-07-01 09:00")
    with acting(engine, "2026-07-28 09:00", TOWN_CLERK) as act:
        (august,) = issuance.draft(act, SCHEME, AUGUST, TOWN)
    with acting(engine, "2026-07-29 09:00", TOWN_HEAD) as act:
        issuance.approve(act, august.id)
    taken_up, gap = Event(), issuance._refuse_gap

    def slowly(*args: Any) -> None:
        taken_up.set()
        sleep(0.5)
        gap(*args)

    monkeypatch.setattr(issuance, "_refuse_gap", slowly)

    def load() -> None:
        with acting(engine, "2026-08-01 09:00") as act:
            issuance.post(act, august.id)

    with ThreadPoolExecutor(1) as pool:
        loaded = pool.submit(load)
        assert taken_up.wait(10)
        with acting(engine, "2026-08-01 09:00", DISTRICT) as act:
            ended = life.learn_of_death(act, gone, date(2026, 7, 25))
        loaded.result()
    assert (ended.struck, ended.taken_back) == (0, 80_00)
    assert subsidy(engine, card_id) == 80_00  # July
    clean(engine)
    databases.drop(engine)


def test_half_a_year_in_advance_comes_back_from_the_last_month_on(engine: Engine) -> None:
    """Loaded 6 x 80.00 in July, 300.00 spent by August, died on 2 September, learnt in November: October to December, 240.00, fall away.
    180.00 is left: December and November whole, 20.00 of October; 60.00 of October is owed."""
    with acting(engine, "2026-06-28 09:00") as act:
        store_scheme(act, JIANGDU.replace("\nmonths = 1\nsource", "\nmonths = 6\nsource", 1))
        someone, card_id = carded(act, 80, "2026-07")
    issue(engine, JULY, "2026-07-01 09:00")
    with acting(engine, "2026-08-20 18:00") as act:
        assert isinstance(_spend(act, card_id, "v1", 300, "2026-08-20 10:00"), Posted)
    with acting(engine, "2026-11-05 09:00", TOWN_CLERK) as act:
        ended = life.learn_of_death(act, someone, date(2026, 9, 2))
    assert ended.months_back == (
        life.MonthBack("2026-12", 80_00, 80_00, 0),
        life.MonthBack("2026-11", 80_00, 80_00, 0),
        life.MonthBack("2026-10", 80_00, 20_00, 60_00),
    )
    assert subsidy(engine, card_id) == 0
    with acting(engine, "2026-11-06 09:00") as act:
        assert _owes(act, someone) == 60_00
        assert cap.year_view(act.conn, card_id, 2026).entitled == 240_00
    clean(engine)
