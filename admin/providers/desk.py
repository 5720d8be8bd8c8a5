"""What the pages about providers share: the desk, whose providers somebody sees, the schemes."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from admin.frame import scope
from admin.frame.console import here
from admin.frame.desk import Desk
from settlement.outcomes import Reason, Refused
from settlement.periods import Month, local_date
from settlement.policy import store
from settlement.policy.scheme import Scheme
from settlement.policy.tables import schemes
from settlement.providers.tables import contracts, providers

desk = Desk("providers", __name__, "服务商", "Providers")
ONE_DAY = timedelta(days=1)


def today() -> date:
    return local_date(here().now())


def theirs(query: Select[Any]) -> Select[Any]:
    """A query over ``providers``, narrowed: a town's officer sees those that hold or held a contract there, a provider's office itself."""
    p, c = providers.c, contracts.c
    ids = select(p.id).outerjoin(contracts, c.provider_id == p.id)
    return query.where(p.id.in_(scope.within(ids, town=c.town, provider=p.id)))


def provider(conn: Connection, provider_id: int) -> Row[Any]:
    """Raises Refused(NOT_FOUND), the same for another office's and for nobody."""
    return scope.one(conn, theirs(select(providers)).where(providers.c.id == provider_id), "provider")


def scheme_codes(conn: Connection) -> list[str]:
    return list(conn.execute(select(schemes.c.code).distinct().order_by(schemes.c.code)).scalars())


def scheme_on(conn: Connection, code: str, day: date) -> Scheme:
    """The scheme in force on a day. Raises Refused(NO_SCHEME_IN_FORCE)."""
    if code not in scheme_codes(conn):
        raise Refused(Reason.NO_SCHEME_IN_FORCE, code=code, month=Month.of(day))
    return store.in_force(conn, code, Month.of(day))


def choices(conn: Connection) -> list[tuple[str, str]]:
    """Schemes to choose from, by the name that holds now."""
    found = []
    for code in scheme_codes(conn):
        try:
            found.append((code, scheme_on(conn, code, today()).name_zh))
        except Refused:  # one that begins later, or has ended
            found.append((code, code))
    return found


def names(conn: Connection) -> list[tuple[int, str]]:
    """The providers somebody sees, to choose from."""
    query = theirs(select(providers.c.id, providers.c.name)).order_by(providers.c.name, providers.c.id)
    return [(row.id, row.name) for row in conn.execute(query)]
