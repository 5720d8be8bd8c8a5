"""Makes the fixture of a release: a small synthetic quarter, lived by that release's own code, as SQL text packed with xz.

It only uses what that release has, so a checkout of it comes first on the path::

    git worktree add ../old REVISION
    PYTHONPATH=../old .venv/bin/python tests/migrations/live_a_quarter.py tests/migrations/quarter_at_0001.sql.xz
"""

from __future__ import annotations

import lzma
import sqlite3
import sys
import tempfile
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

from settlement.act import SYSTEM, begin
from settlement.db import make_engine, reading
from settlement.demo.story import tell
from settlement.ledger import accounts, hold
from settlement.ledger.transfer import Posted, Transfer, post
from settlement.periods import SHANGHAI
from settlement.verify import run

SENIORS, SEED = 40, 1
AFTERWARDS = datetime(2026, 10, 20, 9, tzinfo=SHANGHAI)


def set_aside(engine: Engine) -> None:
    """The demo's quarter has no holds: beside its books one stays open, one is posted in part, one is given back."""
    with begin(engine, SYSTEM, AFTERWARDS) as act:
        source = accounts.open_account(act, "spare", "source")
        purse = accounts.open_account(act, "spare", "purse", guarded=True)
        post(act, "spare/1", [Transfer("spare/1", source, purse, 1_000, "spare", "spare:1", AFTERWARDS)])
        for name in ("open", "posted", "given-back"):
            pending = Transfer(f"hold/{name}", purse, source, 300, "spare", f"hold:{name}", AFTERWARDS)
            assert isinstance(hold.place(act, pending, AFTERWARDS + timedelta(days=400)), Posted)
        assert isinstance(hold.post(act, "hold/posted", "hold/posted/part", 120, occurred_at=AFTERWARDS), Posted)
        assert isinstance(hold.void(act, "hold/given-back", "hold/given-back/void", occurred_at=AFTERWARDS), Posted)


def main(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "quarter.db"
        engine = make_engine(f"sqlite:///{file}")
        told = tell(engine, Path(folder), SENIORS, SEED, step=lambda zh, en: None, tick=lambda: None)
        set_aside(engine)
        with reading(engine) as conn:
            found = [*told.findings, *run(conn)]
        engine.dispose()
        if found:
            raise SystemExit(f"the release's own verify objects: {found}")
        with closing(sqlite3.connect(file)) as made:
            text = "\n".join(made.iterdump())
    target.write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
