"""The first page: the figures that count, and what waits for whom."""

from __future__ import annotations

from typing import Any

from flask import render_template, url_for
from sqlalchemy import Connection, func, select

from admin.frame.access import declared, may
from admin.frame.console import looking
from admin.overview.parts import Asked, asked, desk, reckoned
from settlement.closing.tables import month_closes
from settlement.officers import ROLES
from settlement.overview import coverage, money, waiting
from settlement.overview.waiting import WHAT, Waits
from settlement.supervision import callbacks
from settlement.visits import compliance

PLACES = {
    "run_approve": "months.start",
    "run_post": "months.start",
    "verify": "months.start",
    "confirm": "months.start",
    "adjustment": "months.adjusted",
    "stop": "review.stops",
    "correction": "review.corrections",
    "quarantine": "review.quarantined",
    "complaint": "voices.complaints",
    "booking": "voices.bookings",
    "contract": "providers.tenders",
    "order": "treasury.orders",
    "returned": "treasury.orders",
}
"""Where each kind of thing that waits is dealt with."""


@desk.page("/", may="overview.read", menu=("总览", "Overview"))
def start() -> str:
    with looking() as conn:
        about = asked(conn)
        figures, at = reckoned("start", about, lambda: _figures(conn, about))
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


def _figures(conn: Connection, about: Asked) -> dict[str, Any]:
    covered = coverage.coverage(conn, about.scheme, about.month, about.town)
    targets = []
    for target in about.scheme.targets:
        of_target = [each for each in covered if each.target.code == target.code]
        people, reached = sum(each.people for each in of_target), sum(each.reached for each in of_target)
        targets.append(coverage.Covered("", target, people, reached))
    moved = money.by_month(conn, about.scheme.code, [about.month], about.town)
    given = compliance.by_town(conn, about.scheme, about.month, about.town)
    said = callbacks.satisfaction(conn, about.month, town=about.town)
    answered = sum(each.answered for each in said)
    return {
        "targets": targets,
        "issued": sum(each.issued for each in moved),
        "spent": sum(each.spent for each in moved),
        "returned": sum(each.returned for each in moved),
        "people": sum(each.people for each in given),
        "short": sum(each.short for each in given),
        "answered": answered,
        "satisfied": 100 * sum(each.satisfied for each in said) // answered if answered else None,
    }


def _open_months(conn: Connection, about: Asked) -> int:
    m = month_closes.c
    query = select(func.count()).where(m.scheme_code == about.scheme.code, m.stage != "closed")
    return int(conn.execute(query).scalar_one())
