"""``songbai seal``: seal what is decided, look at the seals, print one to be published, prove transfers. ``songbai keys``: the seals' keys."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from settlement import keys
from settlement.act import SYSTEM, begin
from settlement.check_proof import read_keys
from settlement.cli.common import FINDINGS, Desk, json_option, pass_desk
from settlement.closing import behind
from settlement.ledger import seal as sealing
from settlement.ledger import seal_check, seal_proof
from settlement.ledger.seal import Seal
from settlement.ledger.seal_check import Published
from settlement.outcomes import Reason, Refused
from settlement.scheduler.jobs import district_zone


@click.group("seal")
def seal() -> None:
    """封印 Seals: prove that no row of the ledger or the audit trail was changed."""


@seal.command("make")
@json_option
@pass_desk
def make(desk: Desk, as_json: bool) -> None:
    """立即封印已落定的记录（平时由每日任务办理） Seal now what is decided; the daily job does it otherwise."""
    now = desk.clock()
    with desk.reading() as conn:
        zone = district_zone(conn)
    made = sealing.make(desk.engine, desk.ring, now, zone, lambda: begin(desk.engine, SYSTEM, now))
    if as_json:
        desk.show_json({"seals": [_as_data(each) for each in made]})
    for each in [] if as_json else made:
        desk.say(
            f"第{each.number}号封印：{each.transfers.count}笔流水，{each.audit.count}条审计记录",
            f"seal {each.number}: {each.transfers.count} transfers, {each.audit.count} audit rows",
        )
    if not made and not as_json:
        desk.say("没有新的记录可封印", "nothing new to seal")


@seal.command("list")
@click.option("--last", type=click.IntRange(1), default=30, show_default=True, help="最近几张 the newest so many")
@json_option
@pass_desk
def list_seals(desk: Desk, last: int, as_json: bool) -> None:
    """列出封印 The seals there are, the newest last."""
    with desk.reading() as conn:
        found = sealing.listed(conn, last)
        zone = district_zone(conn)
    if as_json:
        desk.show_json({"seals": [_as_data(each) for each in found]})
        return

    def local(moment: datetime) -> str:
        return moment.astimezone(zone).isoformat(sep=" ", timespec="minutes")

    headers = ["号 no.", "日期 day", "时刻 made", "流水 transfers", "审计 audit", "密钥 key", "摘要 digest"]
    rows = [
        (s.number, s.day, local(s.sealed_at), s.transfers.count, s.audit.count, s.key_id, s.digest[:16] + "…")
        for s in found
    ]
    desk.show_table("封印 seals", headers, rows)


@seal.command("publish")
@click.option("--number", type=click.IntRange(1), help="第几号，默认最新 which one; default: the newest")
@click.option("--full", is_flag=True, help="全文和签名 the whole statement with its signature")
@pass_desk
def publish(desk: Desk, number: int | None, full: bool) -> None:
    """打印封印的公布行，供张贴、刊登或抄存 Print the short line of a seal, to be printed, published or written down."""
    with desk.reading() as conn:
        found = sealing.newest(conn) if number is None else sealing.by_number(conn, number)
    if found is None:
        raise Refused(Reason.NOT_FOUND, what="seal (songbai seal make)")
    if full:
        click.echo(f"{found.statement}signature {found.signature}")
    click.echo(found.short)


@seal.command("proof")
@click.argument("transfer_ids", metavar="[TRANSFER_ID]...", nargs=-1)
@click.option("--order", "order_id", metavar="ID", help="付款单：它背后的全部流水 all transfers behind a payment order")
@click.option(
    "--reference", metavar="REF", help="单据，如debit:… 的全部流水 all transfers of a document, such as debit:…"
)
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="写到 file to write")
@pass_desk
def proof(desk: Desk, transfer_ids: tuple[str, ...], order_id: str | None, reference: str | None, out: Path) -> None:
    """写出流水在封印中的证明，可离线核对 Write a proof that transfers are sealed, to be checked offline: songbai-check-proof."""
    if sum(map(bool, (transfer_ids, order_id, reference))) != 1:
        raise click.UsageError("TRANSFER_ID | --order | --reference")
    with desk.reading() as conn:
        if transfer_ids:
            about, numbers = " ".join(transfer_ids), seal_proof.by_ids(conn, transfer_ids)
        else:
            documents = [reference] if reference else behind.references(conn, str(order_id))
            about, numbers = documents[0], seal_proof.by_references(conn, documents)
        written = seal_proof.prove(conn, about, numbers)
    out.write_text(json.dumps(written, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    desk.say(
        f"{len(numbers)}笔流水的证明写在{out}。核对：songbai-check-proof {out} 公钥文件",
        f"the proof of {len(numbers)} transfers; check it with: songbai-check-proof {out} SEAL-KEYS",
    )


def verify_seals(desk: Desk, printed: Sequence[str], public_keys: Path | None, as_json: bool) -> None:
    """``songbai verify --seals``: the findings, and as a mere count what is not sealed yet."""
    known = [line for text in printed for line in _published(text)]
    trusted = desk.ring.seal_public_keys() if public_keys is None else _public(public_keys)
    with desk.reading() as conn:
        checked = seal_check.check(conn, trusted, known)
    if as_json:
        counts = {"seals": checked.seals, "rows": checked.rows, "unsealed": checked.unsealed}
        desk.show_json(
            {"findings": [asdict(each) for each in checked.findings], "count": len(checked.findings), **counts}
        )
        if checked.findings:
            sys.exit(FINDINGS)
        return
    transfers, audit = checked.unsealed["transfers"], checked.unsealed["audit"]
    desk.say(
        f"封印{checked.seals}张，覆盖{checked.rows}行，与{len(known)}条公布行比对；尚未封印：流水{transfers}笔，审计{audit}条",
        f"{checked.seals} seals over {checked.rows} rows, compared with {len(known)} published lines; "
        f"not sealed yet: {transfers} transfers, {audit} audit rows",
    )
    desk.show_findings(checked.findings, as_json=False)


def _public(file: Path) -> dict[str, Ed25519PublicKey]:
    try:
        found = read_keys(file.read_bytes())
    except ValueError as error:
        raise click.UsageError(f"--public-keys: {error}") from error
    if not found:
        raise click.UsageError(f"--public-keys: 里面没有公钥 holds no Ed25519 public key: {file}")
    return found


def _published(text: str) -> list[Published]:
    path = Path(text)
    try:
        written = path.read_text(encoding="utf-8") if path.is_file() else text
    except (OSError, ValueError):
        written = text
    found = seal_check.published(written)
    if not found:
        raise click.UsageError(f"--published: 里面没有公布行 holds no line songbai-seal-1:…: {text[:80]}")
    return found


def _as_data(found: Seal) -> dict[str, Any]:
    return {
        "number": found.number,
        "day": str(found.day),
        "transfers": found.transfers.count,
        "audit": found.audit.count,
        "key": found.key_id,
        "digest": found.digest,
        "short": found.short,
        "statement": found.statement,
        "signature": found.signature,
    }


# -- the keys of seals --------------------------------------------------------------------------------------------------------
@click.group("keys")
def key_group() -> None:
    """封印密钥 The keys of seals; identity numbers and codes have their own in the same ring."""


@key_group.command("public")
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), help="写到 file to write")
@pass_desk
def public(desk: Desk, out: Path | None) -> None:
    """导出封印公钥给审计（PEM） Export the public keys of seals for auditors, retired ones included (PEM)."""
    found = desk.ring.seal_public_keys()
    if not found:
        raise Refused(Reason.NO_SEAL_KEY)
    pem = desk.ring.seal_keys_pem()
    if out is None:
        click.echo(pem, nl=False)
    else:
        out.write_text(pem, encoding="ascii")
        desk.say(f"{len(found)}把公钥写在{out}", f"{len(found)} public keys of seals")


@key_group.command("rotate")
@pass_desk
def rotate(desk: Desk) -> None:
    """换一把封印密钥，下一张封印起使用；旧钥保留 A new key for seals, used from the next one on; the old ones stay."""
    desk.say(
        f"新的封印密钥：{add_seal_key(desk)}。请重新备份密钥文件，并把公钥发给审计：songbai keys public",
        "back up the ring again and give auditors the new public key",
    )


def add_seal_key(desk: Desk) -> str:
    """The id of the key added to the ring; wrong use while somebody else changes it."""
    _ = desk.ring  # a missing ring is told in words
    try:
        return keys.add_seal_key(desk.keys_path)
    except FileExistsError as error:
        raise click.UsageError(
            f"{error.filename} 正在被修改，或上次修改中断：确认无人修改后删去它再试 | somebody changes the ring, or was interrupted: remove it"
        ) from error
