"""HTTP debits: what a signed debit costs the server, beside the plainest Flask route that does one PostgreSQL transaction.

Both run under granian with the settings of ``songbai gateway``, on the same durable server and with the same engine, and are measured in turns, so
that whatever else the machine does falls on both. Sixteen clients each keep a connection and send the next request when the answer is there. A
debit is what a device sends: one signed event in a signed request, made beforehand, each for another visit. The bare route reads a JSON body,
updates one row, inserts one and commits, through SQLAlchemy.

What is compared is the processor time of the web server's processes per request. That of PostgreSQL is told beside it: a debit is five statements
and ten rows (two transfers at most, debit, event, nonce, answer; purse, year, visit, device changed), the bare route two and two.

Of a debit's processor time a seventh is two Ed25519 verifications (75 µs each; a third one when a card's code is new to the process), two fifths the
five statements and the transaction (60 to 90 µs each, half of it the driver's), a sixth Flask, as in the bare route; the rest reads the request and
the event, judges, and writes the answer.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import cycle, islice
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import psutil
from flask import Flask, request
from granian import Granian
from granian.constants import Interfaces
from rich.console import Console
from sqlalchemy import BigInteger, Column, Engine, Integer, MetaData, String, Table, bindparam, insert, select, update

from bench.rig import Rig, Row, settle, show, url
from pos_gateway import server as gateway
from pos_gateway.client import API, SINGLE, DeviceClient
from settlement.act import Act
from settlement.cards import token
from settlement.cards.tables import cards, media
from settlement.clock import system_clock
from settlement.db import make_engine
from settlement.demo import founding, offices
from settlement.demo.diary import Carer
from settlement.demo.founding import World, moment
from settlement.ledger.tables import accounts
from settlement.people.tables import seniors
from settlement.periods import Month
from settlement.policy.tariff import Price, prices_in_force
from settlement.providers import devices
from settlement.providers.tables import caregivers
from settlement.visits import device_key
from settlement.visits.tables import visit_lines, visits
from settlement.vouchers import issuance

CLIENTS, WORKERS, THREADS = 16, 2, 4
DEVICES_EACH = 8
WARM_UP, TURNS = 40, 5
ITEM = "ZJ01"
ROWS = 10_000
"""So many rows the bare route updates, at random."""


@dataclass
class Load:
    """``seconds``: under load; ``latencies``: seconds each; ``server`` and ``database``: processor seconds of all their processes."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    server: float = 0.0
    database: float = 0.0

    def per_request(self, processor_seconds: float) -> float:
        """Milliseconds."""
        return 1000 * processor_seconds / len(self.latencies)

    def at(self, share: float) -> float:
        """The latency, in milliseconds, that so large a share of the requests did not exceed."""
        return 1000 * sorted(self.latencies)[min(len(self.latencies) - 1, int(share * len(self.latencies)))]

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds


def measure(quick: bool) -> list[Row]:
    """Debits and bare transactions in turns; ``quick``: fewer of them."""
    each = 20 if quick else 120
    per_client = WARM_UP + TURNS * each
    with Rig() as rig:
        engine = rig.fresh("postgresql")
        world = _found(engine, rig.folder, CLIENTS * per_client)
        _make_bare_tables(engine)
        postgres = psutil.Process(int((rig.server.folder / "data" / "postmaster.pid").read_text().split()[0]))
        served_both = _served("gateway", engine, rig.folder), _served("bare", engine, rig.folder)
        with served_both[0] as gateway_server, served_both[1] as bare_server:
            debits = _debit_requests(world, gateway_server[0], per_client)
            plain = [[_bare_request() for _ in range(per_client)] for _ in range(CLIENTS)]
            settle(engine)
            debit, bare = Load(), Load()
            for server, requests in ((gateway_server, debits), (bare_server, plain)):
                _load(Load(), postgres, server, requests, WARM_UP)
            for _ in range(TURNS):
                _load(debit, postgres, gateway_server, debits, each)
                _load(bare, postgres, bare_server, plain, each)
    return _rows(debit, bare)


def _rows(debit: Load, bare: Load) -> list[Row]:
    pg, peer = "postgresql", "bare Flask route, one transaction"
    arranged = f"{CLIENTS} clients, granian {WORKERS} x {THREADS}"
    cpu, bare_cpu = debit.per_request(debit.server), bare.per_request(bare.server)
    base, bare_base = debit.per_request(debit.database), bare.per_request(bare.database)
    rows = [
        Row("HTTP debit, signed: CPU per request", pg, cpu, "ms", peer, bare_cpu, cpu / bare_cpu, "<= 2", arranged),
        Row("… and of the database's backends", pg, base, "ms", peer, bare_base, base / bare_base),
        Row("HTTP debit, signed: rate", pg, debit.rate, "/s", peer, bare.rate, debit.rate / bare.rate, note=arranged),
    ]
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        ours, theirs = debit.at(share), bare.at(share)
        rows.append(Row(f"HTTP debit, signed: {name}", pg, ours, "ms", peer, theirs, ours / theirs))
    return rows


