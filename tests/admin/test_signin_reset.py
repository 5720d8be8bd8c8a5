"""A password that is reset at the very moment somebody uses it: whoever had it is out, whatever they were about to do."""

from __future__ import annotations

import pytest

from admin.signin import passwords
from admin.tables import sessions
from tests.admin.office import Office
from tests.admin.test_signin import OWN, SPARE, Browser, quick, with_password
from tests.support import RING, acting

__all__ = ["quick"]


def reset_meanwhile(office: Office, id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The level above resets the password while one that is right is being compared."""
    real = passwords.matches

    def slowly(kept: str | None, password: str) -> bool:
        right = real(kept, password)
        monkeypatch.setattr(passwords, "matches", real)
        with office.app.test_request_context(), acting(office.engine, office.now) as act:
            passwords.set_for(act, RING, id)
        return right

    monkeypatch.setattr(passwords, "matches", slowly)


def test_a_password_that_is_reset_while_it_is_looked_at_lets_nobody_in(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_password(office, "village.li", "village")
    reset_meanwhile(office, "village.li", monkeypatch)
    browser = Browser(office)
    assert browser.enters("village.li", OWN).status == 403
    assert not browser.inside


def test_who_is_put_out_while_changing_the_password_does_not_change_it(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a stolen password and a session would outlast the reset."""
    with_password(office, "village.li", "village")
    thief = Browser(office)
    thief.enters("village.li", OWN)
    thief.get("/signin/own")
    reset_meanwhile(office, "village.li", monkeypatch)
    answer = thief.send("/signin/own/password", password=OWN, new_password=SPARE, new_password_again=SPARE)
    assert answer.status == 403
    assert not thief.inside
    assert Browser(office).enters("village.li", SPARE).status == 403


def test_nor_does_who_was_only_half_way_in(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.officer("village.li", "village")
    with office.app.test_request_context(), acting(office.engine, office.now) as act:
        first = passwords.set_for(act, RING, "village.li")
    thief = Browser(office)
    thief.enters("village.li", first)
    real = passwords.require_strong

    def slowly(*given: str) -> str:
        monkeypatch.setattr(passwords, "require_strong", real)
        with office.engine.begin() as conn:
            conn.execute(sessions.delete())
        return real(*given)

    monkeypatch.setattr("admin.signin.views.wished", lambda: slowly(SPARE, "village.li", "李"))
    assert thief.send("/signin/renew", new_password=SPARE, new_password_again=SPARE).status == 403
    assert Browser(office).enters("village.li", SPARE).status == 403
