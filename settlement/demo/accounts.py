"""Somebody at every desk of a demo county: sign-in names with passwords made up at every start, and authenticators where the role needs one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pyotp
from sqlalchemy import Connection, Engine, select

from admin.signin import authenticator, passwords
from settlement.act import SYSTEM, Actor, begin
from settlement.db import reading
from settlement.demo import offices
from settlement.keys import KeyRing
from settlement.officers import ROLES, officers
from settlement.outcomes import Reason, Refused
from settlement.providers.tables import contracts

TOWN = "邵伯镇"
"""Whose village, officers and provider get an account."""


@dataclass(frozen=True)
class Account:
    """``secret``: of the authenticator, None where the role needs none."""

    role: str
    id: str
    password: str
    secret: str | None


def prepare(engine: Engine, ring: KeyRing, now: datetime) -> list[Account]:
    """New passwords for one or two of every role. Raises Refused(NOT_FOUND) where the county has no such officer."""
    with begin(engine, SYSTEM, now) as act:
        offices.appoint_desks(act)  # an older demo has not all of them
    with reading(engine) as conn:
        chosen = _chosen(conn)
    return [_account(engine, ring, actor, now) for actor in chosen]


def code(engine: Engine, ring: KeyRing, name: str, now: datetime) -> str:
    """The digits that the account's authenticator shows now. Raises Refused(NOT_FOUND)."""
    with reading(engine) as conn:
        known = passwords.of(conn, name)
    if known is None or known.totp_cipher is None:
        raise Refused(Reason.NOT_FOUND, what=f"验证器 authenticator: {name}")
    return pyotp.TOTP(authenticator.secret_of(ring, name, known)).at(now)


def _chosen(conn: Connection) -> list[Actor]:
    o = officers.c
    query = select(o.id, o.role, o.town, o.provider_id).where(o.active)
    provider = select(contracts.c.provider_id).where(contracts.c.town == TOWN).order_by(contracts.c.until_day.desc())
    first_of_village = select(o.id).where(o.role == "village", o.town == TOWN).order_by(o.id)
    ids = [*(id for id, *_ in offices.DISTRICT), *offices.town_officers(TOWN)]
    ids += conn.scalars(first_of_village.limit(1)).all()
    ids += [offices.provider_officer(conn.scalars(provider.limit(1)).one())]
    found = {
        row.id: Actor(row.id, row.role, row.town, row.provider_id) for row in conn.execute(query.where(o.id.in_(ids)))
    }
    return sorted(found.values(), key=lambda actor: (list(ROLES).index(actor.role), actor.id))


def _account(engine: Engine, ring: KeyRing, who: Actor, now: datetime) -> Account:
    password, secret = passwords.made_up(who.id), None
    with begin(engine, who, now) as act:
        passwords.set_own(act, ring, who.id, "", password)
        known = passwords.of(act.conn, who.id)
        if known is not None and known.totp_cipher is not None:
            secret = authenticator.secret_of(ring, who.id, known)
        elif who.role in authenticator.REQUIRED:
            secret = pyotp.random_base32()
            authenticator.keep(act, ring, who.id, secret, 0)
    return Account(ROLES[who.role][0], who.id, password, secret)
