"""The ledger behind the calls of :class:`tests.ledger.model.Model`, and what must be alike on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, literal, select

from settlement.act import Act
from settlement.ledger import accounts as book
from settlement.ledger import balance, books, hold
from settlement.ledger.bulk import post_select
from settlement.ledger.tables import accounts, transfers
from settlement.ledger.transfer import Group, Posted, Transfer, post, post_batch, reverse_group
from settlement.outcomes import Declined
from tests.ledger.model import Answer, Model, Opened, Row

Request = tuple[str, tuple[Any, ...]]
"""The name of a call and what it is called with."""


def answer(outcome: Posted | Declined) -> Answer:
    if isinstance(outcome, Declined):
        return outcome.reason.code, {}
    return "replayed" if outcome.replayed else "posted", dict(outcome.balances)


class Ledger:
    """One act on the ledger. Calls as the model's."""

    def __init__(self, act: Act) -> None:
        self._act = act

    def batch(self, *groups: Group) -> list[Answer]:
        return [answer(each) for each in post_batch(self._act, groups)]

    def post(self, group: str, *transfers: Transfer) -> Answer:
        return answer(post(self._act, group, transfers))

    def reverse(self, group: str, new_group: str, occurred_at: datetime) -> Answer:
        return answer(reverse_group(self._act, group, new_group, "why", occurred_at))

    def place(self, transfer: Transfer, expires_at: datetime) -> Answer:
        return answer(hold.place(self._act, transfer, expires_at))

    def post_hold(self, hold_id: str, id: str, amount: int | None, occurred_at: datetime) -> Answer:
        return answer(hold.post(self._act, hold_id, id, amount, occurred_at=occurred_at))

    def void(self, hold_id: str, id: str, occurred_at: datetime) -> Answer:
        return answer(hold.void(self._act, hold_id, id, occurred_at=occurred_at))

    def expire(self) -> int:
        return hold.expire(self._act)

    def issue(self, run: str, control: int, amount: int, owners: Sequence[str], occurred_at: datetime) -> int:
        a = accounts.c
        # In the model's order, because a contra is numbered by the order of what it takes back.
        rows = (
            select(
                (run + "/" + a.owner).label("id"),
                literal(control).label("debit_account_id"),
                a.id.label("credit_account_id"),
                literal(amount).label("amount"),
                literal("issue").label("code"),
                literal(run).label("reference"),
            )
            .where(a.code == SUBSIDY, a.owner.in_(owners))
            .order_by(a.id)
        )
        return post_select(self._act, run, occurred_at, rows, purses="credit")

    def freeze(self, account: int, since: datetime) -> None:
        book.freeze(self._act, account, since)

    def unfreeze(self, account: int) -> None:
        book.unfreeze(self._act, account)

    def close_before(self, day: date) -> None:
        books.close_before(self._act, day)


SUBSIDY = "card_subsidy"

KINDS = (
    # name, code, unit, guarded
    ("control", "voucher_control", "fen", False),
    ("claim", "provider_claim", "fen", False),
    ("payable", "payable", "fen", False),
    ("hours", "provider_claim", "minutes", False),
)


def open_accounts(act: Act, model: Model, purses: int) -> dict[str, int]:
    """The accounts of a small town, known to both sides: ids by name. Purses are ``1``, ``2`` …"""
    named = {name: book.open_account(act, code, name, unit=unit) for name, code, unit, _ in KINDS}
    model.accounts |= {named[name]: Opened(name, unit, guarded) for name, _, unit, guarded in KINDS}
    for number in range(1, purses + 1):
        open_purse(act, model, named, str(number))
    return named


def open_purse(act: Act, model: Model, named: dict[str, int], name: str) -> None:
    named[name] = book.open_account(act, SUBSIDY, name, guarded=True)
    model.accounts[named[name]] = Opened(name, "fen", True)


def rows(conn: Connection) -> dict[str, Row]:
    t = transfers.c
    columns = (t.id, t.group_id, t.kind, t.debit_account_id, t.credit_account_id, t.amount, t.code, t.reference)
    columns += (t.occurred_at, t.effective_on, t.recorded_at, t.hold_id, t.reverses_id, t.expires_at)
    return {row.id: Row(*row) for row in conn.execute(select(*columns).order_by(t.seq))}


def assert_alike(conn: Connection, model: Model) -> None:
    """Every row, every balance, what is held and frozen, the first open day; and that all accounts sum to zero."""
    assert rows(conn) == model.rows
    a = accounts.c
    total = 0
    for row in conn.execute(select(a.id, a.guarded, a.balance, a.held, a.frozen_from)).all():
        expected = model.balance(row.id)
        found = row.balance if row.guarded else balance.balance(conn, row.id)
        assert found == expected, model.accounts[row.id].owner
        assert row.held == (model.held(row.id) if row.guarded else 0)
        assert row.frozen_from == model.accounts[row.id].frozen_from
        assert not row.guarded or found >= row.held >= 0
        total += found
    assert total == 0
    assert books.open_from(conn) == model.open_from
