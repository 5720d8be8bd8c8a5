"""The camera and the browser do what the other tests rely on."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page

from tests.browser.conftest import Street

SEES = """async () => {
  const stream = await navigator.mediaDevices.getUserMedia({video: true});
  const video = document.createElement('video');
  video.srcObject = stream;
  await video.play();
  const canvas = document.createElement('canvas');
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  const context = canvas.getContext('2d', {willReadFrequently: true});
  const dark = () => {
    context.drawImage(video, 0, 0);
    const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
    let count = 0;
    for (let i = 0; i < pixels.length; i += 4) if (pixels[i] < 60) count += 1;
    return count / (canvas.width * canvas.height);
  };
  let most = 0;
  for (let i = 0; i < 10; i += 1) { await new Promise(done => requestAnimationFrame(done)); most = Math.max(most, dark()); }
  stream.getTracks().forEach(track => track.stop());
  return most;
}"""


def test_the_camera_shows_what_is_held_up_and_then_something_else(street: Street) -> None:
    page = street.page()
    page.goto("/docs")
    assert page.evaluate(SEES) == 0
    street.camera.shows("https://songbai.example/card#SB1.abc.1")
    assert page.evaluate(SEES) > 0.05


def test_time_passes_for_the_page_and_the_server_alike(street: Street) -> None:
    page = street.page()
    page.goto("/docs")
    before = page.evaluate("Date.now()")
    street.passes(hours=1)
    assert 3_600_000 <= page.evaluate("Date.now()") - before < 3_660_000
    assert abs(page.evaluate("Date.now()") / 1000 - street.door.now.timestamp()) < 60


def test_a_fault_that_axe_knows_is_found(street: Street, axe: Callable[[Page], list[str]]) -> None:
    page = street.page()
    page.goto("/docs")
    page.evaluate("document.body.append(document.createElement('button'))")
    assert [fault.split(":")[0] for fault in axe(page)] == ["button-name"]
