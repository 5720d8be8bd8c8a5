"""``songbai agent …``: who may act for a senior, as the senior agreed at a counter or in the village office."""

from __future__ import annotations

import click

from settlement import officers
from settlement.cli.common import Desk, by_option, json_option, pass_desk
from settlement.people import agents
from settlement.people.identity import mask_phone
from settlement.people.scope import require_person


@click.group("agent")
def agent() -> None:
    """代理人：经老人本人同意登记，可随时撤销 Agents, by the senior's recorded consent. SENIOR is the senior's number."""


@agent.command("appoint")
@click.argument("senior", type=int)
@click.option("--name", required=True, help="代理人姓名 the agent's name")
@click.option("--phone", required=True, help="代理人电话 the agent's telephone")
@click.option("--relation", required=True, type=click.Choice(list(agents.RELATIONS)), help="关系 relation")
@click.option(
    "--consent",
    required=True,
    type=click.Choice([code for code in agents.CONSENTS if code != "card_pin"]),
    help="老人如何表示同意 how the senior agreed",
)
@by_option
@json_option
@pass_desk
def appoint(
    desk: Desk, senior: int, name: str, phone: str, relation: str, consent: str, by: str, as_json: bool
) -> None:
    """登记代理人 Record that the senior agreed to an agent."""
    with desk.acting(by) as act:
        id = agents.appoint(act, desk.ring, senior, name, phone, relation, consent)
    if as_json:
        desk.show_json({"agent_id": id, "senior_id": senior})
    else:
        desk.say(
            f"代理人编号 {id}，由另一人确认后生效", "the agent's number; it counts once somebody else confirmed it"
        )


@agent.command("confirm")
@click.argument("agent_id", type=int)
@by_option
@json_option
@pass_desk
def confirm(desk: Desk, agent_id: int, by: str, as_json: bool) -> None:
    """核实并确认（登记人以外的人），即时生效 Confirm, as somebody else than who wrote it down."""
    with desk.acting(by) as act:
        agents.confirm(act, agent_id)
    if as_json:
        desk.show_json({"agent_id": agent_id, "confirmed": True})
    else:
        desk.say(f"代理人 {agent_id} 已生效", "it counts from now on")


@agent.command("withdraw")
@click.argument("agent_id", type=int)
@click.option("--why", required=True, help="理由 the reason")
@by_option
@json_option
@pass_desk
def withdraw(desk: Desk, agent_id: int, why: str, by: str, as_json: bool) -> None:
    """撤销代理，立即生效 End an agent's right, at once."""
    with desk.acting(by) as act:
        agents.withdraw(act, agent_id, why)
    if as_json:
        desk.show_json({"agent_id": agent_id, "withdrawn": True})
    else:
        desk.say(f"代理人 {agent_id} 已撤销", "withdrawn")


@agent.command("list")
@click.argument("senior", type=int)
@by_option
@json_option
@pass_desk
def list_command(desk: Desk, senior: int, by: str, as_json: bool) -> None:
    """列出老人现在的代理人 The senior's agents now."""
    with desk.acting(by) as act:
        officers.require(act, "senior.find")
        require_person(act, senior)
        found = [
            {"agent_id": a.id, "name": a.name, "phone": mask_phone(a.phone), "relation": a.relation}
            | {"since": a.appointed_at}
            for a in agents.of(act.conn, desk.ring, senior)
        ]
    if as_json:
        desk.show_json({"count": len(found), "agents": found})
    elif found:
        headers = ["编号 no", "姓名 name", "电话 telephone", "关系 relation", "登记时间 since"]
        desk.show_table("代理人 agents", headers, [tuple(each.values()) for each in found])
    else:
        desk.say("没有代理人", "no agents")
