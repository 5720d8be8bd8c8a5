"""Figures with their charts: coverage, money, visits, satisfaction; each a link to the rows behind it."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from flask import render_template
from sqlalchemy import Connection, select

from admin.frame.console import looking
from admin.overview.parts import Asked, asked, desk, reckoned
from settlement.overview import coverage as covering
from settlement.overview import money as moving
from settlement.providers.tables import providers
from settlement.supervision import callbacks
from settlement.visits import compliance


@desk.page("/coverage", may="overview.read", menu=("覆盖面", "Coverage"))
def coverage() -> str:
    with looking() as conn:
        about = asked(conn)
        found, at = reckoned("coverage", about, lambda: _covered(conn, about))
    by_town: dict[str, dict[str, covering.Covered]] = defaultdict(dict)
    for each in found:
        by_town[each.town][each.target.code] = each
    shown: dict[str, Any] = {"about": about, "at": at, "by_town": by_town, "targets": about.scheme.targets}
    return render_template("overview/coverage.html", **shown)


def _covered(conn: Connection, about: Asked) -> list[covering.Covered]:
    return covering.coverage(conn, about.scheme, about.month, about.town)


@desk.page("/money", may="overview.read", menu=("资金", "Money"))
def money() -> str:
    with looking() as conn:
        about = asked(conn)
        months = [about.month.plus(back) for back in range(1 - moving.MONTHS, 1)]
        make = lambda: moving.by_month(conn, about.scheme.code, months, about.town)  # noqa: E731
        found, at = reckoned("money", about, make)
    by_month = [(month, [each for each in found if each.month == str(month)]) for month in months]
    here = [each for each in found if each.month == str(about.month)]
    return render_template("overview/money.html", about=about, at=at, by_month=by_month, by_town=here)


@desk.page("/visits", may="overview.read", menu=("服务次数", "Visits owed"))
def visits() -> str:
    with looking() as conn:
        about = asked(conn)
        make = lambda: compliance.by_town(conn, about.scheme, about.month, about.town)  # noqa: E731
        found, at = reckoned("visits", about, make)
    return render_template("overview/visits.html", about=about, at=at, rows=found)


@desk.page("/satisfaction", may="overview.read", menu=("满意度", "Satisfaction"))
def satisfaction() -> str:
    with looking() as conn:
        about = asked(conn)
        make = lambda: callbacks.satisfaction(conn, about.month, town=about.town)  # noqa: E731
        found, at = reckoned("satisfaction", about, make)
        named = conn.execute(select(providers.c.id, providers.c.name))
        names = {row.id: row.name for row in named}
    below = about.scheme.supervision.survey.below_percent
    shown: dict[str, Any] = {"about": about, "at": at, "rows": found, "names": names, "below": below}
    return render_template("overview/satisfaction.html", **shown, ratings=callbacks.RATINGS)
