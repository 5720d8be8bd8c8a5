"""Requests that must not get in. Each is refused with its own code, and writes nothing but a row of the security log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from pos_gateway import security_log, tables
from pos_gateway.api import create_app
from pos_gateway.api.gateway import GatewayConfig
from pos_gateway.client import DeviceClient
from pos_gateway.http_signatures import Message, sign
from settlement.visits import device_key
from tests.pos_gateway.town import Door
from tests.support import RING

PLATE = {"method": "card_qr", "token": "x"}


@contextmanager
def nothing_written(door: Door, *reasons: str) -> Iterator[None]:
    """Whatever happens inside leaves every table as it was; the security log counts just these reasons."""
    before, logged = door.snapshot(), door.logged()
    yield
    assert door.snapshot() == before
    now = door.logged()
    assert {reason: now[reason] - logged.get(reason, 0) for reason in now if now[reason] != logged.get(reason)} == {
        reason: reasons.count(reason) for reason in reasons
    }


def refused(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The answer is a complete problem with this code; its body."""
    body: dict[str, Any] = response.json()
    assert (response.status_code, body["code"]) == (status, code), response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    for member in ("type", "title", "status", "detail", "zh", "en", "action_zh", "action_en"):
        assert body[member], member
    assert "Traceback" not in response.text
    return body


def upload(phone: DeviceClient, **how: Any) -> httpx.Request:
    body = {"events": [event.envelope() for event in phone.chain.queue]}
    return phone.request("POST", "/events", body, **{"idempotency_key": "upload-0001"} | how)


def test_unsigned(door: Door) -> None:
    phone = door.enrolled()
    phone.record("check_in", PLATE)
    request = upload(phone)
    del request.headers["Signature"]
    with nothing_written(door, "request_unsigned"):
        response = door.http().send(request)
    refused(response, 401, "request_unsigned")
    assert response.headers["WWW-Authenticate"] == "Signature"


def test_wrongly_signed(door: Door) -> None:
    phone, other = door.enrolled(), door.enrolled()
    phone.record("check_in", PLATE)
    forged = upload(phone)
    forged.headers["Signature"] = upload(other).headers["Signature"]
    with nothing_written(door, "request_signature_wrong"):
        refused(door.http().send(forged), 401, "request_signature_wrong")


def test_a_body_changed_on_the_way(door: Door) -> None:
    phone = door.enrolled()
    phone.record("check_in", PLATE)
    good = upload(phone)
    changed = httpx.Request(good.method, good.url, headers=good.headers, content=good.content.replace(b"0017", b"0101"))
    with nothing_written(door, "request_signature_wrong"):
        refused(door.http().send(changed), 401, "request_signature_wrong")


def test_a_key_nobody_enrolled(door: Door) -> None:
    stranger = door.phone()
    with nothing_written(door, "device_unknown"):
        refused(stranger.call("GET", "/work-orders"), 401, "device_unknown")


@pytest.mark.parametrize("minutes", [6, -6])
def test_stale(door: Door, minutes: int) -> None:
    phone = door.enrolled()
    request = upload(phone)
    door.passes(minutes=minutes)
    with nothing_written(door, "request_stale"):
        body = refused(door.http().send(request), 401, "request_stale")
    assert body["retry"] is True
    assert datetime.fromisoformat(body["server_time"]) == door.now


def test_a_nonce_again_with_other_content(door: Door) -> None:
    phone = door.enrolled()
    nonce = "once-and-only-once"
    first = phone.request("GET", "/work-orders", nonce=nonce)
    assert door.http().send(first).status_code == 200
    with nothing_written(door):
        assert door.http().send(first).status_code == 200  # the same again is a retry
    other = phone.request("GET", "/work-orders?page=2", nonce=nonce)
    with nothing_written(door, "nonce_reused"):
        refused(door.http().send(other), 409, "nonce_reused")


def test_a_revoked_device_asks_in_vain(door: Door) -> None:
    phone = door.enrolled()
    door.revoke(phone)
    with nothing_written(door, "device_revoked"):
        refused(phone.call("GET", "/work-orders"), 403, "device_revoked")


def test_a_write_without_a_usable_idempotency_key(door: Door) -> None:
    phone = door.enrolled()
    phone.record("check_in", PLATE)
    with nothing_written(door):
        refused(door.http().send(upload(phone, idempotency_key=None)), 400, "idempotency_key_missing")
        refused(door.http().send(upload(phone, idempotency_key="short")), 400, "idempotency_key_missing")


