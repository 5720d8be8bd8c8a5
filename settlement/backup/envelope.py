"""The file: a header in the clear, then AES-256-GCM in chunks, each bound to the header, to its place and to whether it is the last.

    songbai-backup 1\\n | length of the header, 4 bytes | header, JSON | chunk 0 | chunk 1 | … | last chunk

A chunk is 1 MiB of plain bytes and 16 of tag; only the last may be shorter. The nonce is the chunk's number and a byte that is 1 for the
last one alone: a chunk altered, missing, moved or added, or an end cut off, does not open. A nonce is never used twice, for each file has a
key of its own. Inside, before the database: its facts as JSON and, where it was asked for, the key ring, each with its length before it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from settlement.backup.recipient import public_text, shared_key
from settlement.outcomes import Reason, Refused

MAGIC = b"songbai-backup 1\n"
CHUNK = 1 << 20
TAG = 16
LENGTH = 4
HEADER_AT_MOST = 1 << 16


@dataclass(frozen=True)
class Head:
    """``facts``: what is told in the clear; ``written``: the very bytes, which every chunk vouches for."""

    facts: dict[str, Any]
    written: bytes


class Sealer:
    """Encrypts what is written to it into ``file``. Without :meth:`finish` the file has no end and never opens."""

    def __init__(self, file: BinaryIO, to: X25519PublicKey, facts: dict[str, Any]) -> None:
        once = X25519PrivateKey.generate()
        sender = once.public_key().public_bytes_raw()
        told = facts | {"sender": sender.hex(), "recipient": public_text(to)}
        body = json.dumps(told, ensure_ascii=False, sort_keys=True).encode()
        self.head = Head(told, MAGIC + len(body).to_bytes(LENGTH) + body)
        self.key = shared_key(once, to, sender=sender, receiver=to.public_bytes_raw())
        self._file = file
        self._cipher = AESGCM(self.key)
        self._number = 0
        self._waiting = bytearray()
        file.write(self.head.written)

    def write(self, plain: bytes) -> None:
        self._waiting += plain
        while len(self._waiting) > CHUNK:  # what fills the last chunk waits: only the end tells that it is the last
            self._seal(bytes(self._waiting[:CHUNK]), last=False)
            del self._waiting[:CHUNK]

    def write_part(self, plain: bytes) -> None:
        """A part with its length before it; read again by :meth:`Opened.part`."""
        self.write(len(plain).to_bytes(LENGTH) + plain)

    def finish(self) -> None:
        self._seal(bytes(self._waiting), last=True)
        self._waiting.clear()

    def _seal(self, plain: bytes, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._number, last), plain, self.head.written))
        self._number += 1


class Opened:
    """The plain bytes of a backup, each chunk proved before any of it is handed on. Raises Refused(BACKUP_DAMAGED)."""

    def __init__(self, file: BinaryIO, head: Head, key: bytes) -> None:
        self._chunks = _chunks(file, head, key)
        self._waiting = b""

    def part(self) -> bytes:
        return self._exactly(int.from_bytes(self._exactly(LENGTH)))

    def rest(self) -> Iterator[bytes]:
        if self._waiting:
            yield self._waiting
        self._waiting = b""
        yield from self._chunks

    def _exactly(self, size: int) -> bytes:
        while len(self._waiting) < size:
            more = next(self._chunks, None)
            if more is None:
                raise _damaged("内容不完整", "a part is missing")
            self._waiting += more
        taken, self._waiting = self._waiting[:size], self._waiting[size:]
        return taken


def read_head(file: BinaryIO) -> Head:
    """The header of a file that stands at its beginning. Raises Refused(BACKUP_DAMAGED) where it is none of ours."""
    file.seek(0)
    first = file.read(len(MAGIC) + LENGTH)
    length = int.from_bytes(first[len(MAGIC) :])
    if not first.startswith(MAGIC) or len(first) < len(MAGIC) + LENGTH or length > HEADER_AT_MOST:
        raise _damaged("不是松柏备份文件", "no backup of Songbai")
    body = file.read(length)
    try:
        facts = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _damaged("文件头", "its header") from error
    if not isinstance(facts, dict) or not {"sender", "recipient", "engine"} <= facts.keys():
        raise _damaged("文件头", "its header")
    return Head(facts, first + body)


def key_of(head: Head, mine: X25519PrivateKey) -> bytes:
    """The file's key. Raises Refused(BACKUP_KEY_WRONG) when the file was made for another's."""
    public = mine.public_key()
    if head.facts["recipient"] != public_text(public):
        raise Refused(Reason.BACKUP_KEY_WRONG)
    try:
        sender = bytes.fromhex(head.facts["sender"])
        theirs = X25519PublicKey.from_public_bytes(sender)
        return shared_key(mine, theirs, sender=sender, receiver=public.public_bytes_raw())
    except (ValueError, TypeError) as error:
        raise _damaged("文件头", "its header") from error


def prove(file: BinaryIO, head: Head, key: bytes) -> None:
    """Read every chunk to the end. Raises Refused(BACKUP_DAMAGED)."""
    for _ in _chunks(file, head, key):
        pass


def _chunks(file: BinaryIO, head: Head, key: bytes) -> Iterator[bytes]:
    cipher = AESGCM(key)
    file.seek(len(head.written))
    sealed = file.read(CHUNK + TAG)
    number = 0
    while True:
        following = file.read(CHUNK + TAG)
        try:
            plain = cipher.decrypt(_nonce(number, not following), sealed, head.written)
        except InvalidTag as error:
            raise _damaged(f"第{number + 1}块", f"block {number + 1}") from error
        yield plain
        if not following:
            return
        sealed, number = following, number + 1


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11) + bytes([last])


def _damaged(zh: str, en: str) -> Refused:
    return Refused(Reason.BACKUP_DAMAGED, where_zh=zh, where_en=en)
