"""Schemes whose money does not carry over: a lot per quarter, the earliest first, and what is unspent goes back."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Engine

from settlement.cards import book, registry
from settlement.closing import month
from settlement.ledger import accounts as account_book
from settlement.ledger import balance, chart, transfer
from settlement.ledger.transfer import Posted, Transfer
from settlement.periods import Month
from settlement.scheduler.jobs import JOBS, NOTHING, district_zone
from settlement.scheduler.runs import run_due
from settlement.treasury import year_end
from settlement.vouchers import lapse
from settlement.vouchers.purses import Lot, open_lots
from tests.cards.county import DISTRICT, SCHEME, carded
from tests.support import acting, at
from tests.vouchers.town import JIANGDU, SEPTEMBER, clean, issue, store_scheme

QUARTERLY = JIANGDU.replace("carries = true", 'carries = false\nlapses_after = "quarter"')


def test_a_quarters_lot_is_spent_first_and_lapses(engine: Engine) -> None:
    """80.00 in September and in October: two lots. 50.00 spent on 2 October leaves both; the third quarter's 30.00 lapses."""
    with acting(engine, "2026-08-28 09:00") as act:
        scheme = store_scheme(act, QUARTERLY)
        _, card_id = carded(act, 80, "2026-09")
    issue(engine, SEPTEMBER, "2026-09-01 09:00")
    issue(engine, Month(2026, 10), "2026-10-01 09:00")
    with acting(engine, "2026-10-02 09:00") as act:
        third, fourth = open_lots(act.conn, card_id)
        assert (third[1:], fourth[1:]) == ((80_00, "2026-10-01"), (80_00, "2027-01-01"))
        assert [lot.lot for lot in open_lots(act.conn, card_id, date(2026, 10, 1))] == ["2027-01-01"]
        assert [lot.lot for lot in open_lots(act.conn, card_id, date(2026, 9, 30))] == ["2026-10-01", "2027-01-01"]
        claim = account_book.open_account(act, chart.PROVIDER_CLAIM, "provider:1/x")
        one = Transfer(
            "d1", third.account_id, claim, 50_00, "debit_subsidy", "debit:d1", at("2026-09-30 10:00"), spending=True
        )
        assert isinstance(transfer.post(act, "d1", [one]), Posted)
        assert lapse.lapse(act, scheme, date(2026, 10, 2), SEPTEMBER.first_day) == 0
    with acting(engine, "2026-10-05 09:00") as act:
        assert lapse.lapse(act, scheme, date(2026, 10, 5), SEPTEMBER.end_day) == 30_00
        assert lapse.lapse(act, scheme, date(2026, 10, 5), SEPTEMBER.end_day) == 0
        assert open_lots(act.conn, card_id) == [Lot(fourth.account_id, 80_00, "2027-01-01")]
        # Voided later: the 50.00 goes back to the lot it came from, and lapses in turn.
        assert isinstance(transfer.reverse_group(act, "d1", "void:d1", "visit:1", act.now), Posted)
        assert lapse.lapse(act, scheme, date(2026, 10, 6), SEPTEMBER.end_day) == 50_00
        control = account_book.account_id(act.conn, chart.VOUCHER_CONTROL, f"scheme:{SCHEME}")
        assert control is not None
        assert balance.balance(act.conn, control) == -80_00  # issued and still in the purse
        years = [year_end.figures(act.conn, SCHEME, year, date(2027, 1, 15))["subsidy"] for year in (2026, 2027)]
    told = [(each["issued"], each["lapsed"], each["claimed"], each["outstanding_after"]) for each in years]
    assert told == [(160_00, 80_00, 0, 80_00), (0, 0, 0, 80_00)]
    clean(engine)


def test_the_job_takes_a_lot_once_its_last_month_is_closed(engine: Engine) -> None:
    """September's 80.00 stay through the first days of October, until the close; a day's run does for the days that were missed."""
    with acting(engine, "2026-08-28 09:00") as act:
        store_scheme(act, QUARTERLY)
        _, card_id = carded(act, 80, "2026-09")
    issue(engine, SEPTEMBER, "2026-09-01 09:00")

    def run(when: str) -> list[tuple[str, str]]:
        ran = run_due(engine, lambda: at(when), [JOBS["lapse"]], district_zone, "one")
        return [(each.period, each.told) for each in ran]

    def left() -> int:
        with engine.connect() as conn:
            return sum(lot.available for lot in open_lots(conn, card_id))

    assert run("2026-10-01 03:00") == [("2026-10-01", NOTHING)]
    with acting(engine, "2026-10-05 09:00") as act:
        while month.advance(act, SCHEME, SEPTEMBER, checks=lambda *_: None) != "closed":
            pass
    assert (run("2026-10-05 10:00")[0][0], left()) == ("2026-10-05", 0)
    assert run("2026-10-05 11:00") == []
    assert run("2026-10-06 02:30") == [("2026-10-06", NOTHING)]
    clean(engine)


def test_a_new_lot_of_a_lost_card_is_frozen_like_the_others(engine: Engine) -> None:
    with acting(engine, "2026-08-28 09:00") as act:
        store_scheme(act, QUARTERLY)
        _, card_id = carded(act, 80, "2026-09")
    with acting(engine, "2026-08-30 09:00", DISTRICT) as act:
        registry.report_lost(act, card_id)
    issue(engine, SEPTEMBER, "2026-09-01 09:00")
    with acting(engine, "2026-09-02 09:00") as act:
        (lot,) = open_lots(act.conn, card_id)
        claim = account_book.open_account(act, chart.PROVIDER_CLAIM, "provider:1/x")
        one = Transfer("d1", lot.account_id, claim, 1, "debit_subsidy", "debit:d1", act.now, spending=True)
        assert not isinstance(transfer.post(act, "d1", [one]), Posted)
        assert book.get(act.conn, card_id).status == "lost"
