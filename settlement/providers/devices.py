"""Devices: enrolled with a one-time code, known by the thumbprint of their key, revoked and never deleted."""

from __future__ import annotations

import secrets
from datetime import timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import Row, insert, select, update

from settlement.act import Act
from settlement.keys import KeyRing
from settlement.officers import require
from settlement.outcomes import Reason, Refused
from settlement.providers.tables import caregivers, devices, enrolment_codes

CODE = "device_enrolment_codes.code"
FIRST_HASH = "0" * 64
"""What a device's first event names as the event before it."""

# No I, L, O, U: a code is read out over the telephone. 12 of them are 60 bits.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH = 12
REASON_LENGTH = 80
_HEARD = str.maketrans({"O": "0", "I": "1", "L": "1", "-": "", " ": ""})


def make_code(
    act: Act, ring: KeyRing, provider_id: int, caregiver_id: int | None, kind: str, valid_for: timedelta
) -> str:
    """A one-time code for a device of one caregiver, or a shared one (``caregiver_id`` None); ``kind``: phone or terminal.

    Answered once and never again: only its keyed digest is stored.
    """
    require(act, "device.enrol", provider_id=provider_id)
    if kind not in ("phone", "terminal"):
        raise Refused(Reason.BAD_INPUT, detail=f"kind {kind}: phone, terminal")
    if caregiver_id is not None:
        owner = act.conn.scalar(select(caregivers.c.provider_id).where(caregivers.c.id == caregiver_id))
        if owner != provider_id:
            raise Refused(Reason.NOT_FOUND, what=f"caregiver {caregiver_id}")
    plain = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
    row = {"provider_id": provider_id, "caregiver_id": caregiver_id, "kind": kind, "expires_at": act.now + valid_for}
    act.conn.execute(insert(enrolment_codes), row | {"code_index": ring.index(plain, CODE), "made_by": act.actor.id})
    act.audit("device.make_code", f"provider:{provider_id}", after=row)
    return "-".join(plain[i : i + 4] for i in range(0, CODE_LENGTH, 4))


def enrolment_url(host: str, code: str) -> str:
    """What an enrolment's QR holds: the app's address with the code as a fragment, which browsers do not send."""
    return f"{host.rstrip('/')}/caregiver/#enrol={code}"


def enrol(act: Act, ring: KeyRing, code: str, algorithm: str, public_key: str, key_id: str) -> Row[Any]:
    """Use a code up and answer the row of ``devices``. The code is the right to do it, whoever the actor is.

    ``public_key`` as the device's key is stored (base64url), ``key_id`` its RFC 7638 thumbprint; the caller has checked that they
    belong together. The same code with the same key answers the same device, for a phone that lost the first answer. Raises
    Refused(ENROLMENT_CODE_INVALID) for a code that is unknown, used by another key or expired, and Refused(KEY_ALREADY_ENROLLED).
    """
    index = ring.index(code.strip().upper().translate(_HEARD), CODE)
    # Taken with a condition, so that of two devices that come at once with one code only one gets it.
    taken = act.conn.execute(
        update(enrolment_codes)
        .where(
            enrolment_codes.c.code_index == index,
            enrolment_codes.c.used_at.is_(None),
            enrolment_codes.c.expires_at > act.now,
        )
        .values(used_at=act.now)
        .returning(enrolment_codes)
    ).one_or_none()
    known = act.conn.execute(select(devices).where(devices.c.key_id == key_id)).one_or_none()
    if taken is None:
        used_for = act.conn.scalar(select(enrolment_codes.c.device_id).where(enrolment_codes.c.code_index == index))
        if known is not None and used_for == known.id:
            return known
        raise Refused(Reason.ENROLMENT_CODE_INVALID)
    if known is not None:
        raise Refused(Reason.KEY_ALREADY_ENROLLED)
    # Named after its key: public, unlike any other, and known to the device before we answer.
    row = {
        "id": f"d{sha256(key_id.encode()).hexdigest()[:16]}",
        "provider_id": taken.provider_id,
        "caregiver_id": taken.caregiver_id,
    }
    row |= {"kind": taken.kind, "algorithm": algorithm, "key_id": key_id, "public_key": public_key}
    row |= {"enrolled_at": act.now, "last_counter": 0, "last_hash": FIRST_HASH}
    device = act.conn.execute(insert(devices).returning(devices), row).one()
    act.conn.execute(update(enrolment_codes).where(enrolment_codes.c.code_index == index).values(device_id=device.id))
    shown = {key: row[key] for key in ("provider_id", "caregiver_id", "kind", "algorithm", "key_id")}
    act.audit("device.enrol", f"device:{device.id}", after=shown)
    return device


def revoke(act: Act, device_id: str, reason: str) -> None:
    """Take a device out of use from now on. Raises Refused(WRONG_STATE) when it already is: the first time of revocation counts; and
    Refused(BAD_INPUT) without a reason or with one of more than 80 characters."""
    row = act.conn.execute(select(devices).where(devices.c.id == device_id)).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what=f"device {device_id}")
    require(act, "device.revoke", provider_id=row.provider_id)
    if not 1 <= len(reason.strip()) <= REASON_LENGTH:
        raise Refused(Reason.BAD_INPUT, detail=f"原因：1–{REASON_LENGTH}字 | reason: 1–{REASON_LENGTH} characters")
    if row.revoked_at is not None:
        raise Refused(Reason.WRONG_STATE, state="revoked", event="revoke")
    act.conn.execute(update(devices).where(devices.c.id == device_id).values(revoked_at=act.now, revoked_reason=reason))
    act.audit("device.revoke", f"device:{device_id}", after={"revoked_at": act.now}, why=reason)
