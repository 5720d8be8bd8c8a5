"""The start page of the desk: month by month and quarter by quarter, how far it has come and who is waited for."""

from __future__ import annotations

from typing import Any

from flask import render_template
from sqlalchemy import BigInteger, Connection, Row, case, cast, func, select

from admin.frame import scope
from admin.frame.console import here, looking
from admin.months.desk import asked_scheme, desk, known_schemes
from settlement.closing import month as months
from settlement.closing import quarter as quarters
from settlement.closing import questions
from settlement.closing.tables import month_closes, statement_questions, statements
from settlement.periods import Month, Quarter
from settlement.visits.tables import visits
from settlement.vouchers.tables import issuance_runs

SHOWN = 12
"""Months."""


@desk.page("/", may="months.read", menu=("月份与季度", "Months and quarters"))
def start() -> str:
    with looking() as conn:
        scheme = asked_scheme(conn)
        shown: dict[str, Any] = {"scheme": scheme, "scheme_options": [(code, code) for code in known_schemes(conn)]}
        if scheme is None:
            return render_template("months/start.html", **shown, months=[], quarters=[], asked=0)
        listed = _months(conn, scheme)
        shown |= {"months": [_month(conn, scheme, month) for month in listed]}
        shown |= {"quarters": [_quarter(conn, scheme, each) for each in _quarters(listed)]}
        shown |= {"asked": _open_questions(conn)}
    return render_template("months/start.html", **shown)


def _months(conn: Connection, scheme: str) -> list[Month]:
    """The newest first, from next month (whose issuance may be drafted) back to the first in which anything was issued, served or closed."""
    r, v, c = issuance_runs.c, visits.c, month_closes.c
    firsts = [
        conn.execute(select(func.min(month)).where(code == scheme)).scalar_one()
        for month, code in ((r.month, r.scheme_code), (c.month, c.scheme_code), (v.month, v.scheme_code))
    ]
    newest = Month.of(here().now()).next()
    first = min((month for month in firsts if month is not None), default=str(newest.previous()))
    return [month for month in (newest.plus(-i) for i in range(SHOWN)) if str(month) >= first]


def _quarters(listed: list[Month]) -> list[Quarter]:
    return list(dict.fromkeys(Quarter.of(month.first_day) for month in listed))


def _month(conn: Connection, scheme: str, month: Month) -> dict[str, Any]:
    r, s, c = issuance_runs.c, statements.c, month_closes.c
    issued = select(
        func.count().label("runs"),
        _count(r.status == "posted").label("posted"),
        _sum(r.amount).label("amount"),
    ).where(r.scheme_code == scheme, r.month == str(month))
    drawn = select(
        func.count().label("statements"), _count(s.status == "drawn").label("unverified"), _sum(s.net_fen).label("net")
    ).where(s.scheme_code == scheme, s.month == str(month))
    stage = conn.execute(select(c.stage).where(c.scheme_code == scheme, c.month == str(month))).scalar_one_or_none()
    over = here().now() >= month.end()
    waiting = months.progress(conn, scheme, month).waiting_for if stage or over else ()
    return {
        "month": month,
        "issued": conn.execute(scope.within(issued, town=r.town)).one(),
        "closed": conn.execute(scope.within(drawn, town=s.town)).one(),
        "stage": stage,
        "waiting": ", ".join(waiting),
    }


def _quarter(conn: Connection, scheme: str, quarter: Quarter) -> dict[str, Any]:
    found = quarters.progress(conn, scheme, quarter)
    own: list[Row[Any]] = _narrowed(found.settlements)
    return {
        "quarter": quarter,
        "stage": found.stage,
        "waiting": ", ".join(found.waiting_for)
        if found.stage or not quarters.unclosed(conn, scheme, quarter)
        else "months",
        "settlements": len(own),
        "net": sum(row.net_fen for row in own),
    }


def _narrowed(rows: tuple[Row[Any], ...]) -> list[Row[Any]]:
    town = scope.officer().town
    return [row for row in rows if town in (None, row.town)]


def _open_questions(conn: Connection) -> int:
    q, s = statement_questions.c, statements.c
    query = select(func.count()).select_from(statement_questions).join(statements, s.id == q.statement_id)
    return int(conn.execute(scope.within(query.where(questions.is_open), town=s.town)).scalar_one())


def _count(condition: Any) -> Any:
    return func.count(case((condition, 1)))


def _sum(column: Any) -> Any:
    return cast(func.coalesce(func.sum(column), 0), BigInteger)
