"""The register of seniors: added in bulk, found by keyed indexes, shown masked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Any, Literal, TypeVar

from sqlalchemy import Connection, Row, insert, select

from settlement.act import Act
from settlement.keys import KeyRing
from settlement.officers import require
from settlement.outcomes import Reason, Refused
from settlement.people.identity import Identity, mask, mask_phone
from settlement.people.scope import require_person
from settlement.people.tables import assessments, categories, seniors
from settlement.periods import local_date

ID_NO = "seniors.id_no"
ID_LAST4 = "seniors.id_last4"
SURNAME_VILLAGE = "seniors.surname_village"
PHONE = "seniors.phone"
ADDRESS = "seniors.address"
AGENT_PHONE = "seniors.agent_phone"
EMERGENCY_PHONE = "seniors.emergency_phone"

CHUNK = 5000
"""Values in one IN list; both databases take at least 32,766."""

T = TypeVar("T")


def chunks(values: Iterable[T], size: int = CHUNK) -> Iterable[list[T]]:
    iterator = iter(values)
    while part := list(islice(iterator, size)):
        yield part


@dataclass(frozen=True, kw_only=True, repr=False)
class Entry:
    """A row of a roster that can be read. ``repr`` shows its place only."""

    sheet: str
    row: int
    identity: Identity
    name: str
    town: str
    village: str
    categories: tuple[str, ...] = ()
    level: int | None = None
    assessed_on: date | None = None
    assessor: str | None = None
    address: str | None = None
    phone: str | None = None
    registered_since: date | None = None
    resident_since: date | None = None
    latitude_e7: int | None = None
    longitude_e7: int | None = None
    emergency_name: str | None = None
    emergency_phone: str | None = None
    agent_name: str | None = None
    agent_phone: str | None = None
    applied_on: date | None = None

    def __repr__(self) -> str:
        return f"Entry({self.sheet}!{self.row})"


def add_many(act: Act, ring: KeyRing, entries: Sequence[Entry]) -> list[int]:
    """Register people, answering their ids in the order given. A category counts from the day it was declared: the application's, else
    today's. The caller has checked the entries (:mod:`roster`); a number that is on the register fails on its unique index."""
    today = local_date(act.now)
    ids: list[int] = []
    for part in chunks(entries):
        added = act.conn.execute(
            insert(seniors).returning(seniors.c.id, sort_by_parameter_order=True),
            [_row(act, ring, entry) for entry in part],
        )
        ids += [row.id for row in added]
    pairs = list(zip(ids, entries, strict=True))
    declared = [
        {"senior_id": id_, "category": code, "valid_from": entry.applied_on or today}
        for id_, entry in pairs
        for code in entry.categories
    ]
    assessed = [
        {"senior_id": id_, "level": entry.level, "assessed_on": entry.assessed_on}
        | {"assessor": entry.assessor or act.actor.id, "recorded_at": act.now}
        for id_, entry in pairs
        if entry.level is not None and entry.assessed_on is not None
    ]
    for table, rows in ((categories, declared), (assessments, assessed)):
        if rows:
            act.conn.execute(insert(table), rows)
    return ids


def _row(act: Act, ring: KeyRing, entry: Entry) -> dict[str, Any]:
    who = entry.identity
    return {
        "name": entry.name,
        "sex": who.sex,
        "birth_date": who.birth_date,
        "id_no_cipher": ring.encrypt(who.number, ID_NO),
        "id_no_index": ring.index(who.number, ID_NO),
        "id_last4_index": ring.index(who.last4, ID_LAST4),
        "surname_village_index": surname_village(ring, entry.name, entry.village),
        "phone_cipher": _sealed(ring, entry.phone, PHONE),
        "phone_index": ring.index(entry.phone, PHONE) if entry.phone else None,
        "address_cipher": _sealed(ring, entry.address, ADDRESS),
        "town": entry.town,
        "village": entry.village,
        "latitude_e7": entry.latitude_e7,
        "longitude_e7": entry.longitude_e7,
        "registered_since": entry.registered_since,
        "resident_since": entry.resident_since,
        "status": "registered",
        "agent_name": entry.agent_name,
        "agent_phone_cipher": _sealed(ring, entry.agent_phone, AGENT_PHONE),
        "emergency_name": entry.emergency_name,
        "emergency_phone_cipher": _sealed(ring, entry.emergency_phone, EMERGENCY_PHONE),
        "created_at": act.now,
    }


