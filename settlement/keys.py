"""Keys and what is done with them: field encryption, keyed look-up indexes, signed tokens, seals.

The key ring is a JSON file outside the repository and the database (``SONGBAI_KEYS``, default beside the database file), readable by the
service's user only. Every ciphertext, index and token names its algorithm and key, so that keys rotate and other algorithms can follow.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TextIO

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from settlement.errors import BrokenInvariant
from settlement.outcomes import Reason, Refused

NONCE_BYTES = 12


@dataclass(frozen=True)
class KeyRing:
    """``field_keys``, ``token_keys`` and ``seal_keys`` by id; the last one listed is used for new data, all are used for reading.

    There is one ``index_key``: a look-up index can only be searched under the key it was made with. A ring from before there were seals has
    no ``seal_keys``; :func:`add_seal_key` gives it one.
    """

    field_keys: dict[str, bytes]
    token_keys: dict[str, bytes]
    index_key: bytes
    seal_keys: dict[str, bytes] = field(default_factory=dict)

    # -- fields: AES-256-GCM ------------------------------------------------------------------------------------------------
    def encrypt(self, plain: str, context: str) -> str:
        """Encrypt one field. ``context`` (such as ``seniors.id_no``) is authenticated: a value moved to another column fails to open."""
        key_id, key = next(reversed(self.field_keys.items()))
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = AESGCM(key).encrypt(nonce, plain.encode(), context.encode())
        return f"a256gcm:{key_id}:{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def decrypt(self, cipher: str, context: str) -> str:
        """Open one field; raises BrokenInvariant when it was altered, moved, or its key is gone."""
        algorithm, _, rest = cipher.partition(":")
        key_id, _, body = rest.partition(":")
        if algorithm != "a256gcm" or key_id not in self.field_keys:
            raise BrokenInvariant(f"no key {algorithm}:{key_id} for {context}")
        raw = base64.urlsafe_b64decode(body)
        try:
            return (
                AESGCM(self.field_keys[key_id]).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], context.encode()).decode()
            )
        except InvalidTag as error:
            raise BrokenInvariant(f"a field of {context} was altered") from error

    def encrypt_bytes(self, plain: bytes, context: str) -> bytes:
        """Like :meth:`encrypt` for a file: ``a256gcm:key_id:`` and then the bytes as they are."""
        key_id, key = next(reversed(self.field_keys.items()))
        nonce = secrets.token_bytes(NONCE_BYTES)
        return f"a256gcm:{key_id}:".encode() + nonce + AESGCM(key).encrypt(nonce, plain, context.encode())

    def decrypt_bytes(self, cipher: bytes, context: str) -> bytes:
        """Open a file; raises BrokenInvariant when it was altered, moved, or its key is gone."""
        algorithm, _, rest = cipher.partition(b":")
        key_id, _, body = rest.partition(b":")
        key = self.field_keys.get(key_id.decode("ascii", "replace"))
        if algorithm != b"a256gcm" or key is None:
            raise BrokenInvariant(f"no key for a file of {context}")
        try:
            return AESGCM(key).decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], context.encode())
        except InvalidTag as error:
            raise BrokenInvariant(f"a file of {context} was altered") from error

    # -- look-up indexes: HMAC-SHA-256 ---------------------------------------------------------------------------------------
    def index(self, plain: str, context: str) -> str:
        """A keyed digest to find a value by (whole, or a part such as the last four digits under its own context)."""
        return hmac.new(self.index_key, f"{context}\x00{plain}".encode(), hashlib.sha256).hexdigest()[:32]

    # -- keys for one purpose each: HKDF -------------------------------------------------------------------------------------
    def derive(self, purpose: str, length: int = 32) -> bytes:
        """The same bytes again for the same ring and purpose; of no use for any other purpose, and nothing more to keep or back up."""
        return HKDF(hashes.SHA256(), length, salt=None, info=f"songbai {purpose}".encode()).derive(self.index_key)

    # -- tokens: Ed25519 -----------------------------------------------------------------------------------------------------
    def sign_token(self, payload: str) -> str:
        """``payload.key_id.signature`` (URL-safe). The payload must hold nothing personal."""
        key_id, seed = next(reversed(self.token_keys.items()))
        signature = Ed25519PrivateKey.from_private_bytes(seed).sign(payload.encode())
        return f"{payload}.{key_id}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"

    def open_token(self, token: str) -> str | None:
        """The payload of a genuine token, else None."""
        payload, _, rest = token.rpartition(".")
        payload, _, key_id = payload.rpartition(".")
        if key_id not in self.token_keys:
            return None
        try:
            signature = base64.b64decode(rest + "=" * (-len(rest) % 4), altchars=b"-_", validate=True)
            self.token_public_key(key_id).verify(signature, payload.encode())
        except (InvalidSignature, ValueError):
            return None
        return payload

    def token_public_key(self, key_id: str) -> Ed25519PublicKey:
        return Ed25519PrivateKey.from_private_bytes(self.token_keys[key_id]).public_key()

    # -- seals: Ed25519 ------------------------------------------------------------------------------------------------------
    @property
    def newest_seal_key(self) -> str:
        return next(reversed(self.seal_keys))

    def sign_seal(self, key_id: str, statement: str) -> str:
        """The signature over a statement, base64."""
        seed = self.seal_keys[key_id]
        return base64.b64encode(Ed25519PrivateKey.from_private_bytes(seed).sign(statement.encode())).decode()

    def seal_public_keys(self) -> dict[str, Ed25519PublicKey]:
        """What auditors get: every key that seals were made with, the retired ones too."""
        return {id: Ed25519PrivateKey.from_private_bytes(seed).public_key() for id, seed in self.seal_keys.items()}

    def seal_keys_pem(self) -> str:
        """The same, as the file that ``check_proof`` reads: each key's id, then the key."""
        form = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return "".join(f"{id}\n{key.public_bytes(*form).decode()}" for id, key in self.seal_public_keys().items())


