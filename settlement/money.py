"""Money: whole fen, shares that always sum, and the two ways people read an amount.

1 yuan = 100 fen. Every amount in the system is an ``int`` number of fen; no float ever holds money.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

FEN_PER_YUAN = 100
MOST_YUAN = 10**12
"""No amount that somebody types is as large; what is would be a slip, or more digits than a database keeps."""


def split(amount_fen: int, weights: Sequence[int]) -> list[int]:
    """Split an amount by weights into whole fen that always sum to it.

    Largest remainder; equal remainders go to the part listed first (design: ties to the first payer). A negative amount is the
    mirror image of the positive one, so that taking back what was shared takes back the same fen from the same payer.

    >>> split(1, [7, 3]), split(3, [7, 3]), split(7, [7, 3]), split(-3, [7, 3])
    ([1, 0], [2, 1], [5, 2], [-2, -1])
    """
    if not weights or any(w < 0 for w in weights) or sum(weights) == 0:
        raise ValueError("weights must be non-negative and not all zero")
    sign = -1 if amount_fen < 0 else 1
    whole, total = abs(amount_fen), sum(weights)
    parts = [whole * w // total for w in weights]
    remainders = [whole * w % total for w in weights]
    left = whole - sum(parts)
    for index in sorted(range(len(weights)), key=lambda i: (-remainders[i], i))[:left]:
        parts[index] += 1
    return [sign * part for part in parts]


def format_yuan(fen: int) -> str:
    """Fen as yuan with two decimals and thousands marks: 1234567 -> ``12,345.67``."""
    sign = "-" if fen < 0 else ""
    yuan, rest = divmod(abs(fen), FEN_PER_YUAN)
    return f"{sign}{yuan:,}.{rest:02d}"


def parse_yuan(text: str) -> int:
    """Yuan as people type it (``80``, ``80.5``, ``1,200.00``, ``¥30``) to fen.

    Raises ValueError for anything else, for more than two decimals and for amounts from :data:`MOST_YUAN` on or not finite.
    """
    cleaned = text.strip().removeprefix("¥").removeprefix("￥").removesuffix("元").replace(",", "").strip()
    try:
        value = Decimal(cleaned)
    except InvalidOperation as error:
        raise ValueError(f"not an amount in yuan: {text!r}") from error
    # Compared before it is reckoned with: an exponent of a few characters makes a number of a million digits.
    fen = value * FEN_PER_YUAN if value.is_finite() and -MOST_YUAN < value < MOST_YUAN else None
    if fen is None or fen != fen.to_integral_value():
        raise ValueError(f"an amount in yuan has at most two decimals: {text!r}")
    return int(fen)
