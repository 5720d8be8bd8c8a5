"""The timer: wakes up, does what is due, sleeps. Which runs are due is decided by the database alone."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, timedelta
from types import FrameType

from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import Engine

from settlement.clock import Clock, system_clock
from settlement.scheduler.job import Job
from settlement.scheduler.runs import Ran, Zone, new_owner, run_due, tell

log = logging.getLogger(__name__)

EVERY = timedelta(seconds=30)


def run_for_ever(
    engine: Engine, clock: Clock, jobs: Sequence[Job], zone: Zone, told: Callable[[Ran], None], every: timedelta = EVERY
) -> None:
    """Look for due runs now and then until SIGTERM or SIGINT; the run at hand is finished first. Call it in the main thread."""
    stop = threading.Event()

    def ask_to_stop(number: int, frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, ask_to_stop) for number in (signal.SIGTERM, signal.SIGINT)}
    owner = new_owner()

    def tick() -> None:
        try:
            for ran in run_due(engine, clock, jobs, zone, owner, stop.is_set):
                told(ran)
        except Exception as error:  # the database may be away for a while; the next tick tries again
            log.error("tick: %s", tell(error))

    # One tick at a time, and a tick that came too late is not repeated.
    timer = BackgroundScheduler(timezone=UTC, job_defaults={"max_instances": 1, "coalesce": True})
    timer.add_job(tick, "interval", seconds=every.total_seconds(), next_run_time=system_clock())
    # A tick that is skipped because the last one still works is no news.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    timer.start()
    try:
        stop.wait()
    finally:
        timer.shutdown(wait=True)
        for number, handler in before.items():
            signal.signal(number, handler)
