"""A visit that was begun on a phone whose battery is empty is finished on another one of the same caregiver."""

from __future__ import annotations

from typing import Any

from pos_gateway.client import DeviceClient
from tests.pos_gateway.town import Door


def bundle(phone: DeviceClient) -> dict[str, Any]:
    return dict(phone.call("GET", "/shift").json())


def test_what_another_phone_began_is_told_until_it_is_over_and_may_be_finished(door: Door) -> None:
    senior, code = door.senior(yuan=150)
    order_id = door.order(senior)
    empty, other = door.enrolled(), door.enrolled()
    began = empty.submit("check_in", {"order_id": order_id, "method": "card_qr", "token": code})
    assert bundle(empty)["begun_elsewhere"] == []
    (told,) = bundle(other)["begun_elsewhere"]
    assert told["visit_id"] == began["result"]["visit_id"]
    assert (told["order_id"], told["items"]) == (order_id, ["ZC01"])

    door.passes(minutes=61)
    done = {"visit": told["visit_id"], "lines": [{"item": "ZC01", "quantity": 1}], "method": "card_qr", "token": code}
    assert other.submit("check_out", done)["code"] == "out_reason_missing"
    assert other.submit("check_out", done | {"reason": "battery_empty"})["result"]["seconds"] == 61 * 60
    assert bundle(other)["begun_elsewhere"] == []
    agreed = {"consent": "card_qr", "token": code, "total_fen": 3500, "personal_fen": 0, "cash_fen": 0}
    assert other.submit("debit", {"visit": told["visit_id"]} | agreed)["result"]["subsidy_fen"] == 3500


def test_it_is_told_to_nobody_else_and_not_for_ever(door: Door) -> None:
    _, code = door.senior()
    stranger = door.phone()
    stranger.caregiver = "0101"
    stranger.enrol(door.code(door.town.theirs, door.town.their_caregiver))
    mine, other = door.enrolled(), door.enrolled()
    mine.submit("check_in", {"method": "card_qr", "token": code})
    assert bundle(stranger)["begun_elsewhere"] == []
    assert len(bundle(other)["begun_elsewhere"]) == 1
    door.passes(days=1, minutes=1)
    assert bundle(other)["begun_elsewhere"] == []
