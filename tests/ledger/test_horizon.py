"""Nothing that commits late falls between two folds or seals."""

from __future__ import annotations

from sqlalchemy import Engine, func, select

from settlement.act import SYSTEM, begin
from settlement.audit import audit_rows
from settlement.db import reading
from settlement.ledger import horizon
from settlement.ledger.accounts import open_account
from settlement.ledger.tables import transfers
from settlement.ledger.transfer import Posted, Transfer, post
from tests.support import at

NOW = at("2026-07-01T09:00")


def transfer_between_shared(engine: Engine, id: str) -> None:
    with begin(engine, SYSTEM, NOW) as act:
        write(act, id)


def write(act, id: str) -> None:
    debit, credit = open_account(act, "payer", "payer:a"), open_account(act, "payable", "provider:1")
    assert isinstance(post(act, id, [Transfer(f"{id}/1", debit, credit, 100, "pay", id, NOW)]), Posted)


def highest(engine: Engine) -> int:
    with reading(engine) as conn:
        return conn.execute(select(func.max(transfers.c.seq))).scalar_one()


def test_what_stands_is_decided(engine: Engine) -> None:
    transfer_between_shared(engine, "a")

    reached = horizon.reach(engine, NOW)

    assert reached.transfers == highest(engine)
    with reading(engine) as conn:
        assert reached.audit == (conn.execute(select(func.max(audit_rows.c.id))).scalar_one() or 0)
        assert horizon.decided(conn) == reached


def test_nothing_is_decided_before_the_first_cut(engine: Engine) -> None:
    with reading(engine) as conn:
        assert horizon.decided(conn) == horizon.NOTHING


def test_a_slow_transaction_holds_the_horizon_below_its_rows(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        return  # one writes at a time: nothing can be written above an open transaction
    transfer_between_shared(engine, "before")
    first = horizon.reach(engine, NOW)
    with begin(engine, SYSTEM, NOW) as slow:
        write(slow, "slow")
        transfer_between_shared(engine, "after")
        meanwhile = horizon.reach(engine, NOW, patience=0.1)
        assert meanwhile == first  # "after" stands above a number that is not decided yet

    assert horizon.reach(engine, NOW).transfers == highest(engine) > first.transfers


def test_a_number_is_drawn_only_by_a_transaction_that_is_counted(engine: Engine) -> None:
    """An audit row is often an act's first: drawing its number must not come before the transaction has its own."""
    if engine.dialect.name == "sqlite":
        return
    with reading(engine) as conn:
        for table, column in (("ledger_transfers", "seq"), ("audit_rows", "id")):
            query = "SELECT column_default FROM information_schema.columns WHERE table_name = %s AND column_name = %s"
            assert "pg_current_xact_id() IS NOT NULL" in conn.exec_driver_sql(query, (table, column)).scalar_one()
