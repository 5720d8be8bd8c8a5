"""``songbai gateway``: serve the door. ``songbai device``: one-time codes for new devices, the list of them, revoking one."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click
from sqlalchemy import select

from settlement import officers
from settlement.cards.sheet import qr_svg
from settlement.cli.common import Desk, by_option, json_option, pass_desk, require_free
from settlement.cli.providers import caregiver_id, provider_id, provider_option
from settlement.cli.serving import server_options, tell_workers
from settlement.periods import SHANGHAI
from settlement.providers import devices
from settlement.providers.tables import caregivers
from settlement.providers.tables import devices as device_rows


@click.command()
@server_options(8080)
@pass_desk
def gateway(
    desk: Desk,
    host: str,
    port: int,
    workers: int,
    threads: int,
    trusted_proxies: int,
    tls: tuple[Path, Path] | None,
) -> None:
    """上门网关 Serve the doorstep gateway: the caregiver's app (/caregiver/), the senior's page (/card), the API (/docs)."""
    from pos_gateway import server

    require_free(host, port)
    tell_workers(desk)
    os.environ[server.PROXIES] = str(trusted_proxies)
    click.echo(f"上门网关 gateway  {'https' if tls else 'http'}://{host}:{port}/docs", err=True)
    server.serve(host, port, workers, threads, tls)


@click.group()
def device() -> None:
    """设备 Devices at the door."""


@device.command("enrol-code")
@provider_option
@click.option("--caregiver", metavar="STAFF_NO", help="工号；共用设备不填 staff number; leave out for a shared device")
@click.option("--kind", type=click.Choice(["phone", "terminal"]), default="phone", show_default=True)
@click.option(
    "--hours", default=24, show_default=True, type=click.IntRange(1, 720), help="有效小时数 hours it is valid"
)
@click.option(
    "--qr", type=click.Path(path_type=Path, dir_okay=False), help="另存可扫的二维码（SVG） write it as a QR code, too"
)
@click.option(
    "--host", default="http://localhost:8080", show_default=True, help="二维码里的网关地址 the gateway's address"
)
@by_option
@json_option
@pass_desk
def enrol_code(
    desk: Desk,
    code: str,
    caregiver: str | None,
    kind: str,
    hours: int,
    qr: Path | None,
    host: str,
    by: str,
    as_json: bool,
) -> None:
    """一次性启用码 A one-time code to enrol a device; shown once."""
    with desk.acting(by) as act:
        ours = provider_id(act.conn, code)
        whose = None if caregiver is None else caregiver_id(act.conn, ours, caregiver)
        once = devices.make_code(act, desk.ring, ours, whose, kind, timedelta(hours=hours))
        until = (act.now + timedelta(hours=hours)).astimezone(SHANGHAI)
    if qr is not None:
        qr.write_text(qr_svg(devices.enrolment_url(host, once)), encoding="utf-8")
    if as_json:
        desk.show_json({"code": once, "kind": kind, "valid_until": _local(until)})
    else:
        desk.say(f"启用码 {once}，{until:%Y-%m-%d %H:%M} 前有效，只显示这一次", f"code {once}, shown only this once")


@device.command("revoke")
@click.argument("device_id", metavar="DEVICE")
@click.option("--reason", required=True, help="原因，如丢失 the reason")
@by_option
@json_option
@pass_desk
def revoke(desk: Desk, device_id: str, reason: str, by: str, as_json: bool) -> None:
    """停用设备（丢失、离职）；停用前签名的记录待核定，不会丢 Revoke a device; what it signed before waits for a decision."""
    with desk.acting(by) as act:
        devices.revoke(act, device_id, reason)
        since = _local(act.now)
    if as_json:
        desk.show_json({"device_id": device_id, "revoked_at": since})
    else:
        desk.say(f"设备 {device_id} 自 {since} 起停用", "revoked from then on")


@device.command("list")
@provider_option
@by_option
@json_option
@pass_desk
def list_devices(desk: Desk, code: str, by: str, as_json: bool) -> None:
    """列出一家服务商的设备 List a provider's devices; for its own office and the district's."""
    d = device_rows.c
    with desk.acting(by) as act:
        ours = provider_id(act.conn, code)
        officers.require(act, "device.enrol", provider_id=ours)
        query = (
            select(d.id, d.kind, caregivers.c.staff_no, d.enrolled_at, d.last_counter, d.revoked_at, d.revoked_reason)
            .outerjoin(caregivers, caregivers.c.id == d.caregiver_id)
            .where(d.provider_id == ours)
            .order_by(d.enrolled_at, d.id)
        )
        found = [_device(row) for row in act.conn.execute(query)]
    if as_json:
        desk.show_json({"devices": found})
        return
    headers = [
        "设备 device",
        "种类 kind",
        "工号 staff no",
        "启用 enrolled",
        "记录数 events",
        "停用 revoked",
        "原因 reason",
    ]
    desk.show_table("设备 devices", headers, [list(one.values()) for one in found])


def _device(row: Any) -> dict[str, Any]:
    return {
        "device_id": row.id,
        "kind": row.kind,
        "caregiver": row.staff_no,
        "enrolled_at": _local(row.enrolled_at),
        "events": row.last_counter,
        "revoked_at": row.revoked_at and _local(row.revoked_at),
        "reason": row.revoked_reason,
    }


def _local(moment: datetime) -> str:
    return moment.astimezone(SHANGHAI).isoformat(timespec="seconds")
