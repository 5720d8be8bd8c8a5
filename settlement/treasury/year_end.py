"""The end of a year: what each payer was granted, bore and has left; what of the subsidy was spent, came back or carries over.

One person prepares the figures, another closes the year for exactly these. A closed year takes no appropriation any more; what lies on cards and
carries over is a commitment of the next year, what does not lapses by the scheme's own rule.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Row, cast, func, select, update

from settlement import officers
from settlement.act import Act
from settlement.cards.tables import card_years, cards
from settlement.closing import quarter as quarters
from settlement.closing.reconciling import POSTED_STAGES
from settlement.closing.tables import payment_orders, quarter_closes, settlements, statements
from settlement.db import insert_if_absent
from settlement.ledger import balance, chart
from settlement.ledger.tables import accounts, transfers
from settlement.outcomes import Reason, Refused
from settlement.periods import Month, Quarter, local_date
from settlement.policy import store
from settlement.treasury import budgets
from settlement.treasury.tables import appropriations, year_closes
from settlement.vouchers.tables import issuance_returns, issuance_runs

y = year_closes.c


def blockers(conn: Connection, scheme_code: str, year: int, today: date) -> list[tuple[str, str]]:
    """What has to be done before a year can be closed, in both languages."""
    found: list[tuple[str, str]] = []
    if today.year <= year:
        found.append((f"{year}年还没有过完", f"{year} is not over"))
    waiting = quarters.unclosed(conn, scheme_code, Quarter(year, 4))
    if waiting:
        months = ", ".join(map(str, waiting))
        found.append((f"{months}尚未关账", f"{months} not closed"))
    s, q = statements.c, quarter_closes.c
    posted = select(q.quarter).where(q.scheme_code == scheme_code, q.stage.in_(POSTED_STAGES))
    unsettled = select(s.quarter).where(
        s.scheme_code == scheme_code, s.quarter.startswith(f"{year}-"), s.quarter.not_in(posted)
    )
    for quarter in conn.execute(unsettled.distinct().order_by(s.quarter)).scalars():
        found.append((f"{quarter}尚未结算入账", f"{quarter} is not posted"))
    a = appropriations.c
    proposed = select(func.count()).where(
        a.scheme_code == scheme_code, a.year == year, a.approved_at.is_(None), a.withdrawn_at.is_(None)
    )
    count = conn.execute(proposed).scalar_one()
    if count:
        found.append((f"{count}笔预算待批准", f"appropriations to approve: {count}"))
    return found


def figures(conn: Connection, scheme_code: str, year: int, today: date) -> dict[str, Any]:
    """All amounts in fen. ``on_cards``: what lay on cards when the year ended, by the day on which a movement takes effect."""
    scheme = store.in_force(conn, scheme_code, Month(year, 12))
    rule = scheme.purses.carry_over
    payers = [asdict(at) | {"left": at.left} for at in budgets.positions(conn, scheme_code, year, today)]
    for payer in payers:
        del payer["paid"]  # payments go on after the year is closed
    return {
        "scheme_version": scheme.version,
        "payers": payers,
        "subsidy": _subsidy(conn, scheme_code, year),
        "rule": "carries" if rule.carries else f"lapses_after_{rule.lapses_after}",
        "cap": _cap(conn, scheme_code, year) if scheme.purses.yearly_cap.applies else None,
        "quarters": _quarters(conn, scheme_code, year),
    }


def _subsidy(conn: Connection, scheme_code: str, year: int) -> dict[str, int]:
    r, x, t = issuance_runs.c, issuance_returns.c, transfers.c
    of_run = (r.scheme_code == scheme_code, r.month.startswith(f"{year}-"), r.status == "posted")
    of_return = (x.scheme_code == scheme_code, x.month.startswith(f"{year}-"), x.undone_at.is_(None))
    last_day = date(year, 12, 31)
    control = (accounts.c.code == chart.VOUCHER_CONTROL, accounts.c.owner == chart.scheme(scheme_code))
    before, after = (_stood(conn, day, *control) for day in (date(year, 1, 1) - timedelta(days=1), last_day))
    claims = balance.together_as_of(conn, chart.PROVIDER_CLAIM, last_day)
    # By the reference for the index, by the group for the year.
    of_scheme = (t.reference == f"scheme:{scheme_code}", t.code == "lapse")
    lapsed = select(_sum(t.amount)).where(*of_scheme, t.group_id.startswith(f"lapse/{scheme_code}/{year}-"))
    return {
        "issued": int(conn.execute(select(_sum(r.amount)).where(*of_run)).scalar_one()),
        "taken_back": int(conn.execute(select(_sum(x.taken_back)).where(*of_return)).scalar_one()),
        "lapsed": int(conn.execute(lapsed).scalar_one()),
        "outstanding_before": -before,
        "outstanding_after": -after,
        "claimed": claims,
        "on_cards": -after - claims,
    }


def _stood(conn: Connection, day: date, *which: ColumnElement[bool]) -> int:
    ids = conn.execute(select(accounts.c.id).where(*which)).scalars().all()
    return sum(balance.as_of(conn, id, day) for id in ids)


def _cap(conn: Connection, scheme_code: str, year: int) -> dict[str, int]:
    """What cards might spend in the year at most, and did; the next year's cap begins anew."""
    c = card_years.c
    query = select(func.count(), _sum(c.entitled), _sum(c.spent)).join(cards, cards.c.id == c.card_id)
    count, entitled, spent = conn.execute(query.where(cards.c.scheme_code == scheme_code, c.year == year)).one()
    return {"cards": count, "entitled": int(entitled), "spent": int(spent)}


