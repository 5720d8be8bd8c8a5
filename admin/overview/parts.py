"""What the pages of this desk share: which town, which month, which scheme; figures that are reckoned once in a while."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

from flask import current_app, request
from sqlalchemy import Connection, select

from admin.frame import scope
from admin.frame.access import officer
from admin.frame.console import here
from admin.frame.desk import Desk
from settlement.outcomes import Reason, Refused
from settlement.overview import coverage, money
from settlement.overview.coverage import Covered
from settlement.overview.money import Moved
from settlement.periods import Month
from settlement.policy import store
from settlement.policy.scheme import Scheme
from settlement.policy.tables import schemes
from settlement.supervision import callbacks
from settlement.supervision.callbacks import Satisfaction
from settlement.visits import compliance
from settlement.visits.compliance import InTown

desk = Desk("overview", __name__, "总览", "Overview")

FRESH = timedelta(minutes=10)
"""So long a figure that takes a while is shown again; every page says of when it is, and reckons anew when asked."""
T = TypeVar("T")


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
        return [self.month.plus(back) for back in range(1 - money.MONTHS, 1)]

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


def reckoned(name: str, about: Asked, make: Callable[[], T]) -> tuple[T, datetime]:
    """A figure and of when it is: reckoned now, or within the last :data:`FRESH` by this process."""
    kept: dict[Any, _Kept] = current_app.extensions.setdefault("songbai-overview", {})
    key, now = (name, about.scheme.code, about.month, about.town), here().now()
    found = kept.get(key)
    if found is None or now - found.at >= FRESH or "fresh" in request.args:
        for old in [each for each, value in kept.items() if now - value.at >= FRESH]:
            kept.pop(old, None)
        found = kept[key] = _Kept(now, make())
    return cast("T", found.value), found.at


def covered(conn: Connection, about: Asked) -> tuple[list[Covered], datetime]:
    return reckoned("coverage", about, lambda: coverage.coverage(conn, about.scheme, about.month, about.town))


def moved(conn: Connection, about: Asked) -> tuple[list[Moved], datetime]:
    """Of the month and those before it."""
    return reckoned("money", about, lambda: money.by_month(conn, about.scheme.code, about.months, about.town))


def given(conn: Connection, about: Asked) -> tuple[list[InTown], datetime]:
    return reckoned("visits", about, lambda: compliance.by_town(conn, about.scheme, about.month, about.town))


def said(conn: Connection, about: Asked) -> tuple[list[Satisfaction], datetime]:
    return reckoned("satisfaction", about, lambda: callbacks.satisfaction(conn, about.month, town=about.town))
