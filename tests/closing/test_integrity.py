"""One fen changed by hand anywhere is found, with the document's name and every record that disagrees."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, Table, text, update

from settlement.closing import adjusting, integrity, payment
from settlement.closing.tables import (
    adjustments,
    payment_orders,
    personal_settlements,
    settlement_shares,
    settlements,
    statement_lines,
    statements,
)
from settlement.db import reading
from settlement.errors import BrokenInvariant
from settlement.ledger.tables import transfers
from settlement.visits.tables import debits
from tests.closing.county import AUGUST, FINANCE, JULY, SCHEME, SEPTEMBER, TOWN_1, XIANNV, County
from tests.support import acting


@pytest.fixture(scope="module")
def settled(module_engine: Engine) -> County:
    county = County(module_engine).build()
    county.serve("v1", "A", XIANNV, subsidy=1000, personal=70)
    county.serve("v2", "A", XIANNV, subsidy=500)
    county.serve("v3", "B", XIANNV, subsidy=333)
    county.close(JULY)
    with acting(module_engine, "2026-08-10 09:00", TOWN_1) as act:
        adjusting.void_visit(act, "v2", "fraud")
    county.close(AUGUST)
    county.close(SEPTEMBER)
    county.settle()
    with acting(module_engine, "2026-10-12 09:00", FINANCE) as act:
        payment.export(act, SCHEME, "2026-Q3")
    return county


A_JULY = f"statement:{SCHEME}-2026-07-1-{XIANNV}"
A_AUGUST = f"statement:{SCHEME}-2026-08-1-{XIANNV}"
A_Q3 = f"settlement:{SCHEME}-2026-Q3-1-{XIANNV}"
CLAIM_A = f"account:provider_claim provider:1/{XIANNV}"
PAYABLE_A = "account:payable provider:1"

# table, row, column -> (subject, a record that must be named with it)
TAMPERINGS: list[tuple[Table, dict[str, Any], str, list[tuple[str, str]]]] = [
    (debits, {"id": "d-v1"}, "subsidy_fen", [(A_JULY, "debit:d-v1"), (CLAIM_A, A_JULY)]),
    (debits, {"id": "d-v1"}, "personal_fen", [(A_JULY, "debit:d-v1")]),
    (statement_lines, {"visit_id": "v1"}, "subsidy_fen", [(A_JULY, "debit:d-v1"), (A_JULY, "visit:v2")]),
    (statements, {"id": A_JULY[10:]}, "subsidy_fen", [(A_JULY, "visit:v1"), (A_JULY, "visit:v2")]),
    (statements, {"id": A_JULY[10:]}, "net_fen", [(A_JULY, "visit:v1"), (A_Q3, A_AUGUST)]),
    (statements, {"id": A_AUGUST[10:]}, "adjustments_fen", [(A_AUGUST, "adjustment:void-v2")]),
    (
        adjustments,
        {"id": "void-v2"},
        "amount_fen",
        [("adjustment:void-v2", "visit:v2"), (A_AUGUST, "adjustment:void-v2")],
    ),
    (settlements, {"id": A_Q3[11:]}, "gross_fen", [(A_Q3, A_JULY), (CLAIM_A, A_Q3)]),
    (settlements, {"id": A_Q3[11:]}, "net_fen", [(A_Q3, A_JULY), (PAYABLE_A, A_Q3)]),
    (settlements, {"id": A_Q3[11:]}, "receivable_fen", [(A_Q3, A_AUGUST)]),
    (
        settlement_shares,
        {"settlement_id": A_Q3[11:], "payer": "town"},
        "amount_fen",
        [(A_Q3, f"share:{A_Q3[11:]}/town")],
    ),
    (payment_orders, {"id": f"{SCHEME}-2026-Q3-P001"}, "amount_fen", [(f"order:{SCHEME}-2026-Q3-P001", A_Q3)]),
    (personal_settlements, {"month": "2026-07"}, "personal_fen", [("personal:jiangdu/2026-07/provider:1", "")]),
    (transfers, {"id": "debit/d-v1/subsidy"}, "amount", [(CLAIM_A, A_JULY)]),
    (transfers, {"id": f"{A_Q3}/1"}, "amount", [(CLAIM_A, A_Q3), (PAYABLE_A, A_Q3)]),
]

# Who can change a row by hand can also take off what stands in the way.
CHECKS = {"statements": "net", "settlements": "net", "debits": "parts_sum", "personal_settlements": "amount"}


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda tampering: f"{tampering[0].name}.{tampering[2]}")
def test_one_fen_changed_by_hand_is_named(
    settled: County, tampering: tuple[Table, dict[str, Any], str, list[tuple[str, str]]]
) -> None:
    table, where, column, expected = tampering
    with reading(settled.engine) as conn:
        assert integrity.check(conn) == []
    found: dict[str, set[str]] = {}
    with settled.engine.connect() as conn:
        if conn.dialect.name == "sqlite":
            conn.exec_driver_sql("PRAGMA ignore_check_constraints=ON")
        else:
            for table_name, check in CHECKS.items():
                conn.execute(text(f"ALTER TABLE {table_name} DROP CONSTRAINT ck_{table_name}_{check}"))
        changed = update(table).where(*(table.c[name] == value for name, value in where.items()))
        assert conn.execute(changed.values({column: table.c[column] + 1})).rowcount == 1
        for finding in integrity.check(conn):
            found.setdefault(finding.subject, set()).update(finding.records)
        conn.rollback()
        if conn.dialect.name == "sqlite":
            conn.exec_driver_sql("PRAGMA ignore_check_constraints=OFF")
    for subject, record in expected:
        assert subject in found
        assert not record or record in found[subject]


def test_a_visit_taken_off_its_statement_and_a_forgotten_statement(settled: County) -> None:
    with settled.engine.connect() as conn:
        conn.execute(statement_lines.delete().where(statement_lines.c.visit_id == "v1"))
        found = {(finding.code, finding.subject) for finding in integrity.check(conn)}
        assert {("visit_and_statement", "visit:v1"), ("statement_differs", A_JULY)} <= found
        conn.rollback()
    with settled.engine.connect() as conn:
        conn.execute(settlement_shares.delete().where(settlement_shares.c.settlement_id == A_Q3[11:]))
        conn.execute(update(payment_orders).values(settlement_id=None))
        conn.execute(settlements.delete().where(settlements.c.id == A_Q3[11:]))
        found = {(finding.code, finding.subject) for finding in integrity.check(conn)}
        assert ("statement_not_settled", A_JULY) in found
        conn.rollback()


@pytest.mark.parametrize("column", ["visit_id", "statement_id", "debit_id"])
def test_a_line_that_points_nowhere_is_named(settled: County, column: str) -> None:
    with settled.engine.connect() as conn:
        conn.execute(update(statement_lines).where(statement_lines.c.visit_id == "v1").values({column: "nowhere"}))
        [found] = [each for each in integrity.check(conn) if each.code == "statement_line_differs"]
        conn.rollback()
    nowhere = "statement:nowhere" if column == "statement_id" else A_JULY
    names = (
        "visit:nowhere" if column == "visit_id" else "visit:v1",
        "debit:nowhere" if column == "debit_id" else "debit:d-v1",
    )
    assert (found.subject, found.records) == (nowhere, names)


SIGNATURES = {
    "a signature gone": ("DELETE FROM quarter_approvals WHERE step = 'finance'", "quarter_not_signed"),
    "one person twice": (
        "UPDATE quarter_approvals SET officer = 'zhao' WHERE step = 'finance'",
        "quarter_not_signed",
    ),
    "for another total": ("UPDATE quarter_approvals SET total_fen = 1 WHERE step = 'finance'", "quarter_not_signed"),
    "a statement confirmed by who verified it": (
        "UPDATE statements SET confirmed_by = verified_by WHERE month = '2026-07'",
        "statement_not_signed",
    ),
    "an adjustment nobody approved": (
        "UPDATE adjustments SET kind = 'penalty' WHERE id = 'void-v2'",
        "adjustment_not_approved",
    ),
    "a payee's account after the export": (
        "UPDATE payment_orders SET payee_account = '6666' WHERE batch_id IS NOT NULL",
        "batch_differs",
    ),
    "an order of own money without a settlement": (
        "UPDATE personal_settlements SET order_id = NULL",
        "order_without_settlement",
    ),
    "a personal settlement gone": ("DELETE FROM personal_settlements", "personal_settlement_differs"),
    "a debt of own money forgotten": (
        "UPDATE personal_settlements SET carried_fen = -1, amount_fen = amount_fen - 1",
        "personal_settlement_differs",
    ),
}


@pytest.mark.parametrize(("statement", "code"), SIGNATURES.values(), ids=SIGNATURES)
def test_what_nobody_signed_or_owes_is_found(settled: County, statement: str, code: str) -> None:
    with settled.engine.connect() as conn:
        conn.execute(text(statement))
        assert code in {finding.code for finding in integrity.check(conn)}
        conn.rollback()


def test_a_batch_whose_orders_were_altered_is_not_written_again(settled: County) -> None:
    with acting(settled.engine, "2026-10-13 09:00", FINANCE) as act:
        kept = act.conn.begin_nested()
        act.conn.execute(update(payment_orders).values(payee_account="6666"))
        with pytest.raises(BrokenInvariant):
            payment.export(act, SCHEME, "2026-Q3")
        kept.rollback()