def _quarters(conn: Connection, scheme_code: str, year: int) -> list[dict[str, Any]]:
    s, q = settlements.c, quarter_closes.c
    query = (
        select(s.quarter, func.count(), _sum(s.net_fen), _sum(s.receivable_fen))
        .join(quarter_closes, (q.scheme_code == s.scheme_code) & (q.quarter == s.quarter))
        .where(s.scheme_code == scheme_code, s.quarter.startswith(f"{year}-"))
        .group_by(s.quarter)
        .order_by(s.quarter)
    )
    return [
        {"quarter": quarter, "settlements": count, "net": int(net), "receivable": int(receivable)}
        for quarter, count, net, receivable in conn.execute(query)
    ]


def _sum(column: ColumnElement[int]) -> ColumnElement[int]:
    return cast(func.coalesce(func.sum(column), 0), BigInteger)


def unpaid(conn: Connection, scheme_code: str, year: int) -> list[Row[Any]]:
    """Orders of the year's quarters that have not been paid: they stay due, whatever year it is."""
    o = payment_orders.c
    query = select(payment_orders).where(
        o.scheme_code == scheme_code,
        o.period.startswith(f"{year}-Q"),
        o.status.in_(("drafted", "exported", "returned")),
    )
    return list(conn.execute(query.order_by(o.period, o.id)))


def digest(found: dict[str, Any]) -> str:
    return sha256(json.dumps(found, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def of(conn: Connection, scheme_code: str, year: int) -> Row[Any] | None:
    return conn.execute(select(year_closes).where(y.scheme_code == scheme_code, y.year == year)).one_or_none()


def prepare(act: Act, scheme_code: str, year: int) -> str:
    """Put the year's figures down, to be closed by another person; their digest. Raises Refused: YEAR_NOT_READY, YEAR_CLOSED, CHANGED_MEANWHILE
    when another officer does the same in this moment."""
    officers.require(act, "year.prepare")
    budgets.require_open(act.conn, scheme_code, year)
    today = local_date(act.now)
    waiting = blockers(act.conn, scheme_code, year, today)
    if waiting:
        raise Refused(
            Reason.YEAR_NOT_READY,
            year=year,
            why_zh="；".join(zh for zh, _ in waiting),
            why_en="; ".join(en for _, en in waiting),
        )
    found = figures(act.conn, scheme_code, year, today)
    row = {"scheme_code": scheme_code, "year": year, "prepared_by": act.actor.id, "prepared_at": act.now}
    row |= {"figures": found, "digest": digest(found)}
    if of(act.conn, scheme_code, year) is not None:  # held since it was found open
        act.conn.execute(update(year_closes).where(y.scheme_code == scheme_code, y.year == year).values(row))
    elif act.conn.execute(insert_if_absent(act.conn, year_closes), row).rowcount != 1:
        raise Refused(Reason.CHANGED_MEANWHILE)  # another officer prepared it in this moment
    act.audit("year.prepare", f"year:{scheme_code}/{year}", after={"digest": digest(found)})
    return digest(found)


def close(act: Act, scheme_code: str, year: int) -> None:
    """Raises Refused: OUT_OF_TURN while nobody has prepared it, YEAR_CLOSED, SAME_PERSON, YEAR_NOT_READY, CHANGED_MEANWHILE when a figure is no longer
    what was prepared."""
    officers.require(act, "year.close")
    budgets.require_open(act.conn, scheme_code, year)
    row = of(act.conn, scheme_code, year)
    if row is None:
        raise Refused(Reason.OUT_OF_TURN, who="year.prepare")
    officers.require_other(act, row.prepared_by)
    today = local_date(act.now)
    if (
        blockers(act.conn, scheme_code, year, today)
        or digest(figures(act.conn, scheme_code, year, today)) != row.digest
    ):
        raise Refused(Reason.CHANGED_MEANWHILE)
    closed = {"closed_by": act.actor.id, "closed_at": act.now}
    act.conn.execute(update(year_closes).where(y.scheme_code == scheme_code, y.year == year).values(closed))
    act.audit("year.close", f"year:{scheme_code}/{year}", after={"digest": row.digest})
