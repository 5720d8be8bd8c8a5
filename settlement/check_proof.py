"""Check offline that transfers stand in a sealed ledger. This one file needs no database and nothing else of Songbai.

    python check_proof.py PROOF.json SEAL-KEYS.pem        # or: songbai-check-proof …

It needs Python 3.11 and the package ``cryptography``. The proof comes from ``songbai seal proof``; the public keys should come to you on
another way than the proof, once (``songbai keys public``). Exit code: 0 proven, 1 not proven, 2 wrong use.

How it is checked, so that anybody can write it again:

1. A row's bytes are the JSON array ``["songbai-transfer-1", columns…]`` in the order of COLUMNS, without spaces, in UTF-8, as RFC 8785 writes it.
2. Its leaf is SHA-256(0x00 | bytes); a node is SHA-256(0x01 | left | right) (RFC 6962, section 2.1); the path leads from the leaf to the root.
3. The root and the number of rows stand in the seal's statement, which is signed with Ed25519 as it is, byte for byte.
4. A key's id is ``seal-`` and the first 16 hexadecimal digits of SHA-256 over its 32 bytes.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

PROOF, SEAL, TRANSFER = "songbai-proof-1", "songbai-seal-1", "songbai-transfer-1"

COLUMNS = [
    "seq",
    "id",
    "group_id",
    "kind",
    "debit_account_id",
    "debit_code",
    "debit_owner",
    "debit_unit",
    "debit_lot",
    "credit_account_id",
    "credit_code",
    "credit_owner",
    "credit_unit",
    "credit_lot",
    "amount",
    "code",
    "reference",
    "occurred_at",
    "effective_on",
    "recorded_at",
    "hold_id",
    "reverses_id",
    "expires_at",
]

CHINA = timezone(timedelta(hours=8))


class NotProven(Exception):
    """Says in both languages what does not hold."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{zh} | {en}")


@dataclass(frozen=True)
class Seal:
    number: int
    day: str
    sealed_at: str
    count: int
    root: str
    key_id: str
    short: str


# -- the seal -----------------------------------------------------------------------------------------------------------------
_STATEMENT = re.compile(
    SEAL + r"\nnumber (?P<number>\d+)\nday (?P<day>[\d-]+)\nsealed_at (?P<sealed_at>\S+)\n"
    r"transfers after \d+ upto \d+ count (?P<count>\d+) root (?P<root>[0-9a-f]{64})\n"
    r"audit after \d+ upto \d+ count \d+ root [0-9a-f]{64}\nprevious [0-9a-f]{64}\nkey (?P<key>\S+)\n",
    re.ASCII,
)


def read_keys(pem: bytes) -> dict[str, Ed25519PublicKey]:
    """The Ed25519 public keys of a PEM file, by id. Raises ValueError."""
    blocks = re.findall(rb"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", pem, re.DOTALL)
    keys = [load_pem_public_key(block) for block in blocks]
    return {_key_id(key): key for key in keys if isinstance(key, Ed25519PublicKey)}


def _key_id(key: Ed25519PublicKey) -> str:
    return f"seal-{hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]}"


def read_seal(statement: str, signature: str, keys: dict[str, Ed25519PublicKey]) -> Seal:
    """A seal whose signature fits. Raises NotProven."""
    match = _STATEMENT.fullmatch(statement)
    if match is None:
        raise NotProven("封印的文字格式不对", "this is no statement of a seal")
    number, key_id = int(match["number"]), match["key"]
    if key_id not in keys:
        raise NotProven(
            f"第{number}号封印用的密钥{key_id}不在公钥文件里", f"the key {key_id} of seal {number} is none of yours"
        )
    try:
        keys[key_id].verify(base64.b64decode(signature, validate=True), statement.encode())
    except (InvalidSignature, ValueError):
        raise NotProven(f"第{number}号封印的签名不符", f"the signature of seal {number} does not fit") from None
    short = f"{SEAL}:{number}:{match['day']}:{hashlib.sha256(statement.encode()).hexdigest()}"
    return Seal(number, match["day"], match["sealed_at"], int(match["count"]), match["root"], key_id, short)


# -- the transfer -------------------------------------------------------------------------------------------------------------
def check_transfer(entry: dict[str, Any], seals: dict[int, Seal]) -> Seal:
    """The seal under which the row of this entry stands. Raises NotProven."""
    row, seal = entry["row"], seals.get(entry["seal"])
    named = str(row.get("id"))
    if seal is None:
        raise NotProven(f"流水{named}所指的封印不在文件里", f"the seal of transfer {named} is not in the file")
    if sorted(row) != sorted(COLUMNS):
        raise NotProven(f"流水{named}的列不全或多余", f"transfer {named} has not the columns of a transfer")
    content = json.dumps([TRANSFER, *(row[name] for name in COLUMNS)], ensure_ascii=False, separators=(",", ":"))
    leaf = hashlib.sha256(b"\x00" + content.encode()).digest()
    path = [bytes.fromhex(each) for each in entry["path"]]
    if root_from(leaf, entry["index"], seal.count, path) != bytes.fromhex(seal.root):
        raise NotProven(
            f"流水{named}不在第{seal.number}号封印里，或内容被改过",
            f"transfer {named} is not under seal {seal.number}, or was altered",
        )
    return seal


