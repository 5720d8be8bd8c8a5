"""The same inquiry for a phone at the door, a self-service terminal and a call centre: what shows the card, what is answered, what is refused."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from pos_gateway import security_log
from pos_gateway.client import DeviceClient
from pos_gateway.security_log import SOURCES_A_MINUTE, Attempt
from settlement.audit import audit_rows
from settlement.cards import dynamic_code, registry, sealed_pin
from settlement.cards.tables import media
from settlement.outcomes import Reason
from settlement.people.scope import holder
from settlement.periods import Month
from settlement.visits.signed_event import moment
from tests.cards.county import COUNTER
from tests.pos_gateway.card.browser import PIN, card_of, set_pin
from tests.pos_gateway.town import Door
from tests.support import RING, acting


@pytest.fixture
def senior(door: Door) -> tuple[int, str]:
    senior_id, code = door.senior(yuan=150)
    set_pin(door, senior_id)
    return senior_id, code


@pytest.fixture
def desk(door: Door) -> DeviceClient:
    """A device of a call centre or a terminal in a hall: nobody's own."""
    return door.enrolled(shared=True)


def number_of(door: Door, senior_id: int) -> str:
    card_id = card_of(door, senior_id)
    with door.town.engine.connect() as conn:
        return str(conn.execute(select(media.c.card_no).where(media.c.card_id == card_id)).scalar_one())


def ask(desk: DeviceClient, what: str = "balance", **shown: Any) -> httpx.Response:
    return desk.call("POST", f"/{what}-inquiries", shown)


def sealed(door: Door, card_no: str, pin: str = PIN, at: datetime | None = None, number: str = "") -> dict[str, str]:
    asked_at = moment(at or door.now)
    bound = sealed_pin.bound(f"inquiry {number or card_no}", 0, 0, asked_at)
    shut = sealed_pin.seal(sealed_pin.public_jwk(RING), pin, bound)
    return {"card_no": card_no, "pin_sealed": shut, "asked_at": asked_at}


def digits(door: Door, senior_id: int) -> str:
    card_id = card_of(door, senior_id)
    with acting(door.town.engine, door.now, holder(senior_id)) as act:
        return dynamic_code.make(act, RING, card_id, "visit").digits


def test_all_that_is_left_and_what_comes_next(door: Door, desk: DeviceClient, senior: tuple[int, str]) -> None:
    answer = ask(desk, token=senior[1]).json()
    number = number_of(door, senior[0])
    assert answer == {
        "card_no": f"**** {number[-4:]}",
        "status": "active",
        "subsidy_fen": 15000,
        "spendable_fen": 15000,
        "personal_fen": 0,
        "year_left_fen": 90000,
        "lapsing": None,
        "next_month": {"month": str(Month.of(door.now).next()), "fen": 15000},
    }


@pytest.mark.parametrize("what", ["balance", "movement"])
def test_by_number_and_pin_or_dynamic_code(door: Door, desk: DeviceClient, senior: tuple[int, str], what: str) -> None:
    senior_id, code = senior
    number = number_of(door, senior_id)
    scanned = ask(desk, what, token=code).json()
    assert ask(desk, what, **sealed(door, number)).json() == scanned
    assert ask(desk, what, card_no=number, code=digits(door, senior_id)).json() == scanned


def test_who_asked_about_what_is_on_record(door: Door, desk: DeviceClient, senior: tuple[int, str]) -> None:
    ask(desk, "movement", **sealed(door, number_of(door, senior[0])))
    subject = f"card:{card_of(door, senior[0])}"
    with door.town.engine.connect() as conn:
        query = select(audit_rows.c.act, audit_rows.c.actor).where(audit_rows.c.subject == subject)
        assert (("card.ask_movements", f"device:{desk.chain.device_id}")) in {tuple(row) for row in conn.execute(query)}


@pytest.mark.parametrize(
    "names",
    [
        (),
        ("card_no",),
        ("code",),
        ("card_no", "pin_sealed"),
        ("token", "card_no"),
        ("card_no", "code", "pin_sealed", "asked_at"),
    ],
)
def test_a_number_alone_is_not_enough(
    door: Door, desk: DeviceClient, senior: tuple[int, str], names: tuple[str, ...]
) -> None:
    all_ = sealed(door, number_of(door, senior[0])) | {"token": senior[1], "code": "12345678"}
    answer = ask(desk, **{name: all_[name] for name in names})
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_input")


