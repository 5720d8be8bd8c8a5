"""A database that served one test must not show it to the next."""

from __future__ import annotations

from sqlalchemy import func, select, text

from settlement.ledger import accounts
from settlement.ledger.tables import accounts as rows
from tests.conftest import Databases
from tests.support import acting, at

NOON = at("2026-07-01 12:00")


def test_a_database_that_serves_again_knows_nothing_of_its_last_test(databases: Databases) -> None:
    used = databases.create("postgresql")
    with acting(used, NOON) as act:
        first = accounts.open_account(act, "card_subsidy", "card:1")
    held = used.connect()  # left open by mistake, with its lock
    held.execute(text("LOCK TABLE ledger_accounts"))
    databases.drop(used)
    again = databases.create("postgresql")
    held.invalidate()
    assert again.url.database == used.url.database
    with acting(again, NOON) as act:
        assert act.conn.execute(select(func.count()).select_from(rows)).scalar() == 0
        assert accounts.open_account(act, "card_subsidy", "card:1") == first
    databases.drop(again)


def test_a_database_whose_schema_was_changed_does_not_serve_again(databases: Databases) -> None:
    used = databases.create("postgresql")
    with used.begin() as conn:
        conn.execute(text("ALTER TABLE ledger_accounts DISABLE TRIGGER ALL"))
    databases.drop(used)
    again = databases.create("postgresql")
    assert again.url.database != used.url.database
    databases.drop(again)
