"""Payment stops: a visit is kept out of payment until somebody who did not place the stop lets it be paid, or takes it as false."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, render_template, url_for
from sqlalchemy import ColumnElement, Connection, Row, case, func, select

from admin.frame import forms, listing
from admin.frame.acting import acting, done, require_unchanged
from admin.frame.console import here, looking
from admin.frame.forms import Choice
from admin.frame.listing import Column
from admin.review.parts import Why, asked, behind, desk, own, visit_of
from settlement.act import Act
from settlement.fraud import deciding, scan
from settlement.periods import Month
from settlement.policy import store
from settlement.policy.tables import schemes
from settlement.providers.tables import providers
from settlement.supervision import complaints
from settlement.supervision.tables import complaints as said
from settlement.visits.tables import debits, payment_stops, visits
from settlement.vouchers import life

STATES = (("open", "待决定 open"), ("released", "已放行 released"), ("upheld", "已认定 upheld"))
STATE_WORDS = dict(STATES)
DECIDE = {"release": deciding.release, "uphold": deciding.uphold}
DONE = {
    "release": ("已放行，列入下一张月结算单", "Released: the next statement pays it"),
    "uphold": ("已认定并作废，款项退回", "Upheld: the visit is void and the money went back"),
}
BY_PEOPLE = {"complaint": "投诉 complaint", "denied": "否认扣款 debit denied"}


class Decision(Why):
    decision = Choice(*DECIDE)


@desk.page("/stops", may="review.read", menu=("暂缓支付", "Payment stops"))
def stops() -> Response | str:
    state = asked("state", "open")
    with looking() as conn:
        signals = _signals(conn)
        p, v, d, found = payment_stops.c, visits.c, debits.c, own(_stopped())
        for column, value in ((p.status, state), (v.month, asked("month")), (p.source, asked("signal"))):
            found = found.where(column == value) if value else found
        columns = (
            Column("visit_id", "服务", "visit", p.visit_id, link=_address),
            Column("source", "来由", "because of", _source(signals), sorts=False, words=_chinese),
            Column("town", "镇街", "town", v.town),
            Column("provider", "服务商", "provider", providers.c.name),
            Column("check_in_at", "签到", "check-in", v.check_in_at, kind="moment"),
            Column("subsidy", "补贴", "subsidy", func.coalesce(d.subsidy_fen, 0), kind="yuan"),
            Column("personal", "个人", "own money", func.coalesce(d.personal_fen, 0), kind="yuan"),
            Column("placed_at", "暂缓于", "since", p.placed_at, kind="moment"),
            Column("status", "状态", "state", p.status, words=lambda value: STATE_WORDS[value]),
            Column("decided_by", "决定人", "decided by", p.decided_by),
        )
        listed = listing.look(conn, found, columns, sort="placed_at", name="payment-stops")
    options = {"states": STATES, "signals": sorted(signals.items())}
    return listed.download or render_template("review/stops.html", listed=listed, state=state, **options)


@desk.page("/stops/<visit_id>", may="review.read")
def stop(visit_id: str) -> str:
    with looking() as conn:
        visit = visit_of(conn, visit_id)
        shown: dict[str, Any] = {
            "visit": visit,
            "stops": _of(conn, visit_id),
            "signals": _signals(conn),
            "findings": scan.of_visit(conn, visit_id),
            "complaints": _complaints(conn, visit_id),
            "debit": _debit(conn, visit_id),
            "tree_of": behind(conn, visit_id),
        }
        shown["owed"] = life.owed(conn, visit.senior_id)
    shown["seen_as"] = _seen(visit, shown["stops"], shown["debit"])
    shown["kinds"], shown["state_words"] = complaints.KINDS, STATE_WORDS
    return render_template("review/stop.html", **shown, people=BY_PEOPLE)


@desk.act("/stops/<visit_id>/decide", may="stop.decide", shows=stop)
def decide_stop(visit_id: str) -> Response:
    asked = forms.read(Decision)
    with acting() as act:
        _as_shown(act, visit_id)
        DECIDE[asked["decision"]](act, visit_id, asked["why"])
    done(*DONE[asked["decision"]])
    return redirect(url_for("review.stop", visit_id=visit_id), 303)  # type: ignore[return-value]


def _as_shown(act: Act, visit_id: str) -> None:
    """Who decides has seen every stop there is, what the visit stands at and what was debited for it."""
    visit = visit_of(act.conn, visit_id)
    require_unchanged(*_seen(visit, _of(act.conn, visit_id), _debit(act.conn, visit_id)))


def _seen(visit: Row[Any], stops: list[Row[Any]], debit: Row[Any] | None) -> list[Any]:
    return [visit.status, debit.id if debit else None, *((row.id, row.status) for row in stops)]


def _stopped() -> Any:
    stood = (debits.c.visit_id == visits.c.id) & (debits.c.status == "posted")
    return (
        select()
        .select_from(payment_stops)
        .join(visits, visits.c.id == payment_stops.c.visit_id)
        .join(providers, providers.c.id == visits.c.provider_id)
        .outerjoin(debits, stood)
    )


def _of(conn: Connection, visit_id: str) -> list[Row[Any]]:
    p = payment_stops.c
    return list(conn.execute(select(payment_stops).where(p.visit_id == visit_id).order_by(p.id)))


def _debit(conn: Connection, visit_id: str) -> Row[Any] | None:
    query = select(debits).where(debits.c.visit_id == visit_id, debits.c.status == "posted")
    return conn.execute(query).one_or_none()


def _complaints(conn: Connection, visit_id: str) -> list[Row[Any]]:
    """About the visit or its debit, the oldest first."""
    return list(conn.execute(select(said).where(said.c.visit_id == visit_id).order_by(said.c.id)))


def _address(row: Row[Any]) -> str:
    return url_for("review.stop", visit_id=row.visit_id)


def _signals(conn: Connection) -> dict[str, str]:
    """What the schemes in force call their signals."""
    month = Month.of(here().now())
    codes = conn.execute(select(schemes.c.code).where(schemes.c.valid_from <= str(month)).distinct()).scalars().all()
    known = [signal for code in codes for signal in store.in_force(conn, code, month).fraud.signals]
    return {signal.code: f"{signal.name_zh} {signal.name_en}" for signal in known}


def _chinese(words: str) -> str:
    """Of words in both languages: a list is narrow."""
    return words.partition(" ")[0]


def _source(signals: dict[str, str]) -> ColumnElement[str]:
    p = payment_stops.c
    by_people = case((p.source.like("complaint:%"), BY_PEOPLE["complaint"]), else_=BY_PEOPLE["denied"])
    return case(signals, value=p.source, else_=by_people) if signals else by_people
