"""``songbai messages …``: what was told to seniors, what could not be, and the monthly statement on paper."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from settlement.cli.close import MONTH
from settlement.cli.common import Desk, by_option, json_option, pass_desk, write_private
from settlement.cli.roster import OUT
from settlement.messages import outbox, statement
from settlement.messages.words import CHANNELS, KINDS, STATUS
from settlement.periods import SHANGHAI, Month


@click.group("messages")
def messages() -> None:
    """消息：发给老人和代理人的通知；纸质月对账单 Messages to seniors and agents; the monthly paper statement."""


@messages.command("list")
@click.option("--status", type=click.Choice(list(STATUS)), help="状态，如未能送达 given_up status")
@click.option("--senior", type=int, help="只看这位老人 one senior only")
@click.option("--limit", default=200, show_default=True, type=click.IntRange(1, 10_000), help="最多几条 at most")
@json_option
@pass_desk
def list_command(desk: Desk, status: str | None, senior: int | None, limit: int, as_json: bool) -> None:
    """列出消息，最新的在前；不显示内容和电话 Messages, newest first, without texts and telephones."""
    with desk.reading() as conn:
        found = outbox.listing(conn, status=status, senior_id=senior, limit=limit)
    if as_json:
        desk.show_json({"count": len(found), "messages": [asdict(each) for each in found]})
        return
    headers = [
        "编号 no",
        "老人 senior",
        "事项 about",
        "渠道 channel",
        "状态 status",
        "次数 tries",
        "错误 error",
        "时间 when",
    ]
    rows = [
        (
            each.id,
            each.senior_id,
            KINDS[each.kind][0],
            CHANNELS[each.channel][0],
            STATUS[each.status][0],
            each.attempts,
            each.error,
            f"{each.created_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}",
        )
        for each in found
    ]
    desk.show_table("消息 messages", headers, rows)


@messages.command("retry")
@click.argument("message_id", type=int)
@by_option
@json_option
@pass_desk
def retry_command(desk: Desk, message_id: int, by: str, as_json: bool) -> None:
    """未能送达的重新发送 Try again what was given up."""
    with desk.acting(by) as act:
        outbox.retry(act, message_id)
    if as_json:
        desk.show_json({"message_id": message_id, "status": "waiting"})
    else:
        desk.say(f"消息 {message_id} 将重新发送", "it will be sent again")


@messages.command("paper")
@click.option("--town", required=True, help="镇街 town")
@click.option("--village", required=True, help="村社区 village")
@click.option("--month", type=MONTH, required=True, help="月份，如2026-07 the month")
@click.option("--out", type=OUT, required=True, metavar="OUT.pdf")
@click.option("--unreached", is_flag=True, help="只打印短信、电话通知不到的人 only those whom no message reaches")
@by_option
@json_option
@pass_desk
def paper_command(
    desk: Desk, town: str, village: str, month: Month, out: Path, unreached: bool, by: str, as_json: bool
) -> None:
    """一个村的纸质月对账单，每人一页 A village's monthly statements, one page a person."""
    with desk.acting(by) as act:
        made = statement.village_statement(act, desk.ring, town, village, month, unreached=unreached)
    write_private(out, made.pdf)
    if as_json:
        desk.show_json({"file": str(out), "count": made.count, "by_hand": made.by_hand})
        return
    desk.say(f"已写到 {out}：{made.count} 人", f"{made.count} people")
    if made.by_hand:
        listed = "、".join(map(str, made.by_hand))
        desk.say(f"姓名有生僻字，请手写补上，老人编号：{listed}", "rare characters: write these names in by hand")
