"""On what: the part of the district that an officer sees. What lies outside is answered like what does not exist."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, false, select

from admin.frame.access import officer
from settlement.outcomes import Reason, Refused
from settlement.people.tables import places, seniors
from settlement.providers.tables import contracts

WIDE = frozenset({"civil_affairs", "district_finance", "auditor", "assessor", "card_counter", "hotline", "admin"})
"""Roles of the whole district."""


def within(
    query: Select[Any],
    *,
    town: ColumnElement[str] | None = None,
    village: ColumnElement[str | None] | None = None,
    provider: ColumnElement[int] | None = None,
) -> Select[Any]:
    """A query narrowed to the officer's own part, by the columns that tell which part a row belongs to.

    An officer of a town needs ``town``, one of a village ``village`` too, a provider's staff ``provider``: without the column nothing is shown.
    """
    who = officer()
    if who.role in WIDE:
        return query
    if who.role == "provider":
        return query.where(false() if provider is None else provider == who.provider_id)
    if who.role == "village":
        if town is None or village is None:
            return query.where(false())
        return query.where(town == who.town, village == who.village)
    return query.where(false() if town is None else town == who.town)


def people(query: Select[Any]) -> Select[Any]:
    """A query over ``seniors``, narrowed to the officer's own people; a provider's staff has none by this way."""
    return within(query, town=seniors.c.town, village=seniors.c.village)


def one(conn: Connection, query: Select[Any], what: str) -> Row[Any]:
    """The one row of a narrowed query. Raises Refused(NOT_FOUND), the same for another office's and for nobody's."""
    row = conn.execute(query).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what=what)
    return row


def towns(conn: Connection) -> list[str]:
    """The towns an officer may choose from: their own, or all."""
    who = officer()
    if who.town is not None:
        return [who.town]
    query = select(places.c.town).distinct().order_by(places.c.town)
    if who.provider_id is not None:
        query = select(contracts.c.town).where(contracts.c.provider_id == who.provider_id).distinct()
    return list(conn.execute(query).scalars())


def villages(conn: Connection) -> list[str]:
    """The villages an officer may choose from: their own, or those of their towns."""
    who = officer()
    if who.village is not None:
        return [who.village]
    p = places.c
    query = select(p.village).where(p.town.in_(towns(conn))).distinct().order_by(p.village)
    return list(conn.execute(query).scalars())
