"""What the pages of this desk share: which town, which month, which scheme; figures that are reckoned once in a while."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import current_app, request
from sqlalchemy import Connection, select

from admin.frame import scope
from admin.frame.access import officer
from admin.frame.console import here
from admin.frame.desk import Desk
from settlement.outcomes import Reason, Refused
from settlement.overview import kept
from settlement.overview.coverage import Covered
from settlement.overview.money import Moved
from settlement.periods import Month
from settlement.policy import store
from settlement.policy.scheme import Scheme
from settlement.policy.tables import schemes
from settlement.supervision.callbacks import Satisfaction
from settlement.visits.compliance import InTown

desk = Desk("overview", __name__, "总览", "Overview")

FRESH = timedelta(minutes=10)
"""So long a figure that takes a while is shown again; every page says of when it is, and reckons anew when asked."""


@dataclass(frozen=True)
class Asked:
    """What a page is about. ``town``: None for the whole district; ``towns``: those the officer may choose from."""

    scheme: Scheme
    month: Month
    town: str | None
    towns: list[str]
    codes: list[str]

    @property
    def address(self) -> dict[str, str]:
        """To be carried to the next page."""
        told = {"scheme": self.scheme.code, "month": str(self.month)}
        return told if self.town is None else told | {"town": self.town}

    @property
    def months(self) -> list[Month]:
        """The month and those before it that are shown beside it."""
        return kept.months_to(self.month)

    @property
    def town_options(self) -> list[tuple[str, str]]:
        return [(town, town) for town in self.towns]

    @property
    def code_options(self) -> list[tuple[str, str]]:
        return [(code, code) for code in self.codes]


def asked(conn: Connection) -> Asked:
    """Of the present address. Raises Refused: NOT_FOUND for a town that is not the officer's, BAD_INPUT for a month that is none."""
    today = Month.of(here().now())
    try:
        month = Month.parse(request.args.get("month") or str(today))
    except ValueError as error:
        raise Refused(Reason.BAD_INPUT, detail="month: 2026-07") from error
    codes = list(conn.execute(select(schemes.c.code).distinct().order_by(schemes.c.code)).scalars())
    code = request.args.get("scheme") or next(iter(codes), "jiangdu")
    towns = scope.towns(conn)
    town = request.args.get("town") or officer().town
    if town is not None and town not in towns:
        raise Refused(Reason.NOT_FOUND, what="town")
    return Asked(store.in_force(conn, code, month), month, town, towns, codes)


@dataclass(frozen=True)
class _Kept:
    at: datetime
    value: Any


def reckoned(conn: Connection, name: str, about: Asked) -> tuple[Any, datetime]:
    """A figure and of when it is: what the scheduler summed up, or what this process reckoned if that is newer; where the scheduler did not, what this
    process reckoned within the last :data:`FRESH`, or now."""
    memory: dict[Any, _Kept] = current_app.extensions.setdefault("songbai-overview", {})
    key, now = (name, about.scheme.code, about.month, about.town), here().now()
    if "fresh" not in request.args:
        own = memory.get(key)
        stored = kept.kept(conn, name, about.scheme, about.month, about.town, now)
        known = [] if stored is None else [_Kept(stored[1], stored[0])]
        known += [own] if own is not None and (stored is not None or now - own.at < FRESH) else []
        if known:
            newest = max(known, key=lambda each: each.at)
            return newest.value, newest.at
    for old in [each for each, value in memory.items() if now - value.at >= kept.LONGEST]:
        memory.pop(old, None)
    memory[key] = _Kept(now, kept.reckon(conn, name, about.scheme, about.month, about.town))
    return memory[key].value, now


def covered(conn: Connection, about: Asked) -> tuple[list[Covered], datetime]:
    return reckoned(conn, "coverage", about)


def moved(conn: Connection, about: Asked) -> tuple[list[Moved], datetime]:
    """Of the month and those before it."""
    return reckoned(conn, "money", about)


def given(conn: Connection, about: Asked) -> tuple[list[InTown], datetime]:
    return reckoned(conn, "visits", about)


def said(conn: Connection, about: Asked) -> tuple[list[Satisfaction], datetime]:
    return reckoned(conn, "satisfaction", about)
