"""Issuance proved from the rows: heads against lines, lines against transfers, returned months, yearly caps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    and_,
    case,
    cast,
    distinct,
    except_,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.types import String

from settlement.cards.tables import card_years
from settlement.findings import Finding
from settlement.ledger import chart
from settlement.ledger.tables import accounts, transfers
from settlement.people.tables import entitlements
from settlement.vouchers import cap
from settlement.vouchers.tables import issuance_lines, issuance_returns, issuance_runs


def check(conn: Connection) -> list[Finding]:
    """Every difference; an empty list means that issuance proves itself. Only reads."""
    issued = _heads(conn) + _signed(conn) + _entitled(conn) + _lines(conn) + _strays(conn)
    return issued + _returns(conn) + _returned(conn) + _lost(conn) + _caps(conn)


def _heads(conn: Connection) -> list[Finding]:
    r, i = issuance_runs.c, issuance_lines.c
    people, amount = func.count(distinct(i.senior_id)), cast(func.coalesce(func.sum(i.amount), 0), BigInteger)
    query = (
        select(r.id, r.people, r.amount, people.label("counted"), amount.label("summed"))
        .outerjoin(issuance_lines, i.run_id == r.id)
        .group_by(r.id, r.people, r.amount)
        .having(or_(people != r.people, amount != r.amount))
        .order_by(r.id)
    )
    return [
        Finding(
            "issuance_total",
            f"issuance:{row.id}",
            f"发放单记 {row.people} 人 {row.amount}，明细合计 {row.counted} 人 {row.summed}",
            f"the run says {row.people} people, {row.amount}; its lines come to {row.counted} people, {row.summed}",
            (f"issuance:{row.id}",),
        )
        for row in conn.execute(query)
    ]


def _signed(conn: Connection) -> list[Finding]:
    r = issuance_runs.c
    unsigned = or_(r.approved_by.is_(None), r.approved_by == r.drafted_by)
    query = select(r.id).where(r.status.in_(("approved", "posted")), unsigned).order_by(r.id)
    return [
        Finding(
            "issuance_not_approved",
            f"issuance:{id}",
            "发放单没有第二人审批",
            "no second person approved the run",
        )
        for id in conn.execute(query).scalars()
    ]


def _entitled(conn: Connection) -> list[Finding]:
    """A line gives what its person's entitlement says, for a month not before it began. It may have ended since: news comes late."""
    i, e = issuance_lines.c, entitlements.c
    other = or_(
        e.amount != i.amount, e.senior_id != i.senior_id, e.scheme_code != i.scheme_code, e.from_month > i.month
    )
    query = (
        select(i.run_id, i.month, i.senior_id, i.amount, e.id, e.amount.label("entitled"))
        .join(entitlements, e.id == i.entitlement_id)
        .where(other)
        .order_by(i.run_id, i.senior_id, i.month)
    )
    return [
        Finding(
            "issuance_not_entitled",
            f"issuance:{row.run_id}",
            f"{row.month} 明细 {row.amount} 与补贴资格 {row.entitled} 不符",
            f"the line of {row.month} over {row.amount} is not what the entitlement says ({row.entitled})",
            (f"issuance_line:{row.month}/{row.senior_id}", f"entitlement:{row.id}"),
        )
        for row in conn.execute(query)
    ]


def _lines(conn: Connection) -> list[Finding]:
    """A posted line has exactly its transfer: same amount, into a subsidy purse of its card."""
    i, t, a = issuance_lines.c, transfers.c, accounts.c
    key = "issue/" + i.scheme_code + "/" + i.month + "/" + cast(i.senior_id, String)
    wrong = or_(
        t.id.is_(None),
        t.amount != i.amount,
        t.code != "issue",
        t.reference != "issuance:" + i.run_id,
        a.code != chart.CARD_SUBSIDY,
        a.owner != "card:" + cast(i.card_id, String),
    )
    query = (
        select(i.run_id, i.month, i.senior_id, i.card_id, i.amount, t.id.label("transfer"), t.amount.label("moved"))
        .join(issuance_runs, issuance_runs.c.id == i.run_id)
        .outerjoin(transfers, t.id == key)
        .outerjoin(accounts, a.id == t.credit_account_id)
        .where(issuance_runs.c.status == "posted", wrong)
        .order_by(i.run_id, i.senior_id, i.month)
    )
    return [
        Finding(
            "issuance_line",
            f"issuance:{row.run_id}",
            f"{row.month} 明细 {row.amount} 与账务流水 {row.moved} 不符",
            f"the line of {row.month} over {row.amount} does not match its transfer ({row.moved})",
            (
                f"issuance_line:{row.month}/{row.senior_id}",
                f"card:{row.card_id}",
                f"transfer:{row.transfer or 'missing'}",
            ),
        )
        for row in conn.execute(query)
    ]


def _strays(conn: Connection) -> list[Finding]:
    """An issue in the ledger without a posted line."""
    i, t = issuance_lines.c, transfers.c
    key = "issue/" + i.scheme_code + "/" + i.month + "/" + cast(i.senior_id, String)
    lines = select(key).join(issuance_runs, issuance_runs.c.id == i.run_id).where(issuance_runs.c.status == "posted")
    # EXCEPT, because an anti-join on a computed key has no index to walk and takes quadratic time.
    strays = except_(select(t.id).where(t.code == "issue"), lines)
    query = select(t.id, t.amount, t.reference).where(t.id.in_(strays)).order_by(t.id)
    return [
        Finding(
            "issuance_stray",
            row.reference,
            f"账务中有发放 {row.amount}，没有对应的发放明细",
            f"the ledger issued {row.amount} without a line of a posted run",
            (f"transfer:{row.id}",),
        )
        for row in conn.execute(query)
    ]


