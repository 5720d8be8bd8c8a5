"""Holds: money set aside, then posted in full or in part, given back, or run out; each exactly once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Engine

from settlement.act import Act
from settlement.errors import BrokenInvariant
from settlement.ledger import accounts, balance, hold, integrity
from settlement.ledger.transfer import Posted, Transfer, post
from settlement.outcomes import Declined, Reason
from tests.support import acting, at

NINE, TEN, ELEVEN = (at(f"2026-07-15 {hour}:00") for hour in ("09", "10", "11"))


def held(act: Act, fen: int = 6_000) -> tuple[int, int]:
    """A purse with 100.00 yuan of which some are held for a provider until eleven."""
    trust = accounts.open_account(act, "operator_trust", "operator")
    purse = accounts.open_account(act, "card_personal", "card:1", guarded=True)
    claim = accounts.open_account(act, "provider_claim_personal", "provider:1")
    post(act, "top", [Transfer("top/1", trust, purse, 10_000, "top_up", "topup:1", at("2026-07-01 09:00"))])
    pending = Transfer("h1", purse, claim, fen, "debit_personal", "debit:1", NINE, spending=True)
    assert hold.place(act, pending, ELEVEN) == Posted(False, {purse: 10_000 - fen})
    assert hold.place(act, pending, ELEVEN) == Posted(True, {purse: 10_000 - fen})
    return purse, claim


def test_held_money_cannot_be_spent_but_is_still_there(engine: Engine) -> None:
    with acting(engine) as act:
        purse, claim = held(act)
        answer = post(
            act, "d2", [Transfer("d2/1", purse, claim, 4_001, "debit_personal", "debit:2", TEN, spending=True)]
        )
        assert isinstance(answer, Declined) and answer.reason is Reason.INSUFFICIENT_FUNDS
        assert (balance.balance(act.conn, purse), balance.available(act.conn, purse)) == (10_000, 4_000)
        assert integrity.check(act.conn) == []


def test_posting_a_part_frees_the_rest(engine: Engine) -> None:
    with acting(engine) as act:
        purse, claim = held(act)
        assert hold.post(act, "h1", "p1", 2_500, occurred_at=TEN) == Posted(False, {purse: 7_500})
        assert hold.post(act, "h1", "p1", 2_500, occurred_at=TEN) == Posted(True, {purse: 7_500})
        for id, amount in (("p1", 2_400), ("p2", 2_500)):
            answer = hold.post(act, "h1", id, amount, occurred_at=TEN)
            assert isinstance(answer, Declined)
            assert answer.reason is (Reason.ID_REUSED if id == "p1" else Reason.HOLD_RESOLVED)
        assert balance.balance(act.conn, claim) == 2_500
        assert integrity.check(act.conn) == []


def test_a_hold_is_never_overspent_and_never_outlives_its_end(engine: Engine) -> None:
    with acting(engine) as act:
        held(act)
        too_much = hold.post(act, "h1", "p1", 6_001, occurred_at=TEN)
        assert isinstance(too_much, Declined) and too_much.reason is Reason.EXCEEDS_HOLD
        too_late = hold.post(act, "h1", "p1", occurred_at=ELEVEN)
        assert isinstance(too_late, Declined) and too_late.reason is Reason.HOLD_EXPIRED


def test_voiding_and_expiring_give_everything_back_once(engine: Engine) -> None:
    with acting(engine, TEN) as act:
        purse, claim = held(act)
        assert hold.void(act, "h1", "v1", occurred_at=TEN) == Posted(False, {purse: 10_000})
        assert hold.void(act, "h1", "v1", occurred_at=TEN) == Posted(True, {purse: 10_000})
        hold.place(act, Transfer("h2", purse, claim, 100, "debit_personal", "debit:2", NINE), ELEVEN)
        assert hold.expire(act) == 0
    with acting(engine, ELEVEN) as act:
        assert (hold.expire(act), hold.expire(act)) == (1, 0)
        assert balance.available(act.conn, purse) == 10_000
        assert integrity.check(act.conn) == []


def reason(answer: Posted | Declined) -> Reason | None:
    return answer.reason if isinstance(answer, Declined) else None


def test_a_hold_is_over_whether_or_not_the_job_has_released_it(engine: Engine) -> None:
    """Uploaded at eleven, a post that says ten gets the same answer before the job and after it."""
    with acting(engine, TEN) as act:
        purse, claim = held(act)
    with acting(engine, ELEVEN) as act:
        assert reason(hold.post(act, "h1", "p1", occurred_at=TEN)) is Reason.HOLD_EXPIRED
        assert hold.expire(act) == 1
        assert reason(hold.post(act, "h1", "p1", occurred_at=TEN)) is Reason.HOLD_EXPIRED
        late = Transfer("h2", purse, claim, 100, "debit_personal", "debit:2", NINE)
        assert reason(hold.place(act, late, ELEVEN)) is Reason.HOLD_EXPIRED


def test_a_repeat_must_repeat_everything_and_is_told_the_balance_of_then(engine: Engine) -> None:
    with acting(engine) as act:
        purse, claim = held(act)
        pending = Transfer("h1", purse, claim, 6_000, "debit_personal", "debit:1", NINE)
        for other in (replace(pending, occurred_at=TEN), replace(pending, code="other")):
            assert reason(hold.place(act, other, ELEVEN)) is Reason.ID_REUSED
        assert reason(hold.place(act, pending, TEN)) is Reason.ID_REUSED
        assert hold.post(act, "h1", "p1", 2_500, occurred_at=TEN) == Posted(False, {purse: 7_500})
        assert reason(hold.post(act, "h1", "p1", 2_500, occurred_at=NINE)) is Reason.ID_REUSED
        post(act, "d1", [Transfer("d1/1", purse, claim, 500, "debit_personal", "debit:2", NINE)])
        assert hold.place(act, pending, ELEVEN) == Posted(True, {purse: 4_000})
        assert hold.post(act, "h1", "p1", 2_500, occurred_at=TEN) == Posted(True, {purse: 7_500})


def test_a_hold_takes_no_other_acts_id(engine: Engine) -> None:
    with acting(engine) as act:
        purse, claim = held(act)
        post(act, "d1", [Transfer("d1/1", purse, claim, 500, "debit_personal", "debit:2", NINE)])
        other = Transfer("d1", purse, claim, 500, "debit_personal", "debit:3", NINE)
        assert reason(hold.place(act, other, ELEVEN)) is Reason.ID_REUSED
        same = Transfer("h1/1", purse, claim, 500, "debit_personal", "debit:3", NINE)
        assert reason(post(act, "h1", [same])) is Reason.ID_REUSED


def test_nothing_is_held_on_an_account_that_is_folded(engine: Engine) -> None:
    with acting(engine) as act:
        purse, claim = held(act)
        with pytest.raises(BrokenInvariant):
            hold.place(act, Transfer("h2", claim, purse, 100, "debit_personal", "debit:2", NINE), ELEVEN)
