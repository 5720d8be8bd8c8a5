"""Figures with their charts: coverage, money, visits, satisfaction; each a link to the rows behind it."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from flask import render_template
from sqlalchemy import select

from admin.frame.console import looking
from admin.overview.parts import asked, covered, desk, given, moved, said
from settlement.overview.coverage import Covered
from settlement.providers.tables import providers
from settlement.supervision.callbacks import RATINGS


@desk.page("/coverage", may="overview.read", menu=("覆盖面", "Coverage"))
def coverage() -> str:
    with looking() as conn:
        about = asked(conn)
        found, at = covered(conn, about)
    by_town: dict[str, dict[str, Covered]] = defaultdict(dict)
    for each in found:
        by_town[each.town][each.target.code] = each
    shown: dict[str, Any] = {"about": about, "at": at, "by_town": by_town, "targets": about.scheme.targets}
    return render_template("overview/coverage.html", **shown)


@desk.page("/money", may="overview.read", menu=("资金", "Money"))
def money() -> str:
    with looking() as conn:
        about = asked(conn)
        found, at = moved(conn, about)
    by_month = [(month, [each for each in found if each.month == str(month)]) for month in about.months]
    here = [each for each in found if each.month == str(about.month)]
    return render_template("overview/money.html", about=about, at=at, by_month=by_month, by_town=here)


@desk.page("/visits", may="overview.read", menu=("服务次数", "Visits owed"))
def visits() -> str:
    with looking() as conn:
        about = asked(conn)
        found, at = given(conn, about)
    return render_template("overview/visits.html", about=about, at=at, rows=found)


@desk.page("/satisfaction", may="overview.read", menu=("满意度", "Satisfaction"))
def satisfaction() -> str:
    with looking() as conn:
        about = asked(conn)
        found, at = said(conn, about)
        named = conn.execute(select(providers.c.id, providers.c.name))
        names = {row.id: row.name for row in named}
    below = about.scheme.supervision.survey.below_percent
    shown: dict[str, Any] = {"about": about, "at": at, "rows": found, "names": names, "below": below}
    return render_template("overview/satisfaction.html", **shown, ratings=RATINGS)
