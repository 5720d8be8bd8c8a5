"""Two acts at the same moment on PostgreSQL: the second begins while the first is done and not yet committed. SQLite lets one writer in at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, text

from settlement.act import Act, Actor
from tests.support import acting

Does = Callable[[Act], Any]
WAITS = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")


def meanwhile(engine: Engine, now: str, first: tuple[Actor, Does], second: tuple[Actor, Does]) -> Exception | None:
    """What the second act ended with: it waits for the first, or is over before the first is committed."""
    ended: list[Exception] = []

    def other() -> None:
        try:
            with acting(engine, now, second[0]) as act:
                second[1](act)
        except Exception as error:
            ended.append(error)

    thread = threading.Thread(target=other)
    with acting(engine, now, first[0]) as act:
        first[1](act)
        thread.start()
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as look:
            while thread.is_alive() and not look.scalar(WAITS):
                time.sleep(0.02)
    thread.join(30)
    assert not thread.is_alive()
    return ended[0] if ended else None
