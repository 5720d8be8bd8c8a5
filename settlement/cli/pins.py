"""``songbai card pin …``: the PIN that a holder chooses at the counter. It is typed there, hidden, and never stands in a command."""

from __future__ import annotations

import click

from settlement.cards import pin as card_pin
from settlement.cli.cards import card_named
from settlement.cli.common import Desk, by_option, json_option, pass_desk


@click.group("pin")
def pin() -> None:
    """密码：设置、重设、解锁 The card's PIN: set or replace it, unlock it."""


@pin.command("set")
@click.argument("card")
@by_option
@json_option
@pass_desk
def set_command(desk: Desk, card: str, by: str, as_json: bool) -> None:
    """设密码或重设：由老人本人输入两遍，共6位 Set or replace: the holder types it twice, six digits."""
    typed = click.prompt("密码 PIN", hide_input=True, confirmation_prompt="再输一遍 again", err=True)
    with desk.acting(by) as act:
        card_id = card_named(act.conn, card)
        card_pin.set_pin(act, desk.ring, card_id, typed)
    if as_json:
        desk.show_json({"card_id": card_id, "pin": "set"})
    else:
        desk.say(f"卡 {card_id} 已设密码", "the PIN is set")


@pin.command("unlock")
@click.argument("card")
@click.option("--why", required=True, help="理由（核对了什么证件） the reason: how the holder was known")
@by_option
@json_option
@pass_desk
def unlock_command(desk: Desk, card: str, why: str, by: str, as_json: bool) -> None:
    """解锁：密码不变，可以再试 Unlock: the PIN stays, it may be tried again."""
    with desk.acting(by) as act:
        card_id = card_named(act.conn, card)
        card_pin.unlock(act, card_id, why=why)
    if as_json:
        desk.show_json({"card_id": card_id, "pin": "unlocked"})
    else:
        desk.say(f"卡 {card_id} 的密码已解锁", "unlocked")
