"""A whole population's transfers by a few statements. Three purses get 150.00, 160.00 and 170.00."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, Select, String, cast, func, literal, select
from sqlalchemy.exc import IntegrityError

from settlement.act import Act
from settlement.ledger import accounts, balance, integrity
from settlement.ledger.bulk import open_select, post_select
from settlement.ledger.tables import accounts as account_rows
from settlement.ledger.tables import transfers
from tests.support import acting, at

NINE = at("2026-07-01 09:00")
a = account_rows.c


def open_purses(act: Act, count: int = 3) -> dict[str, int]:
    return accounts.open_accounts(act, "card_subsidy", [f"card:{n}" for n in range(1, count + 1)], guarded=True)


def rows(act: Act, name: str, *, back: bool = False, more: int = 0) -> Select[tuple[object, ...]]:
    """Ten yuan more for each next purse; ``back``: all that is in them, and ``more``."""
    control = accounts.open_account(act, "voucher_control", "scheme:jiangdu")
    amount = a.balance + more if back else 14_000 + 1_000 * cast(func.substr(a.owner, 6), account_rows.c.id.type)
    sides = {"debit": a.id, "credit": literal(control)} if back else {"debit": literal(control), "credit": a.id}
    return select(
        (name + "/" + cast(a.id, String)).label("id"),
        *(column.label(f"{side}_account_id") for side, column in sides.items()),
        amount.label("amount"),
        literal("issue").label("code"),
        literal("issuance:run").label("reference"),
    ).where(a.code == "card_subsidy")


def held(act: Act, purses: dict[str, int]) -> list[int]:
    return [balance.balance(act.conn, id) for id in purses.values()]


def test_each_purse_moves_by_its_own_row_and_back(engine: Engine) -> None:
    with acting(engine) as act:
        purses = open_purses(act)
        assert post_select(act, "run", NINE, rows(act, "in"), purses="credit", new=True) == 3
        assert held(act, purses) == [15_000, 16_000, 17_000]
    with acting(engine) as act:
        assert post_select(act, "back", NINE, rows(act, "back", back=True), purses="debit") == 3
        assert held(act, purses) == [0, 0, 0]
        assert balance.balances(act.conn, "voucher_control") == {"scheme:jiangdu": 0}
        assert integrity.check(act.conn) == []


def test_who_says_new_and_is_wrong_changes_nothing(engine: Engine) -> None:
    """The second run claims that nothing of it stands: the key refuses, and the act is as if it had never begun."""
    with acting(engine) as act:
        purses = open_purses(act)
        post_select(act, "run", NINE, rows(act, "in"), purses="credit", new=True)
    with pytest.raises(IntegrityError), acting(engine) as act:
        post_select(act, "run", NINE, rows(act, "in"), purses="credit", new=True)
    with acting(engine) as act:
        assert held(act, purses) == [15_000, 16_000, 17_000]
        assert act.conn.execute(select(func.count()).select_from(transfers)).scalar_one() == 3


def test_more_than_a_purse_holds_is_refused_whole(engine: Engine) -> None:
    with acting(engine) as act:
        purses = open_purses(act)
        post_select(act, "run", NINE, rows(act, "in"), purses="credit")
    with pytest.raises(IntegrityError), acting(engine) as act:
        post_select(act, "back", NINE, rows(act, "back", back=True, more=1), purses="debit")
    with acting(engine) as act:
        assert held(act, purses) == [15_000, 16_000, 17_000]


def test_accounts_are_opened_once_however_often_they_are_asked_for(engine: Engine) -> None:
    with acting(engine) as act:
        open_purses(act, 2)
        owners = select(a.owner).where(a.code == "card_subsidy", a.lot == "")
        for _ in range(2):
            open_select(act, "card_subsidy", owners, unit="fen", lot="2026-10-01")
        opened = act.conn.execute(select(a.owner, a.guarded, a.balance, a.held).where(a.lot == "2026-10-01")).all()
        assert sorted(map(tuple, opened)) == [("card:1", True, 0, 0), ("card:2", True, 0, 0)]
