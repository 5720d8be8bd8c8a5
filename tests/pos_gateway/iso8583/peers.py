"""The terminal that shares nothing with ours (``peer/terminal.js``), run by the node that the browser tests bring along."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parent / "peer" / "terminal.js"


@dataclass
class Peer:
    process: subprocess.Popen[str]

    def say(self, mti: str, fields: Mapping[int, str], **secret: str) -> dict[str, Any]:
        """The answer: mti, fields, genuine (its MAC was right). ``secret``: pin and the account it is bound to."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps({"mti": mti, "fields": fields} | secret) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            pytest.fail(f"the peer ended with {self.process.wait(20)}")
        told: dict[str, Any] = json.loads(line)
        return told | {"fields": {int(number): value for number, value in told["fields"].items()}}


@contextmanager
def peer(port: int, enrolled: bytes) -> Iterator[Peer]:
    command = [node(), str(SCRIPT), "127.0.0.1", str(port), enrolled.hex()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Peer(process)
        finally:
            process.kill()


def node() -> str:
    """Node: the one in the playwright wheel, else the machine's."""
    try:
        from playwright._impl._driver import compute_driver_executable

        return str(compute_driver_executable()[0])
    except ImportError:
        found = shutil.which("node")
        if found is None:
            pytest.skip("no node for the peer")
        return found
