"""Verbs about the database itself: ``songbai init``, ``songbai verify``."""

from __future__ import annotations

from pathlib import Path

import click

from settlement import keys, verify
from settlement.cli.common import Desk, json_option, pass_desk
from settlement.cli.seal import add_seal_key, verify_seals
from settlement.db import grant


@click.command("init")
@click.option(
    "--app-role",
    metavar="ROLE",
    help="PostgreSQL应用角色：授予数据权限，流水和审计只增不改 the application's role: ledger and audit rows append-only",
)
@pass_desk
def init(desk: Desk, app_role: str | None) -> None:
    """建库或升级，并生成密钥 Make or upgrade the district's database; make its keys when there are none."""
    desk.make_database()
    if app_role is not None:
        try:
            grant(desk.engine, app_role)
        except ValueError as error:
            raise click.UsageError(str(error)) from error
    if not desk.keys_path.exists():
        keys.save(keys.new_ring(), desk.keys_path)
        desk.say(
            f"已生成密钥：{desk.keys_path}。请离线备份，丢失即无法读出身份证号",
            "keys made: back them up offline; without them identity numbers cannot be read",
        )
    elif not desk.ring.seal_keys:
        desk.say(
            f"已补上封印密钥：{add_seal_key(desk)}。请重新备份密钥文件",
            "a key for seals was added to the ring: back it up again",
        )
    desk.say("数据库已就绪", "the database is ready")


@click.command("verify")
@click.option("--seals", is_flag=True, help="核对封印 the seals instead: was any row edited, put in, removed, moved?")
@click.option(
    "--published",
    multiple=True,
    metavar="TEXT|FILE",
    help="与--seals同用：公布过的封印行，或存有它们的文件 with --seals: short lines as published, or a file of them",
)
@click.option(
    "--public-keys",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="与--seals同用：自存的公钥文件；默认用密钥文件 with --seals: your own copy of the public keys",
)
@json_option
@pass_desk
def verify_command(
    desk: Desk, seals: bool, published: tuple[str, ...], public_keys: Path | None, as_json: bool
) -> None:
    """核对全部账目 Recompute every balance, debit, statement, settlement and split; exit code 1 when anything differs."""
    if not seals and (published or public_keys):
        raise click.UsageError("--published, --public-keys: --seals")
    if seals:
        verify_seals(desk, published, public_keys, as_json)
        return
    with desk.reading() as conn:
        found = verify.run(conn)
    desk.show_findings(found, as_json)