def test_an_event_of_another_device(door: Door) -> None:
    phone, other = door.enrolled(), door.enrolled()
    event = other.record("check_in", PLATE)
    with nothing_written(door, "event_of_other_device"):
        response = phone.call("POST", "/check-ins", event.envelope(), idempotency_key="stolen-event")
        refused(response, 403, "event_of_other_device")


def test_an_event_whose_own_signature_is_wrong(door: Door) -> None:
    """The request is signed by the device, yet the event inside was changed after it was signed."""
    phone = door.enrolled()
    envelope = phone.record("check_in", PLATE).envelope()
    envelope["event"]["mono_ms"] += 1
    with nothing_written(door, "event_signature_wrong"):
        response = phone.call("POST", "/check-ins", envelope, idempotency_key="changed-event")
        assert refused(response, 422, "event_signature_wrong")["outcome"]["kept"] is False


def test_a_malformed_event_says_what_is_wrong(door: Door) -> None:
    phone = door.enrolled()
    envelope = phone.record("check_in", PLATE).envelope()
    envelope["event"]["counter"] = 1.5
    with nothing_written(door):
        response = phone.call("POST", "/check-ins", envelope, idempotency_key="malformed-event")
        body = refused(response, 422, "event_malformed")
    assert "counter" in body["errors"]["event"]


def test_an_event_at_the_wrong_address(door: Door) -> None:
    phone = door.enrolled()
    event = phone.record("check_in", PLATE)
    with nothing_written(door):
        response = phone.call("POST", "/debits", event.envelope(), idempotency_key="wrong-address")
        refused(response, 422, "event_kind_wrong")


def test_addresses_methods_and_media_types(door: Door) -> None:
    phone = door.enrolled()
    http = door.http()
    with nothing_written(door):
        refused(http.get("/api/v1/nothing"), 404, "address_unknown")
        response = http.get("/api/v1/events")
        refused(response, 405, "method_not_allowed")
        assert response.headers["Allow"] == "POST"
        request = http.build_request(
            "POST",
            "/api/v1/events",
            content=b"a=1",
            headers={"Content-Type": "text/plain", "Idempotency-Key": "12345678"},
        )
        _sign(phone, request)
        refused(http.send(request), 415, "not_json")


def _sign(phone: DeviceClient, request: httpx.Request) -> None:
    message = Message(request.method, str(request.url), request.headers, request.content)
    sign(message, phone.key, created=phone._clock(), nonce="nonce-0123456789-abc")


@pytest.mark.parametrize(
    "content",
    [b"{", b'{"events": NaN}', b'{"events": [], "events": [1]}', b"[" * 100_000, b"\xff\xfe", b"{\x00}", b""],
)
def test_json_that_two_readers_could_read_differently(door: Door, content: bytes) -> None:
    phone, http = door.enrolled(), door.http()
    headers = {"Content-Type": "application/json", "Idempotency-Key": "12345678"}
    request = http.build_request("POST", "/api/v1/events", content=content, headers=headers)
    _sign(phone, request)
    with nothing_written(door):
        refused(http.send(request), 400, "json_malformed")


def test_a_body_or_a_batch_too_large(door: Door) -> None:
    phone = door.enrolled()
    with nothing_written(door):
        big = {"events": ["x" * 1024 * 1024]}
        refused(phone.call("POST", "/events", big, idempotency_key="too-large-1"), 413, "body_too_large")
        refused(
            phone.call("POST", "/events", {"events": [1] * 501}, idempotency_key="too-large-2"), 413, "body_too_large"
        )


@pytest.mark.parametrize("body", [{}, {"events": []}, {"events": {}}, {"events": [1], "more": 1}, [], "x", 1.0])
def test_a_body_of_another_form(door: Door, body: Any) -> None:
    phone = door.enrolled()
    with nothing_written(door):
        refused(phone.call("POST", "/events", body, idempotency_key="other-form"), 422, "bad_input")


def test_a_float_is_no_whole_number(door: Door) -> None:
    phone = door.enrolled()
    response = phone.call("POST", "/movement-inquiries", {"token": "x", "limit": 5.0})
    assert "limit" in refused(response, 422, "bad_input")["errors"]["json"]


