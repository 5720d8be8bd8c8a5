"""``songbai admin``: serve the console of the offices."""

from __future__ import annotations

import os
from pathlib import Path

import click

from settlement.cli.common import Desk, pass_desk, require_free
from settlement.cli.serving import server_options, tell_workers


@click.command("admin")
@server_options(8081)
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="HOST",
    help="只应答这些主机名，可多次；不填则都应答 host names it answers to; may be given several times; any when left out",
)
@pass_desk
def admin(
    desk: Desk,
    host: str,
    port: int,
    workers: int,
    threads: int,
    trusted_proxies: int,
    tls: tuple[Path, Path] | None,
    names: tuple[str, ...],
) -> None:
    """工作台 Serve the console, where the offices work. 首次登录的密码 first passwords: songbai officer password NAME."""
    from admin import server

    require_free(host, port)
    tell_workers(desk)
    os.environ[server.PROXIES] = str(trusted_proxies)
    if names:
        os.environ[server.HOSTS] = " ".join(names)
    click.echo(f"工作台 console  {'https' if tls else 'http'}://{host}:{port}/", err=True)
    server.serve(host, port, workers, threads, tls)
