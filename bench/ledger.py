"""The ledger alone: single debits, one hot provider against many, and batches, beside pgbench on the same server.

A debit is the domain's own call in its own transaction: ``begin`` and ``transfer.post``, card purse to provider claim, obeying a freeze.
Subject and peer take turns in short slices, so that a change of the machine's speed meets both; figures are medians over the slices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from sqlalchemy import Engine, text

from bench import rig
from bench.clients import Crew, Job, Slice, World
from bench.pgbench import Pgbench
from bench.rig import Rig, Row
from settlement.ledger import chart

PROVIDERS = 500
EACH = 1_000_000_000
"""Fen on every card: nobody runs short while measuring."""


@dataclass(frozen=True)
class Size:
    """``rounds`` slices of ``seconds`` each for every figure, ``batch_rounds`` for batches."""

    cards: int
    rounds: int
    batch_rounds: int
    seconds: int


QUICK = Size(cards=200_000, rounds=3, batch_rounds=1, seconds=1)
FULL = Size(cards=1_000_000, rounds=5, batch_rounds=5, seconds=4)

BATCHES = (1, 100, 1_000, 10_000)
PROCESSES = {1: 1, 4: 2, 16: 4}
"""Client processes for so many clients; in full, one process per client as well."""


def found(engine: Engine, cards: int) -> World:
    """Cards with money on them, from one issue transfer each, and providers."""
    with engine.begin() as conn:
        for statement in _FOUNDING:
            values = {"cards": cards, "each": EACH, "providers": PROVIDERS, "now": 1_780_000_000_000_000}
            wanted = {name: value for name, value in values.items() if f":{name}" in statement}
            conn.execute(text(statement), wanted)
        ids = conn.execute(text("SELECT code, min(id), max(id) FROM ledger_accounts GROUP BY code")).all()
    rig.settle(engine)
    ends = {code: (int(first), int(last)) for code, first, last in ids}
    return World(rig.url(engine), *ends[chart.CARD_SUBSIDY], *ends[chart.PROVIDER_CLAIM])


_ACCOUNT = "INSERT INTO ledger_accounts (code, owner, unit, lot, guarded, balance, held, opened_at) "
_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) "
_FOUNDING = (
    f"{_ACCOUNT} VALUES ('{chart.VOUCHER_CONTROL}', 'scheme:bench', 'fen', '', false, 0, 0, :now)",
    f"{_ACCOUNT} {_NUMBERS.format(':providers')}"
    f"SELECT '{chart.PROVIDER_CLAIM}', 'provider:' || i || '/town', 'fen', '', false, 0, 0, :now FROM n",
    f"{_ACCOUNT} {_NUMBERS.format(':cards')}"
    f"SELECT '{chart.CARD_SUBSIDY}', 'card:' || i, 'fen', '', true, :each, 0, :now FROM n",
    "INSERT INTO ledger_transfers (id, group_id, kind, debit_account_id, credit_account_id, amount, code, reference, occurred_at,"
    " effective_on, recorded_at) SELECT 'issue:' || a.id, 'issue', 'posted', c.id, a.id, a.balance, 'issue', 'issue', :now, '2026-06-01', :now"
    f" FROM ledger_accounts a, ledger_accounts c WHERE a.guarded AND c.code = '{chart.VOUCHER_CONTROL}'",
)


def take_turns(rounds: int, *calls: Callable[[], float]) -> list[list[float]]:
    """Each call once per round, in turns; what each answered, round by round."""
    answers: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, into in zip(calls, answers, strict=True):
            into.append(call())
    return answers


def spread(values: Sequence[float]) -> str:
    return f"{min(values):,.0f}–{max(values):,.0f}"


def times(slices: Sequence[Slice]) -> str:
    p50, p99 = median(each.p50 for each in slices), median(each.p99 for each in slices)
    client, server = median(each.client_cpu for each in slices), median(each.server_cpu for each in slices)
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms; CPU {client:,.0f} + {server:,.0f} µs"


class Ledger:
    """The parts on one database; ``peer`` is None on SQLite, where nothing is compared."""

    def __init__(self, on: Rig, engine: Engine, size: Size, peer: Pgbench | None) -> None:
        self.rig, self.size, self.peer = on, size, peer
        self.backend = engine.dialect.name
        self.server = on.server if self.backend == "postgresql" else None
        self.world = found(engine, size.cards)

    def debit(self, crew: Crew, providers: int, seconds: float | None = None) -> Slice:
        return crew.run(Job(1, providers, seconds or self.size.seconds), self.server)

    def singles(self, clients: int, processes: int, target: str = "") -> Row:
        """Single debits, spread over all providers, against pgbench with as many clients."""
        ours: list[Slice] = []
        simple: list[float] = []
        note, compared = "", {}
        with Crew(self.world, processes, clients // processes) as crew:
            self.debit(crew, PROVIDERS, 0.5)
            for _ in range(self.size.rounds):
                if self.peer is not None:
                    simple.append(self.peer.run(clients, self.size.seconds).tps)
                ours.append(self.debit(crew, PROVIDERS))
        rate = median(each.rate for each in ours)
        if self.peer is not None:
            prepared = self.peer.run(clients, self.size.seconds, "prepared").tps
            compared = {"peer": "pgbench", "peer_figure": median(simple), "ratio": rate / median(simple)}
            note = f"; pgbench {spread(simple)}, prepared {prepared:,.0f}"
        what = "single debits, 1 client" if clients == 1 else f"single debits, {clients} clients"
        told = f"{crew.arrangement}, {spread([each.rate for each in ours])}/s; {times(ours)}{note}"
        return Row(what, self.backend, rate, "debits/s", **compared, target=target, note=told)

    def hot(self, clients: int, processes: int, target: str = "") -> Row:
        """All debits to one provider, against debits spread over all of them; each turn is short and there are many."""
        seconds, rounds = self.size.seconds / 2, self.size.rounds * 3
        with Crew(self.world, processes, clients // processes) as crew:
            self.debit(crew, PROVIDERS, 0.5)
            one, many = take_turns(
                rounds,
                lambda: self.debit(crew, 1, seconds).rate,
                lambda: self.debit(crew, PROVIDERS, seconds).rate,
            )
            pairs = [a / b for a, b in zip(one, many, strict=True)]
            note = f"{rounds} pairs of {seconds:g} s, ratio of each {min(pairs):.2f}–{max(pairs):.2f}, the median is told; {crew.arrangement}"
        what = f"single debits, all to one provider, {clients} clients"
        peer = f"spread over {PROVIDERS}"
        return Row(what, self.backend, median(one), "debits/s", peer, median(many), median(pairs), target, note)

    def batches(self, processes: Sequence[int], targets: dict[int, str]) -> list[Row]:
        """Batches of unrelated debits in one call and one transaction, against pgbench's transactions at 16 clients."""
        crews = {number: Crew(self.world, number, 1) for number in processes}
        told: dict[tuple[int, int], list[Slice]] = {(size, number): [] for size in BATCHES for number in processes}
        tps = []
        try:
            for _ in range(self.size.batch_rounds):
                if self.peer is not None:
                    tps.append(self.peer.run(16, self.size.seconds).tps)
                for (size, number), slices in told.items():
                    slices.append(crews[number].run(Job(size, PROVIDERS, self.size.seconds), self.server))
        finally:
            for crew in crews.values():
                crew.close()
        return [
            self._batch(size, {number: told[size, number] for number in processes}, tps, targets) for size in BATCHES
        ]

    def _batch(self, size: int, told: dict[int, list[Slice]], tps: list[float], targets: dict[int, str]) -> Row:
        rates = {number: median(each.rate for each in slices) for number, slices in told.items()}
        rate = max(rates.values())
        notes = [f"{number} proc. {rates[number]:,.0f}/s; {times(slices)}" for number, slices in told.items()]
        compared = {}
        if tps:
            compared = {"peer": "pgbench, 16 clients", "peer_figure": median(tps), "ratio": rate / median(tps)}
        what = "batches of 1" if size == 1 else f"batches of {size:,}"
        target = targets.get(size, "")
        return Row(what, self.backend, rate, "transfers/s", **compared, target=target, note=" | ".join(notes))


def debits(on: Ledger, quick: bool) -> list[Row]:
    """Single debits with 1, 4 and 16 clients."""
    targets = {1: ">= 1.0", 4: "", 16: ">= 1.0"}
    rows = [on.singles(clients, processes, targets[clients]) for clients, processes in PROCESSES.items()]
    return rows if quick else [*rows, on.singles(16, 16)]
