"""Our table against what others publish as the fields of ISO 8583: the library's plain specification, and that of the npm package."""

from __future__ import annotations

import json
import subprocess
from functools import cache
from typing import Any

import pytest
from iso8583.specs import default_ascii

from pos_gateway.iso8583.spec import FIELDS, LAYOUTS, answering
from tests.pos_gateway.iso8583.peers import SCRIPT, node

BINARY = {52, 64, 128}
"""Eight bytes: sixteen hexadecimal digits in a specification without binary fields."""
NATIONAL = {58}
"""Reserved for national use: everybody's own."""


@pytest.mark.parametrize("number", FIELDS)
def test_as_the_library_has_it(number: int) -> None:
    ours, theirs = FIELDS[number], default_ascii[str(number)]
    assert ours.prefix == theirs["len_type"]
    if ours.prefix:
        assert ours.size <= theirs["max_len"]
    else:
        assert ours.size * (2 if number in BINARY else 1) == theirs["max_len"]


@cache
def _theirs() -> dict[str, Any]:
    """The package's formats, and its answer's MTI to each of ours."""
    types = json.dumps(sorted({layout.mti for layout in LAYOUTS} | {layout.mti[:3] + "1" for layout in LAYOUTS}))
    script = (
        f"const lib = {json.dumps(str(SCRIPT.parent / 'iso_8583' / 'lib'))};"
        "const tools = require(lib + '/tools.js');"
        f"const answers = Object.fromEntries({types}.map((mti) => [mti, tools.getResType(mti)]));"
        "console.log(JSON.stringify({formats: require(lib + '/formats.js'), answers}));"
    )
    told: dict[str, Any] = json.loads(subprocess.run([node(), "-e", script], capture_output=True, check=True).stdout)
    return told


@pytest.mark.parametrize("number", [number for number in FIELDS if number not in BINARY | NATIONAL])
def test_as_the_npm_package_has_it(number: int) -> None:
    ours, theirs = FIELDS[number], _theirs()["formats"][str(number)]
    assert ("l" * ours.prefix + "var" if ours.prefix else "fixed") == theirs["LenType"]
    assert ours.size == theirs["MaxLen"] or (ours.prefix and ours.size < theirs["MaxLen"])
    if ours.kind in ("n", "xn"):
        assert theirs["ContentType"] in (ours.kind.replace("xn", "x+n"), "ans")


def test_the_answers_types() -> None:
    answers = _theirs()["answers"]
    known = {mti: told for mti, told in answers.items() if isinstance(told, str)}
    assert {"0200", "0201", "0220", "0221", "0400", "0420", "0500"} <= known.keys()
    assert {mti: answering(mti) for mti in known} == known
