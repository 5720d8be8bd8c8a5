"""``songbai import prices`` and ``songbai prices``: price lists from an office's sheet, put in force by a second person."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from sqlalchemy import select

from settlement.cli.common import FINDINGS, Desk, by_option, json_option, pass_desk
from settlement.periods import Month
from settlement.policy import store, tariff
from settlement.policy.price_sheet import PriceSheetFaults, read_prices
from settlement.policy.tables import price_lists

scheme_option = click.option("--scheme", "scheme_code", default="jiangdu", show_default=True, help="方案代码 scheme")


@click.command("prices")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@scheme_option
@click.option("--provider", "provider_id", type=int, help="服务商编号；不写则为通用价目 provider; without it for all")
@click.option("--version", required=True, help="版本，如 2026.1 version of the list")
@click.option(
    "--from", "valid_from", required=True, type=click.DateTime(["%Y-%m-%d"]), help="生效日期 first day in force"
)
@by_option
@json_option
@pass_desk
def import_prices(
    desk: Desk,
    file: Path,
    scheme_code: str,
    provider_id: int | None,
    version: str,
    valid_from: datetime,
    by: str,
    as_json: bool,
) -> None:
    """导入价目表（全部无误才导入，经另一人批准后生效） Import a price list: all rows or none; another person puts it in force."""
    day = valid_from.date()
    try:
        with desk.acting(by) as act:
            scheme = store.in_force(act.conn, scheme_code, Month.of(day))
            items = read_prices(file.read_bytes(), file.name, scheme)
            list_id = tariff.draft_list(act, scheme, items, version=version, valid_from=day, provider_id=provider_id)
    except PriceSheetFaults as faulty:
        _tell(desk, faulty, as_json)
        sys.exit(FINDINGS)
    if as_json:
        desk.show_json({"list_id": list_id, "items": len(items), "faults": []})
    else:
        desk.say(
            f"已导入{len(items)}项，价目表编号{list_id}，待批准：songbai prices approve {list_id} --by 另一人",
            f"{len(items)} items imported as list {list_id}; another person approves it",
        )


@click.group("prices")
def prices() -> None:
    """价目表 Price lists."""


@prices.command("approve")
@click.argument("list_id", type=int)
@scheme_option
@by_option
@pass_desk
def approve(desk: Desk, list_id: int, scheme_code: str, by: str) -> None:
    """批准价目表 Put an imported price list in force; never the person who imported it."""
    with desk.acting(by) as act:
        scheme = store.in_force(act.conn, scheme_code, Month.of(act.now))
        tariff.approve_list(act, scheme, list_id)
    desk.say(f"价目表{list_id}已批准", f"price list {list_id} is approved")


@prices.command("list")
@scheme_option
@json_option
@pass_desk
def list_command(desk: Desk, scheme_code: str, as_json: bool) -> None:
    """列出价目表 List the price lists and what they hold for."""
    columns = price_lists.c
    wanted = [columns[name] for name in ("id", "provider_id", "version", "valid_from", "valid_to", "status")]
    query = select(*wanted).where(columns.scheme_code == scheme_code).order_by(columns.id)
    with desk.reading() as conn:
        rows: list[dict[str, Any]] = [dict(row) for row in conn.execute(query).mappings()]
    if as_json:
        desk.show_json({"price_lists": rows})
        return
    headers = ["编号 id", "服务商 provider", "版本 version", "自 from", "至(不含) until", "状态 status"]
    desk.show_table("价目表 price lists", headers, [list(row.values()) for row in rows])


def _tell(desk: Desk, faulty: PriceSheetFaults, as_json: bool) -> None:
    if as_json:
        desk.show_json({"faults": [asdict(fault) for fault in faulty.faults], "count": len(faulty.faults)})
        return
    for fault in faulty.faults:
        click.echo(str(fault))
    desk.say(f"共{len(faulty.faults)}处问题，没有导入", f"{len(faulty.faults)} faults, nothing was imported")
