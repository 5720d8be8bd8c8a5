"""What every command shares: the district's database and keys, who acts, and how answers and refusals are printed.

Exit codes: 0 done, 1 findings or a refusal, 2 wrong use.
"""

from __future__ import annotations

import errno
import json
import os
import re
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from sqlalchemy import Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from settlement import keys, officers
from settlement.act import SYSTEM, Act, begin
from settlement.clock import Clock, system_clock
from settlement.db import SCHEMA_NAME, make_engine, migrate, reading
from settlement.findings import Finding
from settlement.outcomes import Reason, Refused, fill

DEFAULT_DB = "sqlite:///var/songbai.db"
FINDINGS, WRONG_USE = 1, 2

WIDTH_WITHOUT_TERMINAL = 132


def _console() -> Console:
    width = None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL
    return Console(soft_wrap=True, highlight=False, width=width)


def _is_figure(cell: Any) -> bool:
    return isinstance(cell, int) or (isinstance(cell, str) and re.fullmatch(r"[+-]?[\d,]+(\.\d+)?", cell) is not None)


F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class Desk:
    """One district's database, keys and clock, as a command sees them. Opened when first used."""

    url: str = DEFAULT_DB
    schema: str | None = None
    keys_file: Path | None = None
    clock: Clock = system_clock
    console: Console = field(default_factory=_console)

    @cached_property
    def engine(self) -> Engine:
        """The district's database. Raises Refused(NOT_FOUND) when there is none: only :meth:`make_database` makes one."""
        self.require_known_kind()
        if self._file is not None and not self._file.is_file():
            raise Refused(Reason.NOT_FOUND, what=f"{self._file} (songbai init)")
        return make_engine(self.url, self.schema)

    def make_database(self) -> None:
        """Make or upgrade the tables."""
        self.require_known_kind()
        engine = make_engine(self.url, self.schema)
        migrate(engine)
        engine.dispose()

    def require_known_kind(self) -> None:
        try:
            backend = make_url(self.url).get_backend_name()
        except ArgumentError:
            backend = ""
        if backend not in ("sqlite", "postgresql"):
            raise click.UsageError(
                "--db 应为 sqlite:///文件 或 postgresql://用户@主机/库  --db is sqlite:///file or postgresql://…"
            )
        if backend == "postgresql" and self.schema is not None and not SCHEMA_NAME.fullmatch(self.schema):
            raise click.UsageError("--schema 应为小写字母、数字和_  --schema is lower-case letters, digits and _")

    @property
    def _file(self) -> Path | None:
        database = make_url(self.url).database if self.url.startswith("sqlite") else None
        return Path(database) if database else None

    @property
    def keys_path(self) -> Path:
        return self.keys_file or keys.ring_path(self._file)

    @cached_property
    def ring(self) -> keys.KeyRing:
        if not self.keys_path.is_file():
            raise Refused(Reason.NOT_FOUND, what=f"{self.keys_path} (songbai init)")
        return keys.load(self.keys_path)

    @contextmanager
    def acting(self, by: str, *, unattended: bool = False) -> Iterator[Act]:
        """One transaction for one act by a named officer. ``unattended``: a stage that the scheduler does as well; only there may ``by``
        be the system, for nobody else would be answerable."""
        if by == SYSTEM.id and not unattended:
            raise Refused(Reason.NOT_ALLOWED)
        with reading(self.engine) as conn:
            who = officers.actor(conn, by)
        with begin(self.engine, who, self.clock()) as act:
            yield act

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with reading(self.engine) as conn:
            yield conn

    # -- printing -----------------------------------------------------------------------------------------------------------
    def show_json(self, data: Any) -> None:
        click.echo(json.dumps(data, ensure_ascii=False, indent=1, default=str))

    def say(self, zh: str, en: str) -> None:
        self.console.print(f"{zh}  [dim]{en}[/dim]")

    def show_table(self, title: str, headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """A table; numbers are set right. ``headers`` are written ``中文 English``."""
        table = Table(title=title, title_justify="left", header_style="bold")
        body = [list(row) for row in rows]
        for index, header in enumerate(headers):
            numeric = bool(body) and all(_is_figure(row[index]) for row in body)
            table.add_column(header.replace(" ", "\n", 1), justify="right" if numeric else "left", overflow="fold")
        for row in body:
            table.add_row(*(str(cell) if cell is not None else "" for cell in row))
        self.console.print(table)

    def show_findings(self, findings: Sequence[Finding], as_json: bool) -> None:
        """Print findings and leave with 1 when there are any, 0 when there are none."""
        if as_json:
            self.show_json({"findings": [asdict(finding) for finding in findings], "count": len(findings)})
        elif not findings:
            self.say("没有发现问题", "no findings")
        for finding in [] if as_json else findings:
            self.console.print(
                f"[bold]{finding.subject}[/bold]  {finding.code}\n  {finding.zh}\n  [dim]{finding.en}[/dim]",
                markup=True,
            )
            for record in finding.records:
                self.console.print(f"    · {record}", markup=False)
        if findings:
            sys.exit(FINDINGS)


pass_desk = click.make_pass_decorator(Desk)


def write_private(path: Path, data: bytes) -> None:
    """Write a file with people or accounts in it, readable by this user only."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        os.fchmod(file.fileno(), 0o600)  # it may have been there already
        file.write(data)


def require_free(host: str, port: int) -> None:
    """Before serving there. Raises Refused(BAD_INPUT): two servers that share a port would each get some of the requests, without a word."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise Refused(Reason.BAD_INPUT, detail=f"{host}:{port}: {error}") from error
        taken = f"{host}:{port} 已有程序在用，先停掉它，或用 --port 换一个端口 | {host}:{port} is in use: stop what runs there, or choose another --port"
        raise Refused(Reason.BAD_INPUT, detail=taken) from error


def by_option(function: F) -> F:
    """``--by NAME``: the officer who acts (sign-in name)."""
    return click.option("--by", required=True, metavar="NAME", help="经办人登录名 the officer who acts")(function)


def json_option(function: F) -> F:
    """``--json``: a machine-readable answer instead of words and tables."""
    return click.option("--json", "as_json", is_flag=True, help="输出JSON machine-readable answer")(function)


def day_option(flag: str, name: str, words: str, *, required: bool = True) -> Callable[[F], F]:
    """A day written ``2026-07-31``; the command gets it as the date ``name``."""
    return click.option(
        flag,
        name,
        required=required,
        type=click.DateTime(["%Y-%m-%d"]),
        callback=lambda context, parameter, value: value and value.date(),
        metavar="YYYY-MM-DD",
        help=words,
    )


def progress() -> Progress:
    """A progress bar on a terminal, nothing in a pipe."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        disable=not sys.stderr.isatty(),
        console=Console(stderr=True),
    )


def has_no_tables(error: DBAPIError) -> bool:
    """The command found a database that was never initialised, or not upgraded."""
    return getattr(error.orig, "sqlstate", None) == "42P01" or "no such table" in str(error.orig)


def tell_wrong_use(wrong: click.UsageError) -> NoReturn:
    """What is wrong with the words typed, Chinese first, and where to read how they go; exit code 2."""
    if isinstance(wrong, click.exceptions.NoArgsIsHelpError):
        raise wrong
    context = wrong.ctx
    parameter = wrong.param if isinstance(wrong, click.BadParameter) else None
    name = parameter.get_error_hint(context) if parameter and context else getattr(wrong, "param_hint", None)
    if isinstance(wrong, click.MissingParameter):
        zh = f"缺少 {name}"
    elif isinstance(wrong, click.NoSuchOption):
        zh = f"没有选项 {wrong.option_name}"
    elif isinstance(wrong, click.BadParameter):
        zh = f"{name} 填写不对"
    elif wrong.message.startswith("No such command"):
        zh = "没有这条命令"
    elif isinstance(wrong, click.BadOptionUsage):
        zh = f"{wrong.option_name} 后面缺少内容"
    elif "unexpected extra argument" in wrong.message:
        zh = "多写了内容，见下一行括号里"
    else:
        zh = "请看下一行"
    where = f"{context.command_path} --help" if context else "songbai --help"
    click.echo(f"用法不对：{zh}\n{wrong.format_message()}\n用法见 see: {where}", err=True)
    raise click.exceptions.Exit(WRONG_USE)


def tell_refusal(refusal: Refused, as_json: bool) -> None:
    """A refusal in both languages with what to do, on the error stream (as JSON when asked)."""
    words = refusal.reason.words
    todo_zh, todo_en = fill(words.do_zh, refusal.details), fill(words.do_en, refusal.details)
    if as_json:
        told = {
            "code": refusal.reason.code,
            "zh": refusal.zh,
            "en": refusal.en,
            "action_zh": todo_zh,
            "action_en": todo_en,
        }
        click.echo(json.dumps(told, ensure_ascii=False), err=True)
    else:
        click.echo(
            f"未办理：{refusal.zh}。{todo_zh}\nrefused ({refusal.reason.code}): {refusal.en}. {todo_en}", err=True
        )
