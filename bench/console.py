"""The console's pages on a large district: how long each takes to answer, one officer of each role at a time.

The console runs under granian with the settings of ``songbai admin``. From each role's start page every page is found by its links, one address of each
kind: that is its first request after the start. Each is then asked for in turns. What is told is the whole time of an answer over one kept connection
on this machine. Beside it stands the start page, which reads next to nothing.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from flask import Flask
from lxml import html
from sqlalchemy import Engine, select
from werkzeug.exceptions import HTTPException

from admin.app import create_app
from admin.frame import sessions
from admin.frame.console import ConsoleConfig
from bench import closing, county, rig, visits
from bench.rig import Rig, Row
from settlement import keys, officers
from settlement.act import SYSTEM, begin
from settlement.clock import system_clock
from settlement.demo import offices
from settlement.keys import KeyRing
from settlement.ledger import folding, horizon
from settlement.periods import Month
from settlement.scheduler.jobs import JOBS, district_zone
from settlement.scheduler.runs import run_due

SENIORS, VISITS = 200_000, 1_000_000
QUICK_SENIORS, QUICK_VISITS = 5_000, 25_000
TURNS, QUICK_TURNS = 25, 8
TARGET = "<= 300 ms"
WORKERS, THREADS = 1, 4
JULY = Month.parse("2026-07")
ROLES = ("village", "town", "civil_affairs", "district_finance", "provider", "card_counter", "auditor", "hotline")
BUSY = tuple(f"/overview/{page}?month={JULY}" for page in ("", "coverage", "money", "visits", "satisfaction"))
"""Of the month in which most visits are: what the present one leads to is all but empty. The pages they lead to are asked for apart, too."""
FILES = ("download", "pdf", "xlsx", "csv", "paper", "static", "export")


@dataclass
class Pages:
    """Seconds of every answer by role and route. ``first``: of the one after the start, where a figure or a plan is made that later ones find."""

    taken: dict[tuple[str, str], list[float]]
    first: dict[tuple[str, str], float]

    def p95(self, role: str, route: str) -> float:
        """Milliseconds."""
        return _p95(self.taken[role, route])


def measure(databases: Rig, backend: str, quick: bool) -> list[Row]:
    """All pages together, the slowest first requests, the slowest twelve pages; ``quick``: a fortieth of the district."""
    seniors, count = (QUICK_SENIORS, QUICK_VISITS) if quick else (SENIORS, VISITS)
    engine = databases.fresh(backend)
    began = time.perf_counter()
    ring = _found(engine, seniors, count)
    made = time.perf_counter() - began
    file = databases.folder / "console-keys.json"
    keys.save(ring, file)
    pages = _walked(engine, file, QUICK_TURNS if quick else TURNS)
    databases.drop(engine)
    return _rows(backend, pages, f"{seniors:,} seniors, {count:,} visits, founded in {made:.0f} s")


def _walked(engine: Engine, ring: Path, turns: int) -> Pages:
    """Every page of every role, first once each, then ``turns`` times in turns."""
    app = create_app(engine, system_clock, ConsoleConfig(keys.load(ring)))
    cookies = {role: _cookie(app, engine, role) for role in ROLES}
    pages = Pages({}, {})
    with _served(engine, ring) as port:
        for role, cookie in cookies.items():
            with httpx.Client(
                base_url=f"http://127.0.0.1:{port}", cookies={"songbai_console": cookie}, timeout=60
            ) as client:
                found = _links(app, client)
                for route, (_, took) in found.items():
                    pages.first[role, route] = took
                for _ in range(turns):
                    for route, (path, _) in found.items():
                        pages.taken.setdefault((role, route), []).append(_asked(client, path))
    return pages


def _found(engine: Engine, seniors: int, count: int) -> KeyRing:
    """A district of which July is closed and a part of August served; its keys."""
    district = county.found(engine, seniors)
    july = min(count * 4 // 5, seniors * visits.EACH)
    for month, many in ((JULY, july), (JULY.next(), count - july)):
        visits.issue(engine, month)
        visits.serve(engine, month, many)
        rig.settle(engine)
    closing.close_month(engine, JULY)
    with begin(engine, SYSTEM, system_clock()) as act:
        officers.add(act, "hotline.a", "热线坐席", "hotline")
        offices.appoint_provider(act, next(iter(district.world.providers)))
    _scheduled(engine)
    return district.world.ring


def _scheduled(engine: Engine) -> None:
    """What the scheduler does every hour, without which no district runs for long."""
    horizon.reach(engine, system_clock())
    while True:
        with begin(engine, SYSTEM, system_clock()) as act:
            if not folding.fold(act):
                break
    run_due(engine, system_clock, [JOBS["overview"]], district_zone, "bench")
    rig.settle(engine)


def _cookie(app: Flask, engine: Engine, role: str) -> str:
    o = officers.officers.c
    with engine.connect() as conn:
        who = conn.scalars(select(o.id).where(o.role == role).order_by(o.id)).first()
    assert who is not None, role
    client = app.test_client()
    with app.test_request_context(), begin(engine, SYSTEM, system_clock()) as act:
        token = sessions.begin(act, who, "open", "password")
    with client.session_transaction() as held:
        held["desk"] = token
    cookie = client.get_cookie("songbai_console")
    assert cookie is not None
    return str(cookie.value)


def _links(app: Flask, client: httpx.Client) -> dict[str, tuple[str, float]]:
    """One address of every page that can be reached by links, by its route (and the busy month), and the seconds of its first answer."""
    adapter = app.url_map.bind("localhost")
    queue, found = deque(["/home/", *BUSY]), dict[str, tuple[str, float]]()
    while queue:
        path = queue.popleft()
        parts = urlsplit(path)
        if parts.netloc or not parts.path.startswith("/") or "export=" in parts.query:
            continue
        try:
            rule = str(adapter.match(parts.path, method="GET", return_rule=True)[0].rule)
        except HTTPException:
            continue
        rule += f"?month={JULY}" if f"month={JULY}" in parts.query else ""
        if rule in found or any(word in rule for word in FILES):
            continue
        began = time.perf_counter()
        answer = client.get(path)
        took = time.perf_counter() - began
        if answer.status_code != 200 or "text/html" not in answer.headers["Content-Type"]:
            continue
        found[rule] = path, took
        queue.extend(str(href) for href in html.fromstring(answer.content).xpath("//a/@href"))
    return found


def _asked(client: httpx.Client, path: str) -> float:
    began = time.perf_counter()
    answer = client.get(path)
    taken = time.perf_counter() - began
    assert answer.status_code == 200, f"{path}: {answer.status_code}"
    return taken


def _p95(taken: list[float]) -> float:
    return 1000 * sorted(taken)[min(len(taken) - 1, int(0.95 * len(taken)))]


def _rows(backend: str, pages: Pages, made: str) -> list[Row]:
    everything = [one for each in pages.taken.values() for one in each]
    start = _p95([one for (_, route), each in pages.taken.items() if route == "/home/" for one in each])
    whole = _p95(everything)
    said = f"{len(pages.taken)} pages of {len(ROLES)} roles; {made}"
    rows = [Row("console, every page: p95", backend, whole, "ms", "start page", start, whole / start, TARGET, said)]
    for role, route in sorted(pages.first, key=lambda one: -pages.first[one])[:5]:
        took = 1000 * pages.first[role, route]
        rows.append(
            Row(f"first request: {route} ({role})", backend, took, "ms", "start page", start, took / start, TARGET)
        )
    slowest = sorted(pages.taken, key=lambda one: -pages.p95(*one))[:12]
    for role, route in slowest:
        took = pages.p95(role, route)
        rows.append(Row(f"… {route} ({role})", backend, took, "ms", "start page", start, took / start, TARGET))
    return rows


@contextmanager
def _served(engine: Engine, ring: Path) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    known = os.environ | {"SONGBAI_DB": rig.url(engine), "SONGBAI_SCHEMA": "", "SONGBAI_KEYS": str(ring)}
    process = subprocess.Popen([sys.executable, "-m", "bench.console", str(port)], env=known)
    try:
        deadline = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=20)


def main() -> None:
    """The console on the port of the first argument, until SIGTERM."""
    from admin import server

    server.serve("127.0.0.1", int(sys.argv[1]), WORKERS, THREADS)


if __name__ == "__main__":
    main()
