"""One seed, one run: a town's requests, drawn from the seed, arrive late, twice, altered or out of order, while processes die, connections break,
disks fill up and the clock jumps. After each step the books are those of the reference model. The same seed prints the same lines.
"""

from __future__ import annotations

import copy
import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Engine

from settlement.db import make_engine, migrate, reading
from settlement.ledger import folding, horizon, integrity
from settlement.ledger.transfer import Group, Transfer
from tests.ledger.model import Model
from tests.ledger.sides import Ledger, Request, assert_alike, open_accounts
from tests.simulation.faults import KINDS, Fault, Lost, with_fault
from tests.support import acting, at

FIRST = at("2026-07-01 08:00")
PURSES, STEPS = 4, 60


def perform(engine: Engine, now: Any, request: Request) -> Any:
    name, args = request
    if name == "fold":
        horizon.reach(engine, now, patience=1)
    with acting(engine, now) as act:
        if name == "fold":
            folding.fold(act, *args)
            return None
        return getattr(Ledger(act), name)(*args)


@dataclass
class Run:
    """``url``: of an empty database. ``revive``: waits until the server is back after it went down."""

    seed: int
    url: str
    revive: Callable[[], None] = lambda: None
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.draw = random.Random(self.seed)
        self.engine = make_engine(self.url)
        self.model = Model(FIRST)
        self.known: list[Request] = []
        self.asked_for: list[str] = []  # ids of debits and holds
        self.late: list[tuple[int, Request]] = []
        self.faults = 0

    def play(self) -> list[str]:
        migrate(self.engine)
        with acting(self.engine, FIRST) as act:
            self.ids = open_accounts(act, self.model, PURSES)
        self.names = {id: name for name, id in self.ids.items()}
        self.issue(0)
        try:
            for step in range(1, STEPS + 1):
                self.time_passes()
                for request in self.arriving(step):
                    self.deliver(step, request)
            for _, request in self.late:  # what is still on its way arrives at last, undisturbed
                self.deliver(STEPS, request, Fault("none"))
            with reading(self.engine) as conn:
                assert integrity.check(conn) == []
        finally:
            self.engine.dispose()
        return self.lines

    @property
    def digest(self) -> str:
        return hashlib.sha256("\n".join(self.lines).encode()).hexdigest()[:12]

    # -- what arrives ----------------------------------------------------------------------------------------------------------
    def time_passes(self) -> None:
        jump = self.draw.choice([0, 1, 1, 2, 5, 5, 30, -30, 12 * 24, -3 * 24] if self.draw.random() < 0.2 else [0, 1])
        self.model.now += timedelta(hours=jump)

    def arriving(self, step: int) -> list[Request]:
        """A new request, most times; and what was delayed, repeated or asked again until now, in any order."""
        due = [request for when, request in self.late if when <= step]
        self.late = [(when, request) for when, request in self.late if when > step]
        request = self.request(step)
        self.known.append(request)
        fate = self.draw.random()
        if fate < 0.15:
            self.late.append((step + self.draw.randint(1, 8), request))
        else:
            due.append(request)
        if fate > 0.8:
            self.late.append((step + self.draw.randint(0, 8), request))
        if fate > 0.95:
            due.append(self.altered(self.draw.choice(self.known)))
        self.draw.shuffle(due)
        return due

    def altered(self, request: Request) -> Request:
        name, args = request
        if name == "post":
            return name, (args[0], replace(args[1], amount=args[1].amount + 1), *args[2:])
        if name == "place":
            return name, (replace(args[0], reference="other"), args[1])
        return request

    def request(self, n: int) -> Request:
        kind, draw = self.draw.randrange(100), self.draw
        when = self.model.now - timedelta(hours=draw.choice([0, 0, 0, 5, 24, 100]))
        hold, group = (draw.choice([id for id in self.asked_for if id[0] == letter][-4:] or ["0"]) for letter in "hd")
        if kind < 35:
            self.asked_for.append(f"d{n}")
            return "post", (f"d{n}", *(self.transfer(f"d{n}/{k}", when) for k in range(draw.randint(1, 3))))
        if kind < 50:
            groups = [f"b{n}.{k}" for k in range(draw.choice([1, 3, 10]))]
            return "batch", tuple(Group(id, (self.transfer(f"{id}/1", when),)) for id in groups)
        if kind < 62:
            self.asked_for.append(f"h{n}")
            held = replace(
                self.transfer(f"h{n}", when), debit=self.ids[str(draw.randint(1, PURSES))], credit=self.ids["claim"]
            )
            return "place", (held, self.model.now + timedelta(hours=draw.choice([1, 3, 50])))
        if kind < 72:
            return "post_hold", (hold, f"p{n}", draw.choice([None, None, 10, 5_000]), when)
        if kind < 77:
            return "void", (hold, f"v{n}", when)
        if kind < 80:
            return "expire", ()
        if kind < 86:
            return "reverse", (group, f"r{n}", when)
        if kind < 89:
            return "freeze", (self.ids[str(draw.randint(1, PURSES))], when)
        if kind < 92:
            return "unfreeze", (self.ids[str(draw.randint(1, PURSES))],)
        if kind < 94:
            return "close_before", (date(2026, 7, 1) + timedelta(days=draw.randint(0, 20)),)
        if kind < 96:
            return self.issue_of(n)
        return "fold", (draw.randint(1, 30),)

    def transfer(self, id: str, when: Any) -> Transfer:
        draw = self.draw
        debit = self.ids[draw.choice([*"123412341234", "claim", "hours"])]
        others = [*"1234", "claim", "claim", "claim", "claim", "payable"]
        credit = self.ids[draw.choice([name for name in others if self.ids[name] != debit or draw.random() < 0.05])]
        amount = draw.choice([0, 6_000, 12_000]) if draw.random() < 0.1 else draw.randint(1, 3_000)
        return Transfer(id, debit, credit, amount, "debit_subsidy", f"of:{id}", when, draw.random() < 0.7)

    def issue_of(self, n: int) -> Request:
        everyone = [str(number) for number in range(1, PURSES + 1)]
        return "issue", (f"issue{n}", self.ids["control"], 10_000, everyone, self.model.now)

    def issue(self, n: int) -> None:
        self.deliver(n, self.issue_of(n), Fault("none"))

    # -- what becomes of it ----------------------------------------------------------------------------------------------------
    def deliver(self, step: int, request: Request, fault: Fault | None = None) -> None:
        fault = fault or self.next_fault()
        now = self.model.now
        try:
            if fault.kind == "none":
                found = perform(self.engine, now, request)
            else:
                self.faults += 1
                found = with_fault(fault, self.url, lambda engine: perform(engine, now, request))
        except Lost:
            became = self.whether_it_stands(request)
            self.late.append((step + self.draw.randint(0, 5), request))
        else:
            expected = self.ask_model(self.model, request)
            assert _plain(found) == _plain(expected), (request, found, expected)
            became = _words(expected)
        if fault.kind == "server's disk full":
            self.revive()
            self.engine.dispose()
        with reading(self.engine) as conn:
            assert_alike(conn, self.model)
            if fault.kind != "none":
                assert integrity.check(conn) == []
        self.tell(step, request, fault, became)

    def next_fault(self) -> Fault:
        if self.draw.random() < 0.65:
            return Fault("none")
        return Fault(self.draw.choice(KINDS[self.engine.dialect.name]), self.draw.choice([1, 2, 3, 4, 5, 6, 9]))

    def whether_it_stands(self, request: Request) -> str:
        """The books are those of before the act or those of after it, never others."""
        self.revive()
        after = copy.deepcopy(self.model)
        self.ask_model(after, request)
        with reading(self.engine) as conn:
            try:
                assert_alike(conn, self.model)
            except AssertionError:
                assert_alike(conn, after)
                self.model = after
                return "stands, to be asked again"
        return "does not stand, to be asked again"

    def ask_model(self, model: Model, request: Request) -> Any:
        name, args = request
        return None if name == "fold" else getattr(model, name)(*args)

    def tell(self, step: int, request: Request, fault: Fault, became: str) -> None:
        name, args = request
        which = " ".join(self.named(arg) for arg in args)
        trouble = f" [{fault}]" if fault.kind != "none" else ""
        self.lines.append(f"{step:3} {self.model.now:%m-%d %H:%M} {name} {which}{trouble}: {became}")

    def named(self, arg: Any) -> str:
        if isinstance(arg, Transfer):
            return f"{arg.id} {self.names[arg.debit]}>{self.names[arg.credit]} {arg.amount}"
        return arg.id if isinstance(arg, Group) else self.names.get(arg, str(arg)) if isinstance(arg, int) else str(arg)


def _plain(answer: Any) -> Any:
    """As it comes out of a child process: keys are texts and pairs are lists."""
    if isinstance(answer, dict):
        return {str(key): value for key, value in answer.items()}
    return [_plain(each) for each in answer] if isinstance(answer, list | tuple) else answer


def _words(answer: Any) -> str:
    if isinstance(answer, tuple):
        return str(answer[0])
    return (
        ", ".join(_words(each) for each in answer)
        if isinstance(answer, list)
        else "done"
        if answer is None
        else str(answer)
    )
