"""Requests signed for transport: the RFC's own example, and everything that must not pass."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from http_message_signatures import algorithms

from pos_gateway.http_signatures import (
    Message,
    SignatureMissing,
    SignatureStale,
    SignatureWrong,
    _Keys,
    _Verifier,
    sign,
    verify,
)
from settlement.visits import device_key

NOW = datetime(2026, 7, 3, 1, 0, tzinfo=UTC)
NONCE = "n-0123456789abcdef"
KEYS = {alg: device_key.private_from_bytes(alg, bytes(range(1, 33))) for alg in device_key.ALGORITHMS}
ED = KEYS[device_key.ED25519]


def request(**changes: Any) -> Message:
    parts = {
        "method": "POST",
        "url": "https://gateway.example/api/v1/events",
        "headers": {"Content-Type": "application/json", "Idempotency-Key": "upload-1"},
        "body": b'{"events":[]}',
    }
    return Message(**parts | changes)


def signed(key: Any = ED, *, created: datetime = NOW, nonce: str = NONCE, **changes: Any) -> Message:
    message = request(**changes)
    sign(message, key, created=created, nonce=nonce)
    return message


def test_the_example_of_rfc_9421_b_2_6() -> None:
    message = Message(
        "POST",
        "https://example.com/foo?param=Value&Pet=dog",
        {
            "Host": "example.com",
            "Date": "Tue, 20 Apr 2021 02:07:55 GMT",
            "Content-Type": "application/json",
            "Content-Length": "18",
            "Signature-Input": 'sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length")'
            ';created=1618884473;keyid="test-key-ed25519"',
            "Signature": "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:",
        },
        b'{"hello": "world"}',
    )
    key = device_key.from_jwk({"kty": "OKP", "crv": "Ed25519", "x": "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"})
    verifier = _Verifier(signature_algorithm=algorithms.ED25519, key_resolver=_Keys({"test-key-ed25519": key}))
    [result] = verifier.verify(message, max_age=None)
    assert result.covered_components['"@authority"'] == "example.com"


def test_the_content_digest_of_rfc_9530() -> None:
    message = request(body=b'{"hello": "world"}\n')
    sign(message, ED, created=NOW, nonce=NONCE)
    assert message.headers["Content-Digest"] == "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"


@pytest.mark.parametrize("alg", device_key.ALGORITHMS)
def test_a_signed_request_is_recognised(alg: str) -> None:
    verified = verify(signed(KEYS[alg]), KEYS[alg].public_key(), now=NOW)
    assert (verified.alg, verified.nonce, verified.created) == (alg, NONCE, NOW)
    assert verified.key_id == device_key.key_id(KEYS[alg].public_key())


def test_a_request_without_body_needs_no_digest() -> None:
    message = request(
        method="GET", url="https://gateway.example/api/v1/work-orders?day=2026-07-03", headers={}, body=b""
    )
    sign(message, ED, created=NOW, nonce=NONCE)
    assert verify(message, ED.public_key(), now=NOW).nonce == NONCE


@pytest.mark.parametrize(
    "change",
    [
        {"method": "PUT"},
        {"url": "https://gateway.example/api/v1/debits"},
        {"url": "https://gateway.example/api/v1/events?dry_run=1"},
        {"url": "https://other.example/api/v1/events"},
        {"body": b'{"events":[1]}'},
        {"body": b""},
    ],
)
def test_every_part_that_matters_is_covered(change: dict[str, Any]) -> None:
    good = signed()
    forged = Message(**{"method": good.method, "url": good.url, "headers": good.headers, "body": good.body} | change)
    with pytest.raises(SignatureWrong):
        verify(forged, ED.public_key(), now=NOW)


@pytest.mark.parametrize("header", ["Content-Type", "Content-Digest", "Idempotency-Key"])
def test_covered_headers_cannot_be_changed_or_dropped(header: str) -> None:
    message = signed()
    message.headers[header] += "x"
    with pytest.raises(SignatureWrong):
        verify(message, ED.public_key(), now=NOW)
    del message.headers[header]
    with pytest.raises(SignatureWrong):
        verify(message, ED.public_key(), now=NOW)


def test_a_header_added_after_signing_is_not_believed() -> None:
    message = signed(headers={"Content-Type": "application/json"})
    message.headers["Idempotency-Key"] = "added-later"
    with pytest.raises(SignatureWrong):
        verify(message, ED.public_key(), now=NOW)


def test_unsigned() -> None:
    with pytest.raises(SignatureMissing):
        verify(request(), ED.public_key(), now=NOW)


@pytest.mark.parametrize("late", [301, -301])
def test_stale_and_far_ahead(late: int) -> None:
    with pytest.raises(SignatureStale):
        verify(signed(), ED.public_key(), now=NOW + timedelta(seconds=late))


def test_the_edge_of_the_window_still_counts() -> None:
    assert verify(signed(), ED.public_key(), now=NOW + timedelta(seconds=300))


def test_its_own_expiry_counts_too() -> None:
    message = request()
    sign(message, ED, created=NOW, nonce=NONCE, lifetime=timedelta(seconds=30))
    with pytest.raises(SignatureStale):
        verify(message, ED.public_key(), now=NOW + timedelta(seconds=31))


def test_another_key_or_algorithm() -> None:
    for other in (device_key.generate(device_key.ED25519), KEYS[device_key.ECDSA_P256]):
        with pytest.raises(SignatureWrong):
            verify(signed(), other.public_key(), now=NOW)


@pytest.mark.parametrize("nonce", ["short", "x" * 65, "sixteen chars ok"])
def test_a_nonce_of_another_form(nonce: str) -> None:
    with pytest.raises(SignatureWrong):
        verify(signed(nonce=nonce), ED.public_key(), now=NOW)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (';alg="ed25519"', ""),
        (f';nonce="{NONCE}"', ""),
        ('alg="ed25519"', 'alg="none"'),
        ('"@path" ', ""),
        ("sig1=", "sig1=(), sig1="),
        ("sig1=(", 'sig2=();keyid="x", sig1=('),
        ("created=", "created=1"),
        ("sig1=", "é"),
    ],
)
def test_tampered_parameters(old: str, new: str) -> None:
    message = signed()
    assert old in message.headers["Signature-Input"]
    message.headers["Signature-Input"] = message.headers["Signature-Input"].replace(old, new)
    with pytest.raises(SignatureWrong):
        verify(message, ED.public_key(), now=NOW)


@pytest.mark.parametrize("signature", ["", "sig1=:AAAA:", "sig1=5", "other=:AAAA:", "\x00"])
def test_a_signature_that_is_none(signature: str) -> None:
    message = signed()
    message.headers["Signature"] = signature
    with pytest.raises(SignatureWrong):
        verify(message, ED.public_key(), now=NOW)


def test_a_component_left_out_by_the_signer_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even a genuine key may not leave the body or the path open."""
    import pos_gateway.http_signatures as module

    with monkeypatch.context() as patched:
        patched.setattr(module, "covered", lambda body, key: ("@method", "@authority", "@query", "content-type"))
        message = signed()
    with pytest.raises(SignatureWrong):
        verify(message, ED.public_key(), now=NOW)
