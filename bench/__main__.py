"""``make bench`` (``python -m bench``): every figure of docs/performance.md in one run on one machine; a table, and JSON in ``bench/out``.

``--quick``: smaller sizes, under three minutes. ``--full``: a history of 50 million transfers as well. Parts by name run those parts only.
Exit code 1 when a part failed; a missed target is told (✗) and fails nothing.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console

from bench import ledger, rig
from bench.pgbench import Pgbench
from bench.rig import Rig, Row


@dataclass
class Run:
    """One run's databases; what several parts need is made once."""

    rig: Rig
    quick: bool
    full: bool
    _peer: Pgbench | None = None
    _ledgers: dict[str, ledger.Ledger] | None = None

    def ledger(self, backend: str) -> ledger.Ledger:
        if self._ledgers is None:
            self._ledgers = {}
        if backend not in self._ledgers:
            peer = self._peer = Pgbench(self.rig) if backend == "postgresql" else None
            size = ledger.QUICK if self.quick else ledger.FULL
            self._ledgers[backend] = ledger.Ledger(self.rig, self.rig.fresh(backend), size, peer)
        return self._ledgers[backend]


def _debits(run: Run) -> list[Row]:
    return ledger.debits(run.ledger("postgresql"), run.quick)


def _hot(run: Run) -> list[Row]:
    return [run.ledger("postgresql").hot(16, ledger.PROCESSES[16], ">= 0.95")]


def _batches(run: Run) -> list[Row]:
    return run.ledger("postgresql").batches(processes=(1, 2), targets={1_000: ">= 15", 10_000: ">= 25"})


def _sqlite(run: Run) -> list[Row]:
    own = run.ledger("sqlite")
    return [own.singles(1, 1), own.singles(4, 4), *own.batches(processes=(1,), targets={})]


def _of(module: str) -> Callable[..., list[Row]]:
    """A part's ``measure``, loaded when it is its turn: some bring half the application along."""
    measure: Callable[..., list[Row]] = importlib.import_module(f"bench.{module}").measure
    return measure


def _closing(run: Run, backend: str, visits: int, *, quarter: bool) -> list[Row]:
    """In short ``visits``; else a million a month and three million a quarter, as the part itself has it."""
    closing = importlib.import_module("bench.closing")
    rows: list[Row] = (
        closing.at_size(run.rig, backend, visits, quarter=quarter)
        if run.quick
        else closing.measure(run.rig, backend, False)
    )
    return rows


PARTS: dict[str, Callable[[Run], list[Row]]] = {
    "debits": _debits,
    "hot": _hot,
    "batches": _batches,
    "history": lambda run: _of("history")(run.rig, "postgresql", not run.full),
    "issuance": lambda run: _of("issuance")(run.rig, "postgresql", run.quick),
    "closing": lambda run: _closing(run, "postgresql", 12_000, quarter=True),
    "seals": lambda run: _of("seals")(run.rig, "postgresql", run.quick),
    "http": lambda run: _of("http")(run.quick),
    "console": lambda run: _of("console")(run.rig, "postgresql", run.quick),
    "people": lambda run: _of("people")(run.rig, "postgresql", run.quick),
    "sqlite": _sqlite,
    "issuance-sqlite": lambda run: _of("issuance")(run.rig, "sqlite", run.quick),
    "seals-sqlite": lambda run: _of("seals")(run.rig, "sqlite", run.quick),
    "console-sqlite": lambda run: _of("console")(run.rig, "sqlite", run.quick),
    "people-sqlite": lambda run: _of("people")(run.rig, "sqlite", run.quick),
    "closing-sqlite": lambda run: _closing(run, "sqlite", 8_000, quarter=False),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--quick", action="store_true", help="smaller sizes, under three minutes")
    parser.add_argument(
        "--full", action="store_true", help="a history of 50 million transfers as well: takes long and 25 GB"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON instead of tables")
    asked = parser.parse_args()
    unknown = [name for name in asked.parts if name not in PARTS]
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}")
    console = Console(width=None if os.isatty(1) else 190, stderr=asked.json)
    facts, began, rows, failed = rig.machine(), time.perf_counter(), [], []
    seconds: dict[str, float] = {}
    with Rig() as databases:
        run = Run(databases, asked.quick, asked.full)
        for name in asked.parts or PARTS:
            started = time.perf_counter()
            try:
                done = PARTS[name](run)
            except Exception:
                traceback.print_exc()
                failed.append(name)
                continue
            finally:
                seconds[name] = round(time.perf_counter() - started, 1)
            rows += done
            rig.show(console, f"{name} ({seconds[name]:.0f} s)", done)
    size = "quick" if asked.quick else "full" if asked.full else "bench"
    facts |= {"size": size, "seconds": seconds, "load_after": round(os.getloadavg()[0], 2), "failed": failed}
    file = rig.write("-".join((size, *asked.parts)), facts, rows)
    if not asked.parts:
        rig.show(console, "all", rows)
    missed = sum(row.met is False for row in rows)
    console.print(
        f"{time.perf_counter() - began:.0f} s; {len(rows)} rows, {missed} below target, load {facts['load_before']}–{facts['load_after']}; {file}"
    )
    if asked.json:
        print(json.dumps(json.loads(file.read_text(encoding="utf-8")), ensure_ascii=False))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
