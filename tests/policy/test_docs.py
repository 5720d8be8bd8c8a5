"""docs/schemes.md tells the truth: its example is what the checker prints, and it knows every key of a scheme."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from settlement.policy.citation import Rule
from settlement.policy.loader import SchemeFaults, builtin_text, load
from settlement.policy.scheme import Scheme

PAGE = (Path(__file__).parents[2] / "docs" / "schemes.md").read_text(encoding="utf-8")


def test_the_example_of_faults_is_what_the_checker_prints() -> None:
    before, shares = builtin_text("jiangdu").split("[[funding.shares]]", 1)
    slips = shares.replace('clause = "六1"\n', "", 1).replace("weight = 3", 'weight = "3成"', 1)
    with pytest.raises(SchemeFaults) as caught:
        load(f"{before}[[funding.shares]]{slips}", "jiangdu.toml")
    example = PAGE.split("<!-- example: faults -->\n```text\n")[1].split("\n```")[0]
    assert str(caught.value) == example


def test_every_key_of_a_scheme_is_explained() -> None:
    prose = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
    explained = {part for quoted in re.findall(r"`([^`]+)`", prose) for part in re.split(r"[.\[\]]+", quoted)}
    assert _keys(Scheme) - explained == set()


def _keys(model: type[Any]) -> set[str]:
    found: set[str] = set()
    for entry in dataclasses.fields(model):
        hint = get_type_hints(model)[entry.name]
        found.add(entry.name)
        for part in (hint, *get_args(hint)):
            if isinstance(part, type) and dataclasses.is_dataclass(part):
                found |= _keys(part) if part.__module__.startswith("settlement.policy") else set()
    return found - ({"clause", "source"} if issubclass(model, Rule) else set())
