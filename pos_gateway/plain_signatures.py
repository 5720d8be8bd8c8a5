"""The request signature in the form nearly every device sends it: read and checked in one pass.

RFC 9421 allows much that no device of ours needs: several signatures, parameters on components, escapes, any spacing. ``http_signatures``
leaves all of that, and every refusal with its reason, to the ``http-message-signatures`` library. What is accepted here is accepted there
(``tests/pos_gateway/test_plain_signatures.py``), at a tenth of the time.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Any

from settlement.visits import device_key
from settlement.visits.device_key import PublicKey

_COMPONENT = r'"[a-z@][a-z-]*"'
_PARAMETER = r';(?:(?:created|expires)=[1-9][0-9]{0,11}|(?:keyid|alg|nonce)="[A-Za-z0-9_-]+")'
_INPUT = re.compile(rf"([a-z][a-z0-9]*)=(\(({_COMPONENT}(?: {_COMPONENT})*)\)((?:{_PARAMETER})+))")
_SIGNATURE = re.compile(r"([a-z][a-z0-9]*)=:([A-Za-z0-9+/]{86}==):")
_URL = re.compile(r"(https?)://([a-z0-9.-]+)((?::[0-9]+)?)((?:/[A-Za-z0-9_.-]+)+)")
_VALUE = re.compile(r"[!-~]+(?: [!-~]+)*")
_FIELDS = {"content-type": "Content-Type", "content-digest": "Content-Digest", "idempotency-key": "Idempotency-Key"}
_DEFAULT_PORTS = (":80", ":443")


@dataclass(frozen=True)
class Stated:
    """A Signature-Input of the plain form. ``text``: all but the label, as it is signed."""

    label: str
    components: tuple[str, ...]
    parameters: dict[str, str | int]
    text: str


def stated(field: str) -> Stated | None:
    """What a Signature-Input says, None when it is not of the plain form."""
    found = _INPUT.fullmatch(field)
    if found is None:
        return None
    label, text, listed, given = found.groups()
    components = tuple(part[1:-1] for part in listed.split(" "))
    parameters: dict[str, str | int] = {}
    for part in given[1:].split(";"):
        name, _, value = part.partition("=")
        if name in parameters:
            return None
        parameters[name] = value[1:-1] if value.startswith('"') else int(value)
    return Stated(label, components, parameters, text) if len(set(components)) == len(components) else None


def genuine(said: Stated, message: Any, required: tuple[str, ...], alg: str, key: PublicKey) -> bool:
    """Whether this key signed the message, every required component included. False, too, for what only the library can tell."""
    signature = _SIGNATURE.fullmatch(message.headers.get("Signature") or "")
    if signature is None or signature[1] != said.label or not set(required) <= set(said.components):
        return False
    if not _digest_holds(message):
        return False
    base = _base(said, message)
    return base is not None and device_key.verify(alg, key, base64.b64decode(signature[2]), base)


def _digest_holds(message: Any) -> bool:
    digest = message.headers.get("Content-Digest")
    if not message.body:
        return digest is None
    return bool(digest == f"sha-256=:{base64.b64encode(hashlib.sha256(message.body).digest()).decode()}:")


def _base(said: Stated, message: Any) -> bytes | None:
    """The signature base (RFC 9421 §2.5), None when a component is not plain."""
    url = _URL.fullmatch(message.url)
    if url is None or url[3] in _DEFAULT_PORTS or message.method not in ("GET", "POST"):
        return None
    derived = {"@method": message.method, "@authority": url[2] + url[3], "@path": url[4], "@query": "?"}
    lines = []
    for name in said.components:
        value = derived.get(name) or message.headers.get(_FIELDS.get(name, ""))
        if value is None or not _VALUE.fullmatch(value):
            return None
        lines.append(f'"{name}": {value}\n')
    return f'{"".join(lines)}"@signature-params": {said.text}'.encode()
