"""A chip's answer at a terminal: proof that this piece of card was there, for this amount, just now.

The cryptogram is AES-CMAC (RFC 4493), cut to 8 bytes, over ``songbai chip 1|``, the amount (12 decimal digits, packed two to a byte), the
terminal's unpredictable number (4 bytes) and the chip's own counter (2 bytes, big-endian). The key of a piece of card follows from the key ring
and never lies in the database. A replaced card has another key: its medium is another one.
"""

from __future__ import annotations

import hmac

from cryptography.hazmat.primitives.ciphers.algorithms import AES128
from cryptography.hazmat.primitives.cmac import CMAC
from sqlalchemy import func, select

from settlement.act import Act
from settlement.cards.tables import chip_uses
from settlement.db import insert_if_absent
from settlement.keys import KeyRing
from settlement.outcomes import Declined, Reason, declined

CRYPTOGRAM_BYTES = 8
LATE = 100
"""So far behind the newest a counter may lie when a terminal hands in what it took without a line."""


def card_key(ring: KeyRing, medium_id: int) -> bytes:
    """The 16 bytes that this piece of card shares with the server."""
    return ring.derive(f"chip {medium_id}", 16)


def cryptogram(key: bytes, amount_fen: int, unpredictable: bytes, counter: int) -> bytes:
    """What the chip answers. Raises ValueError for an amount of more than 12 digits, other than 4 unpredictable bytes, a counter that does
    not fit into two."""
    if not 0 <= amount_fen < 10**12 or len(unpredictable) != 4 or not 0 <= counter < 2**16:
        raise ValueError("amount of 12 digits, 4 unpredictable bytes, a counter of 2 bytes")
    mac = CMAC(AES128(key))
    mac.update(b"songbai chip 1|" + bytes.fromhex(f"{amount_fen:012d}") + unpredictable + counter.to_bytes(2, "big"))
    return mac.finalize()[:CRYPTOGRAM_BYTES]


_answer = cryptogram


def verify(
    act: Act,
    ring: KeyRing,
    medium_id: int,
    amount_fen: int,
    unpredictable: bytes,
    counter: int,
    cryptogram: bytes,
    *,
    late: bool = False,
) -> Declined | None:
    """Judge a chip's answer and remember its counter, which counts once and only rises. Whether the card itself counts (lost, frozen) is not
    looked at here.

    ``late``: the terminal took it without a line and hands it in afterwards (an advice), perhaps after newer ones: the counter may lie up to
    ``LATE`` behind the newest. A message that is repeated is answered by whoever remembers messages, not asked here again.

    Declined: CHIP_WRONG, CHIP_REPLAYED.
    """
    try:
        genuine = _answer(card_key(ring, medium_id), amount_fen, unpredictable, counter)
    except ValueError:
        return declined(Reason.CHIP_WRONG)
    if not hmac.compare_digest(genuine, cryptogram):
        return declined(Reason.CHIP_WRONG)
    newest = act.conn.execute(select(func.max(chip_uses.c.counter)).where(chip_uses.c.medium_id == medium_id)).scalar()
    if newest is not None and counter <= newest - (LATE if late else 0):
        return declined(Reason.CHIP_REPLAYED)
    use = {"medium_id": medium_id, "counter": counter, "used_at": act.now}
    # Two at once with one counter: the second waits here, then finds it used.
    fresh = act.conn.execute(insert_if_absent(act.conn, chip_uses).returning(chip_uses.c.counter), use).one_or_none()
    return declined(Reason.CHIP_REPLAYED) if fresh is None else None
