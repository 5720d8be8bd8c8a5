"""What the ledger's own check finds, and that it names the account, the day and the transfer."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Engine, delete, insert, update

from settlement.db import reading
from settlement.ledger import accounts, folding, horizon, integrity
from settlement.ledger.tables import accounts as account_rows
from settlement.ledger.tables import day_totals, month_totals, transfers
from settlement.ledger.transfer import Posted, Transfer, post, reverse_group
from tests.support import acting, at

NOW = at("2026-07-31 09:00")


@pytest.fixture
def books(engine: Engine) -> Engine:
    """Payer 1 paid payee 2 three times, on two days of July and one of August, and took the last back; purse 3 was loaded; all folded but the load."""
    with acting(engine, NOW) as act:
        ids = [accounts.open_account(act, "payer", "payer:a"), accounts.open_account(act, "payable", "provider:1")]
        ids.append(accounts.open_account(act, "card_personal", "card:1", guarded=True))
        assert ids == [1, 2, 3]
        for number, day in enumerate(("2026-07-01", "2026-07-02", "2026-08-01"), 1):
            some = Transfer(f"t{number}", 1, 2, 100 * number, "pay", "x", at(f"{day} 10:00"))
            assert isinstance(post(act, f"g{number}", [some]), Posted)
        assert isinstance(reverse_group(act, "g3", "v3", "x", at("2026-08-01 11:00")), Posted)
    horizon.reach(engine, NOW)
    with acting(engine, NOW) as act:
        assert folding.fold(act) == 4
        assert isinstance(post(act, "load", [Transfer("load", 1, 3, 50, "top_up", "x", NOW)]), Posted)
    assert found(engine) == []
    return engine


def found(engine: Engine) -> list[tuple[str, str]]:
    with reading(engine) as conn:
        return [(finding.code, finding.subject) for finding in integrity.check(conn)]


def tamper(engine: Engine, *statements: object) -> list[tuple[str, str]]:
    with engine.begin() as conn:
        for statement in statements:
            conn.execute(statement)  # type: ignore[call-overload]
    return found(engine)


def test_an_edited_sum_is_named_by_account_and_day(books: Engine) -> None:
    d = day_totals.c
    edited = update(day_totals).where(d.account_id == 2, d.day == date(2026, 7, 2)).values(credits=201)
    assert tamper(books, edited) == [
        ("day_total_differs", "account:2 2026-07-02"),
        ("month_total_differs", "account:2 2026-07"),
    ]


def test_a_sum_that_is_gone_and_one_from_nowhere_are_named(books: Engine) -> None:
    d, m = day_totals.c, month_totals.c
    moment = {"first_recorded_at": NOW, "last_recorded_at": NOW, "first_seq": 1, "last_seq": 1}
    nowhere = {"account_id": 1, "day": date(2026, 9, 1), "debits": 5, "credits": 0}
    assert tamper(
        books,
        delete(day_totals).where(d.account_id == 1, d.day == date(2026, 7, 1)),
        insert(day_totals).values(**nowhere, **moment),
        delete(month_totals).where(m.account_id == 1, m.month == "2026-08"),
    ) == [
        ("day_total_differs", "account:1 2026-07-01"),
        ("day_total_differs", "account:1 2026-09-01"),
        ("month_total_differs", "account:1 2026-07"),
        ("month_total_differs", "account:1 2026-08"),
        ("month_total_differs", "account:1 2026-09"),
    ]


def test_a_month_nobody_can_trust_makes_the_sum_of_all_accounts_wrong(books: Engine) -> None:
    m = month_totals.c
    edited = update(month_totals).where(m.account_id == 2, m.month == "2026-07").values(credits=400)
    assert tamper(books, edited) == [("month_total_differs", "account:2 2026-07"), ("sum_not_zero", "unit:fen")]


def test_when_a_sum_says_it_was_recorded_is_checked_too(books: Engine) -> None:
    d = day_totals.c
    edited = (
        update(day_totals)
        .where(d.account_id == 2, d.day == date(2026, 7, 1))
        .values(last_recorded_at=at("2026-07-01 00:00"))
    )
    assert tamper(books, edited) == [("day_total_differs", "account:2 2026-07-01")]


def test_an_edited_transfer_is_seen_in_its_sums(books: Engine) -> None:
    assert tamper(books, update(transfers).where(transfers.c.id == "t1").values(amount=99)) == [
        ("day_total_differs", "account:1 2026-07-01"),
        ("day_total_differs", "account:2 2026-07-01"),
    ]


def test_what_names_nothing_is_a_stray(books: Engine) -> None:
    row = {"group_id": "s", "kind": "posted", "debit_account_id": 1, "credit_account_id": 2, "amount": 1, "code": "x"}
    row |= {"reference": "x", "occurred_at": NOW, "effective_on": date(2026, 7, 31), "recorded_at": NOW}
    codes = tamper(
        books,
        insert(transfers).values(row | {"id": "s1", "debit_account_id": 98}),
        insert(transfers).values(row | {"id": "s2", "credit_account_id": 99}),
        insert(transfers).values(row | {"id": "s3", "kind": "post_hold", "hold_id": "h"}),
        insert(transfers).values(row | {"id": "s4", "reverses_id": "t9"}),
    )
    # The two halves without an account leave their other halves alone in the books: 1 fen each way.
    assert codes == [("stray", f"transfer:s{number}") for number in (1, 2, 3, 4)]
    with reading(books) as conn:
        records = [finding.records for finding in integrity.check(conn)]
    assert [kind[1] for kind in records] == ["account:98", "account:99", "transfer:h", "transfer:t9"]


def test_an_account_that_is_gone_leaves_its_transfers_stray(books: Engine) -> None:
    codes = tamper(books, delete(account_rows).where(account_rows.c.id == 3))
    assert codes == [("stray", "transfer:load"), ("sum_not_zero", "unit:fen")]


def test_a_purse_that_says_something_else_is_named(books: Engine) -> None:
    codes = tamper(books, update(account_rows).where(account_rows.c.id == 3).values(balance=51))
    assert codes == [("balance_differs", "account:3 card_personal card:1"), ("sum_not_zero", "unit:fen")]
