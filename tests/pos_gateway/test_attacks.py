"""What somebody with a phone, a key or a photograph might try. Nothing of it may count, and nothing may break."""

from __future__ import annotations

import json
import logging
from datetime import date
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from pos_gateway.api import access
from pos_gateway.client import DeviceClient
from pos_gateway.http_signatures import Message, sign
from pos_gateway.tables import answers, security_log
from settlement.audit import audit_rows
from settlement.cards.tables import cards, media
from settlement.people.tables import seniors
from settlement.providers import caregivers
from settlement.visits import device_key, signed_event
from settlement.visits.device_key import b64url
from settlement.visits.signed_event import EventMalformed
from tests.cards import county
from tests.cards.county import COUNTER
from tests.pos_gateway.test_events import an_hour_of_cooking, check_in, check_out, debit, money, rows
from tests.pos_gateway.test_refusals import PLATE, _enrol, nothing_written, refused, upload
from tests.pos_gateway.town import DISTRICT, Door
from tests.support import RING, acting


def copied(request: httpx.Request, **changes: Any) -> httpx.Request:
    """The request as it was signed, but for what somebody changed on its way."""
    parts = {"method": request.method, "url": request.url, "headers": request.headers, "content": request.content}
    return httpx.Request(**parts | changes)


def signed(phone: DeviceClient, method: str, url: str, content: bytes, **headers: str) -> httpx.Request:
    request = httpx.Request(method, f"http://gateway.test{url}", content=content, headers=headers)
    message = Message(method, str(request.url), request.headers, content)
    sign(message, phone.key, created=phone._clock(), nonce="nonce-of-an-attacker")
    return request


# -- the request ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://gateway.test/api/v1/check-ins", None),
        ("http://gateway.test/api/v1/events?dry=1", None),
        ("http://gateway.test/api/v1/events", "other.test"),
    ],
)
def test_a_signature_over_another_address(door: Door, url: str, host: str | None) -> None:
    phone = door.enrolled()
    phone.record("check_in", PLATE)
    good = upload(phone)
    headers = httpx.Headers(good.headers)
    if host is not None:
        headers["Host"] = host
    with nothing_written(door, "request_signature_wrong"):
        refused(door.http().send(copied(good, url=url, headers=headers)), 401, "request_signature_wrong")


@pytest.mark.parametrize("name", ["Signature", "Signature-Input", "Content-Digest", "Idempotency-Key", "Content-Type"])
def test_a_header_that_is_there_twice(door: Door, name: str) -> None:
    phone = door.enrolled()
    phone.record("check_in", PLATE)
    good = upload(phone)
    headers = httpx.Headers(good.headers)
    headers[name] = f"{good.headers[name]},{good.headers[name]}"  # as a server joins them
    twice = copied(good, headers=headers)
    with nothing_written(door, "request_signature_wrong"):
        refused(door.http().send(twice), 401, "request_signature_wrong")


def test_a_request_of_one_device_is_not_anothers(door: Door) -> None:
    """The same bytes with another device's name, or an algorithm that is not the key's."""
    phone, other = door.enrolled(device_key.ECDSA_P256), door.enrolled(device_key.ED25519)
    phone.record("check_in", PLATE)
    good = upload(phone)
    for old, new in ((phone.key_id, other.key_id), (device_key.ECDSA_P256, device_key.ED25519)):
        headers = httpx.Headers(good.headers)
        headers["Signature-Input"] = headers["Signature-Input"].replace(old, new)
        with nothing_written(door, "request_signature_wrong"):
            refused(door.http().send(copied(good, headers=headers)), 401, "request_signature_wrong")


def test_a_key_of_another_devices_request_is_free(door: Door) -> None:
    """Idempotency keys belong to a device: nobody can answer, or block, another's requests by taking its keys first."""
    phone, other = door.enrolled(), door.enrolled(shared=True)
    told = []
    for each in (phone, other):
        event = each.record("cancel", {"event": "0" * 64, "reason": "mistake"})
        told.append(each.call("POST", "/cancellations", event.envelope(), idempotency_key="the-same-key").json())
    assert [one["code"] for one in told] == ["nothing_to_take_back"] * 2
    assert told[0]["outcome"]["event_id"] != told[1]["outcome"]["event_id"]