# -- the county, with a visit for every debit ----------------------------------------------------------------------------
def _found(engine: Engine, folder: Path, debits: int) -> World:
    """A county of which every card was issued its subsidy of every month from July to today."""
    world = founding.open_district(engine, folder, folder / "keys.json", max(400, debits // 4), seed=1)
    founding.contract_providers(world)
    founding.enrol_everybody(world)
    founding.staff_up(world)
    month = Month(2026, 7)
    while month <= Month.of(system_clock()):
        _issue(world, month)
        month = month.next()
    return world


def _issue(world: World, month: Month) -> None:
    early = moment(month.first_day, 1)
    with world.acting("system", early) as act:
        runs = issuance.draft(act, world.scheme.code, month)
    for run in runs:
        with world.acting(offices.town_officer(run.town), early + timedelta(hours=7)) as act:
            issuance.approve(act, run.id)
        with world.acting(offices.town_officer(run.town, second=True), early + timedelta(hours=8)) as act:
            issuance.post(act, run.id)


@dataclass(frozen=True)
class _Phone:
    client: DeviceClient
    carer: Carer


@dataclass(frozen=True)
class _Visit:
    """``code``: what the card's QR says."""

    id: str
    phone: _Phone
    code: str


def _debit_requests(world: World, port: int, each: int) -> list[list[bytes]]:
    """For every client the debits of its own devices, signed, in the order of the devices' chains."""
    with world.acting("ca.zhou", system_clock()) as act:
        carers = cycle(world.carers)
        phones = [[_enrolled(act, world, next(carers), port) for _ in range(DEVICES_EACH)] for _ in range(CLIENTS)]
        order = [phone for own in phones for phone in islice(cycle(own), each)]
        price = prices_in_force(act.conn, world.scheme.code, order[0].carer.provider_id, act.now.date())[ITEM]
        served = iter(_serve(act, world, order, price))
    return [[_debit_request(visit, price.price_fen) for visit in islice(served, each)] for _ in range(CLIENTS)]


def _enrolled(act: Act, world: World, carer: Carer, port: int) -> _Phone:
    phone = DeviceClient(
        f"http://127.0.0.1:{port}",
        device_key.generate(device_key.ED25519),
        clock=system_clock,
        caregiver=str(act.conn.scalar(select(caregivers.c.staff_no).where(caregivers.c.id == carer.caregiver_id))),
    )
    public = phone.key.public_key()
    code = devices.make_code(act, world.ring, carer.provider_id, carer.caregiver_id, "phone", timedelta(hours=1))
    row = devices.enrol(act, world.ring, code, device_key.ED25519, device_key.to_text(public), phone.key_id)
    phone.chain.device_id = row.id
    return _Phone(phone, carer)


def _serve(act: Act, world: World, order: Sequence[_Phone], price: Price) -> list[_Visit]:
    """A visit of an hour for every phone in the list, just checked out; every card gets as many as it can pay for."""
    c, m = cards.c, media.c
    query = (
        select(c.id, c.senior_id, seniors.c.town, m.id.label("medium_id"), m.token_id, m.issue, accounts.c.balance)
        .join(seniors, seniors.c.id == c.senior_id)
        .join(media, m.card_id == c.id)
        .join(accounts, accounts.c.id == c.subsidy_account_id)
        .order_by(c.id)
    )
    holders = [row for row in act.conn.execute(query) for _ in range(min(10, row.balance // price.price_fen))]
    holders = world.rng("debits").sample(holders, len(order))
    began, rows, served = act.now - timedelta(minutes=65), [], []
    for holder, phone in zip(holders, order, strict=True):
        visit = _Visit(secrets.token_hex(16), phone, token.make(world.ring, holder.token_id, holder.issue))
        served.append(visit)
        rows.append(
            {
                "id": visit.id,
                "senior_id": holder.senior_id,
                "card_id": holder.id,
                "caregiver_id": phone.carer.caregiver_id,
                "provider_id": phone.carer.provider_id,
                "town": holder.town,
                "scheme_code": world.scheme.code,
                "month": str(Month.of(began)),
                "device_id": phone.client.chain.device_id,
                "out_device_id": phone.client.chain.device_id,
                "check_in_at": began,
                "check_out_at": began + timedelta(hours=1),
                "seconds": 3600,
                "duration_source": "clock",
                "in_method": "card_qr",
                "in_medium_id": holder.medium_id,
                "out_method": "card_qr",
                "received_at": began,
                "completed_at": act.now,
                "status": "served",
            }
        )
    act.conn.execute(insert(visits), rows)
    same = {"no": 1, "item_code": ITEM, "quantity": 1, "price_list_id": price.list_id, "subsidised": price.subsidised}
    same |= {"unit_price_fen": price.price_fen, "amount_fen": price.price_fen}
    act.conn.execute(insert(visit_lines), [same | {"visit_id": visit.id} for visit in served])
    return served


def _debit_request(visit: _Visit, fen: int) -> bytes:
    client = visit.phone.client
    agreed = {"visit": visit.id, "consent": "card_qr", "token": visit.code, "total_fen": fen}
    envelope = client.record("debit", agreed | {"personal_fen": 0, "cash_fen": 0}).envelope()
    client.chain.queue.clear()
    asked = client.request("POST", SINGLE["debit"], envelope, idempotency_key=secrets.token_urlsafe(24))
    return _raw("POST", API + SINGLE["debit"], asked.headers, asked.content)


def _raw(method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


# -- the bare route ------------------------------------------------------------------------------------------------------
_bare = MetaData()
_counters = Table(
    "bare_counters", _bare, Column("id", Integer, primary_key=True), Column("sum", BigInteger, nullable=False)
)
_rows_added = Table(
    "bare_rows",
    _bare,
    Column("id", String(32), primary_key=True),
    Column("counter_id", Integer, nullable=False),
    Column("amount", BigInteger, nullable=False),
)
_ADD = update(_counters).where(_counters.c.id == bindparam("counter")).values(sum=_counters.c.sum + bindparam("amount"))
_INSERT = insert(_rows_added)


def bare() -> Flask:
    """The application that debits are measured beside."""
    app, engine = Flask("bare"), make_engine(os.environ["SONGBAI_DB"])

    @app.post("/add")
    def add() -> tuple[dict[str, Any], int]:
        asked = request.get_json()
        with engine.begin() as conn:
            conn.execute(_ADD, {"counter": asked["counter"], "amount": asked["amount"]})
            row = {"id": asked["id"], "counter_id": asked["counter"], "amount": asked["amount"]}
            conn.execute(_INSERT, row)
        return {"id": asked["id"]}, 201

    return app


def _make_bare_tables(engine: Engine) -> None:
    _bare.create_all(engine)
    with engine.begin() as conn:
        conn.execute(insert(_counters), [{"id": number, "sum": 0} for number in range(ROWS)])


def _bare_request() -> bytes:
    body = json.dumps({"id": secrets.token_hex(16), "counter": secrets.randbelow(ROWS), "amount": 3000}).encode()
    headers = {"Host": "127.0.0.1", "Content-Type": "application/json", "Content-Length": str(len(body))}
    return _raw("POST", "/add", headers, body)


# -- serving and loading -------------------------------------------------------------------------------------------------
@contextmanager
def _served(what: str, engine: Engine, folder: Path) -> Iterator[tuple[int, psutil.Process]]:
    """``what``: gateway, or the function of this module that makes the application."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    known = os.environ | {"SONGBAI_DB": url(engine), "SONGBAI_SCHEMA": "", "SONGBAI_KEYS": str(folder / "keys.json")}
    command = [sys.executable, "-m", "bench.http", what, str(port)]
    process = subprocess.Popen(command, env=known, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await(port, process)
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(timeout=20)


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise SystemExit("the server to be measured did not start")


def _load(
    load: Load, postgres: psutil.Process, server: tuple[int, psutil.Process], requests: list[list[bytes]], each: int
) -> None:
    """Every client sends its next requests, so many of them, and what they took is added to ``load``."""
    port, process = server
    turns = [[own.pop(0) for _ in range(each)] for own in requests]
    answered: list[float] = []
    barrier = Barrier(len(turns) + 1)

    def client(own: Sequence[bytes]) -> None:
        with closing(socket.create_connection(("127.0.0.1", port), timeout=60)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            barrier.wait()
            for asked in own:
                began = time.perf_counter()
                _ask(connection, asked)
                answered.append(time.perf_counter() - began)

    threads = [Thread(target=client, args=(own,)) for own in turns]
    for thread in threads:
        thread.start()
    before = _processor(process), _processor(postgres)
    barrier.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    load.seconds += time.perf_counter() - began
    load.server += _processor(process) - before[0]
    load.database += _processor(postgres) - before[1]
    load.latencies += answered
    if len(answered) != sum(map(len, turns)):
        raise SystemExit("a request was not answered as it should be")


def _ask(connection: socket.socket, asked: bytes) -> None:
    """One request and its whole answer, which must be 201."""
    connection.sendall(asked)
    answer = connection.recv(65536)
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(65536)
    head, _, body = answer.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        body += connection.recv(65536)
    if not head.startswith(b"HTTP/1.1 201"):
        raise RuntimeError(f"{head.decode()}: {body.decode()[:500]}")


def _processor(parent: psutil.Process) -> float:
    """Seconds that a process, its children and those of them that are gone have computed."""
    total = 0.0
    for process in (parent, *parent.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def _serve_bare(port: int) -> None:
    Granian(
        "bench.http:bare",
        address="127.0.0.1",
        port=port,
        interface=Interfaces.WSGI,
        workers=WORKERS,
        blocking_threads=THREADS,
        factory=True,
        log_access=False,
    ).serve()


def main() -> None:
    """``python -m bench.http`` measures and shows; with ``gateway|bare PORT`` it is the server that is measured."""
    if len(sys.argv) == 3:
        port = int(sys.argv[2])
        gateway.serve("127.0.0.1", port, WORKERS, THREADS) if sys.argv[1] == "gateway" else _serve_bare(port)
    else:
        show(Console(), "HTTP", measure(quick=True))


if __name__ == "__main__":
    main()
