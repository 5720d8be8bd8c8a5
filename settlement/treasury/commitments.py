"""What a scheme's payers are bound to: settled, still open, paid, by payer and year.

Nothing of it is kept: it follows from the ledger, the settlements and the orders. What is open is known by town and split at the present ratio.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import BigInteger, Connection, String, cast, func, select

from settlement.cards.tables import cards
from settlement.closing import payers, sharing
from settlement.closing.reconciling import POSTED_STAGES
from settlement.closing.tables import (
    month_closes,
    payment_orders,
    quarter_closes,
    settlement_shares,
    settlements,
    statements,
)
from settlement.ledger import accounts as account_book
from settlement.ledger import balance, chart
from settlement.ledger.tables import accounts
from settlement.money import split
from settlement.people.tables import seniors
from settlement.periods import Month
from settlement.policy import store
from settlement.visits.tables import debits, visits

ByTown = dict[str, int]
ByPayer = dict[str, int]

s, h, q, o = settlements.c, settlement_shares.c, quarter_closes.c, payment_orders.c


def settled(conn: Connection, scheme_code: str, year: int) -> ByPayer:
    """Shares of what the posted quarters of a year pay; a net below zero pays nothing, and is netted in a later one."""
    total = cast(func.sum(h.amount_fen), BigInteger)
    query = (
        select(h.payer, s.town, total)
        .join(settlements, s.id == h.settlement_id)
        .join(quarter_closes, (q.scheme_code == s.scheme_code) & (q.quarter == s.quarter))
        .where(
            s.scheme_code == scheme_code, s.quarter.startswith(f"{year}-"), s.net_fen > 0, q.stage.in_(POSTED_STAGES)
        )
        .group_by(h.payer, s.town)
    )
    found: ByPayer = {}
    for payer, town, fen in conn.execute(query):
        name = payers.name_of(payer, town)
        found[name] = found.get(name, 0) + int(fen)
    return found


def paid(conn: Connection, scheme_code: str, year: int) -> ByPayer:
    """What has left each payer's account for quarters of the year, less what other payers have transferred to it."""
    total = cast(func.sum(o.amount_fen), BigInteger)
    of_year = (o.scheme_code == scheme_code, o.period.startswith(f"{year}-Q"), o.status == "paid", o.kind != "personal")
    found: ByPayer = {}
    for payer, fen in conn.execute(select(o.payer, total).where(*of_year).group_by(o.payer)):
        found[payer] = found.get(payer, 0) + int(fen)
    transfers = select(o.payee, total).where(*of_year, o.kind == "transfer").group_by(o.payee)
    for payee, fen in conn.execute(transfers):
        found[payee] = found.get(payee, 0) - int(fen)
    return found


def open_by_payer(conn: Connection, scheme_code: str, year: int, today: date) -> ByPayer:
    """What can still become due in a year: all that is on cards belongs to the year that runs, what was spent to the year it was spent in."""
    if year == today.year:
        month = Month.of(today)
        by_town = spendable(conn, scheme_code, month)
        late = unsettled_of(conn, scheme_code, year - 1)
        for town, fen in claims(conn, scheme_code, sum(by_town.values())).items():
            by_town[town] = by_town.get(town, 0) + fen - late.get(town, 0)
    elif year == today.year - 1:
        by_town, month = unsettled_of(conn, scheme_code, year), Month(year, 12)
    else:
        return {}
    return at_ratio(conn, scheme_code, month, by_town)


def at_ratio(conn: Connection, scheme_code: str, month: Month, by_town: Mapping[str, int]) -> ByPayer:
    """Amounts by town, split between the payers at the ratio in force."""
    found: ByPayer = {}
    for town, fen in by_town.items():
        for payer, part in sharing.parts(fen, sharing.weights_in(conn, scheme_code, month, town)).items():
            name = payers.name_of(payer, town)
            found[name] = found.get(name, 0) + part
    return {name: fen for name, fen in found.items() if fen}


def spendable(conn: Connection, scheme_code: str, month: Month) -> ByTown:
    """Subsidy that lies on cards, by the town of whom it belongs to."""
    acc, c = accounts.c, cards.c
    carries = store.in_force(conn, scheme_code, month).purses.carry_over.carries
    same = (
        acc.id == c.subsidy_account_id if carries else acc.owner == "card:" + cast(c.id, String)
    )  # one account, or one per lot
    query = (
        select(seniors.c.town, cast(func.sum(acc.balance), BigInteger))
        .select_from(cards)
        .join(accounts, same)
        .join(seniors, seniors.c.id == c.senior_id)
        .where(c.scheme_code == scheme_code, acc.code == chart.CARD_SUBSIDY, acc.balance > 0)
        .group_by(seniors.c.town)
    )
    return {town: int(fen) for town, fen in conn.execute(query)}


def claims(conn: Connection, scheme_code: str, on_cards: int) -> ByTown:
    """What was spent and is not settled, by town.

    The scheme's control account holds what was issued and neither came back nor was settled; what of it is not on cards was spent. The providers'
    claims say in which towns. They are kept per town and not per scheme: where a district runs several schemes the sum is exact, and the parts are
    those of all its schemes together.
    """
    control = account_book.account_id(conn, chart.VOUCHER_CONTROL, chart.scheme(scheme_code))
    total = -on_cards - (0 if control is None else balance.balance(conn, control))
    by_town: ByTown = {}
    for owner, fen in balance.balances(conn, chart.PROVIDER_CLAIM).items():
        town = owner.partition("/")[2]
        by_town[town] = by_town.get(town, 0) + fen
    if sum(by_town.values()) == total:
        return by_town
    weights = {town: max(fen, 0) for town, fen in by_town.items()}
    if not any(weights.values()):
        return {}
    return dict(zip(weights, split(total, list(weights.values())), strict=True))


def unsettled_of(conn: Connection, scheme_code: str, year: int) -> ByTown:
    """What was spent in a year and waits for its last quarter: on statements, and in months without statements yet."""
    st, m, v, d = statements.c, month_closes.c, visits.c, debits.c
    posted = select(q.quarter).where(q.scheme_code == scheme_code, q.stage.in_(POSTED_STAGES))
    drawn = select(st.town, cast(func.sum(st.net_fen), BigInteger)).where(
        st.scheme_code == scheme_code, st.quarter.startswith(f"{year}-"), st.quarter.not_in(posted)
    )
    closed = set(
        conn.execute(
            select(m.month).where(m.scheme_code == scheme_code, m.stage.not_in(("collected", "checked")))
        ).scalars()
    )
    first = min(closed, default="")
    months = [
        str(month)
        for month in (Month(year, n) for n in range(1, 13))
        if str(month) > first and str(month) not in closed
    ]
    waiting = (
        select(v.town, cast(func.sum(d.subsidy_fen), BigInteger))
        .join(debits, (d.visit_id == v.id) & (d.status == "posted"))
        .where(v.scheme_code == scheme_code, v.month.in_(months), v.status == "served")
    )
    found: ByTown = {}
    for query in (drawn.group_by(st.town), waiting.group_by(v.town)):
        rows: Any = conn.execute(query)
        for town, fen in rows:
            found[town] = found.get(town, 0) + int(fen)
    return found
