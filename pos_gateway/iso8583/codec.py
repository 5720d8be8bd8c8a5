"""Messages to bytes and back, by the table of fields; the MAC is put behind them and split off again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import iso8583

from pos_gateway.iso8583 import mac
from pos_gateway.iso8583.spec import FIELDS, MAC_FIELDS, Field, Message

LONGEST = 4096
"""Bytes of the longest message we take; the length in front could say up to 65,535."""
LENGTH_BYTES = 2


class Malformed(ValueError):
    """These bytes are no message of the table. The words name the field, never its content."""


@dataclass(frozen=True)
class Received:
    """``covered``: the bytes the MAC was made of; ``given``: the MAC that came with them, b"" where none did."""

    message: Message
    covered: bytes
    given: bytes

    def genuine(self, key: bytes) -> bool:
        return mac.right(key, self.covered, self.given)


def decode(data: bytes) -> Received:
    """One message without the length in front of it. Raises Malformed."""
    try:
        texts, encoded = iso8583.decode(data, _SPEC)
    except iso8583.DecodeError as error:
        raise Malformed(f"field {error.field}: {error.msg}" if error.field.isdigit() else error.msg) from None
    except KeyError as unknown:
        raise Malformed(f"field {unknown.args[0]} is not of the table") from None
    if not re.fullmatch("[0-9]{4}", texts["t"]):
        raise Malformed("MTI")
    if len(texts.get("1", "")) > 16:
        raise Malformed("a third bitmap")
    fields = {int(name): _value(name, text, encoded[name]["len"]) for name, text in texts.items() if name in _NUMBERED}
    given = _split_mac(fields)
    return Received(Message(texts["t"], fields), data[: len(data) - len(given)], given)


def _value(name: str, text: str, length: bytes) -> str | bytes:
    field = FIELDS[int(name)]
    # The library reads lengths as int() does, which takes a sign, a blank and an underscore too.
    if len(length) != field.prefix or not re.fullmatch(b"[0-9]*", length):
        raise Malformed(f"field {name}: its length")
    if field.kind == "b":
        return bytes.fromhex(text)
    if not re.fullmatch(_FORMS[field.kind], text):
        raise Malformed(f"field {name}: not {field.kind}")
    return text


def _split_mac(fields: dict[int, str | bytes]) -> bytes:
    """Take the MAC out of the fields. One that is not the last field would leave what follows it unprotected."""
    last = max(fields, default=0)
    given = fields.pop(last) if last in MAC_FIELDS else b""
    if not fields.keys().isdisjoint(MAC_FIELDS) or isinstance(given, str):
        raise Malformed("the MAC is not the last field")
    return given


def encode(message: Message, key: bytes | None) -> bytes:
    """The message's bytes with its MAC, or without one where there is no key. Raises Malformed for what the table does not allow."""
    place = 128 if any(number > 64 for number in message.fields) else 64
    texts = {"t": message.mti} | {str(number): _text(number, value) for number, value in message.fields.items()}
    if key is not None:
        texts[str(place)] = "00" * mac.MAC_BYTES
    try:
        data, _ = iso8583.encode(texts, _SPEC)
    except iso8583.EncodeError as error:
        raise Malformed(f"field {error.field}: {error.msg}") from None
    if key is None:
        return bytes(data)
    covered = bytes(data[: -mac.MAC_BYTES])
    return covered + mac.mac(key, covered)


def _text(number: int, value: str | bytes) -> str:
    field = FIELDS.get(number)
    if field is None or number in MAC_FIELDS:
        raise Malformed(f"field {number} is not of the table")
    if isinstance(value, bytes) is not (field.kind == "b"):
        raise Malformed(f"field {number}: text or bytes")
    if isinstance(value, bytes):
        return value.hex().upper()
    if not re.fullmatch(_FORMS[field.kind], value):
        raise Malformed(f"field {number}: not {field.kind}")
    return value


def framed(data: bytes) -> bytes:
    """With its length in front, as it goes over the line."""
    return len(data).to_bytes(LENGTH_BYTES, "big") + data


_FORMS = {"n": "[0-9]*", "an": "[0-9A-Za-z]*", "ans": "[ -~]*", "xn": "[CD][0-9]*", "u": r"[^\x00-\x1f\x7f]*"}


def _entry(field: Field) -> dict[str, Any]:
    data = {"b": "b", "u": "utf-8"}.get(field.kind, "ascii")
    return {"data_enc": data, "len_enc": "ascii", "len_type": field.prefix, "max_len": field.size, "desc": field.en}


_BITMAP = Field("b", 0, 8, "位图", "bitmap")
_NUMBERED = {str(number) for number in FIELDS}
_SPEC: dict[str, dict[str, Any]] = {
    "h": _entry(Field("ans", 0, 0, "报文头（无）", "header, none")),
    "t": _entry(Field("n", 0, 4, "报文类型", "message type")),
    "p": _entry(_BITMAP),
    "1": _entry(_BITMAP),
} | {str(number): _entry(field) for number, field in FIELDS.items()}
