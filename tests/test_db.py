"""A district's place in the database: what the application's role may do, and a schema of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.pool import NullPool

from settlement.act import SYSTEM, begin
from settlement.db import grant, insert_if_absent, make_engine, migrate, reading
from settlement.job_runs import job_runs
from settlement.ledger import accounts, balance, seal
from settlement.ledger.tables import transfers
from settlement.ledger.transfer import Transfer, post
from settlement.periods import SHANGHAI
from tests.conftest import Databases
from tests.support import RING, acting, at

NOON = at("2026-07-01 12:00")


@pytest.fixture
def postgres(databases: Databases) -> Iterator[Engine]:
    engine = databases.create("postgresql")
    yield engine
    databases.drop(engine)


def load_150_yuan(engine: Engine) -> int:
    with acting(engine, NOON) as act:
        control = accounts.open_account(act, "voucher_control", "scheme:jiangdu")
        purse = accounts.open_account(act, "card_subsidy", "card:1", guarded=True)
        post(act, "issue/1", [Transfer("issue/1/1", control, purse, 15_000, "issue", "issuance:1", NOON)])
    return purse


def test_the_application_may_add_to_the_ledger_but_not_change_it(postgres: Engine) -> None:
    with postgres.begin() as conn:
        conn.execute(text("DROP ROLE IF EXISTS songbai_app"))
        conn.execute(text("CREATE ROLE songbai_app"))
    grant(postgres, "songbai_app")
    try:
        with begin(postgres, SYSTEM, NOON) as act:
            act.conn.execute(text("SET LOCAL ROLE songbai_app"))
            control = accounts.open_account(act, "voucher_control", "scheme:jiangdu")
            purse = accounts.open_account(act, "card_subsidy", "card:1", guarded=True)
            post(act, "issue/1", [Transfer("issue/1/1", control, purse, 15_000, "issue", "issuance:1", NOON)])
            assert balance.balance(act.conn, purse) == 15_000
        as_application = create_engine(
            postgres.url, connect_args={"options": "-c role=songbai_app"}, poolclass=NullPool
        )
        (made,) = seal.make(as_application, RING, NOON, SHANGHAI, lambda: begin(as_application, SYSTEM, NOON))
        assert made.transfers.count == 1
        for forbidden in (
            "UPDATE ledger_transfers SET amount = 1",
            "DELETE FROM ledger_transfers",
            "DELETE FROM audit_rows",
            "UPDATE ledger_seals SET day = day",
            "DELETE FROM ledger_seal_leaves",
            "UPDATE debit_confirmations SET answer = 'yes'",
            "DELETE FROM card_chip_uses",
        ):
            with postgres.connect() as conn:
                conn.execute(text("SET ROLE songbai_app"))
                with pytest.raises(ProgrammingError, match="permission denied"):
                    conn.execute(text(forbidden))
                conn.rollback()
    finally:
        with postgres.begin() as conn:
            conn.execute(text("DROP OWNED BY songbai_app"))
            conn.execute(text("DROP ROLE songbai_app"))


def test_two_districts_in_one_database_know_nothing_of_each_other(postgres: Engine) -> None:
    url = postgres.url.render_as_string(hide_password=False)
    jiangdu, hanjiang = make_engine(url, "jiangdu"), make_engine(url, "hanjiang")
    for district in (jiangdu, hanjiang):
        migrate(district)
        migrate(district)  # again: nothing to do
    load_150_yuan(jiangdu)
    with reading(jiangdu) as conn:
        assert conn.execute(select(transfers.c.amount)).scalars().all() == [15_000]
    with reading(hanjiang) as conn:
        assert conn.execute(select(transfers.c.amount)).scalars().all() == []
    for district in (jiangdu, hanjiang):
        district.dispose()


def test_sqlite_has_no_roles_and_odd_names_are_refused(databases: Databases) -> None:
    engine = databases.create("sqlite")
    with pytest.raises(ValueError, match="PostgreSQL only"):
        grant(engine, "songbai_app")
    databases.drop(engine)
    with pytest.raises(ValueError, match="schema name"):
        make_engine("postgresql://nowhere/x", 'a"; DROP SCHEMA public; --')


def test_connections_the_server_ended_are_replaced_before_anybody_notices(postgres: Engine) -> None:
    """As after its restart: every connection of the pool is gone, and the next acts, several at once, run as if nothing had been."""
    with reading(postgres) as one, reading(postgres) as other:
        before = {conn.execute(text("SELECT pg_backend_pid()")).scalar_one() for conn in (one, other)}
    outside = make_engine(postgres.url.render_as_string(hide_password=False))
    with outside.connect() as conn:
        conn.execute(
            text("SELECT pg_terminate_backend(pid::int, 5000) FROM unnest(:pids) AS pid"), {"pids": list(before)}
        )
    outside.dispose()
    with reading(postgres) as one, reading(postgres) as other:
        after = {conn.execute(text("SELECT pg_backend_pid()")).scalar_one() for conn in (one, other)}
    assert len(after) == 2
    assert before.isdisjoint(after)


def test_a_connection_that_nobody_used_for_long_is_asked_first(
    postgres: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with reading(postgres) as conn:
        before = conn.execute(text("SELECT pg_backend_pid()")).scalar_one()
    monkeypatch.setattr("settlement.db.TRUSTED", 0.0)
    with begin(postgres, SYSTEM, NOON) as act:
        assert act.conn.execute(text("SELECT pg_backend_pid()")).scalar_one() == before


def test_an_insert_of_what_is_there_already_says_that_it_wrote_nothing(engine: Engine) -> None:
    """Two closes of one month at once: the second must not take itself for the first."""
    row = {"job": "issue", "period": "2026-07", "status": "due", "attempts": 0}
    with acting(engine, NOON) as act:
        written = [act.conn.execute(insert_if_absent(act.conn, job_runs), row).rowcount for _ in range(2)]
    assert written == [1, 0]
