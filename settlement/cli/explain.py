"""``songbai explain``: why this amount."""

from __future__ import annotations

from dataclasses import asdict

import click

from settlement.cli.common import Desk, json_option, pass_desk
from settlement.closing import explain as explaining


@click.command("explain")
@click.argument("id")
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=explaining.DEFAULT_LIMIT,
    show_default=True,
    help="每张结算单列出的服务数 visits shown per statement",
)
@json_option
@pass_desk
def explain(desk: Desk, id: str, limit: int, as_json: bool) -> None:
    """说明来龙去脉 What stands behind an order, settlement, statement, adjustment, debit or visit, and where a visit went."""
    with desk.reading() as conn:
        node = explaining.explain(conn, id, limit)
    if as_json:
        desk.show_json(asdict(node))
    else:
        desk.console.print(explaining.as_tree(node))
