"""The walk of docs/auditor.md, typed exactly as it is written there: one payment of the demo, its transfers, their proof on another machine."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from settlement import check_proof
from settlement.cli.demo import MARK
from tests.once import once
from tests.outputs.test_recompute import demo

PAGE = Path(__file__).parents[1] / "docs" / "auditor.md"


@pytest.fixture
def office(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    """A folder with var/demo in it, as `make demo` leaves it."""

    def make(folder: Path) -> None:
        ran = demo(folder / "demo")
        assert ran.returncode == 0, ran.stdout + ran.stderr

    lived = once(tmp_path_factory, "demo-of-120", make) / "demo"
    shutil.copytree(lived, tmp_path / "office" / "var" / "demo")
    return tmp_path / "office"


def written(part: str) -> str:
    """The commands of a part of the walk."""
    found = re.search(rf"<!-- walk: {part} -->\n```\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def typed(commands: str, where: Path) -> subprocess.CompletedProcess[str]:
    """As in a shell, `songbai` being ours and `python` one that sees neither our packages' folder nor our settings."""
    ours = f"songbai() {{ {sys.executable} -c 'from settlement.cli import main; main()' \"$@\"; }}"
    bare = f'python() {{ {sys.executable} -I "$@"; }}'
    home = {name: value for name, value in os.environ.items() if not name.startswith("SONGBAI")}
    command = ["bash", "-euo", "pipefail", "-c", f"{ours}\n{bare}\n{commands}"]
    return subprocess.run(command, cwd=where, env=home, capture_output=True, text=True, check=False)


def test_the_walk(office: Path, tmp_path: Path) -> None:
    assert (office / "var" / "demo" / MARK).is_file()
    at_the_office = typed(written("office"), office)
    assert at_the_office.returncode == 0, at_the_office.stdout + at_the_office.stderr
    assert "没有发现问题" in at_the_office.stdout

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for file in (office / "proof.json", office / "seal-keys.pem", Path(check_proof.__file__)):
        shutil.copy(file, elsewhere)
    ran = typed(written("elsewhere"), elsewhere)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert sorted(file.name for file in elsewhere.iterdir()) == ["check_proof.py", "proof.json", "seal-keys.pem"]
    assert (office / "published.txt").read_text().strip() in ran.stdout

    # What was proven adds up: what the cards paid the provider, less what came back, was settled and, with penalties, paid.
    rows = [each["row"] for each in json.loads((elsewhere / "proof.json").read_text(encoding="utf-8"))["transfers"]]
    assert f"已证明：{len(rows)}笔流水在1张封印里" in ran.stdout

    def total(side: str, account: str) -> int:
        return sum(row["amount"] for row in rows if row[f"{side}_code"] == account)

    (payment,) = (row for row in rows if row["reference"] == "order:jiangdu-2026-Q3-P002")
    settled = [row["amount"] for row in rows if row["code"] == "settle"]
    assert total("credit", "provider_claim") - total("debit", "provider_claim") == 0
    assert total("credit", "payable") == total("debit", "payable")
    assert payment["amount"] <= sum(settled)
    assert f"金额 amount: {payment['amount'] // 100}.{payment['amount'] % 100:02d} 元 yuan" in ran.stdout

    # One fen more in the file, and it proves nothing.
    one_more = (elsewhere / "proof.json").read_text(encoding="utf-8")
    amount = f'"amount": {payment["amount"]}'
    (elsewhere / "proof.json").write_text(one_more.replace(amount, amount[:-1] + "1"), encoding="utf-8")
    assert typed(written("elsewhere"), elsewhere).returncode == 1


def test_every_finding_of_the_seals_is_explained_on_the_page() -> None:
    ledger = Path(check_proof.__file__).parent / "ledger"
    source = "".join((ledger / name).read_text(encoding="utf-8") for name in ("seal_check.py", "seal_naming.py"))
    codes = set(re.findall(r'"((?:sealed?)_[a-z_]+)",?', source))
    page = PAGE.read_text(encoding="utf-8")
    assert codes and {code for code in codes if f"`{code}`" not in page} == set()
