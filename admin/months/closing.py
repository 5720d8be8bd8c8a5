"""A month's close: its stages, its statements, and the signatures of towns and district."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, render_template, url_for
from sqlalchemy import Connection, Row, Select, select

from admin.frame import listing, scope, tasks
from admin.frame.access import officer
from admin.frame.acting import acting, done, require_unchanged
from admin.frame.console import here, looking
from admin.frame.listing import Column
from admin.months.desk import desk, own_town, period, require_scheme
from settlement.closing import month as months
from settlement.closing import questions
from settlement.closing.tables import month_closes, statement_questions, statements
from settlement.outcomes import Reason, Refused
from settlement.periods import Month, Quarter
from settlement.providers.tables import providers

STAGES = (
    ("collected", "收集已完成的服务", "collect what was served"),
    ("checked", "核查疑点", "check for what is suspicious"),
    ("drawn", "出具结算单", "draw up statements"),
    ("verified", "各镇街核实", "every town verifies"),
    ("confirmed", "区民政局确认", "the district confirms"),
    ("closed", "关账", "close"),
)


@desk.page("/month/<scheme>/<month>", may="months.read")
def month(scheme: str, month: str) -> Response | str:
    which = period(Month, month)
    with looking() as conn:
        require_scheme(conn, scheme)
        found = months.progress(conn, scheme, which)
        close = _close(conn, scheme, which)
        listed = _statements(conn, scheme, which)
        asked = _open_questions(conn, scheme, which)
    if listed.download is not None:
        return listed.download
    own = _own(found.statements)
    shown: dict[str, Any] = {"scheme": scheme, "month": which, "progress": found, "close": close, "list": listed}
    shown |= {"own": own, "due": _due(own), "asked": asked, "quarter": Quarter.of(which.first_day), "town": own_town()}
    shown |= {"over": here().now() >= which.end(), "stages": _stages(found.stage), "stamped": _stamped}
    return render_template("months/month.html", **shown)


@desk.act("/month/<scheme>/<month>/advance", may="month.draw", shows=month)
def advance_month(scheme: str, month: str) -> Response:
    """Every stage that is the system's, up to where a person is needed."""
    which = period(Month, month)
    with looking() as conn:
        require_scheme(conn, scheme)
    if here().now() < which.end():
        raise Refused(Reason.PERIOD_NOT_OVER, period=which)
    path = url_for("months.month", scheme=scheme, month=which)
    id = tasks.start("months.close", scheme=scheme, month=str(which), path=path)
    return redirect(url_for("home.task", task_id=id), 303)  # type: ignore[return-value]


@desk.act("/month/<scheme>/<month>/verify", may="month.verify", shows=month)
def verify_month(scheme: str, month: str) -> Response:
    """The town signs all of its statements that are due, as the page showed them."""
    which, town = period(Month, month), own_town()
    with acting() as act:
        require_scheme(act.conn, scheme)
        due = _due(_own(months.progress(act.conn, scheme, which).statements))
        require_unchanged(*_stamped(due))
        count = months.verify_town(act, scheme, which, town)
    done(f"{town}已核实{count}张结算单", f"{count} statements verified")
    return redirect(url_for("months.month", scheme=scheme, month=which), 303)  # type: ignore[return-value]


@desk.act("/month/<scheme>/<month>/confirm", may="month.confirm", shows=month)
def confirm_month(scheme: str, month: str) -> Response:
    which = period(Month, month)
    with acting() as act:
        require_scheme(act.conn, scheme)
        require_unchanged(*_stamped(list(months.progress(act.conn, scheme, which).statements)))
        months.confirm(act, scheme, which)
    done(f"{which}已确认，可以关账", f"{which} is confirmed and can be closed")
    return redirect(url_for("months.month", scheme=scheme, month=which), 303)  # type: ignore[return-value]


# -- looking ------------------------------------------------------------------------------------------------------------------
def _close(conn: Connection, scheme: str, which: Month) -> Row[Any] | None:
    m = month_closes.c
    return conn.execute(select(month_closes).where(m.scheme_code == scheme, m.month == str(which))).one_or_none()


def _stages(reached: str | None) -> list[dict[str, Any]]:
    done = -1 if reached is None else months.STAGES.index(reached)
    return [{"zh": zh, "en": en, "done": number <= done} for number, (_, zh, en) in enumerate(STAGES)]


def _own(rows: tuple[Row[Any], ...]) -> list[Row[Any]]:
    return [row for row in rows if officer().town in (None, row.town)]


def _due(rows: list[Row[Any]]) -> list[Row[Any]]:
    return [row for row in rows if row.status == "drawn"]


def _stamped(rows: list[Row[Any]]) -> list[str]:
    """What somebody signs: the figures of every statement."""
    return [f"{row.id} {row.visits} {row.net_fen} {row.personal_fen} {row.status}" for row in rows]


def _open_questions(conn: Connection, scheme: str, which: Month) -> list[Row[Any]]:
    q, s = statement_questions.c, statements.c
    query = select(q.statement_id, q.asked_role).join(statements, s.id == q.statement_id)
    query = query.where(s.scheme_code == scheme, s.month == str(which), questions.is_open).order_by(q.id)
    return list(conn.execute(scope.within(query, town=s.town)))


def _statements(conn: Connection, scheme: str, which: Month) -> listing.Listed:
    s, p = statements.c, providers.c
    source: Select[Any] = select().select_from(statements).join(providers, p.id == s.provider_id)
    source = scope.within(source.where(s.scheme_code == scheme, s.month == str(which)), town=s.town)
    columns = (
        Column("id", "结算单号", "Statement", s.id, link=lambda row: url_for("months.statement", statement_id=row.id)),
        Column("town", "镇街", "Town", s.town),
        Column("provider", "服务商", "Provider", p.name),
        Column("visits", "服务次数", "Visits", s.visits, "number"),
        Column("subsidy", "补贴", "Subsidy", s.subsidy_fen, "yuan"),
        Column("personal", "个人", "Personal", s.personal_fen, "yuan"),
        Column("adjustments", "调整", "Adjustments", s.adjustments_fen, "yuan"),
        Column("net", "净额", "Net", s.net_fen, "yuan"),
        Column("status", "状态", "State", s.status, "code"),
    )
    return listing.look(conn, source, columns, sort="id", name=f"statements-{which}")
