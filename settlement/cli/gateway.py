"""``songbai gateway``: serve the door. ``songbai device enrol-code``: a one-time code for a new device."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import click
from sqlalchemy import select

from settlement.cli.common import Desk, by_option, json_option, pass_desk
from settlement.outcomes import Reason, Refused
from settlement.periods import SHANGHAI
from settlement.providers import devices
from settlement.providers.tables import caregivers, providers


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="监听地址 address to listen on")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65535), help="端口 port")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64), help="进程数 processes")
@click.option(
    "--threads", default=4, show_default=True, type=click.IntRange(1, 64), help="每进程线程数 threads of each"
)
@click.option(
    "--trusted-proxies", default=0, show_default=True, help="前置代理层数 proxies in front that set X-Forwarded-For"
)
@pass_desk
def gateway(desk: Desk, host: str, port: int, workers: int, threads: int, trusted_proxies: int) -> None:
    """上门网关 Serve the doorstep gateway (API, /openapi.json, /docs)."""
    from pos_gateway import server

    _ = desk.ring  # missing keys are told here, in words, rather than by each worker
    os.environ["SONGBAI_DB"] = desk.url
    os.environ["SONGBAI_SCHEMA"] = desk.schema or ""
    os.environ["SONGBAI_KEYS"] = str(desk.keys_path)
    os.environ[server.PROXIES] = str(trusted_proxies)
    click.echo(f"上门网关 gateway  http://{host}:{port}/docs", err=True)
    server.serve(host, port, workers, threads)


@click.command()
@click.option(
    "--home",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path("var/demo"),
    show_default=True,
    help="演示目录 folder of a demo",
)
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65535), help="端口 port")
@click.pass_context
def serve(ctx: click.Context, home: Path, port: int) -> None:
    """在演示库上启动网关 Serve the gateway on a demo's database, on this machine only."""
    database = (home / "songbai.db").absolute()
    if not database.is_file():
        raise Refused(Reason.NOT_FOUND, what=f"{database} (songbai demo)")
    ctx.obj = Desk(f"sqlite:///{database}", None, home.absolute() / "keys.json")
    ctx.invoke(gateway, host="127.0.0.1", port=port, workers=1, threads=4, trusted_proxies=0)


@click.group()
def device() -> None:
    """设备 Devices at the door."""


@device.command("enrol-code")
@click.option("--provider", required=True, metavar="CODE", help="服务商统一社会信用代码 unified social credit code")
@click.option("--caregiver", metavar="STAFF_NO", help="工号；共用设备不填 staff number; leave out for a shared device")
@click.option("--kind", type=click.Choice(["phone", "terminal"]), default="phone", show_default=True)
@click.option(
    "--hours", default=24, show_default=True, type=click.IntRange(1, 720), help="有效小时数 hours it is valid"
)
@by_option
@json_option
@pass_desk
def enrol_code(desk: Desk, provider: str, caregiver: str | None, kind: str, hours: int, by: str, as_json: bool) -> None:
    """一次性启用码 A one-time code to enrol a device; shown once."""
    with desk.acting(by) as act:
        provider_id = act.conn.scalar(select(providers.c.id).where(providers.c.code == provider))
        if provider_id is None:
            raise Refused(Reason.NOT_FOUND, what=provider)
        caregiver_id = None
        if caregiver is not None:
            staff = caregivers.c.provider_id == provider_id, caregivers.c.staff_no == caregiver
            caregiver_id = act.conn.scalar(select(caregivers.c.id).where(*staff))
            if caregiver_id is None:
                raise Refused(Reason.NOT_FOUND, what=caregiver)
        code = devices.make_code(act, desk.ring, provider_id, caregiver_id, kind, timedelta(hours=hours))
        until = (act.now + timedelta(hours=hours)).astimezone(SHANGHAI)
    if as_json:
        desk.show_json({"code": code, "kind": kind, "valid_until": until.isoformat(timespec="seconds")})
    else:
        desk.say(f"启用码 {code}，{until:%Y-%m-%d %H:%M} 前有效，只显示这一次", f"code {code}, shown only this once")
