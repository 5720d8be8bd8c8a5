"""Many browsers at the same moment: tries are counted one by one, a code opens one page, eight codes a day are eight."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from tests.pos_gateway.card.browser import PIN, Browser, Mailbox
from tests.pos_gateway.card.conftest import Holder
from tests.pos_gateway.town import Door


def at_once(many: int, do: Callable[[int], str]) -> Counter[str]:
    start = Barrier(many)

    def one(number: int) -> str:
        start.wait()
        return do(number)

    with ThreadPoolExecutor(many) as pool:
        return Counter(pool.map(one, range(many)))


def copies(door: Door, browser: Browser, many: int) -> list[Browser]:
    """The same session in several browsers, each with the form's token, at addresses of their own."""
    found = []
    for number in range(many):
        copy = Browser(door.app, f"10.20.{number}.1")
        copy.http.cookies.set("songbai_card", str(browser.cookie()), domain="gateway.test", path="/card")
        found.append(copy.open("/card/prove"))
    return found


def said(page: str) -> str:
    return next((word for word in ("验证码不对", "验证码已失效") if word in page), "other")


def test_ten_wrong_codes_at_once_are_five_tries(door: Door, browser: Browser, holder: Holder, mailbox: Mailbox) -> None:
    browser.scan(holder.code).post("/card/prove/send", to="")
    wrong = f"{(int(mailbox.code()) + 1) % 10**6:06d}"
    open_ones = copies(door, browser, 10)
    answers = at_once(10, lambda n: said(open_ones[n].post("/card/prove/code", code=wrong).text))
    assert answers == {"验证码不对": 4, "验证码已失效": 6}
    assert said(browser.post("/card/prove/code", code=mailbox.code()).text) == "验证码已失效"


def test_the_right_code_at_once_opens_one_page(door: Door, browser: Browser, holder: Holder, mailbox: Mailbox) -> None:
    browser.scan(holder.code).post("/card/prove/send", to="")
    code, open_ones = mailbox.code(), copies(door, browser, 5)
    assert at_once(5, lambda n: open_ones[n].post("/card/prove/code", code=code).at)["/card/home"] == 1


def test_the_right_pin_at_once_opens_one_page(door: Door, browser: Browser, holder: Holder) -> None:
    browser.scan(holder.code)
    open_ones = copies(door, browser, 5)
    assert at_once(5, lambda n: open_ones[n].post("/card/prove/pin", pin=PIN).at)["/card/home"] == 1


def test_twelve_who_ask_at_once_get_eight_codes(door: Door, holder: Holder, mailbox: Mailbox) -> None:
    askers = [Browser(door.app, f"10.21.{number}.1").scan(holder.code) for number in range(12)]
    answers = at_once(12, lambda n: str(askers[n].post("/card/prove/send", to="").page.status_code))
    assert answers == {"200": 8, "429": 4}
    assert len(mailbox.sent) == 8
