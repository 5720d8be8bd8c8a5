"""Around a simulated terminal: the line to the server, and the cards it reads."""

from __future__ import annotations

import json
import os
import secrets
import socket
from dataclasses import asdict, dataclass, field
from pathlib import Path
from ssl import SSLContext

from pos_gateway.iso8583 import spec
from pos_gateway.iso8583.codec import LENGTH_BYTES, framed
from pos_gateway.iso8583.elements import ChipData
from pos_gateway.iso8583.spec import Fields
from settlement.cards import chip


class Line:
    """A TCP line to the server. Raises OSError (ConnectionError where the line ended) when nothing comes."""

    def __init__(self, host: str, port: int, timeout: float = 30, tls: SSLContext | None = None) -> None:
        plain = socket.create_connection((host, port), timeout)
        self._socket = tls.wrap_socket(plain, server_hostname=host) if tls else plain

    def __call__(self, data: bytes) -> bytes:
        self.send(data)
        return self.receive()

    def send(self, data: bytes) -> None:
        self.send_raw(framed(data))

    def send_raw(self, data: bytes) -> None:
        """Bytes as they are, without a length in front."""
        self._socket.sendall(data)

    def receive(self) -> bytes:
        return self._exactly(int.from_bytes(self._exactly(LENGTH_BYTES), "big"))

    def close(self) -> None:
        self._socket.close()

    def _exactly(self, count: int) -> bytes:
        got = b""
        while len(got) < count:
            more = self._socket.recv(count - len(got))
            if not more:
                raise ConnectionError("the line ended")
            got += more
        return got


# -- cards: what the terminal read ------------------------------------------------------------------------------------------------
@dataclass
class ChipCard:
    """``issue``: which piece of the card; ``key``: what this piece shares with the server; ``counter``: its last."""

    number: str
    issue: int
    key: bytes = field(repr=False)
    counter: int = 0

    @classmethod
    def load(cls, path: Path) -> ChipCard:
        """Raises OSError, ValueError, KeyError for what is no card's file."""
        kept = json.loads(path.read_text())
        return cls(kept["number"], kept["issue"], bytes.fromhex(kept["key"]), kept["counter"])

    def save(self, path: Path) -> None:
        """For this user only: it holds the key."""
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(asdict(self) | {"key": self.key.hex()}, file)

    def read(self, amount_fen: int) -> Fields:
        """The fields of the chip's answer for this amount (0: for a balance)."""
        self.counter += 1
        unpredictable = secrets.token_bytes(4)
        answer = chip.cryptogram(self.key, amount_fen, unpredictable, self.counter)
        shown = ChipData(answer, self.counter, unpredictable)
        return {2: self.number, 22: spec.CHIP + "1", 23: f"{self.issue:03d}", 55: shown.data}


def scanned(code: str) -> Fields:
    """A QR code: the card's own, or a dynamic one."""
    return {22: spec.SCANNED + "1", 61: code}


def typed(number: str, digits: str | None = None) -> Fields:
    """A card number typed in, with the digits of a dynamic code where there is one."""
    read: Fields = {2: number, 22: spec.TYPED + "1"}
    return read | {61: digits} if digits else read
