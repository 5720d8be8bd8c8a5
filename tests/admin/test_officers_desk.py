"""Accounts: each level looks after the one below, in its own part of the district."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import Engine, select

from admin.tables import passwords as password_rows
from settlement import appointing, officers
from settlement.audit import audit_rows
from settlement.demo.county import credit_code
from settlement.officers import NO_PERSON, ROLES
from settlement.outcomes import Refused
from settlement.people.places import Place, add_many
from tests.admin.office import OTHER_TOWN, TOWN, VILLAGE, Answer, Office
from tests.admin.test_signin import OWN, SPARE, Browser, with_authenticator, with_password
from tests.support import acting, officer

OTHER_VILLAGE = "禹王村"


@pytest.fixture
def office(engine: Engine) -> Office:
    opened = Office(engine)
    with acting(engine, opened.now) as act:
        add_many(act, [Place(TOWN, VILLAGE), Place(TOWN, OTHER_VILLAGE), Place(OTHER_TOWN, "小纪村")])
    return opened


def password_of(answer: Answer) -> str:
    found = re.search(r"[2-9a-z]{4}(-[2-9a-z]{4}){3}", answer.text)
    assert found, answer.text
    return found.group()


def row(office: Office, id: str) -> Any:
    with office.engine.connect() as conn:
        return conn.execute(select(officers.officers).where(officers.officers.c.id == id)).one_or_none()


def test_a_town_opens_an_account_for_its_village_and_the_clerk_signs_in(office: Office) -> None:
    town = office.seat("town.wang", "town")
    opened = town.post("/officers/new", id="village.li", name="李专干", role="village", village=VILLAGE)
    assert opened.status == 200
    found = row(office, "village.li")
    assert (found.role, found.town, found.village) == ("village", TOWN, VILLAGE)
    browser = Browser(office)
    assert browser.enters("village.li", password_of(opened)).location == "/signin/renew"
    browser.send("/signin/renew", new_password=OWN, new_password_again=OWN)
    assert "李专干 · 村(社区) · 正谊村" in browser.page.text


def test_a_form_sent_twice_opens_one_account_and_tells_the_password_once(office: Office) -> None:
    town = office.seat("town.wang", "town")
    fields = {"id": "village.li", "name": "李专干", "role": "village", "village": VILLAGE}
    first = town.post("/officers/new", fields, form_id="a" * 22)
    again = town.post("/officers/new", fields, form_id="a" * 22)
    assert (first.status, again.status, again.location) == (200, 303, "/home/")
    assert Browser(office).enters("village.li", password_of(first)).status == 303


@pytest.mark.parametrize("name", ["Li", "李", "li ", "li/../x", "<b>", "a" * 41, "-li", "li--"])
def test_a_sign_in_name_is_small_letters(office: Office, name: str) -> None:
    town = office.seat("town.wang", "town")
    answer = town.post(
        "/officers/new", id=f"{name}!" if name == "li " else name, name="李", role="village", village=VILLAGE
    )
    assert answer.status == 422
    with office.engine.connect() as conn:
        assert conn.scalars(select(officers.officers.c.id)).all() == ["town.wang"]


def test_a_name_that_was_somebodys_is_nobody_elses(office: Office) -> None:
    town = office.seat("town.wang", "town")
    fields = {"id": "village.li", "name": "李专干", "role": "village", "village": VILLAGE}
    town.post("/officers/new", fields)
    town.post("/officers/account/village.li/leave", why="调离")
    assert town.post("/officers/new", fields).status == 409


ALLOWED = {("admin", role) for role in ("admin", "civil_affairs", "district_finance", "auditor")} | {
    ("civil_affairs", role) for role in ("town", "town_finance", "assessor", "hotline", "card_counter", "provider")
}
ALLOWED |= {("town", "village"), ("provider", "provider")}


def test_who_may_appoint_whom_is_this_table(engine: Engine) -> None:
    """By hand: 12 pairs of the 121."""
    provider = Office(engine).provider()
    people = sorted(ROLES.keys() - NO_PERSON)
    given = {"town": {"town": TOWN}, "town_finance": {"town": TOWN}, "village": {"town": TOWN, "village": VILLAGE}}
    given |= {"provider": {"provider_id": provider}}
    done = set()
    for number, above in enumerate(people):
        scope = {key: value for key, value in given.get(above, {}).items() if key != "village"}
        for role in people:
            id, maker = f"new.{number}.{role.replace('_', '')}", officer(f"maker{number}", above, **scope)
            with suppress(Refused), acting(engine, by=maker) as act:
                appointing.appoint(act, id, "某", role, **given.get(role, {}))
                done.add((above, role))
    assert done == ALLOWED
    assert len(done) == 12


def test_another_towns_village_is_out_of_reach(office: Office) -> None:
    office.officer("village.sun", "village", town=OTHER_TOWN, village="小纪村")
    town = office.seat("town.wang", "town")
    nobody = town.get("/officers/account/nobody")
    theirs = town.get("/officers/account/village.sun")
    assert (theirs.status, theirs.text) == (nobody.status, nobody.text) == (404, nobody.text)
    for act in ("reset", "leave", "back", "move", "sessions"):
        assert town.post(f"/officers/account/village.sun/{act}", why="x", village=VILLAGE).status == 404
    assert "village.sun" not in town.get("/officers/", state="all").text
    assert row(office, "village.sun").active
    asked = town.post("/officers/new", id="village.x", name="某", role="village", town=OTHER_TOWN, village="小纪村")
    assert asked.status == 422
    assert row(office, "village.x") is None


def test_a_provider_looks_after_its_own_staff_only(office: Office) -> None:
    ours, theirs = office.provider(), office.provider(credit_code(2), "他家养老")
    office.officer("other.a", "provider", provider_id=theirs)
    seat = office.seat("ours.a", "provider", provider_id=ours)
    assert seat.get("/officers/account/other.a").status == 404
    assert seat.post("/officers/account/other.a/reset").status == 404
    opened = seat.post("/officers/new", id="ours.b", name="调度", role="provider", provider_id=str(theirs))
    assert opened.status == 200
    assert row(office, "ours.b").provider_id == ours


def test_nobody_looks_after_their_own_account(office: Office) -> None:
    """Otherwise the last administrator could be lost."""
    admin = office.seat("admin.shen", "admin")
    for act in ("reset", "leave", "sessions"):
        assert admin.post(f"/officers/account/admin.shen/{act}", why="x").status == 403
    assert row(office, "admin.shen").active


def test_the_auditor_reads_everything_and_changes_nothing(office: Office) -> None:
    office.officer("village.li", "village")
    auditor = office.seat("audit.wei", "auditor")
    page = auditor.get("/officers/")
    assert "village.li" in page.text and "audit.wei" in page.text
    assert auditor.get("/officers/account/village.li").find("//main//form") == []
    assert auditor.post("/officers/account/village.li/leave", why="x").status == 403


def test_who_left_is_out_at_once_and_comes_back_with_a_new_password(office: Office) -> None:
    with_password(office, "village.li", "village")
    clerk = Browser(office)
    clerk.enters("village.li", OWN)
    town = office.seat("town.wang", "town")
    assert town.post("/officers/account/village.li/leave").status == 422  # a reason is wanted
    assert town.post("/officers/account/village.li/leave", why="调离").status == 303
    assert not clerk.inside
    assert town.post("/officers/account/village.li/leave", why="调离").status == 409
    assert town.post("/officers/account/village.li/reset").status == 404  # no way in for who left
    back = town.post("/officers/account/village.li/back", why="调回")
    assert Browser(office).enters("village.li", OWN).status == 403
    assert Browser(office).enters("village.li", password_of(back)).location == "/signin/renew"
    with office.engine.connect() as conn:
        a = audit_rows.c
        told = conn.execute(select(a.act, a.why).where(a.why.is_not(None)).order_by(a.id)).all()
    assert [tuple(each) for each in told] == [("officer.leave", "调离"), ("officer.come_back", "调回")]


def test_a_lost_phone_is_helped_by_the_level_above(office: Office) -> None:
    with_authenticator(office, "town.wang", "town")
    district = office.seat("ca.zhou", "civil_affairs")
    kept = district.post("/officers/account/town.wang/reset")
    assert Browser(office).enters("town.wang", password_of(kept)).location == "/signin/code"
    lost = district.post("/officers/account/town.wang/reset", authenticator="lost")
    browser = Browser(office)
    browser.enters("town.wang", password_of(lost))
    answer = browser.send("/signin/renew", new_password=SPARE, new_password_again=SPARE)
    assert answer.location == "/signin/authenticator"


def test_a_reset_ends_sessions_and_lifts_the_lock(office: Office) -> None:
    with_password(office, "village.li", "village")
    clerk = Browser(office)
    clerk.enters("village.li", OWN)
    for _ in range(5):
        Browser(office).enters("village.li", "wrong wrong wrong")
    office.passes(seconds=1)
    reset = office.seat("town.wang", "town").post("/officers/account/village.li/reset")
    assert not clerk.inside
    assert Browser(office).enters("village.li", OWN).status == 403
    assert Browser(office).enters("village.li", password_of(reset)).status == 303


def test_a_clerk_moved_to_another_village_sees_it_with_the_next_page(office: Office) -> None:
    office.officer("village.li", "village")
    clerk, town = office.seat("village.li"), office.seat("town.wang", "town")
    assert town.post("/officers/account/village.li/move", village="小纪村").status == 422
    assert town.post("/officers/account/village.li/move", village=OTHER_VILLAGE).status == 303
    assert OTHER_VILLAGE in clerk.get("/home/").text
    assert (row(office, "village.li").town, row(office, "village.li").village) == (TOWN, OTHER_VILLAGE)


def test_the_password_shown_is_nowhere_else(office: Office) -> None:
    town = office.seat("town.wang", "town")
    opened = town.post("/officers/new", id="village.li", name="李专干", role="village", village=VILLAGE)
    password = password_of(opened)
    assert password not in str(opened.response.headers)
    with office.engine.connect() as conn:
        stored = str(conn.execute(select(password_rows)).all()) + str(conn.execute(select(audit_rows)).all())
    assert password not in stored
    assert "李专干" not in stored
