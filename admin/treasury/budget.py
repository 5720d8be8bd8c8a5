"""The budget: granted, committed, paid and left by payer and year; appropriations proposed by one person and approved by another."""

from __future__ import annotations

from flask import Response, redirect, render_template, url_for
from sqlalchemy import Select, select

from admin.frame import forms, listing, scope
from admin.frame.access import officer
from admin.frame.acting import acting, done
from admin.frame.console import looking
from admin.frame.listing import Column
from admin.treasury.desk import asked_year, desk, known_payers, own_payer, require_payer, scheme, sheet, today
from settlement.officers import officers
from settlement.spoken import chinese
from settlement.treasury import budgets
from settlement.treasury.tables import appropriations

a = appropriations.c
approver = officers.alias("approver")
COLUMNS = (
    Column("id", "编号", "number", a.id, "number"),
    Column("payer", "出资方", "payer", a.payer, "code"),
    Column("amount_fen", "金额", "amount", a.amount_fen, "yuan"),
    Column("document", "文号", "document", a.document),
    Column("granted_on", "日期", "day", a.granted_on, "day"),
    Column("by", "提出", "proposed by", officers.c.name),
    Column("checked", "批准", "approved by", approver.c.name),
    Column("approved_at", "批准时间", "approved", a.approved_at, "moment"),
)


@desk.page("/budget", may="treasury.read", menu=("预算与承诺", "Budget and commitments"))
def budget() -> str | Response:
    year = asked_year(today().year)
    with looking() as conn:
        code = scheme(conn)
        source = (
            select()
            .select_from(appropriations)
            .outerjoin(officers, officers.c.id == a.proposed_by)
            .outerjoin(approver, approver.c.id == a.approved_by)
            .where(a.scheme_code == code, a.year == year, a.withdrawn_at.is_(None))
        )
        if own_payer() is not None:
            source = source.where(a.payer == own_payer())
        found = listing.look(conn, source, COLUMNS, sort="-id", name=f"budget-{year}")
        if found.download is not None:
            return found.download
        rows = [at for at in budgets.positions(conn, code, year, today()) if own_payer() in (None, at.payer)]
        to_approve = conn.execute(
            source.add_columns(appropriations).where(a.approved_at.is_(None)).order_by(a.id)
        ).all()
        choices = [pair for pair in known_payers(conn) if pair[0] != "card_operator"]
    shown = {"year": year, "positions": rows, "list": found, "to_approve": to_approve, "payers": choices}
    return render_template("treasury/budget.html", **shown, scheme=code, me=officer().id, this_year=today().year)


@desk.page("/budget/positions", may="treasury.read")
def positions_file() -> Response:
    year = asked_year(today().year)
    with looking() as conn:
        rows = [at for at in budgets.positions(conn, scheme(conn), year, today()) if own_payer() in (None, at.payer)]
    amounts = ("appropriated", "proposed", "settled", "open", "paid", "left")
    headers = [
        "出资方 payer",
        "预算 granted",
        "待批准 proposed",
        "已结算 settled",
        "未了承诺 open",
        "已付 paid",
        "剩余 left",
    ]
    cells = ([chinese(at.payer), *(getattr(at, name) / 100 for name in amounts)] for at in rows)
    return sheet(f"budget-positions-{year}", headers, cells)


class GrantForm(forms.Form):
    scheme = forms.Text(40)
    year = forms.Number(least=2020, most=2100)
    payer = forms.Text(80)
    amount = forms.Yuan()
    document = forms.Text(120)
    granted_on = forms.Day()


@desk.act("/budget", may="budget.propose", shows=budget)
def propose_budget() -> Response:
    given = forms.read(GrantForm)
    require_payer(given["payer"])
    with acting() as act:
        facts = (given["year"], given["payer"], given["amount"], given["document"], given["granted_on"])
        budgets.propose(act, given["scheme"], *facts)
    done("已提出，请由另一人批准", "Proposed; another person approves it")
    return redirect(url_for("treasury.budget", year=given["year"]), 303)  # type: ignore[return-value]


@desk.act("/budget/<int:grant_id>/approve", may="budget.approve", shows=lambda grant_id: budget())
def approve_budget(grant_id: int) -> Response:
    with acting() as act:
        year = scope.one(act.conn, _mine(grant_id), "appropriation").year
        budgets.approve(act, grant_id)
    done("预算已批准，计入可用额度", "Approved: it counts now")
    return redirect(url_for("treasury.budget", year=year), 303)  # type: ignore[return-value]


class WhyForm(forms.Form):
    why = forms.Text(200)


@desk.act("/budget/<int:grant_id>/withdraw", may="budget.propose", shows=lambda grant_id: budget())
def withdraw_budget(grant_id: int) -> Response:
    with acting() as act:
        year = scope.one(act.conn, _mine(grant_id), "appropriation").year
        budgets.withdraw(act, grant_id, forms.read(WhyForm)["why"])
    done("已撤回", "Withdrawn")
    return redirect(url_for("treasury.budget", year=year), 303)  # type: ignore[return-value]


def _mine(grant_id: int) -> Select[tuple[int]]:
    query = select(a.year).where(a.id == grant_id)
    return query if own_payer() is None else query.where(a.payer == own_payer())
