"""Signing in by OpenID Connect, against a provider on a loopback socket that answers, and one that lies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from flask.testing import FlaskClient
from joserfc.jwk import RSAKey
from sqlalchemy import Engine, select

from admin.app import create_app
from admin.frame.console import ConsoleConfig, SingleSignOn
from admin.server import single_sign_on
from admin.signin import oidc
from admin.tables import sessions
from settlement.outcomes import Reason, Refused
from tests.admin.identity_provider import CLIENT, SECRET, Provider, serving
from tests.admin.office import Answer, Office
from tests.admin.test_signin import Browser, code, quick, with_authenticator
from tests.conftest import Databases
from tests.support import RING, at

__all__ = ["quick"]

CONSOLE = "https://console.test"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with serving(Provider(lambda: at("2026-07-15 09:00"))) as running:
        yield running


@pytest.fixture
def engine(databases: Databases) -> Iterator[Engine]:
    fresh = databases.create("sqlite")
    yield fresh
    databases.drop(fresh)


@pytest.fixture
def office(engine: Engine, provider: Provider) -> Office:
    """A console with a single sign-on; the provider is honest again, and an officer without a password of ours sits at the browser."""
    opened = Office(engine)
    single = SingleSignOn(provider.issuer, CLIENT, SECRET, CONSOLE)
    opened.app = create_app(engine, lambda: opened.now, ConsoleConfig(RING, single=single))
    provider.subject, provider.twist, provider.signs_with, provider.called = "audit.wei", dict, None, None
    provider.clock = lambda: opened.now
    opened.officer("audit.wei", "auditor")
    return opened


def back(client: FlaskClient, path: str = "/signin/abroad") -> str:
    """To the provider and back: the address on the page that leads on."""
    away = client.get(path)
    assert away.status_code == 303, away.get_data(as_text=True)
    returned = urlsplit(httpx.get(away.headers["Location"]).headers["Location"])
    assert f"{returned.scheme}://{returned.netloc}" == CONSOLE
    # By another site's link: without our cookie.
    page = Answer(client.application.test_client().get(f"{returned.path}?{returned.query}"))
    assert page.status == 200
    refresh = page.find("//meta[@http-equiv='refresh']/@content")[0]
    return str(refresh).partition("url=")[2]


def signs_in(office: Office) -> tuple[FlaskClient, Any]:
    client = office.app.test_client()
    return client, client.get(back(client))


def test_an_officer_signs_in_by_the_single_sign_on(office: Office) -> None:
    client, answer = signs_in(office)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/home/")
    assert client.get("/home/").status_code == 200
    with office.engine.connect() as conn:
        assert conn.execute(select(sessions.c.officer_id, sessions.c.how)).one() == ("audit.wei", "oidc")


def test_the_page_asked_for_comes_afterwards(office: Office) -> None:
    client = office.app.test_client()
    assert client.get(back(client, "/signin/abroad?next=/signin/own")).headers["Location"] == "/home/"
    client = office.app.test_client()
    assert client.get(back(client, "/signin/abroad?next=/home/kept")).headers["Location"] == "/home/kept"


def test_who_moves_money_still_needs_our_code(office: Office, provider: Provider) -> None:
    secret = with_authenticator(office, "town.wang", "town")
    provider.subject = "town.wang"
    client, answer = signs_in(office)
    assert answer.headers["Location"] == "/signin/code"
    assert client.get("/home/").status_code == 303
    client, answer = signs_in(office)
    browser = Browser(office)
    browser.client = client
    browser.get("/signin/code")
    assert browser.send("/signin/code", code=code(office, secret)).location == "/home/"
    with office.engine.connect() as conn:
        assert "oidc+totp" in conn.scalars(select(sessions.c.how)).all()


@pytest.mark.parametrize("subject", ["nobody.here", "", "system"])
def test_an_identity_that_is_no_officers_gets_no_further(office: Office, provider: Provider, subject: str) -> None:
    provider.subject = subject
    client, answer = signs_in(office)
    assert answer.status_code == 403 and "没有对应的账号" in answer.get_data(as_text=True)
    assert client.get("/home/").status_code == 303


def test_who_left_gets_no_further(office: Office) -> None:
    from settlement.officers import officers

    with office.engine.begin() as conn:
        conn.execute(officers.update().values(active=False))
    assert signs_in(office)[1].status_code == 403


LIES = {
    "for another client": {"aud": "somebody-else"},
    "of another provider": {"iss": "https://evil.example"},
    "for another sign-in": {"nonce": "x"},
    "an hour old": {"exp": int(at("2026-07-15 08:00").timestamp())},
    "issued tomorrow": {"iat": int(at("2026-07-16 09:00").timestamp())},
    "meant for another party": {"azp": "somebody-else"},
    "a name that is no text": {"sub": ["audit.wei"]},
}


@pytest.mark.parametrize("lie", LIES)
def test_a_token_that_is_not_for_this_sign_in_is_refused(office: Office, provider: Provider, lie: str) -> None:
    provider.twist = lambda claims: claims | LIES[lie]
    client, answer = signs_in(office)
    assert answer.status_code == 403
    assert client.get("/home/").status_code == 303


@pytest.mark.parametrize("gone", ["nonce", "exp", "aud", "iss", "sub", "iat"])
def test_a_token_that_leaves_something_out_is_refused(office: Office, provider: Provider, gone: str) -> None:
    provider.twist = lambda claims: {name: value for name, value in claims.items() if name != gone}
    assert signs_in(office)[1].status_code == 403


def test_a_token_signed_by_somebody_else_is_refused(office: Office, provider: Provider) -> None:
    provider.signs_with = RSAKey.generate_key(2048, {"kid": "1"}, private=True)
    assert signs_in(office)[1].status_code == 403


def test_a_token_that_anybody_could_have_made_is_refused(office: Office, provider: Provider) -> None:
    """Neither unsigned nor signed with our common secret."""
    assert not {"none", "HS256", "HS384", "HS512"} & set(oidc.ALGORITHMS)


def test_a_code_is_of_use_in_the_browser_that_asked_and_once(office: Office) -> None:
    """Else somebody could sign another's browser in as themselves, or use an address they have seen."""
    asker, other = office.app.test_client(), office.app.test_client()
    address = back(asker)
    other.get("/signin/abroad")
    assert other.get(address).status_code == 403
    assert asker.get(address).status_code == 303
    assert asker.get(address).status_code == 403


