"""Signing in: password, code, one's own password, lock-out, one's own account."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyotp
import pytest
from argon2 import PasswordHasher
from flask.testing import FlaskClient
from lxml import html
from sqlalchemy import func, select, update

from admin.signin import authenticator, passwords
from admin.tables import passwords as password_rows
from admin.tables import refusals, sessions, tries
from settlement.audit import audit_rows
from settlement.outcomes import Reason, Refused
from tests.admin.office import Answer, Office
from tests.support import RING, acting

OWN = "三月的梧桐叶落在旧窗台上"
SPARE = "纸船顺着运河漂到了江边上"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What these tests are about costs no 64 MB a time."""
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


class Browser:
    """A browser that fills in what it sees."""

    def __init__(self, office: Office, address: str = "10.0.0.1") -> None:
        self.office, self.address = office, address
        self.client: FlaskClient = office.app.test_client()
        self.page = self.get("/signin/")

    def get(self, path: str) -> Answer:
        self.page = Answer(self.client.get(path, environ_base={"REMOTE_ADDR": self.address}))
        return self.page

    def send(self, path: str, **fields: Any) -> Answer:
        """The form of this address on the page in front of one, with what it carries; the next page is looked at at once."""
        forms = [form for form in html.fromstring(self.page.content).forms if form.action == path]
        assert forms, f"no form for {path} on the page"
        data = {**dict(forms[0].form_values()), **fields}
        self.page = Answer(self.client.post(path, data=data, environ_base={"REMOTE_ADDR": self.address}))
        answer = self.page
        if answer.status == 303:
            self.get(answer.location)
        return answer

    def enters(self, name: str, password: str) -> Answer:
        self.get("/signin/")
        return self.send("/signin/", name=name, password=password)

    @property
    def inside(self) -> bool:
        return self.get("/home/").status == 200


def with_password(office: Office, id: str, role: str, password: str = OWN, **scope: Any) -> str:
    """An officer who has set a password of their own."""
    office.officer(id, role, **scope)
    with office.app.test_request_context(), acting(office.engine, office.now) as act:
        passwords.set_for(act, RING, id)
        passwords.set_own(act, RING, id, "经办", password)
    return id


def secret_shown(answer: Answer) -> str:
    return str(answer.find("//code")[0].text).replace(" ", "")


def code(office: Office, secret: str) -> str:
    return pyotp.TOTP(secret).at(office.now)


def with_authenticator(office: Office, id: str, role: str) -> str:
    """An officer with password and authenticator; the secret. The time moves on past the code that was used."""
    with_password(office, id, role)
    browser = Browser(office)
    browser.enters(id, OWN)
    secret = secret_shown(browser.page)
    browser.send("/signin/authenticator", code=code(office, secret))
    assert browser.inside
    office.passes(minutes=2)
    return secret


def audited(office: Office, act: str) -> int:
    with office.engine.connect() as conn:
        return conn.scalar(select(func.count()).where(audit_rows.c.act == act)) or 0


def test_a_village_clerk_signs_in_with_a_password(office: Office) -> None:
    with_password(office, "village.li", "village")
    browser = Browser(office)
    answer = browser.enters("village.li", OWN)
    assert (answer.status, answer.location) == (303, "/home/")
    assert "村(社区)经办 · 村(社区) · 正谊村" in browser.page.text
    assert audited(office, "officer.sign_in") == 1


def test_the_page_asked_for_comes_after_signing_in(office: Office) -> None:
    with_password(office, "village.li", "village")
    browser = Browser(office)
    browser.get("/signin/own")
    browser.get("/home/kept?a=1")
    assert browser.page.location == "/signin/?over=1&next=/home/kept?a%3D1"
    browser.get(browser.page.location)
    assert browser.send("/signin/", name="village.li", password=OWN).location == "/home/kept?a=1"


def test_a_first_password_is_good_for_setting_ones_own(office: Office) -> None:
    office.officer("village.li", "village")
    with office.app.test_request_context(), acting(office.engine, office.now) as act:
        first = passwords.set_for(act, RING, "village.li")
    browser = Browser(office)
    assert browser.enters("village.li", first).location == "/signin/renew"
    assert not browser.inside
    browser.enters("village.li", first)
    weak = browser.send("/signin/renew", new_password="password1234", new_password_again="password1234")
    assert weak.status == 422 and "太常见" in weak.text
    assert browser.send("/signin/renew", new_password=OWN, new_password_again=SPARE).status == 422
    assert browser.send("/signin/renew", new_password=OWN, new_password_again=OWN).location == "/home/"
    assert browser.inside
    assert Browser(office).enters("village.li", first).status == 403


