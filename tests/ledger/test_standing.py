"""Asking for balances at the desk: an empty answer says why, and a stranger is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from settlement.cli.balance import balance as command
from settlement.cli.common import Desk
from settlement.db import reading
from settlement.ledger import accounts, folding, horizon
from settlement.ledger.standing import of_owner
from settlement.ledger.transfer import Transfer, post
from settlement.outcomes import Refused
from tests.conftest import Databases
from tests.support import acting, at

NOW = at("2026-08-02 09:00")


def paid(engine: Engine) -> None:
    """Provider 3 has a claim of 12.50 in one town since the 1st of August and none in the other; provider 31 is somebody else."""
    with acting(engine, NOW) as act:
        payer = accounts.open_account(act, "payer", "payer:district")
        names = ["provider:3/仙女镇", "provider:3/大桥镇", "provider:31/仙女镇"]
        claim, _, other = accounts.open_accounts(act, "provider_claim", names).values()
        for id, credit, fen in (("a", claim, 1_250), ("b", other, 99)):
            post(act, id, [Transfer(id, payer, credit, fen, "x", "x", at("2026-08-01 10:00"))])


@pytest.mark.parametrize("folded", [False, True])
def test_an_owner_has_accounts_by_town(engine: Engine, folded: bool) -> None:
    paid(engine)
    if folded:
        horizon.reach(engine, NOW)
        with acting(engine, NOW) as act:
            assert folding.fold(act) == 2
    with reading(engine) as conn:

        def told(day: date | None = None, known: str | None = None) -> list[tuple[str, int, date | None]]:
            found = of_owner(conn, "provider:3", day, None if known is None else at(known))
            return [(each.owner, each.amount, each.first_day) for each in found]

        first = date(2026, 8, 1)
        assert told() == [("provider:3/仙女镇", 1_250, first), ("provider:3/大桥镇", 0, None)]
        assert told(date(2026, 7, 31)) == [("provider:3/仙女镇", 0, first), ("provider:3/大桥镇", 0, None)]
        assert told(None, "2026-08-02 09:00") == told(date(2026, 7, 31))
        assert told(None, "2026-08-02 09:01") == told()
        assert of_owner(conn, "provider") == []


@pytest.fixture
def ask(databases: Databases) -> Callable[..., Result]:
    engine = databases.create("sqlite")
    paid(engine)
    desk = Desk(url=str(engine.url), keys_file=Path("/nowhere/keys.json"), clock=lambda: NOW)
    return lambda *words: CliRunner().invoke(command, words, obj=desk)


def test_the_command_says_why_nothing_is_there(ask: Callable[..., Result]) -> None:
    now = ask("provider:3").stdout
    assert "12.50" in now and "从未有流水" in now
    before = ask("provider:3", "--on", "2026-07-31").stdout
    assert "12.50" not in before and "首笔流水生效于2026-08-01" in before
    assert "所问时刻未到" in ask("provider:3", "--known-at", "2026-09-01 00:00").stdout
    assert isinstance(ask("provider:4").exception, Refused)
    answer = json.loads(ask("provider:3", "--on", "2026-08-01", "--json").stdout)
    assert [(each["owner"], each["amount"]) for each in answer["accounts"]] == [
        ("provider:3/仙女镇", 1250),
        ("provider:3/大桥镇", 0),
    ]
