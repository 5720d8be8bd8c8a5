"""Adjustments of closed periods: penalties, clawbacks and corrections, proposed by one person and approved by another who sees what they do."""

from __future__ import annotations

from typing import Any

from flask import Response, g, redirect, render_template, request, url_for
from sqlalchemy import Connection, Row, Select, case, literal, select

from admin.frame import forms, listing, scope
from admin.frame.acting import acting, done, require_unchanged
from admin.frame.console import here, looking
from admin.frame.listing import Column
from admin.months.desk import desk, known_schemes
from settlement.capitals import capitals
from settlement.closing import adjusting, sharing
from settlement.closing.adjusting import KINDS, PROPOSED
from settlement.closing.tables import adjustments
from settlement.outcomes import Reason, Refused
from settlement.periods import Month
from settlement.providers.tables import providers
from settlement.visits.words import VOID_REASONS

WHAT = {
    "penalty": ("penalty", -1, "违约金（扣款） penalty, taken"),
    "clawback": ("clawback", -1, "追回（扣款） clawback, taken"),
    "correction_down": ("correction", -1, "更正（扣回） correction, taken"),
    "correction_up": ("correction", 1, "更正（补付） correction, paid"),
}
"""What the form offers: the kind, the direction of the amount, words."""


class Proposal(forms.Form):
    scheme = forms.Text(most=40)
    what = forms.Choice(*WHAT)
    provider = forms.Number(least=1)
    town = forms.Text(most=40)
    month = forms.MonthField()
    amount = forms.Yuan()
    reason = forms.Text(most=500)
    visit = forms.Text(most=40, load_default=None)


class Why(forms.Form):
    why = forms.Text(most=200)


@desk.page("/adjustments", may="months.read", menu=("调整", "Adjustments"))
def adjusted() -> Response | str:
    state = request.args.get("state", "all")
    with looking() as conn:
        listed = _adjustments(conn, state)
    if listed.download is not None:
        return listed.download
    return render_template("months/adjustments.html", list=listed, state=state)


@desk.page("/adjustments/new", may="adjustment.propose")
def new_adjustment() -> str:
    with looking() as conn:
        p = providers.c
        offered = [(row.id, f"{row.name} ({row.id})") for row in conn.execute(select(p.id, p.name).order_by(p.name))]
        shown: dict[str, Any] = {"providers": offered, "towns": [(town, town) for town in scope.towns(conn)]}
        shown |= {"schemes": [(code, code) for code in known_schemes(conn)]}
    shown |= {"what": [(code, words) for code, (_, _, words) in WHAT.items()]}
    last_month = Month.of(here().now()).previous()
    return render_template("months/new_adjustment.html", **shown, last_month=last_month)


@desk.act("/adjustments/new", may="adjustment.propose", shows=new_adjustment)
def propose_adjustment() -> Response:
    given = forms.read(Proposal)
    if given["amount"] <= 0:
        g.wrong = {"amount": "写正数，方向由类别决定 above zero; the kind says which way"}
        raise Refused(Reason.BAD_INPUT, detail="金额 | amount")
    kind, direction, _ = WHAT[given["what"]]
    with acting() as act:
        id = adjusting.propose(
            act,
            kind,
            scheme_code=given["scheme"],
            provider_id=given["provider"],
            town=given["town"],
            origin_month=given["month"],
            amount_fen=direction * given["amount"],
            reason=given["reason"],
            visit_id=given["visit"],
        )
    done("已提出，请另一人批准", "proposed; another person approves it")
    return redirect(url_for("months.adjustment", adjustment_id=id), 303)  # type: ignore[return-value]


