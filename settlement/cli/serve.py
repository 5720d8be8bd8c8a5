"""``songbai serve``: everything at once on a demo's database, with something to do at the door and somebody at every desk."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from settlement.cli.common import Desk, require_free
from settlement.cli.serving import together
from settlement.outcomes import Reason, Refused


@click.command()
@click.option(
    "--home",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path("var/demo"),
    show_default=True,
    help="演示目录 folder of a demo",
)
@click.option(
    "--port",
    default=8080,
    show_default=True,
    type=click.IntRange(1, 65534),
    help="网关的端口，工作台用下一个 the gateway's port; the console has the next",
)
@click.option(
    "--lan",
    metavar="ADDRESS",
    help="本机在局域网中的地址，供手机使用（HTTPS） this machine's address in the local network, for phones (HTTPS)",
)
@click.option(
    "--code",
    "name",
    metavar="NAME",
    help="不启动，只显示演示账号此刻的手机验证码 only show a demo account's code of this moment",
)
@click.pass_context
def serve(ctx: click.Context, home: Path, port: int, lan: str | None, name: str | None) -> None:
    """在演示库上启动网关、工作台和调度，并备好一次试用 Serve gateway, console and scheduler on a demo's database."""
    database = (home / "songbai.db").absolute()
    if not database.is_file():
        raise Refused(Reason.NOT_FOUND, what=f"{database} (songbai demo)")
    desk = ctx.obj = Desk(f"sqlite:///{database}", None, home.absolute() / "keys.json")
    if name is not None:
        from settlement.demo import accounts

        click.echo(accounts.code(desk.engine, desk.ring, name, desk.clock()))
        return
    host = "0.0.0.0" if lan else "127.0.0.1"  # noqa: S104 - asked for with --lan
    for wanted in (port, port + 1):
        require_free(host, wanted)
    desk.make_database()  # of an older demo
    tls = _tls(desk, home, lan) if lan else []
    base = f"https://{lan}" if lan else "http://localhost"
    _walk(desk, home, f"{base}:{port}")
    _accounts(desk, home, f"{base}:{port + 1}/")
    desk.engine.dispose()
    at = ["--host", host, "--workers", "1", "--threads", "4", *tls]
    ended = together(
        desk, [["gateway", "--port", str(port), *at], ["admin", "--port", str(port + 1), *at], ["scheduler"]]
    )
    sys.exit(ended)


def _tls(desk: Desk, home: Path, lan: str) -> list[str]:
    from pos_gateway import local_tls

    made = local_tls.ensure(home / "tls", [lan], desk.clock())
    desk.say(f"请先在手机上安装根证书 {made.root}", "install this root certificate on the phone first")
    return ["--tls", str(made.chain), str(made.key)]


def _walk(desk: Desk, home: Path, base: str) -> None:
    from settlement.demo import walk, walk_sheet

    ready = walk.prepare(desk.engine, desk.ring, desk.clock())
    sheet = home / "walk.html"
    sheet.write_text(walk_sheet.html(ready, base), encoding="utf-8")
    desk.say(
        f"试用纸（请打印或在另一块屏幕上打开）：{sheet.absolute()}",
        "the walk's page: print it, or open it on another screen",
    )
    desk.say(f"服务人员的手机页 {base}/caregiver/  启用码 {ready.enrol_code}", "the caregiver's app and its code")


def _accounts(desk: Desk, home: Path, base: str) -> None:
    from settlement.demo import accounts

    made = accounts.prepare(desk.engine, desk.ring, desk.clock())
    desk.say(
        f"工作台 {base}  演示账号，每次启动换新密码", "the console; demo accounts, with new passwords at every start"
    )
    headers = ["岗位 role", "登录名 sign-in name", "密码 password", "验证器密钥 authenticator"]
    desk.show_table(
        "演示账号 demo accounts", headers, [(one.role, one.id, one.password, one.secret or "") for one in made]
    )
    desk.say(
        f"有验证器密钥的，登录时要验证码：songbai serve --home {home} --code 登录名",
        "those with an authenticator need a code when signing in, which this shows",
    )
