"""``songbai terminal``: a counter's terminals, registered and revoked; their batches, and what they told us that a person has to decide."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click
from sqlalchemy import Connection, select

from settlement import officers
from settlement.act import Act
from settlement.cli.common import Desk, by_option, json_option, pass_desk
from settlement.cli.providers import provider_id, provider_option
from settlement.money import format_yuan
from settlement.outcomes import Declined, Reason, Refused
from settlement.periods import SHANGHAI
from settlement.providers import terminals as register
from settlement.providers.tables import terminals as rows
from settlement.visits import counter


@click.group()
def terminal() -> None:
    """柜台终端（ISO 8583） Terminals at a counter."""


@terminal.command("register")
@click.argument("terminal_id", metavar="TERMINAL")
@click.option("--merchant", required=True, help="商户号，15位 the merchant, 15 letters or digits")
@provider_option
@click.option("--latitude", type=click.FloatRange(-90, 90), help="固定位置的纬度，如32.43 where it is fixed, degrees")
@click.option("--longitude", type=click.FloatRange(-180, 180), help="经度 degrees")
@by_option
@json_option
@pass_desk
def register_command(
    desk: Desk,
    terminal_id: str,
    merchant: str,
    code: str,
    latitude: float | None,
    longitude: float | None,
    by: str,
    as_json: bool,
) -> None:
    """登记终端（8位终端号）；密钥只显示这一次 Register a terminal; its key is shown only this once."""
    with desk.acting(by) as act:
        made = register.register(
            act,
            desk.ring,
            terminal_id,
            merchant,
            provider_id(act.conn, code),
            latitude_e7=_e7(latitude),
            longitude_e7=_e7(longitude),
        )
    if as_json:
        desk.show_json({"terminal_id": made.terminal_id, "key": made.key, "check": made.check})
    else:
        desk.say(f"终端 {made.terminal_id} 的密钥，只显示这一次：", "the terminal's key, shown only this once:")
        click.echo(" ".join(made.key[i : i + 4] for i in range(0, len(made.key), 4)))
        desk.say(f"校验值 {made.check}", "its check value: the terminal shows the same when it was typed rightly")


def _e7(degrees: float | None) -> int | None:
    return None if degrees is None else round(degrees * 10_000_000)


@terminal.command("revoke")
@click.argument("terminal_id", metavar="TERMINAL")
@click.option("--reason", required=True, help="原因，如丢失 the reason")
@by_option
@json_option
@pass_desk
def revoke_command(desk: Desk, terminal_id: str, reason: str, by: str, as_json: bool) -> None:
    """停用终端 Revoke a terminal: whatever it sends from now on is declined."""
    with desk.acting(by) as act:
        register.revoke(act, terminal_id, reason)
        since = _local(act.now)
    if as_json:
        desk.show_json({"terminal_id": terminal_id, "revoked_at": since})
    else:
        desk.say(f"终端 {terminal_id} 自 {since} 起停用", "revoked from then on")


@terminal.command("list")
@provider_option
@by_option
@json_option
@pass_desk
def list_command(desk: Desk, code: str, by: str, as_json: bool) -> None:
    """列出一家服务商的终端和未结算的批次 List a provider's terminals with their open batches."""
    with desk.acting(by) as act:
        found = [_terminal(act.conn, row) for row in register.listing(act.conn, _allowed(act, code))]
    if as_json:
        desk.show_json({"terminals": found})
        return
    headers = [
        "终端 terminal",
        "商户 merchant",
        "登记 registered",
        "停用 revoked",
        "原因 reason",
        "当前批次 open batch",
        "上次结算 last settled",
        "差异 differences",
    ]
    desk.show_table("终端 terminals", headers, [list(one.values()) for one in found])


@terminal.command("batches")
@click.argument("terminal_id", metavar="TERMINAL")
@by_option
@json_option
@pass_desk
def batches_command(desk: Desk, terminal_id: str, by: str, as_json: bool) -> None:
    """一台终端已结算的批次，逐笔列出差异 A terminal's settled batches, each difference named."""
    with desk.acting(by) as act:
        owner = act.conn.execute(select(rows.c.provider_id).where(rows.c.id == terminal_id)).scalar_one_or_none()
        if owner is None:
            raise Refused(Reason.NOT_FOUND, what=f"terminal {terminal_id}")
        officers.require(act, "device.enrol", provider_id=owner)
        found = [batch for batch in _batches(act.conn, terminal_id) if batch.settled_at is not None]
    if as_json:
        told = [
            {"batch": each.batch, "settled_at": _local(each.settled_at), "ours": each.ours, "theirs": each.theirs}
            | {"differences": each.differences}
            for each in found
        ]
        desk.show_json({"batches": told})
        return
    lines = [(each, difference) for each in found for difference in each.differences or [{}]]
    headers = [
        "批次 batch",
        "结算 settled",
        "消费(分) purchases",
        "报文 message",
        "流水号 trace",
        "平台(分) here",
        "终端(分) there",
    ]
    table = [
        [each.batch, _local(each.settled_at), each.ours["purchases_fen"]]
        + [difference.get(name) for name in ("mti", "trace", "here_fen", "there_fen")]
        for each, difference in lines
    ]
    desk.show_table(f"批次 batches · {terminal_id}", headers, table)


