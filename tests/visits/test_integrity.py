"""One fen changed by hand is found, and what disagrees is named."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, delete, insert, text, update

from settlement.act import SYSTEM, Act
from settlement.cards.tables import card_years
from settlement.ledger import accounts, chart, transfer
from settlement.ledger.tables import transfers
from settlement.ledger.transfer import Transfer
from settlement.visits import voiding
from settlement.visits.forms import Debit
from settlement.visits.integrity import check
from settlement.visits.tables import debits, visit_lines, visits
from tests.cards.county import TOWN, TOWN_CLERK
from tests.support import acting, at
from tests.visits.world import CLEANING, REPAIR, Holder, World


@pytest.fixture
def debited(world: World) -> tuple[Holder, Debit]:
    someone = world.holder(subsidy=3000, personal=2000)
    debit = world.debit(world.served(someone, REPAIR), 4500, confirm_personal_fen=1500)
    assert isinstance(debit, Debit)
    return someone, debit


@pytest.fixture
def tampering(world: World) -> Iterator[Connection]:
    """A transaction for changing rows by hand, which is rolled back."""
    connection = world.engine.connect()
    transaction = connection.begin()
    yield connection
    transaction.rollback()
    connection.close()


def names(connection: Connection) -> dict[str, set[str]]:
    """Findings by code: the subjects and every record that disagrees."""
    found: dict[str, set[str]] = {}
    for finding in check(connection):
        found.setdefault(finding.code, set()).update({finding.subject, *finding.records})
    return found


def test_nothing_is_found_in_honest_books(world: World, debited: tuple[Holder, Debit]) -> None:
    with acting(world.engine, "2026-07-04 09:00", TOWN_CLERK) as act:
        assert check(act.conn) == []
        voiding.void(act, debited[1].visit_id, "substandard")
        assert check(act.conn) == []


def test_a_debit_changed_by_a_fen(debited: tuple[Holder, Debit], tampering: Connection) -> None:
    someone, debit = debited
    row = update(debits).where(debits.c.id == debit.id)
    tampering.execute(row.values(subsidy_fen=3001, personal_fen=1499))
    found = names(tampering)
    expected = {f"debit:{debit.id}", f"visit:{debit.visit_id}", f"account:card_subsidy card:{someone.card_id}"}
    assert found["debit_differs"] == expected | {f"group:debit/{debit.id}"}
    assert f"card:{someone.card_id} 2026" in found["year_differs"]


def test_a_total_or_a_line_changed(debited: tuple[Holder, Debit], tampering: Connection) -> None:
    _, debit = debited
    line = update(visit_lines).where(visit_lines.c.visit_id == debit.visit_id)
    tampering.execute(line.values(unit_price_fen=4501, amount_fen=4501))
    found = names(tampering)
    assert found["debit_not_its_lines"] == {f"debit:{debit.id}", f"visit:{debit.visit_id}"}
    assert f"line:{debit.visit_id}/1" in found["line_price"]


def test_a_transfer_changed_or_sent_elsewhere(
    world: World, debited: tuple[Holder, Debit], tampering: Connection
) -> None:
    _, debit = debited
    moved = update(transfers).where(transfers.c.id == f"debit/{debit.id}/subsidy1")
    tampering.execute(moved.values(amount=2999))
    assert f"debit:{debit.id}" in names(tampering)["debit_differs"]
    elsewhere = text("SELECT id FROM ledger_accounts WHERE code = 'operator_trust'")
    account = tampering.execute(elsewhere).scalars().first()
    tampering.execute(moved.values(credit_account_id=account))
    assert f"transfer:debit/{debit.id}/subsidy1" in names(tampering)["debit_accounts"]


def test_a_year_whose_counter_is_gone(debited: tuple[Holder, Debit], tampering: Connection) -> None:
    someone, _ = debited
    tampering.execute(delete(card_years).where(card_years.c.card_id == someone.card_id))
    assert f"card:{someone.card_id} 2026" in {f.subject for f in check(tampering) if f.code == "year_differs"}


def test_statuses_and_the_years_counter(debited: tuple[Holder, Debit], tampering: Connection) -> None:
    someone, debit = debited
    visit = update(visits).where(visits.c.id == debit.visit_id)
    tampering.execute(visit.values(status="open"))
    assert names(tampering) == {"visit_and_debit": {f"visit:{debit.visit_id}", f"debit:{debit.id}"}}
    tampering.execute(visit.values(status="served"))
    reversed_ = update(debits).where(debits.c.id == debit.id).values(status="reversed")
    tampering.execute(reversed_)
    assert set(names(tampering)) == {"debit_differs", "year_differs"}  # its money never came back
    year = update(card_years).where(card_years.c.card_id == someone.card_id).values(spent=0)
    tampering.execute(year)
    assert set(names(tampering)) == {"debit_differs"}


def test_a_debit_in_the_ledger_that_nobody_made(
    world: World, debited: tuple[Holder, Debit], tampering: Connection
) -> None:
    someone, debit = debited
    act = Act(tampering, SYSTEM, at("2026-07-04 09:00"))
    claim = accounts.open_account(act, chart.PROVIDER_CLAIM_PERSONAL, chart.provider(world.ours))
    stray = Transfer("stray", someone.personal, claim, 100, "debit_personal", "debit:none", act.now)
    transfer.post(act, "debit/none", [stray])
    expected = {"transfer:stray", f"account:card_personal card:{someone.card_id}", "group:debit/none"}
    assert names(tampering)["transfer_without_debit"] == expected
    declined = {"id": "none", "visit_id": debit.visit_id, "card_id": someone.card_id, "provider_id": world.ours}
    declined |= {"town": TOWN, "cap_year": 2026, "occurred_at": act.now, "recorded_at": act.now}
    declined |= {"total_fen": 100, "subsidy_fen": 0, "personal_fen": 0, "cash_fen": 0, "consent": "pin"}
    tampering.execute(insert(debits).values(**declined, status="declined"))
    assert "debit:none" in names(tampering)["debit_differs"]  # declined, and yet moved


def test_a_closed_months_void_leaves_its_debit_posted(world: World) -> None:
    """``closing`` books an adjustment; the old statement still equals the posted debits of its visits."""
    someone = world.holder(subsidy=3000)
    visit = world.served(someone, CLEANING)
    debit = world.debit(visit, 3000)
    assert isinstance(debit, Debit)
    with acting(world.engine, "2026-08-20 09:00", TOWN_CLERK) as act:
        row = voiding.posted_debit(act, visit.id)
        locked = voiding.lock(act, visit.id)
        assert row is not None
        assert locked is not None
        for _ in range(2):  # a second time changes nothing
            voiding.give_money_back(act, row, act.now, f"void-after-close/{row.id}")
        voiding.mark(act, locked, "substandard", by=act.actor.id)
        assert check(act.conn) == []
    assert (world.left(someone), world.spent(someone)) == ((3000, 0), 0)
