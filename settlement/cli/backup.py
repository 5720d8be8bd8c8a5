"""``songbai backup-key``, ``songbai backup``, ``songbai restore``: copies of a district, and a district from a copy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from settlement.backup import making, recipient, restoring, ring
from settlement.backup.making import Made, Step
from settlement.backup.restoring import Restored
from settlement.cli.common import Desk, json_option, pass_desk, progress
from settlement.money import format_yuan
from settlement.outcomes import Reason, Refused
from settlement.periods import SHANGHAI

FILE = click.Path(path_type=Path, dir_okay=False)

RING_WORDS = {
    "restored": ("密钥文件已随备份恢复到 {keys}", "the key ring came with it: {keys}"),
    "fits": ("密钥文件 {keys} 与备份配套", "the key ring {keys} belongs to it"),
    "missing": (
        "缺少密钥文件 {keys}：身份证号读不出，二维码无效。请从离线备份放回，不要另外生成",
        "no key ring at {keys}: nothing personal can be read and no code is genuine. Put your off-line copy there; make no new one",
    ),
    "other": (
        "密钥文件 {keys} 不是这份备份的：请放回配套的那一份",
        "the key ring {keys} is not the one of this backup: put back the one that is",
    ),
}


NO_SEALS = (
    "封印未核对：手头没有这一区县的密钥文件。放回后请运行 songbai verify --seals",
    "the seals were not checked: the district's key ring is not at hand. With it run songbai verify --seals",
)


@contextmanager
def stepping() -> Iterator[Step]:
    """A bar on a terminal that says what is going on; nothing in a pipe."""
    with progress() as bar:
        task = bar.add_task("", total=None)
        yield lambda zh, en: bar.update(task, description=f"{zh} {en}")


@click.command("backup-key")
@click.argument("file", type=FILE)
@json_option
@pass_desk
def backup_key(desk: Desk, file: Path, as_json: bool) -> None:
    """生成备份密钥对 Make a pair of backup keys: FILE gets the private key, to be kept off-line; the public key is printed."""
    try:
        public = recipient.make(file)
    except FileExistsError as error:
        raise Refused(Reason.BACKUP_FILE_EXISTS, file=str(file)) from error
    if as_json:
        desk.show_json({"private_key_file": str(file), "public_key": public})
        return
    click.echo(public)
    desk.say(
        f"公钥如上，写入 SONGBAI_BACKUP_TO。私钥在 {file}：离线保存两份（可打印），然后从本机删除",
        "the public key for SONGBAI_BACKUP_TO; keep the private key off-line twice (paper will do), then delete it here",
    )


@click.command("backup")
@click.argument("file", type=FILE)
@click.option(
    "--to",
    "to",
    envvar="SONGBAI_BACKUP_TO",
    required=True,
    metavar="sbpub-…|FILE",
    help="备份公钥或其文件 public key, or a file with it (SONGBAI_BACKUP_TO)",
)
@click.option("--with-keys", is_flag=True, help="密钥文件也放入备份 put the key ring inside as well")
@click.option("--no-check", is_flag=True, help="不做试恢复 do not restore beside to check it")
@json_option
@pass_desk
def backup(desk: Desk, file: Path, to: str, with_keys: bool, no_check: bool, as_json: bool) -> None:
    """备份：不停业务，加密，并试恢复核对 Back up while work goes on: encrypted, and proved by restoring it beside."""
    public = recipient.public_key(to)
    with stepping() as step:
        found = ring.at(desk.keys_path)
        if with_keys and found is None:
            raise Refused(Reason.NOT_FOUND, what=str(desk.keys_path))
        made = making.make(
            desk.engine, file, public, desk.clock(), found, with_keys=with_keys, check=not no_check, step=step
        )
    if as_json:
        desk.show_json(asdict(made) | {"path": str(made.path), "count": len(made.findings)})
    else:
        _show_made(desk, made)
    if made.findings:
        _leave_with(desk, made.findings, as_json)


def _show_made(desk: Desk, made: Made) -> None:
    _show_figures(desk, made.figures)
    desk.say(f"{made.path}  {made.bytes:,} 字节", f"{made.bytes:,} bytes")
    desk.say(f"SHA-256 {made.sha256}", "note it down apart from the file")
    if made.checked:
        desk.say("已试恢复：副本与快照逐项相符", "restored beside: the copy agrees with the snapshot, figure by figure")
    if made.checked and not made.seals_checked:
        desk.say(*NO_SEALS)
    if made.with_keys:
        desk.say(
            "内含密钥文件：持有备份私钥者可读身份证号",
            "the key ring is inside: whoever has the private key can read identity numbers",
        )
    else:
        desk.say("不含密钥文件，请另行离线保存", "the key ring is not inside: keep it off-line by itself")


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--into", "url", required=True, metavar="URL", help="恢复到哪里（须为空） where to: an empty database")
@click.option(
    "--key",
    "key",
    envvar="SONGBAI_BACKUP_KEY",
    required=True,
    type=FILE,
    help="备份私钥文件 file with the private key (SONGBAI_BACKUP_KEY)",
)
@json_option
@pass_desk
def restore(desk: Desk, file: Path, url: str, key: Path, as_json: bool) -> None:
    """恢复到空库，升级并核对 Restore into an empty database, bring it up to date and verify it.

    PostgreSQL: --schema 写在命令前，默认用原模式名 stands before the verb; default: the schema it came from.
    """
    target = Desk(url, desk.schema, desk.keys_file)
    target.require_known_kind()
    with stepping() as step:
        done = restoring.restore(file, key, url, desk.schema, target.keys_path, step)
    if as_json:
        desk.show_json(asdict(done) | {"count": len(done.findings)})
    else:
        _show_restored(desk, done, target.keys_path)
    if done.findings:
        _leave_with(desk, done.findings, as_json)


def _show_restored(desk: Desk, done: Restored, keys_path: Path) -> None:
    _show_figures(desk, done.figures)
    last, seal = done.figures["last_transfer"], done.figures["last_seal"]
    if last is not None:
        recorded = _local(last["recorded_at"])
        desk.say(
            f"最后一笔流水：{last['id']}，记于 {recorded}。此后办理的都不在其中，须补录",
            f"the last transfer is {last['id']}, recorded {recorded}; whatever was done after it is missing",
        )
    if seal is not None:
        desk.say(
            f"最后一个封印：第 {seal['number']} 号，至 {seal['day']}",
            f"the last seal is no. {seal['number']}, up to {seal['day']}",
        )
    desk.say(f"备份于 {_local(done.head['made_at'])}", "when it was made")
    zh, en = RING_WORDS[done.ring]
    desk.say(zh.format(keys=keys_path), en.format(keys=keys_path))
    if not done.seals_checked:
        desk.say(*NO_SEALS)
    if done.schema is not None:
        desk.say(
            f"模式 {done.schema}。应用角色的权限不在备份中：songbai --schema {done.schema} init --app-role 角色",
            "rights of the application's role are not in a backup: give them with init --app-role",
        )


def _show_figures(desk: Desk, found: dict[str, Any]) -> None:
    rows = [
        (
            unit,
            each["accounts"],
            _amount(unit, each["purses"]),
            _amount(unit, each["held"]),
            _amount(unit, each["moved"]),
        )
        for unit, each in found["units"].items()
    ]
    headers = ("单位 unit", "账户 accounts", "卡上余额 in purses", "占用 held", "累计流水 ever moved")
    desk.show_table("快照 the snapshot", headers, rows)
    counted = found["rows"]
    desk.say(
        f"流水 {counted['ledger_transfers']:,} 笔，审计 {counted['audit_rows']:,} 条，{len(counted)} 张表共 {sum(counted.values()):,} 行",
        f"{counted['ledger_transfers']:,} transfers, {counted['audit_rows']:,} audit rows, {sum(counted.values()):,} rows in {len(counted)} tables",
    )


def _amount(unit: str, amount: int) -> str:
    """Yuan for fen, else the number itself."""
    return format_yuan(amount) if unit == "fen" else f"{amount:,}"


def _local(moment: str) -> str:
    try:
        return f"{datetime.fromisoformat(moment).astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError):
        return moment  # no moment: books that cannot be read are restored too


def _leave_with(desk: Desk, findings: list[Any], as_json: bool) -> None:
    if as_json:
        raise click.exceptions.Exit(1)
    desk.show_findings(findings, as_json=False)
