"""``songbai iso8583``: serve terminals over ISO 8583. ``songbai terminal simulate``: a terminal to try it with, by hand or by script;
``songbai terminal chip-card``: a chip card for it."""

from __future__ import annotations

import json
import os
import ssl
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click
from sqlalchemy import select

from settlement import officers
from settlement.cards import chip
from settlement.cards.tables import media
from settlement.cli.common import FINDINGS, Desk, by_option, json_option, pass_desk, require_free
from settlement.clock import Clock
from settlement.money import format_yuan
from settlement.outcomes import Reason, Refused

if TYPE_CHECKING:
    from pos_gateway.iso8583.script import Exchanges
    from pos_gateway.iso8583.simulator import Terminal
    from pos_gateway.iso8583.spec import Message

FILE = click.Path(path_type=Path, dir_okay=False)
FOUND = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="监听地址 address to listen on")
@click.option(
    "--port", default=8583, show_default=True, type=click.IntRange(0, 65535), help="端口；0 任选 port; 0: any"
)
@click.option("--threads", default=8, show_default=True, type=click.IntRange(1, 12), help="工作线程数 threads")
@click.option(
    "--lines", default=5_000, show_default=True, type=click.IntRange(1, 60_000), help="最多连接数 lines at once"
)
@click.option("--certificate", type=FOUND, help="TLS 证书（PEM）；不填则不加密 of TLS; without it: no TLS")
@click.option("--private-key", type=FOUND, help="TLS 私钥（PEM） its key")
@pass_desk
def iso8583(
    desk: Desk, host: str, port: int, threads: int, lines: int, certificate: Path | None, private_key: Path | None
) -> None:
    """终端网关（ISO 8583） Serve terminals over ISO 8583 until SIGTERM."""
    import logging

    from pos_gateway.iso8583 import dialogue, server
    from pos_gateway.iso8583.reception import Reception

    require_free(host, port)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    limits = server.Limits(lines=lines, strangers=min(lines, server.Limits.strangers), threads=threads)
    reception = Reception(desk.engine, desk.ring, desk.clock, dialogue.answer)

    def ready(port: int) -> None:
        click.echo(f"终端网关 terminals  {host}:{port}", err=True)

    server.serve(reception, host, port, limits, _tls(certificate, private_key), ready)
    reception.close()


def _tls(certificate: Path | None, private_key: Path | None) -> ssl.SSLContext | None:
    if certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, private_key)
    except (ssl.SSLError, OSError) as error:
        raise Refused(Reason.BAD_INPUT, detail=f"{certificate}: {error}") from error
    return context


@click.command("chip-card")
@click.argument("number")
@click.option("--out", type=FILE, required=True, help="写到哪个文件 the file to write")
@by_option
@json_option
@pass_desk
def chip_card(desk: Desk, number: str, out: Path, by: str, as_json: bool) -> None:
    """给模拟终端做一张芯片卡；文件里有卡片密钥，留痕 A chip card for the simulator; the file holds its key, and that is audited."""
    from pos_gateway.iso8583.reader import ChipCard

    with desk.acting(by) as act:
        officers.require(act, "card.counter")
        found = act.conn.execute(select(media.c.id, media.c.issue).where(media.c.card_no == number)).one_or_none()
        if found is None:
            raise Refused(Reason.NOT_FOUND, what=f"card {number[-4:]}")
        act.audit("card.chip_key", f"medium:{found.id}")
        card = ChipCard(number, found.issue, chip.card_key(desk.ring, found.id))
    card.save(out)
    if as_json:
        desk.show_json({"file": str(out), "issue": card.issue})
    else:
        desk.say(f"已写入 {out}", "written; keep it to yourself")


