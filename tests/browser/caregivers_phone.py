"""A caregiver's phone as a test holds it: pressed, shown codes, closed and opened; what it shows is measured at every step."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import Any

from PIL import Image
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import select, update

from settlement.cards import token
from settlement.people import register
from settlement.people.tables import seniors
from settlement.visits.tables import debits, visits
from tests.browser.conftest import DESK, PHONE, SCREENS, Street
from tests.pos_gateway.town import PLACE
from tests.support import RING, acting

Axe = Callable[[Page], list[str]]
SENIORS_TAP = 60
SIZES = {"phone": PHONE, "desk": DESK}

TOO_SMALL = """([least, where]) => [...document.querySelectorAll('button, a[href], input')]
  .filter(part => part.closest(where))
  .map(part => [part.textContent.trim() || part.id, part.getBoundingClientRect()])
  .filter(([, box]) => box.width && (box.width < least || box.height < least))
  .map(([said, box]) => `${said} ${Math.round(box.width)}x${Math.round(box.height)}`)"""
SMALL_TEXT = """least => [...document.querySelectorAll('main *, .choices *')]
  .filter(part => [...part.childNodes].some(node => node.nodeType === 3 && node.textContent.trim()) && part.getClientRects().length)
  .filter(part => parseFloat(getComputedStyle(part).fontSize) < least || parseFloat(getComputedStyle(part).lineHeight) < 1.25 * parseFloat(getComputedStyle(part).fontSize) && part.textContent.length > 12)
  .map(part => `${part.textContent.trim().slice(0, 20)} ${getComputedStyle(part).fontSize}/${getComputedStyle(part).lineHeight}`)"""

LOOKED_AFTER = (
    "async () => { while (!navigator.serviceWorker.controller) await new Promise(done => setTimeout(done, 50)); }"
)


class Phone:
    """A caregiver's phone: what it shows is checked for its size and for who cannot see well, at every step."""

    def __init__(self, street: Street, axe: Axe, size: str = "phone", **more: Any) -> None:
        self.street, self.axe, self.size = street, axe, size
        self.context: BrowserContext = street.context(SIZES[size], **more)
        self.page = self.open()

    def open(self) -> Page:
        page = self.street.page(self.context)
        page.goto("/caregiver/")
        self.page = page
        return page

    def press(self, words: str) -> None:
        self.page.get_by_role("button", name=words).last.click()

    def holds_up(self, text: str, words: str) -> None:
        """Press what opens the camera while something is held in front of it."""
        self.street.camera.shows(text)
        self.press(words)
        expect(self.page.locator(".scanner")).to_have_count(0)

    def checks_in(self, code: str) -> None:
        self.holds_up(code, "扫卡签到")
        self.sees("至少 60 分钟")

    def sees(self, words: str) -> None:
        expect(self.page.get_by_text(words).first).to_be_visible()

    def looks(self, name: str, *, least_tap: int = 48, least_text: float = 14) -> None:
        """What is shown is big enough, can be read by everybody, and fits; kept as a picture for the guide when SONGBAI_SCREENS is set."""
        page = self.page
        page.evaluate("document.getElementById('screen').scrollTop = 0")
        where = "main, footer, .scanner" if least_tap == SENIORS_TAP else "body"  # the bar is the caregiver's
        assert page.evaluate(TOO_SMALL, [least_tap, where]) == [], name
        assert page.evaluate(SMALL_TEXT, least_text) == [], name
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is wider than the screen"
        assert self.axe(page) == [], name
        if os.environ.get("SONGBAI_SCREENS"):
            drawn = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            drawn.quantize(64).save(SCREENS / f"caregiver-{name}-{self.size}.png", optimize=True)

    def sent(self) -> None:
        """Everything that was recorded is with the server."""
        expect(self.page.locator("#signal")).to_contain_text("已连线")

    def closed_for(self, minutes: int) -> None:
        """The page is closed, and time goes by."""
        self.page.close()
        self.street.passes(minutes=minutes)
        self.context.clock.fast_forward(minutes * 60_000)

    def enrol(self) -> None:
        town = self.street.door.town
        code = self.street.door.code(caregiver=town.our_caregiver)
        self.holds_up(f"{self.street.url}/caregiver/#enrol={code}", "扫启用码")
        self.sees("手机已启用")


def mrs_wang(street: Street, yuan: int = 150) -> tuple[int, str]:
    """Mrs Wang with so much subsidy, an order for cooking (35 yuan) this morning, address and telephones: her id, and what her card's code says."""
    senior_id, code = street.door.senior(yuan)
    at_home = {
        "address_cipher": RING.encrypt("仙女镇正谊村三组 18 号", register.ADDRESS),
        "phone_cipher": RING.encrypt("051486540018", register.PHONE),
        "emergency_name": "王建国（儿子）",
        "emergency_phone_cipher": RING.encrypt("13800000018", register.EMERGENCY_PHONE),
        "latitude_e7": PLACE["latitude_e7"],
        "longitude_e7": PLACE["longitude_e7"] + 3000,
    }
    with acting(street.door.town.engine, street.door.now) as act:
        act.conn.execute(update(seniors).where(seniors.c.id == senior_id).values(at_home))
    street.door.order(senior_id)
    return senior_id, token.url(street.url, code)


def the_visit(street: Street, senior_id: int) -> Any:
    with street.door.town.engine.connect() as conn:
        return conn.execute(select(visits).where(visits.c.senior_id == senior_id)).one()


def the_debit(street: Street, visit_id: str) -> Any:
    with street.door.town.engine.connect() as conn:
        return conn.execute(select(debits).where(debits.c.visit_id == visit_id)).one()
