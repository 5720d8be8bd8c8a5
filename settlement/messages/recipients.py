"""Where a message goes: to the senior's own telephone or the agent's, and never to a caregiver's. Whoever has neither gets it on paper."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from settlement.db import among, listed
from settlement.keys import KeyRing
from settlement.people import agents
from settlement.people.agents import Agent
from settlement.people.register import PHONE, chunks
from settlement.people.tables import seniors
from settlement.providers.caregivers import PHONE as STAFF_PHONE
from settlement.providers.tables import caregivers


@dataclass(frozen=True, repr=False)
class Recipient:
    """``name``: ``senior``, or ``agent:ID``. ``channel``: sms, voice (a land line), or paper, which has no ``phone``. ``repr`` shows no telephone."""

    name: str
    channel: str
    phone: str | None

    def __repr__(self) -> str:
        return f"Recipient({self.name}, {self.channel})"


PAPER = Recipient("senior", "paper", None)


def of(conn: Connection, ring: KeyRing, senior_id: int) -> Recipient:
    """Who hears of the senior's money: the senior, else the first agent that has a usable telephone, else paper."""
    return of_many(conn, ring, [senior_id])[senior_id]


def of_many(conn: Connection, ring: KeyRing, senior_ids: Iterable[int]) -> dict[int, Recipient]:
    """As :func:`of`, of many people at once. Somebody who died is not called any more; the agent is."""
    ids = list(dict.fromkeys(senior_ids))
    phones = _phones(conn, ring, ids)
    appointed = agents.of_many(conn, ring, ids)
    every = [phone for phone in phones.values() if phone] + [a.phone for found in appointed.values() for a in found]
    staff = _staff(conn, ring, every)
    return {id: _first(phones[id], appointed.get(id, []), staff) for id in ids if id in phones}


def the_agent(conn: Connection, ring: KeyRing, senior_id: int, agent_id: int | None = None) -> Recipient | None:
    """An agent of the senior: this one, or the first. None when there is none; paper when the telephone is a caregiver's."""
    found = [a for a in agents.of(conn, ring, senior_id) if agent_id in (None, a.id)]
    return _to(f"agent:{found[0].id}", found[0].phone, _staff(conn, ring, [found[0].phone])) if found else None


def the_senior(conn: Connection, ring: KeyRing, senior_id: int) -> Recipient:
    """The senior's own telephone, else paper."""
    return seniors_only(conn, ring, [senior_id]).get(senior_id, PAPER)


def seniors_only(conn: Connection, ring: KeyRing, senior_ids: Iterable[int]) -> dict[int, Recipient]:
    """As :func:`the_senior`, of many people at once."""
    phones = _phones(conn, ring, list(dict.fromkeys(senior_ids)))
    staff = _staff(conn, ring, [phone for phone in phones.values() if phone])
    return {id: _to("senior", phone, staff) if phone else PAPER for id, phone in phones.items()}


def _first(phone: str | None, appointed: list[Agent], staff: set[str]) -> Recipient:
    candidates = [("senior", phone)] if phone else []
    candidates += [(f"agent:{agent.id}", agent.phone) for agent in appointed]
    usable = (_to(name, number, staff) for name, number in candidates)
    return next((each for each in usable if each.channel != "paper"), PAPER)


def _to(name: str, phone: str, staff: set[str]) -> Recipient:
    if phone in staff:
        return Recipient(name, "paper", None)
    return Recipient(name, "sms" if phone.startswith("1") else "voice", phone)


def _phones(conn: Connection, ring: KeyRing, senior_ids: Iterable[int]) -> dict[int, str | None]:
    found: dict[int, str | None] = {}
    for part in chunks(senior_ids):
        query = select(seniors.c.id, seniors.c.phone_cipher, seniors.c.died_on).where(seniors.c.id.in_(part))
        for row in conn.execute(query):
            has_one = row.phone_cipher is not None and row.died_on is None
            found[row.id] = ring.decrypt(row.phone_cipher, PHONE) if has_one else None
    return found


def _staff(conn: Connection, ring: KeyRing, phones: Iterable[str]) -> set[str]:
    """Those of the telephones that a caregiver gave as their own, at any time: a message there would announce nothing."""
    by_index = {ring.index(phone, STAFF_PHONE): phone for phone in phones}
    if not by_index:
        return set()
    theirs: Any = among(conn.dialect.name, caregivers.c.phone_index, "phones")
    query = select(caregivers.c.phone_index).where(theirs).distinct()
    return {by_index[index] for index in conn.execute(query, {"phones": listed(by_index)}).scalars()}
