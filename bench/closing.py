"""Closing a month stage by stage, a quarter, and ``verify`` of the whole, each in a fresh process that tells its peak memory.

The months are generated (``bench.visits``); the closes are the real calls with every signature. A figure at N and at N/2 shows how it grows.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from bench import county, rig, visits
from bench.rig import Row
from settlement import verify
from settlement.act import SYSTEM, Act, Actor, begin
from settlement.closing import approving
from settlement.closing import month as months
from settlement.closing import quarter as quarters
from settlement.db import make_engine, reading
from settlement.fraud.scan import scan
from settlement.periods import Month, Quarter

Q3 = Quarter.parse("2026-Q3")
JULY = Q3.months[0]
CODE = visits.SCHEME
TARGET_S, TARGET_MB = 60, 500


QUICK, WHOLE = 60_000, 1_000_000


def measure(databases: rig.Rig, backend: str, quick: bool) -> list[Row]:
    """The month close of a million visits (``quick``: 60,000) and of half as many; but for ``quick`` three such months and the quarter."""
    return at_size(databases, backend, QUICK if quick else WHOLE, quarter=not quick)


def at_size(databases: rig.Rig, backend: str, count: int, *, quarter: bool) -> list[Row]:
    """The month close of ``count`` visits and of half as many, each on a database of its own, and ``verify`` of the larger."""
    rows: list[Row] = []
    before: dict[str, float] = {}
    for size in (count // 2, count):
        whole = size == count
        engine = databases.fresh(backend)
        began = time.perf_counter()
        county.found(engine, -(-size // visits.EACH))
        of = Q3.months if quarter and whole else [JULY]
        for month in of:
            visits.issue(engine, month)
            visits.serve(engine, month, size)
            rig.settle(engine)
            if month == JULY:
                made = time.perf_counter() - began
                now = _in_a_process(engine, "month", month)
            else:
                _in_a_process(engine, "month", month)
        rows += _month_rows(backend, size, now, before, made)
        before = now
        if whole and quarter:
            rows += _others(backend, f"quarter close of {3 * size:,}", _in_a_process(engine, "quarter", JULY))
        if whole:
            said = f"verify of the whole, {len(of) * size:,} visits"
            rows += _others(backend, said, _in_a_process(engine, "verify", JULY))
        databases.drop(engine)
    return rows


def _month_rows(backend: str, size: int, now: dict[str, float], before: dict[str, float], made: float) -> list[Row]:
    what = f"month close of {size:,} visits"
    stages = {name: seconds for name, seconds in now.items() if name != "peak MB"}
    total = sum(stages.values())
    peer = sum(seconds for name, seconds in before.items() if name != "peak MB")
    target = f"<= {TARGET_S} s" if size == WHOLE else ""
    rows = [
        Row(
            what,
            backend,
            total,
            "s",
            "half as many" if before else "",
            peer or None,
            total / peer if peer else None,
            target,
            f"generated in {made:.0f} s",
        )
    ]
    if before and size < WHOLE:
        # What every close costs, however small, is in both sizes and falls out of their difference.
        pace = (total - peer) / (size / 2) * WHOLE
        said = f"not measured at that size here: the step from {size // 2:,} to {size:,}, carried on; make bench measures it"
        rows.append(
            Row(
                f"month close of {WHOLE:,} visits at this pace",
                backend,
                pace,
                "s",
                target=f"<= {TARGET_S} s",
                note=said,
            )
        )
    rows += [Row(f"{what}: {name}", backend, seconds, "s") for name, seconds in stages.items()]
    rows.append(Row(f"{what}: peak memory", backend, now["peak MB"], "MB", target=f"<= {TARGET_MB} MB"))
    return rows


def _others(backend: str, what: str, found: dict[str, float]) -> list[Row]:
    peak = found.pop("peak MB")
    return [
        Row(what, backend, sum(found.values()), "s", note=", ".join(f"{name} {s:.1f}" for name, s in found.items())),
        Row(f"{what}: peak memory", backend, peak, "MB", target=f"<= {TARGET_MB} MB"),
    ]


# -- in a process of its own --------------------------------------------------------------------------------------------------
def _in_a_process(engine: Engine, what: str, month: Month) -> dict[str, float]:
    """Seconds by stage, and ``peak MB`` of the process that did it."""
    command = [sys.executable, "-m", "bench.closing", rig.url(engine), what, str(month)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return {name: float(figure) for name, figure in json.loads(done.stdout).items()}


class _Stages:
    def __init__(self) -> None:
        self.found: dict[str, float] = {}

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.found[name] = time.perf_counter() - began


def close_month(engine: Engine, month: Month) -> dict[str, float]:
    """Seconds by stage, from "collected" to "closed"; the signatures together."""
    stages, moment = _Stages(), visits.moment(month.next().first_day)

    def advance() -> None:
        with begin(engine, SYSTEM, moment) as act:
            months.advance(act, CODE, month, scan)

    for stage in months.STAGES[:3]:
        with stages.timed(stage):
            advance()
    with stages.timed("signed"):
        with reading(engine) as conn:
            towns = sorted({row.town for row in months.progress(conn, CODE, month).statements})
        for town in towns:
            with begin(engine, Actor(f"town {town}", "town", town), moment) as act:
                months.verify_town(act, CODE, month, town)
        with begin(engine, Actor("affairs", "civil_affairs"), moment) as act:
            months.confirm(act, CODE, month)
    with stages.timed("closed"):
        advance()
    return stages.found


def close_quarter(engine: Engine, quarter: Quarter) -> dict[str, float]:
    """Seconds by stage, from "gathered" to "ordered"; the signatures together."""
    stages, moment = _Stages(), visits.moment(quarter.months[-1].next().first_day)

    def advance() -> None:
        with begin(engine, SYSTEM, moment) as act:
            quarters.advance(act, CODE, quarter)

    def sign(step: str, role: str, town: str = "") -> None:
        def signed(act: Act) -> None:
            total, _ = approving.content(act.conn, CODE, quarter, town)
            approving.approve(act, CODE, quarter, step, total, town)

        with begin(engine, Actor(f"{step} {town}", role, town or None), moment) as act:
            signed(act)

    for stage in quarters.STAGES[:2]:
        with stages.timed(stage):
            advance()
    with stages.timed("signed"):
        with reading(engine) as conn:
            towns = approving.towns(conn, CODE, quarter)
        for town in towns:
            sign("town", "town", town)
        sign("civil_affairs", "civil_affairs")
        sign("finance", "district_finance")
    for stage in ("posted", "ordered"):
        with stages.timed(stage):
            advance()
    return stages.found


def verify_all(engine: Engine) -> dict[str, float]:
    """Seconds by part. Raises SystemExit when the books do not agree."""
    stages = _Stages()
    with reading(engine) as conn:
        for part, check in verify.PARTS.items():
            with stages.timed(part):
                findings = check(conn)
            if findings:
                raise SystemExit(f"the books do not agree: {findings[0]}")
    return stages.found


def main(url: str, what: str, month: Month) -> None:
    engine = make_engine(url)
    work: dict[str, Callable[[], dict[str, float]]] = {
        "month": lambda: close_month(engine, month),
        "quarter": lambda: close_quarter(engine, Quarter.of(month.first_day)),
        "verify": lambda: verify_all(engine),
    }
    found = work[what]()
    print(json.dumps(found | {"peak MB": peak_mb()}))


def peak_mb() -> float:
    """The most memory this program has had. Not ``ru_maxrss``: that begins with what the process had that started it."""
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Month.parse(sys.argv[3]))
