"""``songbai scheme``: check a scheme file, list and show what is stored, keep a version."""

from __future__ import annotations

import sys
import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from settlement.cli.common import FINDINGS, WRONG_USE, Desk, by_option, json_option, pass_desk
from settlement.money import format_yuan
from settlement.outcomes import Reason, Refused
from settlement.policy import loader, store
from settlement.policy.loader import Fault, SchemeFaults
from settlement.policy.scheme import Scheme
from settlement.policy.tables import schemes

SCHEME_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("scheme")
def scheme() -> None:
    """方案 Schemes: a published notice as data."""


@scheme.command("check")
@click.argument("file", type=SCHEME_FILE)
@json_option
@pass_desk
def check(desk: Desk, file: Path, as_json: bool) -> None:
    """检查方案文件，一次列出全部问题 Check a scheme file and list every fault; exit code 1 when there are any."""
    try:
        found = loader.load_bytes(file.read_bytes(), str(file))
    except SchemeFaults as faulty:
        _tell(desk, faulty.faults, as_json)
        sys.exit(FINDINGS)
    if as_json:
        desk.show_json({"faults": [], "count": 0, "code": found.code, "version": found.version})
    else:
        desk.say(f"没有发现问题：{found.name_zh} {found.version}", f"no faults: {found.name_en}")


@scheme.command("store")
@click.argument("file", type=SCHEME_FILE)
@by_option
@json_option
@pass_desk
def store_command(desk: Desk, file: Path, by: str, as_json: bool) -> None:
    """将方案版本入库；入库后不再改变 Keep a version of a scheme; it never changes afterwards."""
    try:
        with desk.acting(by) as act:
            kept = store.store(act, loader.decode(file.read_bytes(), str(file)), str(file))
    except SchemeFaults as faulty:
        _tell(desk, faulty.faults, as_json)
        sys.exit(FINDINGS)
    if as_json:
        desk.show_json({"code": kept.code, "version": kept.version, "valid_from": kept.valid_from})
    else:
        desk.say(
            f"已入库：{kept.code} {kept.version}，自{kept.valid_from}起", f"stored, in force from {kept.valid_from}"
        )


@scheme.command("list")
@json_option
@pass_desk
def list_command(desk: Desk, as_json: bool) -> None:
    """列出随软件附带的和已入库的方案 List the schemes that are shipped and those that are stored."""
    rows = [_row("shipped", loader.builtin(code), loader.builtin_text(code)) for code in loader.builtin_codes()]
    rows += [_row("stored", loader.load(text), text) for text in _stored(desk)]
    if as_json:
        desk.show_json({"schemes": rows})
        return
    words = {"shipped": "附带 shipped", "stored": "已入库 stored"}
    headers = ["代码 code", "版本 version", "名称 name", "生效 from", "所在 where", "校验 hash"]
    keys = ("code", "version", "name_zh", "valid_from")
    desk.show_table(
        "方案 schemes",
        headers,
        [[*(row[key] for key in keys), words[row["where"]], row["hash"][:12]] for row in rows],
    )


@scheme.command("show")
@click.argument("code")
@click.option("--version", help="已入库的版本；不写则显示附带的 a stored version; without it the shipped one")
@click.option("--clause", metavar="KEY", help="某项的出处，如 benefits.needy.tiers.semi where a figure comes from")
@json_option
@pass_desk
def show(desk: Desk, code: str, version: str | None, clause: str | None, as_json: bool) -> None:
    """显示一个方案：标准、次数、分担及其条款 Show a scheme's amounts, visits and shares with their clauses."""
    text = _text(desk, code, version)
    found = loader.load(text, f"{code}.toml")
    if clause is not None:
        _cite(desk, found, clause, as_json)
    elif as_json:
        desk.show_json(tomllib.loads(text))
    else:
        _summary(desk, found)


def _text(desk: Desk, code: str, version: str | None) -> str:
    if version is not None:
        with desk.reading() as conn:
            return store.text_of(conn, code, version)
    try:
        return loader.builtin_text(code)
    except KeyError as unknown:
        raise Refused(Reason.NOT_FOUND, what=code) from unknown


def _cite(desk: Desk, found: Scheme, key: str, as_json: bool) -> None:
    try:
        cited = found.clause(key)
    except KeyError:
        click.echo(f"方案中没有“{key}”\nthe scheme has no “{key}”", err=True)
        sys.exit(WRONG_USE)
    if as_json:
        desk.show_json({"key": key, **asdict(cited), "zh": cited.zh, "en": cited.en})
    else:
        desk.say(f"{key}：{cited.zh}", cited.en)


def _summary(desk: Desk, found: Scheme) -> None:
    desk.say(f"{found.name_zh} {found.version}，自{found.valid_from}起", f"{found.name_en}, from {found.valid_from}")
    amounts: list[list[Any]] = []
    for benefit in found.benefits:
        for tier in benefit.tiers:
            levels, yuan = "、".join(map(str, tier.levels)), format_yuan(tier.amount_fen)
            amounts.append([benefit.code, benefit.min_age, tier.name_zh, levels, yuan, tier.clause or tier.source])
        if benefit.amount_fen is not None:
            yuan, cited = format_yuan(benefit.amount_fen), benefit.clause or benefit.source
            amounts.append([benefit.code, benefit.min_age, benefit.name_zh, "", yuan, cited])
    headers = ["补贴 benefit", "年满 age", "档次 tier", "等级 levels", "元/月 yuan", "出处 source"]
    desk.show_table("每月补贴标准 amounts a month", headers, amounts)
    monthly = found.visits.monthly
    visits = [[rule.benefit, rule.tier or "", rule.visits, rule.clause or rule.source] for rule in monthly]
    desk.show_table(
        "每月上门次数 visits a month", ["补贴 benefit", "档次 tier", "至少 at least", "出处 source"], visits
    )
    shares = [[share.payer, share.weight, share.clause or share.source] for share in found.funding.shares]
    desk.show_table("资金分担 shares", ["出资方 payer", "权重 weight", "出处 source"], shares)


def _stored(desk: Desk) -> list[str]:
    """Texts of the stored versions; none where there is no database yet."""
    if desk.url.startswith("sqlite:///") and not Path(desk.url.removeprefix("sqlite:///")).is_file():
        return []
    try:
        with desk.reading() as conn:
            return list(conn.execute(select(schemes.c.text).order_by(schemes.c.code, schemes.c.valid_from)).scalars())
    except SQLAlchemyError as error:
        click.echo(f"数据库读不出来，只列出附带的方案\nthe database cannot be read ({type(error).__name__})", err=True)
        return []


def _row(where: str, found: Scheme, text: str) -> dict[str, Any]:
    names = {"name_zh": found.name_zh, "name_en": found.name_en}
    told = {"code": found.code, "version": found.version, **names, "valid_from": str(found.valid_from)}
    return {**told, "where": where, "hash": store.hash_of(text)}


def _tell(desk: Desk, faults: list[Fault], as_json: bool) -> None:
    if as_json:
        desk.show_json({"faults": [asdict(fault) for fault in faults], "count": len(faults)})
        return
    for fault in faults:
        click.echo(str(fault))
    desk.say(f"共{len(faults)}处问题", f"{len(faults)} faults")
