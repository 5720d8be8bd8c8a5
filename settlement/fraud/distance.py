"""Distances in the database, in whole numbers only: neither SQLite nor every PostgreSQL offers the same mathematics.

On the scale of a district the earth is flat enough: north-south metres follow from latitude alone, east-west metres shrink with its
cosine (an even polynomial, right to 1 in 1000 up to 60 degrees). Distances are compared squared, so no root is needed.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, ColumnElement, cast, literal

Number = ColumnElement[int]

METRES_PER_E7 = 1_113_195  # x 10^-8: a ten-millionth of a degree of latitude is 1.113195 cm
SCALE = 100_000_000


def metres_squared(latitude: Number, longitude: Number, other_latitude: Number, other_longitude: Number) -> Number:
    """Square of the distance between two places given in degrees x 10^7; NULL when one is unknown."""
    north = cast(other_latitude, BigInteger) - latitude
    east = cast(other_longitude, BigInteger) - longitude
    dy = north * literal(METRES_PER_E7, BigInteger) // SCALE
    dx = east * literal(METRES_PER_E7, BigInteger) // SCALE * _cosine(latitude) // 10_000
    return dx * dx + dy * dy


def square_of(latitude: int, longitude: int, other_latitude: int, other_longitude: int) -> int:
    """As :func:`metres_squared`, of places that were read already, to the same whole metre."""
    dy = _parts((other_latitude - latitude) * METRES_PER_E7, SCALE)
    half_square = (latitude // 100_000) ** 2 // 6_566
    cosine = 10_000 - half_square + half_square**2 // 60_000 - half_square**3 // 9_000_000_000
    dx = _parts(_parts((other_longitude - longitude) * METRES_PER_E7, SCALE) * cosine, 10_000)
    return dx * dx + dy * dy


def _parts(value: int, divisor: int) -> int:
    """Divided as the databases do: towards zero."""
    return value // divisor if value >= 0 else -(-value // divisor)


def _cosine(latitude: Number) -> Number:
    """Cosine x 10,000 of a latitude in degrees x 10^7: 1 - x2/2 + x4/24 - x6/720."""
    hundredths = cast(latitude, BigInteger) // 100_000
    half_square = hundredths * hundredths // 6_566  # x2/2 x 10,000, x in radians
    return (
        10_000
        - half_square
        + half_square * half_square // 60_000
        - half_square * half_square * half_square // literal(9_000_000_000, BigInteger)
    )


def e7_of_metres(metres: int) -> int:
    """Latitude difference, in degrees x 10^7, that is at least so many metres."""
    return metres * SCALE // METRES_PER_E7 + 1
