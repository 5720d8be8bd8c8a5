"""Many write at once: threads on PostgreSQL, processes on SQLite. Nothing is lost, nothing waits for ever, and the model agrees.

Each act notes the moment just before its commit, still holding its locks. Of two acts that touch a common purse the later one waited for
the earlier, so the order of these moments is one in which everything could have happened one after the other: fed to the model in that
order, every answer must be the same, declines included. Closings lock no purse; they have tests of their own below.
"""

from __future__ import annotations

import multiprocessing
import random
import threading
import time
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, case, func, select, text

from settlement.db import make_engine, reading
from settlement.ledger import accounts as book
from settlement.ledger import books, folding, horizon, integrity
from settlement.ledger.balance import POSTED_KINDS
from settlement.ledger.tables import accounts, transfers
from settlement.ledger.transfer import Group, Posted, Transfer, post
from settlement.outcomes import Reason, Refused
from tests.ledger.model import Model, Row
from tests.ledger.sides import Ledger, Request, open_accounts, rows
from tests.support import acting, at

FIRST = at("2026-07-01 08:00")
NOW = at("2026-07-10 08:00")
WRITERS, ACTS = 6, 40
Done = tuple[int, int, Request, Any]
"""When (just before the commit; at the beginning; nanoseconds), what was asked, what was answered."""


def plan(seed: int, ids: dict[str, int], purses: list[str]) -> list[Request]:
    """What one writer asks. Ids are shared among writers, so that they repeat and contradict each other."""
    draw = random.Random(seed)

    def transfer(id: str, low: int = 1, high: int = 2_000) -> Transfer:
        debit, credit = ids[draw.choice(purses)], ids[draw.choice([*purses, "claim", "claim", "claim"])]
        amount, when = draw.randint(low, high), FIRST + timedelta(hours=draw.randrange(9 * 24))
        return Transfer(id, debit, credit, amount, "debit_subsidy", f"of:{id}", when, draw.random() < 0.8)

    def one() -> Request:
        kind, number = draw.randrange(100), draw.randrange(60)
        moment = FIRST + timedelta(hours=draw.randrange(8 * 24))
        if kind < 35:
            return "post", (
                f"d{seed}.{number}",
                *(transfer(f"d{seed}.{number}/{n}") for n in range(draw.randint(1, 3))),
            )
        if kind < 45:
            return "post", (
                f"same{number}",
                Transfer(f"same{number}/1", ids["1"], ids["claim"], number, "x", "y", FIRST),
            )
        if kind < 55:
            groups = [Group(f"b{seed}.{draw.randrange(60)}", ()) for _ in range(draw.randint(1, 5))]
            return "batch", tuple(Group(g.id, (transfer(f"{g.id}/1"), transfer(f"{g.id}/2"))) for g in groups)
        if kind < 70:
            hold = f"h{number}"  # as everybody who uses this number would place it
            purse = ids[purses[number % len(purses)]]
            asked = Transfer(hold, purse, ids["claim"], 10 * number + 1, "debit_subsidy", "r", FIRST, True)
            return "place", (asked, NOW + timedelta(hours=1))
        if kind < 78:
            return "post_hold", (f"h{number}", f"p{number}", draw.choice([None, 1, number]), moment)
        if kind < 86:
            return "void", (f"h{number}", f"v{number}", moment)
        if kind < 90:
            return "reverse", (f"d{draw.randrange(WRITERS)}.{number}", f"r{number}", moment)
        if kind < 94:
            return "freeze", (ids[draw.choice(purses)], moment)
        return "unfreeze", (ids[draw.choice(purses)],)

    return [one() for _ in range(ACTS)]


def write(engine: Engine, asked: list[Request]) -> list[Done]:
    done: list[Done] = []
    for name, args in asked:
        begun = time.monotonic_ns()
        with acting(engine, NOW) as act:
            found = getattr(Ledger(act), name)(*args)
            done.append((time.monotonic_ns(), begun, (name, args), found))
    return done


def write_in_a_process(url: str, asked: list[Request], pipe: Any) -> None:
    pipe.send(write(make_engine(url), asked))


