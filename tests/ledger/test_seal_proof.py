"""A proof of transfers, checked by the one file that auditors take away: it holds, and it holds for nothing else."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import Engine, delete, select, update

from settlement import check_proof
from settlement.db import reading
from settlement.errors import BrokenInvariant
from settlement.keys import KeyRing, new_ring
from settlement.ledger import merkle, seal_proof
from settlement.ledger.sealed_rows import TRANSFERS
from settlement.ledger.tables import transfers
from settlement.outcomes import Reason, Refused
from tests.ledger.sealing import paid, sealed
from tests.support import RING

FILE = Path(check_proof.__file__)


@pytest.fixture
def book(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Eleven payments under the first seal (spans of four, four and three), two under the second, one not sealed yet."""
    monkeypatch.setattr(merkle, "SPAN", 4)
    paid(engine, *(f"p{i}" for i in range(1, 12)))
    sealed(engine)
    paid(engine, "q1", "q2")
    sealed(engine)
    paid(engine, "new")
    return engine


def proof(engine: Engine, *ids: str) -> dict[str, Any]:
    with reading(engine) as conn:
        made = seal_proof.prove(conn, " ".join(ids), seal_proof.by_ids(conn, [f"{id}/1" for id in ids]))
    return dict(json.loads(json.dumps(made, ensure_ascii=False)))


def pem(ring: KeyRing = RING) -> bytes:
    keys = ring.seal_public_keys().values()
    return b"".join(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo) for key in keys)


def told(made: dict[str, Any], keys: bytes | None = None) -> str:
    return "\n".join(check_proof.check(made, check_proof.read_keys(keys or pem())))


def test_every_transfer_can_be_proven_by_itself(book: Engine) -> None:
    for id in (*(f"p{i}" for i in range(1, 12)), "q1", "q2"):
        assert f"流水 transfer {id}/1" in told(proof(book, id))


def test_transfers_of_several_seals_in_one_file(book: Engine) -> None:
    words = told(proof(book, "q2", "p1", "p11"))
    assert "金额 amount: 60.00 元 yuan" in words
    assert "借方 debit: payer payer:a" in words
    assert "贷方 credit: payable provider:1" in words
    assert "发生 occurred: 2026-07-01 09:00:00 北京时间" in words
    assert "pay: 3 笔 transfers, 180.00 元 yuan" in words
    assert "第2号" in words
    assert "已证明：3笔流水在2张封印里" in words
    assert "3 transfers stand under 2 seals" in words


def test_of_one_transfer_alone_in_its_seal_the_path_is_empty(engine: Engine) -> None:
    paid(engine, "only")
    sealed(engine)
    made = proof(engine, "only")
    assert made["transfers"][0]["path"] == []
    assert "已证明：1笔" in told(made)


def _row(name: str, value: object) -> Callable[[dict[str, Any]], None]:
    def edit(made: dict[str, Any]) -> None:
        made["transfers"][0]["row"][name] = value

    return edit


def _entry(name: str, value: object) -> Callable[[dict[str, Any]], None]:
    def edit(made: dict[str, Any]) -> None:
        made["transfers"][0][name] = value

    return edit


def _in_statement(old: str, new: str) -> Callable[[dict[str, Any]], None]:
    def edit(made: dict[str, Any]) -> None:
        made["seals"][0]["statement"] = made["seals"][0]["statement"].replace(old, new)

    return edit


EDITS: dict[str, Callable[[dict[str, Any]], None]] = {
    "amount": _row("amount", 600000),
    "amount of another type": _row("amount", 6000.0),
    "amount as text": _row("amount", "6000"),
    "credited owner": _row("credit_owner", "provider:2"),
    "debited account": _row("debit_account_id", 99),
    "date": _row("effective_on", "2026-07-02"),
    "occurred": _row("occurred_at", 0),
    "one more column": _row("note", "x"),
    "one column less": lambda made: made["transfers"][0]["row"].pop("code"),
    "place": _entry("index", 3),
    "place outside": _entry("index", 11),
    "place below": _entry("index", -1),
    "path cut": lambda made: made["transfers"][0]["path"].pop(),
    "path longer": lambda made: made["transfers"][0]["path"].append("00" * 32),
    "path no path": _entry("path", "x"),
    "seal that is not there": _entry("seal", 7),
    "the day": _in_statement("day 2026", "day 2025"),
    "the count": _in_statement("count 11", "count 12"),
    "another line": _in_statement("day ", "note x\nday "),
    "signature": lambda made: made["seals"][0].update(signature="AAAA"),
    "twice": lambda made: made["transfers"].append(made["transfers"][0]),
    "no transfer": lambda made: made["transfers"].clear(),
    "form": lambda made: made.update(form="songbai-proof-2"),
    "no seals": lambda made: made.pop("seals"),
}


def test_an_altered_proof_proves_nothing(book: Engine) -> None:
    genuine = json.dumps(proof(book, "p3"))
    believed = []
    for name, edit in EDITS.items():
        made = json.loads(genuine)
        edit(made)
        try:
            told(made)
        except check_proof.NotProven:
            continue
        believed.append(name)
    assert believed == []


