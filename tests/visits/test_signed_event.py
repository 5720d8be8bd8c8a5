"""A device's signed events: one canonical form, and a signature that no change survives."""

from __future__ import annotations

import contextlib
import copy
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.visits import device_key
from settlement.visits.signed_event import (
    FIRST_PREV,
    EventMalformed,
    SignedEvent,
    canonical,
    event_hash,
    moment,
    parse,
    sign,
    verify,
)

BEIJING = timezone(timedelta(hours=8))
MILLENNIUM = datetime(2000, 1, 1)  # noqa: DTZ001 - hypothesis wants its bounds without a zone
KEYS = {alg: device_key.private_from_bytes(alg, bytes(range(1, 33))) for alg in device_key.ALGORITHMS}

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=40)
places = st.fixed_dictionaries(
    {
        "latitude_e7": st.integers(-900_000_000, 900_000_000),
        "longitude_e7": st.integers(-1_800_000_000, 1_800_000_000),
        "accuracy_m": st.integers(0, 100_000),
    }
)
lines = st.fixed_dictionaries(
    {"item": texts, "quantity": st.integers(1, 1000)}, optional={"amount_fen": st.integers(0, 100_000_000)}
)
hashes = st.text("0123456789abcdef", min_size=64, max_size=64)
bodies = st.one_of(
    st.tuples(
        st.just("check_in"),
        st.fixed_dictionaries({"method": st.just("card_qr")}, optional={"token": texts, "place": places}),
    ),
    st.tuples(
        st.just("check_out"),
        st.fixed_dictionaries(
            {"visit": texts, "lines": st.lists(lines, min_size=1, max_size=4), "method": st.just("chip")}
        ),
    ),
    st.tuples(st.just("cancel"), st.fixed_dictionaries({"event": hashes, "reason": texts})),
)


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    kind, body = draw(bodies)
    return {
        "kind": kind,
        "device_id": draw(texts),
        "counter": draw(st.integers(1, 2**31 - 1)),
        "prev": draw(hashes),
        "occurred_at": moment(
            draw(st.datetimes(MILLENNIUM, MILLENNIUM.replace(year=2199), timezones=st.just(BEIJING)))
        ),
        "boot": draw(texts),
        "mono_ms": draw(st.integers(0, 2**53 - 1)),
        "caregiver": draw(texts),
        "body": body,
    }


def check_in(**changes: Any) -> dict[str, Any]:
    event = {
        "kind": "check_in",
        "device_id": "phone-1",
        "counter": 1,
        "prev": FIRST_PREV,
        "occurred_at": "2026-07-03T09:00:00.000000+08:00",
        "boot": "b1",
        "mono_ms": 5000,
        "caregiver": "0017",
        "body": {"method": "door_plate", "token": "plate"},
    }
    return event | changes


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], Any]]:
    if isinstance(value, dict):
        return [leaf for key in value for leaf in leaves(value[key], (*path, key))]
    if isinstance(value, list):
        return [leaf for i, inner in enumerate(value) for leaf in leaves(inner, (*path, i))]
    return [(path, value)]


def altered(leaf: Any) -> Any:
    return leaf + 1 if isinstance(leaf, int) else leaf + "0"