def look_now_and_then(engine: Engine, over: threading.Event, trouble: list[str]) -> None:
    """At random moments: no purse below zero, nothing held that is not there, all accounts together zero; folding goes on meanwhile."""
    draw = random.Random(0)
    a, t = accounts.c, transfers.c
    moved = select(func.coalesce(func.sum(case((t.credit_account_id == a.id, t.amount), else_=-t.amount)), 0)).where(
        t.kind.in_(POSTED_KINDS), (t.credit_account_id == a.id) | (t.debit_account_id == a.id)
    )
    query = select(a.id, a.guarded, a.balance, a.held, moved.correlate(accounts).scalar_subquery().label("moved"))
    while not over.is_set():
        with reading(engine) as conn:
            found = conn.execute(query).all()  # one statement, one moment
        if sum(row.balance if row.guarded else int(row.moved) for row in found) != 0:
            trouble.append("the accounts do not sum to zero")
        if any(row.guarded and not row.balance >= row.held >= 0 for row in found):
            trouble.append("a purse below zero")
        if any(row.guarded and row.balance != row.moved for row in found):
            trouble.append("a purse is not what its transfers say")
        if draw.random() < 0.2:
            horizon.reach(engine, NOW, patience=0)
            with acting(engine, NOW) as act:
                folding.fold(act)
        time.sleep(draw.random() / 50)


def all_at_once(engine: Engine, plans: list[list[Request]]) -> list[Done]:
    """What every writer did, in the order of the moments; the reader looks on meanwhile."""
    over, trouble, done = threading.Event(), [], []
    reader = threading.Thread(target=look_now_and_then, args=(engine, over, trouble))
    reader.start()
    try:
        for each in (_in_processes if engine.dialect.name == "sqlite" else _in_threads)(engine, plans):
            done += each
    finally:
        over.set()
        reader.join()
    assert trouble == []
    return sorted(done, key=lambda each: each[0])


def _in_threads(engine: Engine, plans: list[list[Request]]) -> list[list[Done]]:
    results: list[list[Done]] = []
    threads = [threading.Thread(target=lambda asked=asked: results.append(write(engine, asked))) for asked in plans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == len(plans), "a writer failed"
    return results


def _in_processes(engine: Engine, plans: list[list[Request]]) -> list[list[Done]]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    running = []
    for asked in plans:
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=write_in_a_process, args=(str(engine.url), asked, theirs))
        process.start()
        theirs.close()
        running.append((process, ours))
    results = [pipe.recv() for _, pipe in running]
    for process, _ in running:
        process.join()
    return results


@pytest.mark.parametrize("cards", [2, 40])
def test_whatever_is_done_at_once_could_have_been_done_one_after_the_other(engine: Engine, cards: int) -> None:
    purses = [str(number) for number in range(1, cards + 1)]
    model = Model(NOW)
    with acting(engine, NOW) as act:
        ids = open_accounts(act, model, cards)
        issued = ("issue/1", ids["control"], 30_000, purses, FIRST)
        assert Ledger(act).issue(*issued) == model.issue(*issued) == cards

    known: dict[str, int] = {}
    for moment, begun, (name, args), found in all_at_once(engine, [plan(s, ids, purses) for s in range(WRITERS)]):
        if found in (("not_found", {}), ("hold_not_found", {})):
            # Nothing was locked: it may just have missed what was being written, but nothing that stood when it began.
            assert known.get(args[0], moment) > begun, (name, args)
            continue
        assert found == getattr(model, name)(*args), (name, args)
        acts = zip([group.id for group in args], found, strict=True) if name == "batch" else [(args[0], found)]
        known |= {getattr(id, "id", id): moment for id, answer in acts if answer and answer[0] == "posted"}

    with reading(engine) as conn:
        assert rows(conn) == model.rows
        assert integrity.check(conn) == []
        for row in conn.execute(select(accounts).where(accounts.c.guarded)).all():
            assert (row.balance, row.held) == (model.balance(row.id), model.held(row.id))
            assert row.frozen_from == model.accounts[row.id].frozen_from


# -- one after the other, step by step: PostgreSQL, where two may really be under way ---------------------------------------------
@pytest.fixture
def town(databases: Any) -> Any:
    engine = databases.create("postgresql")
    with acting(engine, FIRST) as act:
        ids = open_accounts(act, Model(FIRST), 2)
        Ledger(act).issue("issue/1", ids["control"], 10_000, ["1", "2"], FIRST)
    yield engine, ids
    databases.drop(engine)


def debit(ids: dict[str, int], id: str, purse: str = "1") -> Transfer:
    return Transfer(f"{id}/1", ids[purse], ids["claim"], 100, "debit_subsidy", id, at("2026-07-05 09:00"), True)


class Beside:
    """Something done in another thread, in an act of its own, that has to wait for us."""

    def __init__(self, engine: Engine, work: Callable[[Any], Any]) -> None:
        self._engine = engine
        self.answer: Any = None

        def run() -> None:
            with acting(engine, NOW) as act:
                self.answer = work(act)

        self._thread = threading.Thread(target=run)
        self._thread.start()

    def waits(self) -> bool:
        """Whether it waits for a lock; False when it came to its end without."""
        while self._thread.is_alive():
            with self._engine.connect() as conn:
                if conn.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar_one():
                    return True
        return False

    def join(self) -> Any:
        self._thread.join(20)
        assert not self._thread.is_alive()
        return self.answer