def _returns(conn: Connection) -> list[Finding]:
    """A returned month is the whole month: what came back and what is owed make up its line."""
    i, x = issuance_lines.c, issuance_returns.c
    same = and_(i.scheme_code == x.scheme_code, i.month == x.month, i.senior_id == x.senior_id)
    query = (
        select(x.month, x.senior_id, x.card_id, x.taken_back, x.receivable, i.amount)
        .outerjoin(issuance_lines, same)
        .where(or_(i.amount.is_(None), i.amount != x.taken_back + x.receivable))
        .order_by(x.senior_id, x.month)
    )
    return [
        Finding(
            "issuance_return",
            f"card:{row.card_id}",
            f"{row.month} 收回 {row.taken_back} 加应收 {row.receivable}，不等于当月发放 {row.amount}",
            f"{row.month}: taken back {row.taken_back} and owed {row.receivable} are not the {row.amount} issued",
            (f"issuance_line:{row.month}/{row.senior_id}",),
        )
        for row in conn.execute(query)
    ]


def _returned(conn: Connection) -> list[Finding]:
    """What the ledger moved for a news is what stands of it; nothing, once it is undone."""
    x, t = issuance_returns.c, transfers.c
    debit, credit = accounts.alias("debit"), accounts.alias("credit")
    reference = literal("return:") + x.scheme_code + "/" + cast(x.senior_id, String) + "/" + cast(x.occurrence, String)
    stands = case((x.undone_at.is_(None), 1), else_=0)
    told = select(
        reference.label("reference"), (x.taken_back * stands).label("taken"), (x.receivable * stands).label("owed")
    )

    def moved(code: str) -> ColumnElement[int]:
        return case((debit.c.code == code, t.amount), (credit.c.code == code, -t.amount), else_=0)

    # The other way round, so that the two come to nothing.
    booked = (
        select(t.reference, -moved(chart.CARD_SUBSIDY), -moved(chart.RECEIVABLE))
        .join(debit, debit.c.id == t.debit_account_id)
        .join(credit, credit.c.id == t.credit_account_id)
        .where(t.reference.like("return:%"))
    )
    both = union_all(told, booked).subquery("both").c
    taken, owed = cast(func.sum(both.taken), BigInteger), cast(func.sum(both.owed), BigInteger)
    query = select(both.reference, taken.label("taken"), owed.label("owed")).group_by(both.reference)
    return [
        Finding(
            "issuance_return_booked",
            row.reference,
            f"收回记录比账务多 {row.taken}，应收记录比账务多 {row.owed}",
            f"the records say {row.taken} more was taken back than the ledger does, and {row.owed} more is owed",
            (row.reference,),
        )
        for row in conn.execute(query.having(or_(taken != 0, owed != 0)).order_by(both.reference))
    ]


def _lost(conn: Connection) -> list[Finding]:
    """A month that was taken back belongs to no entitlement: somebody reinstated with it has it again."""
    x, e = issuance_returns.c, entitlements.c
    holds = and_(
        e.senior_id == x.senior_id,
        e.scheme_code == x.scheme_code,
        e.from_month <= x.month,
        or_(e.to_month.is_(None), e.to_month >= x.month),
    )
    query = select(x.month, x.senior_id, x.card_id, e.id).join(entitlements, holds).where(x.undone_at.is_(None))
    return [
        Finding(
            "issuance_return_entitled",
            f"card:{row.card_id}",
            f"{row.month} 有补贴资格，当月发放却已收回",
            f"{row.month} is entitled, yet what was issued for it was taken back",
            (f"issuance_line:{row.month}/{row.senior_id}", f"entitlement:{row.id}"),
        )
        for row in conn.execute(query.order_by(x.senior_id, x.month))
    ]


def _caps(conn: Connection) -> list[Finding]:
    y = card_years.c
    found: list[Finding] = []
    for year in conn.execute(select(y.year).distinct().order_by(y.year)).scalars().all():
        stored = select(y.card_id, y.entitled).where(y.year == year)
        differing: Sequence[Any] = conn.execute(except_(stored, cap.entitled(year, lambda id: id.is_not(None)))).all()
        for card_id, entitled in sorted(tuple(row) for row in differing):
            row = conn.execute(cap.entitled(year, _only(card_id))).one_or_none()
            computed = 0 if row is None else row.entitled
            if entitled != computed:
                found.append(_cap_finding(year, card_id, entitled, computed))
    return found


def _only(card_id: int) -> cap.Which:
    return lambda id: id == card_id


def _cap_finding(year: int, card_id: int, stored: int, computed: int) -> Finding:
    return Finding(
        "yearly_cap",
        f"card:{card_id}",
        f"{year} 年度额度记 {stored}，按发放重算为 {computed}",
        f"the cap of {year} says {stored}; recomputed from what was issued it is {computed}",
        (f"card_year:{card_id}/{year}",),
    )