def test_a_first_password_ends_after_a_week(office: Office) -> None:
    office.officer("village.li", "village")
    with office.app.test_request_context(), acting(office.engine, office.now) as act:
        first = passwords.set_for(act, RING, "village.li")
    office.passes(days=7)
    assert Browser(office).enters("village.li", first).status == 303
    office.passes(seconds=1)
    assert Browser(office).enters("village.li", first).status == 403


def test_who_moves_money_sets_up_an_authenticator_and_then_needs_it(office: Office) -> None:
    secret = with_authenticator(office, "town.wang", "town")
    browser = Browser(office)
    assert browser.enters("town.wang", OWN).location == "/signin/code"
    assert not browser.inside
    browser.enters("town.wang", OWN)
    assert browser.send("/signin/code", code="000000").status == 403
    assert browser.send("/signin/code", code=code(office, secret)).location == "/home/"
    assert browser.inside


@pytest.mark.parametrize("role", sorted(authenticator.REQUIRED))
def test_the_roles_that_need_one_get_no_further_without(office: Office, role: str) -> None:
    with_password(office, "a.b", role)
    browser = Browser(office)
    assert browser.enters("a.b", OWN).location == "/signin/authenticator"
    assert not browser.inside


def test_a_code_counts_once(office: Office) -> None:
    secret = with_authenticator(office, "town.wang", "town")
    digits = code(office, secret)
    for expected in (303, 403):
        browser = Browser(office)
        browser.enters("town.wang", OWN)
        assert browser.send("/signin/code", code=digits).status == expected
    office.passes(seconds=30)
    browser = Browser(office)
    browser.enters("town.wang", OWN)
    assert browser.send("/signin/code", code=code(office, secret)).status == 303


def test_a_code_of_a_minute_ago_is_refused(office: Office) -> None:
    secret = with_authenticator(office, "town.wang", "town")
    old = code(office, secret)
    office.passes(seconds=61)
    browser = Browser(office)
    browser.enters("town.wang", OWN)
    assert browser.send("/signin/code", code=old).status == 403


def test_steps_are_not_skipped(office: Office) -> None:
    """A half-way session sends the form of another step: nothing opens."""
    with_authenticator(office, "town.wang", "town")
    browser = Browser(office)
    browser.enters("town.wang", OWN)
    token = browser.page.find("//input[@name='csrf_token']/@value")[0]
    for path in ("/signin/authenticator", "/signin/renew"):
        data = {"csrf_token": token, "form_id": secrets.token_urlsafe(16), "code": "1", "new_password": SPARE}
        answer = browser.client.post(path, data=data | {"new_password_again": SPARE})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/signin/code")
    assert not browser.inside
    with office.engine.connect() as conn:
        kept = conn.scalar(select(password_rows.c.hash).where(password_rows.c.officer_id == "town.wang"))
    assert passwords.matches(kept, OWN)


@pytest.mark.parametrize("name", ["village.li", "nobody.at.all"])
def test_five_wrong_tries_lock_a_name_whether_somebody_has_it_or_not(office: Office, name: str) -> None:
    with_password(office, "village.li", "village")
    browser = Browser(office)
    answers = [browser.enters(name, "wrong wrong wrong") for _ in range(6)]
    assert [answer.status for answer in answers] == [403] * 5 + [429]
    assert "15分钟后再试" in answers[5].text
    assert audited(office, "officer.locked") == (1 if name == "village.li" else 0)
    assert browser.enters(name, OWN).status == 429
    office.passes(minutes=15)
    assert browser.enters(name, OWN).status == (303 if name == "village.li" else 403)


def test_a_right_password_does_not_forgive_wrong_codes(office: Office) -> None:
    """Who knows the password cannot try codes without end."""
    with_authenticator(office, "town.wang", "town")
    browser = Browser(office)
    for _ in range(5):
        browser.enters("town.wang", OWN)
        assert browser.send("/signin/code", code="000000").status == 403
    assert browser.enters("town.wang", OWN).status == 429


def test_signing_in_forgives_the_tries_before(office: Office) -> None:
    with_password(office, "village.li", "village")
    for _ in range(3):
        browser = Browser(office)
        for _ in range(4):
            assert browser.enters("village.li", "wrong wrong wrong").status == 403
        assert browser.enters("village.li", OWN).status == 303