def test_a_provider_that_is_another_than_was_named_is_not_trusted(office: Office, provider: Provider) -> None:
    provider.called = "https://evil.example"
    answer = Answer(office.app.test_client().get("/signin/abroad"))
    assert answer.status == 503 and "用密码登录" in answer.text


def test_a_provider_that_does_not_answer_is_said_to_be_down() -> None:
    with pytest.raises(Refused) as caught:
        oidc.leave_for(SingleSignOn("http://127.0.0.1:9", CLIENT, SECRET, CONSOLE), f"{CONSOLE}/signin/abroad/back")
    assert caught.value.reason is Reason.SINGLE_SIGN_ON_DOWN


def test_without_one_there_is_no_such_page(engine: Engine) -> None:
    client = Office(engine).app.test_client()
    assert "统一身份认证" not in client.get("/signin/").get_data(as_text=True)
    assert [client.get(f"/signin/abroad{path}").status_code for path in ("", "/back", "/done")] == [404] * 3


NAMED = {"ISSUER": "https://id.test", "CLIENT_ID": "a", "CLIENT_SECRET": "b", "CONSOLE": "https://console.test/"}


def test_the_operator_names_it_whole_and_over_tls() -> None:
    told = {f"SONGBAI_OIDC_{name}": value for name, value in NAMED.items()}
    assert single_sign_on({}) is None
    found = single_sign_on(told)
    assert (
        found is not None and found.console == CONSOLE and found.claim == "sub" and "client_secret" not in repr(found)
    )
    for name in told:
        with pytest.raises(ValueError, match=name):
            single_sign_on({**told, name: ""})
    for name in ("SONGBAI_OIDC_ISSUER", "SONGBAI_OIDC_CONSOLE"):
        with pytest.raises(ValueError, match="not https"):
            single_sign_on({**told, name: "http://id.test"})
