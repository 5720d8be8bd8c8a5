"""Many acts in one call: each judged as if it came alone, in the order given, and written together."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import Engine, func, select

from settlement.act import Act
from settlement.db import reading
from settlement.errors import BrokenInvariant
from settlement.ledger import accounts, balance, integrity
from settlement.ledger.tables import transfers
from settlement.ledger.transfer import Group, Posted, Transfer, post, post_batch
from settlement.outcomes import Declined, Reason
from tests.support import acting, at

NINE = at("2026-07-15 09:00")


def purses(act: Act, count: int, fen: int = 10_000) -> tuple[list[int], int]:
    """So many purses with 100.00 yuan each, and a provider's claim account."""
    control = accounts.open_account(act, "voucher_control", "scheme:jiangdu")
    owners = [f"card:{number}" for number in range(1, count + 1)]
    opened = list(accounts.open_accounts(act, "card_subsidy", owners, guarded=True).values())
    issue = [Transfer(f"issue/{id}", control, id, fen, "issue", "issuance:1", NINE) for id in opened]
    post_batch(act, [Group("issue", issue)])
    return opened, accounts.open_account(act, "provider_claim", "provider:1/仙女镇")


def debit(purse: int, claim: int, fen: int, id: str) -> Group:
    return Group(id, [Transfer(f"{id}/1", purse, claim, fen, "debit_subsidy", f"debit:{id}", NINE, spending=True)])


def reasons(outcomes: list[Posted | Declined]) -> list[str]:
    return [each.reason.code if isinstance(each, Declined) else f"{each.replayed}" for each in outcomes]


def written(act: Act) -> int:
    return act.conn.execute(select(func.count()).where(transfers.c.code != "issue")).scalar_one()


def test_each_act_sees_what_the_ones_before_it_did(engine: Engine) -> None:
    with acting(engine) as act:
        (one, two), claim = purses(act, 2)

        outcomes = post_batch(
            act,
            [
                debit(one, claim, 6_000, "a"),
                debit(one, claim, 5_000, "b"),  # 40.00 are left
                debit(two, claim, 10_000, "c"),
                debit(one, claim, 4_000, "d"),
            ],
        )

        assert reasons(outcomes) == ["False", "insufficient_funds", "False", "False"]
        assert outcomes[0] == Posted(False, {one: 4_000})
        assert outcomes[1] == Declined(Reason.INSUFFICIENT_FUNDS, {"account": one, "missing": 1_000})
        assert outcomes[3] == Posted(False, {one: 0})
        assert [balance.balance(act.conn, id) for id in (one, two, claim)] == [0, 0, 20_000]
        assert written(act) == 3
        assert integrity.check(act.conn) == []


def test_repeats_inside_a_batch_and_of_earlier_ones_answer_the_first_outcome(engine: Engine) -> None:
    with acting(engine) as act:
        (one,), claim = purses(act, 1)
        post(act, "early", debit(one, claim, 1_000, "early").transfers)

        outcomes = post_batch(
            act,
            [
                debit(one, claim, 2_000, "new"),
                debit(one, claim, 2_000, "new"),
                debit(one, claim, 2_001, "new"),
                debit(one, claim, 1_000, "early"),
                debit(one, claim, 1_001, "early"),
                Group("other", debit(one, claim, 2_000, "new").transfers),
            ],
        )

        assert outcomes[:2] == [Posted(False, {one: 7_000}), Posted(True, {one: 7_000})]
        assert outcomes[3] == Posted(True, {one: 9_000}), "the balance of then, not of now"
        assert reasons(outcomes)[2] == reasons(outcomes)[4] == reasons(outcomes)[5] == "id_reused"
        assert balance.balance(act.conn, one) == 7_000


def test_what_was_declined_may_be_asked_again(engine: Engine) -> None:
    with acting(engine) as act:
        (one,), claim = purses(act, 1)
        assert reasons(post_batch(act, [debit(one, claim, 10_001, "d")])) == ["insufficient_funds"]
        assert reasons(post_batch(act, [debit(one, claim, 10_000, "d")])) == ["False"]


