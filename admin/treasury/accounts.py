"""The payers' dedicated accounts: whose they are and who recorded them; that person exports no payment from or to them."""

from __future__ import annotations

from flask import Response, redirect, render_template, url_for
from sqlalchemy import select

from admin.frame import forms, listing
from admin.frame.acting import acting, done
from admin.frame.console import looking
from admin.frame.listing import Column
from admin.treasury.desk import desk, known_payers, own_payer
from settlement.closing import payers
from settlement.closing.tables import payer_accounts
from settlement.officers import officers
from settlement.outcomes import Reason, Refused

p = payer_accounts.c
COLUMNS = (
    Column("payer", "付款人", "payer", p.payer, "code"),
    Column("name", "户名", "name", p.name),
    Column("account", "账号", "account", p.account),
    Column("bank", "开户行", "bank", p.bank),
    Column("by", "登记人", "recorded by", officers.c.name),
    Column("set_at", "登记时间", "recorded", p.set_at, "moment"),
)


@desk.page("/accounts", may="treasury.read", menu=("付款专户", "Dedicated accounts"))
def accounts() -> str | Response:
    with looking() as conn:
        source = select().select_from(payer_accounts).outerjoin(officers, officers.c.id == p.set_by)
        if own_payer() is not None:
            source = source.where(p.payer == own_payer())
        found = listing.look(conn, source, COLUMNS, sort="payer", name="dedicated-accounts")
        choices = known_payers(conn)
    return found.download or render_template("treasury/accounts.html", list=found, payers=choices)


class AccountForm(forms.Form):
    payer = forms.Text(80)
    name = forms.Text(120)
    account = forms.Text(40)
    bank = forms.Text(120)


@desk.act("/accounts", may="payment.account", shows=accounts)
def record_account() -> Response:
    given = forms.read(AccountForm)
    with acting() as act:
        if given["payer"] not in dict(known_payers(act.conn)):
            raise Refused(Reason.NOT_FOUND, what=given["payer"])
        payers.register_account(act, **given)
    done(
        "专户已登记；涉及该账户的付款文件须由他人导出", "Recorded; another person exports the payments of this account"
    )
    return redirect(url_for("treasury.accounts"), 303)  # type: ignore[return-value]
