"""Whatever is typed, or sent by somebody who never saw the page: the answer is a page in words, and no fault of ours."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pos_gateway.card import glance
from tests.pos_gateway.card.browser import PIN, Browser
from tests.pos_gateway.card.conftest import Holder
from tests.pos_gateway.card.serving import serve
from tests.pos_gateway.card.test_entering import FORMS
from tests.pos_gateway.town import Door

DRAWS = settings(max_examples=25, suppress_health_check=[*HealthCheck], database=None)
NASTY = st.one_of(
    st.text(max_size=40),
    st.binary(max_size=20),  # bytes that are no UTF-8
    st.sampled_from(
        ["", "\x00", "\ud800".encode("utf-8", "surrogatepass"), "9" * 30, "-1", "1e400", "²", "'; DROP TABLE cards; --"]
    ),
)
STAYS = {path: fields for path, fields in FORMS.items() if path not in ("/card/leave", "/card/scan")}


@pytest.mark.parametrize("path", sorted(STAYS))
def test_forms_of_an_open_page(door: Door, browser: Browser, holder: Holder, path: str) -> None:
    debit = serve(door, holder.senior_id, holder.code)
    browser.enter(holder.code)
    token = browser.form_token()
    names = sorted({*STAYS[path], "debit", "words", "day", "item", "amount", "purpose", "kind"} - {"pin"})
    good = {**STAYS[path], "debit": debit, "kind": "not_me", "item": "ZJ01", "amount": "12", "purpose": "debit"}

    @DRAWS
    @given(
        drawn=st.dictionaries(st.sampled_from(names), NASTY, min_size=1, max_size=3),
        more=st.lists(st.tuples(st.sampled_from(names), NASTY), max_size=2),
    )
    def send(drawn: dict[str, str | bytes], more: list[tuple[str, str | bytes]]) -> None:
        fields = {**good, **drawn, "csrf_token": token} | ({"pin": PIN} if path == "/card/family" else {})
        body = urlencode([*fields.items(), *more], errors="surrogatepass")
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = browser.http.post(path, content=body, headers=headers)
        assert answer.status_code < 500, (path, drawn, more)
        assert answer.headers["Content-Type"].startswith(("text/html", "application/json"))

    send()
    assert browser.open("/card/home").at == "/card/home"


@pytest.mark.parametrize("path", ["/card/home", "/card/complaint", "/card"])
def test_addresses_with_anything_behind_the_question_mark(browser: Browser, holder: Holder, path: str) -> None:
    browser.enter(holder.code)

    @DRAWS
    @given(value=NASTY, name=st.sampled_from(["debit", "all", "over", "x"]))
    def look(value: str | bytes, name: str) -> None:
        answer = browser.http.get(f"{path}?{urlencode({name: value}, errors='surrogatepass')}")
        assert answer.status_code in (200, 404, 422)
        assert "没有办成" in answer.text or answer.status_code == 200

    look()


@pytest.mark.parametrize("path", ["/card/complaint?debit=%00", "/card/complaint?debit=a%00b"])
def test_what_no_database_stores_is_not_found(browser: Browser, holder: Holder, path: str) -> None:
    browser.enter(holder.code).open(path)
    assert browser.page.status_code == (200 if path.endswith("=%00") else 404)
    browser.post("/card/complaint", debit="a\x00b", kind="not_me")
    assert browser.page.status_code == 404


def test_a_fault_of_ours_is_a_page_in_words_and_names_nobody(
    browser: Browser, holder: Holder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    quoted = "王桂英"

    def broken(*_: object) -> None:
        raise RuntimeError(quoted)

    monkeypatch.setattr(glance, "of", broken)
    browser.enter(holder.code)
    assert browser.page.status_code == 500 and "系统内部错误" in browser.text
    assert "RuntimeError" in caplog.text and quoted not in caplog.text + browser.text


@pytest.mark.parametrize("cookie", ["", "x", "a.b.c", "eyJjYXJkIjoieCJ9.aaaa.bbbb", "%00", "x" * 5000])
def test_cookies_that_are_none_of_ours(door: Door, cookie: str) -> None:
    browser = Browser(door.app, "10.1.0.1")
    headers = {"Cookie": f"songbai_card={cookie}; songbai_text=99<".encode()}
    for path in ("/card", "/card/home", "/card/prove"):
        answer = browser.http.get(path, headers=headers)
        assert answer.status_code == 200 and answer.url.path == "/card"
        assert 'class="size-1"' in answer.text


def test_bodies_that_are_no_forms(browser: Browser, holder: Holder) -> None:
    browser.enter(holder.code)
    for content, kind in (
        (b"{}", "application/json"),
        (b"\xff\xfe", "text/plain"),
        (b"--x", "multipart/form-data; boundary=x"),
        (b"a" * 2_000_000, "application/x-www-form-urlencoded"),
    ):
        answer = browser.http.post("/card/complaint", content=content, headers={"Content-Type": kind})
        assert answer.status_code in (403, 413), kind
        assert "没有办成" in answer.text
