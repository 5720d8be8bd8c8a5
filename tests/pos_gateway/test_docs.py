"""The examples of docs/api.md are run as they stand, and their output compared."""

from __future__ import annotations

import contextlib
import io
import json
import re
from pathlib import Path

from settlement.visits import device_key, signed_event
from tests.pos_gateway.town import Door

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_client_example(door: Door) -> None:
    senior, card_code = door.senior(yuan=150)
    given = {
        "address": "http://gateway.test",
        "code": door.code(caregiver=door.town.our_caregiver),
        "order_id": door.order(senior),
        "card_code": card_code,
        "clock": lambda: door.now,
        "uptime_ms": lambda: int((door.now - door.morning).total_seconds() * 1000),
        "wait": door.passes,
        "http": door.http(),
    }
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(blocks("python")[0], given)
    assert printed.getvalue() == blocks("text")[0]


def test_the_signed_event_to_check_against() -> None:
    event = json.loads(blocks("json")[0])
    figures = dict(line.split() for line in blocks("text")[1].splitlines())
    key = device_key.private_from_bytes(device_key.ED25519, bytes(range(32)))
    signed = signed_event.sign(event, key)
    assert signed.canonical.decode() == blocks("json")[0].strip()
    assert signed.hash == figures["sha256"]
    assert device_key.b64url(signed.signature) == figures["signature"]
