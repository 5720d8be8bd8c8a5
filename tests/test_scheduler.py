"""What is due is done once, in order, by whoever holds the lease: with jobs made for the test, a clock that the test moves, both databases."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, insert, select

from settlement import keys
from settlement.audit import audit_rows
from settlement.cli.common import Desk
from settlement.cli.scheduler import STATES, scheduler
from settlement.closing.tables import payment_orders
from settlement.db import reading
from settlement.errors import BrokenInvariant
from settlement.job_runs import job_runs
from settlement.ledger import seal_check
from settlement.outcomes import Reason, Refused
from settlement.people.tables import entitlements
from settlement.periods import SHANGHAI
from settlement.scheduler.calendar import DAY, HOUR, MONTH, QUARTER, QUARTER_HOUR, When
from settlement.scheduler.job import LEASE, Done, Job, Lease, Outcome, Waiting
from settlement.scheduler.jobs import JOBS, district_zone, with_keys
from settlement.scheduler.runs import LIMIT, LOOK_AGAIN, PAUSES, Ran, Standing, run_due, run_now, standing, take, work
from settlement.vouchers import issuance, runs
from settlement.vouchers.tables import issuance_runs
from tests.cards.county import TOWN, TOWN_CLERK, carded
from tests.closing.county import AUGUST, JULY, SCHEME, County
from tests.conftest import Databases
from tests.support import RING, acting, at
from tests.vouchers.town import store_scheme


@dataclass
class MovedClock:
    now: datetime

    def __call__(self) -> datetime:
        return self.now


class Killed(BaseException):
    """What SIGKILL looks like from inside: nobody catches it."""


def note(lease: Lease, period: str) -> Outcome:
    """The work of the test's jobs: an audit row that says who did what."""
    with lease.begin() as act:
        act.audit(lease.job, period, why=lease.owner)
    return Done(f"did {period}")


def job(name: str = "close", work: Callable[[Lease, str], Outcome] = note, first: str | None = "2026-07") -> Job:
    """Monthly, due on the 5th of the next month at 01:30."""
    when = When(at=time(1, 30), months=1, day=5)
    return Job(name, "关账", "close", "次月5日", "on the 5th", MONTH, when, work, first=lambda conn: first)


NIGHTLY = Job("verify", "核对", "verify", "每日3点", "daily at 3", DAY, When(at=time(3)), note)


def zone(conn: object) -> object:
    return SHANGHAI


def tick(engine: Engine, clock: MovedClock, *jobs: Job, owner: str = "one") -> list[tuple[str, str, str]]:
    return [(ran.job, ran.period, ran.state) for ran in run_due(engine, clock, jobs, zone, owner)]


def noted(engine: Engine) -> list[tuple[str, str]]:
    with reading(engine) as conn:
        query = select(audit_rows.c.act, audit_rows.c.subject).order_by(audit_rows.c.id)
        return [tuple(row) for row in conn.execute(query)]


def stands(engine: Engine, job: Job, clock: MovedClock) -> Standing:
    with reading(engine) as conn:
        return standing(conn, job, SHANGHAI, clock())


def test_periods_fall_due_in_local_time() -> None:
    """01:30 on 5 August in Jiangdu is 17:30 on the 4th in UTC."""
    due = {
        (MONTH, When(at=time(1, 30), months=1, day=5), "2026-07"): "2026-08-05 01:30",
        (MONTH, When(at=time(1), day=1), "2026-12"): "2026-12-01 01:00",
        (QUARTER, When(at=time(2), months=3, day=10), "2026-Q4"): "2027-01-10 02:00",
        (DAY, When(at=time(3)), "2026-02-28"): "2026-02-28 03:00",
        (HOUR, When(), "2026-02-28T23"): "2026-02-28 23:00",
        (QUARTER_HOUR, When(), "2026-02-28T23:45"): "2026-02-28 23:45",
    }
    for (kind, when, period), moment in due.items():
        assert when.after(kind.starts(period, SHANGHAI)) == at(moment)
        assert kind.of(kind.starts(period, SHANGHAI), SHANGHAI) == period
    assert [kind.next(period) for kind, _, period in due] == [
        "2026-08",
        "2027-01",
        "2027-Q1",
        "2026-03-01",
        "2026-03-01T00",
        "2026-03-01T00:00",
    ]


