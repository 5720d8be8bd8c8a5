"""Whose people somebody may touch: an officer the town's by the actor, the village's by the officer's entry; a holder only themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from sqlalchemy import Row, select

from settlement.act import Act, Actor
from settlement.officers import officers
from settlement.outcomes import Reason, Refused
from settlement.people.tables import seniors

R = TypeVar("R", bound=Any)

SPEAKERS: Mapping[str, tuple[str, str]] = {
    "senior": ("老人本人", "the senior"),
    "agent": ("代理人", "the agent"),
    "office": ("经办人代为登记", "an office, on their behalf"),
}


def village_of(act: Act) -> str | None:
    """The village an officer is limited to; None without such a limit."""
    if act.actor.role != "village":
        return None
    return act.conn.scalar(select(officers.c.village).where(officers.c.id == act.actor.id))


def among_theirs(act: Act, rows: Iterable[R]) -> list[R]:
    """Those of the people (rows with ``town`` and ``village``) that are not another office's."""
    town, village = act.actor.town, village_of(act)
    return [row for row in rows if town in (None, row.town) and village in (None, row.village)]


def require_theirs(act: Act, rows: Iterable[Any]) -> None:
    """Raise Refused(NOT_ALLOWED) when one of the people (rows with ``town`` and ``village``) is another office's."""
    people = list(rows)
    if len(among_theirs(act, people)) != len(people):
        raise Refused(Reason.NOT_ALLOWED)


def holder(senior_id: int, agent_id: int | None = None) -> Actor:
    """A senior, or the agent acting for them, as who acts: pages that proved card and second thing say who it is."""
    return Actor(f"senior:{senior_id}" if agent_id is None else f"senior:{senior_id}/agent:{agent_id}", "holder")


def require_person(act: Act, senior_id: int, *, lock: bool = False) -> Row[Any]:
    """The senior's row, when the actor may touch this person: an office's own people, a holder's own self. ``lock``: until the act ends nobody else
    changes it. Raises Refused (NOT_FOUND, NOT_ALLOWED)."""
    query = select(seniors).where(seniors.c.id == senior_id)
    senior = act.conn.execute(query.with_for_update(key_share=True) if lock else query).one_or_none()
    if senior is None:
        raise Refused(Reason.NOT_FOUND, what=f"senior {senior_id}")
    if act.actor.role == "holder":
        if act.actor.id.partition("/")[0] != f"senior:{senior_id}":
            raise Refused(Reason.NOT_ALLOWED)
    else:
        require_theirs(act, [senior])
    return senior


def speaker(act: Act, said_by: str) -> str:
    """Who is speaking: ``senior``, ``agent`` or ``office``. A holder's session knows; an office says whom it writes down for.

    Raises Refused(BAD_INPUT) for anything else.
    """
    if act.actor.role == "holder":
        return "agent" if "/agent:" in act.actor.id else "senior"
    if said_by not in SPEAKERS:
        raise Refused(Reason.BAD_INPUT, detail=f"by: {', '.join(SPEAKERS)}")
    return said_by
