"""The console on a real socket over a county that lived a quarter; a browser for every officer."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

from flask import Flask
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import Engine
from werkzeug.serving import make_server

from admin.app import create_app
from admin.frame import sessions
from admin.frame.console import ConsoleConfig
from settlement.keys import KeyRing
from tests.browser.conftest import DESK, PATIENCE, SCREENS, Quiet, _Silent
from tests.support import acting


@dataclass
class Console:
    """``now`` is the console's time; browsers keep the machine's."""

    engine: Engine
    ring: KeyRing
    now: datetime
    chromium: Browser
    app: Flask = field(init=False)
    url: str = field(init=False)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.app = create_app(self.engine, lambda: self.now, ConsoleConfig(self.ring))
        self._server = make_server("localhost", 0, Quiet(self.app), threaded=True, request_handler=_Silent)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://localhost:{self._server.server_port}"

    def close(self) -> None:
        for context in list(self.chromium.contexts):
            context.close()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def passes(self, **time: float) -> None:
        self.now += timedelta(**time)

    def cookie(self, officer_id: str) -> str:
        """What the browser of a signed-in officer holds."""
        client = self.app.test_client()
        with self.app.test_request_context(), acting(self.engine, self.now) as act:
            token = sessions.begin(act, officer_id, "open", "password")
        with client.session_transaction() as held:
            held["desk"] = token
        found = client.get_cookie("songbai_console")
        assert found is not None
        return str(found.value)

    def browser(self, officer_id: str | None = None, size: tuple[int, int] = DESK) -> BrowserContext:
        """A browser of its own; signed in when an officer is named."""
        width, height = size
        context = self.chromium.new_context(
            base_url=self.url,
            viewport={"width": width, "height": height},
            locale="zh-CN",
            timezone_id="Asia/Shanghai",
            accept_downloads=True,
        )
        if officer_id is not None:
            held: Any = {"name": "songbai_console", "value": self.cookie(officer_id), "url": self.url}
            context.add_cookies([held])
        return context

    @contextmanager
    def desk(self, officer_id: str) -> Iterator[Sitting]:
        """An officer signs in, does something, and leaves."""
        context = self.browser(officer_id)
        yield Sitting(self, self.page(context))
        context.close()

    def page(self, context: BrowserContext) -> Page:
        """A page whose errors are kept in ``faults``."""
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: self.faults.append(f"{page.url}: {error}"))
        page.on("console", lambda said: self._heard(page, said))
        return page

    def _heard(self, page: Page, said: Any) -> None:
        if "Content Security Policy" in said.text:
            self.faults.append(f"{page.url}: {said.text}")

    def screenshot(self, page: Page, name: str) -> None:
        """Kept for the documents when SONGBAI_SCREENS is set."""
        if os.environ.get("SONGBAI_SCREENS"):
            drawn = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
            drawn.quantize(64).save(SCREENS / f"console-{name}.png", optimize=True)


@dataclass
class Sitting:
    """An officer at their desk: a browser that goes, fills in, presses, and reads."""

    console: Console
    page: Page

    def goes(self, path: str) -> Sitting:
        answer = self.page.goto(path)
        assert answer is not None and answer.status < 400, f"{path}: {answer and answer.status}"
        return self

    def fills(self, **fields: str | bool | list[str] | tuple[str, bytes]) -> Sitting:
        """By the fields' names: a text or a choice, a tick, several ticks, a file (name, content)."""
        for name, value in fields.items():
            found = self.page.locator(f"main [name='{name}']:not([type=hidden])")
            if isinstance(value, tuple):
                found.first.set_input_files(
                    {"name": value[0], "mimeType": "application/octet-stream", "buffer": value[1]}
                )
            elif isinstance(value, bool):
                found.first.set_checked(value)
            elif found.first.get_attribute("type") == "radio":
                self.page.locator(f"main [name='{name}'][value='{value}']").check()
            elif isinstance(value, list):
                for one in value:
                    self.page.locator(f"main [name='{name}'][value='{one}']").check()
            elif found.first.evaluate("(one) => one.tagName") == "SELECT":
                found.first.select_option(value)
            else:
                found.first.fill(value)
        return self

    def presses(self, words: str) -> Sitting:
        """A button by the beginning of its words; the page that follows has been drawn."""
        with self.page.expect_navigation():
            self.page.locator("main").get_by_role("button", name=words).first.click()
        assert self.page.locator("#told").count() == 0, self.page.locator("#told").inner_text()
        return self

    def is_refused(self, words: str, *, because: str) -> Sitting:
        with self.page.expect_navigation():
            self.page.locator("main").get_by_role("button", name=words).first.click()
        expect(self.page.locator("#told")).to_contain_text(because)
        return self

    def follows(self, words: str) -> Sitting:
        with self.page.expect_navigation():
            self.page.locator("main").get_by_role("link", name=words).first.click()
        return self

    def waits(self) -> Sitting:
        """For the task whose page this is."""
        expect(self.page.locator(".told.done")).to_be_visible()
        return self

    def sees(self, *words: str) -> Sitting:
        for one in words:
            expect(self.page.locator("main")).to_contain_text(one)
        return self

    def downloads(self, words: str) -> bytes:
        with self.page.expect_download() as started:
            self.page.locator("main").get_by_role("link", name=words).first.click()
        path = started.value.path()
        return path.read_bytes()

    @property
    def at(self) -> str:
        """The path of the present page."""
        return unquote(urlsplit(self.page.url).path)
