"""Whose people an officer may touch: the town's by the actor, the village's by the officer's entry."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from sqlalchemy import select

from settlement.act import Act
from settlement.officers import officers
from settlement.outcomes import Reason, Refused

R = TypeVar("R", bound=Any)


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
