"""Wrong tries: after five in a row a sign-in name is locked for a quarter of an hour, whether or not somebody has it; an address after many of any name.

A try is taken before the password is looked at and given back when it was right: however many are sent at once, no more than five are looked at.
"""

from __future__ import annotations

import ipaddress
from datetime import datetime, timedelta

from flask import request
from sqlalchemy import Connection, delete, func, select, update

from admin.frame.console import here
from admin.tables import refusals, tries
from settlement.act import SYSTEM, Act, begin
from settlement.db import insert_if_absent
from settlement.keys import KeyRing
from settlement.outcomes import Reason, Refused

IN_A_ROW = 5
LOCKED = timedelta(minutes=15)
OF_AN_ADDRESS = 40
"""Wrong tries of one address within ``LOCKED``: an office behind one address may have several people who mistype."""
FORGOTTEN = timedelta(days=1)
_MINUTE = timedelta(minutes=1)


def take(name: str) -> None:
    """Use up one of the tries of a sign-in name. Raises Refused(SIGN_IN_LOCKED)."""
    console = here()
    key, source = digest(console.ring, name), _source(console.ring)
    with begin(console.engine, SYSTEM, console.now()) as act:
        _require_few(act, source)
        t = tries.c
        act.conn.execute(delete(tries).where(t.last_at < act.now - FORGOTTEN))
        fresh = {"name": key, "wrong": 0, "last_at": act.now}
        act.conn.execute(insert_if_absent(act.conn, tries), fresh)
        row = act.conn.execute(select(tries).where(t.name == key).with_for_update()).one()
        if row.wrong >= IN_A_ROW and act.now < row.last_at + LOCKED:
            raise _locked(row.last_at + LOCKED - act.now)
        wrong = 1 if row.wrong >= IN_A_ROW else row.wrong + 1
        act.conn.execute(update(tries).where(t.name == key).values(wrong=wrong, last_at=act.now))


def give_back(conn: Connection, name: str) -> None:
    """It was right as far as it goes; the tries before it stay counted."""
    t = tries.c
    where = (t.name == digest(here().ring, name), t.wrong > 0)
    conn.execute(update(tries).where(*where).values(wrong=t.wrong - 1))


def clear(act: Act, ring: KeyRing, name: str) -> None:
    """Signed in, or the password is another one now."""
    act.conn.execute(delete(tries).where(tries.c.name == digest(ring, name)))


def refused(name: str, officer_id: str | None) -> Refused:
    """The answer to a wrong try, the same whatever was wrong; that it locked somebody is recorded."""
    console = here()
    with begin(console.engine, SYSTEM, console.now()) as act:
        r, minute = refusals.c, _minute(act.now)
        source = _source(console.ring)
        act.conn.execute(delete(refusals).where(r.minute < act.now - FORGOTTEN))
        row = {"minute": minute, "source": source, "times": 0}
        act.conn.execute(insert_if_absent(act.conn, refusals), row)
        where = (r.minute == minute, r.source == source)
        act.conn.execute(update(refusals).where(*where).values(times=r.times + 1))
        counted = select(tries.c.wrong).where(tries.c.name == digest(console.ring, name))
        if officer_id is not None and act.conn.execute(counted).scalar_one_or_none() == IN_A_ROW:
            act.audit("officer.locked", f"officer:{officer_id}", after={"minutes": LOCKED // _MINUTE})
    return Refused(Reason.SIGN_IN_WRONG)


def digest(ring: KeyRing, name: str) -> str:
    return ring.index(name, "console_tries.name")


def _require_few(act: Act, source: str) -> None:
    r = refusals.c
    query = select(func.sum(r.times), func.min(r.minute)).where(r.source == source, r.minute > act.now - LOCKED)
    times, first = act.conn.execute(query).one()
    if times is not None and times >= OF_AN_ADDRESS:
        raise _locked(first + LOCKED - act.now)


def _locked(left: timedelta) -> Refused:
    return Refused(Reason.SIGN_IN_LOCKED, minutes=max(-(-left // _MINUTE), 1))


def _minute(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0)


def _source(ring: KeyRing) -> str:
    """Of the request's address; of one in IPv6 the network, for its owner has all of it."""
    text = request.remote_addr or ""
    try:
        address = ipaddress.ip_address(text)
        if address.version == 6:
            text = str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))
    except ValueError:
        pass  # a socket of this machine's own
    return ring.index(text, "console_refusals.source")
