"""Whose people an officer may touch: the town's by the actor, the village's by the officer's entry."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select

from settlement.act import Act
from settlement.officers import officers
from settlement.outcomes import Reason, Refused


def village_of(act: Act) -> str | None:
    """The village an officer is limited to; None without such a limit."""
    if act.actor.role != "village":
        return None
    return act.conn.scalar(select(officers.c.village).where(officers.c.id == act.actor.id))


def require_theirs(act: Act, rows: Iterable[Any]) -> None:
    """Raise Refused(NOT_ALLOWED) when one of the people (rows with ``town`` and ``village``) is another office's."""
    town, village = act.actor.town, village_of(act)
    if town is None and village is None:
        return
    for row in rows:
        if (town is not None and row.town != town) or (village is not None and row.village != village):
            raise Refused(Reason.NOT_ALLOWED)
