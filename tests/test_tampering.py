"""One fen changed by hand in any one row of a finished quarter: ``songbai verify`` names the account or document and every record that
disagrees.

Every row of every table below is changed in turn, in each of its columns of money, and put back. Who can change a row by hand can also
take off the database's own checks, so they are off. What each change must bring to light is said in one line per column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, Row, Table, select, text, update

from settlement import verify
from settlement.cards.tables import card_years, top_ups
from settlement.closing import contributions, invoices, payment
from settlement.closing.tables import (
    adjustments,
    bank_batches,
    payment_orders,
    personal_settlements,
    quarter_approvals,
    settlement_shares,
    settlements,
    share_payments,
    statement_lines,
    statements,
)
from settlement.closing.tables import invoices as invoice_table
from settlement.db import reading
from settlement.ledger.tables import accounts, transfers
from settlement.money import format_yuan
from settlement.periods import Quarter
from settlement.treasury import budgets, dedicated
from settlement.treasury.tables import account_lines, appropriations
from settlement.visits.forms import Debit, Visit
from settlement.visits.tables import debits, door_events, visit_lines
from settlement.vouchers.tables import issuance_lines, issuance_runs
from tests.stories.county import BATHING, CASHIER, FINANCE, SCHEME, TOWN, County, found
from tests.stories.lived import TOWNS, Lived
from tests.support import acting
from tests.visits.phone import Phone

Named = Callable[[Connection, Row[Any]], set[str]]
"""What must be named when this row is changed, each as a finding's subject or among its records."""


@pytest.fixture(scope="module")
def books(module_engine: Engine) -> County:
    """The quarter of ``Lived``, with a queued debit of which the provider bears 30.00, a visit by a signed phone, a budget, a town's share, a
    part of an invoice, the bank's statement of it, and money paid, one order of it twice because the bank returned it."""
    county = found(module_engine, TOWNS)
    quarter = Lived(county)
    quarter.july()
    _queued(county, quarter)
    phone = Phone(county, county.carers[TOWN][1])  # type: ignore[arg-type]
    for event in phone.a_visit(quarter.disabled, "2026-07-28 09:00"):
        assert phone.hand_in(event).status == "accepted"
    quarter.until_september_is_closed()
    county.settle()
    _fund(county)
    _pay(county)
    with reading(module_engine) as conn:
        assert verify.run(conn) == []
    return county


def _queued(county: County, quarter: Lived) -> None:
    tomorrow = "2026-07-24 08:00"
    visit = county.check_in(quarter.semi, "2026-07-23 09:00", arrives=tomorrow)
    assert isinstance(visit, Visit)
    out = county.check_out(quarter.semi, visit, BATHING, arrives=tomorrow)
    debit = county.debit(quarter.semi, out, own=30_00, arrives=tomorrow)
    assert isinstance(debit, Debit)
    assert (debit.personal_fen, debit.shortfall_fen) == (30_00, 30_00)


def _fund(county: County) -> None:
    """Amounts to which nothing else adds up: granted is more than is spent, billed is less, and a fee is nobody's."""
    day = date(2026, 10, 15)
    with acting(county.engine, "2026-10-16 09:00", FINANCE) as act:
        granted = budgets.propose(act, SCHEME, 2026, "district", 1_000_000_00, "江财社〔2026〕1号", day)
        share = contributions.record(act, SCHEME, Quarter(2026, 3), TOWN, 1_00, day, "回单1")
        invoices.register(act, f"{SCHEME}-2026-Q3-P001", "12345678", day, 1_00)
        stated = "日期,收入,支出,余额,摘要\n2026-10-15,1.00,,9.00,分担\n2026-10-15,,0.50,8.50,手续费\n"
        assert dedicated.take_in(act, f"town:{TOWN}", stated.encode(), "a.csv").matched == 1
    with acting(county.engine, "2026-10-16 10:00", CASHIER) as act:
        budgets.approve(act, granted)
        contributions.confirm(act, share)


def _pay(county: County) -> None:
    """The bank returns the first order to a provider; it is repeated to another account. July's own money is paid as well."""
    unlucky = f"{SCHEME}-2026-Q3-P001"
    _answer(county, "2026-Q3", "2026-10-20", unlucky)
    with acting(county.engine, "2026-10-22 09:00", FINANCE) as act:
        new = {"payee_name": "安康养老服务中心", "payee_account": "6228000000000099", "payee_bank": "江都农商行"}
        payment.propose_account(act, unlucky, **new)
    with acting(county.engine, "2026-10-22 10:00", CASHIER) as act:
        payment.reissue(act, unlucky)
    _answer(county, "2026-Q3", "2026-10-23")
    _answer(county, "2026-07", "2026-10-24")


def _answer(county: County, period: str, day: str, returned: str = "") -> None:
    with acting(county.engine, f"{day} 09:00", FINANCE) as act:
        batch = payment.export(act, SCHEME, period)
        orders = [order for order in payment.listed(act.conn, SCHEME, period) if order.batch_id == batch.batch_id]
    lines = [f"H|{batch.batch_id}|{len(orders)}"]
    for order in orders:
        state, why = ("退票", "账号户名不符") if order.id == returned else ("成功", "")
        lines.append(f"D|{order.id}|{format_yuan(order.amount_fen).replace(',', '')}|{state}|B{order.id}|{why}")
    with acting(county.engine, f"{day} 16:00", CASHIER) as act:
        payment.confirm(act, ("\r\n".join([*lines, f"T|{len(orders)}"]) + "\r\n").encode("gb18030"))


