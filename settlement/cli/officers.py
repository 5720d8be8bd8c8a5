"""``songbai officer``: what whoever holds the database may do about officers. Day by day the office above does it, in the console."""

from __future__ import annotations

import click

from settlement import officers
from settlement.act import SYSTEM, begin
from settlement.cli.common import Desk, pass_desk


@click.group()
def officer() -> None:
    """经办人 Officers: the first ones, and those who can be reached in no other way."""


@officer.command("add")
@click.argument("id")
@click.option("--name", required=True, help="姓名 name")
@click.option(
    "--role", required=True, type=click.Choice(sorted(officers.ROLES.keys() - officers.NO_PERSON)), help="角色 role"
)
@click.option("--town", help="镇街 the town it is for")
@click.option("--village", help="村社区 the village it is for")
@click.option("--provider", "provider_id", type=int, help="服务商编号 the provider it is for")
@pass_desk
def add(
    desk: Desk, id: str, name: str, role: str, town: str | None, village: str | None, provider_id: int | None
) -> None:
    """登记经办人 Register an officer."""
    with begin(desk.engine, SYSTEM, desk.clock()) as act:
        officers.add(act, id, name, role, town=town, village=village, provider_id=provider_id)
    desk.say(f"已登记 {id}（{officers.ROLES[role][0]}）", f"registered as {officers.ROLES[role][1]}")


@officer.command("password")
@click.argument("id")
@click.option(
    "--authenticator", is_flag=True, help="手机丢了：同时解除验证器 the phone is lost: remove the authenticator, too"
)
@pass_desk
def password(desk: Desk, id: str, authenticator: bool) -> None:
    """工作台的一次性密码 A password for one sign-in to the console; shown once."""
    from admin.signin import passwords

    with begin(desk.engine, SYSTEM, desk.clock()) as act:
        once = passwords.set_for(act, desk.ring, id, authenticator=authenticator)
    days = passwords.UNUSED.days
    desk.say(
        f"一次性密码 {once}，{days}天内有效，只显示这一次",
        f"good for one sign-in within {days} days, shown only this once",
    )