def test_wrong_pins_count_towards_the_lock(door: Door, desk: DeviceClient, senior: tuple[int, str]) -> None:
    number = number_of(door, senior[0])
    for left in (4, 3, 2, 1):
        answer = ask(desk, **sealed(door, number, "000001"))
        assert answer.status_code == 403 and f"还可试{left}次" in answer.json()["zh"]
    assert ask(desk, **sealed(door, number, "000001")).json()["code"] == "pin_locked"
    assert ask(desk, **sealed(door, number)).json()["code"] == "pin_locked"


def test_one_device_cannot_try_pins_of_card_after_card(door: Door, desk: DeviceClient) -> None:
    """A stolen phone, and numbers that follow each other: a few tries at each of thousands of cards find some PINs, and five at each lock them all."""
    numbers = []
    for _ in range(6):
        senior_id, _ = door.senior()
        set_pin(door, senior_id)
        numbers.append(number_of(door, senior_id))
    tried = [ask(desk, **sealed(door, number, "000001")).json()["code"] for number in numbers[:5] for _ in range(4)]
    assert tried == ["pin_wrong"] * 20
    last = numbers[5]
    refused = ask(desk, **sealed(door, last, "000001"))
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_attempts")
    assert refused.headers["Retry-After"] == "600"
    other = door.enrolled(shared=True)
    assert ask(other, **sealed(door, last)).status_code == 200  # whoever tried nothing is not kept waiting
    door.passes(minutes=11)
    assert "还可试4次" in ask(desk, **sealed(door, last, "000001")).json()["zh"]


def test_a_flood_from_many_addresses_does_not_hide_a_device_that_guesses(door: Door, desk: DeviceClient) -> None:
    """Beyond so many sources a minute the security log counts strangers together; who is enrolled is no stranger."""
    for number in range(SOURCES_A_MINUTE):
        security_log.record(door.town.engine, Attempt(f"flood-{number}", Reason.REQUEST_UNSIGNED, ""), door.now)
    tried = [ask(desk, **sealed(door, f"88{number:014d}")).json()["code"] for number in range(21)]
    assert tried == ["code_unknown"] * 20 + ["too_many_attempts"]


def test_a_pin_that_was_sealed_for_something_else_is_no_try(
    door: Door, desk: DeviceClient, senior: tuple[int, str]
) -> None:
    number = number_of(door, senior[0])
    other = number_of(door, door.senior()[0])
    assert ask(desk, **sealed(door, number, number=other)).json()["code"] == "bad_input"
    old = sealed(door, number, at=door.now - timedelta(minutes=6))
    assert ask(desk, **old).json()["code"] == "request_stale"
    assert ask(desk, **(old | {"asked_at": "yesterday"})).json()["code"] == "bad_input"
    assert ask(desk, **sealed(door, number)).status_code == 200


def test_a_dynamic_code_answers_once(door: Door, desk: DeviceClient, senior: tuple[int, str]) -> None:
    number, code = number_of(door, senior[0]), digits(door, senior[0])
    assert (
        ask(desk, card_no=number, code="00000000" if code != "00000000" else "1" * 8).json()["code"]
        == "dynamic_code_wrong"
    )
    assert ask(desk, card_no=number, code=code).status_code == 200
    assert ask(desk, "movement", card_no=number, code=code).json()["code"] == "dynamic_code_used"


def test_numbers_of_no_card_and_of_a_lost_one(door: Door, desk: DeviceClient, senior: tuple[int, str]) -> None:
    assert ask(desk, **sealed(door, "8812000000000000")).json()["code"] == "code_unknown"
    number, card_id = number_of(door, senior[0]), card_of(door, senior[0])
    with acting(door.town.engine, door.now, COUNTER) as act:
        registry.report_lost(act, card_id)
    assert ask(desk, **sealed(door, number)).json()["code"] == "code_dead"