# -- what each change must bring to light -------------------------------------------------------------------------------------
def _account(conn: Connection, id: int) -> str:
    row = conn.execute(select(accounts.c.code, accounts.c.owner).where(accounts.c.id == id)).one()
    return f"account:{id} {row.code} {row.owner}"


def _transfer(conn: Connection, row: Row[Any]) -> set[str]:
    """The card's account, the transfer, and the document it belongs to; of a contra what it takes back."""
    ids = (row.debit_account_id, row.credit_account_id)
    own = accounts.c.id.in_(ids) & accounts.c.guarded
    named = {_account(conn, id) for id in conn.execute(select(accounts.c.id).where(own)).scalars()}
    kind, _, id = row.reference.partition(":")
    documents = {"debit": row.reference, "issuance": row.reference, "topup": f"top_up:{id}"}
    document = documents[kind] if row.reverses_id is None else f"transfer:{row.reverses_id}"
    return named | {f"transfer:{row.id}", document}


def _debit(conn: Connection, row: Row[Any]) -> set[str]:
    return {f"debit:{row.id}", f"visit:{row.visit_id}"}


def _signed(conn: Connection, row: Row[Any]) -> set[str]:
    """What was agreed to is proved where a device signed it."""
    signed = conn.execute(select(door_events.c.id).where(door_events.c.id == row.id)).scalar_one_or_none()
    return {f"debit:{row.id}", f"event:{row.id}"} if signed else set()


def _cash(conn: Connection, row: Row[Any]) -> set[str]:
    """Of a declined debit the cash was only offered, which again a signature alone proves."""
    return _signed(conn, row) if row.status == "declined" else _debit(conn, row)


def _debit_and_statement(conn: Connection, row: Row[Any]) -> set[str]:
    line = statement_lines.c
    on = conn.execute(select(line.statement_id).where(line.debit_id == row.id)).scalar_one_or_none()
    return _debit(conn, row) | ({f"statement:{on}"} if on else set())


def _statement(conn: Connection, row: Row[Any]) -> set[str]:
    line = statement_lines.c
    of_it = conn.execute(select(line.visit_id).where(line.statement_id == row.id)).scalars()
    return {f"statement:{row.id}"} | {f"visit:{id}" for id in of_it}


def _settlement(conn: Connection, row: Row[Any]) -> set[str]:
    s = statements.c
    of_it = conn.execute(select(s.id).where(s.town == row.town, s.quarter == row.quarter)).scalars()
    return {f"settlement:{row.id}"} | {f"statement:{id}" for id in of_it}


def _adjustment(conn: Connection, row: Row[Any]) -> set[str]:
    document = (
        f"statement:{row.statement_id}" if row.statement_id else f"settlement:{SCHEME}-{row.quarter}-1-{row.town}"
    )
    return {f"adjustment:{row.id}", document}


def _personal(conn: Connection, row: Row[Any]) -> set[str]:
    return {
        f"personal:{SCHEME}/{row.month}/provider:{row.provider_id}",
        *([f"order:{row.order_id}"] if row.order_id else []),
    }


def _line_of_issuance(conn: Connection, row: Row[Any]) -> set[str]:
    line = f"issuance_line:{row.month}/{row.senior_id}"
    return {f"issuance:{row.run_id}", line, f"card:{row.card_id}"}