def test_three_months_off_are_caught_up_in_order(engine: Engine) -> None:
    clock = MovedClock(at("2026-08-05 01:29"))
    assert tick(engine, clock, job()) == []

    clock.now = at("2026-11-05 01:30")
    done = [("close", month, "done") for month in ("2026-07", "2026-08", "2026-09", "2026-10")]
    assert tick(engine, clock, job()) == done
    assert tick(engine, clock, job()) == []
    assert noted(engine) == [("close", month) for _, month, _ in done]

    shown = stands(engine, job(), clock)
    assert (shown.period, shown.due_at, shown.state) == ("2026-11", at("2026-12-05 01:30"), "later")
    assert (shown.done, shown.result) == ("2026-10", "did 2026-10")


def test_one_run_does_for_all_the_missed_nights(engine: Engine) -> None:
    clock = MovedClock(at("2026-08-01 02:00"))
    assert tick(engine, clock, NIGHTLY) == [("verify", "2026-07-31", "done")]
    clock.now = at("2026-11-01 12:00")
    assert tick(engine, clock, NIGHTLY) == [("verify", "2026-11-01", "done")]
    assert tick(engine, clock, NIGHTLY) == []
    assert stands(engine, NIGHTLY, clock).period == "2026-11-02"


def test_nothing_to_do_yet(engine: Engine) -> None:
    clock = MovedClock(at("2026-11-01 12:00"))
    empty = job(first=None)
    assert tick(engine, clock, empty) == []
    assert stands(engine, empty, clock).state == "nothing"


