"""The camera over the screen: what it reads, what it says, how it tells without being looked at."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image, ImageOps
from playwright.sync_api import Page, expect

from tests.browser.conftest import Street

NOTED = """
  globalThis.noted = {buzzes: [], tones: [], torch: []};
  navigator.vibrate = (pattern) => noted.buzzes.push(pattern);
  const Tone = OscillatorNode;
  globalThis.OscillatorNode = class extends Tone {
    constructor(context, options) { super(context, options); noted.tones.push(options.frequency); }
  };
  MediaStreamTrack.prototype.getCapabilities = () => ({torch: true});
  MediaStreamTrack.prototype.applyConstraints = async (wanted) => { noted.torch.push(wanted.advanced[0].torch); };
"""


@pytest.fixture
def page(street: Street) -> Page:
    context = street.context()
    context.add_init_script(NOTED)
    page = street.page(context)
    page.goto("/caregiver/")
    return page


def noted(page: Page, what: str) -> Any:
    return page.evaluate(f"noted.{what}")


def aim(page: Page) -> None:
    page.get_by_role("button", name="扫启用码").click()


def test_a_code_is_told_by_a_high_tone_and_one_buzz(street: Street, page: Page) -> None:
    street.camera.shows(f"{street.url}/caregiver/#enrol={street.door.code(caregiver=street.door.town.our_caregiver)}")
    aim(page)
    expect(page.get_by_text("手机已启用")).to_be_visible()
    assert (noted(page, "buzzes"), noted(page, "tones")) == ([120], [1320])


def test_another_code_is_told_once_by_a_low_tone_and_two_buzzes(street: Street, page: Page) -> None:
    street.camera.shows("https://elsewhere.example/")
    aim(page)
    expect(page.get_by_text("这不是启用码")).to_be_visible()
    page.wait_for_timeout(600)
    assert (noted(page, "buzzes"), noted(page, "tones")) == ([[90, 90, 90]], [330])
    page.get_by_role("button", name="返回").click()
    expect(page.locator(".scanner")).to_have_count(0)
    expect(page.get_by_role("button", name="扫启用码")).to_be_focused()


def test_a_light_code_on_dark_ground_is_read_too(street: Street, page: Page) -> None:
    street.camera.shows(f"#enrol={street.door.code(caregiver=street.door.town.our_caregiver)}")
    street.camera._show(ImageOps.invert(Image.open(street.camera.file).crop((90, 10, 550, 470))))
    aim(page)
    expect(page.get_by_text("手机已启用")).to_be_visible()


def test_the_torch_goes_on_and_off(page: Page) -> None:
    aim(page)
    torch = page.get_by_role("button", name="手电")
    torch.click()
    expect(torch).to_have_attribute("aria-pressed", "true")
    torch.click()
    expect(torch).to_have_attribute("aria-pressed", "false")
    assert noted(page, "torch") == [True, False]


def test_the_camera_is_let_go_when_the_caregiver_goes_back(page: Page) -> None:
    aim(page)
    page.evaluate(
        "async () => { while (!document.querySelector('.scanner video').srcObject) await new Promise(done => setTimeout(done, 50)); }"
    )
    page.evaluate("globalThis.seen = document.querySelector('.scanner video').srcObject.getTracks()")
    page.keyboard.press("Escape")
    expect(page.locator(".scanner")).to_have_count(0)
    assert page.evaluate("seen.map(track => track.readyState)") == ["ended"]
