"""The README's walk in five minutes, step by step: the demo served by the command itself, its page of codes held to the camera, by today's clock."""

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
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from playwright.sync_api import Browser, expect

from settlement.clock import system_clock
from settlement.demo.walk import PIN
from tests.browser.caregivers_phone import Axe, Phone
from tests.browser.conftest import PATIENCE, Camera, Street
from tests.once import once
from tests.outputs.test_recompute import demo

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
PATIENCE_S = max(PATIENCE / 1000, 90)


@pytest.fixture
def served(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A demo's folder and the address at which ``songbai serve`` serves it."""

    def make(folder: Path) -> None:
        ran = demo(folder / "demo")
        assert ran.returncode == 0, ran.stdout + ran.stderr

    home = tmp_path / "demo"
    shutil.copytree(once(tmp_path_factory, "demo-of-120", make) / "demo", home)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [
        sys.executable,
        "-c",
        "from settlement.cli import main; main()",
        "serve",
        "--home",
        str(home),
        "--port",
        str(port),
    ]
    log = tmp_path / "serve.log"
    with (
        log.open("w") as said,
        subprocess.Popen(words, stdout=said, stderr=said, env=os.environ | {"PYTHONPATH": "."}) as server,
    ):
        try:
            _wait(f"http://localhost:{port}/docs", server, log)
            yield home, f"http://localhost:{port}"
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(PATIENCE_S)


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and server.poll() is None:
        try:
            httpx.get(url)
            return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(log.read_text(encoding="utf-8"))


def test_the_walk_of_the_readme(served: tuple[Path, str], chromium: Browser, camera: Camera, axe: Axe) -> None:
    home, url = served
    street = Street(cast(Any, SimpleNamespace(now=system_clock())), url, chromium, camera)
    sheet = street.page(chromium.new_context())
    sheet.goto((home / "walk.html").as_uri())
    enrol, wang = sheet.locator(".code").nth(0), sheet.locator(".code").nth(1)
    name = wang.locator("h2").inner_text().split()[1].removesuffix("的卡")
    assert name.startswith("王")
    before = float(re.findall(r"([\d,.]+) 元", wang.inner_text())[0].replace(",", ""))
    her_page = str(sheet.get_by_role("link", name="看余额").get_attribute("href"))

    # 1 启用手机
    phone = Phone(street, axe)
    phone.holds_up(f"{url}/caregiver/#enrol={enrol.locator('kbd').inner_text()}", "扫启用码")
    phone.sees("手机已启用")
    # 2 接着办：签退
    phone.press(name)
    phone.sees("另一部手机")
    camera.shows(her_page)
    phone.press("扫卡签退")
    phone.press("原设备没电")
    phone.press("给老人看")
    # 3 扣款
    phone.sees("补贴付")
    phone.press("我同意")
    phone.press("密码")
    for digit in PIN:
        phone.page.locator(".pad").get_by_role("button", name=digit, exact=True).click()
    phone.press("确认")
    phone.sees("扣款成功")
    # 4 她看余额
    hers = street.page(street.context())
    hers.goto(her_page)
    hers.locator("#pin").fill(PIN)
    hers.locator("form:has(#pin) button.main").click()
    hers.wait_for_url("**/card/home")
    expect(hers.locator("main")).to_contain_text(f"{before - 30:,.2f}")
    expect(hers.locator("main")).to_contain_text("居室保洁")
    assert street.faults == []
    for context in list(chromium.contexts):
        context.close()


def test_the_readme_names_what_is_pressed() -> None:
    walk = README.split("## 五分钟走一遍")[1].split("\n## ")[0]
    for words in ("make serve", "扫启用码", "扫卡签退", "原设备没电", "给老人看", "我同意", "密码", PIN, "看余额"):
        assert words in walk, words