def reordered(value: Any) -> Any:
    """The same content, every object's keys in the opposite order."""
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(value)}
    return [reordered(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("alg", device_key.ALGORITHMS)
@settings(max_examples=60)
@given(data=st.data())
def test_any_change_of_one_field_breaks_the_signature(alg: str, data: st.DataObject) -> None:
    key = KEYS[alg]
    signed = sign(data.draw(events()), key)
    assert verify(signed, alg, key.public_key())

    forged = signed.envelope()
    path, leaf = data.draw(st.sampled_from(leaves(forged["event"])))
    holder = forged["event"]
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = altered(leaf)
    with contextlib.suppress(EventMalformed):  # some changes do not even leave a well-formed event
        assert not verify(parse(forged), alg, key.public_key())


@settings(max_examples=60)
@given(event=events())
def test_the_order_of_keys_does_not_matter_and_nothing_is_lost(event: dict[str, Any]) -> None:
    assert canonical(reordered(event)) == canonical(event)
    assert json.loads(canonical(event)) == event
    assert event_hash(reordered(event)) == event_hash(event)


def test_the_canonical_form_is_what_any_other_program_would_write() -> None:
    event = {"kind": "cancel", "counter": 7, "body": {"reason": '误扫\t"x"\u007f', "event": "a/b"}}
    text = '{"body":{"event":"a/b","reason":"误扫\\t\\"x\\"\u007f"},"counter":7,"kind":"cancel"}'
    assert canonical(event) == text.encode()


@pytest.mark.parametrize(
    "value",
    [1.5, 2.0, None, True, 2**53, -(2**53), "\ud800", "a\x00", {"Key": 1}, {"é": 1}, [[[[[[[[1]]]]]]]]],
)
def test_what_has_no_single_form_is_refused(value: Any) -> None:
    with pytest.raises(EventMalformed):
        canonical(check_in(body={"x": value}))


def test_an_event_travels_and_is_read_back_whole() -> None:
    signed = sign(check_in(), KEYS[device_key.ED25519])
    received = parse(json.loads(json.dumps(signed.envelope())))
    assert received == signed
    assert received.occurred_at == datetime(2026, 7, 3, 1, 0, tzinfo=UTC)
    assert received.hash == event_hash(signed.envelope()["event"])


def test_the_hash_of_an_event_does_not_depend_on_its_signature() -> None:
    """ECDSA draws a random number: the same event signed twice must still be the same event."""
    key = KEYS[device_key.ECDSA_P256]
    first, again = sign(check_in(), key), sign(check_in(), key)
    assert first.signature != again.signature
    assert first.hash == again.hash


@pytest.mark.parametrize(
    "change",
    [
        {"counter": 0},
        {"counter": "1"},
        {"counter": 1.0},
        {"prev": "0" * 63},
        {"prev": "G" * 64},
        {"occurred_at": "2026-07-03T09:00:00+08:00"},
        {"occurred_at": "2026-07-03T09:00:00.000000"},
        {"occurred_at": "2026-02-30T09:00:00.000000+08:00"},
        {"occurred_at": "2200-01-01T09:00:00.000000+08:00"},
        {"kind": "gift"},
        {"mono_ms": -1},
        {"note": "more than the form has"},
        {"body": {"method": "door_plate", "place": {"latitude_e7": 324312345.5}}},
        {"body": {"method": "magic"}},
        {"body": {}},
    ],
)
def test_malformed_events_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(EventMalformed):
        sign(check_in(**change), KEYS[device_key.ED25519])


@pytest.mark.parametrize("alg", ["none", "hmac-sha256", "rsa-pss-sha512", "ED25519", ""])
def test_other_algorithms_are_refused(alg: str) -> None:
    envelope = sign(check_in(), KEYS[device_key.ED25519]).envelope()
    envelope["event"]["alg"] = alg
    with pytest.raises(EventMalformed):
        parse(envelope)
    with pytest.raises(device_key.KeyUnusable):
        device_key.generate(alg)


def test_a_signature_counts_only_under_the_key_and_algorithm_it_names() -> None:
    signed = sign(check_in(), KEYS[device_key.ED25519])
    other = device_key.generate(device_key.ED25519).public_key()
    assert not verify(signed, device_key.ED25519, other)
    assert not verify(signed, device_key.ECDSA_P256, KEYS[device_key.ED25519].public_key())
    assert not verify(signed, device_key.ECDSA_P256, KEYS[device_key.ECDSA_P256].public_key())


def resigned(signed: SignedEvent, signature: str) -> dict[str, Any]:
    return copy.deepcopy(signed.envelope()) | {"signature": signature}


@pytest.mark.parametrize("signature", ["", "AAAA", "A" * 85 + "=", "A" * 85 + "B", "é" * 86])
def test_a_signature_that_is_no_signature(signature: str) -> None:
    signed = sign(check_in(), KEYS[device_key.ED25519])
    try:
        forged = parse(resigned(signed, signature))
    except EventMalformed:
        return
    assert not verify(forged, device_key.ED25519, KEYS[device_key.ED25519].public_key())


@pytest.mark.parametrize("alg", device_key.ALGORITHMS)
def test_public_keys_survive_both_of_their_forms(alg: str) -> None:
    public = KEYS[alg].public_key()
    for back in (
        device_key.from_text(alg, device_key.to_text(public)),
        device_key.from_jwk(device_key.to_jwk(public)),
    ):
        assert device_key.to_text(back) == device_key.to_text(public)
        assert device_key.key_id(back) == device_key.key_id(public)


def test_the_key_id_is_the_rfc_8037_thumbprint() -> None:
    """RFC 8037 appendix A.3 gives the thumbprint of its example key."""
    key = device_key.from_jwk({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
    assert device_key.key_id(key) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.parametrize(
    "jwk",
    [
        {},
        {"kty": "RSA", "n": "x", "e": "AQAB"},
        {"kty": "OKP", "crv": "Ed448", "x": "AAAA"},
        {"kty": "OKP", "crv": "Ed25519", "x": "AAAA"},
        {"kty": "OKP", "crv": "Ed25519", "x": 3},
        {"kty": "EC", "crv": "P-384", "x": "AAAA", "y": "AAAA"},
        {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43},  # not on the curve
        device_key.to_jwk(KEYS[device_key.ED25519].public_key()) | {"d": "AAAA"},
    ],
)
def test_unusable_keys_are_refused(jwk: dict[str, Any]) -> None:
    with pytest.raises(device_key.KeyUnusable):
        device_key.from_jwk(jwk)