@terminal.command("open")
@provider_option
@by_option
@json_option
@pass_desk
def open_command(desk: Desk, code: str, by: str, as_json: bool) -> None:
    """列出已记录而未能办理的通知（离线消费、冲正），由人核定 Advices that are recorded and could not be done, for a person to decide."""
    from pos_gateway.iso8583 import journal

    with desk.acting(by) as act:
        ids = [row.id for row in register.listing(act.conn, _allowed(act, code))]
        found = [_advice(row) for row in journal.not_carried_out(act.conn, ids)]
    if as_json:
        desk.show_json({"count": len(found), "advices": found})
    elif not found:
        desk.say("没有未能办理的通知", "nothing is left open")
    else:
        headers = [
            "平台流水 reference",
            "终端 terminal",
            "报文 message",
            "流水号 trace",
            "发送 sent",
            "金额(分) fen",
            "柜台消费 sale",
            "收到 received",
            "原因 reason",
        ]
        desk.show_table("未能办理的通知 left open", headers, [list(one.values()) for one in found])


@terminal.command("release")
@click.argument("sale")
@click.option("--why", required=True, help="理由 why")
@by_option
@json_option
@pass_desk
def release_command(desk: Desk, sale: str, why: str, by: str, as_json: bool) -> None:
    """认可一笔超限或过久的离线消费，按迟到记录扣款 Let an offline sale count that was beyond a limit or too old; it may still be declined."""
    with desk.acting(by) as act:
        answer = counter.release(act, sale, why)
    if isinstance(answer, Declined):
        told: dict[str, Any] = {"sale": sale, "status": "declined", "reason": answer.reason.code}
        zh, en = f"已认可，但未能办理：{answer.zh}", answer.en
    else:
        parts = {"subsidy_fen": answer.subsidy_fen, "personal_fen": answer.personal_fen}
        told = {"sale": sale, "status": "sold", "debit_id": answer.id, **parts, "shortfall_fen": answer.shortfall_fen}
        zh = f"已扣款：补贴{format_yuan(answer.subsidy_fen)}元，个人账户{format_yuan(answer.personal_fen)}元"
        en = f"debited; {format_yuan(answer.shortfall_fen)} borne by the provider"
    if as_json:
        desk.show_json(told)
    else:
        desk.say(zh, en)


def _allowed(act: Act, code: str) -> int:
    ours = provider_id(act.conn, code)
    officers.require(act, "device.enrol", provider_id=ours)
    return ours


def _terminal(conn: Connection, row: Any) -> dict[str, Any]:
    mine = _batches(conn, row.id)
    settled = [batch for batch in mine if batch.settled_at is not None]
    return {
        "terminal_id": row.id,
        "merchant_id": row.merchant_id,
        "registered_at": _local(row.registered_at),
        "revoked_at": row.revoked_at and _local(row.revoked_at),
        "reason": row.revoked_reason,
        "open_batch": next((batch.batch for batch in mine if batch.settled_at is None), None),
        "last_settled_at": _local(settled[-1].settled_at) if settled else None,
        "differences": sum(len(batch.differences) for batch in settled),
    }


def _batches(conn: Connection, terminal_id: str) -> list[Any]:
    from pos_gateway.iso8583.tables import batches

    b = batches.c
    return list(conn.execute(select(batches).where(b.terminal_id == terminal_id).order_by(b.opened_at, b.batch)))


def _advice(row: Any) -> dict[str, Any]:
    return {
        "reference": f"{row.id:012d}",
        "terminal_id": row.terminal_id,
        "message": row.mti,
        "trace": row.trace,
        "sent_at": _local(row.sent_at),
        "amount_fen": row.amount_fen,
        "sale_id": row.sale_id,
        "received_at": _local(row.recorded_at),
        "reason": row.reason,
    }


def _local(moment: datetime) -> str:
    return moment.astimezone(SHANGHAI).isoformat(timespec="seconds")
