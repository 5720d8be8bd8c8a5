"""A PIN sealed to the server: typed at the door, perhaps without signal, and readable by nobody on the way.

HPKE (RFC 9180), base mode: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. The ``info`` of its key schedule names the use and what the PIN
was typed for (:func:`bound`), so that a sealed PIN opens for that one debit and no other; there is no further ``aad``. What travels is
base64url without padding of ``enc || ciphertext`` (65 + 6 + 16 bytes for a PIN of six digits).
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from settlement.keys import KeyRing

USE = b"songbai pin 1|"
"""What ``info`` begins with."""

_SUITE = Suite(KEM.P256, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of P-256: private keys are the numbers below it."""
_LONGEST = 200
"""Characters of a sealed PIN; what is longer is none."""


def public_jwk(ring: KeyRing) -> dict[str, Any]:
    """The key that PINs are sealed to, as a JSON Web Key (RFC 7517); ``kid`` is its thumbprint (RFC 7638)."""
    numbers = _key(ring.derive("pin sealing", 48)).public_key().public_numbers()
    key = {
        "crv": "P-256",
        "kty": "EC",
        "x": _b64(numbers.x.to_bytes(32, "big")),
        "y": _b64(numbers.y.to_bytes(32, "big")),
    }
    thumbprint = hashlib.sha256(json.dumps(key, separators=(",", ":"), sort_keys=True).encode()).digest()
    return key | {"kid": _b64(thumbprint), "use": "enc"}


def bound(visit: str, total_fen: int, personal_fen: int, occurred_at: str) -> bytes:
    """What a PIN is typed for, as it stands in the event: its visit, what was agreed to in all and from own money, the moment."""
    return f"{visit}|{total_fen}|{personal_fen}|{occurred_at}".encode()


def seal(jwk: dict[str, Any], pin: str, bound: bytes) -> str:
    """What a device does with a PIN before it keeps or sends it."""
    x, y = (int.from_bytes(_bytes(jwk[name]), "big") for name in ("x", "y"))
    key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    return _b64(_SUITE.encrypt(pin.encode(), key, USE + bound))


def open_(ring: KeyRing, sealed: str, bound: bytes) -> str | None:
    """The PIN; None for what was not sealed to this server for exactly this."""
    if len(sealed) > _LONGEST:
        return None
    try:
        return _SUITE.decrypt(_bytes(sealed), _key(ring.derive("pin sealing", 48)), USE + bound).decode()
    except (InvalidTag, ValueError):  # ValueError: not base64url, too short, no point of the curve, not text
        return None


@lru_cache(maxsize=8)
def _key(seed: bytes) -> ec.EllipticCurvePrivateKey:
    # 48 bytes for a number below 2^256: no number is likelier than another.
    return ec.derive_private_key(int.from_bytes(seed, "big") % (_ORDER - 1) + 1, ec.SECP256R1())


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
