"""A town on a real socket and a real Chromium whose camera shows the QR code a test holds up."""

from __future__ import annotations

import io
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import qrcode
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright
from sqlalchemy import Engine
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.conftest import Databases
from tests.pos_gateway import town as towns
from tests.pos_gateway.town import PLACE, Door, Town

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
]
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
SCREENS = Path(__file__).parents[2] / "docs" / "screens"
PHONE, DESK = (360, 640), (1280, 800)
PATIENCE = 60_000  # milliseconds; a machine may be busy
expect.set_options(timeout=PATIENCE)


def chromium_program() -> str:
    """Where Chromium is; skips the test, saying what is missing, where there is none."""
    named = os.environ.get("SONGBAI_CHROMIUM")
    found = named or next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(
            "no Chromium for the browser tests: apt-get install chromium fonts-noto-cjk, or name one in SONGBAI_CHROMIUM"
        )
    return found


class Camera:
    """What the browser's camera sees. A page sees a change when it opens the camera anew."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "camera.mjpeg"
        self.shows_nothing()

    def shows(self, text: str) -> None:
        """A QR code held up to the camera."""
        code = qrcode.QRCode(box_size=8, border=4)
        code.add_data(text)
        code.make(fit=True)
        self._show(code.make_image().get_image().convert("RGB"))

    def shows_nothing(self) -> None:
        self._show(Image.new("RGB", (8, 8), "gray"))

    def _show(self, image: Image.Image) -> None:
        frame = Image.new("RGB", (640, 480), "gray")
        image.thumbnail((460, 460))
        frame.paste(image, ((640 - image.width) // 2, (480 - image.height) // 2))
        encoded = io.BytesIO()
        frame.save(encoded, "JPEG", quality=92)
        # Written beside and moved: the browser may be reading.
        beside = self.file.with_suffix(".new")
        beside.write_bytes(encoded.getvalue() * 2)
        beside.replace(self.file)


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    # Not for the session: its event loop would be in the way of tests that run one themselves.
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Camera:
    return Camera(tmp_path_factory.mktemp("camera"))


@pytest.fixture(scope="module")
def chromium(playwright: Playwright, camera: Camera) -> Iterator[Browser]:
    seen = f"--use-file-for-fake-video-capture={camera.file}"
    browser = playwright.chromium.launch(executable_path=chromium_program(), args=[*ARGUMENTS, seen])
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def street_engine(databases: Databases) -> Iterator[Engine]:
    engine = databases.create("sqlite")
    yield engine
    databases.drop(engine)


@pytest.fixture(scope="module")
def street_town(street_engine: Engine) -> Town:
    return towns.found(street_engine)


class _Silent(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        pass


class Quiet:
    """A web application in front of which requests can be made to wait."""

    def __init__(self, app: Any) -> None:
        self._app, self._changed, self._answering, self._waiting = app, threading.Condition(), 0, False

    def __call__(self, environ: Any, start_response: Any) -> Any:
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting)
            self._answering += 1
        try:
            return self._app(environ, start_response)
        finally:
            with self._changed:
                self._answering -= 1
                self._changed.notify_all()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Nothing is being answered meanwhile; whoever asks is answered afterwards."""
        with self._changed:
            self._changed.wait_for(lambda: self._answering == 0)
            self._waiting = True
        try:
            yield
        finally:
            with self._changed:
                self._waiting = False
                self._changed.notify_all()


@dataclass
class Street:
    """The town's gateway at ``url``; ``door`` sets its time, makes seniors, orders, enrolment codes, and looks behind the counter."""

    door: Door
    url: str
    chromium: Browser
    camera: Camera
    quiet: Quiet = field(default_factory=lambda: Quiet(None))
    pages: list[Page] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def context(self, size: tuple[int, int] = PHONE, **more: Any) -> BrowserContext:
        """A browser of its own: storage, cookies, service workers; with camera, place and the town's time."""
        facts: dict[str, Any] = {"viewport": {"width": size[0], "height": size[1]}, "locale": "zh-CN"}
        facts |= {"timezone_id": "Asia/Shanghai", "permissions": ["camera", "geolocation"], "base_url": self.url}
        latitude, longitude = PLACE["latitude_e7"] / 1e7, PLACE["longitude_e7"] / 1e7
        facts["geolocation"] = {"latitude": latitude, "longitude": longitude, "accuracy": PLACE["accuracy_m"]}
        context = self.chromium.new_context(**facts | more)
        context.clock.install(time=self.door.now)
        return context

    def page(self, context: BrowserContext | None = None) -> Page:
        """A page whose errors fail the test."""
        page = (context or self.context()).new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: self.faults.append(f"{page.url}: {error}"))
        page.on(
            "console", lambda said: self.faults.append(said.text) if "Content Security Policy" in said.text else None
        )
        self.pages.append(page)
        return page

    def passes(self, **time: float) -> None:
        """Time goes by for the server and in every open page, whose timers run once."""
        span = timedelta(**time)
        with (
            self.quiet.kept()
        ):  # an answer with the new time to a page that has the old one would set that page's clock
            self.door.now += span
            for page in self.pages:
                if not page.is_closed():
                    page.clock.fast_forward(int(span.total_seconds() * 1000))

    def screenshot(self, page: Page, name: str) -> None:
        """Kept for the documents when SONGBAI_SCREENS is set; a page has to be drawn whole in any case."""
        kept = SCREENS / f"{name}.png" if os.environ.get("SONGBAI_SCREENS") else None
        page.screenshot(path=kept, full_page=True)


@pytest.fixture
def street(street_town: Town, chromium: Browser, camera: Camera) -> Iterator[Street]:
    """A day of its own in the town, the gateway serving on a loopback socket."""
    (door,) = [*_doors(street_town)]
    quiet = Quiet(door.app)
    server = make_server("localhost", 0, quiet, threaded=True, request_handler=_Silent)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    camera.shows_nothing()
    street = Street(door, f"http://localhost:{server.server_port}", chromium, camera, quiet)
    yield street
    for context in list(chromium.contexts):
        context.close()
    server.shutdown()
    thread.join()
    server.server_close()
    assert street.faults == []


def _doors(town: Town) -> Iterator[Door]:
    yield from towns.open_door(town)


@pytest.fixture
def axe() -> Callable[[Page], list[str]]:
    """Serious and critical accessibility faults of a page as it stands: rule and the elements concerned."""

    def look(page: Page) -> list[str]:
        # Past the page's own content security policy, which lets no foreign script in.
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("async () => (await axe.run()).violations")
        return [
            f"{one['id']}: {', '.join(' '.join(node['target']) for node in one['nodes'])}"
            for one in found
            if one["impact"] in ("serious", "critical")
        ]

    return look
