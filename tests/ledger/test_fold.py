"""Folding: sums that stay right while others post and fold, whatever is late and whatever the clocks say."""

from __future__ import annotations

import random
import threading
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, func, select

from settlement.act import SYSTEM, begin
from settlement.db import reading
from settlement.ledger import accounts, balance, folding, horizon, integrity
from settlement.ledger.tables import accounts as account_rows
from settlement.ledger.tables import cuts, day_totals, folds, month_totals, transfers
from settlement.ledger.transfer import Posted, Transfer, post
from settlement.periods import local_date
from tests.support import acting, at

START = at("2026-01-30 12:00")
HOURS = st.integers(-24 * 40, 24 * 40)


@st.composite
def lives(draw: st.DrawFn) -> list[Any]:
    """Transfers between two shared accounts and a purse, as (from, to, fen, hours when it happened, hours when it was recorded); and folds."""
    step = st.tuples(st.integers(0, 2), st.integers(1, 2), st.integers(1, 500), HOURS, HOURS)
    return draw(st.lists(st.one_of(step, st.integers(1, 5)), max_size=25))


def test_every_balance_is_the_plain_sum(engine: Engine) -> None:
    @given(life=lives(), days=st.lists(st.tuples(HOURS, HOURS), min_size=1, max_size=6))
    def whatever_happens(life: list[Any], days: list[tuple[int, int]]) -> None:
        with acting(engine) as act:
            for table in (transfers, day_totals, month_totals, folds, cuts, account_rows):
                act.conn.execute(delete(table))
        live_through(engine, life, days)

    whatever_happens()


def live_through(engine: Engine, life: list[Any], days: list[tuple[int, int]]) -> None:
    with acting(engine, START) as act:
        shared = [accounts.open_account(act, "payable", f"provider:{n}") for n in (1, 2)]
        purse = accounts.open_account(act, "card_personal", "card:1", guarded=True)
        post(act, "top", [Transfer("top", shared[0], purse, 50_000, "top_up", "top", START)])
    ids = [purse, *shared]
    rows = [(shared[0], purse, 50_000, local_date(START), START)]
    for number, step in enumerate(life):
        if isinstance(step, int):
            horizon.reach(engine, START)
            with acting(engine, START) as act:
                folding.fold(act, at_most=step)
            continue
        debit, credit, fen, happened, recorded = step
        debit, credit = ids[debit], ids[(debit + credit) % 3]
        occurred, now = START + timedelta(hours=happened), START + timedelta(hours=recorded)
        with acting(engine, now) as act:
            answer = post(act, str(number), [Transfer(str(number), debit, credit, fen, "t", "t", occurred)])
        if isinstance(answer, Posted):
            rows.append((debit, credit, fen, local_date(occurred), now))

    def total(id: int, day: date = date.max, before: datetime | None = None) -> int:
        counted = [row for row in rows if row[3] <= day and (before is None or row[4] < before)]
        return sum(row[2] * ((row[1] == id) - (row[0] == id)) for row in counted)

    with reading(engine) as conn:
        for id in ids:
            assert balance.balance(conn, id) == total(id)
            for on, known in days:
                day, before = local_date(START + timedelta(hours=on)), START + timedelta(hours=known)
                assert balance.as_of(conn, id, day) == total(id, day)
                assert balance.as_of(conn, id, day, recorded_before=before) == total(id, day, before)
        assert integrity.check(conn) == []


def pay(engine: Engine, id: str, debit: int, credit: int, fen: int = 100) -> None:
    with acting(engine) as act:
        assert isinstance(post(act, id, [Transfer(id, debit, credit, fen, "pay", id, act.now)]), Posted)


def test_a_fold_takes_what_is_decided_and_at_most_so_many(engine: Engine) -> None:
    with acting(engine) as act:
        payer, payable = (accounts.open_account(act, code, "x") for code in ("payer", "payable"))
        assert folding.fold(act) == 0  # no cut was ever taken
    for number in range(5):
        pay(engine, str(number), payer, payable)
    horizon.reach(engine, START)
    pay(engine, "after the cut", payer, payable)

    counts = []
    for _ in range(4):
        with acting(engine) as act:
            counts.append(folding.fold(act, at_most=2))

    assert counts == [2, 2, 1, 0]
    with reading(engine) as conn:
        stored = select(day_totals.c.account_id, day_totals.c.day, day_totals.c.debits, day_totals.c.credits)
        assert conn.execute(stored.order_by(day_totals.c.account_id)).all() == [
            (payer, date(2026, 7, 1), 500, 0),
            (payable, date(2026, 7, 1), 0, 500),
        ]
        assert conn.execute(select(func.sum(month_totals.c.debits))).scalar_one() == 500
        assert balance.balance(conn, payable) == 600


class Interrupted(Exception):
    pass


def test_a_fold_that_fails_halfway_leaves_nothing(engine: Engine) -> None:
    with acting(engine) as act:
        payer, payable = (accounts.open_account(act, code, "x") for code in ("payer", "payable"))
    pay(engine, "1", payer, payable)
    horizon.reach(engine, START)
    with suppress(Interrupted), acting(engine) as act:
        assert folding.fold(act) == 1
        raise Interrupted
    with acting(engine) as act:
        assert balance.balance(act.conn, payable) == 100
        assert folding.fold(act) == 1
        assert balance.balance(act.conn, payable) == 100


def test_balances_sum_to_zero_at_every_moment(engine: Engine) -> None:
    """Writers post, two folders fold, and whoever reads, reads one moment."""
    with acting(engine) as act:
        control = accounts.open_account(act, "voucher_control", "scheme:x")
        purses = [accounts.open_account(act, "card_subsidy", f"card:{n}", guarded=True) for n in range(4)]
        claims = [accounts.open_account(act, "provider_claim", f"provider:{n}") for n in range(3)]
        for purse in purses:
            post(act, f"i{purse}", [Transfer(f"i{purse}", control, purse, 100_000, "issue", "i", act.now)])
    stop, faults = threading.Event(), []

    def until_stopped(work: Any) -> threading.Thread:
        def run() -> None:
            try:
                while not stop.is_set():
                    work()
            except Exception as error:
                faults.append(error)
                stop.set()

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def writer(number: int) -> Any:
        drawn, made = random.Random(number), iter(range(100_000))

        def post_some() -> None:
            with begin(engine, SYSTEM, START) as act:
                for _ in range(drawn.randint(1, 3)):
                    id = f"w{number}/{next(made)}"
                    day = START + timedelta(days=drawn.randint(0, 90))
                    some = Transfer(
                        id, purses[number], drawn.choice(claims), drawn.randint(1, 9), "debit_subsidy", id, day
                    )
                    post(act, id, [some])

        return post_some

    def fold() -> None:
        horizon.reach(engine, START, patience=0.2)
        with begin(engine, SYSTEM, START) as act:
            folding.fold(act, at_most=7)

    workers = [until_stopped(writer(number)) for number in range(3)] + [until_stopped(fold) for _ in range(2)]
    reads = 0
    try:
        while reads < 150 and not stop.is_set():
            with reading(engine) as conn:
                assert balance.sums(conn) == {"fen": 0}
            reads += 1
    finally:
        stop.set()
        for worker in workers:
            worker.join()
    assert not faults
    with reading(engine) as conn:
        assert conn.execute(select(folds.c.upto)).scalar_one() > 0
        assert integrity.check(conn) == []
