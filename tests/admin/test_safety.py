"""What somebody with bad intentions tries at a console: forged forms, planted sessions, addresses that lead away, text that wants to be code."""

from __future__ import annotations

import re
import secrets

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select
from werkzeug.test import TestResponse

from admin.app import HEADERS, create_app
from admin.frame import access
from admin.frame.console import ConsoleConfig
from admin.signin import arriving
from admin.tables import forms_sent, sessions
from settlement.audit import audit_rows
from tests.admin import access_table
from tests.admin.office import Answer, Office
from tests.admin.test_access import NOBODYS
from tests.admin.test_signin import OWN, Browser, with_authenticator, with_password
from tests.conftest import Databases
from tests.support import RING

STALE = "页面放得太久，或不是从这里打开的"
HOSTILE = "{{7*7}}<script>alert(1)</script>${7*7}"


@pytest.fixture(scope="module")
def engine(databases: Databases) -> Engine:
    """Nothing here is a matter of the database, and no test relies on what another left."""
    return databases.create("sqlite")


def path_of(route: access_table.Route) -> str:
    """The route's address with numbers of nothing in it."""
    return re.sub(
        r"<(?:(\w+)(?:\([^)]*\))?:)?\w+>", lambda found: NOBODYS.get(found[1] or "string", "nobody"), route.rule
    )


def acts(office: Office) -> list[access_table.Route]:
    return [route for route in access_table.routes(office.app) if route.method == "POST"]


def written(office: Office) -> tuple[int, int]:
    with office.engine.connect() as conn:
        count = [conn.scalar(select(func.count()).select_from(table)) or 0 for table in (audit_rows, forms_sent)]
    return count[0], count[1]


def other_bodies(token: str) -> dict[str, bytes]:
    """By content type: what another site's page or script can send besides a plain form; the token, if they had it, where no form of ours has it."""
    in_a_file = f'--x\r\nContent-Disposition: form-data; name="csrf_token"; filename="a"\r\n\r\n{token}\r\n--x--\r\n'
    return {
        "multipart/form-data; boundary=x": in_a_file.encode(),
        "text/plain": f"csrf_token={token}".encode(),
        "application/json": f'{{"csrf_token": "{token}"}}'.encode(),
    }


def test_no_act_is_taken_from_a_form_that_is_not_ours(office: Office) -> None:
    """Every POST route, by a role that may: without a token, and with one drawn for somebody else."""
    provider = office.provider()
    roles = access_table.PEOPLE
    seats = {r: office.seat(f"csrf.{r}", r, **({"provider_id": provider} if r == "provider" else {})) for r in roles}
    foreign = office.seat("csrf.other", "auditor")._token()
    before, wrong = written(office), []
    for route in acts(office):
        if route.may == access.HALF_WAY:
            continue  # below
        seat = seats[access_table.roles_of(route.may)[0]]
        for token in ({}, {"csrf_token": foreign}, {"csrf_token": "made.up.one"}):
            fields = {"form_id": secrets.token_urlsafe(16), **token}
            answer = Answer(seat.client.post(path_of(route), data=fields))
            if answer.status != 403 or STALE not in answer.text:
                wrong.append(f"{route.rule} {token}: {answer.status}")
        for kind, body in other_bodies(seat._token()).items():
            answer = Answer(seat.client.post(path_of(route), data=body, content_type=kind))
            if answer.status != 403 or STALE not in answer.text:
                wrong.append(f"{route.rule} {kind}: {answer.status}")
    assert wrong == []
    assert written(office) == before
    assert len(acts(office)) > 10


def test_nor_on_the_way_in(office: Office) -> None:
    with_authenticator(office, "half.way", "town")
    browser = Browser(office)
    browser.enters("half.way", OWN)
    for path in (path_of(route) for route in acts(office) if route.may == access.HALF_WAY):
        answer = Answer(browser.client.post(path, data={"code": "123456"}))
        assert answer.status == 403 and STALE in answer.text, path


def test_there_is_no_way_to_act_with_an_address_alone(office: Office) -> None:
    """GET shows, POST acts, nothing else is answered."""
    seat = office.seat("methods", "auditor")
    assert {route.method for route in access_table.routes(office.app)} == {"GET", "POST"}
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        answer = seat.client.open("/signin/own", method=method)
        assert answer.status_code == 405, method


