"""Which run is due, who takes it, and what becomes of it.

Two schedulers on one database never do the same work: a run is taken by one guarded UPDATE, and every transaction of the work holds its row
(:class:`Lease`). Within a job, a later period is never begun before the earlier one is done.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, Row, and_, func, or_, select, update

from settlement.clock import Clock
from settlement.db import insert_if_absent, reading
from settlement.errors import BrokenInvariant
from settlement.job_runs import job_runs
from settlement.outcomes import Reason, Refused
from settlement.scheduler.job import LEASE, Done, Job, Lease, LeaseLost, Outcome

log = logging.getLogger(__name__)

PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120))
"""Before the second, third ... attempt; after the last one the run stays failed until a person starts it."""

LIMIT = len(PAUSES) + 1
LOOK_AGAIN = timedelta(minutes=15)
"""While it is people's turn."""

r = job_runs.c

Zone = Callable[[Connection], ZoneInfo]


@dataclass(frozen=True)
class Ran:
    """One run as it ended: ``done``, ``waiting`` (people's turn), ``failed`` (``told`` says why) or ``lost`` (another scheduler has it)."""

    job: str
    period: str
    state: str
    told: str


def new_owner() -> str:
    """A name no other process has, and an operator can trace."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"


# -- what is due --------------------------------------------------------------------------------------------------------------
def turn(conn: Connection, job: Job, zone: ZoneInfo, now: datetime) -> str | None:
    """The period whose turn it is, whether or not its day has come; None while there is nothing to do."""
    of_job = r.job == job.name
    if job.first is None:
        newest = _newest_due(job, zone, now)
        done = conn.execute(select(func.max(r.period)).where(of_job, r.status == "done")).scalar_one_or_none()
        return newest if done is None or done < newest else job.kind.next(done)
    begun = conn.execute(select(func.min(r.period)).where(of_job, r.status != "done")).scalar_one_or_none()
    if begun is not None:
        return str(begun)
    last = conn.execute(select(func.max(r.period)).where(of_job)).scalar_one_or_none()
    return job.first(conn) if last is None else job.kind.next(last)


def _newest_due(job: Job, zone: ZoneInfo, now: datetime) -> str:
    period = job.kind.of(now, zone)
    while job.due_at(period, zone) > now:
        period = job.kind.of(job.kind.starts(period, zone) - timedelta(microseconds=1), zone)
    return period


def _ready(conn: Connection, job: Job, zone: ZoneInfo, now: datetime) -> str | None:
    """The period to take now. Looks without writing, so that a tick with nothing to do disturbs nobody."""
    period = turn(conn, job, zone, now)
    if period is None or job.due_at(period, zone) > now:
        return None
    taken = select(r.job).where(r.job == job.name, r.period == period, ~_may_be_taken(now))
    return period if conn.execute(taken).one_or_none() is None else None


def _may_be_taken(now: datetime) -> Any:
    rested = or_(r.next_attempt_at.is_(None), r.next_attempt_at <= now)
    return or_(and_(r.status == "due", rested), and_(r.status == "running", r.lease_until <= now))


# -- taking and doing ---------------------------------------------------------------------------------------------------------
def take(engine: Engine, clock: Clock, job: str, period: str, owner: str) -> Lease | None:
    """Take a run; None when somebody has it, it rests after a failure, has failed for good, or is done."""
    now = clock()
    with engine.begin() as conn:
        conn.execute(insert_if_absent(conn, job_runs), {"job": job, "period": period, "status": "due", "attempts": 0})
        this = and_(r.job == job, r.period == period)
        # A run that killed its process each time is not tried for ever either.
        killed = and_(this, r.status == "running", r.lease_until <= now, r.attempts >= LIMIT)
        conn.execute(update(job_runs).where(killed).values(status="failed", finished_at=now, error=INTERRUPTED))
        taken = {"status": "running", "lease_owner": owner, "lease_until": now + LEASE, "started_at": now}
        mine = update(job_runs).where(this, _may_be_taken(now)).values(**taken, attempts=r.attempts + 1)
        if conn.execute(mine).rowcount != 1:
            return None
    return Lease(engine, clock, job, period, owner)


INTERRUPTED = "每次执行都被中断 | interrupted every time"


def work(lease: Lease, job: Job) -> Ran:
    """Do a run that was taken and write down how it ended. Never raises for what the work raises."""
    try:
        outcome = job.work(lease, lease.period)
    except LeaseLost:
        return _lost(lease)
    except Exception as error:
        told = tell(error)
        log.error("%s %s: %s", lease.job, lease.period, told)
        return _failed(lease, told)
    return _ended(lease, outcome)


def _ended(lease: Lease, outcome: Outcome) -> Ran:
    now = lease.clock()
    row: dict[str, Any] = {
        "result": outcome.told,
        "error": None,
        "lease_owner": None,
        "lease_until": None,
        "attempts": 0,
    }
    if isinstance(outcome, Done):
        row |= {"status": "done", "finished_at": now, "next_attempt_at": None}
    else:
        row |= {"status": "due", "next_attempt_at": now + LOOK_AGAIN}
    with lease.engine.begin() as conn:
        if not lease.keep(conn, **row):
            return _lost(lease)
    return Ran(lease.job, lease.period, "done" if isinstance(outcome, Done) else "waiting", outcome.told)


def _failed(lease: Lease, told: str) -> Ran:
    now = lease.clock()
    with lease.engine.begin() as conn:
        this = and_(r.job == lease.job, r.period == lease.period)
        attempts = conn.execute(select(r.attempts).where(this)).scalar_one()
        row: dict[str, Any] = {"error": told, "finished_at": now, "lease_owner": None, "lease_until": None}
        if attempts >= LIMIT:
            row |= {"status": "failed", "next_attempt_at": None}
        else:
            row |= {"status": "due", "next_attempt_at": now + PAUSES[attempts - 1]}
        if not lease.keep(conn, **row):
            return _lost(lease)
    return Ran(lease.job, lease.period, "failed", told)


def _lost(lease: Lease) -> Ran:
    log.warning("%s %s: another scheduler took over", lease.job, lease.period)
    return Ran(lease.job, lease.period, "lost", "已由另一个调度程序接手 | taken over by another scheduler")


def tell(error: Exception) -> str:
    """An error in words that hold nothing personal: ours as they are, of others only the kind and the place in our code.

    A database driver quotes the values it choked on; they never get into a row or a log.
    """
    if isinstance(error, Refused | BrokenInvariant):
        return str(error)
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if "settlement" in Path(frame.filename).parts]
    place = f" ({Path(ours[-1].filename).name}:{ours[-1].lineno})" if ours else ""
    return f"{type(error).__name__}{place}"


def run_due(
    engine: Engine,
    clock: Clock,
    jobs: Sequence[Job],
    zone: Zone,
    owner: str,
    stopping: Callable[[], bool] = lambda: False,
) -> list[Ran]:
    """Do everything that is due now, job by job, oldest period first, until nothing is left that may be done."""
    ran: list[Ran] = []
    for job in jobs:
        while not stopping():
            with reading(engine) as conn:
                period = _ready(conn, job, zone(conn), clock())
            lease = None if period is None else take(engine, clock, job.name, period, owner)
            if lease is None:
                break
            ran.append(work(lease, job))
            if ran[-1].state != "done":
                break
    return ran


def run_now(engine: Engine, clock: Clock, job: Job, zone: Zone, owner: str, period: str | None = None) -> Ran:
    """Do a run because a person asks, whatever failed before; the one that is due, or ``period``. A run that is done is not done again.

    Raises Refused: BAD_INPUT for a text that is no period of the job; JOB_NOT_DUE before its day, or while there is nothing to do; JOB_EARLIER_FIRST while an earlier
    period is not done; JOB_RUNNING while another scheduler works on it.
    """
    now = clock()
    with reading(engine) as conn:
        local = zone(conn)
        next_one = turn(conn, job, local, now)
        asked = period or next_one
        row = None if asked is None else _row(conn, job.name, asked)
    if asked is not None and row is not None and row.status == "done":
        return Ran(job.name, asked, "done", row.result or "")
    try:
        due = None if asked is None else job.due_at(asked, local)
    except ValueError as error:
        raise Refused(Reason.BAD_INPUT, detail=f"period {asked}") from error
    if asked is None or next_one is None or due is None or due > now:
        raise Refused(Reason.JOB_NOT_DUE, job=job.name, due=f"{due:%Y-%m-%d %H:%M}" if due else "—")
    if asked > next_one:
        raise Refused(Reason.JOB_EARLIER_FIRST, job=job.name, due=next_one)
    _clear(engine, job.name, asked)
    lease = take(engine, clock, job.name, asked, owner)
    if lease is None:
        raise Refused(Reason.JOB_RUNNING, job=job.name, period=asked)
    return work(lease, job)


def _clear(engine: Engine, job: str, period: str) -> None:
    """Forget failures and pauses: a person starts anew."""
    with engine.begin() as conn:
        resting = and_(r.job == job, r.period == period, r.status.in_(["failed", "due"]))
        conn.execute(update(job_runs).where(resting).values(status="due", attempts=0, next_attempt_at=None))


# -- looking ------------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Standing:
    """Where a job stands. ``state``: later (its day has not come), due, running, waiting (people's turn), retrying, failed, nothing (no work in
    sight). ``done``: the last period that is done, with what came of it."""

    job: Job
    period: str | None
    due_at: datetime | None
    state: str
    attempts: int
    next_attempt_at: datetime | None
    error: str | None
    told: str | None
    done: str | None
    done_at: datetime | None
    result: str | None


def standing(conn: Connection, job: Job, zone: ZoneInfo, now: datetime) -> Standing:
    last = conn.execute(
        select(job_runs).where(r.job == job.name, r.status == "done").order_by(r.period.desc()).limit(1)
    ).one_or_none()
    done = (last.period, last.finished_at, last.result) if last is not None else (None, None, None)
    period = turn(conn, job, zone, now)
    if period is None:
        return Standing(job, None, None, "nothing", 0, None, None, None, *done)
    due_at = job.due_at(period, zone)
    row = _row(conn, job.name, period)
    if row is None:
        return Standing(job, period, due_at, "due" if due_at <= now else "later", 0, None, None, None, *done)
    state = _state(row, now)
    return Standing(job, period, due_at, state, row.attempts, row.next_attempt_at, row.error, row.result, *done)


def _row(conn: Connection, job: str, period: str) -> Row[Any] | None:
    return conn.execute(select(job_runs).where(r.job == job, r.period == period)).one_or_none()


def _state(row: Row[Any], now: datetime) -> str:
    if row.status == "running":
        return "running" if row.lease_until > now else "due"
    if row.status == "due" and row.next_attempt_at is not None:
        return "retrying" if row.error else "waiting"
    return str(row.status)
