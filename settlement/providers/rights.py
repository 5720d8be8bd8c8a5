"""May this provider serve here today, may this caregiver go to a door? Reads only."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, select

from settlement.outcomes import Reason
from settlement.providers.tables import bans, caregivers, contracts


def may_serve(conn: Connection, provider_id: int, town: str, scheme_code: str, on: date) -> Reason | None:
    """None when the provider may serve in the town on a local day, else why not: a ban counts before a missing contract."""
    banned = select(bans.c.id).where(bans.c.provider_id == provider_id, bans.c.from_day <= on, bans.c.until_day > on)
    if conn.execute(banned.limit(1)).first() is not None:
        return Reason.PROVIDER_BANNED
    in_force = select(contracts.c.id).where(
        contracts.c.provider_id == provider_id,
        contracts.c.scheme_code == scheme_code,
        contracts.c.town == town,
        contracts.c.from_day <= on,
        contracts.c.until_day > on,
    )
    return None if conn.execute(in_force.limit(1)).first() is not None else Reason.NO_CONTRACT


def caregiver_may_work(conn: Connection, caregiver_id: int, on: date) -> Reason | None:
    """None when the caregiver may work on a local day, else why not: not employed, not trained, certificate expired.

    A caregiver without a certificate's date holds none that could expire; which work needs one is the item's rule.
    """
    row = conn.execute(select(caregivers).where(caregivers.c.id == caregiver_id)).one_or_none()
    if row is None or on < row.from_day or (row.until_day is not None and on >= row.until_day):
        return Reason.CAREGIVER_NOT_EMPLOYED
    if row.trained_on is None or row.trained_on > on:
        return Reason.CAREGIVER_UNTRAINED
    if row.certificate_until is not None and on >= row.certificate_until:
        return Reason.CERTIFICATE_EXPIRED
    return None
