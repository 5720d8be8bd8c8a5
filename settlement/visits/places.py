"""Distances between places in degrees x 10^7 (WGS 84), in whole metres."""

from __future__ import annotations

from math import asin, cos, radians, sin, sqrt
from typing import NamedTuple

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius, IUGG."""


class Place(NamedTuple):
    """``accuracy_m``: radius, metres, within which the device believes itself to be; None when it did not say."""

    latitude_e7: int
    longitude_e7: int
    accuracy_m: int | None = None


def metres(a_latitude_e7: int, a_longitude_e7: int, b_latitude_e7: int, b_longitude_e7: int) -> int:
    """Great-circle distance (haversine), rounded to whole metres."""
    a_lat, b_lat = radians(a_latitude_e7 / 1e7), radians(b_latitude_e7 / 1e7)
    half_lat, half_lon = (b_lat - a_lat) / 2, radians((b_longitude_e7 - a_longitude_e7) / 1e7) / 2
    h = sin(half_lat) ** 2 + cos(a_lat) * cos(b_lat) * sin(half_lon) ** 2
    return round(2 * EARTH_RADIUS_M * asin(min(1.0, sqrt(h))))


def from_home(place: Place | None, latitude_e7: int | None, longitude_e7: int | None) -> int | None:
    """Metres from the registered address; None when either is unknown."""
    if place is None or latitude_e7 is None or longitude_e7 is None:
        return None
    return metres(place.latitude_e7, place.longitude_e7, latitude_e7, longitude_e7)
