"""May this provider serve here today, may this caregiver go to a door? Reads only."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Connection, Date, Integer, bindparam, exists, select

from settlement.outcomes import Reason
from settlement.providers.tables import bans, contracts


def may_serve(conn: Connection, provider_id: int, town: str, scheme_code: str, on: date) -> Reason | None:
    """None when the provider may serve in the town on a local day, else why not: a ban counts before a missing contract."""
    asked = {"provider": provider_id, "town": town, "scheme": scheme_code, "day": on}
    row = conn.execute(_RIGHTS, asked).one()
    if row.banned:
        return Reason.PROVIDER_BANNED
    return None if row.contracted else Reason.NO_CONTRACT


_PROVIDER, _DAY = bindparam("provider", type_=Integer), bindparam("day", type_=Date)
# Asked at every door, so it is one statement and built once.
_RIGHTS = select(
    exists().where(bans.c.provider_id == _PROVIDER, bans.c.from_day <= _DAY, bans.c.until_day > _DAY).label("banned"),
    exists()
    .where(
        contracts.c.provider_id == _PROVIDER,
        contracts.c.scheme_code == bindparam("scheme"),
        contracts.c.town == bindparam("town"),
        contracts.c.from_day <= _DAY,
        contracts.c.until_day > _DAY,
    )
    .label("contracted"),
)


def work_refused(row: Any, on: date) -> Reason | None:
    """None when the caregiver (a row of ``caregivers``) may work on a local day, else why not: not employed, not trained, certificate expired.

    A caregiver without a certificate's date holds none that could expire; which work needs one is the item's rule.
    """
    if on < row.from_day or (row.until_day is not None and on >= row.until_day):
        return Reason.CAREGIVER_NOT_EMPLOYED
    if row.trained_on is None or row.trained_on > on:
        return Reason.CAREGIVER_UNTRAINED
    if row.certificate_until is not None and on >= row.certificate_until:
        return Reason.CERTIFICATE_EXPIRED
    return None