def test_a_period_closes_after_those_who_are_posting_into_it(town: Any) -> None:
    engine, ids = town
    with acting(engine, NOW) as act:
        assert isinstance(post(act, "d1", [debit(ids, "d1")]), Posted)
        closing = Beside(engine, lambda act: books.close_before(act, date(2026, 8, 1)))
        assert closing.waits()
    closing.join()
    assert posted(engine, "d1/1").effective_on == date(2026, 7, 5)


@pytest.mark.parametrize("count", [1, 12])  # one statement; a streamed batch
def test_what_is_posted_while_a_period_closes_counts_in_the_next(town: Any, count: int) -> None:
    engine, ids = town
    groups = [Group(f"d{n}", [debit(ids, f"d{n}")]) for n in range(count)]
    with acting(engine, NOW) as act:
        books.close_before(act, date(2026, 8, 1))
        posting = Beside(
            engine, lambda act: Ledger(act).batch(*groups) if count > 1 else post(act, "d0", groups[0].transfers)
        )
        assert posting.waits()
    posting.join()
    assert {posted(engine, f"d{n}/1").effective_on for n in range(count)} == {date(2026, 8, 1)}


def test_two_closings_at_once_never_open_again_what_is_closed(town: Any) -> None:
    engine, _ = town
    with acting(engine, NOW) as act:
        books.close_before(act, date(2026, 9, 1))
        earlier = Beside(engine, lambda act: books.close_before(act, date(2026, 8, 1)))
        assert earlier.waits()
    earlier.join()
    with reading(engine) as conn:
        assert books.open_from(conn) == date(2026, 9, 1)


def test_a_closing_does_not_hold_up_the_debits_behind_a_long_reader(town: Any) -> None:
    """A backup reads every table in one long transaction. A closing that waited for it would stop every debit that comes after."""
    engine, ids = town
    with reading(engine) as backup:
        books.open_from(backup)
        with pytest.raises(Refused) as refused, acting(engine, NOW) as act:
            books.close_before(act, date(2026, 8, 1))
        assert refused.value.reason is Reason.BOOKS_BUSY and refused.value.reason.words.retry
        with acting(engine, NOW) as act:
            assert isinstance(post(act, "d", [debit(ids, "d/1")]), Posted)


def test_of_two_freezes_at_once_the_earlier_one_stays(town: Any) -> None:
    engine, ids = town
    with acting(engine, NOW) as act:
        book.freeze(act, ids["1"], FIRST)
        later = Beside(engine, lambda act: book.freeze(act, ids["1"], NOW))
        assert later.waits()
    later.join()
    with reading(engine) as conn:
        assert conn.execute(select(accounts.c.frozen_from).where(accounts.c.id == ids["1"])).scalar_one() == FIRST


def test_the_same_id_for_two_things_at_the_same_moment_is_given_to_one(town: Any) -> None:
    engine, ids = town
    end = NOW + timedelta(hours=1)
    with acting(engine, NOW) as act:
        assert Ledger(act).place(debit(ids, "h", "1"), end) == ("posted", {ids["1"]: 9_900})
        other = Beside(engine, lambda act: Ledger(act).place(debit(ids, "h", "2"), end))
        assert other.waits()
    assert other.join() == ("id_reused", {})


@pytest.mark.parametrize("again", ["r", "other"])
def test_of_two_who_take_back_the_same_settlement_at_once_one_does(town: Any, again: str) -> None:
    """No purse makes them wait for each other."""
    engine, ids = town
    settled = Transfer("s/1", ids["claim"], ids["payable"], 100, "settle", "s", FIRST)
    with acting(engine, NOW) as act:
        Ledger(act).post("s", settled)
    with acting(engine, NOW) as act:
        assert Ledger(act).reverse("s", "r", NOW) == ("posted", {})
        other = Beside(engine, lambda act: Ledger(act).reverse("s", again, NOW))
        assert other.waits()
    assert other.join() == ("replayed" if again == "r" else "already_reversed", {})


def test_the_same_batch_without_purses_sent_twice_at_once_stands_once(town: Any) -> None:
    engine, ids = town
    settled = [Transfer(f"s{n}/1", ids["claim"], ids["payable"], 100, "settle", "s", FIRST) for n in range(12)]
    groups = [Group(f"s{n}", [transfer]) for n, transfer in enumerate(settled)]
    with acting(engine, NOW) as act:
        Ledger(act).batch(*groups)
        other = Beside(engine, lambda act: Ledger(act).batch(*groups))
        assert other.waits()
    assert other.join() == [("replayed", {})] * 12


def posted(engine: Engine, id: str) -> Row:
    with reading(engine) as conn:
        return rows(conn)[id]
