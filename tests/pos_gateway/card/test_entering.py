"""The way in: card and PIN, card and a code to a telephone; what is tried in vain, and how it ends."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from pos_gateway.card.tables import one_time_codes, sessions
from settlement.audit import audit_rows
from settlement.cards import registry
from settlement.cards.token import url
from settlement.messages.tables import messages
from settlement.people import agents
from tests.cards.county import COUNTER
from tests.pos_gateway.card.browser import PIN, Browser, Mailbox, appoint, card_of, set_pin
from tests.pos_gateway.card.conftest import Holder
from tests.pos_gateway.town import DISTRICT, Door
from tests.support import RING, acting


def test_card_and_pin_open_the_page(browser: Browser, holder: Holder) -> None:
    browser.scan(holder.code)
    assert browser.at == "/card/prove" and "再证明是您本人" in browser.text
    browser.post("/card/prove/pin", pin="４０８ 317")  # as an input method may type it
    assert browser.at == "/card/home" and browser.page.status_code == 200
    assert "王桂英，您好" in browser.text and "150.00" in browser.text


def test_the_whole_address_of_the_qr_is_read_too(browser: Browser, holder: Holder) -> None:
    assert browser.enter(url("https://songbai.example", holder.code)).at == "/card/home"


def test_before_the_second_thing_nothing_personal_is_shown(browser: Browser, holder: Holder) -> None:
    browser.scan(holder.code)
    for secret in ("王桂英", "150.00", f"138{holder.senior_id:08d}"):
        assert secret not in browser.text
    assert "再证明" in browser.text
    for path in ("/card/home", "/card/family", "/card/dynamic-code", "/card/booking", "/card/complaint"):
        assert browser.http.get(path, follow_redirects=False).headers["Location"] == "/card?over=1"


@pytest.mark.parametrize("code", ["", "nonsense", "SB1.abc.1.t1.AAAA", "SB1D.x.1", "\x00", "<script>alert(1)</script>"])
def test_a_code_that_is_none_says_so(browser: Browser, code: str) -> None:
    browser.scan(code)
    assert browser.at == "/card" and "二维码无效" in browser.text
    assert "alert(1)" not in browser.text


def test_a_new_pin_closes_what_the_old_one_opened(door: Door, browser: Browser, holder: Holder) -> None:
    """Somebody else knew it; that is why the holder went to the counter. An agent, who came by a code of their own, stays."""
    agent = Browser(door.app, "10.7.0.9").scan(holder.code)
    appoint(door, holder.senior_id, "13900008888")
    browser.enter(holder.code)
    agent.open("/card/prove").post("/card/prove/send", to=str(agent_of(door, holder)))
    agent.post("/card/prove/code", code=door.app.extensions["songbai"].config.sender.code())
    assert (browser.at, agent.at) == ("/card/home", "/card/home")
    door.passes(minutes=1)
    set_pin(door, holder.senior_id)
    assert browser.open("/card/home").at == "/card"
    assert agent.open("/card/home").at == "/card/home"
    assert browser.enter(holder.code).at == "/card/home"


def agent_of(door: Door, holder: Holder) -> int:
    with door.town.engine.connect() as conn:
        return agents.of(conn, RING, holder.senior_id)[0].id


def test_a_card_that_was_reported_lost_opens_nothing_and_closes_what_is_open(
    door: Door, browser: Browser, holder: Holder
) -> None:
    browser.enter(holder.code)
    card_id = card_of(door, holder.senior_id)
    with acting(door.town.engine, door.now, COUNTER) as act:
        registry.report_lost(act, card_id)
    assert browser.open("/card/home").at == "/card"
    assert "此卡已挂失或已更换" in browser.scan(holder.code).text


def test_five_wrong_pins_lock_it(browser: Browser, holder: Holder) -> None:
    browser.scan(holder.code)
    for left in (4, 3, 2, 1):
        assert f"还可试{left}次" in browser.post("/card/prove/pin", pin="000001").text
    assert "已锁定" in browser.post("/card/prove/pin", pin="000001").text
    assert "已锁定" in browser.post("/card/prove/pin", pin=PIN).text
    assert browser.open("/card/home").at == "/card"


def test_a_code_to_the_own_telephone_opens_the_page_once(
    browser: Browser, holder: Holder, mailbox: Mailbox, door: Door
) -> None:
    browser.scan(holder.code).post("/card/prove/send", to="")
    [message] = mailbox.sent
    assert message.phone == f"138{holder.senior_id:08d}"
    assert f"138****{holder.senior_id:04d}" in browser.text
    code = mailbox.code()
    with door.town.engine.connect() as conn:  # once sent, its text is forgotten
        texts = conn.execute(select(messages.c.text_cipher).where(messages.c.senior_id == holder.senior_id)).scalars()
        assert list(texts) == [None]
    assert browser.post("/card/prove/code", code=code).at == "/card/home"
    again = browser.scan(holder.code).post("/card/prove/code", code=code)
    assert again.at == "/card/prove" and "验证码已失效" in again.text


def test_a_code_counts_only_where_it_was_asked_for(
    browser: Browser, holder: Holder, mailbox: Mailbox, door: Door
) -> None:
    browser.scan(holder.code).post("/card/prove/send", to="")
    stranger = Browser(door.app, "10.7.0.1").scan(holder.code)
    assert "验证码已失效" in stranger.post("/card/prove/code", code=mailbox.code()).text
    assert browser.post("/card/prove/code", code=mailbox.code()).at == "/card/home"


def test_a_code_is_tried_five_times_and_lives_ten_minutes(
    browser: Browser, holder: Holder, mailbox: Mailbox, door: Door
) -> None:
    browser.scan(holder.code).post("/card/prove/send", to="")
    wrong = f"{(int(mailbox.code()) + 1) % 10**6:06d}"
    for left in (4, 3, 2, 1):
        assert f"还可试{left}次" in browser.post("/card/prove/code", code=wrong).text
    assert "验证码已失效" in browser.post("/card/prove/code", code=wrong).text
    assert "验证码已失效" in browser.post("/card/prove/code", code=mailbox.code()).text
    browser.post("/card/prove/send", to="")
    door.passes(minutes=10)
    assert "验证码已失效" in browser.post("/card/prove/code", code=mailbox.code()).text
    browser.post("/card/prove/send", to="")
    assert browser.post("/card/prove/code", code=mailbox.code()).at == "/card/home"


def test_a_newer_code_takes_the_place_of_the_older(browser: Browser, holder: Holder, mailbox: Mailbox) -> None:
    browser.scan(holder.code).post("/card/prove/send", to="")
    first = mailbox.code()
    browser.post("/card/prove/send", to="")
    assert first != mailbox.code()  # one in a million
    assert "验证码不对" in browser.post("/card/prove/code", code=first).text


def test_eight_codes_a_day_for_one_card_whoever_asks(holder: Holder, mailbox: Mailbox, door: Door) -> None:
    for number in range(8):
        Browser(door.app, f"10.6.0.{number + 1}").scan(holder.code).post("/card/prove/send", to="")
    refused = Browser(door.app, "10.6.0.9").scan(holder.code).post("/card/prove/send", to="")
    assert refused.page.status_code == 429 and len(mailbox.sent) == 8
    assert refused.page.headers["Retry-After"] == str(24 * 3600)
    door.passes(hours=24, minutes=1)
    Browser(door.app, "10.6.0.10").scan(holder.code).post("/card/prove/send", to="")
    assert len(mailbox.sent) == 9


def test_without_pin_and_telephone_it_says_where_to_go(browser: Browser, door: Door) -> None:
    _, code = door.senior()
    assert "请带身份证到市民卡网点" in browser.scan(code).text
    assert "还没有设密码" in browser.post("/card/prove/pin", pin=PIN).text
    assert "没有可以收验证码的电话" in browser.post("/card/prove/send", to="").text


def test_an_agent_comes_in_by_their_own_telephone(
    browser: Browser, holder: Holder, mailbox: Mailbox, door: Door
) -> None:
    agent_id = appoint(door, holder.senior_id, "13922223333")
    browser.scan(holder.code)
    assert "代理人（子女）电话 139****3333" in browser.text and "陈小妹" not in browser.text
    browser.post("/card/prove/send", to=str(agent_id))
    assert mailbox.sent[-1].phone == "13922223333"
    browser.post("/card/prove/code", code=mailbox.code())
    assert "王桂英的服务卡（您是代理人）" in browser.text
    with acting(door.town.engine, door.now, DISTRICT) as act:
        agents.withdraw(act, agent_id, "老人不愿意了")
    assert browser.open("/card/home").at == "/card"


def test_a_code_goes_to_no_telephone_but_those_on_record(browser: Browser, holder: Holder, mailbox: Mailbox) -> None:
    for to in ("999", "13800000000", "None"):
        assert "没有可以收验证码的电话" in browser.scan(holder.code).post("/card/prove/send", to=to).text
    assert mailbox.sent == []


# -- guessing from one place --------------------------------------------------------------------------------------------------
def test_one_source_is_slowed_down_whatever_card_it_tries(door: Door) -> None:
    guesser = Browser(door.app, "10.5.0.1")
    for _ in range(20):
        assert guesser.scan("nonsense").page.status_code == 200
    refused = guesser.scan("nonsense")
    assert refused.page.status_code == 429 and "请10分钟后再试" in refused.text
    assert refused.page.headers["Retry-After"] == "600"
    assert Browser(door.app, "10.5.0.2").scan("nonsense").page.status_code == 200
    door.passes(minutes=11)
    assert guesser.scan("nonsense").page.status_code == 200


def test_guessing_pins_of_many_cards_from_one_place_is_slowed_down(door: Door) -> None:
    guesser = Browser(door.app, "10.5.0.3")
    seen = []
    for _ in range(6):
        senior_id, code = door.senior()
        set_pin(door, senior_id)
        guesser.scan(code)
        seen += [guesser.post("/card/prove/pin", pin="000001").page.status_code for _ in range(4)]
        if 429 in seen:
            break
    assert seen.index(429) == 20


# -- sessions -----------------------------------------------------------------------------------------------------------------
def test_what_was_held_before_never_becomes_the_open_session(browser: Browser, holder: Holder, door: Door) -> None:
    """Session fixation: whoever planted a token in this browser, or copied it before, has nothing."""
    browser.scan(holder.code)
    planted = browser.cookie()
    browser.post("/card/prove/pin", pin=PIN)
    assert browser.cookie() != planted
    thief = Browser(door.app, "10.4.0.1")
    thief.http.cookies.set("songbai_card", str(planted), domain="gateway.test", path="/card")
    assert thief.open("/card/home").at == "/card"
    assert thief.open("/card/prove").at == "/card"


def test_the_table_of_sessions_opens_nothing(browser: Browser, holder: Holder, door: Door) -> None:
    browser.enter(holder.code)
    with door.app.test_request_context():
        serializer = door.app.session_interface.get_signing_serializer(door.app)
    held = serializer.loads(browser.cookie())["card"]
    assert held not in str(door.snapshot())
    with door.town.engine.connect() as conn:
        [row] = conn.execute(select(sessions).where(sessions.c.senior_id == holder.senior_id)).all()
    assert (row.stage, row.agent_id, len(row.digest)) == ("open", None, 64)


def test_ten_minutes_without_use_end_it_and_each_use_moves_the_end(
    browser: Browser, holder: Holder, door: Door
) -> None:
    browser.enter(holder.code)
    for _ in range(3):
        door.passes(minutes=9, seconds=30)
        assert browser.open("/card/home").at == "/card/home"
    door.passes(minutes=9)
    assert browser.post("/card/stay").page.json() == {"seconds": 600}
    door.passes(minutes=10)
    browser.open("/card/home")
    assert browser.at == "/card" and "页面已经退出" in browser.text


def test_after_four_hours_it_ends_all_the_same(browser: Browser, holder: Holder, door: Door) -> None:
    browser.enter(holder.code)
    for _ in range(29):
        door.passes(minutes=8)
        assert browser.open("/card/home").at == "/card/home"
    door.passes(minutes=8)
    assert browser.open("/card/home").at == "/card"


def test_leaving_ends_it_for_every_copy_of_the_cookie(browser: Browser, holder: Holder, door: Door) -> None:
    browser.enter(holder.code)
    copy = browser.cookie()
    browser.post("/card/leave")
    assert browser.at == "/card" and "已退出" in browser.text
    other = Browser(door.app, "10.4.0.2")
    other.http.cookies.set("songbai_card", str(copy), domain="gateway.test", path="/card")
    assert other.open("/card/home").at == "/card"


def test_opening_is_on_record_with_who_and_how(browser: Browser, holder: Holder, door: Door) -> None:
    browser.enter(holder.code)
    subject = f"card:{card_of(door, holder.senior_id)}"
    with door.town.engine.connect() as conn:
        opened = audit_rows.c.act == "card.open_page", audit_rows.c.subject == subject
        [row] = conn.execute(select(audit_rows).where(*opened)).all()
    assert (row.actor, row.role) == (f"senior:{holder.senior_id}", "holder")
    assert row.after == {"who": "senior", "proof": "pin"}


# -- forms that are ours ------------------------------------------------------------------------------------------------------
FORMS = {
    "/card/scan": {"code": "x"},
    "/card/text-size": {"size": "2"},
    "/card/stay": {},
    "/card/leave": {},
    "/card/confirm": {"debit": "x", "answer": "yes"},
    "/card/dynamic-code": {"purpose": "visit"},
    "/card/complaint": {"kind": "rude"},
    "/card/complaint/withdraw": {"number": "1"},
    "/card/booking": {"words": "x"},
    "/card/booking/withdraw": {"number": "1"},
    "/card/family": {"name": "x", "phone": "13900000000", "relation": "child", "pin": PIN},
    "/card/family/end": {"number": "1"},
}


def test_a_form_of_another_site_does_nothing(browser: Browser, holder: Holder, door: Door) -> None:
    browser.enter(holder.code)
    before = door.snapshot()
    for path, fields in FORMS.items():
        for token in ("", "forged"):
            answer = browser.http.post(path, data={**fields, "csrf_token": token})
            assert answer.status_code == 403 and "页面放得太久" in answer.text, path
    assert door.snapshot() == before


def test_every_form_of_the_pages_is_in_that_list(door: Door) -> None:
    posts = {
        rule.rule
        for rule in door.app.url_map.iter_rules()
        if rule.endpoint.startswith("card.") and "POST" in (rule.methods or ())
    }
    assert posts == set(FORMS) | {"/card/prove/pin", "/card/prove/send", "/card/prove/code"}


def test_before_the_page_is_open_too(browser: Browser, holder: Holder, mailbox: Mailbox) -> None:
    browser.scan(holder.code)
    for path, fields in (("pin", {"pin": PIN}), ("send", {"to": ""}), ("code", {"code": "1"})):
        assert browser.http.post(f"/card/prove/{path}", data=fields).status_code == 403
    assert mailbox.sent == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_cookie_is_for_these_pages_only(door: Door, holder: Holder, scheme: str) -> None:
    browser = Browser(door.app, "10.3.0.1", scheme)
    browser.open("/card")
    [cookie] = [line for line in browser.page.headers.get_list("Set-Cookie") if "songbai_card" in line]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Path=/card" in cookie
    assert ("Secure" in cookie) == (scheme == "https")
    assert browser.enter(holder.code).at == "/card/home"


def test_headers_let_no_foreign_script_in_and_nothing_is_kept(browser: Browser, holder: Holder) -> None:
    for path in ("/card", "/door", "/card/home"):
        if path == "/card/home":
            browser.enter(holder.code)
        browser.open(path)
        policy = browser.page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy and "form-action 'self'" in policy
        assert browser.page.headers["Cache-Control"] == "no-store"
        assert not re.search(r"<script(?![^>]*\bsrc=)|\bon\w+=\"|style=\"", browser.text)


def test_codes_are_kept_as_digests_and_for_a_day(
    browser: Browser, holder: Holder, mailbox: Mailbox, door: Door
) -> None:
    browser.scan(holder.code).post("/card/prove/send", to="")
    mine = one_time_codes.c.card_id == card_of(door, holder.senior_id)
    with door.town.engine.connect() as conn:
        [row] = conn.execute(select(one_time_codes).where(mine)).all()
    assert row.code_index != mailbox.code() and len(row.code_index) == 32
    door.passes(hours=25)
    browser.scan(holder.code).post("/card/prove/send", to="")
    with door.town.engine.connect() as conn:
        assert len(conn.execute(select(one_time_codes).where(mine)).all()) == 1


# -- the size of the text -----------------------------------------------------------------------------------------------------
def test_without_scripts_the_size_is_chosen_by_a_form_that_leads_back(browser: Browser) -> None:
    browser.open("/door")
    browser.page = browser.http.post("/card/text-size", data={"csrf_token": "", "size": "4", "back": "/door"})
    assert browser.page.status_code == 403
    browser.open("/card").post("/card/text-size", size="4", back="/door")
    assert browser.at == "/door" and 'class="size-4"' in browser.text


@pytest.mark.parametrize("back", ["https://elsewhere.example/", "//elsewhere.example", "/card/leave", "\r\nX: y", ""])
def test_it_leads_back_to_our_pages_only(browser: Browser, back: str) -> None:
    assert browser.open("/card").post("/card/text-size", size="9", back=back).at == "/card"
    assert 'class="size-1"' in browser.text
