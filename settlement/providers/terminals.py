"""Terminals at a counter: registered with a key of their own, given working keys, revoked and never deleted.

A terminal has one key-encrypting key (AES-128), shown once when it is registered and typed into it. Under it travel the working keys, one for MACs
and one for PIN blocks, made anew whenever the terminal asks. All of them lie in the database encrypted by the key ring.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.ciphers.algorithms import AES128
from cryptography.hazmat.primitives.cmac import CMAC
from sqlalchemy import Connection, Row, insert, select, update

from settlement.act import Act
from settlement.db import insert_if_absent
from settlement.keys import KeyRing
from settlement.officers import require
from settlement.outcomes import Reason, Refused
from settlement.providers.tables import providers, terminal_keys, terminals

KEY_BYTES = 16
CHECK_BYTES = 3
REASON_LENGTH = 80
_KEY = "terminals.key"
_MAC, _PIN = "terminal_keys.mac", "terminal_keys.pin"


@dataclass(frozen=True)
class Registered:
    """``key``: the key-encrypting key in hexadecimal digits, shown this once; ``check``: its check value, by which whoever typed it compares."""

    terminal_id: str
    key: str
    check: str


@dataclass(frozen=True)
class WorkingKeys:
    """``generation`` counts up with each exchange."""

    generation: int
    mac: bytes
    pin: bytes


@dataclass(frozen=True)
class Terminal:
    """``key``: the one it was registered with; ``working``: those that may be in use, the newest first: a terminal that never got our answer
    still has those before."""

    id: str
    merchant_id: str
    provider_id: int
    revoked_at: datetime | None
    key: bytes
    working: tuple[WorkingKeys, ...]


def register(
    act: Act,
    ring: KeyRing,
    terminal_id: str,
    merchant_id: str,
    provider_id: int,
    *,
    latitude_e7: int | None = None,
    longitude_e7: int | None = None,
) -> Registered:
    """Enter a provider's terminal and make its key. ``terminal_id``: 8 letters and digits, ``merchant_id``: 15, as they stand in its messages;
    the place: where it is fixed, in degrees x 10^7.

    Raises Refused: NOT_ALLOWED, BAD_INPUT, NOT_FOUND, ID_REUSED (a key that was lost is not shown again: revoke, and register another id).
    """
    require(act, "device.enrol", provider_id=provider_id)
    if not re.fullmatch(r"[A-Za-z0-9]{8}", terminal_id) or not re.fullmatch(r"[A-Za-z0-9]{15}", merchant_id):
        raise Refused(
            Reason.BAD_INPUT, detail="终端号8位、商户号15位字母或数字 | terminal 8, merchant 15 letters or digits"
        )
    if (latitude_e7 is None) != (longitude_e7 is None):
        raise Refused(Reason.BAD_INPUT, detail="纬度、经度 | latitude, longitude")
    if act.conn.scalar(select(providers.c.id).where(providers.c.id == provider_id)) is None:
        raise Refused(Reason.NOT_FOUND, what=f"provider {provider_id}")
    key = secrets.token_bytes(KEY_BYTES)
    shown = {"merchant_id": merchant_id, "provider_id": provider_id}
    row = shown | {"id": terminal_id, "latitude_e7": latitude_e7, "longitude_e7": longitude_e7}
    row |= {"key_cipher": ring.encrypt(key.hex(), _context(_KEY, terminal_id)), "registered_at": act.now}
    row |= {"registered_by": act.actor.id}
    fresh = insert_if_absent(act.conn, terminals).returning(terminals.c.id)
    if act.conn.execute(fresh, row).one_or_none() is None:
        raise Refused(Reason.ID_REUSED)
    act.audit("terminal.register", f"terminal:{terminal_id}", after=shown)
    return Registered(terminal_id, key.hex().upper(), check_value(key))


def revoke(act: Act, terminal_id: str, reason: str) -> None:
    """Take a terminal out of use from now on. Raises Refused: NOT_FOUND, NOT_ALLOWED, BAD_INPUT (a reason of 1 to 80 characters), WRONG_STATE when it
    already is."""
    row = act.conn.execute(select(terminals).where(terminals.c.id == terminal_id).with_for_update()).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what=f"terminal {terminal_id}")
    require(act, "device.revoke", provider_id=row.provider_id)
    if not 1 <= len(reason.strip()) <= REASON_LENGTH:
        raise Refused(Reason.BAD_INPUT, detail=f"原因：1–{REASON_LENGTH}字 | reason: 1–{REASON_LENGTH} characters")
    if row.revoked_at is not None:
        raise Refused(Reason.WRONG_STATE, state="revoked", event="revoke")
    change = {"revoked_at": act.now, "revoked_reason": reason}
    act.conn.execute(update(terminals).where(terminals.c.id == terminal_id).values(change))
    act.audit("terminal.revoke", f"terminal:{terminal_id}", after={"revoked_at": act.now}, why=reason)


def listing(conn: Connection, provider_id: int) -> Sequence[Row[Any]]:
    """A provider's terminals, without their keys."""
    columns = [column for column in terminals.c if column.name != "key_cipher"]
    return conn.execute(select(*columns).where(terminals.c.provider_id == provider_id).order_by(terminals.c.id)).all()