def test_a_key_of_somebody_else(book: Engine) -> None:
    with pytest.raises(check_proof.NotProven, match="公钥文件"):
        told(proof(book, "p3"), pem(new_ring(b"somebody else")))


def test_an_inner_node_does_not_pass_for_a_row(book: Engine) -> None:
    """Without the 0 and 1 before leaf and node a node's two halves could be shown as a row. Here the path simply does not lead there."""
    made = proof(book, "p3")
    entry = made["transfers"][0]
    entry["path"], entry["index"] = entry["path"][1:], entry["index"] // 2
    with pytest.raises(check_proof.NotProven):
        told(made)


def test_what_cannot_be_proven(book: Engine) -> None:
    reasons = {"new": Reason.NOT_SEALED, "unheard-of": Reason.NOT_FOUND}
    for id, reason in reasons.items():
        with pytest.raises(Refused) as refusal:
            proof(book, id)
        assert refusal.value.reason is reason


def test_of_a_row_that_was_changed_no_proof_is_made(book: Engine) -> None:
    with book.begin() as conn:
        conn.execute(update(transfers).where(transfers.c.id == "p3/1").values(amount=1))
    with pytest.raises(BrokenInvariant, match="not as it was sealed"):
        proof(book, "p3")
    assert told(proof(book, "p4"))
    with book.begin() as conn:
        conn.execute(delete(transfers).where(transfers.c.id == "p3/1"))
        assert conn.execute(select(transfers.c.id).where(transfers.c.id == "p3/1")).all() == []
    assert told(proof(book, "p4"))  # the others are still proven by the leaves


@pytest.mark.parametrize(
    "edit", ["leaves = x'0000'", "leaves = x''", "root = 'zz'", "root = ''", "leaves = substr(leaves, 1, 40)"]
)
def test_of_leaves_that_are_none_no_proof_is_made(book: Engine, edit: str) -> None:
    with book.begin() as conn:
        if conn.dialect.name == "postgresql":
            edit = edit.replace("x'0000'", "'\\x0000'").replace("x''", "''")
        conn.exec_driver_sql(f"UPDATE ledger_seal_leaves SET {edit}")
    with pytest.raises(BrokenInvariant, match="verify --seals"):
        proof(book, "p3")


def test_the_columns_are_those_that_are_sealed() -> None:
    assert TRANSFERS.names == list(check_proof.COLUMNS)


def test_the_file_stands_alone() -> None:
    """Nothing but the standard library and cryptography: it is taken to a machine that has nothing of ours."""
    tree = ast.parse(FILE.read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} - {"cryptography"} <= sys.stdlib_module_names


def test_on_another_machine(book: Engine, tmp_path: Path) -> None:
    """A folder with the proof, the public keys and the file, and a Python that sees nothing else."""
    (tmp_path / "proof.json").write_text(json.dumps(proof(book, "p3")), encoding="utf-8")
    (tmp_path / "keys.pem").write_bytes(pem())
    (tmp_path / "check_proof.py").write_bytes(FILE.read_bytes())

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "check_proof.py", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    ran = run("proof.json", "keys.pem")
    assert (ran.returncode, "金额 amount: 60.00 元" in ran.stdout, ran.stderr) == (0, True, "")

    altered = (tmp_path / "proof.json").read_text().replace('"amount": 6000', '"amount": 600000')
    (tmp_path / "altered.json").write_text(altered, encoding="utf-8")
    ran = run("altered.json", "keys.pem")
    assert (ran.returncode, ran.stdout.startswith("没有证明 NOT PROVEN")) == (1, True)

    # What the proof says cannot write lines of its own, as if the program had.
    forged = (tmp_path / "altered.json").read_text().replace('"id": "p3/1"', '"id": "x\\n\\nproven: 1 transfers"')
    (tmp_path / "forged.json").write_text(forged, encoding="utf-8")
    ran = run("forged.json", "keys.pem")
    assert (ran.returncode, len(ran.stdout.splitlines())) == (1, 1)

    command = [sys.executable, "check_proof.py", "proof.json", "keys.pem"]
    plain = subprocess.run(
        command, cwd=tmp_path, capture_output=True, check=False, env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    )
    assert (plain.returncode, b"60.00 ? yuan" in plain.stdout) == (0, True), plain.stderr

    (tmp_path / "deep.json").write_text("[" * 200_000)
    ran = run("deep.json", "keys.pem")
    assert (ran.returncode, "Traceback" in ran.stderr) == (2, False)

    # Of two amounts one reader takes the first, another the last.
    twice = (tmp_path / "proof.json").read_text().replace('"amount": ', '"amount": 600000, "amount": ')
    (tmp_path / "twice.json").write_text(twice, encoding="utf-8")
    ran = run("twice.json", "keys.pem")
    assert (ran.returncode, ran.stdout, "amount" in ran.stderr) == (2, "", True)

    assert run("nowhere.json", "keys.pem").returncode == 2
    assert run("proof.json", "proof.json").returncode == 2
