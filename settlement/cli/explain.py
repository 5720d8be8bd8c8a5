"""``songbai explain``: why this amount."""

from __future__ import annotations

from dataclasses import asdict

import click
from rich.console import Console

from settlement.cli.common import Desk, json_option, pass_desk
from settlement.closing import explain as explaining

PIPE_WIDTH = 10_000


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
        # In a pipe nothing is wrapped or cut: the next program wants whole lines.
        width = None if desk.console.is_terminal else PIPE_WIDTH
        Console(file=desk.console.file, width=width, highlight=False).print(explaining.as_tree(node))
