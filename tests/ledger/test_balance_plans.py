"""Questions about balances read what is new and few sums, never an account's whole history. PostgreSQL only: it guesses from statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from settlement.act import SYSTEM, begin
from settlement.cards import inquiry
from settlement.db import reading
from settlement.ledger import accounts, balance, folding, horizon
from settlement.ledger.transfer import Transfer, post
from tests.conftest import Databases
from tests.support import acting, at

START = at("2026-01-01 09:00")
CONTROL, CARD, CLAIM = 1, 2, 3


@pytest.fixture(scope="module")
def lived(databases: Databases) -> Iterator[Engine]:
    """100 days: on each the control account pays 100 into a purse and the purse 100 to a provider, transfer by transfer; all is folded."""
    engine = databases.create("postgresql")
    with acting(engine, START) as act:
        assert accounts.open_account(act, "voucher_control", "scheme:x") == CONTROL
        assert accounts.open_account(act, "card_subsidy", "card:1", guarded=True) == CARD
        assert accounts.open_account(act, "provider_claim", "provider:1/x") == CLAIM
    for number in range(100):
        now = START + timedelta(days=number)
        with begin(engine, SYSTEM, now) as act:
            for code, debit, credit in (("issue", CONTROL, CARD), ("debit_subsidy", CARD, CLAIM)):
                some = [Transfer(f"{code}{number}/{n}", debit, credit, 1, code, "x", now) for n in range(100)]
                post(act, f"{code}{number}", some)
    horizon.reach(engine, START)
    with acting(engine, START) as act:
        assert folding.fold(act) == 20_000
    with engine.connect() as conn:
        conn.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM ANALYZE")
    yield engine
    databases.drop(engine)


@pytest.mark.parametrize(
    ("ask", "answer", "most"),
    [
        (lambda conn: balance.balance(conn, CLAIM), 10_000, 5),
        (lambda conn: balance.balance(conn, CONTROL), -10_000, 5),
        (lambda conn: balance.balances(conn, "provider_claim"), {"provider:1/x": 10_000}, 5),
        (lambda conn: balance.as_of(conn, CLAIM, date(2026, 3, 1)), 6_000, 5),
        # One day was written at nine o'clock: it is looked into, the others are not.
        (lambda conn: balance.as_of(conn, CLAIM, date(2026, 3, 1), recorded_before=at("2026-03-01 09:00")), 5_900, 120),
        # Two acts of 100 transfers each, found by looking twice as far back until both are whole; the card has 20,000.
        (lambda conn: [m.subsidy for m in inquiry.movements(conn, 1, 2)], [-100, 100], 3_000),
    ],
)
def test_it_reads_few_transfers(lived: Engine, ask: Callable[[Connection], Any], answer: Any, most: int) -> None:
    read = (
        "SELECT seq_scan, coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables WHERE relname = 'ledger_transfers'"
    )
    # Often enough on one connection for the server to keep a plan.
    for _ in range(12):
        with reading(lived) as conn:
            before = conn.execute(text(read)).one()
            assert ask(conn) == answer
            after = conn.execute(text(read)).one()
            assert after[0] - before[0] == 0
            assert after[1] - before[1] <= most