def test_after_the_answer_is_forgotten_the_event_is_still_known(door: Door) -> None:
    phone = door.enrolled()
    senior, token = door.senior()
    event = phone.record("check_in", check_in(door.order(senior), token))
    first = phone.call("POST", "/check-ins", event.envelope(), idempotency_key="kept-for-sixty-days").json()
    door.passes(days=61)
    phone.submit("cancel", {"event": "0" * 64, "reason": "mistake"})  # forgets old answers
    again = phone.call("POST", "/check-ins", event.envelope(), idempotency_key="kept-for-sixty-days").json()
    assert again == first | {"replayed": True}


@pytest.mark.parametrize("key", ["x" * 65, "x" * 4000, "with space", "../../etc/passwd", "12345678\t"])
def test_an_idempotency_key_of_another_form(door: Door, key: str) -> None:
    phone = door.enrolled()
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    request = signed(phone, "POST", "/api/v1/events", b"{}", **headers)
    with nothing_written(door):
        refused(door.http().send(request), 400, "idempotency_key_missing")


@pytest.mark.parametrize(
    "content",
    [
        b'{"token": "\\u0000"}',
        '{"token": "\\u0000"}'.encode("utf-16-le"),
        b'{"token": "\\ud800"}',
        b'{"to\\u0000ken": "x"}',
        b'{"token": ' + b"9" * 5000 + b"}",
        b'{"token": {"a":' * 11 + b"1" + b"}" * 11,
        b'{"token": 1e999}',
    ],
)
def test_json_that_no_database_could_hold(door: Door, content: bytes) -> None:
    phone = door.enrolled()
    request = signed(phone, "POST", "/api/v1/balance-inquiries", content, **{"Content-Type": "application/json"})
    before = door.snapshot()
    response = door.http().send(request)
    assert response.status_code in (400, 422), response.text
    assert door.snapshot() == before


def test_an_event_with_half_a_character_leaves_the_queue_whole(door: Door) -> None:
    phone = door.enrolled()
    senior, token = door.senior()
    body = check_in(door.order(senior), token)
    with pytest.raises(EventMalformed):
        phone.record("check_in", body | {"order_id": "a\x00b"})
    envelope = phone.record("check_in", body).envelope()
    envelope["event"]["body"]["order_id"] = "a\x00b"
    response = phone.call("POST", "/check-ins", envelope, idempotency_key="a-nul-inside")
    refused(response, 400, "json_malformed")
    assert [one["status"] for one in phone.send()] == ["accepted"]


def test_a_fault_of_ours_writes_no_values_into_the_log(
    door: Door, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def choke(*_: Any) -> None:
        raise IntegrityError(
            "INSERT INTO seniors", {"name": personal}, ValueError(f"Failing row contains ({personal})")
        )

    phone, personal = door.enrolled(), "李秀兰"
    monkeypatch.setattr(access.store, "look_up", choke)
    request = phone.request("GET", "/work-orders")
    with caplog.at_level(logging.ERROR):
        response = door.http().send(request)
    refused(response, 500, "server_fault")
    assert "unexpected fault: IntegrityError" in caplog.text
    assert personal not in caplog.text


# -- keys -------------------------------------------------------------------------------------------------------------
LOW_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
]


@pytest.mark.parametrize("point", LOW_ORDER)
def test_a_key_under_which_anybody_can_sign_is_not_enrolled(door: Door, point: str) -> None:
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64url(bytes.fromhex(point))}
    with nothing_written(door):
        refused(_enrol(door.phone(), "x", jwk), 422, "bad_input")


@pytest.mark.parametrize(
    "jwk",
    [
        {"kty": "EC", "crv": "P-256", "x": b64url(bytes(31) + b"\x05"), "y": b64url(bytes(31) + b"\x05")},
        {"kty": "EC", "crv": "P-256", "x": b64url(bytes(32)), "y": b64url(bytes(32))},
        {"kty": "EC", "crv": "P-384", "x": b64url(bytes(48)), "y": b64url(bytes(48))},
        {"kty": "EC", "crv": "secp256k1", "x": b64url(bytes(32)), "y": b64url(bytes(32))},
        {"kty": "OKP", "crv": "X25519", "x": b64url(bytes(range(32)))},
        {"kty": "oct", "k": "AAAA"},
    ],
)
def test_a_point_off_the_curve_or_of_another(door: Door, jwk: dict[str, str]) -> None:
    with nothing_written(door):
        refused(_enrol(door.phone(), "x", jwk), 422, "bad_input")


