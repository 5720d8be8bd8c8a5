"""PINs and dynamic codes as devices send them: counted with the answer, and hashed while nobody has to wait."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from pos_gateway.client import BEIJING, DeviceClient
from settlement.act import Act
from settlement.cards import dynamic_code, pin, sealed_pin
from settlement.cards.tables import card_pins, cards
from settlement.people.scope import holder
from settlement.providers.tables import devices
from settlement.visits.signed_event import moment
from tests.cards.county import COUNTER
from tests.pos_gateway.test_events import check_in, check_out, debit
from tests.pos_gateway.town import Door
from tests.support import RING, acting

PIN = "493817"


@pytest.fixture
def phone(door: Door) -> DeviceClient:
    return door.enrolled()


def with_pin(door: Door) -> tuple[int, str, int]:
    """(a senior, her card's code, its id); the PIN was set yesterday."""
    senior, token = door.senior()
    with acting(door.town.engine, door.now - timedelta(days=1), COUNTER) as act:
        card_id = act.conn.execute(select(cards.c.id).where(cards.c.senior_id == senior)).scalar_one()
        pin.set_pin(act, RING, card_id, PIN)
    return senior, token, card_id


def served(door: Door, phone: DeviceClient, senior: int, token: str) -> str:
    visit = str(phone.submit("check_in", check_in(door.order(senior), token))["event_id"])
    door.passes(minutes=61)
    assert phone.submit("check_out", check_out(visit, token))["status"] == "accepted"
    return visit


def by_pin(door: Door, visit: str, token: str, typed: str) -> dict[str, Any]:
    body = debit(visit, token) | {"consent": "pin"}
    del body["token"]
    bound = sealed_pin.bound(visit, body["total_fen"], body["personal_fen"], moment(door.now.astimezone(BEIJING)))
    return body | {"pin_sealed": sealed_pin.seal(sealed_pin.public_jwk(RING), typed, bound)}


def wrong(door: Door, card_id: int) -> int:
    with door.town.engine.connect() as conn:
        return int(conn.execute(select(card_pins.c.wrong).where(card_pins.c.card_id == card_id)).scalar_one())


def test_wrong_then_right(door: Door, phone: DeviceClient) -> None:
    senior, token, card_id = with_pin(door)
    visit = served(door, phone, senior, token)
    told = phone.submit("debit", by_pin(door, visit, token, "493818"))
    assert (told["status"], told["code"], told["kept"]) == ("declined", "pin_wrong", True)
    assert "还可试4次" in told["zh"]
    assert wrong(door, card_id) == 1
    door.passes(seconds=20)
    told = phone.submit("debit", by_pin(door, visit, token, PIN))
    assert (told["status"], told["result"]["subsidy_fen"]) == ("accepted", 3500)
    assert wrong(door, card_id) == 0


def test_while_a_pin_is_hashed_nothing_is_locked(
    door: Door, phone: DeviceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hashing takes as long as hundreds of debits. Meanwhile others write, on SQLite too, and the device itself may be locked."""
    senior, token, _ = with_pin(door)
    visit = served(door, phone, senior, token)
    hashed: list[bool] = []
    attempt = pin.attempt

    def beside_others(*args: Any, **kwargs: Any) -> pin.Attempt:
        with acting(door.town.engine, door.now) as other:
            _lock(other)
            hashed.append(True)
        return attempt(*args, **kwargs)

    def _lock(other: Act) -> None:
        other.conn.execute(select(devices).with_for_update(nowait=True)).all()
        other.audit("test", "nothing")

    monkeypatch.setattr(pin, "attempt", beside_others)
    assert phone.submit("debit", by_pin(door, visit, token, PIN))["status"] == "accepted"
    assert hashed == [True]


def test_a_batch_that_was_queued_is_judged_event_by_event(door: Door, phone: DeviceClient) -> None:
    senior, token, card_id = with_pin(door)
    visit = phone.record("check_in", check_in(door.order(senior), token)).hash
    door.passes(minutes=61)
    phone.record("check_out", check_out(visit, token))
    for typed in ("000000", "493818"):
        phone.record("debit", by_pin(door, visit, token, typed))
        door.passes(minutes=1)
    with acting(door.town.engine, door.now, holder(senior)) as act:
        shown = dynamic_code.make(act, RING, card_id, "debit", 3500)
    door.passes(seconds=15)
    with_code = debit(visit, token) | {"consent": "dynamic", "code": shown.digits}
    del with_code["token"]
    phone.record("debit", with_code)
    door.passes(hours=30)
    outcomes = phone.send()
    assert [one["status"] for one in outcomes] == ["accepted", "accepted", "declined", "declined", "accepted"]
    assert [one["details"]["left"] if "details" in one else one["result"].get("left") for one in outcomes[2:4]] == [
        4,
        3,
    ]
    assert wrong(door, card_id) == 2
