"""What history costs: the same acts and questions in a ledger of 20 thousand transfers and in one with a hundred times as many.

Both have the same cards, providers and transfers a day; the large one has lived a hundred times as long, so every account's own history
is a hundred times as long too. That is harsher than a real district, which mostly grows by cards. Small and large take turns, call by
call, so that a change of the machine's speed meets both; figures are lower quartiles over the calls, which other work on the machine
moves least.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import Connection, Engine, text

from bench import rig
from bench.rig import Rig, Row
from settlement.act import SYSTEM, begin
from settlement.cards import inquiry
from settlement.db import micros, reading
from settlement.errors import BrokenInvariant
from settlement.ledger import balance, chart, folding, horizon
from settlement.ledger.accounts import open_account, open_accounts
from settlement.ledger.tables import transfers
from settlement.ledger.transfer import Posted, Transfer, post

SMALL, QUICK, FULL = 20_000, 2_000_000, 50_000_000
CARDS, PROVIDERS = 500, 50
EACH = 1_000_000_000
"""Fen on every card at first: nobody runs short."""
DAYS = 30
"""Of the small ledger; a longer history has as many transfers a day, until it is ten years long."""
FIRST_DAY = date(2016, 1, 1)
CALLS, WARM_UP = 400, CARDS
"""Every card and provider is asked once before it counts: what is compared is the work, not whose pages were read last."""
TARGET = "<= 1.2"


@dataclass
class Ledger:
    """``middle``: a day half way through the history, and what was known by its end."""

    engine: Engine
    size: int
    days: int
    card_ids: list[int]
    purses: list[int]
    claims: list[int]
    control: int
    numbers: Any = field(default_factory=lambda: count(1))

    @property
    def middle(self) -> date:
        return FIRST_DAY + timedelta(days=self.days // 2)

    @property
    def end(self) -> datetime:
        return _noon(FIRST_DAY + timedelta(days=self.days))


def _noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 4, tzinfo=UTC)


def found(engine: Engine, size: int) -> Ledger:
    """A ledger with ``size`` transfers: every card is given money once, then of ten transfers one issues and nine pay a provider."""
    days = min(DAYS * size // SMALL, 3650)
    with begin(engine, SYSTEM, _noon(FIRST_DAY)) as act:
        control = open_account(act, chart.VOUCHER_CONTROL, chart.scheme("bench"))
        cards = list(range(1, CARDS + 1))
        owners = [chart.card(number) for number in cards]
        purses = open_accounts(act, chart.CARD_SUBSIDY, owners, guarded=True)
        towns = [chart.provider_in_town(number, "town") for number in range(1, PROVIDERS + 1)]
        claims = open_accounts(act, chart.PROVIDER_CLAIM, towns)
        ledger = Ledger(
            engine, size, days, cards, [purses[owner] for owner in owners], [claims[town] for town in towns], control
        )
        _fill(act.conn, ledger)
    rig.settle(engine)
    return ledger


def _fill(conn: Connection, ledger: Ledger) -> None:
    # A bulk load builds its indexes at the end.
    indexes = sorted(transfers.indexes, key=lambda index: str(index.name))
    for index in indexes:
        index.drop(conn)
    backend = conn.dialect.name
    numbers = {
        "postgresql": "SELECT i FROM generate_series(1, CAST(:size AS bigint)) AS s(i)",
        "sqlite": "WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < :size) SELECT i FROM s",
    }[backend]
    day = {
        "postgresql": "DATE '2016-01-01' + CAST(i * :days / (:size + 1) AS int)",
        "sqlite": "date('2016-01-01', '+' || (i * :days / (:size + 1)) || ' days')",
    }[backend]
    # Accounts have consecutive numbers, for they were opened at once.
    given = f"CASE WHEN i <= {CARDS} THEN {EACH} WHEN i % 10 = 0 THEN 900 ELSE 100 END"
    statement = f"""
        INSERT INTO ledger_transfers (id, group_id, kind, debit_account_id, credit_account_id, amount, code, reference,
                                      occurred_at, effective_on, recorded_at)
        SELECT CASE WHEN issue THEN 'issue/' || i ELSE 'D' || i || '/1' END, CASE WHEN issue THEN 'issue/' || i ELSE 'D' || i END,
               'posted', CASE WHEN issue THEN :control ELSE purse END, CASE WHEN issue THEN purse ELSE claim END, amount,
               CASE WHEN issue THEN 'issue' ELSE 'debit_subsidy' END, CASE WHEN issue THEN 'issuance:1' ELSE 'debit:D' || i END,
               moment, day, moment + 1000000
        FROM (SELECT i, i <= {CARDS} OR i % 10 = 0 AS issue, {given} AS amount, {day} AS day,
                     :purse + (i * 7919 + (i - 1) / {CARDS}) % {CARDS} AS purse, :claim + (i * 31 + i / 7) % {PROVIDERS} AS claim,
                     :start + i * :step AS moment
              FROM ({numbers}) AS numbered) AS drawn
        ORDER BY i
    """
    step = ledger.days * 86_400_000_000 // ledger.size
    conn.execute(
        text(statement),
        {"size": ledger.size, "days": ledger.days, "control": ledger.control, "step": step}
        | {"purse": ledger.purses[0], "claim": ledger.claims[0], "start": micros(_noon(FIRST_DAY)) - 4 * 3_600_000_000},
    )
    moved = "SELECT {}_account_id AS id, sum(amount) AS amount FROM ledger_transfers GROUP BY 1"
    conn.execute(
        text(
            "UPDATE ledger_accounts SET balance = moved.credits - moved.debits FROM"
            " (SELECT a.id, coalesce(c.amount, 0) AS credits, coalesce(d.amount, 0) AS debits FROM ledger_accounts a"
            f" LEFT JOIN ({moved.format('credit')}) c ON c.id = a.id LEFT JOIN ({moved.format('debit')}) d ON d.id = a.id) AS moved"
            " WHERE moved.id = ledger_accounts.id AND guarded"
        )
    )
    for index in indexes:
        index.create(conn)


def fold(ledger: Ledger) -> float:
    """Fold everything; seconds."""
    begun = time.perf_counter()
    horizon.reach(ledger.engine, ledger.end)
    while True:
        with begin(ledger.engine, SYSTEM, ledger.end) as act:
            if folding.fold(act) == 0:
                return time.perf_counter() - begun


def _turn(ids: list[int], number: int) -> int:
    return ids[number * 7 % len(ids)]


def debit(ledger: Ledger, number: int) -> None:
    id = f"new{next(ledger.numbers)}"
    with begin(ledger.engine, SYSTEM, ledger.end) as act:
        some = Transfer(
            f"{id}/1",
            _turn(ledger.purses, number),
            _turn(ledger.claims, number),
            100,
            "debit_subsidy",
            id,
            ledger.end,
            True,
        )
        if not isinstance(post(act, id, [some]), Posted):
            raise BrokenInvariant("a card ran short")


def inquire(ledger: Ledger, number: int) -> None:
    card = _turn(ledger.card_ids, number)
    with reading(ledger.engine) as conn:
        inquiry.purses(conn, card)
        if len(inquiry.movements(conn, card, 20)) < 20:
            raise BrokenInvariant("a card with a short life")


def provider_now(ledger: Ledger, number: int) -> None:
    with reading(ledger.engine) as conn:
        balance.balance(conn, _turn(ledger.claims, number))


def control_now(ledger: Ledger, number: int) -> None:
    with reading(ledger.engine) as conn:
        balance.balance(conn, ledger.control)


def provider_then(ledger: Ledger, number: int) -> None:
    with reading(ledger.engine) as conn:
        balance.as_of(conn, _turn(ledger.claims, number), ledger.middle)


def provider_as_known(ledger: Ledger, number: int) -> None:
    with reading(ledger.engine) as conn:
        balance.as_of(conn, _turn(ledger.claims, number), ledger.middle, recorded_before=_noon(ledger.middle))


QUESTIONS: list[tuple[str, Callable[[Ledger, int], None], str]] = [
    ("single debit", debit, TARGET),
    ("balance of a card and its last 20 movements", inquire, TARGET),
    ("balance of a provider", provider_now, TARGET),
    ("balance of the control account, half of all transfers on it", control_now, ""),
    ("balance of a provider on a day half way back", provider_then, TARGET),
    ("the same as it was known that noon", provider_as_known, ""),
]


def measure(databases: Rig, backend: str, quick: bool) -> list[Row]:
    small, large = (found(databases.fresh(backend), size) for size in (SMALL, QUICK if quick else FULL))
    folding_took = fold(small), fold(large)
    for ledger in (small, large):
        rig.settle(ledger.engine)
    rows = [_compared(what, call, small, large, target) for what, call, target in QUESTIONS]
    per_second = [ledger.size / seconds for ledger, seconds in zip((small, large), folding_took, strict=True)]
    note = f"{large.size:,} transfers in {folding_took[1]:.1f} s"
    rows.append(Row("folding", backend, per_second[1], "transfers/s", "small ledger", per_second[0], note=note))
    for ledger in (small, large):
        databases.drop(ledger.engine)
    return rows


def _compared(what: str, call: Callable[[Ledger, int], None], small: Ledger, large: Ledger, target: str) -> Row:
    took: dict[int, list[float]] = {small.size: [], large.size: []}
    for number in range(WARM_UP + CALLS):
        for ledger in (small, large):
            begun = time.perf_counter()
            call(ledger, number)
            if number >= WARM_UP:
                took[ledger.size].append(time.perf_counter() - begun)
    ours, theirs = (sorted(took[ledger.size])[CALLS // 4] * 1000 for ledger in (large, small))
    slow = sorted(took[large.size])[int(CALLS * 0.99)] * 1000
    note = f"{large.size:,} transfers in {large.days:,} days against {small.size:,} in {small.days}; p99 {slow:.2g} ms"
    return Row(what, large.engine.dialect.name, ours, "ms", "small ledger", theirs, ours / theirs, target, note)
