"""The scheduler's process is killed after each stage of a month's close; another one goes on when the lease is over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select

from settlement.closing.tables import month_closes
from settlement.db import reading
from settlement.job_runs import job_runs
from settlement.scheduler.job import LEASE
from tests.killing import Killing, Moment, killing
from tests.stories.county import BATHING, JULY, TOWN, County
from tests.support import at

CLOSE = [["scheduler", "--run", "month_close"]]


@pytest.fixture(scope="module")
def helper() -> Iterator[Killing]:
    with killing() as started:
        yield started


def stage(county: County) -> str | None:
    with reading(county.engine) as conn:
        return conn.execute(select(month_closes.c.stage)).scalar_one_or_none()


def test_killed_between_two_stages(county: County, helper: Killing) -> None:
    """On 5 August at 01:30 July falls due: two baths, 120.00. Each scheduler lives for one stage only.

    The first commits its lease and "collected" and is killed; within ten minutes nobody else may take the run; after them the next one does
    "checked" and is killed, and the next "drawn". The last one finds that it is the town's turn. There is one statement, of 120.00.
    """
    someone = county.somebody()
    county.issue(JULY)
    for day in ("2026-07-09 09:00", "2026-07-16 09:00"):
        county.visit(someone, day, BATHING)
    url = county.engine.url.render_as_string(hide_password=False)
    now = at("2026-08-05 01:30")
    for reached in ("collected", "checked", "drawn"):
        # The first commit is the lease, the second the stage.
        assert helper.run(url, CLOSE, now, Moment("after", 3)).killed
        assert stage(county) == reached
        within_the_lease = helper.run(url, CLOSE, now + LEASE - timedelta(seconds=1))
        assert (within_the_lease.killed, within_the_lease.exit) == (False, 1)
        now += LEASE
    assert helper.run(url, CLOSE, now).exit == 0
    with reading(county.engine) as conn:
        run = conn.execute(select(job_runs)).one()
    assert (run.period, run.status, f"town:{TOWN}" in run.result) == ("2026-07", "due", True)

    statement = county.statements(JULY)[TOWN]
    assert (statement.visits, statement.net_fen, statement.status) == (2, 120_00, "drawn")
    assert county.findings() == []
