"""The gateway is killed outright while it works on a purchase: after it is back, the repeat is answered and the money has moved once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pos_gateway.iso8583.reader import Line, scanned
from tests.pos_gateway.iso8583.counters import LUNCH, NOON, Counter

SERVE = """
import sys
from pos_gateway.iso8583 import dialogue, server
from pos_gateway.iso8583.reception import Reception
from settlement.db import make_engine
from tests.support import RING, at
reception = Reception(make_engine(sys.argv[1]), RING, lambda: at(sys.argv[2]), dialogue.answer)
server.serve(reception, "127.0.0.1", 0, ready=lambda port: print(port, flush=True))
"""


@contextmanager
def killed_afterwards(counter: Counter) -> Iterator[Line]:
    """A line to a gateway in a process of its own, which is killed on leaving."""
    url = counter.engine.url.render_as_string(hide_password=False)
    beside = os.environ | {"PYTHONPATH": str(Path.cwd())}
    with subprocess.Popen(
        [sys.executable, "-c", SERVE, url, NOON], stdout=subprocess.PIPE, text=True, env=beside
    ) as server:
        assert server.stdout is not None
        line = Line("127.0.0.1", int(server.stdout.readline()))
        try:
            yield line
        finally:
            server.kill()
            line.close()


def test_killed_at_any_moment_of_a_purchase(counter: Counter) -> None:
    someone = counter.holder(subsidy=15_000)
    terminal = counter.terminal()
    card = scanned(counter.qr(someone))
    milliseconds = (0, 3, 10, 30)  # when the kill comes: before, amid or after the work, as the machine will have it
    for wait in milliseconds:
        sale = terminal.sale("0200", {LUNCH: 1}, 1_200, card, staff=counter.staff_no)
        with killed_afterwards(counter) as line:
            line.send(terminal.bytes_of(sale))
            time.sleep(wait / 1000)
        assert terminal.repeat(sale).text(39) == "00"
    assert counter.left(someone) == (15_000 - len(milliseconds) * 1_200, 0)
    assert counter.counted(someone) == {"served": len(milliseconds), "debits": len(milliseconds)}
    assert terminal.settle().text(66) == "1"
    assert counter.books_agree()
