"""Every address has a rule, and the specification and its page tell the truth about all of them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pos_gateway.api import PREFIX
from pos_gateway.api.access import RULES, Caller
from settlement.outcomes import Reason
from tests.pos_gateway.town import Door

SIGNED = {Caller.NEW_KEY, Caller.DEVICE}
"""Operations of the interface; everything else is a page."""


def test_every_address_has_a_rule_and_every_rule_an_address(door: Door) -> None:
    endpoints = {rule.endpoint for rule in door.app.url_map.iter_rules()}
    assert endpoints == set(RULES)


def test_only_reading_about_the_interface_is_public() -> None:
    public = {endpoint for endpoint, rule in RULES.items() if rule.caller is Caller.PUBLIC}
    app = {"caregiver.index", "caregiver.manifest", "caregiver.worker", "caregiver.static"}
    way_in = {"card.arrive", "card.scan", "card.plate", "card.text_size", "card.static"}
    assert public == app | way_in | {"api-docs.openapi_json", "pages.operations", "static"}


def test_what_is_not_public_turns_away_the_unsigned(door: Door) -> None:
    http = door.http()
    for rule in door.app.url_map.iter_rules():
        if RULES[rule.endpoint].caller not in SIGNED:
            continue
        assert rule.methods is not None
        for method in rule.methods - {"HEAD"}:
            response = http.request(method, rule.rule, json={})
            assert (response.status_code, response.json()["code"]) == (401, "request_unsigned"), rule.rule


def test_what_is_of_one_card_sends_everybody_else_to_scan_theirs(door: Door) -> None:
    http = door.http()
    pages = [
        rule for rule in door.app.url_map.iter_rules() if RULES[rule.endpoint].caller in (Caller.SCANNED, Caller.HOLDER)
    ]
    assert len(pages) > 10
    for rule in pages:
        assert rule.methods is not None
        for method in rule.methods - {"HEAD"}:
            response = http.request(method, rule.rule, data={"number": "1"})
            assert (response.status_code, response.headers["Location"]) == (303, "/card?over=1"), rule.rule


def test_an_address_without_a_rule_is_closed(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(RULES, "pages.operations")
    assert door.http().get("/docs").status_code == 403


@pytest.fixture
def spec(door: Door) -> dict[str, Any]:
    found: dict[str, Any] = door.http().get("/openapi.json").json()
    return found


def test_the_specification_is_openapi_3_1_and_whole(spec: dict[str, Any]) -> None:
    assert spec["openapi"].startswith("3.1")
    operations = {
        operation["operationId"]: (path, method, operation)
        for path, methods in spec["paths"].items()
        for method, operation in methods.items()
    }
    served = {endpoint for endpoint, rule in RULES.items() if rule.caller in SIGNED}
    assert set(operations) == served
    for endpoint, (path, method, operation) in operations.items():
        assert path.startswith(PREFIX)
        assert re.search(r"[\u4e00-\u9fff].* [A-Z]", operation["summary"]), operation["summary"]
        headers = {parameter["name"] for parameter in operation.get("parameters", ())}
        assert ("Idempotency-Key" in headers) == RULES[endpoint].writes, endpoint
        assert ("requestBody" in operation) == (method == "post")
    for name in re.findall(r'"#/components/(\w+/\w+)"', str(spec).replace("'", '"')):
        kind, part = name.split("/")
        assert part in spec["components"][kind]


def test_errors_are_problems_in_the_specification_too(spec: dict[str, Any]) -> None:
    [(media_type, content)] = spec["components"]["responses"]["DEFAULT_ERROR"]["content"].items()
    assert media_type == "application/problem+json"
    assert content["schema"]["$ref"].endswith("/Problem")


def test_the_page_names_every_operation_and_code_and_fetches_nothing(door: Door, spec: dict[str, Any]) -> None:
    response = door.http().get("/docs")
    page = response.text
    for path in spec["paths"]:
        assert path in page
    for reason in Reason:
        assert f'id="{reason.code}"' in page
    assert '<html lang="zh-Hans">' in page
    assert "<script" not in page
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    for reference in set(re.findall(r'href="#([^"]+)"', page)):
        assert f'id="{reference}"' in page, reference


def test_every_answer_carries_the_security_headers(door: Door) -> None:
    for path in ("/docs", "/openapi.json", "/static/docs.css", "/nothing", "/api/v1/events"):
        headers = door.http().get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "Content-Security-Policy" in headers
