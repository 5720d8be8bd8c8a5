"""``songbai statement``: a statement on paper, and the check of one that somebody brings along."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO

import click

from settlement.cli.common import FINDINGS, Desk, json_option, pass_desk
from settlement.closing import printed


@click.group("statement")
def statement() -> None:
    """月结算单 Statements on paper."""


@statement.command("pdf")
@click.argument("statement_id")
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="写到 file to write")
@pass_desk
def pdf(desk: Desk, statement_id: str, out: Path) -> None:
    """写出带签名的PDF Write a statement as a signed PDF."""
    with desk.reading() as conn:
        out.write_bytes(printed.pdf(conn, desk.ring, statement_id.removeprefix("statement:")))
    desk.say(f"已写入{out}", "written")


@statement.command("check")
@click.argument("file", type=click.File(encoding="utf-8"), default="-")
@json_option
@pass_desk
def check(desk: Desk, file: IO[str], as_json: bool) -> None:
    """核对结算单上的签名文字（默认从标准输入读） Check the signed text of a statement, from a file or standard input."""
    with desk.reading() as conn:
        found = printed.check(conn, desk.ring, file.read())
    if as_json:
        differs = [{"name": name, "printed": was, "now": now} for name, was, now in found.differs]
        desk.show_json({"statement_id": found.statement_id, "fields": found.fields, "differs": differs})
    elif found.differs:
        rows = [(name, was, now) for name, was, now in found.differs]
        desk.show_table("签名属实，但记录已不同 genuine, but differs", ("项目 what", "纸面 printed", "现在 now"), rows)
    else:
        desk.say(f"{found.statement_id} 签名属实，数字与记录一致", "genuine, and the figures stand")
    if found.differs:
        sys.exit(FINDINGS)