def test_an_address_is_locked_after_forty_wrong_tries_of_any_name(office: Office) -> None:
    with_password(office, "village.li", "village")
    with acting(office.engine, office.now) as act:
        row = {"minute": office.now.replace(second=0), "times": 39}
        with office.app.test_request_context(environ_base={"REMOTE_ADDR": "10.0.0.1"}):
            from admin.signin.tries import _source

            act.conn.execute(refusals.insert(), row | {"source": _source(RING)})
    browser = Browser(office)
    assert browser.enters("somebody", "wrong").status == 403
    assert browser.enters("village.li", OWN).status == 429
    assert Browser(office, address="10.0.0.2").enters("village.li", OWN).status == 303
    office.passes(minutes=16)
    assert browser.enters("village.li", OWN).status == 303


def test_passwords_are_kept_with_argon2id_at_the_cost_of_rfc_9106() -> None:
    """Its second choice: 64 MiB, three passes, four lanes."""
    assert passwords._NOBODYS.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_an_unknown_name_is_answered_like_a_wrong_password(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same page, and the same work: one comparison with a hash of the same cost."""
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher())
    with_password(office, "village.li", "village")
    compared: list[str] = []
    verify = PasswordHasher().verify

    class Counting:
        def verify(self, kept: str, password: str) -> bool:
            compared.append(kept.rsplit("$", 2)[0])
            return bool(verify(kept, password))

    monkeypatch.setattr(passwords, "_hasher", Counting())
    known, unknown = (Browser(office).enters(name, "wrong wrong wrong") for name in ("village.li", "nobody.here"))
    assert known.status == unknown.status == 403
    assert known.text == unknown.text
    assert len(compared) == 2 and compared[0] == compared[1] and compared[0].startswith("$argon2id$")


def test_who_left_is_answered_like_nobody(office: Office) -> None:
    from settlement.officers import officers

    with_password(office, "village.li", "village")
    browser = Browser(office)
    browser.enters("village.li", OWN)
    assert browser.inside
    with office.engine.begin() as conn:
        conn.execute(update(officers).values(active=False))
    assert not browser.inside
    assert Browser(office).enters("village.li", OWN).status == 403


def test_every_step_makes_a_new_token(office: Office) -> None:
    with_authenticator(office, "town.wang", "town")
    browser = Browser(office)
    held = []
    for _ in range(2):
        browser.enters("town.wang", OWN)
        with browser.client.session_transaction() as cookie:
            held.append(cookie["desk"])
    assert held[0] != held[1]
    with office.engine.connect() as conn:
        stored = conn.scalars(select(sessions.c.digest)).all()
    assert not set(held) & set(stored)


def test_signing_out_ends_the_session_on_the_server(office: Office) -> None:
    with_password(office, "village.li", "village")
    browser = Browser(office)
    browser.enters("village.li", OWN)
    with browser.client.session_transaction() as cookie:
        stolen = cookie["desk"]
    browser.send("/signin/leave")
    thief = office.app.test_client()
    with thief.session_transaction() as cookie:
        cookie["desk"] = stolen
    assert thief.get("/home/").status_code == 303


def test_ones_own_sessions_are_listed_and_ended(office: Office) -> None:
    with_password(office, "village.li", "village")
    here, there = Browser(office), Browser(office)
    for browser in (here, there):
        browser.enters("village.li", OWN)
        office.passes(minutes=1)
    here.get("/signin/own")
    assert len(here.page.find("//table//tbody/tr")) == 2
    answer = here.send("/signin/own/sessions/end")
    assert answer.status == 303
    assert here.inside and not there.inside


def test_another_officers_session_is_not_found(office: Office) -> None:
    mine, other = office.seat("village.li", "village"), office.seat("town.wang", "town")
    with office.engine.connect() as conn:
        theirs = conn.scalar(select(sessions.c.digest).where(sessions.c.officer_id == "town.wang"))
    assert theirs is not None
    assert mine.post("/signin/own/sessions/end", session=theirs[:16]).status == 404
    assert other.get("/home/").status == 200


def test_a_new_password_needs_the_present_one_and_ends_the_other_sessions(office: Office) -> None:
    with_password(office, "village.li", "village")
    here, there = Browser(office), Browser(office)
    for browser in (here, there):
        browser.enters("village.li", OWN)
    here.get("/signin/own")
    twice = {"new_password": SPARE, "new_password_again": SPARE}
    assert here.send("/signin/own/password", password="wrong", **twice).status == 403
    office.passes(seconds=1)
    assert here.send("/signin/own/password", password=OWN, **twice).status == 303
    assert "密码已更换" in here.page.text
    assert here.inside and not there.inside
    assert Browser(office).enters("village.li", OWN).status == 403
    assert Browser(office).enters("village.li", SPARE).status == 303


def test_another_phone_takes_over_with_password_and_a_code_of_the_old_one(office: Office) -> None:
    old = with_authenticator(office, "town.wang", "town")
    browser = Browser(office)
    browser.enters("town.wang", OWN)
    browser.send("/signin/code", code=code(office, old))
    office.passes(minutes=1)
    browser.get("/signin/own/authenticator")
    new = secret_shown(browser.page)
    assert new != old
    path = "/signin/own/authenticator"
    wrong = browser.send(path, password=OWN, present_code="000000", code=code(office, new))
    assert wrong.status == 403 and secret_shown(wrong) == new
    answer = browser.send(path, password=OWN, present_code=code(office, old), code=code(office, new))
    assert answer.status == 303
    office.passes(minutes=1)
    for secret, status in ((old, 403), (new, 303)):
        browser = Browser(office)
        browser.enters("town.wang", OWN)
        assert browser.send("/signin/code", code=code(office, secret)).status == status


def test_the_authenticators_secret_is_not_stored_in_the_clear(office: Office) -> None:
    secret = with_authenticator(office, "town.wang", "town")
    with office.engine.connect() as conn:
        row = conn.execute(select(password_rows)).one()
    assert secret not in str(row)
    assert row.hash.startswith("$argon2id$") and OWN not in str(row)
    assert authenticator.secret_of(RING, "town.wang", row) == secret


def test_no_name_that_was_tried_is_stored(office: Office) -> None:
    Browser(office).enters("typed-my-password-here", "wrong")
    with office.engine.connect() as conn:
        assert "typed-my" not in str(conn.execute(select(tries)).all())
        assert conn.scalar(select(func.count()).select_from(audit_rows)) == 0


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short", "至少12"),
        ("一二三四五六七八九十天", "至少12"),
        ("town.wang keeps it", "登录名"),
        ("my TOWN.WANG 2026!", "登录名"),
        ("王小明的密码在这里写着呢", "姓名"),
        ("wang-wang-wang-wang", "太常见"),
        ("aaaaaaaaaaaaaaa", "太常见"),
        ("123456789012345", "太常见"),
        ("Password2026!", "太常见"),
        ("qwertyuiopasdf", "太常见"),
        ("songbai.admin.123", "太常见"),
        ("ｐａｓｓｗｏｒｄ１２３４", "太常见"),
        ("x" * 201, "最多200"),
    ],
)
def test_a_weak_password_is_refused_with_the_reason(password: str, why: str) -> None:
    with pytest.raises(Refused) as caught:
        passwords.require_strong(password, "town.wang", "王小明")
    assert caught.value.reason is Reason.PASSWORD_WEAK
    assert why in caught.value.zh


@pytest.mark.parametrize(
    "password",
    [OWN, "correct horse battery staple", "Tk7-vQx9-mR2w", "长江大桥下第三棵柳树旁边", "in the town of tulips"],
)
def test_a_good_password_will_do(password: str) -> None:
    assert passwords.require_strong(password, "town.wang", "王小明") == passwords.normal(password)


def test_of_many_tries_at_once_five_are_looked_at(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """However they arrive: a try is used up before the password is compared."""
    with_password(office, "village.li", "village")
    looked: list[str] = []
    matches = passwords.matches

    def counting(kept: str | None, password: str) -> bool:
        looked.append(password)
        return matches(kept, password)

    monkeypatch.setattr(passwords, "matches", counting)
    browsers = [Browser(office) for _ in range(12)]
    with ThreadPoolExecutor(len(browsers)) as pool:
        answers = list(pool.map(lambda browser: browser.enters("village.li", "wrong wrong wrong").status, browsers))
    assert sorted(answers) == [403] * 5 + [429] * 7
    assert len(looked) == 5


def test_a_password_that_is_made_up_is_never_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter("77777777777777777gu4k2m9p3r8w5y6")
    monkeypatch.setattr(secrets, "choice", lambda _: next(drawn))
    assert passwords.made_up("fin.gu") == "7gu4-k2m9-p3r8-w5y6"
