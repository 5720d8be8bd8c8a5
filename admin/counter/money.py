"""Own money at the counter, and closing: what will move is shown first, and agreed to on that page."""

from __future__ import annotations

from typing import Any

from flask import Response, render_template, request
from sqlalchemy import Connection, func, select

from admin.counter.acts import back
from admin.counter.card import desk, mine
from admin.frame import forms
from admin.frame.acting import acting, require_unchanged
from admin.frame.console import here, looking
from admin.frame.words import yuan
from settlement.cards import inquiry, money
from settlement.money import parse_yuan
from settlement.people import agents
from settlement.people.agents import Agent
from settlement.visits.tables import debits, visits

KINDS = {"top_up": ("充值", "top up"), "refund": ("退款", "pay back")}
PAYEES = ("senior", "agent")


class Move(forms.Form):
    kind = forms.Choice(*KINDS)
    yuan = forms.Yuan()
    number = forms.Text(most=60)


class Close(forms.Form):
    payee = forms.Choice(*PAYEES)
    refund_no = forms.Text(most=60, load_default=None)
    why = forms.Text(most=200)


@desk.page("/cards/<int:card_id>/money", may="card.top_up")
def own_money(card_id: int) -> str:
    """Without an amount: the form. With ``kind``, ``yuan`` and ``number``: what would be done, to be agreed to."""
    asked = {name: request.values.get(name, "").strip() for name in ("kind", "yuan", "number")}
    with looking() as conn:
        holder = mine(conn, card_id)
        has = inquiry.purses(conn, card_id).personal
    fen = _fen(asked["yuan"])
    whole = asked["kind"] in KINDS and bool(asked["number"]) and fen is not None
    then = None if fen is None or not whole else has + (fen if asked["kind"] == "top_up" else -fen)
    return render_template(
        "counter/money.html", holder=holder, asked=asked, fen=fen, has=has, then=then, kinds=KINDS, whole=whole
    )


def _fen(text: str) -> int | None:
    try:
        fen = parse_yuan(text.replace(",", "").replace("，", ""))
    except ValueError:
        return None
    return fen if fen > 0 else None


@desk.act("/cards/<int:card_id>/money", may="card.top_up", shows=own_money)
def move_money(card_id: int) -> Response:
    given = forms.read(Move)
    move = money.refund if given["kind"] == "refund" else money.top_up
    with acting() as act:
        mine(act.conn, card_id)
        require_unchanged(card_id, given["kind"], given["yuan"], inquiry.purses(act.conn, card_id).personal)
        move(act, given["number"], card_id, given["yuan"], act.now)
    zh, en = KINDS[given["kind"]]
    return back(card_id, f"{zh} {yuan(given['yuan'])} 元", f"{en}: {yuan(given['yuan'])} yuan")


@desk.page("/cards/<int:card_id>/close", may="card.counter")
def closing(card_id: int) -> str:
    """What closing pays out and takes back, and what may still be on its way."""
    with looking() as conn:
        facts = _closing(conn, card_id)
    return render_template("counter/close.html", **facts)


def _closing(conn: Connection, card_id: int) -> dict[str, Any]:
    holder = mine(conn, card_id)
    d, v = debits.c, visits.c
    unsettled = select(func.count(), func.coalesce(func.sum(d.total_fen), 0)).join(visits, v.id == d.visit_id)
    unsettled = unsettled.where(d.card_id == card_id, d.status == "posted", v.status.in_(("open", "served")))
    open_visits = select(func.count()).where(v.senior_id == holder.senior_id, v.status == "open")
    count, fen = conn.execute(unsettled).one()
    known: list[Agent] = agents.of(conn, here().ring, holder.senior_id)
    facts = {"holder": holder, "would": money.would_close(conn, card_id), "agents": known}
    return facts | {
        "unsettled": count,
        "unsettled_fen": int(fen),
        "open_visits": conn.execute(open_visits).scalar_one(),
    }


@desk.act("/cards/<int:card_id>/close", may="card.counter", shows=closing)
def close(card_id: int) -> Response:
    given = forms.read(Close)
    with acting() as act:
        mine(act.conn, card_id)
        done = money.close(act, card_id, payee=given["payee"], refund_no=given["refund_no"], why=given["why"])
        require_unchanged(card_id, done.refunded_fen, done.returned)  # else nothing of it stays
    refunded, returned = yuan(done.refunded_fen), yuan(done.returned)
    return back(
        card_id,
        f"已销户：退还个人余额 {refunded} 元，补贴退回 {returned} 元",
        f"Closed: {refunded} paid back, {returned} returned to the funds",
    )
