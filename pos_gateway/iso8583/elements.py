"""What some fields hold inside: amounts in parts, items, chip data, the original transaction, the moment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from pos_gateway.iso8583.spec import Message
from settlement.periods import SHANGHAI

CURRENCY = "156"

SUBSIDY, PERSONAL, CASH = "91", "92", "93"
"""Account types of field 54."""
AVAILABLE, PART, YEAR_LEFT = "02", "90", "91"
"""Amount types: what can be spent now; this account's part of the amount (asked for or taken); what may still be spent this year."""


@dataclass(frozen=True)
class Amount:
    """One of field 54: ``account`` and ``kind`` as above; fen, never negative."""

    account: str
    kind: str
    fen: int


def amounts_text(amounts: Iterable[Amount]) -> str:
    """Field 54: at most six times account (2), kind (2), currency (3), C, amount (12)."""
    return "".join(f"{each.account}{each.kind}{CURRENCY}C{each.fen:012d}" for each in amounts)


def amounts(text: str) -> tuple[Amount, ...]:
    """Raises ValueError for anything but whole entries in our currency."""
    found = re.findall(r"([0-9]{2})([0-9]{2})156C([0-9]{12})", text)
    if len(text) != 20 * len(found) or amounts_text(built := tuple(Amount(a, k, int(f)) for a, k, f in found)) != text:
        raise ValueError("field 54")
    return built


def amount(text: str, account: str, kind: str) -> int:
    """The fen of one entry of field 54, 0 where there is none. Raises ValueError as :func:`amounts`."""
    return next((each.fen for each in amounts(text) if (each.account, each.kind) == (account, kind)), 0)


def items_text(items: Mapping[str, int]) -> str:
    """Field 48: ``ZC01*1,ZC02*2``."""
    return ",".join(f"{code}*{quantity}" for code, quantity in items.items())


def items(text: str) -> dict[str, int]:
    """Quantity by item code. Raises ValueError for another form, an item named twice, a quantity of 0."""
    found = [re.fullmatch(r"([A-Za-z0-9_-]{1,40})\*([1-9][0-9]{0,2})", each) for each in text.split(",")]
    named = {each[1]: int(each[2]) for each in found if each}
    if len(named) != len(found):
        raise ValueError("field 48")
    return named


@dataclass(frozen=True)
class Original:
    """Field 90: which message is meant. ``mti`` as first sent, ``trace`` and ``sent`` its fields 11 and 7."""

    mti: str
    trace: str
    sent: str

    @property
    def text(self) -> str:
        return f"{self.mti}{self.trace}{self.sent}{'0' * 22}"


def original(text: str) -> Original:
    """Raises ValueError when it is not 42 digits."""
    if not re.fullmatch(r"[0-9]{42}", text):
        raise ValueError("field 90")
    return Original(text[:4], text[4:10], text[10:20])


CRYPTOGRAM, COUNTER, UNPREDICTABLE = "9F26", "9F36", "9F37"


@dataclass(frozen=True)
class ChipData:
    """Field 55: what the card's chip said about this amount."""

    cryptogram: bytes
    counter: int
    unpredictable: bytes

    @property
    def data(self) -> bytes:
        parts = {
            CRYPTOGRAM: self.cryptogram,
            COUNTER: self.counter.to_bytes(2, "big"),
            UNPREDICTABLE: self.unpredictable,
        }
        return b"".join(bytes.fromhex(tag) + bytes([len(value)]) + value for tag, value in parts.items())


def chip_data(data: bytes) -> ChipData:
    """Raises ValueError when it is no TLV or one of the three tags is absent or has another length (8, 2 and 4 bytes)."""
    tags = tlv(data)
    try:
        found = ChipData(tags[CRYPTOGRAM], int.from_bytes(tags[COUNTER], "big"), tags[UNPREDICTABLE])
    except KeyError as absent:
        raise ValueError(f"field 55: {absent.args[0]}") from absent
    if [len(tags[tag]) for tag in (CRYPTOGRAM, COUNTER, UNPREDICTABLE)] != [8, 2, 4]:
        raise ValueError("field 55: lengths")
    return found


def tlv(data: bytes) -> dict[str, bytes]:
    """BER-TLV, flat: tags of one or two bytes, lengths below 128. Raises ValueError for anything else, a tag given twice too."""
    found: dict[str, bytes] = {}
    at = 0
    while at < len(data):
        width = 2 if data[at] & 0x1F == 0x1F else 1
        tag, at = data[at : at + width].hex().upper(), at + width
        length = data[at] if at < len(data) else 128
        value, at = data[at + 1 : at + 1 + length], at + 1 + length
        if length > 127 or len(value) != length or tag in found:
            raise ValueError("field 55")
        found[tag] = value
    return found


def moment(message: Message, now: datetime) -> datetime:
    """When it happened: day (13) and time (12) in the year that is nearest to now. Raises ValueError for no such day or time."""
    written = message.text(13) + message.text(12)
    for year in sorted(range(now.year - 1, now.year + 2), key=lambda year: abs(_middle(year, written) - now)):
        try:
            return datetime.strptime(f"{year}{written}", "%Y%m%d%H%M%S").replace(tzinfo=SHANGHAI)
        except ValueError:  # 29 February of another year
            if written[:4] != "0229":
                raise
    raise ValueError("fields 12 and 13")


def _middle(year: int, written: str) -> datetime:
    # 29 February need not exist: near enough to order the years.
    return datetime(year, int(written[:2]), min(int(written[2:4]), 28), tzinfo=SHANGHAI)


def clock_fields(at: datetime) -> dict[int, str | bytes]:
    """Fields 12 and 13 for a moment."""
    local = at.astimezone(SHANGHAI)
    return {12: f"{local:%H%M%S}", 13: f"{local:%m%d}"}


def sent_at(at: datetime) -> str:
    """Field 7."""
    return f"{at.astimezone(SHANGHAI):%m%d%H%M%S}"


def pin_account(message: Message) -> str:
    """The digits a PIN block is bound to: the card number (2), or the trace number and time (11, 12) where only a code was read."""
    return message.text(2) or message.text(11) + message.text(12)
