"""Who pays and who is paid, as orders name them: ``district``, ``town:仙女镇``, ``card_operator``, ``provider:3``; their bank accounts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, select, update

from settlement import officers
from settlement.act import Act
from settlement.audit import audit_rows
from settlement.closing.tables import payer_accounts
from settlement.db import insert_if_absent
from settlement.ledger import chart
from settlement.outcomes import Reason, Refused
from settlement.providers.register import require_account
from settlement.providers.tables import providers

CARD_OPERATOR = "card_operator"
TOWN = "town"


def name_of(payer: str, town: str) -> str:
    """A scheme's payer as orders name it: every town is a payer of its own."""
    return f"{TOWN}:{town}" if payer == TOWN else payer


def ledger_owner(name: str) -> str:
    """Owner of the accounts ``payer`` and ``payer_bank`` of a payer named as in orders."""
    payer, _, town = name.partition(":")
    return chart.payer(payer, town or None)


def register_account(act: Act, payer: str, name: str, account: str, bank: str) -> None:
    """Record the dedicated account of a payer (``district``, ``town:...``, ``card_operator``); orders drawn up or sent later use it."""
    officers.require(act, "payment.account")
    if not (payer and name and account and bank):
        raise Refused(Reason.BAD_INPUT, detail="出资方、户名、账号、开户行 | payer, name, account, bank")
    require_account(account)
    row = {"name": name, "account": account, "bank": bank, "set_by": act.actor.id, "set_at": act.now}
    before = None
    if act.conn.execute(insert_if_absent(act.conn, payer_accounts), row | {"payer": payer}).rowcount != 1:
        its = payer_accounts.c.payer == payer
        known = act.conn.execute(select(payer_accounts).where(its).with_for_update()).one()
        act.conn.execute(update(payer_accounts).where(its).values(**row))
        before = {"account": known.account, "bank": known.bank}
    act.audit("payer.account", _subject(payer), before=before, after={"account": account, "bank": bank})


def recorded_by(conn: Connection, orders: Iterable[Row[Any]]) -> set[str]:
    """Who recorded the dedicated accounts that these orders leave or go to: those of the payers now, and those that an order carries since it was
    drawn up, also when another has taken their place."""
    carried = {side for o in orders for side in ((o.payer, o.payer_account), (o.payee, o.payee_account))}
    names, a = sorted({name for name, _ in carried}), audit_rows.c
    now = select(payer_accounts.c.set_by).where(payer_accounts.c.payer.in_(names))
    ever = select(a.actor, a.subject, a.after).where(
        a.act == "payer.account", a.subject.in_([_subject(n) for n in names])
    )
    subjects = {(_subject(name), account) for name, account in carried}
    then = {row.actor for row in conn.execute(ever) if (row.subject, row.after["account"]) in subjects}
    return then | set(conn.execute(now).scalars())


def _subject(payer: str) -> str:
    """A payer's account in the audit trail."""
    return f"payer:{payer}"


def payer_details(conn: Connection, payer: str) -> dict[str, str | None]:
    """``payer_name`` and ``payer_account`` of an order; None while no account is on record."""
    row = conn.execute(select(payer_accounts).where(payer_accounts.c.payer == payer)).one_or_none()
    return {"payer_name": row.name if row else None, "payer_account": row.account if row else None}


def payee_details(conn: Connection, payee: str) -> dict[str, str | None]:
    """``payee_name``, ``payee_account`` and ``payee_bank`` of an order: a provider's own, a payer's dedicated account."""
    kind, _, id = payee.partition(":")
    if kind == "provider":
        p = providers.c
        row = conn.execute(select(p.name, p.bank_account, p.bank_name).where(p.id == int(id))).one()
        return {"payee_name": row.name, "payee_account": row.bank_account, "payee_bank": row.bank_name}
    account = conn.execute(select(payer_accounts).where(payer_accounts.c.payer == payee)).one_or_none()
    if account is None:
        return {"payee_name": None, "payee_account": None, "payee_bank": None}
    return {"payee_name": account.name, "payee_account": account.account, "payee_bank": account.bank}
