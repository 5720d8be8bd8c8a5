"""The real server over a real socket: ``songbai gateway`` in a process of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from sqlalchemy import select

from pos_gateway.client import DeviceClient, Problem
from settlement import keys, officers
from settlement.cli import main
from settlement.clock import system_clock
from settlement.providers.tables import providers
from settlement.visits import device_key
from tests.pos_gateway.town import Town
from tests.support import RING, acting


@pytest.fixture
def address(town: Town, tmp_path: Path) -> Iterator[str]:
    keys.save(RING, tmp_path / "keys.json")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = town.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", "from settlement.cli import main; main()"]
    command += ["--db", url, "--keys", str(tmp_path / "keys.json")]
    command += ["gateway", "--port", str(port), "--workers", "1", "--threads", "2"]
    log = (tmp_path / "server.log").open("w+")
    server = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"PYTHONPATH": str(Path.cwd())})
    try:
        _wait(port, server, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=20)
        log.close()


def _wait(port: int, server: subprocess.Popen[bytes], log: object) -> None:
    for _ in range(200):
        if server.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    log.seek(0)  # type: ignore[attr-defined]
    pytest.fail(f"the server did not come up: {log.read()}")  # type: ignore[attr-defined]


def code_from_the_office(town: Town, key_file: Path) -> str:
    """What the provider's clerk types, and the code that is shown."""
    with acting(town.engine) as act:
        clerk = f"clerk-{key_file.parent.name}"
        officers.add(act, clerk, "张敏", "provider", provider_id=town.ours)
        code = act.conn.execute(select(providers.c.code).where(providers.c.id == town.ours)).scalar_one()
    url = town.engine.url.render_as_string(hide_password=False)
    typed = ["--db", url, "--keys", str(key_file), "device", "enrol-code", "--provider", code]
    answer = CliRunner().invoke(main, [*typed, "--caregiver", "0017", "--by", clerk, "--json"])
    assert answer.exit_code == 0, answer.output
    shown: str = json.loads(answer.output)["code"]
    return shown


def test_a_device_enrols_and_asks_over_the_network(town: Town, address: str, tmp_path: Path) -> None:
    key = device_key.generate(device_key.ECDSA_P256)
    with DeviceClient(address, key, clock=system_clock, caregiver="0017") as phone:
        told = phone.enrol(code_from_the_office(town, tmp_path / "keys.json"))
        assert told["caregiver"] == "0017"
        assert isinstance(phone.orders(), list)
        with pytest.raises(Problem) as caught:
            phone.balance("no card's code")
        assert caught.value.code == "code_forged"
    assert httpx.get(f"{address}/docs").status_code == 200
    unsigned = httpx.post(f"{address}/api/v1/events", json={"events": []})
    assert (unsigned.status_code, unsigned.json()["code"]) == (401, "request_unsigned")