def test_the_other_form_of_an_ecdsa_signature_is_the_same_event(door: Door) -> None:
    """(r, s) and (r, n-s) both verify. The event's hash leaves the signature out, so it is taken once all the same."""
    phone = door.enrolled(device_key.ECDSA_P256)
    senior, token = door.senior()
    event = phone.record("check_in", check_in(door.order(senior), token))
    first = phone.call("POST", "/check-ins", event.envelope(), idempotency_key="as-it-was-signed").json()
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    r, s = event.signature[:32], int.from_bytes(event.signature[32:], "big")
    other = event.envelope() | {"signature": b64url(r + (order - s).to_bytes(32, "big"))}
    before = money(door)
    again = phone.call("POST", "/check-ins", other, idempotency_key="its-other-form").json()
    assert again == first | {"replayed": True}
    assert money(door) == before


def test_a_signature_of_zeros_or_in_der(door: Door) -> None:
    phone = door.enrolled(device_key.ECDSA_P256)
    event = phone.record("check_in", PLATE)
    r, s = (int.from_bytes(event.signature[i : i + 32], "big") for i in (0, 32))
    for raw in (bytes(64), encode_dss_signature(r, s)[:64]):
        forged = event.envelope() | {"signature": b64url(raw)}
        with nothing_written(door, "event_signature_wrong"):
            response = phone.call("POST", "/check-ins", forged, idempotency_key="not-a-signature")
            refused(response, 422, "event_signature_wrong")


def test_an_event_that_names_another_algorithm_than_its_key(door: Door) -> None:
    phone = door.enrolled(device_key.ECDSA_P256)
    event = json.loads(phone.record("check_in", PLATE).canonical) | {"alg": device_key.ED25519}
    body = {"event": event, "signature": b64url(device_key.sign(phone.key, signed_event.canonical(event)))}
    with nothing_written(door, "event_signature_wrong"):
        response = phone.call("POST", "/check-ins", body, idempotency_key="wrong-algorithm")
        refused(response, 422, "event_signature_wrong")


def name_and_number(door: Door, senior: int) -> tuple[str, str]:
    query = select(seniors.c.name, media.c.card_no).join(cards, cards.c.senior_id == seniors.c.id)
    query = query.join(media, media.c.card_id == cards.c.id).where(seniors.c.id == senior)
    with door.town.engine.connect() as conn:
        name, number = conn.execute(query).one()
    return name, number


# -- at the door ------------------------------------------------------------------------------------------------------
def test_a_printed_code_is_no_chip(door: Door) -> None:
    """Neither to get round the limit of a static code, nor to be let off saying where the visit was."""
    phone = door.enrolled()
    senior, token = door.senior()
    told = phone.submit("check_in", check_in(door.order(senior), token) | {"method": "chip"})
    assert (told["status"], told["code"]) == ("declined", "consent_not_proved")
    visit = phone.submit("check_in", check_in(door.order(senior), token))["event_id"]
    door.passes(minutes=61)
    told = phone.submit("check_out", check_out(visit, token) | {"method": "chip"})
    assert (told["status"], told["code"]) == ("declined", "consent_not_proved")
    assert phone.submit("check_out", check_out(visit, token))["status"] == "accepted"
    before = money(door)
    told = phone.submit("debit", debit(visit, token) | {"consent": "chip"})
    assert (told["status"], told["code"]) == ("declined", "consent_not_proved")
    assert money(door) == before


def test_nobody_agrees_for_a_senior_without_an_agent(door: Door) -> None:
    """Card numbers can be guessed and typed: without this a caregiver could debit people never met."""
    phone = door.enrolled()
    senior, token = door.senior()
    visit = phone.submit("check_in", check_in(door.order(senior), token))["event_id"]
    door.passes(minutes=61)
    phone.submit("check_out", check_out(visit, token))
    agreed = {"visit": visit, "consent": "agent", "total_fen": 3500, "personal_fen": 0, "cash_fen": 0}
    before = money(door)
    told = phone.submit("debit", agreed)
    assert (told["status"], told["code"]) == ("declined", "consent_not_proved")
    assert money(door) == before
    with door.town.engine.begin() as conn:
        conn.execute(update(seniors).where(seniors.c.id == senior).values(agent_name="李国强"))
    # A name on the roster is no agent: nobody recorded that the senior agreed.
    assert phone.submit("debit", agreed)["code"] == "consent_not_proved"
    with acting(door.town.engine, door.now, COUNTER) as act:
        county.agent(act, senior, "李国强", "13800001234")
    assert phone.submit("debit", agreed)["status"] == "accepted"


