"""``songbai serve``: gateway, console and scheduler on a demo, begun together and ended together; its accounts sign in."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from lxml import html

from admin.signin.authenticator import REQUIRED
from settlement.cli import main
from settlement.db import make_engine, migrate
from settlement.officers import NO_PERSON, ROLES
from tests.outputs.test_recompute import county

__all__ = ["county"]

PATIENCE_S = 60
SONGBAI = [sys.executable, "-m", "settlement.cli"]


@dataclass
class Served:
    home: Path
    port: int
    server: subprocess.Popen[bytes]
    log: Path

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def answers(self, port: int) -> bool:
        try:
            httpx.get(f"http://localhost:{port}/signin/")
        except httpx.TransportError:
            return False
        return True


def free_ports() -> int:
    """A port that is free, and so is the next."""
    while True:
        with socket.socket() as one, socket.socket() as next:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            try:
                next.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


@pytest.fixture
def served(county: Path, tmp_path: Path) -> Iterator[Served]:
    home, log = tmp_path / "demo", tmp_path / "serve.log"
    shutil.copytree(county, home)
    port = free_ports()
    words = [*SONGBAI, "serve", "--home", str(home), "--port", str(port)]
    env = os.environ | {"PYTHONPATH": ".", "PYTHONUNBUFFERED": "1"}
    with log.open("w") as file, subprocess.Popen(words, stdout=file, stderr=file, env=env) as server:
        found = Served(home, port, server, log)
        try:
            until = time.monotonic() + PATIENCE_S
            while not (found.answers(port) and found.answers(port + 1)):
                assert server.poll() is None and time.monotonic() < until, found.said()
                time.sleep(0.1)
            yield found
        finally:
            server.terminate()
            server.wait(PATIENCE_S)


def test_the_accounts_sign_in_and_all_three_end_together(served: Served) -> None:
    accounts = re.findall(r"│ (\S+)\s+│ (\S+)\s+│ (\w{4}(?:-\w{4}){3}) │ (\w*)\s*│", served.said())
    assert {role for role, *_ in accounts} == {ROLES[role][0] for role in ROLES.keys() - NO_PERSON}
    assert {role for role, *_, secret in accounts if secret} == {ROLES[role][0] for role in REQUIRED}

    by_name = {id: password for _, id, password, _ in accounts}
    with httpx.Client(base_url=f"http://localhost:{served.port + 1}", follow_redirects=True) as browser:
        page = browser.get("/home/")
        page = send(browser, page, name="audit.wei", password=by_name["audit.wei"])
        assert "您好，魏审计" in page.text
    with httpx.Client(base_url=f"http://localhost:{served.port + 1}", follow_redirects=True) as browser:
        page = send(browser, browser.get("/home/"), name="town09.a", password=by_name["town09.a"])
        asked = [*SONGBAI, "serve", "--home", str(served.home), "--code", "town09.a"]
        digits = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
        assert "您好，邵伯镇经办" in send(browser, page, code=digits).text

    served.server.send_signal(signal.SIGTERM)
    assert served.server.wait(PATIENCE_S) == 0
    assert not served.answers(served.port) and not served.answers(served.port + 1)
    assert "调度已启动" in served.said()


def test_when_one_of_them_dies_the_others_end(served: Served) -> None:
    children = Path(f"/proc/{served.server.pid}/task/{served.server.pid}/children")
    if not children.is_file():
        pytest.skip("this system does not list a process's children")
    gateway = int(children.read_text().split()[0])
    os.kill(gateway, signal.SIGKILL)
    assert served.server.wait(PATIENCE_S) != 0
    assert not served.answers(served.port + 1)


def send(browser: httpx.Client, page: httpx.Response, **fields: str) -> httpx.Response:
    form = html.fromstring(page.content).forms[0]
    return browser.post(form.action, data={**dict(form.form_values()), **fields})


@pytest.fixture
def district(tmp_path: Path) -> list[str]:
    """An empty district on SQLite: the words before a command on it."""
    words = ["--db", f"sqlite:///{tmp_path / 'songbai.db'}", "--keys", str(tmp_path / "keys.json")]
    assert CliRunner().invoke(main, [*words, "init"]).exit_code == 0
    return words


def test_the_first_officer_gets_a_password_from_the_command_line(district: list[str]) -> None:
    run = CliRunner()
    nobody = run.invoke(main, [*district, "officer", "password", "admin.shen"])
    assert nobody.exit_code == 1 and "not_found" in nobody.stderr
    added = run.invoke(main, [*district, "officer", "add", "admin.shen", "--name", "沈某", "--role", "admin"])
    assert added.exit_code == 0, added.stderr
    told = run.invoke(main, [*district, "officer", "password", "admin.shen"])
    assert re.search(r"一次性密码 \w{4}(-\w{4}){3}，7天内有效", told.stdout)


def test_the_console_without_keys_says_so_before_it_serves(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'songbai.db'}"
    migrate(make_engine(url))
    words = ["--db", url, "--keys", str(tmp_path / "none.json"), "admin", "--port", str(free_ports())]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 1 and "none.json" in done.stderr