def root_from(leaf: bytes, index: int, count: int, path: Sequence[bytes]) -> bytes | None:
    """The root that a leaf and its path lead to (RFC 9162, section 2.1.3.2); None when the path is too long or too short for its place."""
    if not 0 <= index < count:
        return None
    first, last, root = index, count - 1, leaf
    for neighbour in path:
        if last == 0:
            return None
        if first & 1 or first == last:
            root = hashlib.sha256(b"\x01" + neighbour + root).digest()
            while first and not first & 1:
                first, last = first >> 1, last >> 1
        else:
            root = hashlib.sha256(b"\x01" + root + neighbour).digest()
        first, last = first >> 1, last >> 1
    return root if last == 0 else None


# -- telling ------------------------------------------------------------------------------------------------------------------
def tell(row: dict[str, Any], seal: Seal) -> str:
    """What was proven of one transfer."""
    rows = [
        ("金额 amount", _amount(row["amount"], row["debit_unit"])),
        ("借方 debit", _account(row, "debit")),
        ("贷方 credit", _account(row, "credit")),
        ("种类 kind", f"{row['code']} ({row['kind']})"),
        ("单据 document", row["reference"]),
        ("发生 occurred", _moment(row["occurred_at"])),
        ("记账日 effective", row["effective_on"]),
        ("入账 recorded", _moment(row["recorded_at"])),
        ("冲销 takes back", row["reverses_id"]),
        ("预授权 hold", row["hold_id"]),
        ("封印 sealed", f"第{seal.number}号 no. {seal.number}, {seal.day}"),
    ]
    lines = [_printable(f"  {name}: {value}") for name, value in rows if value is not None]
    return "\n".join([_printable(f"流水 transfer {row['id']} (第{row['seq']}号 no. {row['seq']})"), *lines])


def totals(rows: Sequence[dict[str, Any]]) -> str:
    """How many transfers of each kind, and what they come to."""
    kinds = sorted({(row["code"], row["debit_unit"]) for row in rows})
    lines = ["合计 totals"]
    for code, unit in kinds:
        amounts = [row["amount"] for row in rows if (row["code"], row["debit_unit"]) == (code, unit)]
        lines.append(_printable(f"  {code}: {len(amounts)} 笔 transfers, {_amount(sum(amounts), unit)}"))
    return "\n".join(lines)


def _amount(amount: int, unit: str) -> str:
    return f"{amount // 100}.{amount % 100:02d} 元 yuan" if unit == "fen" else f"{amount} {unit}"


def _account(row: dict[str, Any], side: str) -> str:
    lot = f" {row[f'{side}_lot']}" if row[f"{side}_lot"] else ""
    return f"{row[f'{side}_code']} {row[f'{side}_owner']}{lot} (账户 account {row[f'{side}_account_id']})"


def _moment(micros: int) -> str:
    return f"{datetime.fromtimestamp(micros // 1_000_000, CHINA):%Y-%m-%d %H:%M:%S} 北京时间 UTC+8"


def _printable(text: str) -> str:
    """On one line. Nothing that a text in the proof says may paint over what this program says, or stand below it as if it had said so."""
    return "".join(each if each.isprintable() else "?" for each in text)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Where a name stands twice, another reader of the file might see something else than was proven."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError(f"同名两次 a name twice: {', '.join(name for name, _ in pairs)[:200]}")
    return found


# -- the command --------------------------------------------------------------------------------------------------------------
def check(proof: dict[str, Any], keys: dict[str, Ed25519PublicKey]) -> list[str]:
    """What is proven, in words; raises NotProven for the first thing that does not hold."""
    try:
        if proof["form"] != PROOF or not proof["transfers"]:
            raise NotProven("这不是松柏的证明文件", "this is no proof of Songbai's")
        found = [read_seal(each["statement"], each["signature"], keys) for each in proof["seals"]]
        seals = {seal.number: seal for seal in found}
        proven = [(entry["row"], check_transfer(entry, seals)) for entry in proof["transfers"]]
        ids = {row["id"] for row, _ in proven}
        told = [*(tell(row, seal) for row, seal in proven), totals([row for row, _ in proven])]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise NotProven("证明文件残缺或格式不对", f"the proof is damaged ({type(error).__name__})") from error
    if len(ids) != len(proven):
        raise NotProven("同一笔流水列了两次", "a transfer is listed twice")
    for seal in found:
        told.append(
            f"封印 seal 第{seal.number}号 no. {seal.number}, {seal.day}\n  签名有效 signed: {seal.sealed_at}, 密钥 key {seal.key_id}\n"
            f"  公布行 short line (与公布的逐字相同 must be what was published): {seal.short}"
        )
    told.append(
        f"已证明：{len(proven)}笔流水在{len(found)}张封印里，与封印时一字不差\n"
        f"proven: {len(proven)} transfers stand under {len(found)} seals exactly as they were sealed"
    )
    return told


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="songbai-check-proof", description="离线核对封印证明 Check a proof of sealed transfers, offline"
    )
    parser.add_argument("proof", type=Path, help="证明文件 the proof (JSON)")
    parser.add_argument("keys", type=Path, help="封印公钥 the public keys of seals (PEM)")
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a console that knows no Chinese gets the English
    asked = parser.parse_args(arguments)
    try:
        keys = read_keys(asked.keys.read_bytes())
        proof = json.loads(asked.proof.read_bytes(), object_pairs_hook=_each_once)
    except (OSError, ValueError, RecursionError) as error:
        parser.error(f"文件读不出来 cannot be read: {error}")
    if not keys:
        parser.error(f"{asked.keys} 里没有公钥 holds no Ed25519 public key")
    try:
        told = check(proof, keys)
    except NotProven as why:
        print(_printable(f"没有证明 NOT PROVEN：{why}"))
        return 1
    print("\n".join(_printable(line) for each in told for line in each.split("\n")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
