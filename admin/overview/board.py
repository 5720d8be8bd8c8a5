"""The first page: the figures that count, and what waits for whom."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import render_template, url_for
from sqlalchemy import Connection, func, select

from admin.frame.access import declared, may
from admin.frame.console import looking
from admin.overview.parts import Asked, asked, covered, desk, given, moved, said
from settlement.closing.tables import month_closes
from settlement.officers import ROLES
from settlement.overview import waiting
from settlement.overview.coverage import Covered
from settlement.overview.waiting import WHAT, Waits
from settlement.policy.rules_control import Target

PLACES = {
    "run_approve": "months.start",
    "run_post": "months.start",
    "verify": "months.start",
    "confirm": "months.start",
    "adjustment": "months.adjusted",
    "stop": "review.stops",
    "correction": "review.corrections",
    "quarantine": "review.quarantined",
    "complaint": "voices.listed",
    "booking": "voices.booked",
    "contract": "providers.tenders_all",
    "order": "treasury.orders",
    "returned": "treasury.orders",
}
"""Where each kind of thing that waits is dealt with."""


@desk.page("/", may="overview.read", menu=("总览", "Overview"))
def start() -> str:
    with looking() as conn:
        about = asked(conn)
        figures, at = _figures(conn, about)
        open_months = _open_months(conn, about)
        waits = waiting.waiting(conn, about.scheme, about.town)
    shown: dict[str, Any] = {"about": about, "at": at, "figures": figures, "open_months": open_months}
    return render_template("overview/start.html", **shown, waits=told(about, waits))


@desk.page("/waiting", may="overview.read", menu=("待办在谁手里", "What waits for whom"))
def waiting_for() -> str:
    with looking() as conn:
        about = asked(conn)
        waits = waiting.waiting(conn, about.scheme, about.town)
    return render_template("overview/waiting.html", about=about, waits=told(about, waits))


def told(about: Asked, waits: list[Waits]) -> list[dict[str, Any]]:
    """Each with its words, whose turn it is, and where it is dealt with."""
    steps = {step.code: (step.name_zh, step.name_en) for step in about.scheme.enrolment.steps}
    rows = []
    for each in waits:
        kind, _, step = each.what.partition(":")
        words = steps.get(step, (step, step)) if kind == "step" else WHAT[kind][1:]
        place = "enrolment.applications" if kind == "step" else PLACES[kind]
        told = {"waits": each, "zh": words[0], "en": words[1], "role": ROLES.get(each.role)}
        rows.append(told | {"address": url_for(place) if may(declared(place)) else None})
    return rows


def _figures(conn: Connection, about: Asked) -> tuple[dict[str, Any], datetime]:
    """The whole of what is shown, from the figures of the other pages, and of when the oldest of them is."""
    reached, of_people = covered(conn, about)
    months, of_money = moved(conn, about)
    people, of_visits = given(conn, about)
    rated, of_calls = said(conn, about)
    month, answered = [each for each in months if each.month == str(about.month)], sum(each.answered for each in rated)
    figures = {
        "targets": [_whole(target, reached) for target in about.scheme.targets],
        "issued": sum(each.issued for each in month),
        "spent": sum(each.spent for each in month),
        "returned": sum(each.returned for each in month),
        "people": sum(each.people for each in people),
        "short": sum(each.short for each in people),
        "answered": answered,
        "satisfied": 100 * sum(each.satisfied for each in rated) // answered if answered else None,
    }
    return figures, min(of_people, of_money, of_visits, of_calls)


def _whole(target: Target, towns: list[Covered]) -> Covered:
    """All towns together."""
    of_target = [each for each in towns if each.target.code == target.code]
    return Covered("", target, sum(each.people for each in of_target), sum(each.reached for each in of_target))


def _open_months(conn: Connection, about: Asked) -> int:
    m = month_closes.c
    query = select(func.count()).where(m.scheme_code == about.scheme.code, m.stage != "closed")
    return int(conn.execute(query).scalar_one())
