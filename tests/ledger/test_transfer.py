"""Posting to the ledger: all or none, once, never below zero, and taken back only by a contra."""

from __future__ import annotations

import threading
from datetime import date

import pytest
from sqlalchemy import Engine, func, literal, select, update
from sqlalchemy.exc import IntegrityError

from settlement.act import Act
from settlement.db import reading
from settlement.ledger import accounts, balance, books, integrity
from settlement.ledger.bulk import post_select
from settlement.ledger.tables import accounts as account_rows
from settlement.ledger.tables import transfers
from settlement.ledger.transfer import Posted, Transfer, post, reverse_group
from settlement.outcomes import Declined, Reason
from tests.support import acting, at

NINE = at("2026-07-15 09:00")


def opened(act: Act) -> tuple[int, int, int]:
    """The voucher control, Mrs Wang's subsidy purse with 150.00 yuan on it, and a provider's claim account."""
    control = accounts.open_account(act, "voucher_control", "scheme:jiangdu")
    purse = accounts.open_account(act, "card_subsidy", "card:1", guarded=True)
    claim = accounts.open_account(act, "provider_claim", "provider:1/仙女镇")
    post(act, "issue/1", [Transfer("issue/1/1", control, purse, 15_000, "issue", "issuance:1", at("2026-07-01 00:00"))])
    return control, purse, claim


def debit(purse: int, claim: int, fen: int, id: str = "d1") -> Transfer:
    return Transfer(f"{id}/1", purse, claim, fen, "debit_subsidy", f"debit:{id}", NINE, spending=True)


def test_a_debit_moves_money_from_purse_to_claim(engine: Engine) -> None:
    with acting(engine) as act:
        control, purse, claim = opened(act)
        assert post(act, "d1", [debit(purse, claim, 6_000)]) == Posted(False, {purse: 9_000})
        assert [balance.balance(act.conn, id) for id in (control, purse, claim)] == [-15_000, 9_000, 6_000]
        assert integrity.check(act.conn) == []


def test_the_same_debit_again_changes_nothing_and_other_content_is_refused(engine: Engine) -> None:
    with acting(engine) as act:
        _, purse, claim = opened(act)
        post(act, "d1", [debit(purse, claim, 6_000)])
        assert post(act, "d1", [debit(purse, claim, 6_000)]) == Posted(True, {purse: 9_000})
        for other in ([debit(purse, claim, 6_001)], [debit(purse, claim, 6_000), debit(purse, claim, 1, "x")]):
            answer = post(act, "d1", other)
            assert isinstance(answer, Declined) and answer.reason is Reason.ID_REUSED
        assert balance.balance(act.conn, purse) == 9_000


def test_a_group_with_one_impossible_part_writes_nothing(engine: Engine) -> None:
    with acting(engine) as act:
        _, purse, claim = opened(act)
        own = accounts.open_account(act, "card_personal", "card:1", guarded=True)
        answer = post(act, "d1", [debit(purse, claim, 6_000), debit(own, claim, 1, "own")])
        assert isinstance(answer, Declined) and answer.reason is Reason.INSUFFICIENT_FUNDS
        assert answer.details["missing"] == 1
        assert balance.balance(act.conn, purse) == 15_000
        assert act.conn.execute(select(func.count()).where(transfers.c.group_id == "d1")).scalar_one() == 0


def test_a_credit_later_in_the_act_does_not_pay_for_an_earlier_debit(engine: Engine) -> None:
    with acting(engine) as act:
        control, purse, claim = opened(act)
        refill = Transfer("d1/2", control, purse, 5_000, "issue", "issuance:2", NINE)
        answer = post(act, "d1", [debit(purse, claim, 15_001), refill])
        assert isinstance(answer, Declined) and answer.reason is Reason.INSUFFICIENT_FUNDS


@pytest.mark.parametrize(
    ("amount", "same_account", "reason"),
    [
        (0, False, Reason.AMOUNT_NOT_POSITIVE),
        (-5, False, Reason.AMOUNT_NOT_POSITIVE),
        (5, True, Reason.ACCOUNTS_MUST_DIFFER),
    ],
)
def test_malformed_transfers(engine: Engine, amount: int, same_account: bool, reason: Reason) -> None:
    with acting(engine) as act:
        _, purse, claim = opened(act)
        answer = post(act, "d1", [debit(purse, purse if same_account else claim, amount)])
        assert isinstance(answer, Declined) and answer.reason is reason


def test_units_do_not_mix(engine: Engine) -> None:
    with acting(engine) as act:
        _, purse, _ = opened(act)
        minutes = accounts.open_account(act, "provider_claim", "provider:1/仙女镇", unit="minutes")
        answer = post(act, "d1", [debit(purse, minutes, 60)])
        assert isinstance(answer, Declined) and answer.reason is Reason.UNITS_DIFFER


def test_a_freeze_declines_what_happened_at_or_after_it_only(engine: Engine) -> None:
    with acting(engine) as act:
        control, purse, claim = opened(act)
        accounts.freeze(act, purse, NINE)
        answer = post(act, "d1", [debit(purse, claim, 100)])
        assert isinstance(answer, Declined) and answer.reason is Reason.ACCOUNT_FROZEN
        # An advice of earlier spending, and giving back, still post.
        earlier = Transfer(
            "d0/1", purse, claim, 100, "debit_subsidy", "debit:d0", at("2026-07-15 08:59"), spending=True
        )
        assert isinstance(post(act, "d0", [earlier]), Posted)
        assert isinstance(
            post(act, "t1", [Transfer("t1/1", purse, control, 14_900, "take_back", "life:1", NINE)]), Posted
        )
        assert balance.balance(act.conn, purse) == 0
        accounts.freeze(act, purse, at("2026-07-16 00:00"))  # later news never shortens a freeze
        assert (
            act.conn.execute(select(account_rows.c.frozen_from).where(account_rows.c.id == purse)).scalar_one() == NINE
        )


