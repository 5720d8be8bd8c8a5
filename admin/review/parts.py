"""What the pages of this desk share."""

from __future__ import annotations

from typing import Any

from flask import request
from sqlalchemy import Connection, Row, Select, select

from admin.frame import scope
from admin.frame.desk import Desk
from admin.frame.forms import Form, Text
from settlement.closing import explain_visit
from settlement.closing.explain_visit import Node
from settlement.providers.tables import providers
from settlement.visits.tables import visits

desk = Desk("review", __name__, "复核", "Review")


class Why(Form):
    """The reason of a decision; it goes into the audit trail."""

    why = Text(most=500)


def visit_of(conn: Connection, visit_id: str) -> Row[Any]:
    """A visit of the officer's own part, with its provider's name. Raises Refused(NOT_FOUND)."""
    query = select(visits, providers.c.name.label("provider")).join(providers, providers.c.id == visits.c.provider_id)
    return scope.one(conn, own(query).where(visits.c.id == visit_id), "visit")


def own(query: Select[Any]) -> Select[Any]:
    return scope.within(query, town=visits.c.town, provider=visits.c.provider_id)


def behind(conn: Connection, visit_id: str) -> Node:
    """All that stands behind a visit: items, debit and transfers, signed records with their proof, corrections, stops, clauses."""
    (node,) = explain_visit.nodes(conn, [visit_id])
    return node


def asked(name: str, default: str = "") -> str:
    """A filter of the present address."""
    return request.args.get(name, default).strip()
