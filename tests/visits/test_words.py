"""What people may choose from is told on the provider's page, word for word."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from settlement.visits import words

PAGE = (Path(__file__).parents[2] / "docs" / "provider.md").read_text()
LISTS = ["VOID_REASONS", "NOT_SERVED_REASONS", "ORDER_CANCEL_REASONS", "OUT_REASONS", "TAKE_BACK_REASONS"]
LISTS += ["CORRECTION_REASONS", "EVIDENCE_FLAGS"]


@pytest.mark.parametrize("name", LISTS)
def test_every_listed_reason_stands_on_the_page(name: str) -> None:
    listed: Mapping[str, Any] = getattr(words, name)
    missing = [code for code, said in listed.items() if f"| `{code}` | {said.zh} {said.en} |" not in PAGE]
    assert missing == []