@click.command()
@click.argument("script", type=click.File("r"), default="-")
@click.option("--server", default="127.0.0.1:8583", show_default=True, metavar="HOST:PORT", help="终端网关 the gateway")
@click.option("--memory", type=FILE, required=True, help="终端的记忆（密钥、流水号、批次） what the terminal keeps")
@click.option("--id", "terminal_id", help="终端号，首次使用时填 its number, when first used")
@click.option("--merchant", help="商户号，首次使用时填 its merchant, when first used")
@click.option(
    "--key", envvar="SONGBAI_TERMINAL_KEY", help="终端密钥，首次使用时填或按提示输入 its key; asked for when not given"
)
@click.option("--tls", "authority", type=FOUND, help="用 TLS，并以此根证书核对 use TLS and trust this root")
@click.option("--hex", "show_hex", is_flag=True, help="显示收发的字节 show the bytes sent and received")
@json_option
@pass_desk
def simulate(
    desk: Desk,
    script: TextIO,
    server: str,
    memory: Path,
    terminal_id: str | None,
    merchant: str | None,
    key: str | None,
    authority: Path | None,
    show_hex: bool,
    as_json: bool,
) -> None:
    """模拟终端：逐行执行脚本，或手工输入 A simulated terminal: does what each line says.

    \b
    sign-on | sign-off | keys | echo | settle | repeat | reverse | reverse-advice
    balance CARD
    buy ZC01*1 3500 CARD staff=0017 [own=FEN] [cash=FEN receipt=NO]
    advise ZC01*1 3500 CARD staff=0017 at=2026-07-03T10:15
    void REFERENCE FEN | refund REFERENCE FEN
    lose ...  (应答丢失 the answer gets lost)
    CARD: qr=CODE | no=NUMBER [code=DIGITS] | chip=FILE   [pin=DIGITS]
    """
    from pos_gateway.iso8583.reader import Line
    from pos_gateway.iso8583.script import Exchanges

    host, _, port = server.rpartition(":")
    if not port.isdecimal():
        raise click.BadParameter(server, param_hint="--server")
    tls = ssl.create_default_context(cafile=str(authority)) if authority else None
    exchanges = Exchanges(partial(Line, host, int(port), tls=tls), partial(_show, show_hex))
    terminal = _terminal(memory, exchanges, desk.clock, terminal_id, merchant, key)
    try:
        good = _run(script, terminal, exchanges, as_json)
    finally:
        exchanges.close()
        _remember(memory, terminal)
    sys.exit(0 if good else FINDINGS)


def _terminal(
    memory: Path, exchanges: Exchanges, clock: Clock, terminal_id: str | None, merchant: str | None, key: str | None
) -> Terminal:
    from pos_gateway.iso8583.mac import check_key
    from pos_gateway.iso8583.simulator import Terminal

    kept: dict[str, Any] = json.loads(memory.read_text()) if memory.exists() else {}
    if not kept:
        if terminal_id is None or merchant is None:
            raise click.UsageError("首次使用须填 --id、--merchant  --id and --merchant are needed the first time")
        typed = key or click.prompt("终端密钥 key", hide_input=True)
        kept = {"id": terminal_id, "merchant": merchant, "key": typed}
    try:
        terminal = Terminal(kept["id"], kept["merchant"], bytes.fromhex(kept["key"]), exchanges, clock)
        if "trace" in kept:
            terminal.restore(kept)
        check_key(terminal.key)
    except (ValueError, KeyError) as error:
        raise click.UsageError(
            f"{memory}: 不是终端的记忆，或密钥不是32位十六进制  no terminal, or its key is not 32 hex digits"
        ) from error
    return terminal


def _remember(memory: Path, terminal: Terminal) -> None:
    kept = {"id": terminal.id, "merchant": terminal.merchant, "key": terminal.key.hex()} | terminal.state()
    with os.fdopen(os.open(memory, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(kept, file)


def _run(script: TextIO, terminal: Terminal, exchanges: Exchanges, as_json: bool) -> bool:
    """Whether every line was done and approved."""
    from pos_gateway.iso8583.script import AnswerLost, Unclear, perform
    from pos_gateway.iso8583.simulator import approved

    good = True
    for line in _lines(script):
        try:
            answer = perform(terminal, exchanges, line)
        except AnswerLost:
            click.echo("（应答丢失 the answer got lost）", err=True)
        except Unclear as unclear:
            click.echo(f"看不懂：{unclear}（见 --help） not understood", err=True)
            good = False
        except (OSError, ValueError) as error:
            click.echo(f"没有应答：{error} no answer", err=True)
            good = False
        else:
            if answer is not None:
                good = good and approved(answer)
                click.echo(_told(answer, as_json))
    return good


def _lines(script: TextIO) -> Iterator[str]:
    """The script's lines; a person at a terminal is asked for each."""
    while True:
        if script.isatty():
            click.echo("> ", nl=False, err=True)
        line = script.readline()
        if not line:
            return
        yield line


def _told(answer: Message, as_json: bool) -> str:
    from pos_gateway.iso8583.elements import amounts

    fields = {number: value.hex() if isinstance(value, bytes) else value for number, value in answer.fields.items()}
    if as_json:
        return json.dumps({"mti": answer.mti, "fields": fields}, ensure_ascii=False)
    parts = [f"{_PARTS[one.account, one.kind]}{format_yuan(one.fen)}" for one in amounts(answer.text(54))]
    shown = [f"{number}={fields[number]}" for number in (37, 38, 60, 66) if number in fields]
    return "  ".join([answer.mti, answer.text(39), answer.text(63), *parts, *shown])


_PARTS = {
    ("91", "90"): "补贴付 subsidy ",
    ("92", "90"): "个人账户付 own money ",
    ("93", "90"): "现金付 cash ",
    ("91", "02"): "补贴余额 subsidy left ",
    ("92", "02"): "个人账户余额 own money left ",
    ("91", "91"): "本年还可用 this year ",
}


def _show(wanted: bool, which: str, data: bytes) -> None:
    if wanted:
        click.echo(f"{'>' if which == 'sent' else '<'} {data.hex()}", err=True)
