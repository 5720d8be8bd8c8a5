"""From the application at the village to the card: the scheme's steps, papers, publicity, objections, assessments, rosters."""

from __future__ import annotations

from admin.enrolment import applying, assessments, enrolled, ordering, overview, publicity, rosters, steps
from admin.enrolment.desk import desk

_MENU = (
    "start",
    "find",
    "roster",
    "applications",
    "to_order",
    "assessments",
    "ask",
    "to_reassess",
    "postings",
    "objections_open",
)
desk.menu.sort(key=lambda entry: _MENU.index(entry.endpoint.removeprefix("enrolment.")))

__all__ = ["applying", "assessments", "desk", "enrolled", "ordering", "overview", "publicity", "rosters", "steps"]
