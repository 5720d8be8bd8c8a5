"""Balances now, on a day, and as they were known: the same before, between and after folds."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Engine

from settlement.db import reading
from settlement.errors import BrokenInvariant
from settlement.ledger import accounts, balance, books, folding, hold, horizon
from settlement.ledger.transfer import Posted, Transfer, post
from tests.support import acting, at


def move(engine: Engine, id: str, debit: int, credit: int, fen: int, happened: str, recorded: str) -> None:
    with acting(engine, recorded) as act:
        assert isinstance(post(act, id, [Transfer(id, debit, credit, fen, "test", id, at(happened))]), Posted)


def fold(engine: Engine) -> int:
    now = at("2026-12-01 00:00")
    horizon.reach(engine, now)
    with acting(engine, now) as act:
        return folding.fold(act)


@pytest.fixture(params=["never folded", "folded at the end", "folded after each"])
def summer(request: pytest.FixtureRequest, engine: Engine) -> tuple[Engine, int, int, int]:
    """A purse of 1,000.00 from which a provider is paid in June, July and August, one advice late; then June is closed."""
    with acting(engine, "2026-06-01 08:00") as act:
        trust = accounts.open_account(act, "operator_trust", "operator")
        purse = accounts.open_account(act, "card_personal", "card:1", guarded=True)
        claim = accounts.open_account(act, "provider_claim_personal", "provider:1")
    for id, debit, credit, fen, happened, recorded in (
        ("top", trust, purse, 100_000, "2026-06-01 09:00", "2026-06-01 09:00"),
        ("june", purse, claim, 1_000, "2026-06-30 10:00", "2026-06-30 10:01"),
        ("july", purse, claim, 200, "2026-07-02 10:00", "2026-07-02 10:01"),
        # Happened in June, learnt of in July while June is open: it belongs to the 30th of June.
        ("late", purse, claim, 30, "2026-06-30 11:00", "2026-07-03 10:00"),
        ("close", claim, trust, 0, "", "2026-07-05 01:30"),
        # Learnt of when June is closed: it takes effect on the 1st of July.
        ("later", purse, claim, 4, "2026-06-29 10:00", "2026-07-06 10:00"),
        ("august", purse, claim, 50_000, "2026-08-01 10:00", "2026-08-01 10:00"),
        ("back", claim, purse, 5_000, "2026-08-01 12:00", "2026-08-01 12:00"),
    ):
        if id == "close":
            with acting(engine, recorded) as act:
                books.close_before(act, date(2026, 7, 1))
        else:
            move(engine, id, debit, credit, fen, happened, recorded)
        if request.param == "folded after each":
            fold(engine)
    if request.param == "folded at the end":
        assert fold(engine) == 7
        assert fold(engine) == 0
    return engine, trust, purse, claim


def test_a_balance_is_what_came_less_what_went(summer: tuple[Engine, int, int, int]) -> None:
    engine, trust, purse, claim = summer
    with reading(engine) as conn:
        assert balance.balance(conn, claim) == 46_234
        assert balance.balance(conn, purse) == 53_766
        assert balance.balance(conn, trust) == -100_000
        assert balance.balances(conn, "provider_claim_personal") == {"provider:1": 46_234}
        assert balance.balances(conn, "card_personal") == {"card:1": 53_766}


@pytest.mark.parametrize(
    ("day", "claimed"),
    [
        ("2026-06-29", 0),
        ("2026-06-30", 1_030),
        ("2026-07-01", 1_034),
        ("2026-07-02", 1_234),
        ("2026-07-31", 1_234),
        ("2026-08-01", 46_234),
        ("2027-01-01", 46_234),
    ],
)
def test_on_a_day_it_is_what_took_effect_by_then(summer: tuple[Engine, int, int, int], day: str, claimed: int) -> None:
    engine, _, purse, claim = summer
    with reading(engine) as conn:
        assert balance.as_of(conn, claim, date.fromisoformat(day)) == claimed
        assert balance.as_of(conn, purse, date.fromisoformat(day)) == 100_000 - claimed
        assert balance.together_as_of(conn, "provider_claim_personal", date.fromisoformat(day)) == claimed


@pytest.mark.parametrize(
    ("day", "moment", "claimed"),
    [
        ("2026-06-30", "2026-06-30 10:01", 0),  # recorded at that very moment: not before it
        ("2026-06-30", "2026-07-01 00:00", 1_000),
        ("2026-06-30", "2026-07-03 10:00", 1_000),  # the late advice was not known yet
        ("2026-06-30", "2026-07-03 10:01", 1_030),
        ("2026-07-31", "2026-07-03 10:01", 1_230),
        ("2026-07-31", "2026-07-06 10:01", 1_234),
        ("2026-08-01", "2026-08-01 11:00", 51_234),  # the refund of the same day was not known yet
        ("2026-08-01", "2026-08-01 12:01", 46_234),
        ("2026-07-02", "2027-01-01 00:00", 1_234),
    ],
)
def test_as_it_was_known_at_a_moment(summer: tuple[Engine, int, int, int], day: str, moment: str, claimed: int) -> None:
    engine, trust, purse, claim = summer
    with reading(engine) as conn:
        known = {
            id: balance.as_of(conn, id, date.fromisoformat(day), recorded_before=at(moment))
            for id in (trust, purse, claim)
        }
    assert known == {trust: -100_000, purse: 100_000 - claimed, claim: claimed}


def test_a_clock_that_jumped_back_misleads_nobody(engine: Engine) -> None:
    with acting(engine) as act:
        trust = accounts.open_account(act, "operator_trust", "operator")
        claim = accounts.open_account(act, "payable", "provider:1")
    move(engine, "a", trust, claim, 100, "2026-07-01 09:00", "2026-07-01 12:00")
    move(engine, "b", trust, claim, 20, "2026-07-01 09:00", "2026-07-01 10:00")
    move(engine, "c", trust, claim, 3, "2026-07-01 09:00", "2026-07-01 11:00")
    for _ in ("before", "after"):
        with reading(engine) as conn:
            known = [
                balance.as_of(conn, claim, date(2026, 7, 1), recorded_before=at(f"2026-07-01 {clock}"))
                for clock in ("10:00", "10:30", "11:30", "12:30")
            ]
        assert known == [0, 20, 23, 123]
        fold(engine)


def test_what_is_only_held_counts_nowhere(engine: Engine) -> None:
    nine, eleven = at("2026-07-15 09:00"), at("2026-07-15 11:00")
    with acting(engine, nine) as act:
        trust = accounts.open_account(act, "operator_trust", "operator")
        purse = accounts.open_account(act, "card_personal", "card:1", guarded=True)
        claim = accounts.open_account(act, "provider_claim_personal", "provider:1")
        post(act, "top", [Transfer("top", trust, purse, 10_000, "top_up", "top", nine)])
        for id in ("h1", "h2", "h3"):
            hold.place(act, Transfer(id, purse, claim, 1_000, "debit_personal", id, nine), eleven)
        hold.post(act, "h1", "p1", 400, occurred_at=nine)
        hold.void(act, "h2", "v2", occurred_at=nine)
    fold(engine)
    with reading(engine) as conn:
        assert balance.balance(conn, claim) == balance.as_of(conn, claim, date(2026, 7, 15)) == 400
        assert (balance.balance(conn, purse), balance.available(conn, purse)) == (9_600, 8_600)


def test_an_account_nobody_opened_has_no_balance(engine: Engine) -> None:
    with acting(engine) as act:
        shared = accounts.open_account(act, "payable", "provider:1")
        for ask in (
            lambda: balance.balance(act.conn, shared + 1),
            lambda: balance.as_of(act.conn, shared + 1, date(2026, 7, 1)),
            lambda: balance.as_of(act.conn, shared + 1, date(2026, 7, 1), recorded_before=act.now),
            lambda: balance.available(act.conn, shared + 1),
            lambda: balance.available(act.conn, shared),  # everybody's account: nothing guards what is left
        ):
            with pytest.raises(BrokenInvariant):
                ask()
        assert balance.balance(act.conn, shared) == 0
        assert balance.balances(act.conn, "payable") == {"provider:1": 0}
