"""``make bench`` (``python -m bench``): the synthetic county at two sizes on SQLite, under two minutes; a table, and JSON in ``bench/out``.

``--db postgresql://…`` does the same in schemas of its own on that server (``python -m tests.postgres`` starts one for a command and names
it in ``SONGBAI_DB``).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, text

from bench import measures
from bench.measures import Results
from settlement.db import make_engine

OUT = Path(__file__).parent / "out"
LIVED_UP_TO = 5_000
"""Counties above this size are issued to and verified, but not visited: that alone would take minutes."""


def measure(engine: Engine, seniors: int, folder: Path) -> Results:
    results = Results(engine.dialect.name, seniors)
    world = measures.found_county(results, engine, folder)
    measures.issue_a_month(results, world)
    if seniors <= LIVED_UP_TO:
        measures.Doors(world).live(results)
        measures.close_the_month(results, world)
    measures.verify_the_books(results, world)
    return results


def run(db: str | None, seniors: int) -> Results:
    with tempfile.TemporaryDirectory(prefix="songbai-bench-") as folder:
        schema = f"bench_{seniors}" if db else None
        engine = make_engine(db or f"sqlite:///{folder}/bench.db", schema)
        try:
            return measure(engine, seniors, Path(folder))
        finally:
            if schema is not None:
                with engine.begin() as conn:
                    conn.execute(text(f"DROP SCHEMA IF EXISTS {schema} CASCADE"))
            engine.dispose()


def show(console: Console, results: Results) -> None:
    table = Table(title=f"{results.backend}, {results.seniors:,} seniors", title_justify="left")
    for header in ("", "s", "done", "", "per s"):
        table.add_column(header, justify="left" if not header else "right")
    for name, (seconds, count, unit) in results.rows.items():
        table.add_row(
            name,
            f"{seconds:.3f}",
            f"{count:,}" if count else "",
            unit if count else "",
            f"{count / seconds:,.0f}" if count and seconds else "",
        )
    for name, ratio in results.ratios.items():
        table.add_row(name, f"{ratio:.1f} x", "", "", "")
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--db", help="a PostgreSQL database to measure in; default: SQLite in a temporary folder")
    parser.add_argument("--seniors", type=int, nargs="+", default=[2_000, 20_000])
    asked = parser.parse_args()
    console, began, done = Console(width=None if os.isatty(1) else 110), time.perf_counter(), []
    for seniors in asked.seniors:
        done.append(run(asked.db, seniors))
        show(console, done[-1])
    machine = {"python": platform.python_version(), "machine": platform.machine(), "cpus": os.cpu_count()}
    told = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        **machine,
        "results": [asdict(each) for each in done],
    }
    OUT.mkdir(exist_ok=True)
    file = OUT / f"{done[0].backend}.json"
    file.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    console.print(f"{time.perf_counter() - began:.0f} s; {file}")


if __name__ == "__main__":
    main()
