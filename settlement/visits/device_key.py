"""Keys of devices: Ed25519, or ECDSA P-256 with SHA-256 for phones whose key store has no Ed25519.

Both signatures are 64 bytes (ECDSA as ``r || s``, RFC 9421 §3.3.4). The algorithm is always named beside a key or
signature, and a key is only ever used with its own; anything else is refused, never guessed. So others, such as SM2,
can follow. A key's id is its RFC 7638 thumbprint: the same key has one id everywhere, and nobody hands out ids.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ED25519 = "ed25519"
ECDSA_P256 = "ecdsa-p256-sha256"
ALGORITHMS = (ED25519, ECDSA_P256)
"""Names as in the RFC 9421 registry, used for events and requests alike."""

PublicKey = Ed25519PublicKey | ec.EllipticCurvePublicKey
PrivateKey = Ed25519PrivateKey | ec.EllipticCurvePrivateKey

KEYS_REMEMBERED = 10_000
"""In each process: more than a district has devices."""

_P256_COORDINATE = 32
_SIGNATURE_BYTES = 64


class KeyUnusable(ValueError):
    """The key is malformed, of another curve, or of an algorithm that is not accepted."""


def b64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def from_b64url(text: str) -> bytes:
    """Strict base64url without padding; raises ValueError for any other character or a non-canonical ending."""
    raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if b64url(raw) != text:
        raise ValueError("not canonical base64url")
    return raw


def generate(alg: str) -> PrivateKey:
    """A new private key; raises KeyUnusable for another algorithm."""
    _known(alg)
    return Ed25519PrivateKey.generate() if alg == ED25519 else ec.generate_private_key(ec.SECP256R1())


def private_from_bytes(alg: str, secret: bytes) -> PrivateKey:
    """The key of 32 secret bytes (the demo's and the tests' devices are the same every time)."""
    _known(alg)
    if alg == ED25519:
        return Ed25519PrivateKey.from_private_bytes(secret)
    return ec.derive_private_key(int.from_bytes(secret, "big"), ec.SECP256R1())


def algorithm_of(key: PublicKey | PrivateKey) -> str:
    return ED25519 if isinstance(key, Ed25519PublicKey | Ed25519PrivateKey) else ECDSA_P256


def to_text(key: PublicKey) -> str:
    """Base64url of the raw key: 32 bytes for Ed25519, the 65-byte uncompressed point for P-256. This form is stored."""
    if isinstance(key, Ed25519PublicKey):
        return b64url(key.public_bytes(Encoding.Raw, PublicFormat.Raw))
    return b64url(key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


@lru_cache(maxsize=KEYS_REMEMBERED)
def from_text(alg: str, text: str) -> PublicKey:
    """Read what :func:`to_text` wrote; raises KeyUnusable. A key never changes, so it is read once."""
    _known(alg)
    try:
        raw = from_b64url(text)
        if alg == ED25519:
            _refuse_weak(raw)
            return Ed25519PublicKey.from_public_bytes(raw)
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)
    except ValueError as error:
        raise KeyUnusable(f"not a {alg} public key") from error


_P25519 = 2**255 - 19
_Y8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_WEAK_Y = frozenset({0, 1, _P25519 - 1, _Y8, _P25519 - _Y8})


def _refuse_weak(raw: bytes) -> None:
    """The curve's eight points of small order verify signatures that nobody made, and their owner could deny any event. OpenSSL
    takes them."""
    y = int.from_bytes(raw, "little") & (2**255 - 1)
    if y % _P25519 in _WEAK_Y:
        raise KeyUnusable("a weak ed25519 public key")


def to_jwk(key: PublicKey) -> dict[str, str]:
    """The public key as a JSON Web Key (RFC 7517, RFC 8037)."""
    raw = from_b64url(to_text(key))
    if isinstance(key, Ed25519PublicKey):
        return {"kty": "OKP", "crv": "Ed25519", "x": b64url(raw)}
    x, y = raw[1 : 1 + _P256_COORDINATE], raw[1 + _P256_COORDINATE :]
    return {"kty": "EC", "crv": "P-256", "x": b64url(x), "y": b64url(y)}


def from_jwk(jwk: Mapping[str, Any]) -> PublicKey:
    """Read a public JSON Web Key; a private part, another curve or a malformed coordinate raises KeyUnusable."""
    if "d" in jwk:
        raise KeyUnusable("a private key must never leave its device")
    try:
        if (jwk.get("kty"), jwk.get("crv")) == ("OKP", "Ed25519"):
            return from_text(ED25519, jwk["x"])
        if (jwk.get("kty"), jwk.get("crv")) == ("EC", "P-256"):
            x, y = from_b64url(jwk["x"]), from_b64url(jwk["y"])
            if len(x) != _P256_COORDINATE or len(y) != _P256_COORDINATE:
                raise KeyUnusable("a P-256 coordinate has 32 bytes")
            return from_text(ECDSA_P256, b64url(b"\x04" + x + y))
    except (KeyError, TypeError, ValueError) as error:
        raise KeyUnusable("malformed JSON Web Key") from error
    raise KeyUnusable("only OKP/Ed25519 and EC/P-256 keys are accepted")


def key_id(key: PublicKey) -> str:
    """RFC 7638 thumbprint (SHA-256, base64url) of the public key."""
    return _thumbprint(algorithm_of(key), to_text(key))


@lru_cache(maxsize=KEYS_REMEMBERED)
def _thumbprint(alg: str, text: str) -> str:
    canonical = json.dumps(to_jwk(from_text(alg, text)), sort_keys=True, separators=(",", ":"))
    return b64url(hashlib.sha256(canonical.encode()).digest())


def sign(key: PrivateKey, message: bytes) -> bytes:
    """64 signature bytes by the key's own algorithm."""
    if isinstance(key, Ed25519PrivateKey):
        return key.sign(message)
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(_P256_COORDINATE, "big") + s.to_bytes(_P256_COORDINATE, "big")


def verify(alg: str, key: PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether the signature is genuine. False, too, when the algorithm named is not the key's own."""
    if alg != algorithm_of(key) or len(signature) != _SIGNATURE_BYTES:
        return False
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, message)
        else:
            r = int.from_bytes(signature[:_P256_COORDINATE], "big")
            s = int.from_bytes(signature[_P256_COORDINATE:], "big")
            key.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _known(alg: str) -> None:
    if alg not in ALGORITHMS:
        raise KeyUnusable(f"algorithm {alg!r} is not accepted; use one of {', '.join(ALGORITHMS)}")
