"""Agents: who may look, ask and agree for a senior. Only with the senior's recorded consent, which may be withdrawn at any time.

A name beside the telephone on a roster is no agent: nobody recorded that the senior agreed. What an office wrote down counts once somebody else
confirmed it, or the senior did by the card's PIN (``cards.consenting``): one officer alone makes nobody an agent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, func, or_, select, update

from settlement.act import Act
from settlement.db import insert_if_absent
from settlement.keys import KeyRing
from settlement.officers import require, require_other
from settlement.outcomes import Reason, Refused
from settlement.people import cells
from settlement.people.faults import Wrong
from settlement.people.register import chunks
from settlement.people.scope import require_person
from settlement.people.tables import agents

PHONE = "senior_agents.phone"
MOST = 5

RELATIONS: Mapping[str, tuple[str, str]] = {
    "spouse": ("配偶", "spouse"),
    "child": ("子女", "son or daughter"),
    "child_in_law": ("儿媳、女婿", "son- or daughter-in-law"),
    "grandchild": ("孙辈", "grandchild"),
    "sibling": ("兄弟姐妹", "brother or sister"),
    "relative": ("其他亲属", "another relative"),
    "guardian": ("监护人", "legal guardian"),
    "neighbour": ("邻里", "neighbour"),
    "village": ("村(社区)人员", "somebody of the village office"),
}

CONSENTS: Mapping[str, tuple[str, str]] = {
    "in_person": ("本人到场同意", "agreed in person, identity seen"),
    "signed": ("本人签字（附书面委托）", "agreed in writing, kept by the office"),
    "guardian_paper": ("监护证明", "papers of a legal guardian"),
    "card_pin": ("本人凭卡和密码同意", "agreed on the own page, by card and PIN"),
}
"""How the senior agreed. The last one is the page's own; an office uses the others."""

CONFIRMATIONS: Mapping[str, tuple[str, str]] = {
    "officer": ("另一经办人核实", "by another officer"),
    "pin": ("本人在柜台输入密码", "by the senior, with the PIN"),
}
"""Who confirmed what an office wrote down."""

COUNTS: ColumnElement[bool] = and_(agents.c.withdrawn_at.is_(None), agents.c.waits_since.is_(None))
"""Those whose right runs."""
BEGAN = func.coalesce(agents.c.confirmed_at, agents.c.appointed_at)
"""When it began to."""


@dataclass(frozen=True, repr=False)
class Agent:
    """``phone`` in full: for sending and comparing; shown masked (``identity.mask_phone``). ``repr`` shows the id only."""

    id: int
    senior_id: int
    name: str
    phone: str
    relation: str
    appointed_at: datetime

    def __repr__(self) -> str:
        return f"Agent({self.id})"


def appoint(act: Act, ring: KeyRing, senior_id: int, name: str, phone: str, relation: str, how: str) -> int:
    """Record that the senior agreed to an agent; the agent's id. What an office recorded waits for :func:`confirm`.

    ``phone``: a mobile number or a land line with area code. ``relation``: of :data:`RELATIONS`; ``how``: of :data:`CONSENTS`. An agent appoints
    nobody. Raises Refused: NOT_ALLOWED; NOT_FOUND; BAD_INPUT for a name, telephone or word that cannot be; AGENT_KNOWN when the telephone
    is an agent's of this senior already; AGENTS_FULL.
    """
    require(act, "agent.appoint")
    require_person(act, senior_id)
    own = act.actor.role == "holder"
    if own and "/agent:" in act.actor.id:
        raise Refused(Reason.NOT_ALLOWED)
    number = _number(phone)
    _require_listed(relation, RELATIONS, "relation")
    _require_listed(how, [code for code in CONSENTS if (code == "card_pin") == own], "how")
    name = name.strip()
    if not 1 <= len(name) <= 80:
        raise Refused(Reason.BAD_INPUT, detail="姓名 | name")
    row = {"senior_id": senior_id, "name": name, "relation": relation, "consent": how}
    row |= {"phone_cipher": ring.encrypt(number, PHONE), "phone_index": ring.index(number, PHONE)}
    row |= {"appointed_by": act.actor.id, "appointed_at": act.now, "waits_since": None if own else act.now}
    running = select(func.count()).where(agents.c.senior_id == senior_id, agents.c.withdrawn_at.is_(None))
    if act.conn.execute(running).scalar_one() >= MOST:
        raise Refused(Reason.AGENTS_FULL, most=MOST)
    added = insert_if_absent(act.conn, agents).values(row).returning(agents.c.id)
    agent_id = act.conn.execute(added).scalar_one_or_none()
    if agent_id is None:
        raise Refused(Reason.AGENT_KNOWN)
    act.audit("agent.appoint", f"agent:{agent_id}", after={"senior": senior_id, "relation": relation, "consent": how})
    return int(agent_id)


