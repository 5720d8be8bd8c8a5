"""The desk itself, and what its pages share: the scheme, the period and the payers that an address may name."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from flask import Response, request
from sqlalchemy import Connection, select

from admin.frame import listing
from admin.frame.access import officer
from admin.frame.console import here
from admin.frame.desk import Desk
from settlement.act import begin
from settlement.closing import payers
from settlement.closing.tables import payer_accounts, payment_orders
from settlement.outcomes import Reason, Refused
from settlement.people.tables import places
from settlement.people.workbook import harmless
from settlement.periods import Month, Quarter, local_date
from settlement.policy.tables import schemes
from settlement.spoken import chinese

desk = Desk("treasury", __name__, "资金与付款", "Treasury")


def scheme(conn: Connection) -> str:
    """The scheme that the request names, else the first one. Raises Refused(NOT_FOUND), also in a district without any."""
    known = list(conn.execute(select(schemes.c.code).distinct().order_by(schemes.c.code)).scalars())
    asked = request.values.get("scheme") or next(iter(known), "")
    if asked not in known:
        raise Refused(Reason.NOT_FOUND, what=f"scheme {asked}")
    return asked


def today() -> date:
    return local_date(here().now())


def asked_year(usual: int) -> int:
    """The year that the request names. Raises Refused(NOT_FOUND) for one that no budget is of."""
    wanted: int = request.values.get("year", usual, type=int)
    if not 2000 <= wanted <= 2200:
        raise Refused(Reason.NOT_FOUND, what=str(wanted)[:10])
    return wanted


def period(text: str) -> str:
    """A quarter or a month as orders name it. Raises Refused(NOT_FOUND)."""
    for kind in (Quarter, Month):
        try:
            return str(kind.parse(text))
        except ValueError:
            continue
    raise Refused(Reason.NOT_FOUND, what=text[:20])


def quarters(conn: Connection, code: str) -> list[str]:
    """Quarters with orders, the newest first."""
    o = payment_orders.c
    query = select(o.period).distinct().where(o.scheme_code == code, o.kind != "personal")
    return list(conn.execute(query.order_by(o.period.desc())).scalars())


def periods(conn: Connection, code: str) -> list[str]:
    """Quarters and months with orders, the newest first."""
    o = payment_orders.c
    return list(
        conn.execute(select(o.period).distinct().where(o.scheme_code == code).order_by(o.period.desc())).scalars()
    )


def own_payer() -> str | None:
    """The only payer that an officer of a town sees; None for the district's."""
    town = officer().town
    return None if town is None else payers.name_of(payers.TOWN, town)


def require_payer(payer: str) -> None:
    """Another town's account is answered like none. Raises Refused(NOT_FOUND)."""
    if own_payer() not in (None, payer):
        raise Refused(Reason.NOT_FOUND, what=f"account {payer}")


def known_payers(conn: Connection) -> list[tuple[str, str]]:
    """Codes and words of those an officer may choose: with an account on record, or a town."""
    own = own_payer()
    if own is not None:
        return [(own, chinese(own))]
    towns = conn.execute(select(places.c.town).distinct().order_by(places.c.town)).scalars()
    registered = conn.execute(select(payer_accounts.c.payer).order_by(payer_accounts.c.payer)).scalars()
    names = ["district", *(payers.name_of(payers.TOWN, town) for town in towns), *registered, payers.CARD_OPERATOR]
    return [(name, chinese(name)) for name in dict.fromkeys(names)]


def sheet(name: str, headers: list[str], rows: Iterable[Iterable[Any]]) -> Response:
    """A table as a workbook, its leaving recorded; texts as texts, amounts in yuan as numbers."""
    console = here()
    with begin(console.engine, officer().actor, console.now()) as act:
        act.audit("list.export", f"list:{name}")
    plain = ([harmless(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return listing.spreadsheet(name, headers, plain)