def test_a_flood_costs_one_row_a_minute(door: Door) -> None:
    http = door.http()
    for _ in range(25):
        http.post("/api/v1/events")
    door.passes(minutes=1)
    http.post("/api/v1/events")
    assert door.logged() == {"request_unsigned": 26}
    rows = [row for row in _log_rows(door) if row.reason == "request_unsigned"]
    assert [row.times for row in rows] == [25, 1]
    assert door.source not in str(rows)


def test_a_flood_from_everywhere_is_bounded_too(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security_log, "SOURCES_A_MINUTE", 3)
    door.passes(hours=1)
    for number in range(8):
        door.source = f"2001:db8:{number}::1"
        door.http().post("/api/v1/events")
    rows = [row for row in _log_rows(door, everybody=True) if row.minute == door.now]
    assert sorted((row.times, row.source == "others") for row in rows) == [(1, False)] * 3 + [(5, True)]


def _log_rows(door: Door, *, everybody: bool = False) -> list[Any]:
    log = tables.security_log
    query = select(log).order_by(log.c.minute)
    if not everybody:
        query = query.where(log.c.source == security_log.source_of(door.source, RING))
    with door.town.engine.connect() as conn:
        return list(conn.execute(query))


# -- enrolment --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alg", device_key.ALGORITHMS)
def test_a_device_is_enrolled_once_with_its_code(door: Door, alg: str) -> None:
    code, phone = door.code(caregiver=door.town.our_caregiver), door.phone(alg)
    told = phone.enrol(code)
    assert (told["key_id"], told["caregiver"], told["kind"]) == (phone.key_id, "0017", "phone")
    assert phone.call("GET", "/work-orders").status_code == 200
    with nothing_written(door, "enrolment_code_invalid"):
        refused(_enrol(door.phone(), code), 403, "enrolment_code_invalid")


def _enrol(phone: DeviceClient, code: str, key: Any = None) -> httpx.Response:
    body = {"code": code, "public_key": key or device_key.to_jwk(phone.key.public_key())}
    return phone.call("POST", "/devices", body, idempotency_key="enrol-00001")


def test_a_retry_of_the_enrolment_answers_the_same_device(door: Door) -> None:
    phone, code = door.phone(), door.code()
    first = _enrol(phone, code)
    again = _enrol(phone, code)
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()


def test_a_code_is_not_stored_and_expires(door: Door) -> None:
    code = door.code(minutes=10)
    assert code not in str(door.snapshot())
    assert code.replace("-", "") not in str(door.snapshot())
    door.passes(minutes=11)
    with nothing_written(door, "enrolment_code_invalid"):
        refused(_enrol(door.phone(), code), 403, "enrolment_code_invalid")


def test_an_enrolment_is_signed_with_the_key_it_brings(door: Door) -> None:
    phone, code = door.phone(), door.code()
    with nothing_written(door, "request_signature_wrong"):
        other = device_key.to_jwk(door.phone().key.public_key())
        refused(_enrol(phone, code, other), 401, "request_signature_wrong")


def test_keys_of_other_kinds_are_refused(door: Door) -> None:
    phone, code = door.phone(), door.code()
    with nothing_written(door):
        refused(_enrol(phone, code, {"kty": "RSA", "n": "AQAB", "e": "AQAB"}), 422, "bad_input")


def test_guessing_codes_is_slowed_down(door: Door) -> None:
    phone = door.phone()
    for _ in range(10):
        refused(_enrol(phone, "0000-0000-0000"), 403, "enrolment_code_invalid")
    with nothing_written(door, "too_many_attempts"):
        response = _enrol(phone, "0000-0000-0001")
        refused(response, 429, "too_many_attempts")
        assert response.headers["Retry-After"] == "600"
    door.passes(minutes=12)
    assert _enrol(phone, door.code()).status_code == 201


def test_a_gateway_that_is_told_its_names_answers_to_no_other(door: Door) -> None:
    app = create_app(door.town.engine, lambda: door.now, GatewayConfig(RING, hosts=("gateway.test",)))
    http = httpx.Client(transport=httpx.WSGITransport(app=app), base_url="http://gateway.test")
    assert http.get("/docs").status_code == 200
    refused = http.get("/docs", headers={"Host": "elsewhere.test"})
    assert (refused.status_code, refused.json()["code"]) == (421, "host_unknown")