def cookie_of(client: FlaskClient) -> str:
    found = client.get_cookie("songbai_console")
    return "" if found is None else found.value


def test_a_planted_session_opens_nothing_after_its_victim_signed_in(office: Office) -> None:
    """Session fixation, with a cookie from before signing in and with one from half-way."""
    with_password(office, "fixed", "village")
    secret_holder = Browser(office)
    planted = cookie_of(secret_holder.client)
    assert planted
    victim = Browser(office)
    victim.client.set_cookie("songbai_console", planted)
    victim.enters("fixed", OWN)
    assert victim.inside
    assert cookie_of(victim.client) != planted
    assert secret_holder.get("/home/").status == 303

    with_authenticator(office, "fixed.half", "town")
    attacker = Browser(office)
    attacker.enters("fixed.half", OWN)
    half = cookie_of(attacker.client)
    again = Browser(office)
    again.client.set_cookie("songbai_console", half)
    again.enters("fixed", OWN)
    assert again.inside
    assert not attacker.inside


def test_a_cookie_that_was_altered_is_no_session(office: Office) -> None:
    seat = office.seat("altered", "auditor")
    good = cookie_of(seat.client)
    for bad in (good[:-2] + ("AA" if not good.endswith("AA") else "BB"), "x" + good, good.split(".")[0]):
        client = office.app.test_client()
        client.set_cookie("songbai_console", bad)
        assert client.get("/home/").status_code == 303


def test_the_token_in_the_cookie_is_not_what_the_database_holds(office: Office) -> None:
    """Who reads the database cannot sign in with it."""
    office.seat("reader", "auditor")
    with office.engine.connect() as conn:
        digests = conn.scalars(select(sessions.c.digest)).all()
    for digest in digests:
        client = office.app.test_client()
        with client.session_transaction() as held:
            held["desk"] = digest
        assert client.get("/home/").status_code == 303


AWAY = [
    "https://evil.example/",
    "//evil.example/",
    "///evil.example/",
    "/\\evil.example/",
    "\\\\evil.example",
    "/%2f/evil.example",
    "javascript:alert(1)",
    "/home/..//evil.example/",
    "http:evil.example",
    "/\t/evil.example",
    " //evil.example",
    "https://localhost@evil.example/home/",
    "/home/\r\nLocation: https://evil.example",
    "home/",
    "/signin/leave",
    "/no/such/page",
]


@pytest.mark.parametrize("wanted", AWAY)
def test_signing_in_leads_to_no_address_but_our_own_pages(office: Office, wanted: str) -> None:
    if not office_has(office, "led.astray"):
        with_password(office, "led.astray", "village")
    browser = Browser(office)
    browser.client.get("/signin/", query_string={"next": wanted})
    answer = browser.send("/signin/", name="led.astray", password=OWN, next=wanted)
    assert (answer.status, answer.location) == (303, "/home/")


def office_has(office: Office, id: str) -> bool:
    from settlement.officers import officers

    with office.engine.connect() as conn:
        return conn.scalar(select(officers.c.id).where(officers.c.id == id)) is not None


def test_an_address_too_long_for_a_cookie_keeps_nobody_out(office: Office) -> None:
    """Somebody sends a link to the way in that nobody with a second factor could come through."""
    with_authenticator(office, "long.way", "town")
    browser = Browser(office)
    answer = browser.send("/signin/", name="long.way", password=OWN, next=f"/home/kept?x={secrets.token_hex(2500)}")
    assert answer.location == "/signin/code"
    assert len(cookie_of(browser.client)) < 2000
    assert browser.page.find("//input[@name='code']")


def test_a_page_of_our_own_is_gone_to_as_it_is_written_here(office: Office) -> None:
    with office.app.test_request_context():
        assert arriving.inside("/home/kept?a=1&b=%2F%2Fevil") == "/home/kept?a=1&b=%2F%2Fevil"
        assert arriving.inside("/home/tasks/7") == "/home/tasks/7"
        assert arriving.inside("/static/console.css") is None