def test_two_schedulers_do_each_run_once(engine: Engine) -> None:
    """Both start at the same moment on six months; each run is done by one of them, in order."""
    clock = MovedClock(at("2027-01-05 12:00"))
    start = threading.Barrier(2)
    ran: dict[str, list[tuple[str, str, str]]] = {}

    def scheduler(owner: str) -> None:
        start.wait()
        ran[owner] = []
        while len(noted(engine)) < 6:
            ran[owner] += tick(engine, clock, job(), owner=owner)

    threads = [threading.Thread(target=scheduler, args=(owner,)) for owner in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    months = ["2026-07", "2026-08", "2026-09", "2026-10", "2026-11", "2026-12"]
    assert noted(engine) == [("close", month) for month in months]
    assert sorted(ran["one"] + ran["two"]) == [("close", month, "done") for month in months]


def test_killed_in_the_middle_another_takes_over_when_the_lease_is_over(engine: Engine) -> None:
    clock = MovedClock(at("2026-09-05 12:00"))
    stages: list[str] = []

    def two_stages(lease: Lease, period: str) -> Outcome:
        for stage in ("drawn", "closed"):
            with lease.begin() as act:
                if f"{period} {stage}" in stages:
                    continue
                act.audit(stage, period)
            stages.append(f"{period} {stage}")
            if len(stages) == 1:
                raise Killed
        return Done("")

    with pytest.raises(Killed):
        tick(engine, clock, job(work=two_stages))

    clock.now += LEASE - timedelta(seconds=1)
    assert tick(engine, clock, job(work=two_stages), owner="two") == []
    assert stands(engine, job(), clock).state == "running"
    clock.now += timedelta(seconds=1)
    resumed = [("close", "2026-07", "done"), ("close", "2026-08", "done")]
    assert tick(engine, clock, job(work=two_stages), owner="two") == resumed
    assert noted(engine) == [("drawn", "2026-07"), ("closed", "2026-07"), ("drawn", "2026-08"), ("closed", "2026-08")]


def test_who_lost_the_lease_writes_nothing_more(engine: Engine) -> None:
    """The first scheduler hung between two transactions; the second did the work; the first wakes up and its next transaction is refused."""
    clock = MovedClock(at("2026-08-05 12:00"))
    hung = take(engine, clock, "close", "2026-07", "one")
    assert hung is not None
    clock.now += LEASE
    assert tick(engine, clock, job(), owner="two") == [("close", "2026-07", "done")]

    assert work(hung, job()).state == "lost"
    assert noted(engine) == [("close", "2026-07")]
    assert stands(engine, job(), clock).done == "2026-07"


def test_each_transaction_renews_the_lease(engine: Engine) -> None:
    clock = MovedClock(at("2026-08-05 12:00"))

    def slow(lease: Lease, period: str) -> Outcome:
        for _ in range(3):
            clock.now += LEASE - timedelta(minutes=1)
            with lease.begin():
                pass
            assert tick(engine, clock, job(work=slow), owner="two") == []
        return Done("")

    assert tick(engine, clock, job(work=slow)) == [("close", "2026-07", "done")]


def test_a_failure_is_retried_with_growing_pauses_up_to_a_limit(engine: Engine) -> None:
    clock = MovedClock(at("2026-09-10 12:00"))
    faults: list[Exception] = [BrokenInvariant("the shares of jiangdu-2026-07-3 do not sum to its net")]

    def fails(lease: Lease, period: str) -> Outcome:
        with lease.begin() as act:
            act.audit("half done", period)
            raise faults[0]

    broken = job(work=fails)
    for pause in PAUSES:
        assert tick(engine, clock, broken) == [("close", "2026-07", "failed")]
        assert stands(engine, broken, clock).state == "retrying"
        clock.now += pause - timedelta(seconds=1)
        assert tick(engine, clock, broken) == []
        clock.now += timedelta(seconds=1)
    assert tick(engine, clock, broken) == [("close", "2026-07", "failed")]
    clock.now += timedelta(days=30)

    # It stays failed, holds up August, and is to be seen.
    assert tick(engine, clock, broken) == []
    shown = stands(engine, broken, clock)
    assert (shown.period, shown.state, shown.attempts) == ("2026-07", "failed", LIMIT)
    assert shown.error == "the shares of jiangdu-2026-07-3 do not sum to its net"
    assert noted(engine) == []

    # A person mends the cause and starts it; then the rest follows.
    assert run_now(engine, clock, job(), zone, "li") == Ran("close", "2026-07", "done", "did 2026-07")
    assert tick(engine, clock, job()) == [("close", "2026-08", "done"), ("close", "2026-09", "done")]


def test_a_run_that_kills_its_process_every_time_ends_as_failed(engine: Engine) -> None:
    clock = MovedClock(at("2026-08-05 12:00"))

    def kills(lease: Lease, period: str) -> Outcome:
        raise Killed

    for _ in range(LIMIT):
        with pytest.raises(Killed):
            tick(engine, clock, job(work=kills))
        clock.now += LEASE
    assert tick(engine, clock, job(work=kills)) == []
    assert stands(engine, job(), clock).state == "failed"


def test_an_error_of_a_driver_is_told_without_its_values(engine: Engine) -> None:
    clock = MovedClock(at("2026-08-05 12:00"))

    def leaks(lease: Lease, period: str) -> Outcome:
        with lease.begin():
            raise ValueError("DETAIL: Key (id_no)=(321088194001011234) already exists")

    tick(engine, clock, job(work=leaks))
    error = stands(engine, job(), clock).error
    assert error is not None
    assert error.startswith("ValueError")
    assert "3210" not in error


def test_while_people_have_their_turn_the_job_looks_again_now_and_then(engine: Engine) -> None:
    clock = MovedClock(at("2026-09-10 12:00"))
    signed = False

    def waits(lease: Lease, period: str) -> Outcome:
        return Done("closed") if signed else Waiting("town:仙女镇")

    waiting = job(work=waits)
    for _ in range(LIMIT + 1):  # waiting is no failure and has no limit
        assert tick(engine, clock, waiting) == [("close", "2026-07", "waiting")]
        clock.now += LOOK_AGAIN
    clock.now -= timedelta(seconds=1)
    assert tick(engine, clock, waiting) == []
    assert (stands(engine, waiting, clock).state, stands(engine, waiting, clock).told) == ("waiting", "town:仙女镇")

    signed = True
    clock.now += timedelta(seconds=1)
    assert tick(engine, clock, waiting) == [("close", "2026-07", "done"), ("close", "2026-08", "done")]


def test_what_a_person_may_start(engine: Engine) -> None:
    clock = MovedClock(at("2026-09-10 12:00"))

    def refused(period: str) -> Reason:
        with pytest.raises(Refused) as refusal:
            run_now(engine, clock, job(), zone, "li", period)
        return refusal.value.reason

    assert refused("2026-08") is Reason.JOB_EARLIER_FIRST
    assert refused("2026-10") is Reason.JOB_NOT_DUE
    assert refused("last month") is Reason.BAD_INPUT
    take(engine, clock, "close", "2026-07", "one")
    assert refused("2026-07") is Reason.JOB_RUNNING

    clock.now += LEASE
    assert run_now(engine, clock, job(), zone, "li").period == "2026-07"
    again = run_now(engine, clock, job(), zone, "li", "2026-07")
    assert again == Ran("close", "2026-07", "done", "did 2026-07")
    assert noted(engine) == [("close", "2026-07")]


def test_jobs_do_not_wait_for_each_other(engine: Engine) -> None:
    clock = MovedClock(at("2026-08-05 12:00"))

    def fails(lease: Lease, period: str) -> Outcome:
        raise BrokenInvariant("x")

    assert tick(engine, clock, job(work=fails), replace(job(), name="other"))[1] == ("other", "2026-07", "done")


KILLED_PROCESS = """
import sys, time
from datetime import datetime
from settlement.db import make_engine
from settlement.scheduler.runs import take
clock = lambda: datetime.fromisoformat(sys.argv[2])
lease = take(make_engine(sys.argv[1]), clock, "close", "2026-07", "killed")
with lease.begin() as act:
    act.audit("drawn", "2026-07")
with lease.begin() as act:
    act.audit("half of what comes next", "2026-07")
    print("now", flush=True)
    time.sleep(60)
"""


def test_a_process_killed_between_two_stages(engine: Engine) -> None:
    """SIGKILL in the second transaction: the first stays, nothing of the second does, and another process goes on after the lease."""
    clock = MovedClock(at("2026-08-05 12:00"))
    url = engine.url.render_as_string(hide_password=False)
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED_PROCESS, url, clock.now.isoformat()], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "now\n"
    process.kill()
    process.wait()

    assert noted(engine) == [("drawn", "2026-07")]
    assert tick(engine, clock, job()) == []
    clock.now += LEASE
    assert tick(engine, clock, job()) == [("close", "2026-07", "done")]
    assert noted(engine) == [("drawn", "2026-07"), ("close", "2026-07")]


