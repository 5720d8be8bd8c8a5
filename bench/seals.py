"""Seals: how fast a night's rows are hashed and checked again, and how long writers have to wait meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import func, select

from bench import history
from bench.rig import Rig, Row
from settlement.act import SYSTEM, Act, begin
from settlement.db import reading
from settlement.keys import new_ring
from settlement.ledger import merkle, seal, seal_check, seal_proof
from settlement.ledger.sealed_rows import TRANSFERS
from settlement.ledger.tables import transfers
from settlement.periods import SHANGHAI

QUICK, FULL = 50_000, 1_000_000


def measure(databases: Rig, backend: str, quick: bool) -> list[Row]:
    size = QUICK if quick else FULL
    engine = databases.fresh(backend)
    ledger = history.found(engine, size)
    ring, writing = new_ring(b"bench"), [0.0]

    @contextmanager
    def acting() -> Iterator[Act]:
        begun = time.perf_counter()
        with begin(engine, SYSTEM, ledger.end) as act:
            yield act
        writing[0] += time.perf_counter() - begun

    begun = time.perf_counter()
    with reading(engine) as conn:
        last = conn.execute(select(func.max(transfers.c.seq))).scalar_one()
        after, read = 0, 0
        while rows := TRANSFERS.read(conn, after, last, merkle.SPAN):
            after, read = rows[-1][0], read + len(rows)
    bare = read / (time.perf_counter() - begun)

    begun = time.perf_counter()
    seal.make(engine, ring, ledger.end, SHANGHAI, acting)
    sealing = read / (time.perf_counter() - begun)

    begun = time.perf_counter()
    with reading(engine) as conn:
        checked = seal_check.check(conn, ring.seal_public_keys())
    checking = checked.rows / (time.perf_counter() - begun)
    if checked.findings:
        raise RuntimeError(f"the seals do not hold: {checked.findings[0]}")

    begun = time.perf_counter()
    with reading(engine) as conn:
        seal_proof.prove(conn, "one in the middle", [last // 2])
    proving = (time.perf_counter() - begun) * 1000
    databases.drop(engine)
    note = f"{read:,} transfers"
    return [
        Row("sealing", backend, sealing, "rows/s", "reading the rows", bare, sealing / bare, note=note),
        Row("of it in a writing transaction", backend, writing[0] * 1000, "ms", note=note),
        Row("verify --seals", backend, checking, "rows/s", "reading the rows", bare, checking / bare, note=note),
        Row("a proof of one transfer", backend, proving, "ms", note=note),
    ]
