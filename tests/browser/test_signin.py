"""The way in as a real browser takes it: password, authenticator, code; and by a single sign-on on another site, whose link brings no cookie of ours."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine, select
from werkzeug.serving import make_server

from admin.app import create_app
from admin.frame.console import ConsoleConfig, SingleSignOn
from admin.signin import passwords
from settlement import officers
from tests.admin.identity_provider import CLIENT, SECRET, Provider, serving
from tests.admin.office import Office
from tests.browser.conftest import DESK, PATIENCE, _Silent
from tests.browser.console import Console
from tests.conftest import Databases
from tests.support import RING, acting, at

OWN = "三月的梧桐叶落在旧窗台上"


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def engine(databases: Databases) -> Iterator[Engine]:
    fresh = databases.create("sqlite")
    yield fresh
    databases.drop(fresh)


@pytest.fixture
def provider() -> Iterator[Provider]:
    with serving(Provider(now)) as running:
        yield running


@pytest.fixture
def console(engine: Engine, provider: Provider) -> Iterator[tuple[Office, str]]:
    """A console on localhost with today's time; its single sign-on is another site: 127.0.0.1."""
    office = Office(engine, now())
    server = make_server("localhost", 0, office.app, threaded=True, request_handler=_Silent)
    url = f"http://localhost:{server.server_port}"
    single = SingleSignOn(provider.issuer, CLIENT, SECRET, url)
    office.app = server.app = create_app(engine, now, ConsoleConfig(RING, single=single))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield office, url
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page whose faults fail the test."""
    context = chromium.new_context(viewport={"width": DESK[0], "height": DESK[1]}, locale="zh-CN")
    page, faults = context.new_page(), list[str]()
    page.set_default_timeout(PATIENCE)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None)
    yield page
    context.close()
    assert faults == []


def test_a_town_officer_signs_in_for_the_first_time(
    console: tuple[Office, str], page: Page, axe: Callable[[Page], list[str]]
) -> None:
    office, url = console
    office.officer("town.wang", "town")
    with acting(office.engine, now()) as act:
        first = passwords.set_for(act, RING, "town.wang")
    page.goto(f"{url}/signin/own")
    assert axe(page) == []
    page.get_by_label("登录名").fill("town.wang")
    page.get_by_label("密码").fill(first)
    page.get_by_role("button", name="登录").click()
    assert axe(page) == []
    page.get_by_label("新密码").fill(OWN)
    page.get_by_label("再输一次").fill(OWN)
    page.get_by_role("button", name="设置").click()
    image = page.get_by_alt_text("验证器二维码")
    assert image.evaluate("image => image.naturalWidth") > 100  # drawn: the page's rules let it
    assert axe(page) == []
    secret = page.locator("code").inner_text().replace(" ", "")
    page.get_by_label("六位数字").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="绑定").click()
    page.get_by_role("heading", name="您好").wait_for()
    assert page.url == f"{url}/home/"


def test_a_browser_comes_back_from_the_single_sign_on(
    console: tuple[Office, str], provider: Provider, page: Page
) -> None:
    """Our cookie is for our own links; the page it comes back to leads on by itself."""
    office, url = console
    office.officer("audit.wei", "auditor")
    provider.subject = "audit.wei"
    page.goto(f"{url}/officers/")
    page.get_by_role("link", name="用统一身份认证登录").click()
    page.get_by_role("heading", level=1, name="账号").wait_for()
    assert page.url == f"{url}/officers/"
    assert "审计经办" in page.locator("header").inner_text()


def test_what_was_filled_in_when_the_session_ended_is_there_after_signing_in(engine: Engine, chromium: Browser) -> None:
    """An administrator fills in a new account, is called away for two hours, and sends it then."""
    console = Console(engine, RING, at("2026-07-01 09:00"), chromium)
    try:
        with acting(engine, console.now) as act:
            officers.add(act, "admin.shen", "沈管理", "admin")
            first = passwords.set_for(act, RING, "admin.shen")
        page = console.page(console.browser())
        page.goto("/officers/")
        _password(page, first)
        page.get_by_label("新密码").fill(OWN)
        page.get_by_label("再输一次").fill(OWN)
        page.get_by_role("button", name="设置").click()
        authenticator = pyotp.TOTP(page.locator("code").inner_text().replace(" ", ""))
        page.get_by_label("六位数字").fill(authenticator.at(console.now))
        page.get_by_role("button", name="绑定").click()
        page.get_by_role("heading", level=1, name="账号").wait_for()  # where the way in was taken from

        page.goto("/officers/new?role=auditor")
        page.get_by_label("登录名").fill("audit.wei")
        page.get_by_label("姓名").fill("魏审计")
        console.passes(hours=2)
        page.get_by_role("button", name="开设").click()
        page.get_by_text("没有提交成功的内容会保留").wait_for()
        _password(page, OWN)
        page.get_by_label("六位数字").fill(authenticator.at(console.now))
        page.get_by_role("button", name="继续").click()
        page.get_by_role("link", name="查看并继续").click()
        expect(page.locator("main")).to_contain_text("魏审计")
        page.get_by_role("button", name="继续提交").click()
        expect(page.locator("main")).to_contain_text("audit.wei")
        with engine.connect() as conn:
            assert conn.scalars(select(officers.officers.c.name).order_by("id")).all() == ["沈管理", "魏审计"]
        page.goto("/home/")
        assert page.get_by_role("link", name="查看并继续").count() == 0
        assert console.faults == []
    finally:
        console.close()


def _password(page: Page, password: str) -> None:
    page.get_by_label("登录名").fill("admin.shen")
    page.get_by_label("密码").fill(password)
    page.get_by_role("button", name="登录").click()
