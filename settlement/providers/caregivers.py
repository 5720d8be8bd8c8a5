"""Caregivers: employed by one provider, trained before they work, certified where an item asks for it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from sqlalchemy import Row, insert, select, update

from settlement.act import Act
from settlement.keys import KeyRing
from settlement.officers import require
from settlement.outcomes import Reason, Refused
from settlement.providers.tables import caregivers

PHONE = "caregivers.phone"


def employ(
    act: Act,
    ring: KeyRing,
    provider_id: int,
    staff_no: str,
    name: str,
    *,
    from_day: date,
    phone: str | None = None,
    trained_on: date | None = None,
    certificate_until: date | None = None,
) -> int:
    """Enter a caregiver; ``certificate_until`` is the first day the certificate no longer holds.

    Raises Refused(ID_REUSED) when the provider already has somebody with this staff number.
    """
    require(act, "caregiver.manage", provider_id=provider_id)
    taken = select(caregivers.c.id).where(caregivers.c.provider_id == provider_id, caregivers.c.staff_no == staff_no)
    if act.conn.scalar(taken) is not None:
        raise Refused(Reason.ID_REUSED)
    dates = {"trained_on": trained_on, "certificate_until": certificate_until, "from_day": from_day}
    row = {"provider_id": provider_id, "staff_no": staff_no, "name": name}
    row |= {"phone_cipher": ring.encrypt(phone, PHONE) if phone else None, **dates}
    row |= {"phone_index": ring.index(phone, PHONE) if phone else None}
    id_ = act.conn.execute(insert(caregivers).returning(caregivers.c.id), row).scalar_one()
    act.audit("caregiver.employ", f"caregiver:{id_}", after={"provider_id": provider_id, **dates})
    return int(id_)


def train(act: Act, caregiver_id: int, on: date) -> None:
    """Record that the training was passed."""
    row = _own(act, caregiver_id)
    _change(act, "caregiver.train", row, trained_on=on)


def certify(act: Act, caregiver_id: int, until_day: date) -> None:
    """Record a certificate; ``until_day`` is the first day it no longer holds."""
    row = _own(act, caregiver_id)
    _change(act, "caregiver.certify", row, certificate_until=until_day)


def dismiss(act: Act, caregiver_id: int, last_day: date) -> None:
    """Record the last day of work. Raises Refused(BAD_INPUT) for a day before the first."""
    row = _own(act, caregiver_id)
    if last_day < row.from_day:
        raise Refused(Reason.BAD_INPUT, detail=f"{last_day} < {row.from_day}")
    _change(act, "caregiver.dismiss", row, until_day=last_day + timedelta(days=1))


def _own(act: Act, caregiver_id: int) -> Row[Any]:
    row = act.conn.execute(select(caregivers).where(caregivers.c.id == caregiver_id)).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what=f"caregiver {caregiver_id}")
    require(act, "caregiver.manage", provider_id=row.provider_id)
    return row


def _change(act: Act, what: str, row: Row[Any], **values: date) -> None:
    act.conn.execute(update(caregivers).where(caregivers.c.id == row.id).values(**values))
    before = {key: getattr(row, key) for key in values}
    act.audit(what, f"caregiver:{row.id}", before=before, after=values)