def test_a_typed_number_is_not_a_scanned_code(door: Door) -> None:
    phone = door.enrolled()
    senior, token = door.senior()
    _, number = name_and_number(door, senior)
    body = check_in(door.order(senior), token) | {"card_no": number}
    del body["token"]
    assert phone.submit("check_in", body)["code"] == "code_unknown"
    assert phone.submit("check_in", body | {"method": "typed"})["status"] == "accepted"


def test_a_phone_of_one_caregiver_does_not_touch_anothers_visit(door: Door) -> None:
    with acting(door.town.engine, "2026-06-01 09:00", DISTRICT) as act:
        facts = {"from_day": date(2026, 1, 1), "trained_on": date(2026, 1, 5)}
        colleague = caregivers.employ(act, RING, door.town.ours, f"c{door.source[-6:]}", "王芳", **facts)  # type: ignore[arg-type]
    phone, other = door.enrolled(), door.phone()
    other.caregiver = f"c{door.source[-6:]}"
    other.enrol(door.code(caregiver=colleague))
    senior, token = door.senior()
    visit = an_hour_of_cooking(door, phone, door.order(senior), token)
    phone.chain.queue.pop()  # the debit stays with its caregiver
    phone.chain.counter, phone.chain.prev = 2, phone.chain.queue[-1].hash
    assert [one["status"] for one in phone.send()] == ["accepted", "accepted"]
    before = money(door)
    for kind, body in (("void", {"visit": visit, "reason": "fraud"}), ("debit", debit(visit, token))):
        told = other.submit(kind, body)
        assert (told["status"], told["code"]) == ("declined", "other_caregiver"), kind
    assert money(door) == before


def test_another_providers_debit_is_not_confirmed(door: Door) -> None:
    phone, other = door.enrolled(), door.phone()
    other.caregiver = "0101"
    other.enrol(door.code(door.town.theirs, door.town.their_caregiver))
    senior, token = door.senior()
    an_hour_of_cooking(door, other, door.order(senior, provider=door.town.theirs), token)
    theirs = other.chain.queue[-1].hash
    assert other.send()[-1]["status"] == "accepted"
    with nothing_written(door, "other_providers_order"):
        told = phone.submit("confirm", {"debit": theirs, "consent": "agent"})
    assert (told["code"], told["kept"]) == ("other_providers_order", False)


def test_who_looked_at_a_card_is_on_record(door: Door) -> None:
    """A photographed code shows a senior's money to whoever holds a device: the asking leaves a trace, the answer does not."""
    phone = door.enrolled(shared=True)
    senior, token = door.senior()
    phone.balance(token)
    phone.movements(token)
    mine = [row for row in rows(door, audit_rows) if row.actor == f"device:{phone.chain.device_id}"]
    with door.town.engine.connect() as conn:
        card = conn.execute(select(cards.c.id).where(cards.c.senior_id == senior)).scalar_one()
    assert [(row.act, row.subject, row.after) for row in mine] == [
        ("card.ask_balance", f"card:{card}", None),
        ("card.ask_movements", f"card:{card}", None),
    ]


def test_nothing_personal_is_on_record_of_a_day_at_the_door(door: Door) -> None:
    """Neither in the audit trail, nor in remembered answers, nor in the security log."""
    phone = door.enrolled()
    senior, token = door.senior()
    an_hour_of_cooking(door, phone, door.order(senior), token)
    phone.send()
    phone.balance(token)
    phone.movements(token)
    phone.orders()
    name, number = name_and_number(door, senior)
    kept = str([rows(door, table) for table in (audit_rows, answers, security_log)])
    assert name not in kept
    assert number not in kept
    assert token not in kept


def test_an_event_is_read_without_breaking_whatever_it_holds() -> None:
    for odd in (None, 1, "x", [], {}, {"event": []}, {"event": {}, "signature": 1}, {"event": {"v": 1, "kind": []}}):
        with pytest.raises(EventMalformed):
            signed_event.parse(odd)
