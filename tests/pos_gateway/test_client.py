"""The device's side: nothing that was signed is lost, whatever the network does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from pos_gateway.client import DeviceClient, Unreachable
from settlement.visits import device_key
from tests.pos_gateway.town import Door


class BadLine(httpx.BaseTransport):
    """Loses requests, or only their answers, as listed: ``request``, ``answer``, ``ok``."""

    def __init__(self, inner: httpx.BaseTransport, fates: list[str]) -> None:
        self.inner = inner
        self.fates = fates
        self.keys: list[str | None] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        fate = self.fates.pop(0) if self.fates else "ok"
        self.keys.append(request.headers.get("Idempotency-Key"))
        if fate == "request":
            raise httpx.ConnectError("no signal")
        response = self.inner.handle_request(request)
        if fate == "answer":
            response.read()
            raise httpx.ReadTimeout("signal lost")
        return response


def on_a_bad_line(
    door: Door, fates: list[str], journal: Path | None = None, **more: Any
) -> tuple[DeviceClient, BadLine]:
    line = BadLine(door.transport(), fates)
    phone = DeviceClient(
        "http://gateway.test",
        more.pop("key", None) or device_key.generate(device_key.ED25519),
        clock=lambda: door.now,
        caregiver="0017",
        journal=journal,
        http=httpx.Client(transport=line, base_url="http://gateway.test"),
        pause=lambda seconds: None,
    )
    return phone, line


def test_an_answer_that_got_lost_is_asked_for_again_with_the_same_key(door: Door) -> None:
    phone, line = on_a_bad_line(door, ["answer", "request", "ok"])
    told = phone.enrol(door.code(caregiver=door.town.our_caregiver))
    assert told["device_id"] == phone.chain.device_id
    assert len(line.keys) == 3
    assert len(set(line.keys)) == 1


def test_without_signal_events_stay_queued_and_go_out_in_order(door: Door) -> None:
    phone, line = on_a_bad_line(door, [])
    phone.enrol(door.code(caregiver=door.town.our_caregiver))
    senior, token = door.senior()
    line.fates = ["request"] * 6
    check_in = {"order_id": door.order(senior), "method": "card_qr", "token": token}
    with pytest.raises(Unreachable):
        phone.submit("check_in", check_in)
    with pytest.raises(Unreachable):
        phone.submit("cancel", {"event": phone.chain.prev, "reason": "mistake"})
    assert [event.counter for event in phone.chain.queue] == [1, 2]
    told = phone.send()
    assert [(one["counter"], one["kept"]) for one in told] == [(1, True), (2, True)]
    assert phone.chain.queue == []


def test_the_journal_outlives_the_program(door: Door, tmp_path: Path) -> None:
    journal, key = tmp_path / "phone.json", device_key.generate(device_key.ECDSA_P256)
    phone, line = on_a_bad_line(door, [], journal, key=key)
    phone.enrol(door.code(caregiver=door.town.our_caregiver))
    senior, token = door.senior()
    line.fates = ["request"] * 3
    event = phone.record("check_in", {"order_id": door.order(senior), "method": "card_qr", "token": token})
    with pytest.raises(Unreachable):
        phone.send()

    restarted, _ = on_a_bad_line(door, [], journal, key=key)
    assert [queued.hash for queued in restarted.chain.queue] == [event.hash]
    assert [one["event_id"] for one in restarted.send()] == [event.hash]
    assert restarted.record("cancel", {"event": event.hash, "reason": "mistake"}).prev == event.hash


def test_events_are_signed_when_they_happen_not_when_they_are_sent(door: Door) -> None:
    phone = door.enrolled()
    event = phone.record("cancel", {"event": "0" * 64, "reason": "mistake"})
    door.passes(hours=5)
    assert event.occurred_at == door.morning
    assert b"T09:00:00.000000+08:00" in event.canonical
    assert phone.send()[0]["event_id"] == event.hash
