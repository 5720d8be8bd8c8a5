"""The ledger and the reference model are asked the same, in any order hypothesis thinks of, and answer the same; so do their books."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine, text

from settlement.db import reading
from settlement.ledger import balance, folding, horizon, integrity
from settlement.ledger.transfer import Group, Transfer
from tests.ledger.model import Model
from tests.ledger.sides import Ledger, Request, assert_alike, open_accounts, open_purse
from tests.support import acting, at

FIRST = at("2026-07-01 08:00")
AGO = st.sampled_from([0, 0, 1, 5, 30, 100, -3])
"""Hours before now that something occurred: just now, uploaded late, or by a clock that is ahead."""
DAYS = st.integers(-1, 46).map(lambda days: date(2026, 7, 1) + timedelta(days=days))
AMOUNTS = st.one_of(st.integers(1, 3_000), st.sampled_from([-1, 0, 10_000, 10_001]))
PURSES = ["1", "2", "3"]
NUMBERS = st.integers(1, 12)
Part = tuple[str, str, int, int, bool]
"""Debit, credit, amount, hours ago, spending."""
PART = st.tuples(
    st.sampled_from([*PURSES, *PURSES, "control", "claim", "payable", "hours", "nobody"]),
    st.sampled_from([*PURSES, "claim", "claim", "claim", "payable", "control"]),
    AMOUNTS,
    AGO,
    st.booleans(),
)
PARTS = st.lists(PART, min_size=1, max_size=3)
ALTERED = ("amount", "debit", "credit", "code", "reference", "occurred_at")


class SideBySide(RuleBasedStateMachine):
    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine
        self.model = Model(FIRST)
        self.asked: list[Request] = []
        with engine.begin() as conn:  # one database for all runs
            for table in ("transfers", "accounts", "books", "folds", "day_totals", "month_totals", "cuts"):
                conn.execute(text(f"DELETE FROM ledger_{table}"))

    def ask(self, name: str, *args: Any) -> Any:
        self.asked.append((name, args))
        with acting(self.engine, self.model.now) as act:
            found = getattr(Ledger(act), name)(*args)
        assert found == getattr(self.model, name)(*args)
        return found

    @initialize()
    def a_town(self) -> None:
        with acting(self.engine, FIRST) as act:
            self.id = open_accounts(act, self.model, len(PURSES)) | {"nobody": 0}
        self.ask("issue", "issue/2026-07", self.id["control"], 10_000, PURSES, FIRST)

    def when(self, ago: int) -> datetime:
        return self.model.now - timedelta(hours=ago)

    def transfer(self, id: str, part: Part) -> Transfer:
        debit, credit, amount, ago, spending = part
        return Transfer(
            id, self.id[debit], self.id[credit], amount, "debit_subsidy", f"of:{id}", self.when(ago), spending
        )

    def group(self, id: str, parts: list[Part]) -> Group:
        return Group(id, [self.transfer(f"{id}/{n}", part) for n, part in enumerate(parts, 1)])

    def known(self, data: Any, *kinds: str) -> str:
        """A hold, or an act, that stands, or one that does not."""
        return data.draw(st.sampled_from([*(r.group for r in self.model.rows.values() if r.kind in kinds), "nothing"]))

    # -- what may happen -------------------------------------------------------------------------------------------------------
    @rule(number=NUMBERS, parts=PARTS)
    def post(self, number: int, parts: Any) -> None:
        group = self.group(f"d{number}", parts)
        self.ask("post", group.id, *group.transfers)

    @rule(batch=st.lists(st.tuples(NUMBERS, PARTS), max_size=6), repeated=st.integers(0, 5))
    def post_batch(self, batch: Any, repeated: int) -> None:
        groups = [self.group(f"d{number}", parts) for number, parts in batch]
        groups += groups[repeated : repeated + 1]
        self.ask("batch", *groups)

    @rule(number=NUMBERS, part=PART, debit=st.sampled_from(PURSES), hours=st.integers(0, 72))
    def place(self, number: int, part: Part, debit: str, hours: int) -> None:
        transfer = self.transfer(f"h{number}", (debit, *part[1:]))
        self.ask("place", transfer, transfer.occurred_at + timedelta(hours=hours))

    @rule(data=st.data(), number=NUMBERS, amount=st.none() | AMOUNTS, ago=AGO)
    def post_hold(self, data: Any, number: int, amount: int | None, ago: int) -> None:
        self.ask("post_hold", self.known(data, "hold"), f"p{number}", amount, self.when(ago))

    @rule(data=st.data(), number=NUMBERS, ago=AGO)
    def void(self, data: Any, number: int, ago: int) -> None:
        self.ask("void", self.known(data, "hold"), f"p{number}", self.when(ago))

    @rule()
    def expire(self) -> None:
        self.ask("expire")

    @rule(data=st.data(), number=NUMBERS, ago=AGO)
    def reverse(self, data: Any, number: int, ago: int) -> None:
        self.ask("reverse", self.known(data, "posted", "post_hold"), f"r{number}", self.when(ago))

    @rule(purse=st.sampled_from(PURSES), ago=AGO)
    def freeze(self, purse: str, ago: int) -> None:
        self.ask("freeze", self.id[purse], self.when(ago))

    @rule(purse=st.sampled_from(PURSES))
    def unfreeze(self, purse: str) -> None:
        self.ask("unfreeze", self.id[purse])

    @rule(run=st.integers(1, 3), amount=st.integers(1, 2_000), ago=AGO)
    def issue(self, run: int, amount: int, ago: int) -> None:
        self.ask("issue", f"issue/{run}", self.id["control"], amount, sorted(self.id), self.when(ago))

    @rule(day=DAYS)
    def close_before(self, day: date) -> None:
        self.ask("close_before", day)

    @rule(number=st.integers(4, 6))
    def open_another(self, number: int) -> None:
        with acting(self.engine, self.model.now) as act:
            open_purse(act, self.model, self.id, str(number))

    @rule(hours=st.integers(-30, 60))
    def time_passes_and_sometimes_jumps_back(self, hours: int) -> None:
        self.model.now += timedelta(hours=hours)

    # -- once more -------------------------------------------------------------------------------------------------------------
    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def repeat(self, data: Any) -> None:
        name, args = data.draw(st.sampled_from(self.asked))
        self.ask(name, *args)

    @precondition(lambda self: any(name == "post" for name, _ in self.asked))
    @rule(data=st.data(), changed=st.sampled_from(ALTERED))
    def repeat_with_other_content(self, data: Any, changed: str) -> None:
        _, (group, first, *rest) = data.draw(st.sampled_from([each for each in self.asked if each[0] == "post"]))
        other = {
            "amount": first.amount + 1,
            "debit": self.id["payable"],
            "credit": self.id["control"],
            "code": "other",
            "reference": "other",
            "occurred_at": first.occurred_at + timedelta(hours=1),
        }
        self.ask("post", group, replace(first, **{changed: other[changed]}), *rest)

    # -- what must hold --------------------------------------------------------------------------------------------------------
    @invariant()
    def books_are_alike(self) -> None:
        if self.asked:
            with reading(self.engine) as conn:
                assert_alike(conn, self.model)

    @rule(account=st.sampled_from([*PURSES, "control", "claim", "payable"]), day=DAYS, before=st.none() | AGO)
    def look_back(self, account: str, day: date, before: int | None) -> None:
        id, known = self.id[account], None if before is None else self.when(before)
        with reading(self.engine) as conn:
            assert balance.as_of(conn, id, day, recorded_before=known) == self.model.balance(id, day, known)

    @rule(at_most=st.integers(1, 20))
    def fold(self, at_most: int) -> None:
        horizon.reach(self.engine, self.model.now)
        with acting(self.engine, self.model.now) as act:
            folding.fold(act, at_most)

    def teardown(self) -> None:
        with reading(self.engine) as conn:
            assert integrity.check(conn) == []


def test_the_ledger_does_what_the_model_does(engine: Engine) -> None:
    run_state_machine_as_test(
        lambda: SideBySide(engine),
        settings=settings(max_examples=15, stateful_step_count=40),
    )
