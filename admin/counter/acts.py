"""What is done with a card at a counter: handed over, lost, replaced, its PIN set by the holder and unlocked."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, url_for
from marshmallow import ValidationError, validates_schema

from admin.counter.card import card, desk, mine
from admin.frame import forms
from admin.frame.acting import acting, done
from admin.frame.console import here
from settlement.cards import pin, registry


class Number(forms.Form):
    card_no = forms.Text(most=32, load_default=None)


class Pin(forms.Form):
    """Typed by the holder, twice."""

    pin = forms.Text(most=12)
    pin_again = forms.Text(most=12)

    @validates_schema
    def alike(self, given: dict[str, Any], **_: Any) -> None:
        if given.get("pin") != given.get("pin_again"):
            raise ValidationError("两次输入不一样 not the same as above", "pin_again")


class Why(forms.Form):
    why = forms.Text(most=200)


def back(card_id: int, zh: str, en: str) -> Response:
    """To the card's page, saying what was done."""
    done(zh, en)
    return redirect(url_for("counter.card", card_id=card_id), 303)  # type: ignore[return-value]


@desk.act("/cards/<int:card_id>/activate", may="card.activate", shows=card)
def activate(card_id: int) -> Response:
    with acting() as act:
        mine(act.conn, card_id)
        registry.activate(act, card_id)
    return back(card_id, "已启用，可以使用了", "Handed over: it works from now on")


@desk.act("/cards/<int:card_id>/lost", may="cards.serve", shows=card)
def report_lost(card_id: int) -> Response:
    with acting() as act:
        mine(act.conn, card_id)
        registry.report_lost(act, card_id)
    return back(card_id, "已挂失，从现在起不能消费", "Reported lost: nothing can be spent from now on")


@desk.act("/cards/<int:card_id>/replace", may="card.counter", shows=card)
def replace(card_id: int) -> Response:
    number = forms.read(Number)["card_no"]
    with acting() as act:
        mine(act.conn, card_id)
        registry.replace(act, here().ring, card_id, number)
    return back(card_id, "已换新卡，账户和密码不变，旧卡作废", "A new card: accounts and PIN stay, the old one is dead")


@desk.act("/cards/<int:card_id>/pin", may="card.counter", shows=card)
def set_pin(card_id: int) -> Response:
    typed = forms.read(Pin)["pin"]
    with acting() as act:
        mine(act.conn, card_id)
        pin.set_pin(act, here().ring, card_id, typed)
    return back(card_id, "密码已设好", "The PIN is set")


@desk.act("/cards/<int:card_id>/unlock", may="card.counter", shows=card)
def unlock_pin(card_id: int) -> Response:
    why = forms.read(Why)["why"]
    with acting() as act:
        mine(act.conn, card_id)
        pin.unlock(act, card_id, why=why)
    return back(card_id, "密码已解锁，可以再试", "Unlocked: the PIN may be tried again")
