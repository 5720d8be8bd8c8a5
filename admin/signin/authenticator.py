"""The second factor: six digits of an authenticator (RFC 6238, 30 seconds). None counts twice.

A new secret lives encrypted in the browser's own cookie until a code of it was right; only then does it take the place of the one before.
"""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime
from typing import NamedTuple

import pyotp
from flask import session
from pyotp.utils import strings_equal
from sqlalchemy import Row, select, update

from admin.frame.console import here
from admin.frame.sessions import Officer
from admin.tables import passwords
from settlement.act import Act
from settlement.cards.sheet import qr_svg
from settlement.keys import KeyRing
from settlement.outcomes import Reason, Refused

REQUIRED = frozenset({"town", "town_finance", "civil_affairs", "district_finance", "card_counter", "admin"})
"""Roles that move money or change rules. Everybody else may have one."""
EARLIER_OR_LATER = 1
"""Steps that a telephone's clock may differ by."""
_COOKIE, _PENDING, _SECRET = "authenticator", "console session.authenticator", "console_passwords.totp"


class Shown(NamedTuple):
    """A new secret for the eyes of its owner. ``image``: the QR code as an address that an <img> takes."""

    secret: str
    image: str


def offer(who: Officer) -> Shown:
    """The secret that waits for its first code in this browser; a new one when none does."""
    secret = _pending(who)
    if secret is None:
        secret = pyotp.random_base32()
        session[_COOKIE] = here().ring.encrypt(secret, f"{_PENDING}:{who.id}")
    address = pyotp.TOTP(secret).provisioning_uri(name=who.id, issuer_name="松柏 Songbai")
    image = "data:image/svg+xml;base64," + b64encode(qr_svg(address).encode()).decode()
    return Shown(" ".join(secret[start : start + 4] for start in range(0, len(secret), 4)), image)


def confirm(act: Act, who: Officer, code: str) -> None:
    """The offered secret takes the place of the one before. Raises Refused(CODE_WRONG) when the code is not its."""
    secret = _pending(who)
    step = None if secret is None else _step(secret, code, act.now)
    if secret is None or step is None:
        raise Refused(Reason.CODE_WRONG)
    keep(act, here().ring, who.id, secret, step)
    session.pop(_COOKIE, None)


def keep(act: Act, ring: KeyRing, officer_id: str, secret: str, step: int) -> None:
    """``step``: of its last code that counts no more. Raises Refused(NOT_ALLOWED) for who never had a password."""
    cipher = ring.encrypt(secret, f"{_SECRET}:{officer_id}")
    values = {"totp_cipher": cipher, "totp_set_at": act.now, "totp_last_step": step}
    if act.conn.execute(update(passwords).where(passwords.c.officer_id == officer_id).values(values)).rowcount != 1:
        raise Refused(Reason.NOT_ALLOWED)
    act.audit("officer.authenticator", f"officer:{officer_id}")


def accept(act: Act, officer_id: str, code: str) -> bool:
    """Whether it is a code of now that was not used before; from now on it is."""
    p = passwords.c
    row = act.conn.execute(select(p.totp_cipher).where(p.officer_id == officer_id)).one_or_none()
    if row is None or row.totp_cipher is None:
        return False
    step = _step(secret_of(here().ring, officer_id, row), code, act.now)
    if step is None:
        return False
    unused = p.totp_last_step < step
    written = update(passwords).where(p.officer_id == officer_id, unused).values(totp_last_step=step)
    return act.conn.execute(written).rowcount == 1


def secret_of(ring: KeyRing, officer_id: str, row: Row[tuple[str]]) -> str:
    return ring.decrypt(row.totp_cipher, f"{_SECRET}:{officer_id}")


def _step(secret: str, code: str, now: datetime) -> int | None:
    """Which 30 seconds a code is of, among those that count now."""
    totp = pyotp.TOTP(secret)
    present = int(now.timestamp()) // totp.interval
    typed = "".join(code.split())
    steps = range(present - EARLIER_OR_LATER, present + EARLIER_OR_LATER + 1)
    return next((step for step in steps if strings_equal(totp.generate_otp(step), typed)), None)


def _pending(who: Officer) -> str | None:
    cipher = session.get(_COOKIE)
    return None if cipher is None else here().ring.decrypt(cipher, f"{_PENDING}:{who.id}")
