"""A chip's answer: what is computed, and that an answer counts once."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from sqlalchemy import Engine

from settlement.act import Act
from settlement.cards import book, chip, registry
from settlement.outcomes import Reason
from tests.cards.county import COUNTER, card, senior
from tests.support import RING, acting

ASKED = bytes.fromhex("1a2b3c4d")


def test_the_cryptogram_by_hand() -> None:
    """AES-CMAC worked out with single AES blocks: the last block is short, so it is padded and the second subkey is added."""
    key = bytes(range(16))
    block = Cipher(algorithms.AES128(key), modes.ECB()).encryptor().update

    def doubled(value: bytes) -> bytes:
        number = int.from_bytes(value, "big") << 1
        return (number ^ (0x87 if number >> 128 else 0)).to_bytes(17, "big")[1:]

    def mixed(a: bytes, b: bytes) -> bytes:
        return bytes(x ^ y for x, y in zip(a, b, strict=True))

    message = b"songbai chip 1|" + bytes.fromhex("000000003500") + ASKED + bytes.fromhex("0102")
    assert len(message) == 27
    second = doubled(doubled(block(bytes(16))))
    tag = block(mixed(block(message[:16]), mixed(message[16:] + b"\x80" + bytes(4), second)))
    assert chip.cryptogram(key, 3500, ASKED, 0x0102) == tag[:8]


@pytest.mark.parametrize(
    "facts", [(10**12, ASKED, 1), (-1, ASKED, 1), (1, b"123", 1), (1, ASKED, 65_536), (1, ASKED, -1)]
)
def test_what_no_chip_can_say(facts: Any) -> None:
    with pytest.raises(ValueError, match="12 digits"):
        chip.cryptogram(bytes(16), *facts)


def medium_of(act: Act, card_id: int) -> int:
    live = book.live_medium(act.conn, card_id)
    assert live is not None
    return int(live.id)


def answered(
    act: Act, medium: int, counter: int, *, fen: int = 3500, late: bool = False, said: bytes | None = None
) -> Reason | None:
    said = said or chip.cryptogram(chip.card_key(RING, medium), 3500, ASKED, counter)
    outcome = chip.verify(act, RING, medium, fen, ASKED, counter, said, late=late)
    return outcome and outcome.reason


def test_an_answer_counts_once_and_the_counter_only_rises(engine: Engine) -> None:
    with acting(engine, by=COUNTER) as act:
        medium = medium_of(act, card(act, senior(act)))
        other = medium_of(act, card(act, senior(act)))
        assert answered(act, medium, 7) is None
        assert answered(act, medium, 7) is Reason.CHIP_REPLAYED
        assert answered(act, medium, 6) is Reason.CHIP_REPLAYED
        assert answered(act, medium, 8) is None
        assert answered(act, other, 7) is None  # each has its own


def test_what_a_terminal_took_without_a_line_may_come_after_newer_ones_but_not_twice(engine: Engine) -> None:
    with acting(engine, by=COUNTER) as act:
        medium = medium_of(act, card(act, senior(act)))
        assert answered(act, medium, 300) is None
        assert answered(act, medium, 299, late=True) is None
        assert answered(act, medium, 299, late=True) is Reason.CHIP_REPLAYED
        assert answered(act, medium, 300, late=True) is Reason.CHIP_REPLAYED
        assert answered(act, medium, 201, late=True) is None
        assert answered(act, medium, 200, late=True) is Reason.CHIP_REPLAYED  # more than a hundred behind
        assert answered(act, medium, 298) is Reason.CHIP_REPLAYED


def test_another_amount_another_card_and_a_replaced_one_do_not_fit(engine: Engine) -> None:
    with acting(engine, by=COUNTER) as act:
        card_id = card(act, senior(act))
        medium, other = medium_of(act, card_id), medium_of(act, card(act, senior(act)))
        stolen = chip.cryptogram(chip.card_key(RING, medium), 3500, ASKED, 1)
        assert answered(act, medium, 1, fen=35_000) is Reason.CHIP_WRONG
        assert answered(act, medium, 2, said=stolen) is Reason.CHIP_WRONG
        assert answered(act, other, 1, said=stolen) is Reason.CHIP_WRONG
        assert answered(act, medium, 1, said=stolen[:4]) is Reason.CHIP_WRONG
        assert answered(act, medium, 70_000, said=stolen) is Reason.CHIP_WRONG
        registry.replace(act, RING, card_id)
        fresh = medium_of(act, card_id)
        assert answered(act, fresh, 1, said=stolen) is Reason.CHIP_WRONG
        # None of these was counted: the genuine first answer still is.
        assert answered(act, fresh, 1) is None
        assert answered(act, medium, 1, said=stolen) is None