@desk.page("/adjustments/<adjustment_id>", may="months.read")
def adjustment(adjustment_id: str) -> str:
    with looking() as conn:
        row = _adjustment(conn, adjustment_id)
        by_month = {Month.parse(row.origin_month): row.amount_fen}
        groups = sharing.grouped(conn, row.scheme_code, row.town, by_month)
        shares = sharing.summed(group.parts() for group in groups)
        provider = conn.execute(select(providers.c.name).where(providers.c.id == row.provider_id)).scalar_one()
    shown = {"row": row, "kind": KINDS[row.kind], "shares": shares, "provider": provider, "stamped": _figures(row)}
    shown |= {"capitals": capitals(row.amount_fen), "approvable": _open(row), "reason": _reason(row.reason)}
    return render_template("months/adjustment.html", **shown)


@desk.act("/adjustments/<adjustment_id>/approve", may="adjustment.approve", shows=adjustment)
def approve_adjustment(adjustment_id: str) -> Response:
    with acting() as act:
        require_unchanged(*_figures(_adjustment(act.conn, adjustment_id)))
        adjusting.approve(act, adjustment_id)
    done("已批准，列入下一次季度汇总", "approved; the next quarter that is gathered settles it")
    return redirect(url_for("months.adjustment", adjustment_id=adjustment_id), 303)  # type: ignore[return-value]


@desk.act("/adjustments/<adjustment_id>/withdraw", may="adjustment.propose", shows=adjustment)
def withdraw_adjustment(adjustment_id: str) -> Response:
    with looking() as conn:
        _adjustment(conn, adjustment_id)
    why = forms.read(Why)["why"]
    with acting() as act:
        adjusting.withdraw(act, adjustment_id, why)
    done("已撤回，不会列入结算", "withdrawn; nothing is settled with it")
    return redirect(url_for("months.adjustment", adjustment_id=adjustment_id), 303)  # type: ignore[return-value]


def _figures(row: Row[Any]) -> tuple[Any, ...]:
    return row.kind, row.provider_id, row.town, row.origin_month, row.amount_fen


def _open(row: Row[Any]) -> bool:
    return row.kind in PROPOSED and row.approved_by is None and row.withdrawn_by is None


def _adjustment(conn: Connection, adjustment_id: str) -> Row[Any]:
    a = adjustments.c
    query = scope.within(select(adjustments).where(a.id == adjustment_id), town=a.town)
    return scope.one(conn, query, f"adjustment {adjustment_id}")


def _reason(said: str) -> str:
    """A void visit's reason is a code."""
    return f"{VOID_REASONS[said].zh} {VOID_REASONS[said].en}" if said in VOID_REASONS else said


def _adjustments(conn: Connection, state: str) -> listing.Listed:
    a, p = adjustments.c, providers.c
    source: Select[Any] = select().select_from(adjustments).join(providers, p.id == a.provider_id)
    source = scope.within(source, town=a.town)
    if state == "proposed":
        source = source.where(a.kind.in_(PROPOSED), a.approved_by.is_(None), a.withdrawn_by.is_(None))
    elif state == "waiting":
        source = source.where(a.quarter.is_(None), a.statement_id.is_(None), a.withdrawn_by.is_(None))
    kind = case(*((a.kind == code, literal(f"{zh} {en}")) for code, (zh, en) in KINDS.items()), else_=a.kind)
    columns = (
        Column("id", "编号", "No.", a.id, link=lambda row: url_for("months.adjustment", adjustment_id=row.id)),
        Column("kind", "类别", "Kind", kind),
        Column("provider", "服务商", "Provider", p.name),
        Column("town", "镇街", "Town", a.town),
        Column("origin", "所属月份", "Of", a.origin_month),
        Column("amount", "金额", "Amount", a.amount_fen, "yuan"),
        Column("reason", "原因", "Reason", a.reason, words=_reason),
        Column("proposed_at", "提出", "Proposed", a.proposed_at, "moment"),
        Column("approved_by", "批准人", "Approved by", a.approved_by),
        Column("withdrawn_at", "撤回", "Withdrawn", a.withdrawn_at, "moment"),
        Column("quarter", "列入季度", "Quarter", a.quarter),
        Column("statement", "列入结算单", "Statement", a.statement_id),
    )
    return listing.look(conn, source, columns, sort="-proposed_at", name="adjustments")