def test_what_people_type_is_never_run(office: Office) -> None:
    """By the templates on the server or by the browser, wherever it comes back: names, forms, addresses."""
    from settlement import officers
    from tests.support import acting

    with acting(office.engine, office.now) as act:
        officers.add(act, "hostile", HOSTILE, "auditor")
    seat = office.seat("hostile")
    pages = [
        seat.get("/home/"),
        seat.get("/signin/own"),
        seat.get("/officers/"),
        seat.get("/officers/account/hostile"),
        seat.get(f"/home/{HOSTILE}"),
        seat.get("/officers/", state=HOSTILE, town=HOSTILE, sort=HOSTILE),
        Answer(office.app.test_client().get("/signin/", query_string={"next": HOSTILE})),
    ]
    browser = Browser(office)
    pages.append(browser.send("/signin/", name=HOSTILE, password="x"))
    for page in pages:
        assert page.status < 500
        assert b"<script>alert" not in page.content
        assert "49<script" not in page.text and "$49" not in page.text
    assert all(HOSTILE in page.text for page in pages[:3])


def test_no_template_lets_text_through_unescaped(office: Office) -> None:
    assert office.app.jinja_env.loader is not None
    for name in office.app.jinja_env.list_templates():
        source = office.app.jinja_env.loader.get_source(office.app.jinja_env, name)[0]
        assert not re.search(r"\|\s*safe\b|autoescape\s+false|Markup\(", source), name
        assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=|javascript:", source), name
        assert name.endswith(".html")


def test_the_cookie_is_for_the_server_of_this_site_alone(office: Office) -> None:
    for base, secure in (("https://console.test", True), ("http://localhost", False)):
        answer = office.app.test_client().get("/signin/", base_url=base)
        (cookie,) = answer.headers.getlist("Set-Cookie")
        words = {word.strip().lower() for word in cookie.split(";")[1:]}
        assert {"httponly", "samesite=strict", "path=/"} <= words
        assert ("secure" in words) is secure
        assert not any(word.startswith(("domain", "expires", "max-age")) for word in words)


@pytest.mark.parametrize(
    "path", ["/signin/", "/home/", "/officers/", "/no/such/page", "/static/console.css", "/static/none"]
)
def test_every_answer_carries_the_headers(office: Office, path: str) -> None:
    seat = office.seat("headers", "auditor") if not office_has(office, "headers") else office.seat("headers")
    answer = seat.client.get(path)
    for name, value in HEADERS.items():
        if not (name == "Cache-Control" and path.startswith("/static/")):
            assert answer.headers[name] == value, name
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert "Server" not in answer.headers or "Werkzeug" not in answer.headers["Server"]


def asked_as(office: Office, host: str, **config: tuple[str, ...]) -> TestResponse:
    app = create_app(office.engine, lambda: office.now, ConsoleConfig(RING, **config))  # type: ignore[arg-type]
    return app.test_client().get("/home/", headers={"Host": host, "X-Forwarded-Host": "evil.example"})


def test_another_hosts_name_is_not_answered(office: Office) -> None:
    assert asked_as(office, "console.test", hosts=("console.test",)).status_code == 303
    refused = asked_as(office, "evil.example", hosts=("console.test",))
    assert refused.status_code == 421
    assert refused.headers["Content-Security-Policy"] == HEADERS["Content-Security-Policy"]
    assert "evil.example" not in refused.get_data(as_text=True)


def test_no_answer_repeats_the_host_it_was_asked_for(office: Office) -> None:
    answer = asked_as(office, "evil.example")
    assert answer.headers["Location"].startswith("/signin/")
    assert "evil.example" not in answer.get_data(as_text=True)


def test_a_refused_act_does_not_say_whether_the_record_exists(office: Office) -> None:
    """Who may not is told so before anything is looked up."""
    office.officer("some.one", "village")
    clerk = office.seat("asks", "hotline")
    there, nowhere = (clerk.post(f"/officers/account/{id}/leave", why="x") for id in ("some.one", "nobody"))
    assert (there.status, there.text) == (nowhere.status, nowhere.text) == (403, nowhere.text)


def test_a_fault_shows_nothing_of_the_inside(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret-of-the-inside")

    monkeypatch.setattr("admin.home.views.kept.offered", broken)
    answer = office.seat("faulty", "auditor").get("/home/")
    assert answer.status == 500
    assert "secret-of-the-inside" not in answer.text and "Traceback" not in answer.text
