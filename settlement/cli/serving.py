"""What the commands share that serve on a port: their options, and what their workers are told; several of them kept running together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click

from settlement.cli.common import Desk, F

LOOKED_AT = 0.2
"""Seconds between two looks at whether all still run."""
PATIENCE = 10.0
"""Seconds to end by themselves, once asked."""
File = click.Path(path_type=Path, exists=True)


def server_options(port: int) -> Callable[[F], F]:
    """Where to listen, how many workers, what stands in front."""
    options = (
        click.option("--host", default="127.0.0.1", show_default=True, help="监听地址 address to listen on"),
        click.option("--port", default=port, show_default=True, type=click.IntRange(1, 65535), help="端口 port"),
        click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64), help="进程数 processes"),
        click.option(
            "--threads", default=4, show_default=True, type=click.IntRange(1, 64), help="每进程线程数 threads of each"
        ),
        click.option(
            "--trusted-proxies",
            default=0,
            show_default=True,
            help="前置代理层数 proxies in front that set X-Forwarded-For",
        ),
        click.option(
            "--tls",
            type=(File, File),
            metavar="CERTIFICATE KEY",
            help="证书链和私钥；前面有代理时不填 certificate chain and key; not behind a proxy",
        ),
    )

    def with_options(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return with_options


def tell_workers(desk: Desk) -> None:
    """Into the environment, from which the workers of a server take it. Missing keys are told here, in words, rather than by each worker."""
    _ = desk.ring
    os.environ["SONGBAI_DB"] = desk.url
    os.environ["SONGBAI_SCHEMA"] = desk.schema or ""
    os.environ["SONGBAI_KEYS"] = str(desk.keys_path)


def together(desk: Desk, commands: Sequence[Sequence[str]]) -> int:
    """Run several commands of ``songbai`` on one database until one of them ends or a signal comes; then all end. The exit code: 0 after a signal."""
    tell_workers(desk)
    program = [sys.executable, "-m", "settlement.cli", "--db", desk.url, "--keys", str(desk.keys_path)]
    signal.signal(signal.SIGTERM, _stop)
    running: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands:
            # A group of its own: a worker that was just being started when its server was told to end would be left behind.
            running.append(subprocess.Popen([*program, *command], process_group=0))  # noqa: S603 - our own program
        while all(process.poll() is None for process in running):
            time.sleep(LOOKED_AT)
        return next(code for process in running if (code := process.poll()) is not None) or 1
    except (KeyboardInterrupt, _Stopped):
        return 0
    finally:
        _end(running)


class _Stopped(Exception):
    """Somebody asked this process to end."""


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise _Stopped


def _end(running: list[subprocess.Popen[bytes]]) -> None:
    for process in running:
        if process.poll() is None:
            process.terminate()
    until = time.monotonic() + PATIENCE
    for process in running:
        try:
            process.wait(max(until - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