def known(conn: Connection, ring: KeyRing, terminal_id: str) -> Terminal | None:
    """A terminal with the keys that its messages may be protected by; a revoked one too."""
    row = conn.execute(select(terminals).where(terminals.c.id == terminal_id)).one_or_none()
    if row is None:
        return None
    key = bytes.fromhex(ring.decrypt(row.key_cipher, _context(_KEY, row.id)))
    working = tuple(_working(ring, each) for each in _in_use(conn, row.id))
    return Terminal(row.id, row.merchant_id, row.provider_id, row.revoked_at, key, working)


def exchange(act: Act, ring: KeyRing, terminal_id: str) -> WorkingKeys:
    """New working keys. Those before stay good until a message came under the new ones (:func:`in_use`). Raises Refused(NOT_FOUND)."""
    found = act.conn.execute(select(terminals.c.id).where(terminals.c.id == terminal_id).with_for_update()).scalar()
    if found is None:
        raise Refused(Reason.NOT_FOUND, what=f"terminal {terminal_id}")
    k = terminal_keys.c
    newest = select(k.generation).where(k.terminal_id == terminal_id).order_by(k.generation.desc()).limit(1)
    generation = int(act.conn.execute(newest).scalar() or 0) + 1
    made = WorkingKeys(generation, secrets.token_bytes(KEY_BYTES), secrets.token_bytes(KEY_BYTES))
    row = {"terminal_id": terminal_id, "generation": generation, "made_at": act.now}
    row |= {"mac_cipher": ring.encrypt(made.mac.hex(), _context(_MAC, terminal_id))}
    row |= {"pin_cipher": ring.encrypt(made.pin.hex(), _context(_PIN, terminal_id))}
    act.conn.execute(insert(terminal_keys), row)
    act.audit("terminal.exchange_keys", f"terminal:{terminal_id}", after={"generation": generation})
    return made


def in_use(act: Act, terminal_id: str, generation: int) -> None:
    """A message came under these keys: those before them count no longer."""
    k = terminal_keys.c
    these = update(terminal_keys).where(k.terminal_id == terminal_id, k.generation == generation, k.used_at.is_(None))
    act.conn.execute(these.values(used_at=act.now))


def check_value(key: bytes) -> str:
    """The first three bytes of AES-CMAC over sixteen zero bytes, as hexadecimal digits."""
    mac = CMAC(AES128(key))
    mac.update(bytes(KEY_BYTES))
    return mac.finalize()[:CHECK_BYTES].hex().upper()


def _in_use(conn: Connection, terminal_id: str) -> list[Row[Any]]:
    """From the newest back to the one that a message came under last."""
    k = terminal_keys.c
    found: list[Row[Any]] = []
    newest_first = select(terminal_keys).where(k.terminal_id == terminal_id).order_by(k.generation.desc())
    for row in conn.execute(newest_first.limit(MOST_IN_USE)):
        found.append(row)
        if row.used_at is not None:
            break
    return found


MOST_IN_USE = 5
"""So many exchanges in a row may go unheard before the keys in use are forgotten."""


def _working(ring: KeyRing, row: Row[Any]) -> WorkingKeys:
    mac = ring.decrypt(row.mac_cipher, _context(_MAC, row.terminal_id))
    pin = ring.decrypt(row.pin_cipher, _context(_PIN, row.terminal_id))
    return WorkingKeys(row.generation, bytes.fromhex(mac), bytes.fromhex(pin))


def _context(column: str, terminal_id: str) -> str:
    """A key moved to another terminal's row does not open there."""
    return f"{column} {terminal_id}"
