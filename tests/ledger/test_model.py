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
HOURS = st.integers(0, 45 * 24)
MOMENTS = HOURS.map(lambda hours: FIRST + timedelta(hours=hours))
DAYS = st.integers(-1, 46).map(lambda days: date(2026, 7, 1) + timedelta(days=days))
AMOUNTS = st.one_of(st.integers(1, 3_000), st.sampled_from([-1, 0, 10_000, 10_001]))
PURSES = ["1", "2", "3"]
NUMBERS = st.integers(1, 12)
PARTS = st.lists(
    st.tuples(
        st.sampled_from([*PURSES, *PURSES, "control", "claim", "payable", "hours", "nobody"]),
        st.sampled_from([*PURSES, "claim", "claim", "claim", "payable", "control"]),
        AMOUNTS,
        MOMENTS,
        st.booleans(),
    ),
    min_size=1,
    max_size=3,
)
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

    def group(self, id: str, parts: list[tuple[str, str, int, datetime, bool]]) -> Group:
        return Group(
            id,
            [
                Transfer(
                    f"{id}/{n}", self.id[debit], self.id[credit], amount, "debit_subsidy", f"debit:{id}", when, spending
                )
                for n, (debit, credit, amount, when, spending) in enumerate(parts, 1)
            ],
        )

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

    @rule(number=NUMBERS, part=PARTS, hours=st.integers(0, 72))
    def place(self, number: int, part: Any, hours: int) -> None:
        ((debit, credit, amount, when, spending), *_) = part
        debit = debit if debit in PURSES else "1"
        transfer = Transfer(
            f"h{number}", self.id[debit], self.id[credit], amount, "debit_subsidy", f"h:{number}", when, spending
        )
        self.ask("place", transfer, when + timedelta(hours=hours))

    @rule(hold=NUMBERS, number=NUMBERS, amount=st.none() | AMOUNTS, when=MOMENTS)
    def post_hold(self, hold: int, number: int, amount: int | None, when: datetime) -> None:
        self.ask("post_hold", f"h{hold}", f"p{number}", amount, when)

    @rule(hold=NUMBERS, number=NUMBERS, when=MOMENTS)
    def void(self, hold: int, number: int, when: datetime) -> None:
        self.ask("void", f"h{hold}", f"p{number}", when)

    @rule()
    def expire(self) -> None:
        self.ask("expire")

    @rule(kind=st.sampled_from(["d", "d", "h", "r"]), number=NUMBERS, new=NUMBERS, when=MOMENTS)
    def reverse(self, kind: str, number: int, new: int, when: datetime) -> None:
        self.ask("reverse", f"{kind}{number}", f"r{new}", when)

    @rule(purse=st.sampled_from(PURSES), when=MOMENTS)
    def freeze(self, purse: str, when: datetime) -> None:
        self.ask("freeze", self.id[purse], when)

    @rule(purse=st.sampled_from(PURSES))
    def unfreeze(self, purse: str) -> None:
        self.ask("unfreeze", self.id[purse])

    @rule(run=st.integers(1, 3), amount=st.integers(1, 2_000), when=MOMENTS)
    def issue(self, run: int, amount: int, when: datetime) -> None:
        self.ask("issue", f"issue/{run}", self.id["control"], amount, sorted(self.id), when)

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

    @rule(account=st.sampled_from([*PURSES, "control", "claim", "payable"]), day=DAYS, before=st.none() | MOMENTS)
    def look_back(self, account: str, day: date, before: datetime | None) -> None:
        id = self.id[account]
        with reading(self.engine) as conn:
            assert balance.as_of(conn, id, day, recorded_before=before) == self.model.balance(id, day, before)

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