def _sealed(ring: KeyRing, plain: str | None, context: str) -> str | None:
    return ring.encrypt(plain, context) if plain else None


def surname_village(ring: KeyRing, name: str, village: str) -> str:
    """By the first character: of the rare two-character surnames the first is enough within one village."""
    return ring.index(f"{name[:1]}\x00{village}", SURNAME_VILLAGE)


# -- looking up -----------------------------------------------------------------------------------------------------------------


def find_many(conn: Connection, ring: KeyRing, numbers: Sequence[str]) -> dict[str, Any]:
    """Those of the identity numbers that are registered -> id, town, village, status."""
    by_index = {ring.index(number, ID_NO): number for number in numbers}
    found: dict[str, Any] = {}
    for part in chunks(by_index):
        rows = conn.execute(
            select(seniors.c.id, seniors.c.id_no_index, seniors.c.town, seniors.c.village, seniors.c.status).where(
                seniors.c.id_no_index.in_(part)
            )
        )
        found |= {by_index[row.id_no_index]: row for row in rows}
    return found


def find(
    conn: Connection,
    ring: KeyRing,
    *,
    id_no: str | None = None,
    last4: str | None = None,
    phone: str | None = None,
    surname: str | None = None,
    village: str | None = None,
) -> list[int]:
    """Ids of the people all given facts fit; a surname needs its village. Raises Refused(BAD_INPUT) when nothing usable is given."""
    wanted = []
    if id_no:
        wanted.append(seniors.c.id_no_index == ring.index(id_no.strip().upper(), ID_NO))
    if last4:
        wanted.append(seniors.c.id_last4_index == ring.index(last4.strip().upper(), ID_LAST4))
    if phone:
        wanted.append(seniors.c.phone_index == ring.index(phone.strip(), PHONE))
    if surname and village:
        wanted.append(seniors.c.surname_village_index == surname_village(ring, surname, village))
    if not wanted:
        raise Refused(
            Reason.BAD_INPUT,
            detail="身份证号、后四位、电话，或姓氏加村社区 | number, last 4, phone, or surname and village",
        )
    return list(conn.scalars(select(seniors.c.id).where(*wanted).order_by(seniors.c.id)))


def masked(conn: Connection, ring: KeyRing, senior_id: int) -> dict[str, str | None]:
    """Identity number and telephone as they may be shown."""
    row = _senior(conn, senior_id)
    phone = ring.decrypt(row.phone_cipher, PHONE) if row.phone_cipher else None
    return {"id_no": mask(ring.decrypt(row.id_no_cipher, ID_NO)), "phone": mask_phone(phone) if phone else None}


_FIELDS = {
    "id_no": ID_NO,
    "phone": PHONE,
    "address": ADDRESS,
    "agent_phone": AGENT_PHONE,
    "emergency_phone": EMERGENCY_PHONE,
}
Field = Literal["id_no", "phone", "address", "agent_phone", "emergency_phone"]


def reveal(act: Act, ring: KeyRing, senior_id: int, what: Field, why: str) -> str | None:
    """One field in full, on record: who looked, at what, why. Raises Refused: NOT_ALLOWED, NOT_FOUND, BAD_INPUT without a reason or for another field."""
    require(act, "senior.reveal")
    if not why.strip() or what not in _FIELDS:
        raise Refused(Reason.BAD_INPUT, detail="理由 | reason")
    row = require_person(act, senior_id)
    cipher = getattr(row, f"{what}_cipher")
    act.audit("senior.reveal", f"senior:{senior_id}", after={"field": what}, why=why)
    return ring.decrypt(cipher, _FIELDS[what]) if cipher else None


def _senior(conn: Connection, senior_id: int) -> Row[Any]:
    row = conn.execute(select(seniors).where(seniors.c.id == senior_id)).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what=f"senior {senior_id}")
    return row
