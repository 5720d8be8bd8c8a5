"""The desk itself, and what its pages share: schemes, periods and names as addresses give them."""

from __future__ import annotations

from typing import Any, TypeVar

from flask import request
from sqlalchemy import Connection, Row, select

from admin.frame import scope
from admin.frame.access import officer
from admin.frame.desk import Desk
from settlement.closing.tables import statements
from settlement.outcomes import Reason, Refused
from settlement.periods import Month, Quarter
from settlement.policy.tables import schemes
from settlement.providers.tables import providers

desk = Desk("months", __name__, "发放与结算", "Issuance and settlement")

P = TypeVar("P", Month, Quarter)


def known_schemes(conn: Connection) -> list[str]:
    return list(conn.execute(select(schemes.c.code).distinct().order_by(schemes.c.code)).scalars())


def asked_scheme(conn: Connection) -> str | None:
    """The scheme that the address asks for, else the first one; None in a district without any. Raises Refused(NOT_FOUND)."""
    known = known_schemes(conn)
    asked = request.args.get("scheme") or next(iter(known), None)
    if asked is not None and asked not in known:
        raise Refused(Reason.NOT_FOUND, what=f"scheme {asked}")
    return asked


def require_scheme(conn: Connection, code: str) -> None:
    if code not in known_schemes(conn):
        raise Refused(Reason.NOT_FOUND, what=f"scheme {code}")


def period(kind: type[P], text: str) -> P:
    """A month or quarter of an address. Raises Refused(NOT_FOUND), also for the very last one, which has no end."""
    try:
        found = kind.parse(text)
        found.next()
        return found
    except ValueError:
        raise Refused(Reason.NOT_FOUND, what=text) from None


def provider_names(conn: Connection) -> dict[int, str]:
    return {row.id: row.name for row in conn.execute(select(providers.c.id, providers.c.name))}


def own_town() -> str:
    """The town that the officer acts for, or "" for one of the district."""
    return officer().town or ""


def statement_of(conn: Connection, statement_id: str) -> Row[Any]:
    """A statement that the officer sees. Raises Refused(NOT_FOUND)."""
    query = scope.within(select(statements).where(statements.c.id == statement_id), town=statements.c.town)
    return scope.one(conn, query, f"statement {statement_id}")
