"""Who can open a backup: the holder of an X25519 private key that lies in a safe. The machine that makes backups has the public key only.

Both are one line of text, so that the private key can be kept on paper: 32 bytes and four of a checksum that catches a slip of the pen.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from settlement.outcomes import Reason, Refused

PRIVATE, PUBLIC = "sbkey", "sbpub"
CHECKSUM_BYTES = 4
GROUP = 8

OF_A_PRIVATE_KEY = """\
# 松柏备份私钥：打印或存盘两份，离线保存，不要留在服务器上。丢了它，所有备份都打不开；得到它的人能读所有备份。
# Private key of Songbai backups: keep two copies, on paper or off-line, none on the server. Without it no backup opens; with it every one does.
# 公钥 public key: {public}
{private}
"""


def make(path: Path) -> str:
    """Write a new private key for this user only; its public key as text. Raises FileExistsError rather than overwrite one."""
    key = X25519PrivateKey.generate()
    public = public_text(key.public_key())
    text = OF_A_PRIVATE_KEY.format(public=public, private=_written(PRIVATE, key.private_bytes_raw()))
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    return public


def public_text(key: X25519PublicKey) -> str:
    return _written(PUBLIC, key.public_bytes_raw())


def public_key(told: str) -> X25519PublicKey:
    """From the text itself, or from a file that holds it. Raises Refused(BACKUP_KEY_UNREADABLE)."""
    text = told if told.startswith(PUBLIC) else _content(Path(told))
    return X25519PublicKey.from_public_bytes(_raw(PUBLIC, text))


def private_key(path: Path) -> X25519PrivateKey:
    """From a file. Raises Refused(BACKUP_KEY_UNREADABLE)."""
    return X25519PrivateKey.from_private_bytes(_raw(PRIVATE, _content(path)))


def shared_key(mine: X25519PrivateKey, theirs: X25519PublicKey, *, sender: bytes, receiver: bytes) -> bytes:
    """The key of one backup: what the two sides have in common, bound to both public keys."""
    derive = HKDF(hashes.SHA256(), 32, salt=sender + receiver, info=b"songbai-backup 1")
    return derive.derive(mine.exchange(theirs))


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(Reason.BACKUP_KEY_UNREADABLE, what=str(path)) from error


def _written(kind: str, raw: bytes) -> str:
    body = base64.b32encode(raw + _checksum(kind, raw)).decode().rstrip("=").lower()
    return "-".join([kind, *(body[at : at + GROUP] for at in range(0, len(body), GROUP))])


def _raw(kind: str, text: str) -> bytes:
    """Of the first line that is no comment; blanks, dashes and capitals do not matter."""
    lines = (line.strip() for line in text.splitlines())
    first = next((line for line in lines if line and not line.startswith("#")), "")
    letters = "".join(first.split()).replace("-", "").lower()
    body = letters.removeprefix(kind).upper()
    try:
        raw = base64.b32decode(body + "=" * (-len(body) % 8)) if letters.startswith(kind) else b""
    except binascii.Error:
        raw = b""
    raw, checksum = raw[:-CHECKSUM_BYTES], raw[-CHECKSUM_BYTES:]
    if len(raw) != 32 or checksum != _checksum(kind, raw):
        raise Refused(Reason.BACKUP_KEY_UNREADABLE, what=f"{kind}-…")
    return raw


def _checksum(kind: str, raw: bytes) -> bytes:
    return hashlib.sha256(kind.encode() + raw).digest()[:CHECKSUM_BYTES]
