"""A PIN sealed at the door: what opens, and that another program, working by the letter of RFC 9180, makes the same."""

from __future__ import annotations

import base64
import hmac
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from settlement.cards import sealed_pin
from settlement.keys import new_ring
from tests.support import RING

VISIT = "ab" * 32
BOUND = sealed_pin.bound(VISIT, 3000, 0, "2026-07-03T10:02:00.000000+08:00")


def by_the_letter(
    pin: bytes, info: bytes, eph: ec.EllipticCurvePrivateKey, receiver: ec.EllipticCurvePublicKey
) -> bytes:
    """RFC 9180, base mode, DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM: enc || ciphertext, of the first message."""

    def labelled_extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
        return hmac.new(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, sha256).digest()

    def labelled_expand(suite: bytes, key: bytes, label: bytes, info: bytes, length: int) -> bytes:
        text = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
        return hmac.new(key, text + b"\x01", sha256).digest()[:length]  # one block is enough for 32 bytes

    def raw(key: ec.EllipticCurvePublicKey) -> bytes:
        return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    kem, suite = b"KEM\x00\x10", b"HPKE\x00\x10\x00\x01\x00\x02"
    enc = raw(eph.public_key())
    shared = labelled_extract(kem, b"", b"eae_prk", eph.exchange(ec.ECDH(), receiver))
    secret = labelled_expand(kem, shared, b"shared_secret", enc + raw(receiver), 32)
    psk_id, info_hash = (
        labelled_extract(suite, b"", label, text) for label, text in ((b"psk_id_hash", b""), (b"info_hash", info))
    )
    context = b"\x00" + psk_id + info_hash
    schedule = labelled_extract(suite, secret, b"secret", b"")
    key, nonce = (
        labelled_expand(suite, schedule, label, context, size) for label, size in ((b"key", 32), (b"base_nonce", 12))
    )
    return enc + AESGCM(key).encrypt(nonce, pin, b"")


def test_what_another_program_seals_opens() -> None:
    jwk = sealed_pin.public_jwk(RING)
    x, y = (int.from_bytes(base64.urlsafe_b64decode(jwk[name] + "="), "big") for name in ("x", "y"))
    receiver = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    eph = ec.derive_private_key(20260703, ec.SECP256R1())
    sealed = by_the_letter(b"493817", b"songbai pin 1|" + BOUND, eph, receiver)
    assert len(sealed) == 65 + 6 + 16
    assert sealed_pin.open_(RING, base64.urlsafe_b64encode(sealed).decode().rstrip("="), BOUND) == "493817"


def test_the_binding_is_written_as_the_page_for_integrators_says() -> None:
    assert BOUND == b"ab" * 32 + b"|3000|0|2026-07-03T10:02:00.000000+08:00"


def test_sealed_for_one_debit_it_opens_for_no_other() -> None:
    sealed = sealed_pin.seal(sealed_pin.public_jwk(RING), "493817", BOUND)
    assert sealed != sealed_pin.seal(
        sealed_pin.public_jwk(RING), "493817", BOUND
    )  # the same PIN is not seen to be the same
    assert sealed_pin.open_(RING, sealed, BOUND) == "493817"
    moment = "2026-07-03T10:02:00.000000+08:00"
    for other in (
        sealed_pin.bound("cd" * 32, 3000, 0, moment),
        sealed_pin.bound(VISIT, 3001, 0, moment),
        sealed_pin.bound(VISIT, 3000, 3000, moment),
        sealed_pin.bound(VISIT, 3000, 0, "2026-07-03T10:02:00.000001+08:00"),
    ):
        assert sealed_pin.open_(RING, sealed, other) is None
    assert sealed_pin.open_(new_ring(b"another district"), sealed, BOUND) is None


@pytest.mark.parametrize("text", ["", "=", "A", "AAAA", "not base64url!", "A" * 116, "A" * 10_000, "493817", "４９"])
def test_what_was_never_sealed_opens_to_nothing(text: str) -> None:
    assert sealed_pin.open_(RING, text, BOUND) is None


def test_the_key_is_the_same_again_and_a_districts_own() -> None:
    first, others = sealed_pin.public_jwk(RING), sealed_pin.public_jwk(new_ring(b"another district"))
    assert first == sealed_pin.public_jwk(RING)
    assert first["kid"] != others["kid"]
    assert (first["kty"], first["crv"], set(first)) == ("EC", "P-256", {"kty", "crv", "x", "y", "kid", "use"})
