"""The district's towns and villages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, tuple_

from settlement.act import Act
from settlement.officers import require
from settlement.people.tables import places


@dataclass(frozen=True)
class Place:
    """A village of a town; the coordinates are the village office's, in 1e-7 degrees (WGS 84)."""

    town: str
    village: str
    latitude_e7: int | None = None
    longitude_e7: int | None = None


class Places:
    """The list, read once and asked often."""

    def __init__(self, listed: Iterable[Place]) -> None:
        self._villages: dict[str, dict[str, Place]] = {}
        for place in listed:
            self._villages.setdefault(place.town, {})[place.village] = place

    @property
    def towns(self) -> list[str]:
        return list(self._villages)

    def villages(self, town: str) -> list[str]:
        return list(self._villages.get(town, {}))

    def __iter__(self) -> Iterable[Place]:
        return (place for villages in self._villages.values() for place in villages.values())


def load(conn: Connection) -> Places:
    rows = conn.execute(select(places).order_by(places.c.town, places.c.village))
    return Places(Place(row.town, row.village, row.latitude_e7, row.longitude_e7) for row in rows)


def add_many(act: Act, listed: Iterable[Place]) -> int:
    """Add villages, or replace what is on record for them; answers how many were given. Nothing is removed."""
    require(act, "places.import")
    by_name = {(place.town, place.village): place for place in listed}
    act.conn.execute(delete(places).where(tuple_(places.c.town, places.c.village).in_(by_name)))
    rows = [
        {"town": town, "village": village, "latitude_e7": place.latitude_e7, "longitude_e7": place.longitude_e7}
        for (town, village), place in by_name.items()
    ]
    if rows:
        act.conn.execute(insert(places), rows)
    act.audit("places.import", "places", after={"villages": len(rows)})
    return len(rows)
