"""Requests drawn from the OpenAPI document, signed by an enrolled phone: none makes the server fail, and every answer is one it describes."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import (
    content_type_conformance,
    load_all_checks,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from pos_gateway import http_signatures
from pos_gateway.api.access import RULES
from pos_gateway.client import DeviceClient
from pos_gateway.http_signatures import Message
from settlement.visits.signed_event import EventMalformed
from tests.pos_gateway.town import Door

load_all_checks()
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
OPERATIONS = sorted(name for name, rule in RULES.items() if rule.caller.name in ("DEVICE", "NEW_KEY"))
# The town stays the same for all draws of a test: each stands on what the ones before left, as on a real server.
DRAWS = settings(max_examples=30, suppress_health_check=[*HealthCheck], database=None)


def signed(phone: DeviceClient, http: httpx.Client, sent: dict[str, Any], number: int) -> httpx.Response:
    """The drawn request as the phone would send it."""
    drawn = requests.Request(
        **{name: sent[name] for name in sent if name not in ("allow_redirects", "timeout", "verify")}
    )
    ready = drawn.prepare()
    content = ready.body.encode() if isinstance(ready.body, str) else bytes(ready.body or b"")
    headers = {"Idempotency-Key": f"drawn-number-{number}"}
    if content:
        headers["Content-Type"] = "application/json"
    request = http.build_request(str(ready.method), str(ready.url), content=content or None, headers=headers)
    message = Message(request.method, str(request.url), request.headers, content)
    http_signatures.sign(message, phone.key, created=phone._clock(), nonce=f"nonce-{number}")
    return http.send(request)


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_whatever_is_asked_is_answered_as_described(operation_id: str, door: Door) -> None:
    phone, http = door.enrolled(), door.http()
    schema = schemathesis.openapi.from_dict(http.get("/openapi.json").json())
    drawn = [found.ok() for found in schema.get_all_operations()]
    (operation,) = (one for one in drawn if one.definition.raw["operationId"] == operation_id)
    number = 0

    @DRAWS
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        nonlocal number
        number += 1
        sent = case.as_transport_kwargs(base_url="http://gateway.test")
        case.validate_response(signed(phone, http, sent, number), checks=CHECKS)

    ask()
    assert number >= 10 or operation.definition.raw.get("requestBody") is None


@pytest.mark.parametrize("kind", ["check_in", "check_out", "debit", "confirm", "cancel", "void", "not_served"])
def test_whatever_an_enrolled_phone_signs_is_answered(kind: str, door: Door) -> None:
    """Past the signature, where the fields drawn reach the domain: beside random ones, ids and codes that exist."""
    phone, (senior_id, code) = door.enrolled(), door.senior()
    order_id = door.order(senior_id)
    begun = phone.submit("check_in", {"order_id": order_id, "method": "card_qr", "token": code})
    assert begun["status"] == "accepted"
    known = {
        "token": code,
        "visit": begun["event_id"],
        "order_id": order_id,
        "debit": begun["event_id"],
        "event": begun["event_id"],
    }
    schema = schemathesis.openapi.from_dict(door.http().get("/openapi.json").json())
    drawn = [found.ok() for found in schema.get_all_operations()]
    (upload,) = (one for one in drawn if one.definition.raw["operationId"] == "events.upload")
    seen = set()

    @DRAWS
    @given(case=upload.as_strategy(), real=st.sets(st.sampled_from(sorted(known))))
    def submit(case: Any, real: set[str]) -> None:
        events = case.body["events"] if isinstance(case.body, dict) else []
        for event in events[:3]:
            body = {
                name: known[name] if name in real and name in known else value
                for name, value in event["event"]["body"].items()
            }
            try:
                told = phone.submit(kind, body)
            except EventMalformed:
                continue
            seen.add(told["status"])

    submit()
    assert seen <= {"accepted", "declined", "waiting", "quarantined", "refused"}