def new_ring(seed: bytes | None = None) -> KeyRing:
    """Fresh random keys; with ``seed`` the same keys every time (the demo and tests only)."""

    def key(name: str) -> bytes:
        return secrets.token_bytes(32) if seed is None else hashlib.sha256(seed + name.encode()).digest()

    return KeyRing({"f1": key("field")}, {"t1": key("token")}, key("index"), _seal_key(key("seal")))


def _seal_key(seed: bytes) -> dict[str, bytes]:
    """Its id says which key it is, so that an auditor of several districts cannot take one for another."""
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    return {f"seal-{hashlib.sha256(public).hexdigest()[:16]}": seed}


def load(path: Path) -> KeyRing:
    """Raises Refused(RING_UNREADABLE)."""
    return parse(path.read_bytes(), path)


def parse(content: bytes, path: Path) -> KeyRing:
    """A ring from what its file holds. Raises Refused(RING_UNREADABLE)."""
    try:
        return _ring(json.loads(content))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(Reason.RING_UNREADABLE, file=str(path)) from error


def _ring(data: dict[str, Any]) -> KeyRing:
    return KeyRing(
        {k: bytes.fromhex(v) for k, v in data["field_keys"].items()},
        {k: bytes.fromhex(v) for k, v in data["token_keys"].items()},
        bytes.fromhex(data["index_key"]),
        {k: bytes.fromhex(v) for k, v in data.get("seal_keys", {}).items()},
    )


def save(ring: KeyRing, path: Path) -> None:
    """Write the ring for the service's user only; raises FileExistsError rather than overwrite keys that data depends on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _own_new_file(path) as file:
        json.dump(_as_data(ring), file, indent=1)


def _own_new_file(path: Path) -> TextIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w")


def _as_data(ring: KeyRing) -> dict[str, object]:
    return {
        "field_keys": {k: v.hex() for k, v in ring.field_keys.items()},
        "token_keys": {k: v.hex() for k, v in ring.token_keys.items()},
        "index_key": ring.index_key.hex(),
        "seal_keys": {k: v.hex() for k, v in ring.seal_keys.items()},
    }


def add_seal_key(path: Path) -> str:
    """Give a ring a new seal key, used from the next seal on; its id. Every key that was there stays, the file keeps its owner, and a crash
    leaves the old ring or the new one. Raises FileExistsError while somebody else changes the ring (``keys.json.new`` beside it)."""
    beside, owner = path.with_name(path.name + ".new"), path.stat()
    with _own_new_file(beside) as file:
        try:
            ring, new = load(path), _seal_key(secrets.token_bytes(32))
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            json.dump(_as_data(replace(ring, seal_keys=ring.seal_keys | new)), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
            os.replace(beside, path)
        except BaseException:
            beside.unlink()
            raise
    return next(iter(new))


def ring_path(database_file: Path | None) -> Path:
    """``SONGBAI_KEYS`` when set, else ``keys.json`` beside the SQLite file, else in the working folder."""
    named = os.environ.get("SONGBAI_KEYS")
    if named:
        return Path(named)
    return (database_file.parent if database_file else Path.cwd()) / "keys.json"
