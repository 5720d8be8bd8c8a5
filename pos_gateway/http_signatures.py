"""Requests signed for transport: RFC 9421 HTTP message signatures over a body's RFC 9530 content digest.

The signature base, structured fields and digest come from ``http-message-signatures``. What is decided here: which
parts of a request must be covered, which algorithms count, that ``created``, ``nonce``, ``keyid`` and ``alg`` are
named, and how old a request may be. The clock is the caller's, so that nothing here reads the system's.

``@target-uri`` is not covered, for a proxy that ends TLS changes its scheme; ``@authority``, ``@path`` and ``@query``
together name the same target.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import http_sf
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureAlgorithm,
    HTTPSignatureKeyResolver,
    InvalidSignature,
    algorithms,
)
from http_message_signatures.exceptions import HTTPMessageSignaturesException

from pos_gateway import plain_signatures
from pos_gateway.plain_signatures import Stated
from settlement.visits import device_key
from settlement.visits.device_key import PrivateKey, PublicKey

ALGORITHMS: dict[str, type[HTTPSignatureAlgorithm]] = {
    device_key.ED25519: algorithms.ED25519,
    device_key.ECDSA_P256: algorithms.ECDSA_P256_SHA256,
}
ALWAYS_COVERED = ("@method", "@authority", "@path", "@query")
COVERED_WITH_BODY = ("content-type", "content-digest")
COVERED_WHEN_SENT = "idempotency-key"

WINDOW = timedelta(seconds=300)
"""How far ``created`` may lie from now, either way."""

NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")


class SignatureMissing(Exception):
    """The request carries no signature at all."""


class SignatureWrong(Exception):
    """The signature is malformed, incomplete, by an unknown key, or not of this request. The text is for the security
    log's reader."""


class SignatureStale(Exception):
    """The signature is genuine but was made too long ago (or too far ahead), or has expired."""


@dataclass(frozen=True)
class Message:
    """The parts of a request that are signed. ``url`` is absolute and encoded; ``headers`` may be a Werkzeug or a
    plain mapping."""

    method: str
    url: str
    headers: Any
    body: bytes


@dataclass(frozen=True)
class Verified:
    key_id: str
    alg: str
    nonce: str
    created: datetime


def covered(has_body: bool, has_idempotency_key: bool) -> tuple[str, ...]:
    """The components a signature must cover."""
    parts = ALWAYS_COVERED + (COVERED_WITH_BODY if has_body else ())
    return (*parts, COVERED_WHEN_SENT) if has_idempotency_key else parts


def sign(
    message: Message, key: PrivateKey, *, created: datetime, nonce: str, lifetime: timedelta = WINDOW
) -> MutableMapping[str, str]:
    """Add Content-Digest (when there is a body), Signature-Input and Signature to the message's headers, and return
    these."""
    signer = HTTPMessageSigner(
        signature_algorithm=ALGORITHMS[device_key.algorithm_of(key)], key_resolver=_Keys({}, private=key)
    )
    headers: MutableMapping[str, str] = message.headers
    names = {name.lower() for name in headers}
    signer.sign(
        message,
        key_id=device_key.key_id(key.public_key()),
        created=created,
        expires=created + lifetime,
        nonce=nonce,
        label="sig1",
        include_alg=True,
        body=message.body or None,  # adds Content-Digest
        covered_component_ids=covered(bool(message.body), COVERED_WHEN_SENT in names),
    )
    return headers


@dataclass(frozen=True)
class Claim:
    """What the request says of its signature, not yet believed. ``plain``: the whole of it, where it has the plain form."""

    key_id: str
    nonce: str
    plain: Stated | None = None


def claimed(headers: Mapping[str, str]) -> Claim:
    """Raises SignatureMissing, SignatureWrong."""
    stated = headers.get("Signature-Input")
    if stated is None or headers.get("Signature") is None:
        raise SignatureMissing
    plain = plain_signatures.stated(stated)
    parameters: Any = plain.parameters if plain else _parameters(stated)
    key_id, nonce = parameters.get("keyid"), parameters.get("nonce")
    if not isinstance(key_id, str):
        raise SignatureWrong("keyid is missing")
    return Claim(key_id, str(nonce), plain)


def _parameters(stated: str) -> Any:
    try:
        members: Any = http_sf.parse(stated.encode("ascii"), tltype="dictionary")
    except ValueError as error:
        raise SignatureWrong("Signature-Input cannot be read") from error
    if len(members) != 1:
        raise SignatureWrong("one signature is expected")
    [(_, parameters)] = members.values()
    return parameters


def verify(
    message: Message,
    public_key: PublicKey,
    *,
    now: datetime,
    window: timedelta = WINDOW,
    claim: Claim | None = None,
) -> Verified:
    """Check that this key signed every required part of the request, and lately.

    Raises SignatureMissing, SignatureWrong or SignatureStale; a request is told it is stale only when its signature
    is genuine. ``claim``: what :func:`claimed` read from it, if it was read already.
    """
    claim = claim or claimed(message.headers)
    key_id, alg = claim.key_id, device_key.algorithm_of(public_key)
    if key_id != device_key.key_id(public_key):
        raise SignatureWrong("keyid names another key")
    required = covered(bool(message.body), message.headers.get("Idempotency-Key") is not None)
    if claim.plain and plain_signatures.genuine(claim.plain, message, required, alg, public_key):
        return _checked_parameters(claim.plain.parameters, key_id, alg, now, window)
    verifier = _Verifier(signature_algorithm=ALGORITHMS[alg], key_resolver=_Keys({key_id: public_key}))
    try:
        [result] = verifier.verify(message, max_age=None, require_components=required, body=message.body)
    except (InvalidSignature, HTTPMessageSignaturesException, ValueError) as error:
        raise SignatureWrong(str(error)) from error
    return _checked_parameters(result.parameters, key_id, alg, now, window)


def _checked_parameters(
    parameters: Mapping[str, Any], key_id: str, alg: str, now: datetime, window: timedelta
) -> Verified:
    nonce, created, expires = parameters.get("nonce"), parameters.get("created"), parameters.get("expires")
    if parameters.get("alg") != alg or not isinstance(nonce, str) or not NONCE.fullmatch(nonce):
        raise SignatureWrong("alg and a nonce of 16 to 64 URL-safe characters must be named")
    if not isinstance(created, int) or (expires is not None and not isinstance(expires, int)):
        raise SignatureWrong("created must be named; created and expires are whole seconds")
    age = now.timestamp() - created
    if abs(age) > window.total_seconds() or (expires is not None and expires < now.timestamp()):
        raise SignatureStale
    return Verified(key_id, alg, nonce, datetime.fromtimestamp(created, UTC))


class _Verifier(HTTPMessageVerifier):
    def validate_created_and_expires(self, sig_input: Any, max_age: timedelta | None = None) -> None:
        """Left to :func:`_checked_parameters`: the library reads the system's clock, and cannot tell stale from
        forged."""


class _Keys(HTTPSignatureKeyResolver):
    def __init__(self, public: Mapping[str, PublicKey], private: PrivateKey | None = None) -> None:
        self._public = public
        self._private = private

    def resolve_public_key(self, key_id: str) -> PublicKey | None:
        return self._public.get(key_id)

    def resolve_private_key(self, key_id: str) -> PrivateKey | None:
        return self._private
