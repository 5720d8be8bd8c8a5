"""docs/outputs.md tells the truth: the columns are those that are written, the example of a bank file is what is rendered and read."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from settlement.closing import bankfile, exports
from tests.support import at

PAGE = (Path(__file__).parents[2] / "docs" / "outputs.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```text\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.parametrize("name", exports.COLUMNS)
def test_every_column_is_described_in_its_order(name: str) -> None:
    section = PAGE.split(f"## {name}.csv\n")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE) == exports.COLUMNS[name].split()


def test_the_example_of_a_bank_file_is_what_is_rendered() -> None:
    batch: Any = SimpleNamespace(
        id="jiangdu-2026-Q3-001", exported_at=at("2026-10-12 09:00"), orders=1, total_fen=100_000
    )
    order: Any = SimpleNamespace(
        id="jiangdu-2026-Q3-P001",
        period="2026-Q3",
        kind="provider",
        amount_fen=100_000,
        payer_name="仙女镇财政专户",
        payer_account="3205002",
        payee_name="安康养老服务中心",
        payee_account="6228000001",
        payee_bank="江都农商行",
    )
    data = bankfile.render(bankfile.load("general"), batch, [order])
    assert data.decode("gb18030").replace("\r\n", "\n") == EXAMPLES[0]


def test_the_example_of_an_answer_is_read() -> None:
    answers, findings = bankfile.read_result(bankfile.load("general"), EXAMPLES[1].encode("gb18030"))
    assert findings == []
    assert answers == [bankfile.Answer(2, "jiangdu-2026-Q3-P001", 100_000, True, "BK202610130001", "")]
