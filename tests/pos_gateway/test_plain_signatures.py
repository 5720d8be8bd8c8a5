"""What is accepted in one pass is what the library accepts, and what it leaves alone is left to the library."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pos_gateway import http_signatures, plain_signatures
from pos_gateway.http_signatures import ALGORITHMS, Message, SignatureStale, SignatureWrong, covered, sign, verify
from settlement.visits import device_key

NOW = datetime(2026, 7, 3, 1, 0, tzinfo=UTC)
KEYS = {alg: device_key.private_from_bytes(alg, bytes(range(1, 33))) for alg in device_key.ALGORITHMS}
ED = KEYS[device_key.ED25519]


def signed(key: Any = ED, url: str = "https://gateway.example/api/v1/debits", body: bytes = b'{"event": 1}') -> Message:
    headers = {"Content-Type": "application/json", "Idempotency-Key": "debit-0001"} if body else {}
    message = Message("POST" if body else "GET", url, headers, body)
    sign(message, key, created=NOW, nonce="n-0123456789abcdef")
    return message


def in_one_pass(message: Message, key: Any = ED) -> bool:
    said = plain_signatures.stated(message.headers["Signature-Input"])
    required = covered(bool(message.body), "Idempotency-Key" in message.headers)
    alg = device_key.algorithm_of(key)
    return said is not None and plain_signatures.genuine(said, message, required, alg, key.public_key())


def by_the_library(message: Message, key: Any = ED) -> bool:
    public = key.public_key()
    alg, id = device_key.algorithm_of(public), device_key.key_id(public)
    verifier = http_signatures._Verifier(
        signature_algorithm=ALGORITHMS[alg], key_resolver=http_signatures._Keys({id: public})
    )
    required = covered(bool(message.body), "Idempotency-Key" in message.headers)
    try:
        verifier.verify(message, max_age=None, require_components=required, body=message.body)
    except Exception:
        return False
    return True


@pytest.mark.parametrize("alg", device_key.ALGORITHMS)
@pytest.mark.parametrize("body", [b"", b'{"event": 1}'])
def test_what_a_device_of_ours_sends_is_checked_in_one_pass(alg: str, body: bytes) -> None:
    message = signed(KEYS[alg], body=body)
    assert in_one_pass(message, KEYS[alg])
    assert by_the_library(message, KEYS[alg])


@pytest.mark.parametrize(
    "url",
    [
        "https://gateway.example:443/api/v1/debits",
        "https://gateway.example/api/v1/work-orders?day=2026-07-03",
        "https://gateway.example/a%20b",
    ],
)
def test_what_is_not_plain_is_left_to_the_library(url: str) -> None:
    message = signed(url=url)
    assert not in_one_pass(message)
    assert verify(message, ED.public_key(), now=NOW).nonce == "n-0123456789abcdef"


@given(st.data())
def test_whatever_is_changed_one_pass_accepts_nothing_that_the_library_refuses(data: st.DataObject) -> None:
    """One character of one part is replaced, left out or doubled."""
    message = signed()
    part = data.draw(st.sampled_from(["url", "method", "body", *message.headers]))
    text = getattr(message, part, None) or message.headers.get(part)
    plain = text.decode() if isinstance(text, bytes) else str(text)
    place = data.draw(st.integers(0, len(plain) - 1))
    put = data.draw(st.sampled_from(["", plain[place] * 2, *' ;,=:"()aZ09-@%?#']))
    changed = plain[:place] + put + plain[place + 1 :]
    if part in message.headers:
        message = replace(message, headers=message.headers | {part: changed})
    else:
        message = replace(message, **{part: changed.encode() if part == "body" else changed})
    if in_one_pass(message):
        assert by_the_library(message)


@pytest.mark.parametrize(
    ("part", "old", "new"),
    [
        ("Signature-Input", '"@path" ', ""),
        ("Content-Digest", "sha-256=:", "sha-256=:AAAA"),
        ("Idempotency-Key", "debit-0001", "debit-0002"),
    ],
)
def test_what_was_not_signed_so_is_refused(part: str, old: str, new: str) -> None:
    message = signed()
    message.headers[part] = message.headers[part].replace(old, new)
    assert not in_one_pass(message)
    with pytest.raises(SignatureWrong):
        verify(message, ED.public_key(), now=NOW)


def test_an_old_request_is_stale_however_it_is_checked() -> None:
    message = signed()
    assert in_one_pass(message)
    with pytest.raises(SignatureStale):
        verify(message, ED.public_key(), now=NOW + timedelta(minutes=6))