# -- the real jobs ------------------------------------------------------------------------------------------------------------
def test_a_quarter_by_the_calendar(engine: Engine, tmp_path: Path) -> None:
    """The machine was off from July to 12 October: issuances are drafted in order, months and the quarter come as far as people let them."""
    county = County(engine).build()
    with acting(engine) as act:
        since = {
            "from_month": "2026-07",
            "reason": "enrolled",
            "clause": "三(一)2",
            "decided_at": act.now,
            "benefit": "aged",
        }
        who = {"senior_id": county.senior, "scheme_code": SCHEME, "group_code": "aged", "amount": 6000}
        act.conn.execute(insert(entitlements), since | who)
    county.serve("V1", when="2026-07-10 09:00", subsidy=1)
    county.serve("V2", when="2026-08-10 09:00", subsidy=1)
    clock = MovedClock(at("2026-10-12 09:00"))
    keys.save(RING, tmp_path / "keys.json")
    jobs = list(with_keys(tmp_path / "keys.json").values())

    def tick_all() -> list[tuple[str, str, str]]:
        clock.now += LOOK_AGAIN
        return [(ran.job, ran.period, ran.state) for ran in run_due(engine, clock, jobs, district_zone, "one")]

    drafts = [("issuance_draft", month, "done") for month in ("2026-07", "2026-08", "2026-09", "2026-10")]
    assert tick_all() == [
        *drafts,
        ("month_close", "2026-07", "waiting"),
        ("quarter_close", "2026-Q3", "waiting"),
        ("lapse", "2026-10-12", "done"),
        ("waiting_events", "2026-10-12", "done"),
        ("hold_expiry", "2026-10-12T09", "done"),
        ("balance_fold", "2026-10-12T09", "done"),
        ("overview", "2026-10-12T09", "done"),
        ("daily_seal", "2026-10-12", "done"),
        ("nightly_verify", "2026-10-12", "done"),
        ("lapse_notice", "2026-10-12", "done"),
        ("messages", "2026-10-12T09:15", "done"),
    ]
    with reading(engine) as conn:
        checked = seal_check.check(conn, RING.seal_public_keys())
    assert (checked.findings, checked.seals, checked.unsealed) == ([], 1, {"transfers": 0, "audit": 0})
    assert [run.month for run in county.rows(issuance_runs)] == ["2026-07", "2026-08", "2026-09", "2026-10"]
    with reading(engine) as conn:
        told = standing(conn, JOBS["month_close"], SHANGHAI, clock()).told
    assert told == "等待 waiting for: jiangdu town:仙女镇"

    county.sign_month(JULY, "2026-10-12 10:00")
    assert tick_all() == [
        ("month_close", "2026-07", "done"),
        ("month_close", "2026-08", "waiting"),
        ("quarter_close", "2026-Q3", "waiting"),
        ("messages", "2026-10-12T09:30", "done"),
    ]
    county.sign_month(AUGUST, "2026-10-12 10:30")
    assert tick_all() == [
        ("month_close", "2026-08", "done"),
        ("month_close", "2026-09", "done"),  # nobody was served in September: nothing to sign
        ("quarter_close", "2026-Q3", "waiting"),
        ("messages", "2026-10-12T09:45", "done"),
    ]
    county.sign_quarter()
    assert ("quarter_close", "2026-Q3", "done") in tick_all()
    # 2 fen, 7 : 3 by largest remainder: 1.4 and 0.6 fen are 1 and 1.
    assert {(order.kind, order.amount_fen) for order in county.rows(payment_orders)} == {
        ("provider", 2),
        ("transfer", 1),
    }
    assert tick_all() == [("messages", "2026-10-12T10:15", "done")]


