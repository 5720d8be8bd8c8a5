"""A few people to tell stories about, put straight into the register (how they get there is told in tests/people)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import count

from sqlalchemy import insert, select, update

from settlement.act import Act, Actor
from settlement.cards import registry
from settlement.people import agents
from settlement.people.tables import entitlements, seniors
from tests.support import RING, officer

SCHEME = "jiangdu"
TOWN = "仙女镇"
COUNTER: Actor = officer("counter", "card_counter")
TOWN_CLERK: Actor = officer("clerk", "town", town=TOWN)
TOWN_HEAD: Actor = officer("head", "town", town=TOWN)
DISTRICT: Actor = officer("district", "civil_affairs")

_numbers = count(1)


def senior(act: Act, name: str = "王桂英", *, town: str = TOWN, village: str = "正谊村") -> int:
    """One person in the register; the id."""
    number = next(_numbers)
    row = {
        "name": name,
        "sex": "F",
        "birth_date": date(1948, 3, 1),
        "id_no_cipher": "x",
        "id_no_index": f"{number:032d}",
    }
    row |= {"id_last4_index": "x", "surname_village_index": "x", "town": town, "village": village}
    row |= {"status": "entitled", "created_at": act.now}
    return int(act.conn.execute(insert(seniors).values(row).returning(seniors.c.id)).scalar_one())


def entitle(
    act: Act, senior_id: int, yuan: int, from_month: str, *, to_month: str | None = None, reason: str = "enrolled"
) -> int:
    """Entitled to so much a month; a benefit that is running ends the month before."""
    e = entitlements.c
    if reason != "enrolled":
        year, month = map(int, from_month.split("-"))
        before = f"{year - (month == 1):04d}-{(month - 2) % 12 + 1:02d}"
        running = update(entitlements).where(e.senior_id == senior_id, e.to_month.is_(None))
        act.conn.execute(running.values(to_month=before, end_reason=reason))
    row = {"senior_id": senior_id, "scheme_code": SCHEME, "benefit": "needy", "level": 1, "group_code": "needy_semi"}
    row |= {"amount": yuan * 100, "from_month": from_month, "to_month": to_month, "reason": reason}
    row |= {"clause": "一1", "decided_at": act.now}
    return int(act.conn.execute(insert(entitlements).values(row).returning(e.id)).scalar_one())


def card(act: Act, senior_id: int) -> int:
    """An active card for a person."""
    made = registry.issue_many(act, RING, SCHEME, [senior_id])[senior_id]
    registry.activate(act, made)
    return made


def carded(act: Act, yuan: int, from_month: str, *, town: str = TOWN) -> tuple[int, int]:
    """A person entitled to so much a month, with an active card: (senior id, card id)."""
    someone = senior(act, town=town)
    entitle(act, someone, yuan, from_month)
    return someone, card(act, someone)


def town_of(act: Act, senior_id: int) -> str:
    return act.conn.execute(select(seniors.c.town).where(seniors.c.id == senior_id)).scalar_one()


def agent(act: Act, senior_id: int, name: str, phone: str, relation: str = "child", how: str = "in_person") -> int:
    """An agent whom one officer (the act's) wrote down and the district confirmed; the id."""
    id = agents.appoint(act, RING, senior_id, name, phone, relation, how)
    agents.confirm(replace(act, actor=DISTRICT), id)
    return id
