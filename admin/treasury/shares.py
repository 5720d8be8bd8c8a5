"""Towns' own shares of a quarter: who owes how much, what has arrived; recorded by one person, confirmed by another."""

from __future__ import annotations

from flask import Response, redirect, render_template, request, url_for
from sqlalchemy import Connection, select

from admin.frame import forms, scope
from admin.frame.access import officer
from admin.frame.acting import acting, done
from admin.frame.console import looking
from admin.treasury.desk import desk, own_payer, quarters, require_payer, scheme, sheet
from settlement.closing import contributions, payers
from settlement.closing.tables import share_payments
from settlement.officers import officers
from settlement.outcomes import Reason, Refused
from settlement.periods import Quarter
from settlement.policy import store

c = share_payments.c


@desk.page("/shares", may="treasury.read", menu=("镇级分担资金", "Towns' own shares"))
def shares() -> str:
    with looking() as conn:
        code = scheme(conn)
        choices = quarters(conn, code)
        wanted = request.values.get("quarter") or next(iter(choices), "")
        town = officer().town
        rows = (
            contributions.of_quarter(conn, code, str(_quarter(wanted)), None if town is None else [town])
            if wanted
            else []
        )
        query = select(share_payments, officers.c.name).outerjoin(officers, officers.c.id == c.recorded_by)
        query = query.where(c.scheme_code == code, c.quarter == wanted, c.withdrawn_at.is_(None)).order_by(c.id.desc())
        if own_payer() is not None:
            query = query.where(c.payer == own_payer())
        payments = conn.execute(query).all()
        rule = _waits(conn, code, wanted)
    shown = {"quarter": wanted, "quarters": choices, "shares": rows, "payments": payments, "scheme": code}
    return render_template("treasury/shares.html", **shown, waits=rule, me=officer().id)


@desk.page("/shares/file", may="treasury.read")
def shares_file() -> Response:
    wanted, town = str(_quarter(request.args.get("quarter", ""))), officer().town
    with looking() as conn:
        rows = contributions.of_quarter(conn, scheme(conn), wanted, None if town is None else [town])
    headers = ["镇街 town", "应分担 due", "已到位 arrived", "待确认 to confirm", "尚缺 missing"]
    cells = ([one.town, *(fen / 100 for fen in (one.due, one.arrived, one.recorded, one.missing))] for one in rows)
    return sheet(f"town-shares-{wanted}", headers, cells)


def _quarter(text: str) -> Quarter:
    """Raises Refused(NOT_FOUND), also for a month: shares are of quarters."""
    try:
        return Quarter.parse(text)
    except ValueError:
        raise Refused(Reason.NOT_FOUND, what=text[:20]) from None


def _waits(conn: Connection, code: str, wanted: str) -> bool:
    """Whether the scheme lets a town's orders wait for its share."""
    if not wanted:
        return False
    rule = store.in_force(conn, code, _quarter(wanted).months[-1]).funding.town_share
    return rule is not None and rule.before_export


class ShareForm(forms.Form):
    scheme = forms.Text(40)
    quarter = forms.Text(7)
    town = forms.Text(40)
    amount = forms.Yuan()
    paid_on = forms.Day()
    reference = forms.Text(80)


@desk.act("/shares", may="share.record", shows=shares)
def record_share() -> Response:
    given = forms.read(ShareForm)
    quarter = _quarter(given["quarter"])
    require_payer(payers.name_of(payers.TOWN, given["town"]))
    with acting() as act:
        facts = (given["town"], given["amount"], given["paid_on"], given["reference"])
        contributions.record(act, given["scheme"], quarter, *facts)
    done("已登记，待区财政局确认到账", "Recorded; district finance confirms that it has arrived")
    return redirect(url_for("treasury.shares", quarter=quarter, scheme=given["scheme"]), 303)  # type: ignore[return-value]


@desk.act("/shares/<int:payment_id>/confirm", may="share.confirm", shows=lambda payment_id: shares())
def confirm_share(payment_id: int) -> Response:
    with acting() as act:
        contributions.confirm(act, payment_id)
    done("已确认到账", "Confirmed")
    return _back(payment_id)


class WhyForm(forms.Form):
    why = forms.Text(200)


@desk.act("/shares/<int:payment_id>/withdraw", may="share.record", shows=lambda payment_id: shares())
def withdraw_share(payment_id: int) -> Response:
    with acting() as act:
        query = select(c.id).where(c.id == payment_id)
        scope.one(act.conn, query if own_payer() is None else query.where(c.payer == own_payer()), "payment")
        contributions.withdraw(act, payment_id, forms.read(WhyForm)["why"])
    done("登记已撤回", "Withdrawn")
    return _back(payment_id)


def _back(payment_id: int) -> Response:
    with looking() as conn:
        quarter = conn.execute(select(c.quarter).where(c.id == payment_id)).scalar_one()
    return redirect(url_for("treasury.shares", quarter=quarter), 303)  # type: ignore[return-value]