def confirm(act: Act, agent_id: int, how: str = "officer") -> None:
    """What an office wrote down counts from now on. ``how``: of :data:`CONFIRMATIONS`; ``officer``: by somebody else than who wrote it down,
    ``pin``: the caller has just found the senior's PIN right. Again changes nothing. Raises Refused: NOT_ALLOWED, NOT_FOUND, SAME_PERSON,
    WRONG_STATE when it was withdrawn."""
    require(act, "agent.confirm")
    _require_listed(how, CONFIRMATIONS, "how")
    row = _locked(act, agent_id)
    if row.withdrawn_at is not None:
        raise Refused(Reason.WRONG_STATE, state="withdrawn", event="confirm")
    if row.waits_since is None:
        return
    if how == "officer":
        require_other(act, row.appointed_by)
    done = {"waits_since": None, "confirmed_by": act.actor.id, "confirmed_at": act.now, "confirmed_how": how}
    act.conn.execute(update(agents).where(agents.c.id == agent_id).values(done))
    act.audit("agent.confirm", f"agent:{agent_id}", after={"senior": row.senior_id, "how": how})


def _locked(act: Act, agent_id: int) -> Row[Any]:
    row = act.conn.execute(select(agents).where(agents.c.id == agent_id).with_for_update()).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what=f"agent {agent_id}")
    require_person(act, row.senior_id)
    return row


def withdraw(act: Act, agent_id: int, why: str) -> None:
    """End an agent's right at once: the senior takes it back, or the agent gives it up. Again changes nothing. Raises Refused."""
    require(act, "agent.withdraw")
    row = _locked(act, agent_id)
    if act.actor.id.partition("/agent:")[2] not in ("", str(agent_id)):
        raise Refused(Reason.NOT_ALLOWED)  # an agent ends nobody else's right
    if row.withdrawn_at is not None:
        return
    ended = {"withdrawn_by": act.actor.id, "withdrawn_at": act.now, "withdrawn_why": why.strip()[:200] or None}
    act.conn.execute(update(agents).where(agents.c.id == agent_id).values(ended))
    act.audit("agent.withdraw", f"agent:{agent_id}", after={"senior": row.senior_id}, why=why)


def appointed(conn: Connection, senior_id: int, at: datetime) -> bool:
    """Whether somebody was the senior's agent at a moment."""
    a = agents.c
    stood = and_(a.waits_since.is_(None), at >= BEGAN, or_(a.withdrawn_at.is_(None), a.withdrawn_at > at))
    return bool(conn.execute(select(exists().where(a.senior_id == senior_id, stood))).scalar_one())


def of(conn: Connection, ring: KeyRing, senior_id: int) -> list[Agent]:
    """The senior's agents now, who was appointed first comes first."""
    return of_many(conn, ring, [senior_id]).get(senior_id, [])


def of_many(conn: Connection, ring: KeyRing, senior_ids: Iterable[int]) -> dict[int, list[Agent]]:
    """As :func:`of`, of many people; without those who have none."""
    found: dict[int, list[Agent]] = {}
    for part in chunks(senior_ids):
        running = select(agents).where(agents.c.senior_id.in_(part), COUNTS)
        for row in conn.execute(running.order_by(agents.c.id)):
            found.setdefault(row.senior_id, []).append(_agent(row, ring))
    return found


def get(conn: Connection, ring: KeyRing, agent_id: int) -> Agent | None:
    """An agent whose right runs; None when it never did or has ended."""
    query = select(agents).where(agents.c.id == agent_id, COUNTS)
    row = conn.execute(query).one_or_none()
    return None if row is None else _agent(row, ring)


def by_phone(conn: Connection, ring: KeyRing, senior_id: int, phone: str) -> Agent | None:
    """The senior's agent with this telephone; None when there is none, or when it is no telephone at all."""
    try:
        index = ring.index(_number(phone), PHONE)
    except Refused:
        return None
    mine = agents.c.senior_id == senior_id, agents.c.phone_index == index, COUNTS
    row = conn.execute(select(agents).where(*mine)).one_or_none()
    return None if row is None else _agent(row, ring)


def _agent(row: Row[Any], ring: KeyRing) -> Agent:
    return Agent(row.id, row.senior_id, row.name, ring.decrypt(row.phone_cipher, PHONE), row.relation, row.appointed_at)


def _number(phone: str) -> str:
    try:
        number = cells.phone(phone)
    except Wrong:
        number = None
    if number is None:
        raise Refused(
            Reason.BAD_INPUT, detail="11位手机号，或带区号的固定电话 | a mobile number, or a land line with area code"
        )
    return number


def _require_listed(word: str, known: Iterable[str], what: str) -> None:
    if word not in known:
        raise Refused(Reason.BAD_INPUT, detail=f"{what}: {', '.join(known)}")
