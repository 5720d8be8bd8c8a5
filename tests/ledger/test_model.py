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
PLAIN = st.tuples(
    st.sampled_from(PURSES), st.sampled_from(["claim", "payable"]), st.integers(1, 2_000), AGO, st.booleans()
)
ODD = st.tuples(
    st.sampled_from([*PURSES, "control", "claim", "hours", "nobody"]),
    st.sampled_from([*PURSES, "claim", "control"]),
    AMOUNTS,
    AGO,
    st.booleans(),
)
PART = st.sampled_from([PLAIN, PLAIN, PLAIN, PLAIN, ODD]).flatmap(lambda kind: kind)
HOURS = st.sampled_from([0, 1, 8, 48, 48, 72])
End = tuple[bool, str, int, int | None, int]
"""Whether of the hold just placed, how, under which number, how much of it, hours ago."""
ENDS = st.tuples(
    st.booleans(),
    st.sampled_from(["post_hold", "post_hold", "void"]),
    NUMBERS,
    st.none() | st.integers(1, 500) | AMOUNTS,
    AGO,
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

    @rule(
        number=NUMBERS,
        part=PART,
        debit=st.sampled_from(PURSES),
        hours=HOURS,
        ends=st.lists(ENDS, max_size=3),
        data=st.data(),
    )
    def hold(self, number: int, part: Part, debit: str, hours: int, ends: list[End], data: Any) -> None:
        """One is placed; this one and others are resolved, some more than once."""
        transfer = self.transfer(f"h{number}", (debit, *part[1:]))
        self.ask("place", transfer, transfer.occurred_at + timedelta(hours=hours))
        for this, name, id, amount, ago in ends:
            hold = transfer.id if this else self.known(data, "hold")
            args = (amount, self.when(ago)) if name == "post_hold" else (self.when(ago),)
            self.ask(name, hold, f"p{id}", *args)

    @rule(data=st.data(), number=NUMBERS, ago=AGO)
    def reverse(self, data: Any, number: int, ago: int) -> None:
        self.ask("reverse", self.known(data, "posted", "post_hold"), f"r{number}", self.when(ago))

    @rule(purse=st.sampled_from(PURSES), ago=AGO, lift=st.booleans())
    def freeze_or_unfreeze(self, purse: str, ago: int, lift: bool) -> None:
        self.ask("unfreeze", self.id[purse]) if lift else self.ask("freeze", self.id[purse], self.when(ago))

    @rule(what=st.sampled_from(["issue", "issue", "expire", "close", "open"]), n=st.integers(1, 3), day=DAYS, ago=AGO)
    def the_office(self, what: str, n: int, day: date, ago: int) -> None:
        if what == "issue":
            self.ask("issue", f"issue/{n}", self.id["control"], 3_000 * n, sorted(self.id), self.when(ago))
        elif what == "expire":
            self.ask("expire")
        elif what == "close":
            self.ask("close_before", day)
        else:
            with acting(self.engine, self.model.now) as act:
                open_purse(act, self.model, self.id, str(3 + n))

    @rule(hours=st.sampled_from([1, 2, 6, 40, 300, -30]))
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
        settings=settings(max_examples=18, stateful_step_count=40),
    )
