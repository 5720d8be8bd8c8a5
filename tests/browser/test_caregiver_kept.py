"""The app itself is kept on the phone: it opens without signal from the first visit on, and changes only when asked to."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from pos_gateway.caregiver import shell
from tests.browser.conftest import Street

UPDATE = "navigator.serviceWorker.ready.then(kept => kept.update())"
UNTIL = "async () => { while (!(await (%s))) await new Promise(done => setTimeout(done, 50)); }"
LOOKED_AFTER = UNTIL % "navigator.serviceWorker.controller !== null"


def test_after_the_first_visit_it_opens_without_signal(street: Street) -> None:
    context = street.context()
    page = street.page(context)
    page.goto("/caregiver/")
    page.evaluate(LOOKED_AFTER)
    page.close()
    context.set_offline(True)
    again = street.page(context)
    again.goto("/caregiver/")
    expect(again.get_by_role("heading", name="启用这部手机")).to_be_visible()
    expect(again.get_by_text("无信号")).to_be_visible()


def test_nothing_of_the_gateways_answers_is_kept(street: Street) -> None:
    page = street.page()
    page.goto("/caregiver/")
    page.evaluate(LOOKED_AFTER)
    kept = page.evaluate(
        """async () => {
          const found = [];
          for (const name of await caches.keys())
            for (const request of await (await caches.open(name)).keys()) found.push(new URL(request.url).pathname);
          return found;
        }"""
    )
    assert len(kept) > 20 and all(path.startswith("/caregiver/") for path in kept)


def test_a_new_version_waits_until_the_caregiver_says_so(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    page = street.page()
    page.goto(f"/caregiver/#enrol={street.door.code(caregiver=street.door.town.our_caregiver)}")
    page.get_by_role("button", name="启用").click()
    expect(page.get_by_text("手机已启用")).to_be_visible()
    page.evaluate(LOOKED_AFTER)
    first = page.evaluate("caches.keys()")
    newer = shell.worker().replace('"version": "', '"version": "newer-', 1)
    monkeypatch.setattr(shell, "worker", lambda: newer)
    page.evaluate(UPDATE)
    offer = page.get_by_role("button", name="有新版本")
    expect(offer).to_be_visible()
    offer.click()
    expect(offer).to_have_count(0)
    expect(page.get_by_text("今日工单")).to_be_visible()
    page.evaluate(UNTIL % f"caches.keys().then(now => now.length === 1 && now[0] !== '{first[0]}')")


def test_a_browser_that_keeps_nothing_says_so(street: Street) -> None:
    context = street.context()
    context.add_init_script("indexedDB.open = () => { throw new DOMException('no', 'SecurityError'); };")
    page = street.page(context)
    page.goto("/caregiver/")
    expect(page.locator("#screen")).to_contain_text("存不了记录")