CASES: list[tuple[Table, str, Named]] = [
    (transfers, "amount", _transfer),
    (accounts, "balance", lambda conn, row: {_account(conn, row.id)}),
    (accounts, "held", lambda conn, row: {_account(conn, row.id)}),
    (card_years, "entitled", lambda conn, row: {f"card_year:{row.card_id}/{row.year}"}),
    (card_years, "spent", lambda conn, row: {f"card:{row.card_id} {row.year}"}),
    (top_ups, "amount_fen", lambda conn, row: {f"top_up:{row.id}", f"transfer:top_up/{row.id}"}),
    (debits, "total_fen", _debit),
    (debits, "subsidy_fen", _debit_and_statement),
    (debits, "personal_fen", _debit_and_statement),
    (debits, "cash_fen", _cash),
    (debits, "shortfall_fen", _debit),
    (debits, "agreed_fen", _signed),
    (debits, "agreed_personal_fen", _signed),
    (visit_lines, "unit_price_fen", lambda conn, row: {f"visit:{row.visit_id}"}),
    (visit_lines, "amount_fen", lambda conn, row: {f"visit:{row.visit_id}"}),
    (statements, "subsidy_fen", _statement),
    (statements, "personal_fen", _statement),
    (statements, "adjustments_fen", _statement),
    (statements, "net_fen", _statement),
    (statement_lines, "subsidy_fen", lambda conn, row: {f"statement:{row.statement_id}", f"debit:{row.debit_id}"}),
    (statement_lines, "personal_fen", lambda conn, row: {f"statement:{row.statement_id}", f"debit:{row.debit_id}"}),
    (adjustments, "amount_fen", _adjustment),
    (settlements, "gross_fen", _settlement),
    (settlements, "adjustments_fen", _settlement),
    (settlements, "net_fen", _settlement),
    (settlements, "receivable_fen", _settlement),
    (settlement_shares, "amount_fen", lambda conn, row: {f"settlement:{row.settlement_id}", f"share:{row.settlement_id}/{row.payer}"}),
    (personal_settlements, "personal_fen", _personal),
    (personal_settlements, "voided_fen", _personal),
    (personal_settlements, "amount_fen", _personal),
    (payment_orders, "amount_fen", lambda conn, row: {f"order:{row.id}"}),
    (bank_batches, "total_fen", lambda conn, row: {f"batch:{row.id}"}),
    (quarter_approvals, "total_fen", lambda conn, row: {f"quarter:{SCHEME}/{row.quarter}"}),
    (appropriations, "amount_fen", lambda conn, row: {f"appropriation:{row.id}"}),
    (share_payments, "amount_fen", lambda conn, row: {f"share:{row.id}"}),
    (invoice_table, "amount_fen", lambda conn, row: {f"invoice:{row.id}"}),
    (account_lines, "in_fen", lambda conn, row: {f"movement:{row.id}"}),
    (account_lines, "out_fen", lambda conn, row: {f"movement:{row.id}"}),
    (account_lines, "balance_fen", lambda conn, row: {f"movement:{row.id}"}),
    (issuance_lines, "amount", _line_of_issuance),
    (issuance_runs, "amount", lambda conn, row: {f"issuance:{row.id}"}),
]  # fmt: skip

EXPECTED_ROWS = {"ledger_transfers": 20, "ledger_accounts": 12, "debits": 10, "statements": 4, "settlements": 2}
"""At least so many rows are changed: a quarter without them would prove nothing."""


def _rows(conn: Connection, table: Table) -> list[Row[Any]]:
    """Of the transfers, those of cards: the others are in ``closing``'s own test."""
    query = select(table)
    if table is transfers:
        of_cards = select(accounts.c.id).where(accounts.c.guarded)
        t = transfers.c
        query = query.where(t.debit_account_id.in_(of_cards) | t.credit_account_id.in_(of_cards))
    return list(conn.execute(query.order_by(*table.primary_key.columns)))


@contextmanager
def tampering(engine: Engine) -> Iterator[Connection]:
    """A transaction without the database's own checks, taken back at the end."""
    with engine.connect() as conn:
        if conn.dialect.name == "sqlite":
            conn.exec_driver_sql("PRAGMA ignore_check_constraints=ON")
        else:
            for table in {case[0] for case in CASES}:
                checks = text("SELECT conname FROM pg_constraint WHERE contype = 'c' AND conrelid = to_regclass(:name)")
                for name in conn.execute(checks, {"name": table.name}).scalars().all():
                    conn.execute(text(f'ALTER TABLE {table.name} DROP CONSTRAINT "{name}"'))
        yield conn
        conn.rollback()
        if conn.dialect.name == "sqlite":
            conn.exec_driver_sql("PRAGMA ignore_check_constraints=OFF")


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0].name}.{case[1]}")
def test_one_fen_changed_by_hand_is_named(books: County, case: tuple[Table, str, Named]) -> None:
    table, column, named = case
    with tampering(books.engine) as conn:
        rows = _rows(conn, table)
        assert len(rows) >= EXPECTED_ROWS.get(table.name, 1)
        missed: dict[str, set[str]] = {}
        for row in rows:
            kept = conn.begin_nested()
            key = [col == getattr(row, col.key) for col in table.primary_key.columns]
            conn.execute(update(table).where(*key).values({column: table.c[column] + 1}))
            findings = verify.run(conn)
            told = {finding.subject for finding in findings} | {r for finding in findings for r in finding.records}
            if not named(conn, row) <= told:
                missed[str([getattr(row, col.key) for col in table.primary_key.columns])] = named(conn, row) - told
            kept.rollback()
        assert missed == {}
        assert verify.run(conn) == []


def test_a_fen_moved_between_two_parts_is_named_too(books: County) -> None:
    """Changes that keep every sum in the row itself: subsidy against own money, statement against its adjustments."""
    pairs = (
        (debits, "subsidy_fen", "personal_fen"),
        (statements, "subsidy_fen", "adjustments_fen"),
        (settlements, "gross_fen", "adjustments_fen"),
    )
    kinds = {"debits": "debit", "statements": "statement", "settlements": "settlement"}
    with tampering(books.engine) as conn:
        for table, more, less in pairs:
            for row in _rows(conn, table):
                kept = conn.begin_nested()
                moved = {more: table.c[more] + 1, less: table.c[less] - 1}
                conn.execute(update(table).where(table.c.id == row.id).values(moved))
                assert f"{kinds[table.name]}:{row.id}" in {finding.subject for finding in verify.run(conn)}
                kept.rollback()
