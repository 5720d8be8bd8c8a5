"""What a job is, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, and_, update

from settlement.act import SYSTEM, Act, begin
from settlement.clock import Clock
from settlement.db import reading
from settlement.job_runs import job_runs
from settlement.scheduler.calendar import Kind, When

LEASE = timedelta(minutes=10)
"""Renewed by each transaction of the job; a killed process is succeeded after at most this long."""


class LeaseLost(Exception):
    """Another scheduler took the run because our lease was over. Nothing of the transaction at hand is kept; the other one goes on."""


@dataclass(frozen=True)
class Lease:
    """The right to work on one run, and the only way for a job to open its transactions."""

    engine: Engine
    clock: Clock
    job: str
    period: str
    owner: str

    @contextmanager
    def begin(self) -> Iterator[Act]:
        """One transaction of the job, in the system's name. Raises LeaseLost.

        It renews the lease first: the row stays locked until the commit, so that nobody can take the run over while this transaction
        works, and one that was taken over meanwhile writes nothing.
        """
        now = self.clock()
        with begin(self.engine, SYSTEM, now) as act:
            if not self.keep(act.conn, lease_until=now + LEASE):
                raise LeaseLost
            yield act

    def keep(self, conn: Connection, **values: object) -> bool:
        """Change our run's row; False when it is no longer ours."""
        r = job_runs.c
        ours = and_(r.job == self.job, r.period == self.period, r.status == "running", r.lease_owner == self.owner)
        return conn.execute(update(job_runs).where(ours).values(values)).rowcount == 1

    def reading(self) -> AbstractContextManager[Connection]:
        return reading(self.engine)


@dataclass(frozen=True)
class Done:
    """The period's work is done; ``told`` says what came of it."""

    told: str


@dataclass(frozen=True)
class Waiting:
    """It is somebody else's turn (``told`` says whose); the job looks again later and goes on from there."""

    told: str


Outcome = Done | Waiting


class Work(Protocol):
    """The job's work for one period. It may be done again after a crash, so every step of it must be safe to repeat."""

    def __call__(self, lease: Lease, period: str) -> Outcome: ...


@dataclass(frozen=True)
class Job:
    """``first``: the earliest period there is anything to do for, None while there is nothing; from it on every missed period is caught up,
    oldest first. A job without ``first`` does in one run what all missed ones would have done: it runs for the newest period only."""

    name: str
    zh: str
    en: str
    due_zh: str
    due_en: str
    kind: Kind
    when: When
    work: Work
    first: Callable[[Connection], str | None] | None = None

    def due_at(self, period: str, zone: ZoneInfo) -> datetime:
        return self.when.after(self.kind.starts(period, zone))