def test_an_act_is_whole_or_not_there_beside_others(engine: Engine) -> None:
    with acting(engine) as act:
        (one, two), claim = purses(act, 2)
        parts = [*debit(one, claim, 1, "both").transfers, *debit(two, claim, 10_001, "both2").transfers]

        outcomes = post_batch(act, [Group("both", parts), debit(one, claim, 10_000, "c")])

        assert reasons(outcomes) == ["insufficient_funds", "False"]
        assert balance.balance(act.conn, one) == 0


def test_an_act_cannot_name_one_transfer_twice(engine: Engine) -> None:
    with acting(engine) as act:
        (one,), claim = purses(act, 1)
        twice = debit(one, claim, 1, "a").transfers * 2
        assert reasons(post_batch(act, [Group("a", twice)])) == ["id_reused"]
        assert reasons([post(act, "a", twice)]) == ["id_reused"]
        assert written(act) == 0


def test_an_act_cannot_take_another_acts_transfer_id(engine: Engine) -> None:
    with acting(engine) as act:
        (one,), claim = purses(act, 1)
        post(act, "a", debit(one, claim, 1, "a").transfers)
        mixed = [*debit(one, claim, 1, "b").transfers, *debit(one, claim, 1, "a").transfers]
        assert reasons([post(act, "b", mixed)]) == ["id_reused"]
        assert written(act) == 1


def test_a_contra_in_a_batch(engine: Engine) -> None:
    def contra(id: str, of: str, fen: int = 3_000) -> Group:
        return Group(id, [Transfer(f"{id}/1", claim, one, fen, "void", f"debit:{id}", NINE, reverses=of)])

    with acting(engine) as act:
        (one,), claim = purses(act, 1)
        batch = [debit(one, claim, 3_000, "a"), contra("v", "a/1"), contra("w", "a/1"), contra("x", "nothing")]

        assert reasons(post_batch(act, batch)) == ["False", "False", "already_reversed", "not_found"]
        assert balance.balance(act.conn, one) == 10_000
        post(act, "b", debit(one, claim, 3_000, "b").transfers)
        with pytest.raises(BrokenInvariant):
            post_batch(act, [contra("y", "b/1", 2_999)])


@pytest.mark.parametrize("count", [1, 5, 9, 700])
def test_any_number_in_one_call(engine: Engine, count: int) -> None:
    with acting(engine) as act:
        opened, claim = purses(act, count)
        batch = [debit(id, claim, 10 + id, f"d{id}") for id in opened]

        assert set(reasons(post_batch(act, batch))) == {"False"}

        assert balance.balance(act.conn, claim) == sum(10 + id for id in opened)
        assert [balance.available(act.conn, id) for id in opened] == [10_000 - 10 - id for id in opened]
        assert post_batch(act, batch) == [Posted(True, {id: 10_000 - 10 - id}) for id in opened]
        assert integrity.check(act.conn) == []


def test_odd_words_arrive_as_they_are(engine: Engine) -> None:
    """A large batch is streamed; tabs, backslashes and line ends in a reference must not tear a row."""
    with acting(engine) as act:
        (one,), claim = purses(act, 1)
        words = ["a\tb", "a\\nb", "a\nb", "\\N", "", "仙女镇", "a\\", '"', "\\."]
        batch = [
            Group(f"g{n}", [Transfer(f"g{n}/1", one, claim, 1, "debit_subsidy", word, NINE)])
            for n, word in enumerate(words)
        ]
        assert set(reasons(post_batch(act, batch))) == {"False"}
        kept = select(transfers.c.reference).where(transfers.c.code != "issue").order_by(transfers.c.seq)
        assert list(act.conn.execute(kept).scalars()) == words


def test_the_same_act_sent_by_many_at_once_stands_once(engine: Engine) -> None:
    with acting(engine) as act:
        opened, claim = purses(act, 4)
    answers: list[Posted | Declined] = []

    def send() -> None:
        for id in opened:
            with acting(engine) as act:
                answers.append(post(act, f"d{id}", debit(id, claim, 4_000, f"d{id}").transfers))

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(reasons(answers)) == ["False"] * 4 + ["True"] * 20
    assert all(each.balances == {id: 6_000} for each in answers for id in each.balances)
    with reading(engine) as conn:
        assert balance.balance(conn, claim) == 16_000
        assert integrity.check(conn) == []
