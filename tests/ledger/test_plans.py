"""A debit finds its rows by index however the district's history is distributed. PostgreSQL only: it guesses from statistics."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from settlement.ledger import accounts
from settlement.ledger.transfer import Posted, Transfer, post
from tests.conftest import Databases
from tests.support import acting, at

NINE = at("2026-07-15 09:00")


@pytest.fixture
def postgresql(databases: Databases) -> Iterator[Engine]:
    fresh = databases.create("postgresql")
    yield fresh
    databases.drop(fresh)


def test_a_debit_does_not_read_the_whole_ledger_after_an_issuance_to_everybody(postgresql: Engine) -> None:
    # One act with 20,000 transfers: the statistics say that an act has 20,000, and a plan made for any act would read all rows.
    with acting(postgresql, NINE) as act:
        control = accounts.open_account(act, "voucher_control", "scheme:jiangdu")
        owners = [f"card:{number}" for number in range(20_000)]
        purses = list(accounts.open_accounts(act, "card_subsidy", owners, guarded=True).values())
        claim = accounts.open_account(act, "provider_claim", "provider:1/仙女镇")
        issue = [Transfer(f"issue/{id}", control, id, 100, "issue", "issuance:1", NINE) for id in purses]
        post(act, "issue", issue)
    with postgresql.connect() as conn:
        conn.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM ANALYZE")
    with acting(postgresql, NINE) as act:
        # As the server decides by itself once a statement has run often enough.
        act.conn.execute(text("SET LOCAL plan_cache_mode = force_generic_plan"))
        for number in range(20):
            debit = Transfer(f"D{number}", purses[number], claim, 60, "debit_subsidy", f"debit:{number}", NINE, True)
            assert isinstance(post(act, f"D{number}", [debit]), Posted)
        read_whole = "SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = 'ledger_transfers'"
        assert act.conn.execute(text(read_whole)).scalar_one() == 0