def test_a_contra_gives_back_once(engine: Engine) -> None:
    with acting(engine) as act:
        _, purse, claim = opened(act)
        post(act, "d1", [debit(purse, claim, 6_000)])
        assert reverse_group(act, "d1", "void/d1", "visit:1", NINE) == Posted(False, {purse: 15_000})
        assert reverse_group(act, "d1", "void/d1", "visit:1", NINE) == Posted(True, {purse: 15_000})
        again = reverse_group(act, "d1", "void/other", "visit:1", NINE)
        assert isinstance(again, Declined) and again.reason is Reason.ALREADY_REVERSED
        assert balance.balance(act.conn, claim) == 0


def test_a_balance_as_of_a_day_and_as_it_was_known(engine: Engine) -> None:
    with acting(engine, "2026-07-01 00:05") as act:
        _, purse, claim = opened(act)
    with acting(engine, "2026-07-20 18:00") as act:  # uploaded five days late
        post(act, "d1", [debit(purse, claim, 6_000)])
        assert balance.as_of(act.conn, purse, date(2026, 7, 14)) == 15_000
        assert balance.as_of(act.conn, purse, date(2026, 7, 15)) == 9_000
        assert balance.as_of(act.conn, purse, date(2026, 7, 15), recorded_before=at("2026-07-20 18:00")) == 15_000


def test_nothing_is_posted_into_a_closed_period(engine: Engine) -> None:
    with acting(engine, "2026-08-02 10:00") as act:
        _, purse, claim = opened(act)
        books.close_before(act, date(2026, 8, 1))
        books.close_before(act, date(2026, 7, 1))  # what is closed stays closed
        post(act, "d1", [debit(purse, claim, 6_000)])
        row = act.conn.execute(select(transfers).where(transfers.c.id == "d1/1")).one()
        assert (row.occurred_at, row.effective_on) == (NINE, date(2026, 8, 1))


def test_issuing_to_many_in_one_go_is_repeatable(engine: Engine) -> None:
    def issue(act: Act, fen: int) -> int:
        control = accounts.open_account(act, "voucher_control", "scheme:jiangdu")
        a = account_rows.c
        rows = select(
            ("issue/2026-07/" + a.owner).label("id"),
            literal(control).label("debit_account_id"),
            a.id.label("credit_account_id"),
            literal(fen).label("amount"),
            literal("issue").label("code"),
            literal("issuance:run").label("reference"),
        ).where(a.code == "card_subsidy")
        return post_select(act, "run", NINE, rows, purses="credit")

    with acting(engine) as act:
        purses = accounts.open_accounts(act, "card_subsidy", [f"card:{n}" for n in range(1, 1_201)], guarded=True)
        assert issue(act, 15_000) == 1_200
    with acting(engine) as act:
        assert issue(act, 15_000) == 0
        assert {balance.balance(act.conn, id) for id in purses.values()} == {15_000}
        assert balance.balances(act.conn, "voucher_control") == {"scheme:jiangdu": -18_000_000}
        assert integrity.check(act.conn) == []


def test_two_tills_cannot_spend_the_same_money(engine: Engine) -> None:
    with acting(engine) as act:
        _, purse, claim = opened(act)
    answers: list[Posted | Declined] = []

    def spend(id: str) -> None:
        with acting(engine) as act:
            answers.append(post(act, id, [debit(purse, claim, 10_000, id)]))

    tills = [threading.Thread(target=spend, args=(f"till{n}",)) for n in range(4)]
    for till in tills:
        till.start()
    for till in tills:
        till.join()
    assert sorted(type(answer).__name__ for answer in answers) == ["Declined", "Declined", "Declined", "Posted"]
    with reading(engine) as conn:
        assert balance.balance(conn, purse) == 5_000


def test_the_database_itself_refuses_a_purse_below_zero(engine: Engine) -> None:
    with acting(engine) as act:
        _, purse, _ = opened(act)
    with pytest.raises(IntegrityError), acting(engine) as act:
        act.conn.execute(update(account_rows).where(account_rows.c.id == purse).values(balance=-1))


@pytest.mark.parametrize("table", ["balance", "amount"])
def test_one_changed_fen_is_found_and_named(engine: Engine, table: str) -> None:
    with acting(engine) as act:
        _, purse, claim = opened(act)
        post(act, "d1", [debit(purse, claim, 6_000)])
    with acting(engine) as act:
        if table == "balance":
            act.conn.execute(update(account_rows).where(account_rows.c.id == purse).values(balance=9_001))
        else:
            act.conn.execute(update(transfers).where(transfers.c.id == "d1/1").values(amount=5_999))
    with reading(engine) as conn:
        finding, total = integrity.check(conn)
    assert finding.subject == f"account:{purse} card_subsidy card:1"
    assert finding.records == ("transfer:d1/1", "transfer:issue/1/1")
    assert total.code == "sum_not_zero"  # all accounts together are a fen away from it
