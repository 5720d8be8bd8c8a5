"""docs/fraud.md knows every signal, every parameter, and Jiangdu's figures."""

from __future__ import annotations

import re
from pathlib import Path

from settlement.policy.loader import builtin

PAGE = (Path(__file__).parents[2] / "docs" / "fraud.md").read_text(encoding="utf-8")


def test_the_table_of_signals_is_complete_and_right() -> None:
    rows = {row[1]: row[0] for row in re.finditer(r"^\| `(\w+)` \|.*$", PAGE.split("<!-- table: signals -->")[1], re.M)}
    for signal in builtin("jiangdu").fraud.signals:
        row = rows[signal.code]
        figures = row.rsplit("|", 2)[1]
        assert figures.strip().endswith(signal.action)
        for name, value in signal.params.items():
            assert f"`{name}`" in row
            assert re.search(rf"(?<!\d){value}(?!\d)", figures), (signal.code, name)