def test_a_town_that_drafted_its_month_itself_leaves_the_others_to_the_scheduler(engine: Engine) -> None:
    """The clerk of the first town drew up July on 30 June; on 1 July the scheduler draws up the second town's and leaves the first alone."""
    with acting(engine, "2026-06-28 09:00") as act:
        store_scheme(act)
        for town in (TOWN, "大桥镇"):
            carded(act, 80, "2026-07", town=town)
    with acting(engine, "2026-06-30 09:00", TOWN_CLERK) as act:
        issuance.draft(act, SCHEME, JULY, TOWN)
    clock = MovedClock(at("2026-07-01 02:00"))
    (ran,) = run_due(engine, clock, [JOBS["issuance_draft"]], district_zone, "one")
    assert ran.told == "jiangdu: 1 镇街 towns, 1 人 people"
    with reading(engine) as conn:
        assert {(run.town, run.drafted_by) for run in runs.of_period(conn, SCHEME, JULY)} == {
            (TOWN, TOWN_CLERK.id),
            ("大桥镇", "system"),
        }


def test_the_command_line(databases: Databases) -> None:
    engine = databases.create("sqlite")
    desk = Desk(url=str(engine.url), keys_file=Path("/nowhere/keys.json"), clock=lambda: at("2026-10-12 09:00"))

    def songbai(*words: str) -> Result:
        return CliRunner().invoke(scheduler, words, obj=desk)

    listed = json.loads(songbai("--list", "--json").stdout)["jobs"]
    assert {each["job"]: (each["period"], each["state"]) for each in listed} == {
        "issuance_draft": (None, "nothing"),
        "month_close": (None, "nothing"),
        "quarter_close": (None, "nothing"),
        "lapse": ("2026-10-12", "due"),
        "waiting_events": ("2026-10-12", "due"),
        "hold_expiry": ("2026-10-12T09", "due"),
        "balance_fold": ("2026-10-12T09", "due"),
        "overview": ("2026-10-12T09", "due"),
        "daily_seal": ("2026-10-12", "due"),
        "nightly_verify": ("2026-10-12", "due"),
        "lapse_notice": ("2026-10-12", "due"),
        "messages": ("2026-10-12T09:00", "due"),
    }
    ran = songbai("--run", "nightly_verify")
    assert (ran.exit_code, "账目相符" in ran.stdout) == (0, True)
    without_keys = songbai("--run", "daily_seal")
    assert (without_keys.exit_code, "songbai init" in without_keys.stdout) == (1, True)
    assert isinstance(songbai("--run", "month_close", "--period", "2026-09").exception, Refused)
    assert isinstance(songbai("--run", "tidy_up").exception, Refused)
    assert songbai("--period", "2026-09").exit_code == 2

    with engine.begin() as conn:
        conn.execute(
            insert(job_runs),
            {"job": "month_close", "period": "2026-07", "status": "failed", "attempts": 5, "error": "x"},
        )
    shown = songbai("--list")
    assert (shown.exit_code, "5/5: x" in shown.stdout) == (1, True)
    databases.drop(engine)


def test_sigterm_stops_it_cleanly(databases: Databases, tmp_path: Path) -> None:
    engine = databases.create("sqlite")
    keys.save(RING, tmp_path / "keys.json")
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from settlement.cli import main; main()",
            "--db",
            str(engine.url),
            "--keys",
            str(tmp_path / "keys.json"),
            "scheduler",
            "--json",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    lines = iter(process.stdout.readline, "")
    next(line for line in lines if '"nightly_verify"' in line)  # the first tick comes at once
    process.terminate()
    assert process.wait(timeout=20) == 0
    with reading(engine) as conn:
        assert set(conn.execute(select(job_runs.c.status)).scalars()) == {"done"}
    databases.drop(engine)


def test_the_operators_page_knows_every_job_and_state() -> None:
    page = (Path(__file__).parents[1] / "docs" / "operator.md").read_text(encoding="utf-8")
    rows = {row[1]: row[2] for row in re.finditer(r"^\| `(\w+)`[^|]*\|.*\| ([^|]+) \|$", page, re.M)}
    assert {name: rows.get(name) for name in JOBS} == {name: job.due_zh for name, job in JOBS.items()}
    assert set(STATES) - {"lost", "done"} <= set(rows)  # those two are told by a run, never listed
