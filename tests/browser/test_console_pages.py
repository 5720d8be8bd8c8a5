"""Every page of the console that an officer can reach by its links, over a county that lived a quarter: it answers, fits, and can be read and used
by everybody."""

from __future__ import annotations

import re
import shutil
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Error, Page
from sqlalchemy import select
from werkzeug.routing import RequestRedirect

from settlement import keys
from settlement.db import make_engine, migrate
from settlement.officers import ROLES as WORDS
from settlement.officers import add, officers
from tests.browser.conftest import DESK, PHONE
from tests.browser.console import Console
from tests.outputs.test_recompute import county
from tests.support import acting, at

__all__ = ["county"]

Axe = Callable[[Page], list[str]]
MOST = 60
"""Pages of one role."""
SMALL = """() => [...document.querySelectorAll('main a, main button, main label')].filter((one) => {
  const { width, height } = one.getBoundingClientRect();
  return width && parseFloat(getComputedStyle(one).fontSize) < 12;
}).map((one) => one.textContent.trim())"""


CODE = re.compile(r"\b[a-z]+_[a-z_]+\b")
"""What the program calls something; people call it otherwise."""


@pytest.fixture(scope="module")
def console(county: Path, chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    home = tmp_path_factory.mktemp("console")
    shutil.copyfile(county / "songbai.db", home / "songbai.db")
    engine = make_engine(f"sqlite:///{home / 'songbai.db'}")
    migrate(engine)
    console = Console(engine, keys.load(county / "keys.json"), at("2026-11-10 09:00"), chromium)
    with acting(engine, console.now) as act:
        for role in ("hotline", "admin", "town_finance"):
            add(
                act,
                f"{role.partition('_')[0]}.a",
                WORDS[role][0],
                role,
                **({"town": "仙女镇"} if role == "town_finance" else {}),
            )
    yield console
    console.close()
    engine.dispose()


@pytest.fixture(scope="module")
def looked_at() -> set[str]:
    """Pages whose faults are known already."""
    return set()


ROLES = (
    *("village", "town", "town_finance", "civil_affairs", "district_finance", "provider", "assessor"),
    *("card_counter", "auditor", "hotline", "admin"),
)


@pytest.mark.parametrize("role", ROLES)
def test_every_page_of_a_role(console: Console, axe: Axe, looked_at: set[str], role: str) -> None:
    with console.engine.connect() as conn:
        who = conn.scalar(select(officers.c.id).where(officers.c.role == role).order_by(officers.c.id))
    assert who is not None
    page = console.page(console.browser(who))
    queue, met, wrong = deque(["/home/"]), set(), []
    while queue and len(met) < MOST:
        path = queue.popleft()
        route = _route(console, path)
        if route is None or route in met:
            continue
        met.add(route)
        try:
            answer = page.goto(path)
        except Error as error:
            if "Download is starting" not in error.message:
                raise
            continue
        assert answer is not None
        if answer.status >= 400:
            wrong.append(f"{path}: {answer.status}")
            continue
        if route not in looked_at:  # what one role was shown looks no different to another
            looked_at.add(route)
            wrong += [f"{path}: {fault}" for fault in axe(page)]
        for size in (PHONE, DESK):
            page.set_viewport_size({"width": size[0], "height": size[1]})
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                wrong.append(f"{path}: wider than a screen of {size[0]}")
        if not route.startswith("/audit/"):  # there codes stand beside their words
            wrong += [f"{path}: a code: {code}" for code in CODE.findall(page.locator("main").inner_text())]
        wrong += [f"{path}: too small: {text}" for text in page.evaluate(SMALL)]
        if page.locator("h1").count() != 1:
            wrong.append(f"{path}: {page.locator('h1').count()} first headings")
        queue.extend(page.evaluate("[...document.querySelectorAll('a[href]')].map((one) => one.getAttribute('href'))"))
    assert wrong + console.faults == []
    assert len(met) > 1


def _route(console: Console, href: str) -> str | None:
    """The rule behind an address of the console; None for files, other addresses, and what is the same page otherwise sorted."""
    parts = urlsplit(href)
    if parts.netloc or not parts.path.startswith("/") or "export=" in parts.query:
        return None
    adapter = console.app.url_map.bind("localhost")
    try:
        rule, _ = adapter.match(parts.path, method="GET", return_rule=True)
    except RequestRedirect:
        return None
    kept = [word for word in ("download", "pdf", "xlsx", "csv", "paper", "static", "export") if word in rule.rule]
    return None if kept else str(rule.rule)
