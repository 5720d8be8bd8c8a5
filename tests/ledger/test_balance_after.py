"""What could be spent just after a transfer, however much happened since: the answer to a replay."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, select

from settlement.act import Act
from settlement.errors import BrokenInvariant
from settlement.ledger import accounts, balance, hold
from settlement.ledger.tables import transfers
from settlement.ledger.transfer import Posted, Transfer, post
from tests.support import acting, at

NINE, ELEVEN = at("2026-07-15 09:00"), at("2026-07-15 11:00")


def number(act: Act, id: str) -> int:
    return int(act.conn.execute(select(transfers.c.seq).where(transfers.c.id == id)).scalar_one())


def test_each_step_is_remembered(engine: Engine) -> None:
    with acting(engine) as act:
        trust = accounts.open_account(act, "operator_trust", "operator")
        mine = accounts.open_account(act, "card_personal", "card:1", guarded=True)
        hers = accounts.open_account(act, "card_personal", "card:2", guarded=True)

        def move(id: str, debit: int, credit: int, fen: int) -> Transfer:
            return Transfer(id, debit, credit, fen, "test", id, NINE)

        steps: list[tuple[str, dict[int, int]]] = []

        def done(id: str, answer: object, mine_left: int, hers_left: int) -> None:
            assert isinstance(answer, Posted)
            steps.append((id, {mine: mine_left, hers: hers_left}))

        done("top", post(act, "top", [move("top", trust, mine, 10_000)]), 10_000, 0)
        done("pay", post(act, "pay", [move("pay", mine, trust, 1_000)]), 9_000, 0)
        done("h1", hold.place(act, move("h1", mine, hers, 4_000), ELEVEN), 5_000, 0)
        done("h2", hold.place(act, move("h2", mine, trust, 500), ELEVEN), 4_500, 0)
        # 25.00 of the 40.00 held are posted to the other purse; 15.00 are free again.
        done("p1", hold.post(act, "h1", "p1", 2_500, occurred_at=NINE), 6_000, 2_500)
        done("v2", hold.void(act, "h2", "v2", occurred_at=NINE), 6_500, 2_500)
        done("back", post(act, "back", [move("back", hers, mine, 300)]), 6_800, 2_200)

        for id, left in steps:
            assert balance.available_after(act.conn, [mine, hers], number(act, id)) == left, id
        assert balance.available_after(act.conn, [mine, hers], 0) == {mine: 0, hers: 0}
        assert balance.available_after(act.conn, [], 0) == {}


def test_only_a_guarded_account_has_an_available_amount(engine: Engine) -> None:
    with acting(engine) as act:
        trust = accounts.open_account(act, "operator_trust", "operator")
        for unknown in (trust, trust + 1):
            with pytest.raises(BrokenInvariant):
                balance.available_after(act.conn, [unknown], 0)
