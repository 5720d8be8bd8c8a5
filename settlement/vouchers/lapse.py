"""Lots that may no longer be spent go back to the funds. A scheme that carries over (Jiangdu, notice 4(2)) has none."""

from __future__ import annotations

from datetime import date

from sqlalchemy import and_, func, literal, select
from sqlalchemy import cast as sql_cast
from sqlalchemy.types import String

from settlement.act import Act
from settlement.cards.tables import cards
from settlement.ledger import accounts as account_book
from settlement.ledger import chart
from settlement.ledger.bulk import post_select
from settlement.ledger.tables import accounts, transfers
from settlement.officers import require
from settlement.policy.scheme import Scheme


def lapse(act: Act, scheme: Scheme, on: date, closed_before: date) -> int:
    """Take back what is unspent of every lot whose last month is closed; how much, in the scheme's unit.

    ``closed_before``: the first day of the scheme's first month that is not closed. A lot waits for it, because an offline debit of its
    last days may still be under way. ``on``: the day of this call. Again on the same day changes nothing; what a void gives back to a
    lapsed lot goes with the next day's call.
    """
    require(act, "issuance.post")
    control = account_book.open_account(act, chart.VOUCHER_CONTROL, chart.scheme(scheme.code), unit=scheme.unit)
    a, c = accounts.c, cards.c
    group = f"lapse/{scheme.code}/{on}"
    key = f"lapse/{on}/" + sql_cast(a.id, String)
    rows = (
        select(
            key.label("id"),
            a.id.label("debit_account_id"),
            literal(control).label("credit_account_id"),
            (a.balance - a.held).label("amount"),
            literal("lapse").label("code"),
            literal(f"scheme:{scheme.code}").label("reference"),
        )
        .join(cards, a.owner == "card:" + sql_cast(c.id, String))
        .where(
            and_(a.code == chart.CARD_SUBSIDY, a.lot != "", a.lot <= closed_before.isoformat(), a.balance > a.held),
            c.scheme_code == scheme.code,
        )
    )
    before = _lapsed(act, group)
    if not post_select(act, group, act.now, rows, purses="debit"):
        return 0
    amount = _lapsed(act, group) - before
    act.audit("issuance.lapse", f"scheme:{scheme.code}", after={"amount": amount, "on": on})
    return amount


def _lapsed(act: Act, group: str) -> int:
    total = select(func.coalesce(func.sum(transfers.c.amount), 0)).where(transfers.c.group_id == group)
    return int(act.conn.execute(total).scalar_one())
