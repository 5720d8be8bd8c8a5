"""The senior's page in a real browser: the card is scanned, the PIN typed, everything is large, and nothing is left behind."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from settlement.cards.token import url
from tests.browser.conftest import DESK, PHONE, Street
from tests.pos_gateway.card.browser import PIN, appoint, give_phone, set_pin
from tests.pos_gateway.card.serving import serve

SIZES = pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])

# What the norm for elderly-friendly pages asks, measured as it is drawn.
MEASURED = """(least) => {
  const shown = (e) => e.checkVisibility({visibilityProperty: true}) && e.getBoundingClientRect().width > 0;
  const hidden = (e) => e.closest('.skip') !== null;
  const named = (e) => `${e.tagName.toLowerCase()}.${e.className} "${(e.innerText || e.value || '').slice(0, 20)}"`;
  const texts = [...document.querySelectorAll('body *')].filter(e => shown(e) && !hidden(e) && !e.closest('svg')
    && [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()));
  const found = [];
  for (const e of texts) {
    const style = getComputedStyle(e);
    const font = parseFloat(style.fontSize);
    const spacing = parseFloat(style.lineHeight) / font;
    if (font < (e.closest('.sizes') ? 18 : least)) found.push(`text of ${font} px: ${named(e)}`);
    if (!(spacing >= 1.299)) found.push(`line spacing ${spacing}: ${named(e)}`);
  }
  const targets = [...document.querySelectorAll('a[href], button, input, textarea, select')].filter(e => shown(e) && !hidden(e));
  for (const e of targets) {
    const box = (e.closest('label') || e).getBoundingClientRect();
    if (box.width < 60 || box.height < 60) found.push(`target of ${box.width} x ${box.height}: ${named(e)}`);
  }
  if (document.documentElement.scrollWidth > window.innerWidth) found.push(`wider than the screen: ${document.documentElement.scrollWidth}`);
  return {found, texts: texts.length, targets: targets.length};
}"""


def fits_the_norm(page: Page, axe: Callable[[Page], list[str]]) -> None:
    """At the normal size and at the largest: letters, line spacing, targets, width; and nothing serious that axe knows."""
    for code, least in (("4", 30), ("1", 18)):
        page.locator(f".sizes button[value='{code}']").click()
        expect(page.locator("html")).to_have_class(f"size-{code}")
        measured = page.evaluate(MEASURED, least)
        assert measured["found"] == [], f"{page.url} at size {code}"
        assert measured["texts"] >= 5 and measured["targets"] >= 4
        assert axe(page) == []


def holder(street: Street) -> tuple[int, str]:
    senior_id, code = street.door.senior(yuan=150)
    set_pin(street.door, senior_id)
    give_phone(street.door, senior_id, "13812345678")
    return senior_id, code


def enter(page: Page, street: Street, code: str) -> None:
    page.goto(url(street.url, code))
    page.wait_for_url("**/card/prove")
    page.locator("#pin").fill(PIN)
    page.locator("form:has(#pin) button.main").click()
    page.wait_for_url("**/card/home")


@SIZES
def test_scan_prove_and_see_it_all_at_a_glance(
    street: Street, axe: Callable[[Page], list[str]], size: tuple[int, int]
) -> None:
    senior_id, code = holder(street)
    serve(street.door, senior_id, code)
    page = street.page(street.context(size))
    shown = "phone" if size == PHONE else "desk"

    page.goto(f"{street.url}/card")
    expect(page.get_by_role("heading", level=1)).to_contain_text("查看我的养老服务卡")
    fits_the_norm(page, axe)
    street.screenshot(page, f"senior-arrive-{shown}")

    # The code behind the # is handed in by itself, and stands in no address afterwards.
    page.goto(url(street.url, code))
    page.wait_for_url("**/card/prove")
    fits_the_norm(page, axe)
    street.screenshot(page, f"senior-prove-{shown}")
    page.locator("#pin").fill(PIN)
    page.locator("form:has(#pin) button.main").click()
    page.wait_for_url("**/card/home")

    expect(page.locator("#balance .figure")).to_have_text("115.00")
    expect(page.locator("#balance")).to_contain_text("不会过期")
    expect(page.locator(".line-item").first).to_contain_text("上门做饭")
    expect(page.locator(".line-item").first).to_contain_text("李秀兰 工号0017，安康养老服务中心")
    expect(page.locator(".line-item").first).to_contain_text("61分钟")
    fits_the_norm(page, axe)
    street.screenshot(page, f"senior-home-{shown}")


def test_the_measure_finds_what_is_too_small(street: Street) -> None:
    page = street.page()
    page.goto(f"{street.url}/card")
    page.evaluate("""() => {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync('h1 .zh { font-size: 17px; } .steps li { line-height: 1.2; } .sizes .size { min-height: 0; height: 59px; }');
      document.adoptedStyleSheets = [sheet];
    }""")
    found = page.evaluate(MEASURED, 18)["found"]
    assert any("text of 17 px" in one for one in found)
    assert any("line spacing 1.2" in one for one in found)
    assert sum("target of 60 x 59" in one for one in found) == 4


def test_the_balance_is_the_first_thing_on_the_smallest_screen(street: Street) -> None:
    _, code = holder(street)
    page = street.page()
    enter(page, street, code)
    box = page.locator("#balance .figure").bounding_box()
    assert box is not None and box["y"] + box["height"] <= 640


@pytest.mark.parametrize(
    ("link", "name"),
    [("动态码", "dynamic"), ("预约服务", "booking"), ("提意见", "complaint"), ("家人代办", "family")],
)
def test_every_other_page_fits_the_norm_too(
    street: Street, axe: Callable[[Page], list[str]], link: str, name: str
) -> None:
    senior_id, code = holder(street)
    appoint(street.door, senior_id, "13922223333")
    for size, shown in ((PHONE, "phone"), (DESK, "desk")):
        page = street.page(street.context(size))
        enter(page, street, code)
        page.locator(".doings").get_by_role("link", name=link).click()
        fits_the_norm(page, axe)
        street.screenshot(page, f"senior-{name}-{shown}")


def test_the_dynamic_code_is_large_and_says_when_it_is_over(street: Street, axe: Callable[[Page], list[str]]) -> None:
    _, code = holder(street)
    page = street.page()
    enter(page, street, code)
    page.goto(f"{street.url}/card/dynamic-code")
    page.locator("#amount").fill("35")
    page.get_by_role("button", name="生成付款码").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("付款码：35.00元")
    digits = page.locator("#code-digits")
    assert len(digits.inner_text().replace(" ", "")) == 8
    assert float(digits.evaluate("e => getComputedStyle(e).fontSize").removesuffix("px")) >= 48
    square = page.locator(".qr svg").bounding_box()
    assert square is not None and square["width"] >= 250
    fits_the_norm(page, axe)
    street.screenshot(page, "senior-code-phone")
    street.passes(seconds=31)
    expect(page.locator("#dead")).to_be_visible()
    expect(page.locator("#live")).to_be_hidden()


def test_not_me_in_three_touches(street: Street, axe: Callable[[Page], list[str]]) -> None:
    senior_id, code = holder(street)
    serve(street.door, senior_id, code)
    page = street.page()
    enter(page, street, code)
    page.get_by_role("link", name="不是我，或没有这回事").click()
    page.get_by_text("没有来服务").click()
    fits_the_norm(page, axe)
    page.get_by_role("button", name="提交").click()
    page.wait_for_url("**/card/home")
    expect(page.get_by_role("status")).to_contain_text("已收到，编号")
    expect(page.locator(".line-item").first).to_contain_text("意见正在处理")
    fits_the_norm(page, axe)
    street.screenshot(page, "senior-said-phone")


def test_before_it_is_left_by_itself_one_is_asked_and_may_stay(
    street: Street, axe: Callable[[Page], list[str]]
) -> None:
    _, code = holder(street)
    page = street.page()
    enter(page, street, code)
    expect(page.locator("#ending")).to_be_hidden()
    street.passes(minutes=8)
    expect(page.locator("#ending")).to_be_visible()
    fits_the_norm(page, axe)
    street.screenshot(page, "senior-ending-phone")
    page.get_by_role("button", name="我还在").click()
    expect(page.locator("#ending")).to_be_hidden()
    street.passes(minutes=8)
    expect(page.locator("#ending")).to_be_visible()
    street.passes(minutes=3)
    page.wait_for_url("**/card?over=1")
    expect(page.locator("body")).not_to_contain_text("王桂英")


def test_the_way_back_shows_nothing_after_leaving(street: Street) -> None:
    _, code = holder(street)
    page = street.page()
    enter(page, street, code)
    page.get_by_role("button", name="退出").click()
    page.wait_for_url("**/card")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_contain_text("查看我的养老服务卡")
    assert "王桂英" not in page.content()


def test_the_size_of_the_text_is_remembered_and_what_was_typed_stays(street: Street) -> None:
    _, code = holder(street)
    page = street.page()
    enter(page, street, code)
    page.goto(f"{street.url}/card/booking")
    page.locator("#words").fill("请带梯子")
    with page.expect_response("**/card/text-size"):
        page.locator(".sizes button[value='3']").click()
    assert page.locator("#words").input_value() == "请带梯子"
    assert page.evaluate("getComputedStyle(document.body).fontSize") == "30px"
    page.goto(f"{street.url}/card/home")
    assert page.evaluate("getComputedStyle(document.body).fontSize") == "30px"


def test_it_is_read_aloud_in_chinese_without_the_buttons(street: Street) -> None:
    senior_id, code = holder(street)
    serve(street.door, senior_id, code)
    page = street.page()
    page.add_init_script("speechSynthesis.speak = (said) => { window.said = {text: said.text, lang: said.lang}; }")
    enter(page, street, code)
    page.get_by_role("button", name="读给我听").click()
    said = page.evaluate("window.said")
    assert said["lang"] == "zh-CN"
    assert "补贴还剩 115.00 元" in said["text"] and "上门做饭" in said["text"]
    assert "不是我" not in said["text"] and "Subsidy" not in said["text"]


def test_printed_it_is_the_account_without_buttons(street: Street) -> None:
    senior_id, code = holder(street)
    serve(street.door, senior_id, code)
    page = street.page()
    enter(page, street, code)
    page.emulate_media(media="print")
    expect(page.locator("#balance .figure")).to_be_visible()
    expect(page.locator(".print-only")).to_be_visible()
    for what in (".doings", ".sizes", ".bottom", ".tools"):
        expect(page.locator(what)).to_be_hidden()
    assert page.locator("button:visible, a:visible").count() == 0


@SIZES
def test_a_door_plate_says_what_it_is_and_nothing_about_who_lives_there(
    street: Street, axe: Callable[[Page], list[str]], size: tuple[int, int]
) -> None:
    page = street.page(street.context(size))
    page.goto(f"{street.url}/door#SB1D.abc.1.t1.xyz")
    expect(page.get_by_role("heading", level=1)).to_contain_text("这是上门服务签到码")
    fits_the_norm(page, axe)
    street.screenshot(page, f"senior-plate-{'phone' if size == PHONE else 'desk'}")


def test_by_keyboard_alone(street: Street) -> None:
    _, code = holder(street)
    page = street.page()
    enter(page, street, code)
    page.goto(f"{street.url}/card/dynamic-code")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "amount":
            break
    page.keyboard.type("12.5")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("付款码：12.50元")
