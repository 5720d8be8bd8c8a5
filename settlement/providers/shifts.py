"""Shifts on shared phones: with badge or staff number, and PIN, a caregiver says who works with the phone for the next hours.

What a shared phone records counts only within a shift of the caregiver it names, whenever it arrives.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, exists, insert, select, update

from settlement.act import Act
from settlement.keys import KeyRing
from settlement.outcomes import Declined, Reason, Refused, declined
from settlement.periods import local_date
from settlement.providers import badges, rights
from settlement.providers.tables import caregivers, devices, shifts

LASTS = timedelta(hours=12)

CLOCKS = timedelta(minutes=5)
"""By so much may a phone's clock differ from ours at either end of a shift."""

PHONE = "phone"


@dataclass(frozen=True)
class Shift:
    id: str
    caregiver_id: int
    staff_no: str
    name: str
    opened_at: datetime
    until: datetime


def needed(device: Row[Any]) -> bool:
    """Whether what a device records needs a shift: a phone that is nobody's own. A terminal stands at a counter."""
    return device.caregiver_id is None and device.kind == PHONE


def open_(
    act: Act, ring: KeyRing, device: Row[Any], *, badge: str | None = None, staff_no: str | None = None, pin: str
) -> Shift | Declined:
    """Begin a shift; the one that was open on the device ends. The act is to be committed whatever the answer: a wrong PIN counts.

    Declined: DEVICE_NOT_SHARED; BADGE_UNKNOWN or CAREGIVER_UNKNOWN; what is wrong with the PIN (``badges.check_pin``); CAREGIVER_NOT_EMPLOYED,
    CAREGIVER_UNTRAINED, CERTIFICATE_EXPIRED.
    """
    if not needed(device):
        return declined(Reason.DEVICE_NOT_SHARED)
    who = _by_badge(act, ring, device, badge) if badge is not None else _by_number(act, device, staff_no)
    if who is None:
        return declined(Reason.CAREGIVER_UNKNOWN if badge is None else Reason.BADGE_UNKNOWN)
    refusal = badges.check_pin(act, ring, who.id, pin)
    if refusal is not None:
        return refusal
    why_not = rights.work_refused(who, local_date(act.now))
    if why_not is not None:
        return declined(why_not)
    # The device is locked: of two shifts that begin at once the later ends the other.
    act.conn.execute(select(devices.c.id).where(devices.c.id == device.id).with_for_update(key_share=True)).close()
    _end(act, device.id, act.now)
    row = {"id": secrets.token_hex(16), "device_id": device.id, "caregiver_id": who.id}
    times = {"opened_at": act.now, "until": act.now + LASTS}
    act.conn.execute(insert(shifts), row | times | {"how": "staff_no" if badge is None else "badge"})
    act.audit("shift.open", f"device:{device.id}", after={"shift": row["id"], "caregiver_id": who.id})
    return Shift(row["id"], who.id, who.staff_no, who.name, **times)


def end(act: Act, device_id: str, shift_id: str, at: datetime) -> None:
    """End a shift at a moment the device names, never before it began nor later than now; one that ended earlier stays as it is.

    Raises Refused(SHIFT_UNKNOWN) for a shift of another device.
    """
    s = shifts.c
    row = act.conn.execute(select(shifts).where(s.id == shift_id, s.device_id == device_id)).one_or_none()
    if row is None:
        raise Refused(Reason.SHIFT_UNKNOWN)
    ends = max(row.opened_at, min(at, act.now))
    if ends >= row.until:
        return
    act.conn.execute(update(shifts).where(s.id == shift_id, s.until > ends).values(until=ends))
    act.audit("shift.end", f"device:{device_id}", before={"until": row.until}, after={"shift": shift_id, "until": ends})


def now_working(conn: Connection, device_id: str, now: datetime) -> int | None:
    """The caregiver whose shift is open on a device."""
    s = shifts.c
    query = select(s.caregiver_id).where(s.device_id == device_id, s.opened_at <= now, s.until > now)
    return conn.execute(query.order_by(s.opened_at.desc()).limit(1)).scalar_one_or_none()


def covers(conn: Connection, device_id: str, caregiver_id: int, at: datetime) -> bool:
    """Whether the caregiver had a shift on the device at that moment, by the phone's own clock."""
    asked = {"device": device_id, "caregiver": caregiver_id, "latest": at + CLOCKS, "earliest": at - CLOCKS}
    return bool(conn.execute(_COVERS, asked).scalar_one())


_COVERS = select(
    exists().where(
        shifts.c.device_id == bindparam("device"),
        shifts.c.caregiver_id == bindparam("caregiver"),
        shifts.c.opened_at <= bindparam("latest"),
        shifts.c.until >= bindparam("earliest"),
    )
)


def _end(act: Act, device_id: str, at: datetime) -> None:
    s = shifts.c
    act.conn.execute(update(shifts).where(s.device_id == device_id, s.until > at).values(until=at))


def _by_badge(act: Act, ring: KeyRing, device: Row[Any], code: str) -> Row[Any] | None:
    id = badges.read(act.conn, ring, code, device.provider_id)
    return None if id is None else act.conn.execute(select(caregivers).where(caregivers.c.id == id)).one()


def _by_number(act: Act, device: Row[Any], staff_no: str | None) -> Row[Any] | None:
    c = caregivers.c
    theirs = select(caregivers).where(c.provider_id == device.provider_id, c.staff_no == staff_no)
    return act.conn.execute(theirs).one_or_none()
